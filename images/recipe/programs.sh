# Sourced by build-root.sh: BusyBox and CPython.

# Everything of the default configuration, except what has no place or no use here: traffic
# control (dropped from newer kernel headers), login records, asking the terminal for its
# width. Applets are links, and the shell does not prefer them over programs in PATH.
build_busybox() {
  unpack busybox
  make defconfig HOSTCC=gcc CC="$CC"
  busybox_option PIE y
  busybox_option STATIC n
  busybox_option TC n
  busybox_option INSTALL_APPLET_SYMLINKS y
  busybox_option FEATURE_SH_STANDALONE n
  busybox_option FEATURE_UTMP n
  busybox_option FEATURE_WTMP n
  busybox_option FEATURE_EDITING_ASK_TERMINAL n
  (set +o pipefail; yes '' | make oldconfig HOSTCC=gcc CC="$CC")
  KEVLAR_LINK_FOR_IMAGE=1 $NICE make -j"$JOBS" HOSTCC=gcc CC="$CC" busybox
  make HOSTCC=gcc CC="$CC" busybox.links
}

busybox_option() { # NAME y|n
  sed -i -E "/^(# )?CONFIG_$1[ =]/d" .config
  if [ "$2" = n ]; then echo "# CONFIG_$1 is not set"; else echo "CONFIG_$1=$2"; fi >>.config
}

# Plain -O2 and no profile: the build is repeatable and the time is bearable. The stack size
# of threads is what musl distributions choose (musl's own default is 128 KiB).
build_python() {
  unpack python3.13
  OPT="-DNDEBUG -fwrapv -O2 -Wall" \
    CFLAGS="-O2 -fno-semantic-interposition -DTHREAD_STACK_SIZE=0x100000" \
    LDFLAGS="-Wl,--as-needed" \
    ./configure $CONFIGURE_HOST --prefix=/usr --libdir=/usr/lib --enable-shared --enable-ipv6 \
    --with-computed-gotos --without-ensurepip --disable-test-modules --with-system-libmpdec=no \
    --with-dbmliborder= --without-static-libpython --enable-loadable-sqlite-extensions
  $NICE make -j"$JOBS"
  rm -rf "$STAGE/usr/lib/python3.13"
  # -h: compileall prints its help and stops; the bytecode is made once, in assemble_root.
  $NICE make install DESTDIR="$STAGE" COMPILEALL_OPTS=-h
  # The same program once more, for the image's dynamic linker.
  mv python python.build
  KEVLAR_LINK_FOR_IMAGE=1 make python
  mv python python.image
  mv python.build python
}
