/* One of the hundred: MAGIC is replaced in each copy, so that each is another file. */
static volatile unsigned long magic = 0x1122334455667788;
static volatile unsigned long table[700];
static volatile unsigned long *volatile pointers[3] = {&table[0], &table[1], &table[699]};
static _Thread_local volatile unsigned long own = 5;

__attribute__((constructor)) static void start(void) {
  for (int i = 0; i < 700; i++) table[i] = magic * (i + 1);
}

unsigned long small_magic(void) { return magic; }

/* How many words are right. */
int small_check(void) {
  int right = 0;
  for (int i = 0; i < 700; i++) right += table[i] == magic * (i + 1);
  return right + (*pointers[2] == table[699]) + (own == 5);
}
