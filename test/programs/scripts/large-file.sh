seq 16000 > s; cat s s s s s s s s s s s s > n; wc n; md5sum n; head -c 1000000 n | tail -c 20
split -b 400000 n p; cat p* | cmp - n && echo split ok; ls p* | wc -l
tail -n 8000 s > m; sort -rn m | head -2; sort m | md5sum; tac m | head -1; rev m | tail -1
cut -c1-3 m | sort -u | wc -l; od -An -tx1 -N 16 n; dd if=n bs=4096 skip=10 count=2 2> /dev/null | md5sum
truncate -s 3G huge; cat n >> huge; stat -c %s huge; tail -c 14 huge; du -k huge | cut -f1 | awk '{ print ($1 < 2000) }'
dd if=huge bs=65536 skip=49152 count=4 2> /dev/null | md5sum; head -c 262144 n | md5sum
