/* Mounts of a contract's own. Natively in a mount name space of its own; a guest has one name space, which is its own. */
#include <sched.h>
#include <sys/mount.h>

static inline void private_mounts(void) {
  if (unshare(CLONE_NEWNS) == 0) MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
  else if (errno != EPERM) MUST(-1);
}
