# Sourced by build-root.sh: the shared libraries CPython links with, installed into $STAGE.

build_zlib() {
  unpack zlib
  CFLAGS="$LIBRARY_CFLAGS" CHOST= ./configure --prefix=/usr --libdir=/usr/lib --shared
  $NICE make -j"$JOBS"
  make install DESTDIR="$STAGE"
}

build_libffi() {
  unpack libffi
  [ -x configure ] || autoreconf -fi   # Debian's tarball is a git archive
  CFLAGS="$LIBRARY_CFLAGS" ./configure $CONFIGURE_HOST --prefix=/usr --libdir=/usr/lib --disable-static \
    --disable-multi-os-directory --disable-docs --disable-exec-static-tramp
  $NICE make -j"$JOBS"
  make install DESTDIR="$STAGE"
}

# bzip2's own makefile for the shared library names glibc-only flags; seven files need none.
build_bzip2() {
  unpack bzip2
  local objects="blocksort huffman crctable randtable compress decompress bzlib" name
  for name in $objects; do $NICE $CC $LIBRARY_CFLAGS -Wall -D_FILE_OFFSET_BITS=64 -c "$name.c"; done
  $CC -shared -Wl,-soname,libbz2.so.1 -o libbz2.so.1.0.8 ${objects// /.o }.o
  cp libbz2.so.1.0.8 "$STAGE/usr/lib/"
  ln -sf libbz2.so.1.0.8 "$STAGE/usr/lib/libbz2.so.1"
  ln -sf libbz2.so.1 "$STAGE/usr/lib/libbz2.so"
  cp bzlib.h "$STAGE/usr/include/"
}

build_xz() {
  unpack xz-utils
  CFLAGS="$LIBRARY_CFLAGS" ./configure $CONFIGURE_HOST --prefix=/usr --libdir=/usr/lib --disable-static --disable-nls \
    --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-scripts --disable-doc
  $NICE make -j"$JOBS"
  make install DESTDIR="$STAGE"
}

# The makefile only makes the amalgamation; the library is one compiler call.
build_sqlite() {
  unpack sqlite3
  CFLAGS=-O1 ./configure $CONFIGURE_HOST --prefix=/usr --disable-tcl --disable-readline
  $NICE make -j"$JOBS" sqlite3.c sqlite3.h
  $NICE $CC $LIBRARY_CFLAGS -shared -Wl,-soname,libsqlite3.so.0 -o "$STAGE/usr/lib/libsqlite3.so.0" \
    -DSQLITE_THREADSAFE=1 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_COLUMN_METADATA \
    -DSQLITE_ENABLE_DBSTAT_VTAB -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_SECURE_DELETE \
    -DSQLITE_USE_URI -DHAVE_USLEEP=1 sqlite3.c
  ln -sf libsqlite3.so.0 "$STAGE/usr/lib/libsqlite3.so"
  cp sqlite3.h src/sqlite3ext.h "$STAGE/usr/include/"
  printf '%s\n' 'prefix=/usr' 'Name: SQLite' 'Description: SQL database engine' "Version: $(cat VERSION)" \
    'Libs: -L/usr/lib -lsqlite3' 'Cflags: -I/usr/include' >"$STAGE/usr/lib/pkgconfig/sqlite3.pc"
}

# linux-x86_64 keeps the assembly, with its run-time choice by CPUID. musl has no ucontext,
# hence no-async; the other no-* drop what distributions do not enable either.
build_openssl() {
  unpack openssl
  env -u CFLAGS perl ./Configure linux-x86_64 CC="$CC" CFLAGS="-O2 -Wall" \
    --prefix=/usr --libdir=lib --openssldir=/etc/ssl shared \
    no-tests no-docs no-apps no-engine no-async no-legacy no-comp \
    no-idea no-mdc2 no-rc5 no-ec2m no-ssl3 no-seed no-weak-ssl-ciphers
  $NICE make -j"$JOBS" build_libs
  make install_dev install_ssldirs DESTDIR="$STAGE"
}
