# Sourced by build-root.sh: build tools of the host, and the source packages. Also sourced by
# scripts/fetch-*-tests.sh, for apt.

# Debian package names of everything that is called below and of the compiler.
HOST_TOOLS="gcc make perl tcl pkg-config autoconf automake libtool libltdl-dev linux-libc-dev \
  dpkg-dev patch xz-utils bzip2 binutils e2fsprogs debian-archive-keyring"

require_host_tools() {
  local package missing=()
  for package in $HOST_TOOLS; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing+=("$package")
  done
  type node >/dev/null 2>&1 || die "node is needed to compress the image"
  [ ${#missing[@]} = 0 ] && return
  [ "$(id -u)" = 0 ] || die "not root, and these build tools are missing: apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  local install="apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300"
  $install "${missing[@]}" >"$LOGS/host-tools.log" 2>&1 ||
    { apt-get update && $install "${missing[@]}"; } >>"$LOGS/host-tools.log" 2>&1 ||
    die "cannot install the build tools, see $LOGS/host-tools.log"
}

# apt-get and apt-cache with a source list, package lists and caches of our own.
private_apt() { # PROGRAM ARG...
  local program=$1; shift
  "$program" -o Dir::Etc::sourcelist="$APT/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$APT/lists" -o Dir::Cache="$APT/cache" \
    -o APT::Sandbox::User= -o Acquire::Check-Valid-Until=false -q "$@"
}

# The first Debian archive in the host's apt configuration.
host_mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed q
}

# Makes the private apt know trixie's packages of these types (deb, deb-src).
use_trixie() { # TYPE...
  local key=/usr/share/keyrings/debian-archive-keyring.gpg mirror type
  mirror=${MIRROR:-$(host_mirror)}
  [ -n "$mirror" ] || die "this host's apt knows no Debian mirror: set KEVLAR_IMAGE_MIRROR"
  mkdir -p "$APT/lists/partial" "$APT/cache/archives/partial"
  for type; do
    printf '%s [signed-by=%s arch=amd64] %s trixie main\n' "$type" "$key" "$mirror"
  done >"$APT/sources.list"
  private_apt apt-get update
}

# Into $SRC: per package the upstream tarball and Debian's patches; musl's binary packages.
# apt checks Debian's signatures, and the tarballs must have the digests of packages.list.
fetch_sources() {
  local name version tarball patches sha256
  use_trixie deb deb-src
  cd "$SRC"
  while read -r name version tarball patches sha256; do
    private_apt apt-get source --only-source --download-only "$name=$version"
    echo "$sha256  $tarball" | sha256sum -c
  done < <(grep -v '^#' "$HERE/packages.list")
  version=$(package_field musl 2)
  private_apt apt-get download "musl:amd64=$version" "musl-dev:amd64=$version"
}

# Unpacks the package NAME afresh into $BUILD/NAME, applies the chosen Debian patches and
# leaves the caller in that directory.
unpack() { # NAME
  local tarball version patches patch
  tarball=$(package_field "$1" 3)
  version=$(package_field "$1" 2)
  patches=$(package_field "$1" 4)
  rm -rf "${BUILD:?}/$1" "$BUILD/$1.debian"
  mkdir -p "$BUILD/$1" "$BUILD/$1.debian"
  tar xf "$SRC/$tarball" -C "$BUILD/$1" --strip-components=1
  cd "$BUILD/$1"
  [ "$patches" = - ] && return
  tar xf "$SRC/$1_${version#*:}".debian.tar.* -C "$BUILD/$1.debian"
  grep -v '^#' "$BUILD/$1.debian/debian/patches/series" | grep -E "$patches" | while read -r patch; do
    echo "applying $patch"
    patch -p1 --no-backup-if-mismatch <"$BUILD/$1.debian/debian/patches/$patch"
  done
}
