for w in pear apple fig apple pear apple kiwi; do echo $w; done | sort | uniq -c | sort -rn | head -3
printf '%s\n' 3 1 2 10 20 | sort -n | tr '\n' ' '; echo
printf 'b 2\na 10\nc 1\n' | sort -k2,2n
printf 'x:3\ny:1\n' | sort -t: -k2 | cut -d: -f1
