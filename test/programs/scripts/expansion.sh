v=/usr/lib/libfoo.so.1.2
echo ${v##*/} ${v%.*} ${v%%.*} ${v#*/} ${#v}
unset u; echo ${u:-default} ${u:=assigned} $u ${u:+set}
x=abcabc; echo ${x/b/X} ${x//b/X} ${x:1:3} ${x: -2}
echo $((0x1f + 010 + 2**10 % 7)) $((1<<40)) $((-7/2)) $((-7%3)) $((5>3 && 2<1 || 1))
i=5; echo $((i++ + ++i)) $i $((i*=3)) $((i>>1 ^ 1)) $((~i))
echo {a,b} "$(echo nested $(echo deep))" `expr 3 \* 4`
IFS=:; set -- $PATH_LIKE a:b; echo $#; p=a:b::c; set -- $p; echo $# "$3"
