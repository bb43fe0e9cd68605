/* An interpreter in a library, and one of its extension modules loaded from outside. */
#include "check.h"

int main(int argc, char **argv) {
  void *python = open_library(argv[1], RTLD_NOW | RTLD_GLOBAL);
  void (*initialize)(int) = find(python, "Py_InitializeEx");
  int (*run)(const char *) = find(python, "PyRun_SimpleString");
  int (*end)(void) = find(python, "Py_FinalizeEx");
  const char *(*version)(void) = find(python, "Py_GetVersion");
  OK(version()[0] == '3', "version");
  initialize(0);
  void *extension = open_library(argv[2], RTLD_NOW);
  void *(*init)(void) = find(extension, "PyInit_math");
  OK(init() != NULL, "PyInit_math");
  OK(run("import math; print(math.sqrt(2), math.gamma(5.5), math.__file__)") == 0, "import math");
  OK(run("import sys; print(sys.version_info[:2], sys.builtin_module_names[:5])") == 0, "sys");
  OK(run("raise SystemError('on purpose')") == -1, "an exception");
  OK(end() == 0, "end");
  void *again = open_library(argv[2], RTLD_NOW);
  OK(again == extension && dlsym(again, "PyInit_math") == (void *)init, "opened again");
  return finish();
}
