i=0; while [ $i -lt 10 ]; do i=$((i+1)); [ $i = 3 ] && continue; [ $i = 6 ] && break; echo $i; done
until [ $i -ge 8 ]; do i=$((i+1)); done; echo $i
for a in 1 2; do for b in x y z; do [ $b = y ] && continue 2; echo $a$b; done; done
for x in one two three; do case $x in t*) echo t;; one|two) echo first;; *) echo other;; esac; done
if false; then echo no; elif true; then echo elif; else echo else; fi
[ -n "" ] || echo empty; [ a \< b ] && echo less; [ 3 -gt 2 -a 1 -eq 1 ] && echo and; test ! -e nofile && echo nofile
