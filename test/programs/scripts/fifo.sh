mkfifo p; (echo through fifo > p) & cat p; wait
(seq 10000 > p) & awk '{ s += $1 } END { print s }' p; wait
mkfifo a b; (while read x; do echo "got $x"; done < a > b) & { exec 3> a 4< b; echo 1 >&3; read r <&4; echo "$r"; echo 2 >&3; read r <&4; echo "$r"; exec 3>&- 4<&-; }; wait; ls -l p | cut -c1; rm p a b; ls
