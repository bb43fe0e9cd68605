# Sourced by build-root.sh: the host's gcc made into a compiler for musl.
#
# musl-dev's spec file replaces glibc's start files, headers and library directories. It is
# used here with two changes: musl lives in the work directory, and programs that only run
# during the build ask for the dynamic linker there. musl looks for its library path next to
# that linker (PREFIX/etc/ld-musl-x86_64.path), so fresh programs find fresh libraries
# without an rpath, and the host needs no musl. A link with KEVLAR_LINK_FOR_IMAGE=1 asks for
# /lib/ld-musl-x86_64.so.1, as the image must.

TARGET=x86_64-linux-musl
MUSL_LIB=$MUSL/usr/lib/$TARGET

make_toolchain() {
  local version directory
  version=$(package_field musl 2)
  rm -rf "$MUSL" "$WORK/kernel-headers"
  dpkg-deb -x "$SRC/musl_${version}_amd64.deb" "$MUSL"
  dpkg-deb -x "$SRC/musl-dev_${version}_amd64.deb" "$MUSL"
  mkdir -p "$MUSL/lib" "$MUSL/etc"
  ln -sfn "$MUSL_LIB/libc.so" "$MUSL/lib/ld-musl-x86_64.so.1"
  echo "$STAGE/usr/lib" >"$MUSL/etc/ld-musl-x86_64.path"
  sed -e "s#/usr/lib/$TARGET#$MUSL_LIB#g" -e "s#/usr/include/$TARGET#$MUSL/usr/include/$TARGET#g" \
    "$MUSL_LIB/musl-gcc.specs" >"$WORK/musl-image.specs"
  sed "s#/lib/ld-musl-x86_64.so.1#$MUSL&#" "$WORK/musl-image.specs" >"$WORK/musl-build.specs"
  # The kernel's headers, without glibc's beside them; they are searched last.
  mkdir -p "$WORK/kernel-headers"
  for directory in linux asm-generic mtd; do ln -s "/usr/include/$directory" "$WORK/kernel-headers/"; done
  ln -s /usr/include/x86_64-linux-gnu/asm "$WORK/kernel-headers/asm"
  write_compiler "$WORK/bin/$TARGET-gcc"
}

# -print-multiarch must name musl, or CPython's configure stops over the platform triplet.
# The prefix map keeps the work directory's name out of the binaries.
write_compiler() { # FILE
  cat >"$1" <<EOT
#!/bin/sh
case "\$*" in *-print-multiarch*) echo $TARGET; exit 0;; esac
specs=$WORK/musl-build.specs
[ "\${KEVLAR_LINK_FOR_IMAGE:-0}" = 1 ] && specs=$WORK/musl-image.specs
exec x86_64-linux-gnu-gcc "\$@" -isystem $STAGE/usr/include -idirafter $WORK/kernel-headers \\
  -ffile-prefix-map=$WORK=/usr/src/kevlar-image -L$STAGE/usr/lib \\
  -Wl,-z,now -Wl,-z,relro -Wl,--hash-style=gnu -static-libgcc -specs \$specs
EOT
  chmod +x "$1"
}

use_toolchain() {
  export PATH=$WORK/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  export CC=$TARGET-gcc AR=ar RANLIB=ranlib
  export PKG_CONFIG_LIBDIR=$STAGE/usr/lib/pkgconfig PKG_CONFIG_PATH= \
    PKG_CONFIG_SYSTEM_INCLUDE_PATH=/usr/include PKG_CONFIG_SYSTEM_LIBRARY_PATH=/usr/lib
  CONFIGURE_HOST="--build=$TARGET --host=$TARGET"
  LIBRARY_CFLAGS="-O2 -fPIC"
}
