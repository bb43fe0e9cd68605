/* Requests of random(4). */
#include "../contract.h"
#include <sys/ioctl.h>

/* linux/random.h, which musl's compiler does not find */
#define RNDGETENTCNT _IOR('R', 0x00, int)
#define RNDADDENTROPY _IOW('R', 0x03, int[2])
struct rand_pool_info { int entropy_count, buf_size; };

static void requests(int fd) {
  int bits = -1;
  struct { struct rand_pool_info info; char bytes[8]; } seed = {{0, 8}};
  CHECK(ioctl(fd, RNDGETENTCNT, &bits));
  SAY("bits %d", bits);
  CHECK(ioctl(fd, RNDADDENTROPY, &seed));
  seed.info.entropy_count = -1;
  CHECK(ioctl(fd, RNDADDENTROPY, &seed));
  seed.info.entropy_count = 0, seed.info.buf_size = -1;
  CHECK(ioctl(fd, RNDADDENTROPY, &seed));
  CHECK(ioctl(fd, 0x52ff, 0));
}

CONTRACT_AS_ROOT(requests_of_the_random_devices) {
  requests(MUST(open("/dev/urandom", O_RDONLY)));
  requests(MUST(open("/dev/random", O_RDONLY)));
}

CONTRACT_AS_ROOT(only_administrators_add_randomness) {
  MUST(setuid(65534));
  requests(MUST(open("/dev/urandom", O_RDONLY)));
}
