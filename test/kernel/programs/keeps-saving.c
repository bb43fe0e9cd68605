// Saves files until it is killed: keeps-saving DIRECTORY. A line on standard output says what is durable:
//   SYNCED n     file n, of n bytes of the character n, after fsync
//   RENAMED s n  file n is now the content of slot s, after fsync of the directory
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char data[70000];

static void say(const char *what, int a, int b) {
  char line[60];
  int n = b < 0 ? sprintf(line, "%s %d\n", what, a) : sprintf(line, "%s %d %d\n", what, a, b);
  if (write(1, line, n) != n) exit(1);
}

static int save(const char *name, int n) {
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
  memset(data, 'A' + n % 26, n);
  if (fd < 0 || write(fd, data, n) != n) return -1;
  return fd;
}

int main(int argc, char **argv) {
  if (mkdir(argv[1], 0755) != 0 || chdir(argv[1]) != 0) return 1;
  int dir = open(".", O_RDONLY);
  for (int i = 1; i < 60000; i++) {
    char name[40], slot[40];
    sprintf(name, "f%d", i);
    int fd = save(name, i);
    if (fd < 0) return 2;
    if (i % 3 == 0) {
      // Nobody promises anything.
      close(fd);
    } else if (i % 3 == 1) {
      if (fsync(fd) != 0) return 3;
      close(fd);
      say("SYNCED", i, -1);
    } else {
      sprintf(slot, "slot%d", i % 4);
      if (fdatasync(fd) != 0 || rename(name, slot) != 0 || fsync(dir) != 0) return 4;
      close(fd);
      say("RENAMED", i % 4, i);
    }
    if (i > 40 && i % 2 == 0) {
      sprintf(name, "f%d", i - 39 - (i - 39) % 3);
      unlink(name);
    }
  }
  return 0;
}
