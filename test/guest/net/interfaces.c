/* The loopback interface as netdevice(7) and rtnetlink(7) show it. */
#include "../contract.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void say_address(const char *what, const struct sockaddr *a) {
  char text[64] = "none";
  if (a && a->sa_family == AF_INET) inet_ntop(AF_INET, &((struct sockaddr_in *)a)->sin_addr, text, sizeof text);
  if (a && a->sa_family == AF_INET6) inet_ntop(AF_INET6, &((struct sockaddr_in6 *)a)->sin6_addr, text, sizeof text);
  SAY("%s: %s", what, text);
}

CONTRACT(requests_about_lo) {
  struct ifreq r;
  int s = MUST(socket(AF_INET, SOCK_DGRAM, 0));
  int u = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
  memset(&r, 0, sizeof r);
  strcpy(r.ifr_name, "lo");
  CHECK(ioctl(s, SIOCGIFINDEX, &r));
  SAY("index %d", r.ifr_ifindex);
  CHECK(ioctl(u, SIOCGIFFLAGS, &r));
  SAY("flags %x", r.ifr_flags & 0xffff);
  CHECK(ioctl(s, SIOCGIFADDR, &r));
  say_address("address", &r.ifr_addr);
  CHECK(ioctl(s, SIOCGIFNETMASK, &r));
  say_address("mask", &r.ifr_addr);
  CHECK(ioctl(s, SIOCGIFMTU, &r));
  SAY("mtu %d", r.ifr_mtu);
  CHECK(ioctl(s, SIOCGIFHWADDR, &r));
  SAY("type %d", r.ifr_hwaddr.sa_family);
  strcpy(r.ifr_name, "none0");
  CHECK(ioctl(s, SIOCGIFFLAGS, &r));
  CHECK(ioctl(s, SIOCSIFFLAGS, &r));
  r.ifr_ifindex = 1;
  CHECK(ioctl(s, SIOCGIFNAME, &r));
  SAY("name %s", r.ifr_name);
  SAY("%d %d", if_nametoindex("lo"), if_nametoindex("none0"));
}

CONTRACT(addresses_of_lo) {
  struct ifaddrs *list = NULL;
  CHECK(getifaddrs(&list));
  for (struct ifaddrs *i = list; i; i = i->ifa_next) {
    if (strcmp(i->ifa_name, "lo") != 0 || !i->ifa_addr) continue;
    SAY("family %d, flags %x", i->ifa_addr->sa_family, i->ifa_flags);
    if (i->ifa_addr->sa_family != AF_PACKET) {
      say_address(" address", i->ifa_addr);
      say_address(" mask", i->ifa_netmask);
    }
  }
}

CONTRACT(netlink_needs_a_known_protocol) {
  CHECK(socket(AF_NETLINK, SOCK_STREAM, 0));
  CHECK(socket(AF_NETLINK, SOCK_RAW, 200));
  CHECK(socket(AF_NETLINK, SOCK_DGRAM, 0));
}
