/*
 * A library with relocations of all kinds that a loader makes, and a way to ask whether they are right. What is asked is
 * static: a library loaded later finds the exported names of the one that the program is linked with.
 */
extern int printf(const char *, ...);

int shared_object[4] = {1, 2, 3, 4};
static int target[8];
static int *volatile relative[8] = {&target[0], &target[1], &target[2], &target[3],
                    &target[4], &target[5], &target[6], &target[7]};
/* Far apart, so that a bitmap of RELR has holes. */
static int *volatile sparse[300] = {[0] = &target[0], [63] = &target[1], [64] = &target[2], [299] = &target[3]};
static int (*volatile absolute)(const char *, ...) = printf;
static int *volatile symbolic = shared_object + 2;
static _Thread_local volatile int variable = 8;
#ifdef IFUNC
static int chosen(void) { return 1234; }
static void *choose(void) { return chosen; }
int ifunc(void) __attribute__((ifunc("choose")));
static int (*volatile ifunc_pointer)(void) = ifunc;
int ifunc_right(void) { return ifunc() == 1234 && ifunc_pointer() == 1234; }
#endif

int *object_address(void) { return shared_object; }

int relocations_right(void) {
  int right = 0;
  for (int i = 0; i < 8; i++) right += relative[i] == &target[i];
  for (int i = 0; i < 300; i++) {
    int *expected = i == 0 ? &target[0] : i == 63 ? &target[1] : i == 64 ? &target[2] : 0;
    right += sparse[i] == (i == 299 ? &target[3] : expected);
  }
  return right + (absolute == printf) + (symbolic == shared_object + 2) + (variable == 8);
}
