seq 1 20000 | grep 7 | sed 's/7/seven/g' | awk '{ n += length($0) } END { print n, NR }'
yes abc | head -n 50000 | wc -lc
seq 20000 | tail -n 3
seq 20000 | sed -n "5000p;19999p"
