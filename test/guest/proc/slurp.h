/* Reads a whole file of /proc into `text`; -1 (and a line of output) if it cannot be opened. */
static char text[262144];
static long slurp(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) { SAY("%s: errno %d", path, errno); text[0] = 0; return -1; }
  long n = 0, r;
  while ((r = read(fd, text + n, sizeof text - 1 - n)) > 0) n += r;
  text[n] = 0;
  close(fd);
  return n;
}
