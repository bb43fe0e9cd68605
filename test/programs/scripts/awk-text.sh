printf 'alice 30 NY\nbob 25 LA\ncarol 35 SF\n' > p
awk '{ s += $2 } END { print s/NR }' p
awk '$2 > 26 { print toupper($1), $NF }' p
awk -F' ' 'BEGIN { OFS="," } { $1 = $1; print }' p
awk '{ a[$3] = $1 } END { n = 0; for (k in a) n++; print n, a["LA"] }' p
awk 'BEGIN { s = "foobarfoo"; gsub(/foo/, "<&>", s); print s; print match("xxabc", /abc/), RSTART, RLENGTH }'
awk 'BEGIN { n = split("a:b:c", v, ":"); for (i = n; i; i--) printf "%s ", v[i]; print substr("hello", 2, 3), index("hello", "l"), length("hello") }'
awk 'function f(n) { return n < 2 ? n : f(n-1) + f(n-2) } BEGIN { print f(18) }'
awk 'BEGIN { while (("echo x; echo y" | getline l) > 0) print "got", l; "date -d @0 -u +%Y" | getline y; print y }'
awk 'NR==FNR { a[$1]; next } $1 in a' p p | wc -l
awk 'BEGIN { printf "%s %5.2f|%-6s|%06d\n", "x", 3.14159, "ab", 42 }'
