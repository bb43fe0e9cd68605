seq 15000 > n; cp n m; gzip n; ls -l n.gz | awk '{ print ($5 < 150000) }'; gzip -t n.gz && echo ok; zcat n.gz | md5sum; gunzip n.gz; cmp n m && echo same
gzip -9c m | gunzip | md5sum; gzip -1 < m | gzip -d | cksum; bzip2 -c m 2>/dev/null | bunzip2 | md5sum
head -c 100000 /dev/zero | gzip -c | wc -c; printf x | gzip | zcat; echo
echo garbage > bad.gz; gunzip bad.gz 2>/dev/null; echo $?; head -c 1000 /dev/urandom > r; gzip -k r; gunzip -c r.gz | cmp - r && echo random ok
