/* inotify(7). */
#include "../contract.h"

#include <dirent.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

static void say_mask(unsigned mask) {
  static const struct { unsigned bit; const char *name; } names[] = {
    {IN_ACCESS, "ACCESS"}, {IN_MODIFY, "MODIFY"}, {IN_ATTRIB, "ATTRIB"}, {IN_CLOSE_WRITE, "CLOSE_WRITE"},
    {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {IN_OPEN, "OPEN"}, {IN_MOVED_FROM, "MOVED_FROM"},
    {IN_MOVED_TO, "MOVED_TO"}, {IN_CREATE, "CREATE"}, {IN_DELETE, "DELETE"},
    {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"}, {IN_UNMOUNT, "UNMOUNT"},
    {IN_Q_OVERFLOW, "Q_OVERFLOW"}, {IN_IGNORED, "IGNORED"}, {IN_ISDIR, "ISDIR"},
  };
  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
    if (mask & names[i].bit) printf(" %s", names[i].name), mask &= ~names[i].bit;
  if (mask) printf(" %x", mask);
}

/* Cookies are said by their order. */
static void say_events(const char *what, int fd) {
  static char buffer[65536] __attribute__((aligned(8)));
  unsigned cookies[16], known = 0;
  long n;
  SAY("%s:", what);
  while ((n = read(fd, buffer, sizeof buffer)) > 0) {
    for (char *p = buffer; p < buffer + n;) {
      struct inotify_event *e = (void *)p;
      printf("  %d:", e->wd);
      say_mask(e->mask);
      if (e->cookie) {
        unsigned i = 0;
        while (i < known && cookies[i] != e->cookie) i++;
        if (i == known && known < 16) cookies[known++] = e->cookie;
        printf(" cookie %u", i);
      }
      SAY(" %s (%u)", e->len ? e->name : "", e->len);
      p += sizeof *e + e->len;
    }
  }
}

static int watcher(const char *path, unsigned mask) {
  int fd = MUST(inotify_init1(IN_NONBLOCK));
  VALUE(inotify_add_watch(fd, path, mask));
  return fd;
}

static void put(const char *name) {
  int fd = MUST(open(name, O_WRONLY | O_CREAT, 0644));
  MUST(write(fd, "hello", 5));
  close(fd);
}

CONTRACT(inotify_files_in_a_directory) {
  int fd = watcher(".", IN_ALL_EVENTS);
  put("f");
  say_events("written", fd);
  char byte;
  int f = open("f", O_RDONLY);
  VALUE(read(f, &byte, 1));
  VALUE(pread(f, &byte, 1, 2));
  close(f);
  say_events("read", fd);
  chmod("f", 0600);
  utimensat(AT_FDCWD, "f", 0, 0);
  link("f", "g");
  say_events("attributes", fd);
  truncate("f", 2);
  say_events("truncated", fd);
  f = open("f", O_RDWR);
  ftruncate(f, 1);
  close(f);
  say_events("truncated otherwise", fd);
  unlink("f");
  unlink("g");
  say_events("deleted", fd);
}

CONTRACT(inotify_truncation_at_open) {
  put("f");
  int fd = watcher("f", IN_MODIFY | IN_CLOSE);
  close(open("f", O_WRONLY | O_TRUNC));
  say_events("truncated", fd);
}

CONTRACT(inotify_on_the_file_itself) {
  put("f");
  int fd = watcher("f", IN_ALL_EVENTS);
  chmod("f", 0600);
  link("f", "g");
  unlink("g");
  rename("f", "h");
  say_events("names", fd);
  int f = open("h", O_RDWR);
  write(f, "x", 1);
  unlink("h");
  say_events("deleted while open", fd);
  close(f);
  say_events("closed", fd);
}

CONTRACT(inotify_renames_have_cookies) {
  mkdir("a", 0755);
  mkdir("b", 0755);
  put("a/f");
  put("b/old");
  int fd = MUST(inotify_init1(IN_NONBLOCK));
  inotify_add_watch(fd, "a", IN_MOVE | IN_CREATE | IN_DELETE | IN_MOVE_SELF | IN_DELETE_SELF);
  inotify_add_watch(fd, "b", IN_MOVE | IN_CREATE | IN_DELETE | IN_MOVE_SELF | IN_DELETE_SELF);
  rename("a/f", "a/g");
  rename("a/g", "b/h");
  say_events("moved", fd);
  inotify_add_watch(fd, "b/old", IN_ALL_EVENTS);
  rename("b/h", "b/old");
  say_events("replaced", fd);
  rename("b", "c");
  say_events("the directory", fd);
}

CONTRACT(inotify_exchange) {
  put("f");
  mkdir("d", 0755);
  int fd = watcher(".", IN_ALL_EVENTS);
  MUST(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "d", 2));
  say_events("exchanged", fd);
}

CONTRACT(inotify_directories) {
  int fd = watcher(".", IN_ALL_EVENTS);
  mkdir("d", 0755);
  symlink("d", "l");
  mkfifo("fifo", 0644);
  say_events("made", fd);
  DIR *d = opendir("d");
  while (readdir(d)) {}
  closedir(d);
  say_events("listed", fd);
  chmod("d", 0700);
  rmdir("d");
  unlink("l");
  unlink("fifo");
  say_events("removed", fd);
}

CONTRACT(inotify_watched_directory_goes) {
  mkdir("d", 0755);
  int fd = watcher("d", IN_ALL_EVENTS);
  put("d/f");
  unlink("d/f");
  rmdir("d");
  say_events("removed", fd);
  CHECK(inotify_rm_watch(fd, 1));
}

CONTRACT(inotify_masks) {
  put("f");
  int fd = watcher("f", IN_ATTRIB);
  VALUE(inotify_add_watch(fd, "f", IN_OPEN));
  chmod("f", 0600);
  close(open("f", O_RDONLY));
  say_events("replaced", fd);
  VALUE(inotify_add_watch(fd, "f", IN_ATTRIB | IN_MASK_ADD));
  chmod("f", 0644);
  close(open("f", O_RDONLY));
  say_events("added", fd);
  VALUE(inotify_add_watch(fd, "f", IN_ATTRIB | IN_MASK_CREATE));
  VALUE(inotify_add_watch(fd, "f", IN_ATTRIB | IN_MASK_CREATE | IN_MASK_ADD));
  VALUE(inotify_add_watch(fd, "f", 0));
  VALUE(inotify_add_watch(fd, "f", IN_ATTRIB | IN_ONLYDIR));
  VALUE(inotify_add_watch(fd, "none", IN_ATTRIB));
  VALUE(inotify_add_watch(fd, 0, IN_ATTRIB));
  VALUE(inotify_add_watch(99, "f", IN_ATTRIB));
  VALUE(inotify_add_watch(MUST(open("f", O_RDONLY)), "f", IN_ATTRIB));
  VALUE(inotify_init1(1));
}

CONTRACT(inotify_oneshot) {
  put("f");
  int fd = watcher("f", IN_ATTRIB | IN_ONESHOT);
  chmod("f", 0600);
  chmod("f", 0644);
  say_events("once", fd);
  VALUE(inotify_add_watch(fd, "f", IN_ATTRIB));
}

CONTRACT(inotify_removed_watch) {
  put("f");
  int fd = watcher("f", IN_ATTRIB);
  CHECK(inotify_rm_watch(fd, 1));
  chmod("f", 0600);
  say_events("ignored", fd);
  CHECK(inotify_rm_watch(fd, 1));
  CHECK(inotify_rm_watch(fd, -1));
  CHECK(inotify_rm_watch(99, 1));
  CHECK(inotify_rm_watch(MUST(open("f", O_RDONLY)), 1));
  VALUE(inotify_add_watch(fd, "f", IN_ATTRIB));
}

CONTRACT(inotify_symlinks) {
  put("f");
  symlink("f", "l");
  int fd = watcher("l", IN_ATTRIB | IN_DELETE_SELF | IN_DONT_FOLLOW);
  chmod("f", 0600);
  say_events("nothing", fd);
  unlink("l");
  say_events("the link", fd);
  symlink("f", "l");
  VALUE(inotify_add_watch(fd, "l", IN_ATTRIB));
  VALUE(inotify_add_watch(fd, "f", IN_ATTRIB));
  chmod("l", 0644);
  say_events("the file", fd);
}

CONTRACT(inotify_same_events_merge) {
  put("f");
  int fd = watcher("f", IN_MODIFY | IN_ATTRIB);
  int f = MUST(open("f", O_WRONLY));
  for (int i = 0; i < 3; i++) write(f, "x", 1);
  fchmod(f, 0600);
  for (int i = 0; i < 3; i++) write(f, "x", 1);
  say_events("merged", fd);
}

CONTRACT(inotify_reading) {
  put("f");
  int fd = watcher(".", IN_OPEN | IN_ATTRIB), n = -1;
  char buffer[256];
  struct pollfd p = {fd, POLLIN | POLLOUT};
  CHECK(read(fd, buffer, sizeof buffer));
  VALUE(poll(&p, 1, 0));
  close(open("f", O_RDONLY));
  VALUE(poll(&p, 1, 0));
  SAY("revents %x", p.revents);
  ioctl(fd, FIONREAD, &n);
  SAY("%d bytes", n);
  CHECK(read(fd, buffer, 16));
  CHECK(read(fd, buffer, 31));
  VALUE(read(fd, buffer, 32));
  CHECK(write(fd, buffer, 32));
  CHECK(lseek(fd, 0, SEEK_SET));
  chmod("f", 0600);
  close(open("f", O_RDONLY));
  VALUE(read(fd, buffer, 40));
  VALUE(read(fd, buffer, 40));
  CHECK(read(fd, buffer, 40));
}

CONTRACT(inotify_unlinked_children) {
  put("f");
  int all = watcher(".", IN_ALL_EVENTS);
  int some = watcher(".", IN_ALL_EVENTS | IN_EXCL_UNLINK);
  int f = MUST(open("f", O_RDWR));
  unlink("f");
  say_events("all", all);
  say_events("some", some);
  write(f, "x", 1);
  close(f);
  say_events("all", all);
  say_events("some", some);
}
