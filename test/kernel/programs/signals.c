// Signals: handlers and frames, masks, alternate stack, restarting, queues, faults.
#define _GNU_SOURCE
#include <errno.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static void handler(int sig) { printf("handler %d\n", sig); }

static sigjmp_buf env;
static char *fault_at;

static void on_fault(int sig, siginfo_t *si, void *uc) {
  ucontext_t *u = uc;
  printf("fault %d code %d addr %s trap %d err %d cr2 %d\n", sig, si->si_code,
         si->si_addr == fault_at ? "right" : si->si_addr == 0 ? "null" : "other",
         (int)u->uc_mcontext.gregs[REG_TRAPNO], (int)u->uc_mcontext.gregs[REG_ERR],
         u->uc_mcontext.gregs[REG_CR2] == (long)fault_at);
  siglongjmp(env, 1);
}

static void on_info(int sig, siginfo_t *si, void *uc) {
  printf("info %d code %d value %d self %d\n", sig, si->si_code, si->si_value.sival_int,
         si->si_pid == getpid());
}

static char alt[65536];
static void on_alt(int sig) {
  char here;
  stack_t ss;
  sigaltstack(0, &ss);
  printf("on alt %d flags %d\n", &here > alt && &here < alt + sizeof alt, ss.ss_flags);
  stack_t off = {.ss_flags = SS_DISABLE};
  int r = sigaltstack(&off, 0);
  printf("change %d %d\n", r, errno == EPERM);
}

static void nested(int sig) {
  sigset_t m;
  sigprocmask(SIG_BLOCK, 0, &m);
  printf("nested %d blocks usr1 %d usr2 %d\n", sig, sigismember(&m, SIGUSR1), sigismember(&m, SIGUSR2));
  if (sig == SIGUSR1) raise(SIGUSR2);
  printf("nested end %d\n", sig);
}

static volatile double vd;
static void clobber(int sig) {
  vd = 1.5;
  for (int i = 0; i < 10; i++) vd = vd * 1.25 + i;
  __asm__ volatile("pcmpeqb %%xmm0,%%xmm0\n pcmpeqb %%xmm7,%%xmm7\n pcmpeqb %%xmm15,%%xmm15\n fninit\n fldpi" ::: "xmm0", "xmm7", "xmm15");
}

static void modify(int sig, siginfo_t *si, void *uc) {
  ucontext_t *u = uc;
  u->uc_mcontext.gregs[REG_RAX] = 0x123456789abcdefLL;
  u->uc_mcontext.gregs[REG_EFL] |= 1;
}

static void tick(int sig) {}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  struct sigaction sa = {0};
  int s;
  sa.sa_handler = handler;
  sigaction(SIGUSR1, &sa, 0);
  raise(SIGUSR1);
  kill(getpid(), SIGUSR1);

  sa.sa_handler = nested;
  sigaction(SIGUSR1, &sa, 0);
  sigaction(SIGUSR2, &sa, 0);
  raise(SIGUSR1);

  // Faults.
  sa.sa_sigaction = on_fault;
  sa.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &sa, 0);
  sigaction(SIGBUS, &sa, 0);
  sigaction(SIGFPE, &sa, 0);
  sigaction(SIGILL, &sa, 0);
  sigaction(SIGTRAP, &sa, 0);
  fault_at = (char *)0x123000;
  if (!sigsetjmp(env, 1)) *(volatile char *)fault_at = 1;
  if (!sigsetjmp(env, 1)) (void)*(volatile char *)fault_at;
  fault_at = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!sigsetjmp(env, 1)) *(volatile char *)fault_at = 1;
  (void)*(volatile char *)fault_at;
  if (!sigsetjmp(env, 1)) ((void (*)(void))fault_at)();
  if (!sigsetjmp(env, 1)) *(volatile char *)0xdead000000000000 = 1;
  if (!sigsetjmp(env, 1)) {
    volatile int z = 0;
    z = 1 / z;
  }
  if (!sigsetjmp(env, 1)) __asm__ volatile("ud2");
  if (!sigsetjmp(env, 1)) __asm__ volatile("int3");
  if (!sigsetjmp(env, 1)) __asm__ volatile("hlt");

  // A fault while its signal is blocked kills.
  if (fork() == 0) {
    sigset_t m;
    sigfillset(&m);
    sigprocmask(SIG_BLOCK, &m, 0);
    *(volatile char *)8 = 1;
    _exit(0);
  }
  wait(&s);
  printf("blocked fault: signal %d\n", WTERMSIG(s));

  // Alternate stack.
  stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt};
  sigaltstack(&ss, 0);
  sa.sa_handler = on_alt;
  sa.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR1, &sa, 0);
  raise(SIGUSR1);

  // Realtime signals queue with values, in order; standard ones merge.
  sa.sa_sigaction = on_info;
  sa.sa_flags = SA_SIGINFO;
  sigset_t m, old;
  sigemptyset(&m);
  for (int i = 0; i < 3; i++) {
    sigaction(SIGRTMIN + i, &sa, 0);
    sigaddset(&m, SIGRTMIN + i);
  }
  sigaction(SIGUSR1, &sa, 0);
  sigaddset(&m, SIGUSR1);
  sigprocmask(SIG_BLOCK, &m, &old);
  union sigval v;
  for (int i = 0; i < 3; i++) {
    v.sival_int = i;
    sigqueue(getpid(), SIGRTMIN + 1, v);
    v.sival_int = 10 + i;
    sigqueue(getpid(), SIGRTMIN, v);
    sigqueue(getpid(), SIGUSR1, v);
  }
  sigset_t pend;
  sigpending(&pend);
  printf("pending %d %d %d\n", sigismember(&pend, SIGUSR1), sigismember(&pend, SIGRTMIN),
         sigismember(&pend, SIGRTMIN + 2));
  siginfo_t si;
  struct timespec ts = {0, 1000000};
  printf("timedwait %d", sigtimedwait(&m, &si, &ts));
  printf(" value %d\n", si.si_value.sival_int);
  sigprocmask(SIG_SETMASK, &old, 0);
  sigemptyset(&m);
  sigaddset(&m, SIGHUP);
  int r = sigtimedwait(&m, &si, &ts);
  printf("timeout %d %d\n", r, errno == EAGAIN);

  // SA_RESTART, EINTR, sigsuspend.
  int pipes[2];
  pipe(pipes);
  for (int restart = 0; restart < 2; restart++) {
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = tick;
    sa.sa_flags = restart ? SA_RESTART : 0;
    sigaction(SIGALRM, &sa, 0);
    if (fork() == 0) {
      struct timespec t = {0, 60000000};
      nanosleep(&t, 0);
      write(pipes[1], "x", 1);
      _exit(0);
    }
    struct itimerval it = {{0, 0}, {0, 10000}};
    setitimer(ITIMER_REAL, &it, 0);
    char c;
    int n = read(pipes[0], &c, 1);
    printf("restart %d read %d eintr %d\n", restart, n, n < 0 && errno == EINTR);
    if (n < 0) read(pipes[0], &c, 1);
    wait(&s);
  }
  sigemptyset(&m);
  sigaddset(&m, SIGALRM);
  sigprocmask(SIG_BLOCK, &m, &old);
  struct itimerval it = {{0, 0}, {0, 2000}};
  setitimer(ITIMER_REAL, &it, 0);
  sigset_t none;
  sigemptyset(&none);
  r = sigsuspend(&none);
  printf("suspend %d %d", r, errno == EINTR);
  sigprocmask(SIG_SETMASK, &old, &m);
  printf(" still blocked %d\n", sigismember(&m, SIGALRM));
  it.it_value.tv_usec = 2000;
  setitimer(ITIMER_REAL, &it, 0);
  struct timespec req = {5, 0}, rem = {0, 0};
  printf("sleep %d", nanosleep(&req, &rem));
  printf(" left %d\n", (int)rem.tv_sec);

  // Floating point and vector state survive a handler; handlers can change registers.
  signal(SIGUSR1, clobber);
  double x0;
  unsigned long in[2] = {0x1122334455667788, 0x99aabbccddeeff00}, out[2];
  long double ld = 2.5L, ld2;
  int pid = getpid(), res;
  __asm__ volatile(
      "fldt %[ld]\n movdqu %[in],%%xmm7\n movdqu %[in],%%xmm15\n"
      "mov $62,%%eax\n mov %[pid],%%edi\n mov $10,%%esi\n syscall\n"
      "movdqu %%xmm7,%[out]\n pxor %%xmm15,%%xmm7\n movq %%xmm7,%[x]\n fstpt %[ld2]\n"
      : [out] "=m"(out), [x] "=m"(x0), [ld2] "=m"(ld2)
      : [in] "m"(in), [ld] "m"(ld), [pid] "r"(pid)
      : "rax", "rdi", "rsi", "rcx", "r11", "xmm7", "xmm15", "memory", "st");
  printf("vectors %d %d x87 %d\n", !memcmp(in, out, 16), x0 == 0, ld == ld2);
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = modify;
  sa.sa_flags = SA_SIGINFO;
  sigaction(SIGUSR1, &sa, 0);
  unsigned long rax;
  unsigned char carry;
  __asm__ volatile("mov $62,%%eax\n mov %2,%%edi\n mov $10,%%esi\n test %%eax,%%eax\n syscall\n setc %1\n"
                   : "=a"(rax), "=m"(carry)
                   : "r"(pid)
                   : "rdi", "rsi", "rcx", "r11", "memory");
  printf("rax %lx carry %d\n", rax, carry);

  // One shot, and the default kills.
  if (fork() == 0) {
    memset(&sa, 0, sizeof sa);
    sa.sa_handler = handler;
    sa.sa_flags = SA_RESETHAND;
    sigaction(SIGTERM, &sa, 0);
    raise(SIGTERM);
    raise(SIGTERM);
    _exit(0);
  }
  wait(&s);
  printf("oneshot: signal %d\n", WTERMSIG(s));
  // A bad stack pointer at delivery kills.
  if (fork() == 0) {
    signal(SIGUSR1, handler);
    __asm__ volatile("mov $62,%%eax\n mov %0,%%edi\n mov $10,%%esi\n mov $64,%%rsp\n syscall\n" ::"r"(getpid()));
  }
  wait(&s);
  printf("no stack: signal %d\n", WTERMSIG(s));
  return 0;
}
