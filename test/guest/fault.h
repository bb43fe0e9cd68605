/* Accesses that may fault: TOUCH says whether one did, how, and how far from a base. */
#include <setjmp.h>
#include <signal.h>

static sigjmp_buf fault_return;
static siginfo_t fault_info;

static void fault_catch(int sig, siginfo_t *info, void *context) {
  fault_info = *info;
  siglongjmp(fault_return, 1);
}

#define TOUCH(base, access)                                                             \
  do {                                                                                  \
    struct sigaction sa_ = {.sa_sigaction = fault_catch, .sa_flags = SA_SIGINFO};       \
    sigaction(SIGSEGV, &sa_, NULL);                                                     \
    sigaction(SIGBUS, &sa_, NULL);                                                      \
    if (sigsetjmp(fault_return, 1) == 0) {                                              \
      access;                                                                           \
      SAY("%s: fine", #access);                                                         \
    } else {                                                                            \
      SAY("%s: signal %d, code %d, at +%ld", #access, fault_info.si_signo, fault_info.si_code, \
          (long)((char *)fault_info.si_addr - (char *)(base)));                         \
    }                                                                                   \
    signal(SIGSEGV, SIG_DFL);                                                           \
    signal(SIGBUS, SIG_DFL);                                                            \
  } while (0)
