head -c 10 /dev/zero | od -An -tx1; echo x > /dev/null; wc -c < /dev/null; head -c 1000 /dev/urandom | wc -c; echo full > /dev/full 2>/dev/null || echo enospc; [ -c /dev/null ] && echo char; echo a | cat /dev/stdin; echo out > /dev/stdout; (echo err > /dev/stderr) 2>&1; cat < /dev/fd/0 <<X
fd0
X
head -c 8 /dev/random | wc -c; dd if=/dev/zero of=/dev/null bs=1M count=10 2>&1 | head -2; stat -c '%t %T %F' /dev/null /dev/zero; [ -t 0 ] || echo notty; cat /dev/full | head -c 4 | od -An -tx1
