#!/usr/bin/env bash
# Puts Lib/test of the bundled image's CPython into .cache/cpython-tests/lib/test: what
# test/programs/cpython.slow.test.ts runs. From Debian's source package, like the image
# itself (images/recipe/fetch.sh): apt checks Debian's signatures, and the tarball must have
# the digest of images/packages.list. If Debian's mirrors have dropped that version, the
# newest 3.13 there takes its place, and a line says so.
#
#   KEVLAR_IMAGE_MIRROR  URL of a Debian mirror (the one the host's apt uses)
#
# Invariants: no root is needed and nothing of the host is changed; the folder appears when
# it is complete; status 0 with the files there, otherwise a line that says why not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=$PWD
MIRROR=${KEVLAR_IMAGE_MIRROR:-}
CACHE=$PROJECT/.cache
DONE=$CACHE/cpython-tests
# What is left out: a third of it all, and of no use without the tools or networks it is about.
UNUSED='idlelib|test_idle|test_tkinter|test_ttk|test_tools|test_capi|test_cext|test_cppext|test_peg_generator|test_freetds|wheeldata'

die() { echo "fetch-cpython-tests.sh: $*" >&2; exit 1; }

for tool in apt-get apt-cache sha256sum xz tar; do
  command -v "$tool" >/dev/null || die "$tool is needed"
done
read -r _ version tarball _ sha256 < <(grep '^python3\.13 ' images/packages.list)
[ "$(cat "$DONE/wanted" 2>/dev/null)" = "$version $sha256" ] && { echo "Lib/test of CPython $(cat "$DONE/version") is there"; exit; }

mkdir -p "$CACHE"
work=$(mktemp -d "$CACHE/cpython-tests.XXXXXX")
trap 'rm -rf "$work"' EXIT
APT=$work/apt
. images/recipe/fetch.sh
use_trixie deb-src >"$work/log" 2>&1 || die "apt-get update failed: $(tail -n 1 "$work/log" | cut -c1-60)"

found=$version
if ! private_apt apt-cache showsrc --only-source python3.13 2>/dev/null | grep -qxF "Version: $version"; then
  found=$(private_apt apt-cache showsrc --only-source python3.13 2>/dev/null | sed -n 's/^Version: //p' | sort -V | tail -n 1)
  [ -n "$found" ] || die 'there is no python3.13 in trixie'
  echo "CPython $version is not on the mirror any more: taking the tests of $found"
fi
(cd "$work" && private_apt apt-get source --only-source --download-only "python3.13=$found") >>"$work/log" 2>&1 ||
  die "the source package could not be fetched: $(tail -n 1 "$work/log" | cut -c1-60)"
source=$(cd "$work" && echo python3.13_*.orig.tar.xz)
if [ "$source" = "$tarball" ]; then
  (cd "$work" && echo "$sha256  $tarball" | sha256sum --quiet -c) || die "$tarball has another digest"
fi

mkdir -p "$work/new/lib"
tar xf "$work/$source" -C "$work/new/lib" --strip-components=2 --wildcards '*/Lib/test'
find "$work/new/lib/test" -mindepth 1 -maxdepth 1 -regextype posix-extended -regex ".*/($UNUSED)(\.py)?" -exec rm -r {} +
echo "$found" >"$work/new/version"
echo "$version $sha256" >"$work/new/wanted"
rm -rf "$DONE"
mv "$work/new" "$DONE"
echo "Lib/test of CPython $found: $(find "$DONE/lib" -type f | wc -l) files"
