seq 6 | sed -n '1!G;h;$p'
seq 10 | sed -n 'n;p'
seq 5 | sed '1~2d'
printf 'k=v\nx=y\n' | sed -n 's/\(.*\)=\(.*\)/\2=\1/p'
printf 'aaa bbb\n' | sed 's/[^ ]*/(&)/2; s/a/\
/2'
seq 3 | sed '2q'; seq 3 | sed '2r /dev/stdin' < /dev/null
echo hello | sed 's/l*/X/g; s/./\u&/'
