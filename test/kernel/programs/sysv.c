/* System V shared memory, semaphores and message queues. Output is compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../guest/ipc/asleep.h"

static key_t key;

static long show(const char *what, long r) {
  printf("%s %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
  fflush(stdout);
  return r;
}

/* Identifiers and addresses differ. */
static long ok(const char *what, long r) {
  printf("%s %s\n", what, r == -1 ? strerror(errno) : "ok");
  fflush(stdout);
  return r;
}

static pid_t start(void) {
  fflush(stdout);
  return fork();
}

static int finish(pid_t pid) {
  int status;
  waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void segment(const char *what, int id) {
  struct shmid_ds d;
  if (shmctl(id, IPC_STAT, &d) < 0) {
    printf("%s: %s\n", what, strerror(errno));
    return;
  }
  printf("%s: size %d attached %d mode %o key %d mine %d last me %d times %d %d %d\n", what, (int)d.shm_segsz,
         (int)d.shm_nattch, d.shm_perm.mode, d.shm_perm.__key == key, d.shm_cpid == getpid(),
         d.shm_lpid == getpid(), d.shm_atime > 0, d.shm_dtime > 0, d.shm_ctime > 0);
}

static void memory(void) {
  show("size 0", shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
  show("no such key", shmget(key, 100, 0));
  int id = ok("create", shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0640));
  segment("new", id);
  show("again, exclusively", shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600));
  printf("same %d %d %d\n", shmget(key, 5000, 0) == id, shmget(key, 0, 0) == id, shmget(key, 1, IPC_CREAT) == id);
  show("too large", shmget(key, 5001, 0));
  show("attach nothing", (long)shmat(12345678, 0, 0));
  show("odd address", (long)shmat(id, (void *)0x10000001, 0));
  show("SHM_REMAP of nothing", (long)shmat(id, 0, SHM_REMAP));
  char *a = shmat(id, 0, 0), *b = shmat(id, 0, SHM_RDONLY);
  ok("attach", (long)a);
  segment("attached twice", id);
  strcpy(a, "hello");
  printf("%s %d\n", b, a[8191]);
  show("mprotect", mprotect(b, 4096, PROT_READ | PROT_WRITE));
  show("at a taken address", (long)shmat(id, a, 0));
  printf("SHM_REMAP %d\n", shmat(id, b, SHM_REMAP) == b);
  strcpy(b, "moved");
  printf("SHM_RND %d\n", shmat(id, (void *)0x700000000123, SHM_RND) == (void *)0x700000000000);
  segment("three", id);
  show("detach", shmdt((void *)0x700000000000));
  show("detach again", shmdt((void *)0x700000000000));
  show("detach an odd address", shmdt(a + 1));
  show("detach the middle", shmdt(a + 4096));
  pid_t pid = start();
  if (pid == 0) {
    segment("child", id);
    strcpy(a + 4096, "from the child");
    shmdt(b);
    segment("child detached", id);
    _exit(strcmp(a, "moved") == 0);
  }
  show("child", finish(pid));
  printf("%s\n", a + 4096);
  segment("after the child", id);
  munmap(a, 4096);
  segment("half unmapped", id);
  show("detach the rest", shmdt(a));
  segment("detached", id);
  struct shmid_ds d;
  shmctl(id, IPC_STAT, &d);
  d.shm_perm.mode = 0604;
  show("IPC_SET", shmctl(id, IPC_SET, &d));
  segment("set", id);
  show("SHM_LOCK", shmctl(id, SHM_LOCK, 0));
  show("SHM_UNLOCK", shmctl(id, SHM_UNLOCK, 0));
  show("bad command", shmctl(id, 77, 0));
  show("IPC_STAT nowhere", syscall(SYS_shmctl, id, IPC_STAT, 8));
  show("remove", shmctl(id, IPC_RMID, 0));
  segment("removed but attached", id);
  show("by key", shmget(key, 1, 0));
  printf("%s\n", b);
  show("last detach", shmdt(b));
  segment("gone", id);
  show("attach the gone", (long)shmat(id, 0, 0));
  show("remove the gone", shmctl(id, IPC_RMID, 0));
  id = shmget(IPC_PRIVATE, 1 << 20, 0600);
  int other = shmget(IPC_PRIVATE, 1 << 20, 0600);
  printf("private differ %d\n", id != other);
  shmctl(other, IPC_RMID, 0);
  pid = start();
  if (pid == 0) {
    char *p = shmat(id, 0, 0);
    memset(p, 7, 1 << 20);
    execl("/proc/self/exe", "x", "sum", (char *)0);
    _exit(1);
  }
  show("exec detaches", finish(pid));
  segment("after exec", id);
  char *p = shmat(id, 0, 0);
  long sum = 0;
  for (int i = 0; i < 1 << 20; i++) sum += p[i];
  printf("sum %ld\n", sum);
  shmctl(id, IPC_RMID, 0);
}

static void semaphores_are(const char *what, int id) {
  unsigned short all[8] = {0};
  struct semid_ds d;
  if (semctl(id, 0, IPC_STAT, &d) < 0) {
    printf("%s: %s\n", what, strerror(errno));
    return;
  }
  semctl(id, 0, GETALL, all);
  printf("%s: %d of them, mode %o, otime %d:", what, (int)d.sem_nsems, d.sem_perm.mode, d.sem_otime > 0);
  for (int i = 0; i < (int)d.sem_nsems; i++) printf(" %d", all[i]);
  printf(" counts %d %d pid %d\n", semctl(id, 0, GETNCNT), semctl(id, 1, GETZCNT), semctl(id, 0, GETPID) == getpid());
  fflush(stdout);
}

static long op(int id, int num, int by, int flags) {
  struct sembuf s = {num, by, flags};
  return semop(id, &s, 1);
}

static void on_signal(int sig) {}

static void semaphores(void) {
  show("none", semget(key, 0, IPC_CREAT | 0600));
  show("too many", semget(key, 40000, IPC_CREAT | 0600));
  int id = ok("create", semget(key, 3, IPC_CREAT | IPC_EXCL | 0600));
  show("more", semget(key, 4, 0));
  printf("fewer %d\n", semget(key, 0, 0) == id);
  semaphores_are("new", id);
  show("add", op(id, 0, 5, 0));
  show("take", op(id, 0, -2, 0));
  show("too much", op(id, 0, -4, IPC_NOWAIT));
  show("zero?", op(id, 0, 0, IPC_NOWAIT));
  show("zero", op(id, 1, 0, IPC_NOWAIT));
  show("outside", op(id, 3, 1, 0));
  show("too large", op(id, 0, 32767, 0));
  struct sembuf both[2] = {{0, -1, IPC_NOWAIT}, {1, -1, IPC_NOWAIT}};
  show("both or none", semop(id, both, 2));
  struct sembuf twice[2] = {{1, 1, 0}, {1, -1, IPC_NOWAIT}};
  show("in turn", semop(id, twice, 2));
  show("no operations", semop(id, twice, 0));
  show("501 operations", semop(id, twice, 501));
  show("nowhere", semop(id, (void *)8, 1));
  semaphores_are("now", id);
  unsigned short all[3] = {1, 2, 3}, large[3] = {0, 40000, 0};
  show("SETALL", semctl(id, 0, SETALL, all));
  show("SETALL too large", semctl(id, 0, SETALL, large));
  show("SETVAL", semctl(id, 2, SETVAL, 9));
  show("SETVAL -1", semctl(id, 2, SETVAL, -1));
  show("SETVAL outside", semctl(id, 3, SETVAL, 1));
  show("GETVAL", semctl(id, 2, GETVAL));
  show("GETVAL outside", semctl(id, -1, GETVAL));
  show("bad command", semctl(id, 0, 99));
  semaphores_are("set", id);

  pid_t one = start();
  if (one == 0) _exit(op(id, 0, -3, 0) == 0 ? 3 : errno);
  pid_t two = start();
  if (two == 0) _exit(op(id, 1, 0, 0) == 0 ? 4 : errno);
  until_asleep(one);
  until_asleep(two);
  semaphores_are("two wait", id);
  op(id, 0, 1, 0);
  usleep(20000);
  semaphores_are("one more", id);
  op(id, 0, 1, 0);
  op(id, 1, -2, 0);
  int first = finish(one), second = finish(two);
  printf("woken %d %d\n", first, second);
  semaphores_are("done", id);

  one = start();
  if (one == 0) {
    op(id, 0, 7, SEM_UNDO);
    op(id, 2, -4, SEM_UNDO);
    semaphores_are("child", id);
    raise(SIGKILL);
  }
  show("killed", finish(one));
  semaphores_are("undone", id);
  one = start();
  if (one == 0) {
    op(id, 0, 5, SEM_UNDO);
    _exit(0);
  }
  finish(one);
  one = start();
  if (one == 0) {
    op(id, 0, 5, SEM_UNDO);
    semctl(id, 0, SETVAL, 6);
    _exit(0);
  }
  finish(one);
  semaphores_are("set after the undo", id);

  struct timespec soon = {0, 30000000}, wrong = {0, 1000000000};
  struct sembuf take = {1, -5, 0};
  show("semtimedop", semtimedop(id, &take, 1, &soon));
  show("wrong time", semtimedop(id, &take, 1, &wrong));
  struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &act, 0);
  struct itimerval alarm = {{0, 0}, {0, 30000}};
  setitimer(ITIMER_REAL, &alarm, 0);
  show("with a signal", op(id, 1, -5, 0));
  one = start();
  if (one == 0) _exit(op(id, 1, -5, 0) < 0 ? errno : 0);
  until_asleep(one);
  show("remove", semctl(id, 0, IPC_RMID));
  printf("waiter: %s\n", strerror(finish(one)));
  show("gone", op(id, 0, 1, 0));
  semaphores_are("gone", id);
}

struct text { long type; char text[100]; };

static void queue_is(const char *what, int id) {
  struct msqid_ds d;
  if (msgctl(id, IPC_STAT, &d) < 0) {
    printf("%s: %s\n", what, strerror(errno));
    return;
  }
  printf("%s: %d messages, %d of %d bytes, mode %o, times %d %d, pids %d %d\n", what, (int)d.msg_qnum, (int)d.msg_cbytes,
         (int)d.msg_qbytes, d.msg_perm.mode, d.msg_stime > 0, d.msg_rtime > 0, d.msg_lspid == getpid(), d.msg_lrpid == getpid());
}

static long send_text(int id, long type, const char *text, int flags) {
  struct text t = {type};
  strcpy(t.text, text);
  return msgsnd(id, &t, strlen(text), flags);
}

static void receive(const char *what, int id, size_t size, long type, int flags) {
  struct text t = {0};
  long r = msgrcv(id, &t, size, type, flags);
  printf("%s: %ld %s type %ld '%s'\n", what, r, r < 0 ? strerror(errno) : "", t.type, t.text);
}

static void messages(void) {
  static struct text large[200];
  show("no such key", msgget(key, 0));
  int id = ok("create", msgget(key, IPC_CREAT | IPC_EXCL | 0600));
  show("again", msgget(key, IPC_CREAT | IPC_EXCL | 0600));
  queue_is("new", id);
  receive("nothing there", id, 100, 0, IPC_NOWAIT);
  show("type 0", send_text(id, 0, "x", 0));
  for (int i = 0; i < 6; i++) send_text(id, 5 - i % 3, (char[]){'a' + i, 'a' + i, 0}, 0);
  send_text(id, 9, "", 0);
  queue_is("seven", id);
  receive("any", id, 100, 0, 0);
  receive("type 4", id, 100, 4, 0);
  receive("type 8", id, 100, 8, IPC_NOWAIT);
  receive("up to 4", id, 100, -4, 0);
  receive("up to 2", id, 100, -2, IPC_NOWAIT);
  receive("not 5", id, 100, 5, MSG_EXCEPT);
  receive("too long", id, 1, 5, 0);
  receive("cut", id, 1, 5, MSG_NOERROR);
  receive("empty", id, 0, 9, 0);
  receive("last", id, 100, 0, 0);
  queue_is("empty", id);
  large[0].type = 1;
  show("too large", msgsnd(id, large, 8193, 0));
  show("full size", msgsnd(id, large, 8192, 0));
  show("and again", msgsnd(id, large, 8192, 0));
  show("one byte more", msgsnd(id, large, 1, IPC_NOWAIT));
  show("nothing more", msgsnd(id, large, 0, IPC_NOWAIT));
  queue_is("full", id);
  pid_t pid = start();
  if (pid == 0) _exit(send_text(id, 7, "waited", 0) == 0 ? 8 : errno);
  until_asleep(pid);
  show("receive much", msgrcv(id, large, 8192, 1, 0));
  show("sender", finish(pid));
  receive("what it sent", id, 100, 7, 0);
  struct msqid_ds d;
  msgctl(id, IPC_STAT, &d);
  d.msg_qbytes = 10;
  d.msg_perm.mode = 0622;
  show("IPC_SET", msgctl(id, IPC_SET, &d));
  queue_is("smaller", id);
  show("no room", send_text(id, 1, "x", IPC_NOWAIT));
  pid = start();
  if (pid == 0) _exit(msgrcv(id, large, 100, 3, 0) < 0 ? errno : 0);
  until_asleep(pid);
  show("remove", msgctl(id, IPC_RMID, 0));
  printf("waiter: %s\n", strerror(finish(pid)));
  queue_is("gone", id);
  show("send", send_text(id, 1, "x", 0));
}

/* As another user. */
static void rights(void) {
  int shm = shmget(key, 100, IPC_CREAT | 0604), sem = semget(key, 1, IPC_CREAT | 0602), msg = msgget(key, IPC_CREAT | 0600);
  pid_t pid = start();
  if (pid == 0) {
    setgid(54321);
    setuid(54321);
    ok("shmget", shmget(key, 1, 0));
    show("shmget to write", shmget(key, 1, 0606));
    ok("shmat to read", (long)shmat(shm, 0, SHM_RDONLY));
    show("shmat", (long)shmat(shm, 0, 0));
    show("shmctl", shmctl(shm, IPC_RMID, 0));
    show("semop", op(sem, 0, 1, 0));
    show("semop of zero", op(sem, 0, 0, IPC_NOWAIT));
    show("SETVAL", semctl(sem, 0, SETVAL, 1));
    show("GETVAL", semctl(sem, 0, GETVAL));
    show("msgsnd", send_text(msg, 1, "x", 0));
    receive("msgrcv", msg, 10, 0, IPC_NOWAIT);
    show("msgctl", msgctl(msg, IPC_RMID, 0));
    fflush(stdout);
    _exit(0);
  }
  finish(pid);
  struct shmid_ds d;
  shmctl(shm, IPC_RMID, 0);
  semctl(sem, 0, IPC_RMID);
  msgctl(msg, IPC_RMID, 0);
}

int main(int argc, char **argv) {
  if (argc > 1) return 5;
  setvbuf(stdout, 0, _IOLBF, 0);
  key = 0x4b000000 + getpid();
  memory();
  semaphores();
  messages();
  rights();
  return 0;
}
