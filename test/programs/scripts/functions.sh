f() { local x=$1; x=$((x+1)); echo $x; [ $x -lt 5 ] && f $x; return 0; }
f 1
fib() { if [ $1 -lt 2 ]; then echo $1; else echo $(( $(fib $(($1-1))) + $(fib $(($1-2))) )); fi; }
fib 12
g() { echo "$#: $*"; shift 2; echo "$@"; set -- a 'b c'; for i; do echo "<$i>"; done; }
g 1 2 '3 4' 5
h() { return 42; }; h; echo $?
