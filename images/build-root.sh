#!/bin/bash
# Builds the guest image that kevlar-jit ships: a small musl userland with BusyBox and
# CPython, from Debian's source packages (packages.list), as a compressed ext4 file system.
#
# Usage: images/build-root.sh            8 minutes on two idle cores
#
#   KEVLAR_IMAGE_WORK    work directory, outside the repository (/var/tmp/kevlar-image)
#   KEVLAR_IMAGE_JOBS    parallel compiler processes (the number of processors)
#   KEVLAR_IMAGE_MIRROR  URL of a Debian mirror (the one the host's apt uses). Mirrors drop a
#                        version when its successor appears; Debian's snapshot archive keeps it.
#   KEVLAR_IMAGE_OUT     where bundled.ext4.br and bundled.json go (this directory)
#
# Invariants:
# - A finished step leaves a stamp named after the text of its function, so a second run
#   continues where the first one stopped, and a step whose text has changed runs again.
#   The steps from "root" on always run.
# - The host's apt configuration and its libraries are not touched: apt works with a source
#   list and caches of its own, musl is unpacked into the work directory. Only missing build
#   tools are installed, and only by root.
# - Nothing in the image depends on the host's clock, user, directory order or mke2fs.conf.
#   The same compiler and e2fsprogs give the same bytes.
set -euo pipefail
shopt -s nullglob

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RECIPE_VERSION=1
WORK=${KEVLAR_IMAGE_WORK:-/var/tmp/kevlar-image}
JOBS=${KEVLAR_IMAGE_JOBS:-$(nproc)}
MIRROR=${KEVLAR_IMAGE_MIRROR:-}
OUT=${KEVLAR_IMAGE_OUT:-$HERE}
NICE="nice -n 15"

APT=$WORK/apt          # private apt state
SRC=$WORK/dl           # downloaded source and musl packages
BUILD=$WORK/build      # one directory a package
STAGE=$WORK/stage      # what the packages install, headers included
MUSL=$WORK/musl        # Debian's musl and musl-dev, unpacked
ROOT=$WORK/root        # the guest's root directory
IMAGE=$WORK/bundled.ext4
STAMPS=$WORK/stamps
LOGS=$WORK/log
mkdir -p "$APT" "$SRC" "$BUILD" "$STAGE/usr/lib/pkgconfig" "$STAGE/usr/include" "$STAMPS" "$LOGS" "$WORK/bin"

export SOURCE_DATE_EPOCH=1750000000   # 2025-06-15: every time stamp in the image
export LC_ALL=C TZ=UTC
umask 022

started=$SECONDS
say() { printf '[%5ds] %s\n' $((SECONDS - started)) "$*"; }
die() { echo "build-root.sh: $*" >&2; exit 1; }

# The fields of a package's row in packages.list.
package_field() { # NAME COLUMN
  awk -v name="$1" -v column="$2" '$1 == name { print $column; found = 1 } END { exit !found }' "$HERE/packages.list" ||
    die "$1 is not in packages.list"
}

# Runs FUNCTION in the build directory unless its stamp says it is done.
step() { # NAME FUNCTION
  local stamp log=$LOGS/$1.log begin=$SECONDS status
  stamp=$STAMPS/$1.$( (declare -f "$2"; cat "$HERE/packages.list") | sha256sum | cut -c1-16)
  if [ -e "$stamp" ]; then say "$1: done before"; return; fi
  say "$1: start"
  # Not "if ( ... )": that would switch errexit off inside the step.
  set +e
  (set -e; cd "$BUILD"; "$2") >"$log" 2>&1
  status=$?
  set -e
  if [ $status != 0 ]; then
    tail -n 30 "$log" >&2
    die "step $1 failed with status $status; the whole log is $log"
  fi
  touch "$stamp"
  say "$1: ok in $((SECONDS - begin))s"
}
step_always() { rm -f "$STAMPS/$1".*; step "$@"; }

. "$HERE/recipe/fetch.sh"
. "$HERE/recipe/toolchain.sh"
. "$HERE/recipe/libraries.sh"
. "$HERE/recipe/programs.sh"
. "$HERE/recipe/assemble.sh"
. "$HERE/recipe/check.sh"
. "$HERE/recipe/make-ext4.sh"

require_host_tools
step fetch fetch_sources
step toolchain make_toolchain
use_toolchain
step zlib build_zlib
step libffi build_libffi
step bzip2 build_bzip2
step xz-utils build_xz
step sqlite3 build_sqlite
step openssl build_openssl
step busybox build_busybox
step python3.13 build_python
step_always root assemble_root
step_always check check_root
step_always ext4 make_ext4
step_always verify verify_ext4
step_always pack pack_image
say "done"
ls -l "$IMAGE" "$OUT/bundled.ext4.br"
cat "$OUT/bundled.json"
