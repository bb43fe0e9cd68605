i=0; s=0; while [ $i -lt 6000 ]; do s=$(( (s * 31 + i) & 0xffffff )); i=$((i+1)); done; echo $s
a=1; b=1; n=0; while [ $n -lt 80 ]; do t=$((a+b)); a=$b; b=$t; n=$((n+1)); done; echo $a
collatz() { n=$1; c=0; while [ $n -ne 1 ]; do if [ $((n%2)) = 0 ]; then n=$((n/2)); else n=$((3*n+1)); fi; c=$((c+1)); done; echo $c; }; collatz 97; collatz 871
