# Sourced by build-root.sh: $ROOT becomes the ext4 image $IMAGE, and the image is compressed.
#
# mke2fs makes an empty file system and debugfs fills it, in an order written down here and
# with E2FSPROGS_FAKE_TIME as the clock: mke2fs -d would follow the host's directory order,
# copy its change times and owners, and need root for device nodes.

FS_LABEL=kevlar-root
FS_UUID=6b65766c-6172-4000-8000-000000000001
FS_HASH_SEED=6b65766c-6172-4000-8000-000000000002
FS_INODES=16384
JOURNAL_MIB=4
FREE_MIB=64

# name, mode, major, minor; for whoever mounts the image elsewhere: kevlar-jit has its own /dev
DEVICE_NODES="null 020666 1 3
zero 020666 1 5
full 020666 1 7
random 020666 1 8
urandom 020666 1 9
tty 020666 5 0
ptmx 020666 5 2
console 020600 5 1"

make_ext4() {
  export E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH MKE2FS_CONFIG=$HERE/recipe/mke2fs.conf
  rm -f "$IMAGE"
  truncate -s "$(image_mib)M" "$IMAGE"
  mke2fs -q -F -t ext4 -N $FS_INODES -J size=$JOURNAL_MIB -L $FS_LABEL -U $FS_UUID \
    -E lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0,hash_seed=$FS_HASH_SEED "$IMAGE"
  debugfs_script >"$WORK/debugfs.script"
  debugfs -w -f "$WORK/debugfs.script" "$IMAGE" >"$WORK/debugfs.log" 2>&1
  # Its exit status is that of the last command: anything but echo and inode numbers is an error.
  grep -vE '^(debugfs|Allocated inode):? ' "$WORK/debugfs.log" && return 1
  e2fsck -fn "$IMAGE"
}

# What the files take in whole blocks, the inode tables, the journal, a MiB of other
# metadata for good measure, and the free space; in MiB.
image_mib() {
  find "$ROOT" -printf '%y %s\n' | awk -v inodes=$FS_INODES -v journal=$JOURNAL_MIB -v free=$FREE_MIB '
    $1 == "f" || $1 == "d" { blocks += int(($2 + 4095) / 4096) }
    END { print int((blocks * 4096 + inodes * 256) / 1048576) + 1 + journal + free + 1 }'
}

# Directories first, then files, then links. Executables and libraries come before all other
# files, and a module's bytecode follows its source: like beside like, within brotli's window,
# makes the compressed image 2 % smaller than the plain order of the paths.
debugfs_script() {
  find "$ROOT" -mindepth 1 -type d -printf '%m /%P\n' | sort -k2 |
    awk '{ print "mkdir " $2; print "sif " $2 " mode 04" sprintf("%04d", $1) }'
  find "$ROOT" -type f -printf '%P %m %h %f\n' |
    awk '{ key = $1; if (sub("__pycache__/", "", key)) sub("[.]cpython-313[.]pyc$", ".pyc", key)
           print ($2 == 755 ? "0/" : "1/") key, $0 }' |
    sort -k1,1 | awk -v root="$ROOT" '
      { directory = substr($4, length(root) + 1) "/"
        if (directory != last) { print "cd " directory; last = directory }
        print "write " root "/" $2 " " $5
        print "sif " $5 " mode 010" sprintf("%04d", $3) }'
  find "$ROOT" -type l -printf '%P %l %h %f\n' | sort | awk -v root="$ROOT" '
    { print "cd " substr($3, length(root) + 1) "/"; print "symlink " $4 " " $2 }'
  local name mode major minor
  echo "cd /dev"
  while read -r name mode major minor; do
    printf 'mknod %s c %s %s\nsif %s mode %s\n' "$name" "$major" "$minor" "$name" "$mode"
  done <<<"$DEVICE_NODES"
  printf 'sif /home/user uid 1000\nsif /home/user gid 1000\nsif /dev/tty gid 5\n'
}

# Reads the image back and compares it with the root directory: names, kinds, modes, link
# targets and contents.
verify_ext4() {
  local copy=$WORK/copy
  rm -rf "$copy"
  mkdir "$copy"
  debugfs -R "rdump / $copy" "$IMAGE"
  rmdir "$copy/lost+found"
  diff -r --no-dereference "$ROOT" "$copy"
  # rdump drops the sticky bit
  diff <(cd "$ROOT" && find . -mindepth 1 -printf '%P %y %m %l\n' | sed 's/ 1777 / 777 /' | sort) \
    <(cd "$copy" && find . -mindepth 1 -printf '%P %y %m %l\n' | sort)
  debugfs -R 'stat /tmp' "$IMAGE" 2>/dev/null | grep 'Type: directory .*Mode: *01777'
  [ "$(debugfs -R 'ls -l /dev' "$IMAGE" 2>/dev/null | grep -c ' 20[0-7]* (')" = "$(wc -l <<<"$DEVICE_NODES")" ]
  rm -rf "$copy"
}

pack_image() { $NICE node "$HERE/pack.mjs" "$IMAGE" "$OUT" "$RECIPE_VERSION"; }
