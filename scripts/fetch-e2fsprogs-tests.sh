#!/usr/bin/env bash
# Puts the damaged images of e2fsprogs' own tests (f_* for e2fsck, j_* for its journal) into
# .cache/e2fsprogs-tests/tests: what test/ext4/corpus.slow.test.ts opens (scripts/lib/source-tests.sh).
. "$(dirname "${BASH_SOURCE[0]}")/lib/source-tests.sh"

unpack_tests() {
  tar xf "$1" -C "$2" --strip-components=1 --wildcards '*/tests/[fj]_*/image.gz' '*/tests/[fj]_*/name'
}

fetch_tests e2fsprogs e2fsprogs-tests gzip scripts/lib/tests.list
