echo out; echo err >&2 2>/dev/null
{ echo a; echo b >&2; } > o 2> e; cat o e
echo one > f; echo two >> f; cat < f
exec 3> three; echo via3 >&3; exec 3>&-; cat three
exec 4< f; read l <&4; read m <&4; echo $m $l; exec 4<&-
ls nonexistent 2>&1 | sed 's/^ls: //'
cat > t <<X
x
X
cat t - < f; : > t; wc -c < t
(echo x >&5) 2>/dev/null || echo badfd
set -C; echo again > f 2>/dev/null || echo noclobber; set +C; echo c >| f; cat f
