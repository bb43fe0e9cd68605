/* What fork(2) copies: private memory when it is written, shared memory never. */
#include "../contract.h"
#include "areas.h"

static void handshake(int *in, int *out) {
  char c;
  MUST(write(out[1], "x", 1));
  MUST(read(in[0], &c, 1));
}

CONTRACT(the_child_does_not_see_what_the_parent_writes) {
  int to[2], from[2];
  char c, *p = fresh(4, RW, MAP_PRIVATE);
  MUST(pipe(to)), MUST(pipe(from));
  strcpy(p, "before");
  if (MUST(fork()) == 0) {
    read(to[0], &c, 1);
    SAY("child: %s, %d", p, p[PAGE]);
    strcpy(p, "child's");
    write(from[1], "x", 1);
    _exit(0);
  }
  strcpy(p, "parent's");
  p[PAGE] = 9;
  handshake(from, to);
  wait(NULL);
  SAY("parent: %s, %d", p, p[PAGE]);
}

CONTRACT(three_generations_have_a_page_each) {
  int *p = (int *)fresh(1, RW, MAP_PRIVATE);
  *p = 1;
  IN_CHILD("child") {
    ++*p;
    IN_CHILD("grandchild") {
      ++*p;
      IN_CHILD("great-grandchild") SAY("%d", ++*p);
      SAY("%d", *p);
    }
    SAY("%d", *p);
  }
  SAY("%d", *p);
}

CONTRACT(a_page_read_but_never_written_is_zero_in_both) {
  volatile int *p = (int *)fresh(2, RW, MAP_PRIVATE);
  int sum = p[0];
  IN_CHILD("child") {
    p[0] = 3;
    SAY("child: %d %d", p[0], p[1024]);
  }
  SAY("parent: %d %d", p[0], p[1024]);
}

CONTRACT(mprotect_between_fork_and_write_keeps_the_copies_apart) {
  char *p = fresh(2, RW, MAP_PRIVATE);
  strcpy(p, "parent's");
  IN_CHILD("child") {
    MUST(mprotect(p, PAGE, PROT_READ));
    MUST(mprotect(p, PAGE, RW));
    strcpy(p, "child's");
  }
  SAY("%s", p);
  mprotect(p, PAGE, PROT_READ);
  IN_CHILD("second child") {
    mprotect(p, PAGE, RW);
    strcpy(p, "second");
  }
  SAY("%s", p);
}

CONTRACT(a_system_call_writes_to_a_copy_too) {
  int fds[2];
  char *p = fresh(1, RW, MAP_PRIVATE);
  MUST(pipe(fds));
  strcpy(p, "parent's");
  IN_CHILD("child") {
    write(fds[1], "child's", 8);
    read(fds[0], p, 8);
    SAY("child: %s", p);
  }
  SAY("parent: %s", p);
}

CONTRACT(a_private_file_map_is_copied_a_shared_one_is_not) {
  int fd = file_of("f", 2 * PAGE);
  char *mine = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
  char *ours = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
  mine[0] = '1';
  IN_CHILD("child") {
    mine[0] = mine[PAGE] = '2';
    ours[PAGE] = '3';
  }
  SAY("private %c %c, shared %c %c", mine[0], mine[PAGE], ours[0], ours[PAGE]);
}

CONTRACT(a_map_of_both_kinds_made_in_the_child_is_the_childs) {
  char *p = island(3, RW, MAP_PRIVATE);
  IN_CHILD("child") {
    munmap(p, PAGE);
    mmap(p + PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    say_areas("child", p, 3);
  }
  say_areas("parent", p, 3);
}

CONTRACT(vfork_shares_the_memory) {
  volatile int *p = (int *)fresh(1, RW, MAP_PRIVATE);
  if (vfork() == 0) {
    *p = 77;
    _exit(5);
  }
  int status;
  SAY("%d", *p);
  wait(&status);
  say_status("child", status);
}

CONTRACT(many_children_write_the_same_page) {
  int *p = (int *)fresh(1, RW, MAP_PRIVATE), *sum = (int *)fresh(1, RW, MAP_SHARED);
  *p = 1000;
  for (int i = 0; i < 40; i++) {
    if (MUST(fork()) == 0) {
      *p += i;
      __atomic_fetch_add(sum, *p, __ATOMIC_SEQ_CST);
      _exit(0);
    }
  }
  while (wait(NULL) > 0) {}
  SAY("sum %d, mine %d", *sum, *p);
}

CONTRACT(the_stack_is_copied) {
  volatile char local[3 * 4096];
  memset((char *)local, 's', sizeof local);
  IN_CHILD("child") memset((char *)local, 'c', sizeof local);
  SAY("%c %c", local[0], local[sizeof local - 1]);
}
