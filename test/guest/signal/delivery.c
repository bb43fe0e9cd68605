/* Delivery of signals: order, masks, flags of sigaction(2), stacks, queues. */
#include "../contract.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>

static char seen[400];
static int depth;

static void note(int sig) { sprintf(seen + strlen(seen), "%d ", sig); }

static void note_value(int sig, siginfo_t *info, void *context) {
  sprintf(seen + strlen(seen), "%d:%d:%d ", sig, info->si_code, info->si_value.sival_int);
}

static void on(int sig, void (*handler)(int), int flags, int also) {
  struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
  if (also) sigaddset(&sa.sa_mask, also);
  MUST(sigaction(sig, &sa, NULL));
}

static void on_value(int sig, int flags) {
  struct sigaction sa = {.sa_sigaction = note_value, .sa_flags = SA_SIGINFO | flags};
  sigfillset(&sa.sa_mask);
  MUST(sigaction(sig, &sa, NULL));
}

static sigset_t block(int how, int a, int b) {
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, a);
  if (b) sigaddset(&set, b);
  sigprocmask(how, &set, &old);
  return old;
}

static void block_all(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
}

static void unblock_all(void) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

CONTRACT(standard_signals_are_pending_once_and_come_lowest_first) {
  int signals[] = {SIGUSR2, SIGHUP, SIGTERM, SIGUSR1, SIGHUP, SIGINT};
  for (int i = 0; i < 6; i++) {
    struct sigaction sa = {.sa_handler = note};
    sigfillset(&sa.sa_mask);
    sigaction(signals[i], &sa, NULL);
  }
  block_all();
  for (int i = 0; i < 6; i++) kill(getpid(), signals[i]);
  unblock_all();
  SAY("%s", seen);
}

CONTRACT(real_time_signals_queue_in_order) {
  block_all();
  for (int i = 0; i < 3; i++) {
    on_value(SIGRTMIN + i, 0);
    on_value(SIGRTMIN + i + 3, 0);
  }
  int order[] = {3, 1, 0, 1, 3, 2, 0, 5};
  for (int i = 0; i < 8; i++) sigqueue(getpid(), SIGRTMIN + order[i], (union sigval){.sival_int = i});
  unblock_all();
  SAY("%s", seen);
}

CONTRACT(a_standard_signal_keeps_the_first_value) {
  on_value(SIGUSR1, 0);
  block_all();
  for (int i = 1; i < 4; i++) sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = i});
  unblock_all();
  SAY("%s", seen);
}

CONTRACT(what_is_directed_at_the_thread_comes_first) {
  on_value(SIGRTMIN, 0);
  block_all();
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
  syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGRTMIN);
  kill(getpid(), SIGRTMIN);
  unblock_all();
  SAY("%s", seen);
}

CONTRACT(codes_tell_who_sent_it) {
  on_value(SIGUSR1, 0);
  raise(SIGUSR1);
  kill(getpid(), SIGUSR1);
  sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 7});
  SAY("%s", seen);
}

static void nested(int sig) {
  int mine = ++depth;
  sprintf(seen + strlen(seen), "+%d", mine);
  if (mine < 3) raise(SIGUSR1);
  sprintf(seen + strlen(seen), "-%d", mine);
}

CONTRACT(a_handler_blocks_its_own_signal) {
  on(SIGUSR1, nested, 0, 0);
  raise(SIGUSR1);
  SAY("%s", seen);
}

CONTRACT(nodefer_nests) {
  on(SIGUSR1, nested, SA_NODEFER, 0);
  raise(SIGUSR1);
  SAY("%s", seen);
}

static void masks(int sig) {
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  sprintf(seen + strlen(seen), "[%d%d%d%d]", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2),
          sigismember(&now, SIGHUP), sigismember(&now, SIGKILL));
  sigaddset(&now, SIGTERM);
  sigprocmask(SIG_SETMASK, &now, NULL);
}

CONTRACT(the_mask_in_a_handler_and_after_it) {
  on(SIGUSR1, masks, 0, SIGUSR2);
  block(SIG_BLOCK, SIGHUP, 0);
  raise(SIGUSR1);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  SAY("%s after: %d%d%d%d", seen, sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2),
      sigismember(&now, SIGHUP), sigismember(&now, SIGTERM));
}

static void edits(int sig, siginfo_t *info, void *context) {
  sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGWINCH);
}

CONTRACT(the_saved_mask_is_what_returns) {
  struct sigaction sa = {.sa_sigaction = edits, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &sa, NULL);
  raise(SIGUSR1);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  SAY("%d", sigismember(&now, SIGWINCH));
}

CONTRACT(resethand_works_once) {
  struct sigaction sa;
  on(SIGUSR1, note, SA_RESETHAND, 0);
  raise(SIGUSR1);
  sigaction(SIGUSR1, NULL, &sa);
  SAY("%s default: %d", seen, sa.sa_handler == SIG_DFL);
  raise(SIGUSR1);
  SAY("not reached");
}

CONTRACT(what_cannot_be_caught_or_blocked) {
  CHECK(signal(SIGKILL, SIG_IGN) == SIG_ERR ? -1 : 0);
  CHECK(signal(SIGSTOP, note) == SIG_ERR ? -1 : 0);
  struct sigaction sa;
  CHECK(sigaction(SIGKILL, NULL, &sa));
  CHECK(sigaction(0, NULL, &sa));
  CHECK(sigaction(65, NULL, &sa));
  CHECK(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
  CHECK(syscall(SYS_rt_sigprocmask, 77, &sa, NULL, 8));
  CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, (void *)1, NULL, 8));
  CHECK(kill(getpid(), 65));
  CHECK(kill(getpid(), -1));
  CHECK(kill(getpid(), 0));
  CHECK(kill(99999999, 0));
  CHECK(syscall(SYS_tgkill, getpid(), 99999999, 0));
  CHECK(syscall(SYS_tgkill, -1, getpid(), 0));
  CHECK(syscall(SYS_tkill, 0, SIGUSR1));
  block_all();
  kill(getpid(), SIGKILL);
  SAY("not reached");
}

CONTRACT(ignored_signals_are_dropped_even_when_pending) {
  block(SIG_BLOCK, SIGUSR1, SIGCHLD);
  sigset_t set;
  raise(SIGUSR1);
  raise(SIGCHLD);
  sigpending(&set);
  SAY("pending: %d %d", sigismember(&set, SIGUSR1), sigismember(&set, SIGCHLD));
  signal(SIGUSR1, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  sigpending(&set);
  SAY("pending: %d %d", sigismember(&set, SIGUSR1), sigismember(&set, SIGCHLD));
  signal(SIGUSR1, note);
  unblock_all();
  SAY("'%s'", seen);
}

CONTRACT(children_inherit_masks_and_handlers_but_nothing_pending) {
  on(SIGUSR1, note, 0, 0);
  block(SIG_BLOCK, SIGUSR1, 0);
  raise(SIGUSR1);
  if (fork() == 0) {
    sigset_t set;
    sigpending(&set);
    SAY("child: pending %d", sigismember(&set, SIGUSR1));
    sigprocmask(SIG_BLOCK, NULL, &set);
    SAY("child: blocked %d", sigismember(&set, SIGUSR1));
    raise(SIGUSR1);
    unblock_all();
    SAY("child: %s", seen);
    _exit(0);
  }
  wait(NULL);
  unblock_all();
  SAY("parent: %s", seen);
}

CONTRACT(stop_and_continue_signals_cancel_each_other) {
  sigset_t set;
  block(SIG_BLOCK, SIGTSTP, SIGCONT);
  raise(SIGTSTP);
  sigpending(&set);
  SAY("stop %d, continue %d", sigismember(&set, SIGTSTP), sigismember(&set, SIGCONT));
  raise(SIGCONT);
  sigpending(&set);
  SAY("stop %d, continue %d", sigismember(&set, SIGTSTP), sigismember(&set, SIGCONT));
  raise(SIGTSTP);
  sigpending(&set);
  SAY("stop %d, continue %d", sigismember(&set, SIGTSTP), sigismember(&set, SIGCONT));
}

CONTRACT(the_queue_has_a_limit) {
  struct rlimit limit = {0, 0};
  setrlimit(RLIMIT_SIGPENDING, &limit);
  on_value(SIGRTMIN, 0);
  on_value(SIGUSR1, 0);
  block_all();
  CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1}));
  CHECK(kill(getpid(), SIGRTMIN));
  CHECK(kill(getpid(), SIGUSR1));
  sigset_t set;
  sigpending(&set);
  SAY("pending: %d %d", sigismember(&set, SIGRTMIN), sigismember(&set, SIGUSR1));
}

static char alternate[65536];
static void where(int sig) {
  char here;
  stack_t now;
  sigaltstack(NULL, &now);
  sprintf(seen + strlen(seen), "%s,flags %d ", &here >= alternate && &here < alternate + sizeof alternate ? "alternate" : "normal",
          now.ss_flags);
  if (sig == SIGUSR1) {
    stack_t other = {.ss_sp = malloc(65536), .ss_size = 65536};
    int failed = sigaltstack(&other, NULL);
    sprintf(seen + strlen(seen), "%s ", failed ? contract_errno(errno) : "changed");
    raise(SIGUSR2);
  }
}

CONTRACT(onstack_uses_the_alternate_stack) {
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, old;
  CHECK(sigaltstack(&stack, NULL));
  on(SIGUSR1, where, SA_ONSTACK, 0);
  on(SIGUSR2, where, SA_ONSTACK, 0);
  on(SIGHUP, where, 0, 0);
  raise(SIGUSR1);
  raise(SIGHUP);
  SAY("%s", seen);
  stack.ss_flags = SS_DISABLE;
  CHECK(sigaltstack(&stack, &old));
  SAY("was: %d, flags %d", old.ss_sp == alternate, old.ss_flags);
  raise(SIGHUP);
  *seen = 0;
  raise(SIGUSR2);
  SAY("%s", seen);
  stack.ss_flags = 0;
  stack.ss_size = 100;
  CHECK(syscall(SYS_sigaltstack, &stack, NULL));
  stack.ss_flags = 77;
  CHECK(syscall(SYS_sigaltstack, &stack, NULL));
  CHECK(syscall(SYS_sigaltstack, (void *)1, NULL));
}

CONTRACT(autodisarm_takes_the_stack_away_in_handlers) {
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate, .ss_flags = 1U << 31}, old;
  CHECK(syscall(SYS_sigaltstack, &stack, NULL));
  on(SIGUSR1, where, SA_ONSTACK, 0);
  on(SIGUSR2, where, SA_ONSTACK, 0);
  raise(SIGUSR2);
  SAY("%s", seen);
  sigaltstack(NULL, &old);
  SAY("armed again: %d", old.ss_sp == alternate && old.ss_flags == (int)(1U << 31));
}

static jmp_buf back;
static void jumps(int sig) { siglongjmp(back, 1); }

CONTRACT(a_signal_without_room_for_its_frame_kills) {
  stack_t stack = {.ss_sp = alternate, .ss_size = 8192};
  sigaltstack(&stack, NULL);
  on(SIGUSR1, note, SA_ONSTACK, 0);
  mprotect((char *)(((uintptr_t)alternate + 4095) & -4096L), 8192, PROT_READ);
  raise(SIGUSR1);
  SAY("not reached");
}

CONTRACT(jumping_out_restores_the_mask) {
  on(SIGUSR1, jumps, 0, 0);
  for (int i = 0; i < 3; i++) {
    if (sigsetjmp(back, 1) == 0) raise(SIGUSR1);
    else strcat(seen, "back ");
  }
  SAY("%s", seen);
}

CONTRACT(faults_say_what_and_where) {
  static volatile int zero, result;
  struct { const char *what; int sig; } ends[] = {{"division", SIGFPE}, {"ud2", SIGILL}, {"int3", SIGTRAP},
                                                  {"hlt", SIGSEGV}, {"abort", SIGABRT}};
  for (int i = 0; i < 5; i++) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
      switch (i) {
        case 0: result = 1 / zero; break;
        case 1: __asm__ volatile("ud2"); break;
        case 2: __asm__ volatile("int3"); break;
        case 3: __asm__ volatile("hlt"); break;
        case 4: abort();
      }
      _exit(0);
    }
    waitpid(pid, &status, 0);
    say_status(ends[i].what, status & 0xff7f);
  }
}

static void fault_note(int sig, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  sprintf(seen + strlen(seen), "%d code %d, at its instruction: %d ", sig, info->si_code,
          (long)info->si_addr == u->uc_mcontext.gregs[REG_RIP]);
  siglongjmp(back, 1);
}

CONTRACT(fault_codes) {
  static volatile int zero, result;
  struct sigaction sa = {.sa_sigaction = fault_note, .sa_flags = SA_SIGINFO};
  for (int sig = 1; sig < 32; sig++) sigaction(sig, &sa, NULL);
  if (sigsetjmp(back, 1) == 0) result = 1 / zero;
  if (sigsetjmp(back, 1) == 0) __asm__ volatile("ud2");
  if (sigsetjmp(back, 1) == 0) __asm__ volatile("hlt");
  if (sigsetjmp(back, 1) == 0) ((void (*)(void))0x1000)();
  SAY("%s", seen);
}

CONTRACT(a_blocked_fault_kills) {
  on(SIGSEGV, note, 0, 0);
  block(SIG_BLOCK, SIGSEGV, 0);
  *(volatile int *)8 = 1;
  SAY("not reached");
}

CONTRACT(an_ignored_fault_kills) {
  signal(SIGSEGV, SIG_IGN);
  raise(SIGSEGV);
  SAY("a sent one is ignored");
  *(volatile int *)8 = 1;
  SAY("not reached");
}
