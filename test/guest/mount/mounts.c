/* mount(2), umount2(2): trees over trees, and what their flags forbid. */
#include "../contract.h"
#include "mounts.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static void put(const char *path, const char *text) {
  int fd = MUST(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  MUST(write(fd, text, strlen(text)));
  close(fd);
}

static void show(const char *path) {
  char text[100];
  int fd = open(path, O_RDONLY);
  if (fd < 0) {
    SAY("%s: errno %d", path, errno);
    return;
  }
  int n = MUST(read(fd, text, sizeof text));
  SAY("%s: %.*s", path, n, text);
  close(fd);
}

static dev_t device(const char *path) {
  struct stat st;
  MUST(lstat(path, &st));
  return st.st_dev;
}

/* The fields of /proc/self/mounts or mountinfo for a mount of the contract's directory. */
static void show_line(const char *file, const char *point, int first) {
  char here[200], line[1000];
  MUST((long)getcwd(here, sizeof here));
  int room = strlen(here);
  FILE *f = fopen(file, "r");
  while (fgets(line, sizeof line, f)) {
    char *words[20], *save;
    int n = 0, ours = 0;
    for (char *w = strtok_r(line, " \n", &save); w && n < 20; w = strtok_r(NULL, " \n", &save)) {
      if (strncmp(w, here, room) == 0 && w[room] == '/') {
        w += room + 1;
        ours |= strcmp(w, point) == 0;
      }
      words[n++] = w;
    }
    if (!ours) continue;
    printf("%s:", file);
    for (int i = first; i < n; i++) printf(" %s", words[i]);
    putchar('\n');
  }
  fclose(f);
  fflush(stdout);
}

CONTRACT_AS_ROOT(a_mount_hides_and_reveals) {
  private_mounts();
  mkdir("m", 0755);
  put("m/below", "below");
  CHECK(mount("one", "m", "tmpfs", 0, NULL));
  SAY("another device: %d", device("m") != device("."));
  show("m/below");
  put("m/first", "first");
  CHECK(mount("two", "m", "tmpfs", 0, NULL));
  show("m/first");
  put("m/second", "second");
  CHECK(rmdir("m"));
  CHECK(rename("m", "n"));
  CHECK(rename("m/second", "second"));
  CHECK(link("m/second", "second"));
  CHECK(umount("m"));
  show("m/second");
  show("m/first");
  CHECK(umount("m"));
  show("m/below");
  CHECK(umount("m"));
  CHECK(umount("missing"));
}

CONTRACT_AS_ROOT(what_is_in_use_stays) {
  private_mounts();
  mkdir("m", 0755);
  CHECK(mount("none", "m", "tmpfs", 0, NULL));
  int fd = MUST(open("m/f", O_RDWR | O_CREAT, 0600));
  CHECK(umount("m"));
  CHECK(umount2("m", MNT_DETACH));
  SAY("gone: %d", access("m/f", F_OK));
  VALUE(write(fd, "kept", 4));
  char text[8];
  VALUE(pread(fd, text, 8, 0));
  close(fd);
  CHECK(mount("none", "m", "tmpfs", 0, NULL));
  MUST(chdir("m"));
  CHECK(umount("../m"));
  MUST(chdir(".."));
  mkdir("m/inner", 0755);
  CHECK(mount("none", "m/inner", "tmpfs", 0, NULL));
  CHECK(umount("m"));
  CHECK(umount("m/inner"));
  CHECK(umount("m"));
}

CONTRACT_AS_ROOT(a_detached_directory_is_unreachable) {
  private_mounts();
  char path[200];
  mkdir("m", 0755);
  MUST(mount("none", "m", "tmpfs", 0, NULL));
  MUST(mkdir("m/d", 0755));
  MUST(chdir("m/d"));
  CHECK(umount2("..", MNT_DETACH));
  long n = syscall(79, path, sizeof path);
  SAY("getcwd: %ld %.13s", n > 0 ? n : -errno, path);
  MUST(chdir(".."));
  CHECK(mkdir("e", 0755));
  CHECK(access("d", F_OK));
}

CONTRACT_AS_ROOT(bind_shows_a_tree_twice) {
  private_mounts();
  mkdir("a", 0755);
  mkdir("a/d", 0755);
  mkdir("b", 0755);
  put("a/f", "one");
  CHECK(mount("a", "b", NULL, MS_BIND, NULL));
  show("b/f");
  put("b/f", "two");
  show("a/f");
  SAY("same device: %d", device("a") == device("b"));
  CHECK(rename("a/f", "b/g"));
  CHECK(link("a/f", "b/g"));
  CHECK(mount("t", "a/d", "tmpfs", 0, NULL));
  put("a/d/hidden", "hidden");
  show("b/d/hidden");
  CHECK(umount("b"));
  CHECK(mount("a", "b", NULL, MS_BIND | MS_REC, NULL));
  show("b/d/hidden");
  CHECK(umount("b"));
  CHECK(umount2("b", MNT_DETACH));
  put("file", "file");
  put("target", "target");
  CHECK(mount("file", "target", NULL, MS_BIND, NULL));
  show("target");
  CHECK(unlink("target"));
  CHECK(mount("file", "b", NULL, MS_BIND, NULL));
  CHECK(mount("a", "target", NULL, MS_BIND, NULL));
  CHECK(mount("missing", "b", NULL, MS_BIND, NULL));
  CHECK(umount("target"));
  show("target");
}

CONTRACT_AS_ROOT(read_only_by_one_way) {
  private_mounts();
  mkdir("a", 0755);
  mkdir("b", 0755);
  put("a/f", "one");
  MUST(mount("a", "b", NULL, MS_BIND, NULL));
  int early = MUST(open("b/f", O_WRONLY));
  CHECK(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
  close(early);
  CHECK(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
  CHECK(open("b/f", O_WRONLY));
  CHECK(open("b/new", O_WRONLY | O_CREAT, 0600));
  CHECK(open("b/f", O_RDONLY | O_CREAT, 0600));
  CHECK(mkdir("b/d", 0755));
  CHECK(mkdir("b/f", 0755));
  CHECK(unlink("b/f"));
  CHECK(unlink("b/missing"));
  CHECK(rename("b/f", "b/g"));
  CHECK(chmod("b/f", 0600));
  CHECK(utimensat(AT_FDCWD, "b/f", NULL, 0));
  CHECK(truncate("b/f", 0));
  CHECK(access("b/f", W_OK));
  CHECK(symlink("x", "b/s"));
  put("a/f", "two");
  show("b/f");
  CHECK(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND, NULL));
  close(CHECK(open("b/f", O_WRONLY)));
  struct statvfs vfs;
  MUST(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
  MUST(statvfs("b/f", &vfs));
  SAY("ro: %d", (vfs.f_flag & ST_RDONLY) != 0);
  MUST(statvfs("a/f", &vfs));
  SAY("ro: %d", (vfs.f_flag & ST_RDONLY) != 0);
}

CONTRACT_AS_ROOT(flags_of_a_mount) {
  private_mounts();
  struct statvfs vfs;
  mkdir("m", 0755);
  CHECK(mount("s", "m", "tmpfs", MS_NOEXEC | MS_NODEV | MS_NOSUID, "size=64k,mode=711"));
  MUST(statvfs("m", &vfs));
  SAY("flags: %lx", vfs.f_flag & (ST_NOEXEC | ST_NODEV | ST_NOSUID | ST_RDONLY));
  SAY("blocks: %lu of %lu", (unsigned long)vfs.f_blocks, vfs.f_bsize);
  struct statfs fs;
  MUST(statfs("m", &fs));
  SAY("type: %lx", (unsigned long)fs.f_type);
  struct stat st;
  MUST(stat("m", &st));
  SAY("mode: %o", st.st_mode);
  put("m/run", "#!/bin/sh\n");
  CHECK(chmod("m/run", 0755));
  CHECK(access("m/run", X_OK));
  if (fork() == 0) {
    CHECK(execl("m/run", "run", NULL));
    exit(0);
  }
  wait(NULL);
  CHECK(mknod("m/null", S_IFCHR | 0666, makedev(1, 3)));
  CHECK(open("m/null", O_WRONLY));
  show_line("/proc/self/mounts", "m", 0);
  CHECK(mount(NULL, "m", NULL, MS_REMOUNT, NULL));
  show_line("/proc/self/mounts", "m", 0);
  close(CHECK(open("m/null", O_WRONLY)));
  CHECK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  show_line("/proc/self/mounts", "m", 0);
  CHECK(open("m/run", O_RDWR));
  CHECK(umount("m"));
}

CONTRACT_AS_ROOT(a_full_tmpfs) {
  private_mounts();
  static char block[65536];
  mkdir("m", 0755);
  CHECK(mount("s", "m", "tmpfs", 0, "size=128k,nr_inodes=4"));
  int fd = MUST(open("m/f", O_RDWR | O_CREAT, 0600));
  VALUE(write(fd, block, 65536));
  VALUE(write(fd, block, 65535));
  VALUE(write(fd, block, 65536));
  VALUE(write(fd, block, 1));
  struct statfs fs;
  MUST(statfs("m", &fs));
  SAY("free: %lu blocks, %lu files", (unsigned long)fs.f_bfree, (unsigned long)fs.f_ffree);
  CHECK(ftruncate(fd, 4096));
  MUST(statfs("m", &fs));
  SAY("free: %lu blocks", (unsigned long)fs.f_bfree);
  CHECK(mkdir("m/d", 0700));
  CHECK(symlink("x", "m/l"));
  CHECK(mkdir("m/e", 0700));
  CHECK(unlink("m/l"));
  CHECK(mkdir("m/e", 0700));
  CHECK(mount(NULL, "m", NULL, MS_REMOUNT, "size=256k"));
  VALUE(pwrite(fd, block, 65536, 65536));
  VALUE(pwrite(fd, block, 65536, 131072));
  CHECK(mount(NULL, "m", NULL, MS_REMOUNT, "size=16k"));
  CHECK(mount("s", "d", "tmpfs", 0, "size=oops"));
  mkdir("d", 0755);
  CHECK(mount("s", "d", "tmpfs", 0, "size=oops"));
  CHECK(mount("s", "d", "tmpfs", 0, "colour=red"));
  CHECK(mount("s", "d", "tmpfs", 0, "uid=1000,gid=1001,mode=1777"));
  struct stat st;
  MUST(stat("d", &st));
  SAY("%d %d %o", st.st_uid, st.st_gid, st.st_mode);
}

CONTRACT_AS_ROOT(space_is_counted) {
  private_mounts();
  struct stat st;
  struct statfs fs;
  mkdir("m", 0755);
  MUST(mount("s", "m", "tmpfs", 0, "size=1m"));
  int fd = MUST(open("m/f", O_RDWR | O_CREAT, 0600));
  CHECK(fallocate(fd, 0, 0, 65536));
  fstat(fd, &st);
  SAY("%ld bytes, %ld sectors", (long)st.st_size, (long)st.st_blocks);
  CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 65536, 65536));
  fstat(fd, &st);
  SAY("%ld bytes, %ld sectors", (long)st.st_size, (long)st.st_blocks);
  MUST(statfs("m", &fs));
  SAY("free: %lu", (unsigned long)fs.f_bfree);
  CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 32768));
  fstat(fd, &st);
  SAY("%ld bytes, %ld sectors", (long)st.st_size, (long)st.st_blocks);
  CHECK(fallocate(fd, 0, 0, 2 << 20));
  fstat(fd, &st);
  SAY("%ld bytes, %ld sectors", (long)st.st_size, (long)st.st_blocks);
  CHECK(ftruncate(fd, 0));
  fstat(fd, &st);
  SAY("%ld bytes, %ld sectors", (long)st.st_size, (long)st.st_blocks);
  MUST(ftruncate(fd, 1 << 20));
  fstat(fd, &st);
  SAY("%ld bytes, %ld sectors", (long)st.st_size, (long)st.st_blocks);
  MUST(pwrite(fd, "x", 1, 500000));
  fstat(fd, &st);
  SAY("%ld bytes, %ld sectors", (long)st.st_size, (long)st.st_blocks);
  MUST(statfs("m", &fs));
  SAY("free: %lu", (unsigned long)fs.f_bfree);
}

static sigjmp_buf back;
static void on_bus(int sig) { siglongjmp(back, sig); }

CONTRACT_AS_ROOT(stores_through_mappings_take_space) {
  private_mounts();
  struct stat st;
  mkdir("m", 0755);
  MUST(mount("s", "m", "tmpfs", 0, "size=16k"));
  int fd = MUST(open("m/f", O_RDWR | O_CREAT, 0600));
  MUST(ftruncate(fd, 65536));
  volatile char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  p[0] = 1;
  p[4096] = 1;
  fstat(fd, &st);
  SAY("%ld sectors", (long)st.st_blocks);
  SAY("a hole: %d", p[8192]);
  fstat(fd, &st);
  SAY("%ld sectors", (long)st.st_blocks);
  signal(SIGBUS, on_bus);
  for (volatile int i = 3; i < 6; i++) {
    if (sigsetjmp(back, 1) == 0) {
      p[i * 4096] = 1;
      SAY("page %d is there", i);
    } else SAY("page %d: SIGBUS", i);
  }
  char c;
  VALUE(pread(fd, &c, 1, 40000));
  fstat(fd, &st);
  SAY("%ld sectors", (long)st.st_blocks);
}

CONTRACT_AS_ROOT(mounts_move) {
  private_mounts();
  mkdir("a", 0755);
  mkdir("b", 0755);
  MUST(mount("t", "a", "tmpfs", 0, NULL));
  put("a/f", "moves");
  mkdir("a/in", 0755);
  CHECK(mount("a", "a/in", NULL, MS_MOVE, NULL));
  CHECK(mount("a", "b", NULL, MS_MOVE, NULL));
  show("a/f");
  show("b/f");
  CHECK(mount("a", "b", NULL, MS_MOVE, NULL));
  CHECK(mount("b/f", "a", NULL, MS_MOVE, NULL));
  CHECK(umount("b"));
}

CONTRACT_AS_ROOT(what_cannot_be_mounted) {
  private_mounts();
  put("f", "file");
  mkdir("d", 0755);
  CHECK(mount("none", "missing", "tmpfs", 0, NULL));
  CHECK(mount("none", "f", "tmpfs", 0, NULL));
  CHECK(mount("none", "d", "no-such-type", 0, NULL));
  CHECK(mount("none", "d", NULL, 0, NULL));
  CHECK(mount("none", "d", "tmpfs", 0, (void *)1));
  CHECK(mount("none", (char *)1, "tmpfs", 0, NULL));
  CHECK(mount((char *)1, "d", "tmpfs", 0, NULL));
  CHECK(mount("none", "d", (char *)1, 0, NULL));
  CHECK(mount(NULL, "d", NULL, MS_REMOUNT, NULL));
  CHECK(mount(NULL, "d", NULL, MS_PRIVATE, NULL));
  CHECK(mount(NULL, "d", NULL, MS_PRIVATE | MS_SHARED, NULL));
  CHECK(mount("none", "d", "devpts", 0, "newinstance"));
  CHECK(umount2("d", MNT_DETACH));
  CHECK(umount2("d", 1 << 10));
  CHECK(umount("f"));
  CHECK(umount("/proc/self/fd/0"));
  CHECK(symlink("d", "link"));
  CHECK(mount("none", "link", "tmpfs", 0, NULL));
  SAY("through the link: %d", device("d") != device("."));
  CHECK(umount2("link", UMOUNT_NOFOLLOW));
  CHECK(umount("link"));
}

CONTRACT_AS_ROOT(mountinfo_and_mounts_agree) {
  private_mounts();
  mkdir("a b", 0755);
  mkdir("c", 0755);
  mkdir("c/d", 0755);
  MUST(mount("a\\b#c", "a b", "tmpfs", MS_NOATIME, "size=8k"));
  show_line("/proc/self/mounts", "a\\040b", 0);
  show_line("/proc/self/mountinfo", "a\\040b", 3);
  MUST(mount("t", "c", "tmpfs", MS_RDONLY, "size=8k"));
  show_line("/proc/self/mountinfo", "c", 3);
  MUST(mount(NULL, "c", NULL, MS_REMOUNT, "size=8k"));
  MUST(mkdir("c/e", 0755));
  MUST(mount("c/e", "a b", NULL, MS_BIND, NULL));
  show_line("/proc/self/mountinfo", "a\\040b", 3);
  show_line("/proc/self/mounts", "a\\040b", 0);
}

CONTRACT_AS_ROOT(roots_and_mounts) {
  private_mounts();
  char path[200];
  mkdir("r", 0755);
  MUST(mount("t", "r", "tmpfs", 0, NULL));
  mkdir("r/d", 0755);
  MUST(chdir("r"));
  MUST(chroot("."));
  MUST((long)getcwd(path, sizeof path));
  SAY("%s", path);
  MUST(chdir("d"));
  MUST((long)getcwd(path, sizeof path));
  SAY("%s", path);
  CHECK(access("../../../d", F_OK));
  CHECK(access("/r", F_OK));
  MUST(mkdir("/proc", 0755));
  MUST(mount("proc", "/proc", "proc", 0, NULL));
  FILE *f = fopen("/proc/self/mounts", "r");
  char line[200];
  while (fgets(line, sizeof line, f)) fputs(line, stdout);
  fclose(f);
  CHECK(umount("/proc"));
  /* Of the root, that makes it read-only. */
  CHECK(umount("/"));
  CHECK(mkdir("/e", 0755));
  CHECK(access("/d", F_OK));
}
