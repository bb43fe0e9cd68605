/* Locking with flags, and protection keys as far as they do not depend on the CPU. */
#include "../contract.h"

#include <sys/mman.h>
#include <sys/syscall.h>

CONTRACT(mlock2_checks) {
  char *p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char in[4] = {9, 9, 9, 9};
  CHECK(syscall(SYS_mlock2, p, 16384, 2));
  CHECK(syscall(SYS_mlock2, p, 8192, 0));
  mincore(p, 16384, in);
  SAY("%d%d%d%d", in[0] & 1, in[1] & 1, in[2] & 1, in[3] & 1);
  CHECK(syscall(SYS_mlock2, p + 8192, 8192, 1));
  mincore(p, 16384, in);
  SAY("%d%d%d%d", in[0] & 1, in[1] & 1, in[2] & 1, in[3] & 1);
  munmap(p + 4096, 4096);
  CHECK(syscall(SYS_mlock2, p, 16384, 0));
  CHECK(munlock(p, 4096));
}

CONTRACT(protection_keys_refuse) {
  char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ, -1));
  CHECK(syscall(SYS_pkey_mprotect, p, 4096, PROT_READ, 99));
  CHECK(syscall(SYS_pkey_mprotect, p + 1, 4096, PROT_READ, -1));
  CHECK(syscall(SYS_pkey_alloc, 1, 0));
  CHECK(syscall(SYS_pkey_alloc, 0, 4));
  CHECK(syscall(SYS_pkey_free, 99));
  CHECK(syscall(SYS_pkey_free, -1));
}
