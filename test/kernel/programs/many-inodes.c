// What is kept of files while many others are looked at: many-inodes DIRECTORY COUNT. Prints what it sees.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int count;

static void must(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static void others(const char *root) {
  char name[200];
  struct stat st;
  for (int i = 0; i < count; i++) {
    sprintf(name, "%s/many/f%d", root, (int)(i * 7919ll % count));
    must(stat(name, &st) == 0, name);
  }
}

static void show(const char *what, int fd) {
  struct stat st;
  char text[40] = "";
  must(fstat(fd, &st) == 0, what);
  ssize_t n = pread(fd, text, sizeof text - 1, 0);
  printf("%s: links %d size %d read %zd %s\n", what, (int)st.st_nlink, (int)st.st_size, n, text);
}

static int make(const char *name) {
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
  must(fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name), name);
  return fd;
}

int main(int argc, char **argv) {
  const char *root = argv[1];
  count = atoi(argv[2]);
  char name[200];
  struct stat st;
  must(chdir(root) == 0 && mkdir("many", 0755) == 0, root);
  for (int i = 0; i < count; i++) {
    sprintf(name, "many/f%d", i);
    must(mknod(name, S_IFREG | 0644, 0) == 0, name);
  }
  int gone = make("gone"), open_one = make("open"), locked = make("locked");
  must(unlink("gone") == 0 && flock(locked, LOCK_EX) == 0, "gone");
  close(make("hard"));
  must(link("hard", "link") == 0, "link");
  int map_fd = make("mapped");
  must(ftruncate(map_fd, 8192) == 0, "ftruncate");
  char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  must(map != MAP_FAILED && unlink("mapped") == 0 && close(map_fd) == 0, "mmap");
  map[5000] = 'x';
  int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
  must(bind(server, (void *)&address, sizeof address) == 0 && listen(server, 1) == 0, "bind");
  must(mkfifo("fifo", 0600) == 0, "fifo");
  int fifo = open("fifo", O_RDWR);
  must(fifo >= 0 && write(fifo, "abc", 3) == 3, "fifo");
  must(mkdir("cwd", 0755) == 0 && chdir("cwd") == 0 && rmdir("../cwd") == 0, "cwd");

  others(root);

  show("gone", gone);
  show("open", open_one);
  printf("mapped: %c %.6s\n", map[5000], map);
  must(stat(".", &st) == 0, ".");
  printf("cwd: links %d, create %d\n", (int)st.st_nlink, open("new", O_CREAT | O_RDWR, 0600));
  must(chdir(root) == 0, root);
  int again = open("locked", O_RDWR), other = open("fifo", O_RDONLY | O_NONBLOCK);
  printf("locked: %d, connect: %d\n", flock(again, LOCK_EX | LOCK_NB),
         connect(client, (void *)&address, sizeof address));
  char text[4] = "";
  printf("fifo: %zd %s\n", read(other, text, 3), text);
  int hard = open("hard", O_RDWR), link_fd = open("link", O_RDONLY);
  must(unlink("hard") == 0 && write(hard, "HARD", 4) == 4, "hard");
  show("hard", link_fd);
  others(root);
  show("link", link_fd);
  must(unlink("link") == 0, "link");
  show("unlinked", hard);
  for (int i = 0; i < count; i++) {
    sprintf(name, "many/f%d", i);
    if (i % 2 == 0) must(unlink(name) == 0, name);
    else must(stat(name, &st) == 0 && st.st_nlink == 1 && st.st_size == 0, name);
  }
  printf("done\n");
  return 0;
}
