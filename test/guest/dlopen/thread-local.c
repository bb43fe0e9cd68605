/* Variables of each kind: aligned, large, zero, initialised, with an address to be relocated in their image. */
static int target = 3;
_Thread_local int tl_one = 1;
_Thread_local int tl_zero;
_Thread_local __attribute__((aligned(64))) char tl_aligned[64] = "aligned";
_Thread_local char tl_large[50000];
_Thread_local int *tl_pointer = &target;
static _Thread_local int hidden = 11;

int *tl_hidden(void) { return &hidden; }
char *tl_large_at(int i) { return &tl_large[i]; }
int tl_sum(void) { return tl_one + tl_zero + hidden + *tl_pointer + tl_large[49999]; }
