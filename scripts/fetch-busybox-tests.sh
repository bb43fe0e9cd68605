#!/usr/bin/env bash
# Puts BusyBox's own tests (testsuite/) into .cache/busybox-tests/testsuite: what test/programs/busybox.slow.test.ts
# runs (scripts/lib/source-tests.sh).
. "$(dirname "${BASH_SOURCE[0]}")/lib/source-tests.sh"

unpack_tests() {
  tar xf "$1" -C "$2" --strip-components=1 --wildcards '*/testsuite'
}

fetch_tests busybox busybox-tests bzip2
