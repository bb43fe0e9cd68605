/* Whose affinity can be asked for. CPython makes its mask larger as long as the answer is EINVAL. */
#include "../contract.h"
#include <sched.h>

CONTRACT(affinity_of_nobody) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CHECK(sched_getaffinity(-1, sizeof set, &set));
  CHECK(sched_getaffinity(0x3fffffff, sizeof set, &set));
  CHECK(sched_getaffinity(-1, 1, &set));
  CPU_SET(0, &set);
  CHECK(sched_setaffinity(-1, sizeof set, &set));
  CHECK(sched_setaffinity(0x3fffffff, sizeof set, &set));
}

CONTRACT(affinity_of_oneself) {
  cpu_set_t set;
  CHECK(sched_getaffinity(0, sizeof set, &set));
  CHECK(sched_setaffinity(getpid(), sizeof set, &set));
  CPU_ZERO(&set);
  CHECK(sched_setaffinity(0, sizeof set, &set));
}
