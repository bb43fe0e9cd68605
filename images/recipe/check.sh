# Sourced by build-root.sh: what must hold for the root directory before it becomes an image.

check_root() {
  local bad=0
  check_linkage || bad=1
  check_bytecode || bad=1
  grep -rlIF "$WORK" "$ROOT" && { echo "the work directory is named above"; bad=1; }
  [ $bad = 0 ]
  check_guest_runs
}

# No glibc, no rpath, and the guest's dynamic linker: nothing of the build host.
check_linkage() {
  local file bad=0
  for file in $(elf_files); do
    readelf -dW "$file" | grep NEEDED | grep -E 'libc\.so\.6|libm\.so|libpthread|ld-linux|libgcc_s|libdl' &&
      { echo "glibc is needed by $file"; bad=1; }
    readelf -dW "$file" | grep -E 'RPATH|RUNPATH' && { echo "rpath in $file"; bad=1; }
    readelf -VW "$file" 2>/dev/null | grep GLIBC_ && { echo "glibc symbol versions in $file"; bad=1; }
    readelf -lW "$file" | grep Requesting | grep -v ' /lib/ld-musl-x86_64.so.1]' &&
      { echo "foreign dynamic linker in $file"; bad=1; }
    grep -qF "$WORK" "$file" && { echo "the work directory is named in $file"; bad=1; }
  done
  return $bad
}

# Every module has bytecode, and its flags (bytes 4 to 7) say unchecked hash.
check_bytecode() {
  local file bad=0 modules compiled=0
  modules=$(find "$ROOT/usr/lib/python3.13" -name '*.py' | wc -l)
  while read -r file; do
    [ "$(od -An -tx1 -j4 -N4 "$file" | tr -d ' ')" = 01000000 ] || { echo "not unchecked-hash: $file"; bad=1; }
    compiled=$((compiled + 1))
  done < <(find "$ROOT/usr/lib/python3.13" -name '*.pyc')
  [ "$modules" = "$compiled" ] || { echo "$modules modules, $compiled compiled"; bad=1; }
  return $bad
}

# Runs a program natively with $ROOT as its root directory; by root, or in a user namespace.
as_guest() {
  if [ "$(id -u)" = 0 ]; then
    env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root chroot "$ROOT" "$@"
  else
    env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root unshare --map-root-user chroot "$ROOT" "$@"
  fi
}

# -B: the check must not leave bytecode or anything else behind.
check_guest_runs() {
  as_guest /bin/sh -c 'set -e; . /etc/os-release; echo "$PRETTY_NAME"; ls / | wc -l; echo abc | sed s/b/B/ | grep aBc'
  as_guest /usr/bin/python3 -B - <<'PY'
import glob, importlib, os, sys
names = sorted(os.path.basename(f).split('.')[0] for f in glob.glob('/usr/lib/python3.13/lib-dynload/*.so'))
for name in names:
    importlib.import_module(name)
wanted = '_bz2 _ctypes _decimal _elementtree _hashlib _lzma _multiprocessing _posixsubprocess _socket _sqlite3 _ssl math pyexpat select zlib'
missing = [name for name in wanted.split() if name not in names and name not in sys.builtin_module_names]
assert not missing, missing
import bz2, ctypes, hashlib, json, lzma, math, sqlite3, ssl, zlib
data = b'kevlar' * 1000
for codec in (bz2, lzma, zlib):
    assert codec.decompress(codec.compress(data)) == data
assert hashlib.sha256(b'x').hexdigest().startswith('2d711642b726b044')
assert sqlite3.connect(':memory:').execute('select 6 * 7').fetchone() == (42,)
assert ctypes.CDLL(None).strlen(b'twelve bytes') == 12
print(f'{len(names)} extension modules; Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}, sqlite {sqlite3.sqlite_version}, zlib {zlib.ZLIB_VERSION}')
PY
}
