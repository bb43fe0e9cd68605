/* RTLD_NOW, LAZY, GLOBAL, LOCAL, NOLOAD, NODELETE; dlclose and opening again; what errors say. */
#include "check.h"

static void say_error(const char *what) {
  const char *text = dlerror();
  printf("%s: %s\n", what, text ? text : "(none)");
}

int main(int argc, char **argv) {
  char local[256], lazy[256], late[256], missing[256];
  snprintf(local, sizeof local, "%s/liblocal.so", argv[1]);
  snprintf(lazy, sizeof lazy, "%s/liblazy.so", argv[1]);
  snprintf(late, sizeof late, "%s/liblate.so", argv[1]);
  snprintf(missing, sizeof missing, "%s/libmissing.so", argv[1]);

  OK(dlopen(local, RTLD_NOW | RTLD_NOLOAD) == NULL, "NOLOAD does not load");
  say_error("NOLOAD");
  void *h = open_library(local, RTLD_NOW | RTLD_LOCAL);
  int *count = find(h, "local_constructed");
  OK(*count == 1, "the constructor ran once");
  OK(dlsym(RTLD_DEFAULT, "local_constructed") == NULL, "LOCAL is not seen by default");
  say_error("LOCAL");
  void *again = open_library(local, RTLD_NOW | RTLD_NOLOAD | RTLD_GLOBAL);
  OK(again == h, "opened again: the same handle");
  OK(*count == 1, "and no constructor ran");
  OK(dlsym(RTLD_DEFAULT, "local_constructed") == count, "now GLOBAL");
  *count = 77;
  printf("dlclose %d, %d\n", dlclose(again), dlclose(h));
  void *reopened = open_library(local, RTLD_NOW | RTLD_NODELETE);
  int *recount = find(reopened, "local_constructed");
  /* musl keeps what was loaded. */
  printf("reopened: constructed %d\n", *recount);
  printf("dlclose %d\n", dlclose(reopened));
  OK(*recount >= 1, "NODELETE: still there");

  OK(dlopen(missing, RTLD_NOW) == NULL, "a library that is not there");
  say_error("missing");
  OK(dlopen(lazy, RTLD_NOW) == NULL, "NOW needs every symbol");
  say_error("NOW");
  void *l = open_library(lazy, RTLD_LAZY);
  int (*early)(void) = find(l, "lazy_alone");
  OK(early() == 9, "LAZY does without those that are not used");
  open_library(late, RTLD_LAZY | RTLD_GLOBAL);
  int (*function)(void) = find(l, "lazy_function");
  OK(function() == 42, "and finds them once they are there");

  OK(dlsym(h, "no such thing") == NULL, "a symbol that is not there");
  say_error("symbol");
  OK(dlsym(RTLD_DEFAULT, "printf") == (void *)printf, "printf by default");
  OK(dlsym(RTLD_NEXT, "malloc") != NULL, "malloc by NEXT");
  void *self = open_library(NULL, RTLD_NOW);
  OK(dlsym(self, "main") == (void *)main, "main of the program itself");
  Dl_info info;
  OK(dladdr((void *)early, &info) != 0, "dladdr");
  OK(strcmp(info.dli_fname, lazy) == 0, "dladdr: file");
  OK(info.dli_sname && strcmp(info.dli_sname, "lazy_alone") == 0, "dladdr: symbol");
  OK(info.dli_saddr == (void *)early, "dladdr: address");
  return finish();
}
