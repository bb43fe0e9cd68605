# Sourced by build-root.sh: puts the guest's root directory together in $ROOT.
# Owners, device nodes and times are given by make-ext4.sh, so none of this needs root.

SHARED_LIBRARIES="libz.so.1 libffi.so.8 libbz2.so.1 liblzma.so.5 libsqlite3.so.0 \
  libcrypto.so.3 libssl.so.3 libpython3.13.so.1.0 libpython3.so"

assemble_root() {
  rm -rf "$ROOT"
  mkdir -p "$ROOT"/{bin,sbin,dev/{pts,shm},home/user,lib,mnt,opt,proc,root,run,sys,tmp} \
    "$ROOT"/etc/ssl/certs "$ROOT"/usr/{bin,sbin,lib,local/{bin,sbin,lib},share/licenses} "$ROOT"/var/{cache,lib,log,tmp}
  ln -s ../run "$ROOT/var/run"   # where BusyBox's daemons put their process numbers
  chmod 1777 "$ROOT/tmp" "$ROOT/var/tmp" "$ROOT/dev/shm"
  chmod 700 "$ROOT/root"
  install_configuration
  install_libraries
  install_busybox
  install_python
  install_licences
  strip_binaries
  compile_bytecode
}

install_configuration() {
  cp "$HERE"/root-files/etc/* "$ROOT/etc/"
  sed "s/@VERSION@/$RECIPE_VERSION/" "$ROOT/etc/os-release.in" >"$ROOT/etc/os-release"
  rm "$ROOT/etc/os-release.in"
  cp "$STAGE/etc/ssl/openssl.cnf" "$ROOT/etc/ssl/"
  find "$ROOT/etc" -type f -exec chmod 644 {} +
  chmod 640 "$ROOT/etc/shadow"
  ln -s /proc/mounts "$ROOT/etc/mtab"
}

# Programs name musl "libc.so", which the dynamic linker itself answers; no such file is
# needed. libc.musl-x86_64.so.1 is the name that programs from Alpine use.
install_libraries() {
  local library
  install -m 755 "$MUSL_LIB/libc.so" "$ROOT/lib/ld-musl-x86_64.so.1"
  ln -s ld-musl-x86_64.so.1 "$ROOT/lib/libc.musl-x86_64.so.1"
  for library in $SHARED_LIBRARIES; do
    install -m 755 "$STAGE/usr/lib/$library" "$ROOT/usr/lib/$library"
  done
  ln -s libpython3.13.so.1.0 "$ROOT/usr/lib/libpython3.13.so"
}

# One link an applet, relative, in the standard places.
install_busybox() {
  local link target
  install -m 755 "$BUILD/busybox/busybox" "$ROOT/bin/busybox"
  while read -r link; do
    case $link in
      /linuxrc) continue ;;
      /bin/*) target=busybox ;;
      /sbin/*) target=../bin/busybox ;;
      /usr/*) target=../../bin/busybox ;;
      *) die "no place for the applet $link" ;;
    esac
    [ -e "$ROOT$link" ] || ln -s "$target" "$ROOT$link"
  done < <(sort -u "$BUILD/busybox/busybox.links")
}

# The whole standard library, without the tests, IDLE, Tk and pip's installer (the image has
# neither Tk nor pip) and without what only building C extensions needs.
install_python() {
  local library=$ROOT/usr/lib/python3.13
  install -m 755 "$BUILD/python3.13/python.image" "$ROOT/usr/bin/python3.13"
  ln -s python3.13 "$ROOT/usr/bin/python3"
  ln -s python3 "$ROOT/usr/bin/python"
  cp -a "$STAGE/usr/lib/python3.13" "$ROOT/usr/lib/"
  (cd "$library"
    rm -rf test idlelib tkinter turtledemo ensurepip __phello__ config-3.13-*
    find . -name __pycache__ -prune -exec rm -rf {} +
    find . -depth -type d \( -name test -o -name tests \) -exec rm -rf {} +
    find . -name '*.exe' -delete
    sed -i "s#$WORK#/usr/src/kevlar-image#g" _sysconfigdata_*.py)
  find "$library" -type f -name '*.so' -exec chmod 755 {} +
}

# The licence texts, as the licences ask of whoever passes the programs on.
install_licences() {
  local row
  for row in "$MUSL/usr/share/doc/musl/copyright:musl" busybox/LICENSE:busybox python3.13/LICENSE:python3.13 \
    python3.13/Doc/license.rst:python3.13 openssl/LICENSE.txt:openssl zlib/LICENSE:zlib libffi/LICENSE:libffi bzip2/LICENSE:bzip2 \
    xz-utils/COPYING:xz-utils xz-utils/COPYING.0BSD:xz-utils sqlite3/LICENSE.md:sqlite3; do
    local from=${row%:*} to=$ROOT/usr/share/licenses/${row##*:}
    case $from in /*) ;; *) from=$BUILD/$from ;; esac
    mkdir -p "$to"
    install -m 644 "$from" "$to/"
  done
  # HACL*'s notice is only in its files: the comment that opens each of them.
  sed '/\*\//q' "$BUILD/python3.13/Modules/_hacl/Hacl_Hash_MD5.c" >"$ROOT/usr/share/licenses/python3.13/HACL"
}

is_elf() { [ "$(head -c 4 "$1" | tail -c 3)" = ELF ]; }
elf_files() { find "$ROOT" -type f \( -name '*.so*' -o -perm -100 \) | sort | while read -r f; do is_elf "$f" && echo "$f" || true; done; }

# musl is left as Debian built it.
strip_binaries() {
  local file
  for file in $(elf_files); do
    case $file in
      */ld-musl-*) ;;
      *.so*) strip --strip-unneeded -R .comment -R .note.gnu.property "$file" ;;
      *) strip -R .comment -R .note.gnu.property "$file" ;;
    esac
  done
}

# Bytecode by the interpreter just built. unchecked-hash: Python uses it without looking at
# the source's time or text. -B and -f: without them the modules that compileall itself
# imports get time-stamped bytecode first, and compileall leaves that alone.
compile_bytecode() {
  $NICE "$STAGE/usr/bin/python3.13" -B -E -S -m compileall -f -q -j "$JOBS" \
    --invalidation-mode unchecked-hash -s "$ROOT" -p / "$ROOT/usr/lib/python3.13"
  find "$ROOT" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}
