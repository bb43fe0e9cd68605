/* System V shared memory, semaphores and message queues. */
#include "../contract.h"
#include "asleep.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>

union semun {
  int val;
  struct semid_ds *buf;
  unsigned short *array;
};

CONTRACT(shared_memory) {
  struct shmid_ds d;
  int status;
  CHECK(shmget(IPC_PRIVATE, 0, 0600));
  CHECK(shmget(0x7e57abcd, 4096, 0));
  int id = MUST(shmget(IPC_PRIVATE, 5000, IPC_CREAT | 0640));
  CHECK(shmat(-1, NULL, 0));
  CHECK(shmat(id, (void *)0x10000001, 0));
  char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
  strcpy(a, "seen");
  SAY("%s %d", b, a[8191]);
  CHECK(shmctl(id, IPC_STAT, &d));
  SAY("size %d attached %d mode %o mine %d", (int)d.shm_segsz, (int)d.shm_nattch, d.shm_perm.mode, d.shm_cpid == getpid());
  if (fork() == 0) {
    strcpy(a, "by a child");
    SAY("a child attaches, too: %d", shmctl(id, IPC_STAT, &d) == 0 ? (int)d.shm_nattch : -1);
    _exit(0);
  }
  wait(&status);
  SAY("%s", b);
  CHECK(shmdt(b));
  CHECK(shmdt(b));
  CHECK(shmdt(a + 1));
  CHECK(shmctl(id, IPC_RMID, NULL));
  CHECK(shmctl(id, IPC_STAT, &d));
  SAY("removed, but attached: %o %s", d.shm_perm.mode & SHM_DEST, a);
  CHECK(shmdt(a));
  CHECK(shmctl(id, IPC_STAT, &d));
  CHECK(shmctl(id, 12345, NULL));
}

CONTRACT(semaphores) {
  unsigned short all[3] = {1, 2, 3}, now[3];
  int status;
  CHECK(semget(IPC_PRIVATE, -1, 0600));
  CHECK(semget(IPC_PRIVATE, 0, 0600));
  int id = MUST(semget(IPC_PRIVATE, 3, IPC_CREAT | 0600));
  CHECK(semctl(id, 0, SETALL, (union semun){.array = all}));
  CHECK(semctl(id, 0, GETALL, (union semun){.array = now}));
  SAY("%d %d %d", now[0], now[1], now[2]);
  VALUE(semctl(id, 2, GETVAL));
  CHECK(semctl(id, 3, GETVAL));
  CHECK(semctl(id, 0, SETVAL, (union semun){.val = 32768}));
  struct sembuf take = {0, -2, IPC_NOWAIT}, far = {9, 1, 0}, both[2] = {{0, -1, 0}, {1, -3, IPC_NOWAIT}};
  CHECK(semop(id, &take, 1));
  CHECK(semop(id, &far, 1));
  CHECK(semop(id, both, 2));
  VALUE(semctl(id, 0, GETVAL));
  CHECK(semop(id, both, 0));
  CHECK(syscall(SYS_semop, id, both, 501L));
  take.sem_flg = 0;
  CHECK(semtimedop(id, &take, 1, &(struct timespec){0, 1000000}));
  CHECK(semtimedop(id, &take, 1, &(struct timespec){0, -1}));
  pid_t pid = fork();
  if (pid == 0) {
    struct sembuf undone = {1, 5, SEM_UNDO};
    _exit(semop(id, &undone, 1) == 0 && semop(id, &take, 1) == 0 ? 7 : 8);
  }
  while (semctl(id, 0, GETNCNT) == 0) usleep(1000);
  VALUE(semctl(id, 1, GETVAL));
  CHECK(semctl(id, 0, SETVAL, (union semun){.val = 5}));
  waitpid(pid, &status, 0);
  say_status("taker", status);
  VALUE(semctl(id, 0, GETVAL));
  VALUE(semctl(id, 1, GETVAL));
  SAY("last: %d", semctl(id, 0, GETPID) == pid);
  CHECK(semctl(id, 0, IPC_RMID));
  CHECK(semop(id, &take, 1));
}

CONTRACT(removing_a_semaphore_wakes_its_waiters) {
  int status, id = MUST(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600));
  struct sembuf take = {0, -1, 0};
  pid_t pid = fork();
  if (pid == 0) {
    _exit(semop(id, &take, 1) == -1 ? errno : 0);
  }
  while (semctl(id, 0, GETNCNT) == 0) usleep(1000);
  semctl(id, 0, IPC_RMID);
  waitpid(pid, &status, 0);
  say_status("waiter", status);
}

CONTRACT(message_queues) {
  struct {
    long type;
    char text[64];
  } m = {3, "three"};
  struct msqid_ds d;
  int status;
  CHECK(msgget(0x7e57abce, 0));
  int id = MUST(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
  CHECK(msgsnd(id, &m, 6, 0));
  m = (typeof(m)){1, "one"};
  CHECK(msgsnd(id, &m, 4, 0));
  m.type = 0;
  CHECK(msgsnd(id, &m, 4, 0));
  m.type = 1;
  CHECK(syscall(SYS_msgsnd, id, &m, -1L, 0));
  CHECK(msgsnd(id, (void *)1, 4, 0));
  CHECK(msgctl(id, IPC_STAT, &d));
  SAY("messages %d last mine %d", (int)d.msg_qnum, d.msg_lspid == getpid());
  VALUE(msgrcv(id, &m, sizeof m.text, 1, 0));
  SAY("%ld %s", m.type, m.text);
  CHECK(msgrcv(id, &m, 2, 0, 0));
  VALUE(msgrcv(id, &m, 2, -5, MSG_NOERROR));
  SAY("%ld %.2s", m.type, m.text);
  CHECK(msgrcv(id, &m, 2, 0, IPC_NOWAIT));
  pid_t pid = fork();
  if (pid == 0) {
    long n = msgrcv(id, &m, sizeof m.text, 9, 0);
    SAY("got %ld %s", n, m.text);
    _exit(0);
  }
  m = (typeof(m)){9, "for the child"};
  CHECK(msgsnd(id, &m, 14, 0));
  waitpid(pid, &status, 0);
  say_status("receiver", status);
  pid = fork();
  if (pid == 0) {
    _exit(msgrcv(id, &m, sizeof m.text, 0, 0) == -1 ? errno : 0);
  }
  until_asleep(pid);
  CHECK(msgctl(id, IPC_RMID, NULL));
  waitpid(pid, &status, 0);
  say_status("waiter", status);
  CHECK(msgctl(id, IPC_STAT, &d));
  CHECK(msgctl(id, 12345, &d));
}
