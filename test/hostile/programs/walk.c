// Walks a directory tree as find, cat, ls -l and getfattr would, then changes it; errors are counted.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static int entries, errors;
static char buffer[65536];

static void visit(const char *path) {
  struct stat st;
  entries++;
  if (lstat(path, &st) != 0) { errors++; return; }
  if (listxattr(path, buffer, sizeof buffer) < 0) errors++;
  if (S_ISLNK(st.st_mode)) {
    if (readlink(path, buffer, sizeof buffer) < 0) errors++;
    stat(path, &st);
  } else if (S_ISREG(st.st_mode)) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) { errors++; return; }
    for (int i = 0; i < 20; i++) {
      long n = read(fd, buffer, sizeof buffer);
      if (n < 0) errors++;
      if (n <= 0) break;
    }
    lseek(fd, 0, SEEK_HOLE);
    close(fd);
  }
}

static void walk(const char *path, int depth) {
  DIR *dir = opendir(path);
  if (dir == 0) { errors++; return; }
  struct dirent *e;
  while (entries < 2000 && (e = readdir(dir)) != 0) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    char name[8192];
    snprintf(name, sizeof name, "%s/%s", path, e->d_name);
    visit(name);
    struct stat st;
    if (depth < 12 && lstat(name, &st) == 0 && S_ISDIR(st.st_mode)) walk(name, depth + 1);
  }
  closedir(dir);
}

int main(int argc, char **argv) {
  struct statfs fs;
  statfs(argv[1], &fs);
  walk(argv[1], 0);
  chdir(argv[1]);
  mkdir("new", 0755);
  int fd = open("new/file", O_CREAT | O_RDWR, 0644);
  for (int i = 0; i < 10; i++) if (write(fd, buffer, sizeof buffer) < 0) errors++;
  setxattr("new/file", "user.x", buffer, 100, 0);
  ftruncate(fd, 100);
  close(fd);
  rename("f", "new/f"), unlink("d/x"), rmdir("d"), link("new/f", "hard"), symlink(argv[1], "s");
  fd = open("new/f", O_RDWR);
  char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  // A page that cannot be read is SIGBUS, which ends us.
  if (p != MAP_FAILED) p[10]++;
  sync();
  printf("%s\n", entries > 0 || errors > 0 ? "walked" : "nothing");
  return 0;
}
