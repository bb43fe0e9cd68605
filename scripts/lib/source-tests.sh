# To be sourced: tests out of Debian's source packages, for comparing guests with native runs. Like the image itself
# (images/recipe/fetch.sh): apt checks Debian's signatures, and the tarball must have the digest of
# images/packages.list, or of another list of that form. If Debian's mirrors have dropped that version, the newest in
# trixie takes its place, and a line says so.
#
#   KEVLAR_IMAGE_MIRROR  URL of a Debian mirror (the one the host's apt uses)
#
# Invariants: no root is needed and nothing of the host is changed; the folder appears when it is complete; status 0
# with the files there, otherwise a line that says why not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

PROJECT=$PWD
MIRROR=${KEVLAR_IMAGE_MIRROR:-}
CACHE=$PROJECT/.cache

die() { echo "$(basename "$0"): $*" >&2; exit 1; }

# fetch_tests PACKAGE FOLDER UNPACKER [LIST]: has `unpack_tests TARBALL NEW` put the tests of PACKAGE into the new
# folder that becomes .cache/FOLDER, with the files `version` (what was fetched) and `wanted` (what was to be).
fetch_tests() {
  local package=$1 done=$CACHE/$2 unpacker=$3 list=${4:-images/packages.list} tool version tarball sha256 found source
  for tool in apt-get apt-cache sha256sum "$unpacker" tar; do
    command -v "$tool" >/dev/null || die "$tool is needed"
  done
  read -r _ version tarball _ sha256 < <(grep "^${package//./\\.} " "$list")
  if [ "$(cat "$done/wanted" 2>/dev/null)" = "$version $sha256" ]; then
    echo "the tests of $package $(cat "$done/version") are there"
    return
  fi

  mkdir -p "$CACHE"
  work=$(mktemp -d "$done.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  APT=$work/apt
  . images/recipe/fetch.sh
  use_trixie deb-src >"$work/log" 2>&1 || die "apt-get update failed: $(tail -n 1 "$work/log" | cut -c1-60)"

  found=$version
  if ! private_apt apt-cache showsrc --only-source "$package" 2>/dev/null | grep -qxF "Version: $version"; then
    found=$({ private_apt apt-cache showsrc --only-source "$package" 2>/dev/null || true; } |
      sed -n 's/^Version: //p' | sort -V | tail -n 1)
    [ -n "$found" ] || die "the mirror has no $package: $(tail -n 1 "$work/log" | cut -c1-60)"
    echo "$package $version is not on the mirror any more: taking the tests of $found"
  fi
  (cd "$work" && private_apt apt-get source --only-source --tar-only --download-only "$package=$found") >>"$work/log" 2>&1 ||
    die "the source package could not be fetched: $(tail -n 1 "$work/log" | cut -c1-60)"
  source=$(find "$work" -name "${package}_*.orig.tar.*" ! -name '*.asc' -printf '%f')
  if [ "$source" = "$tarball" ]; then
    (cd "$work" && echo "$sha256  $tarball" | sha256sum --quiet -c) || die "$tarball has another digest"
  fi

  mkdir "$work/new"
  unpack_tests "$work/$source" "$work/new"
  echo "the tests of $package $found: $(find "$work/new" -type f | wc -l) files"
  echo "$found" >"$work/new/version"
  echo "$version $sha256" >"$work/new/wanted"
  rm -rf "$done"
  mv "$work/new" "$done"
}
