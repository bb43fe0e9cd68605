printf 'abcdefghij' > f; dd if=f bs=3 skip=1 count=2 2>/dev/null; echo; dd if=f of=g bs=2 seek=2 2>/dev/null; od -c g; od -An -tx1 f; od -An -td2 f; od -An -to1 -j2 -N3 f
hexdump -C f; xxd f 2>/dev/null; dd if=f conv=ucase 2>/dev/null; echo; printf '\1\2\3' | od -An -tu1; printf 'abcd' | hexdump -e '"%x\n"' ; printf 'A%.0s' $(seq 64) | od -c; strings /bin/busybox | head -1 | wc -l
dd if=/dev/zero bs=1000 count=3 2>&1 >/dev/null | head -2
