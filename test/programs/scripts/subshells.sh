x=1; (x=2; echo $x; (x=3; echo $x)); echo $x
y=$(x=9; echo $x; exit 4); echo $y $? $x
cd /; (cd /bin; pwd); pwd
echo $( (echo a; echo b) | tr '\n' + )
{ x=5; }; echo $x
( exit 3 ) || echo rc $?
seq 3 | while read n; do x=$n; done; echo $x
