printf 'a b c d\ne\\ f g\n' | { read x y; echo "[$x][$y]"; read -r p q; echo "[$p][$q]"; read z || echo eof; }
echo '1:2:3' | { IFS=: read a b c; echo $c$b$a; }
printf 'no newline' | { read l; echo "$? $l"; }
printf '  lead  trail  \n' | { read l; echo "<$l>"; }
printf '  lead  trail  \n' | { IFS= read l; echo "<$l>"; }
echo abcdef | { read -n 3 x; echo $x; }
