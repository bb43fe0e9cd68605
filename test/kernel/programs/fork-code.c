/* Children of one parent, each with other code at the same address: a dlopen in each does that. Compared. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT ((void *)0x30000000)

/* mov eax, value; ret */
static int code(int value) {
  unsigned char bytes[6] = {0xb8, value, 0, 0, 0, 0xc3};
  int fd = memfd_create("code", 0);
  write(fd, bytes, sizeof bytes);
  return fd;
}

static char *at = AT;

static int call(void) { return ((int (*)(void))at)(); }

static void map(int fd) {
  if (mmap(AT, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0) != AT) _exit(99);
}

static void map_anonymous(int value) {
  unsigned char bytes[6] = {0xb8, value, 0, 0, 0, 0xc3};
  mmap(AT, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  memcpy(AT, bytes, sizeof bytes);
  mprotect(AT, 4096, PROT_READ | PROT_EXEC);
}

static void in_child(const char *what, void (*prepare)(int), int arg) {
  int status;
  fflush(stdout);
  if (fork() == 0) {
    prepare(arg);
    int sum = 0;
    for (int i = 0; i < 100; i++) sum += call();
    _exit(sum / 100);
  }
  wait(&status);
  printf("%s: %s %d\n", what, WIFEXITED(status) ? "exit" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void unmap(int unused) { munmap(AT, 4096); }
static void protect(int unused) { mprotect(AT, 4096, PROT_READ); }
static void nothing(int unused) {}

/* By the file's second page. */
static void grow(int unused) {
  if (mremap(AT, 4096, 8192, 0) != AT) _exit(98);
}

int main(void) {
  int one = code(1), two = code(2), three = code(3);
  in_child("one", map, one);
  in_child("two", map, two);
  in_child("anonymous", map_anonymous, 4);
  in_child("another", map_anonymous, 5);
  in_child("none", nothing, 0);
  map(three);
  printf("parent: %d\n", call());
  in_child("inherited", nothing, 0);
  in_child("instead", map, one);
  in_child("unmapped", unmap, 0);
  in_child("protected", protect, 0);
  in_child("inherited", nothing, 0);
  printf("parent: %d\n", call());
  map(two);
  printf("parent: %d\n", call());
  in_child("inherited", nothing, 0);
  unsigned char bytes[6] = {0xb8, 6, 0, 0, 0, 0xc3};
  pwrite(two, bytes, sizeof bytes, 4096);
  at = AT + 4096;
  in_child("grown", grow, 0);
  in_child("not grown", nothing, 0);
  return 0;
}
