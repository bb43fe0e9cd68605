dd if=/dev/zero of=s bs=1 count=1 seek=10485759 2>/dev/null; stat -c '%s' s; md5sum s
[ $(du -k s | cut -f1) -lt 200 ] && echo sparse
truncate -s 5G big; stat -c %s big; echo end >> big; tail -c 4 big; dd if=big bs=1M skip=4095 count=1 2>/dev/null | md5sum
echo mid | dd of=big bs=1 seek=3000000000 conv=notrunc 2>/dev/null; dd if=big bs=1 skip=2999999998 count=8 2>/dev/null | od -An -tx1; truncate -s 100 s; wc -c < s
