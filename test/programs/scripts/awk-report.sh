i=0; while [ $i -lt 300 ]; do echo "user$((i%7)) $((i*37%101)) dept$((i%3))"; i=$((i+1)); done > data
awk '{ sum[$3] += $2; n[$3]++; if ($2 > max[$3]) max[$3] = $2 } END { for (d in sum) printf "%s %d %.4f %d\n", d, n[d], sum[d]/n[d], max[d] }' data | sort
awk '{ u[$1]++ } END { for (x in u) print x, u[x] }' data | sort -k2nr -k1 | head -3; sort -k3,3 -k2,2nr data | awk '$3 != last { print; last = $3 }'; awk 'NR % 50 == 0 { printf "%-10s|%5d|%.2e\n", $1, $2, $2 / 7 }' data; cut -d' ' -f2 data | sort -n | uniq -c | sort -rn | head -2
