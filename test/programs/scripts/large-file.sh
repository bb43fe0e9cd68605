seq 1 400000 > n; wc n; md5sum n; head -c 1000000 n | tail -c 20; split -n 3 n p 2>/dev/null || split -b 1000000 n p; cat p* | cmp - n && echo split ok; ls p* | wc -l
head -n 40000 n > m; sort -rn m | head -2; sort m | md5sum; tac n | head -1; rev n | tail -1; cut -c1-3 n | sort -u | wc -l; od -An -tx1 -N 16 n; dd if=n bs=4096 skip=10 count=2 2>/dev/null | md5sum
