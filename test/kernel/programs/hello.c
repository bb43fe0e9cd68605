#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
static int data = 5;
static char bss[10000];
int main(int argc, char **argv, char **envp) {
  printf("hello %d\n", argc);
  for (int i = 1; i < argc; i++) printf("arg %s\n", argv[i]);
  for (int i = 0; envp[i]; i++) printf("env %s\n", envp[i]);
  int sum = data;
  for (int i = 0; i < sizeof bss; i++) sum += bss[i];
  printf("sum %d %ld %s\n", sum, getauxval(AT_PAGESZ), (char *)getauxval(AT_PLATFORM));
  return 7;
}
