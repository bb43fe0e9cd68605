awk 'BEGIN { for (i = 0; i < 8000; i++) a[i % 997] += i * i % 1009; for (i = 0; i < 997; i += 100) print i, a[i] }'
seq 8000 | awk '{ x = (x * 31 + $1) % 1000003 } END { print x }'
seq 2000 | awk '{ l[NR] = $0 } END { for (i = NR; i > NR - 5; i--) print l[i] }'
awk 'BEGIN { n = 3000; for (i = 2; i <= n; i++) if (!c[i]) { p++; for (j = i * 2; j <= n; j += i) c[j] = 1 } print p }'
