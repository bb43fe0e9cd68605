/* The loopback interface, as ioctls show it. Other interfaces of the host are not looked at. */
#include "../contract.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct ifreq request;

static struct ifreq *named(const char *name) {
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, name);
  return &request;
}

static void say_address(const char *what) {
  struct sockaddr_in *a = (void *)&request.ifr_addr;
  SAY("%s: %d %d %s", what, a->sin_family, a->sin_port, inet_ntoa(a->sin_addr));
}

static void say_loopback(int s) {
  if (CHECK(ioctl(s, SIOCGIFINDEX, named("lo"))) == 0) SAY("index %d", request.ifr_ifindex);
  if (CHECK(ioctl(s, SIOCGIFFLAGS, named("lo"))) == 0) SAY("flags %x", request.ifr_flags);
  if (CHECK(ioctl(s, SIOCGIFMTU, named("lo"))) == 0) SAY("mtu %d", request.ifr_mtu);
  if (CHECK(ioctl(s, SIOCGIFHWADDR, named("lo"))) == 0) SAY("family %d", request.ifr_hwaddr.sa_family);
  if (CHECK(ioctl(s, SIOCGIFADDR, named("lo"))) == 0) say_address("address");
  if (CHECK(ioctl(s, SIOCGIFNETMASK, named("lo"))) == 0) say_address("mask");
  CHECK(ioctl(s, SIOCGIFINDEX, named("none0")));
  CHECK(ioctl(s, SIOCGIFADDR, named("none0")));
}

CONTRACT(loopback_by_inet) { say_loopback(MUST(socket(AF_INET, SOCK_DGRAM, 0))); }
CONTRACT(loopback_by_inet_stream) { say_loopback(MUST(socket(AF_INET, SOCK_STREAM, 0))); }
CONTRACT(loopback_by_inet6) { say_loopback(MUST(socket(AF_INET6, SOCK_DGRAM, 0))); }
CONTRACT(loopback_by_unix) { say_loopback(MUST(socket(AF_UNIX, SOCK_STREAM, 0))); }

CONTRACT(names_and_indices) {
  char name[IF_NAMESIZE] = "";
  SAY("index %d, name %s", if_nametoindex("lo"), if_indextoname(1, name));
  errno = 0;
  SAY("index %d, %s", if_nametoindex("none0"), contract_errno(errno));
  errno = 0;
  SAY("name %d, %s", if_indextoname(12345, name) != NULL, contract_errno(errno));
}

CONTRACT(list) {
  struct ifreq list[20] = {0};
  struct ifconf conf = {.ifc_len = sizeof list, .ifc_req = list};
  int s = MUST(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK(ioctl(s, SIOCGIFCONF, &conf));
  for (int i = 0; i < conf.ifc_len / (int)sizeof *list; i++) {
    if (strcmp(list[i].ifr_name, "lo") != 0) continue;
    request = list[i];
    say_address("lo");
  }
  conf.ifc_len = 10;
  CHECK(ioctl(s, SIOCGIFCONF, &conf));
  SAY("too short: %d", conf.ifc_len);
}
