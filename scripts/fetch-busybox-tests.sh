#!/usr/bin/env bash
# Puts BusyBox's own tests (testsuite/) into .cache/busybox-tests/testsuite: what test/programs/busybox.slow.test.ts
# runs. From Debian's source package, like the image itself (images/recipe/fetch.sh): apt checks Debian's signatures,
# and the tarball must have the digest of images/packages.list. If Debian's mirrors have dropped that version, the
# newest in trixie takes its place, and a line says so.
#
#   KEVLAR_IMAGE_MIRROR  URL of a Debian mirror (the one the host's apt uses)
#
# Invariants: no root is needed and nothing of the host is changed; the folder appears when it is complete; status 0
# with the files there, otherwise a line that says why not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PROJECT=$PWD
MIRROR=${KEVLAR_IMAGE_MIRROR:-}
CACHE=$PROJECT/.cache
DONE=$CACHE/busybox-tests

die() { echo "fetch-busybox-tests.sh: $*" >&2; exit 1; }

for tool in apt-get apt-cache sha256sum bzip2 tar; do
  command -v "$tool" >/dev/null || die "$tool is needed"
done
read -r _ version tarball _ sha256 < <(grep '^busybox ' images/packages.list)
[ "$(cat "$DONE/wanted" 2>/dev/null)" = "$version $sha256" ] && { echo "BusyBox's tests, $(cat "$DONE/version"), are there"; exit; }

mkdir -p "$CACHE"
work=$(mktemp -d "$CACHE/busybox-tests.XXXXXX")
trap 'rm -rf "$work"' EXIT
APT=$work/apt
. images/recipe/fetch.sh
use_trixie deb-src >"$work/log" 2>&1 || die "apt-get update failed: $(tail -n 1 "$work/log" | cut -c1-60)"

found=$version
if ! private_apt apt-cache showsrc --only-source busybox 2>/dev/null | grep -qxF "Version: $version"; then
  found=$(private_apt apt-cache showsrc --only-source busybox 2>/dev/null | sed -n 's/^Version: //p' | sort -V | tail -n 1)
  [ -n "$found" ] || die 'there is no busybox in trixie'
  echo "BusyBox $version is not on the mirror any more: taking the tests of $found"
fi
(cd "$work" && private_apt apt-get source --only-source --download-only "busybox=$found") >>"$work/log" 2>&1 ||
  die "the source package could not be fetched: $(tail -n 1 "$work/log" | cut -c1-60)"
source=$(cd "$work" && echo busybox_*.orig.tar.bz2)
if [ "$source" = "$tarball" ]; then
  (cd "$work" && echo "$sha256  $tarball" | sha256sum --quiet -c) || die "$tarball has another digest"
fi

mkdir -p "$work/new"
tar xf "$work/$source" -C "$work/new" --strip-components=1 --wildcards '*/testsuite'
echo "$found" >"$work/new/version"
echo "$version $sha256" >"$work/new/wanted"
rm -rf "$DONE"
mv "$work/new" "$DONE"
echo "BusyBox's tests, $found: $(find "$DONE/testsuite" -type f | wc -l) files"
