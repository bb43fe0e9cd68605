#!/usr/bin/env bash
# Puts Lib/test of the bundled image's CPython into .cache/cpython-tests/lib/test: what
# test/programs/cpython*.slow.test.ts run (scripts/lib/source-tests.sh).
. "$(dirname "${BASH_SOURCE[0]}")/lib/source-tests.sh"

# What is left out: a third of it all, and of no use without the tools or networks it is about.
UNUSED='idlelib|test_idle|test_tkinter|test_ttk|test_tools|test_capi|test_cext|test_cppext|test_peg_generator|test_freetds|wheeldata'

unpack_tests() {
  mkdir "$2/lib"
  tar xf "$1" -C "$2/lib" --strip-components=2 --wildcards '*/Lib/test'
  find "$2/lib/test" -mindepth 1 -maxdepth 1 -regextype posix-extended -regex ".*/($UNUSED)(\.py)?" -exec rm -r {} +
}

fetch_tests python3.13 cpython-tests xz
