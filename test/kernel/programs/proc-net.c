/* /proc/net: the lines of sockets of this process. Output is compared. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static long inode(int fd) {
  struct stat st;
  fstat(fd, &st);
  return st.st_ino;
}

/* The line with the inode number `ino` as field `at`, without what differs from run to run. */
static void line(const char *what, const char *name, int at, long ino) {
  char path[64], text[1000];
  snprintf(path, sizeof path, "/proc/net/%s", name);
  FILE *f = fopen(path, "r");
  if (!f) {
    printf("%s: %s\n", path, strerror(errno));
    return;
  }
  while (fgets(text, sizeof text, f)) {
    char copy[1000], *field = strtok(strcpy(copy, text), " \n");
    for (int i = 0; field && i < at; i++) field = strtok(0, " \n");
    if (!field || atol(field) != ino) continue;
    printf("%s, %d characters:", what, (int)strlen(text) * (strstr(name, "6") == 0 && at == 9));
    field = strtok(text, " \n");
    for (int i = 0; field; i++, field = strtok(0, " \n")) {
      char *port = strchr(field, ':');
      /* Behind the inode of an internet socket are references and timers. */
      if (i == 0 || i == at || (at == 9 && i > at)) continue;
      if (at == 9 && (i == 1 || i == 2) && port && strcmp(port, ":0000")) strcpy(port, ":PORT");
      printf(" %s", field);
    }
    printf("\n");
    fclose(f);
    return;
  }
  printf("%s: not there\n", what);
  fclose(f);
}

static void header(const char *name) {
  char path[64], text[1000] = "";
  snprintf(path, sizeof path, "/proc/self/net/%s", name);
  FILE *f = fopen(path, "r");
  if (!f) {
    printf("%s: %s\n", path, strerror(errno));
    return;
  }
  fgets(text, sizeof text, f);
  printf("%s: %s|\n", name, strtok(text, "\n"));
  fclose(f);
}

static int tcp(int domain) {
  return socket(domain, SOCK_STREAM, 0);
}

static void inet(int domain, const char *t, const char *u) {
  struct sockaddr_in6 a = {0}, b = {0};
  socklen_t n = domain == AF_INET ? 16 : 28;
  a.sin6_family = domain;
  if (domain == AF_INET) ((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else a.sin6_addr = in6addr_loopback;
  int idle = tcp(domain), bound = tcp(domain), l = tcp(domain), c = tcp(domain);
  bind(bound, (void *)&a, n);
  bind(l, (void *)&a, n);
  listen(l, 5);
  getsockname(l, (void *)&b, &n);
  line("idle", t, 9, inode(idle));
  line("bound", t, 9, inode(bound));
  line("listening", t, 9, inode(l));
  connect(c, (void *)&b, n);
  int s = accept(l, 0, 0);
  write(s, "hello", 5);
  usleep(20000);
  line("client", t, 9, inode(c));
  read(c, &b, 100);
  usleep(20000);
  line("server", t, 9, inode(s));
  int any = tcp(domain);
  listen(any, 1);
  line("any", t, 9, inode(any));
  int d = socket(domain, SOCK_DGRAM, 0);
  line("udp idle", u, 9, inode(d));
  bind(d, (void *)&a, n);
  line("udp bound", u, 9, inode(d));
  getsockname(d, (void *)&b, &n);
  int e = socket(domain, SOCK_DGRAM, 0);
  connect(e, (void *)&b, n);
  line("udp connected", u, 9, inode(e));
  close(idle), close(bound), close(l), close(c), close(s), close(any), close(d), close(e);
}

static void unix_sockets(void) {
  struct sockaddr_un a = {AF_UNIX, "/tmp/proc-net-test"}, b = {AF_UNIX, "\0proc-net-abstract"};
  int p[2], l = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0), idle = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  unlink(a.sun_path);
  bind(l, (void *)&a, sizeof a);
  bind(d, (void *)&b, offsetof(struct sockaddr_un, sun_path) + 18);
  line("bound", "unix", 6, inode(l));
  listen(l, 1);
  line("listening", "unix", 6, inode(l));
  line("abstract", "unix", 6, inode(d));
  line("idle", "unix", 6, inode(idle));
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  line("pair", "unix", 6, inode(p[0]));
  unlink(a.sun_path);
}

int main(void) {
  const char *names[] = {"tcp", "tcp6", "udp", "udp6", "raw", "raw6", "unix", "dev", "route", "arp"};
  char text[300], *at;
  for (int i = 0; i < 10; i++) header(names[i]);
  FILE *f = fopen("/proc/net/dev", "r");
  while (fgets(text, sizeof text, f)) {
    int fields = 0;
    if (!(at = strstr(text, "lo:"))) continue;
    for (char *s = strtok(at, " \n"); s; s = strtok(0, " \n")) fields++;
    printf("lo: %d fields\n", fields);
  }
  fclose(f);
  inet(AF_INET, "tcp", "udp");
  inet(AF_INET6, "tcp6", "udp6");
  unix_sockets();
  return 0;
}
