/*
 * Linked with a library whose object it copies (R_X86_64_COPY), and loading others with the same code: with RELA or
 * RELR, GNU or SysV hash tables, and (with glibc) IRELATIVE.
 */
#include "check.h"

extern int shared_object[4];
extern int *object_address(void);
extern int relocations_right(void);
#ifdef IFUNC
extern int ifunc(void);
extern int ifunc_right(void);
#endif

int main(int argc, char **argv) {
  OK(relocations_right() == 311, "linked library");
  OK(object_address() == shared_object, "the program's copy is the library's object");
  OK(shared_object[3] == 4, "the copy has the library's contents");
#ifdef IFUNC
  OK(ifunc() == 1234 && ifunc_right(), "IRELATIVE");
#endif
  for (int i = 1; i < argc; i++) {
    void *h = open_library(argv[i], RTLD_NOW | RTLD_LOCAL);
    int (*right)(void) = find(h, "relocations_right");
    const char *name = strrchr(argv[i], '/') + 1;
    OK(right() == 311, "%s: relocations", name);
    OK(right != relocations_right, "%s: has its own code", name);
    OK(dlsym(h, "object_addres") == NULL && dlsym(h, "") == NULL, "%s: no other names", name);
#ifdef IFUNC
    int (*irelative)(void) = find(h, "ifunc_right");
    OK(irelative(), "%s: IRELATIVE", name);
#endif
  }
  return finish();
}
