(sleep 5 & echo $! > pid; wait) &
sleep 0.2; kill $(cat pid); kill %1 2>/dev/null; wait; echo done
sh -c 'trap "echo usr2; exit 9" USR2; while :; do sleep 0.05; done' & p=$!
sleep 0.2; kill -USR2 $p; wait $p; echo status $?
sleep 10 & p=$!; kill -9 $p; wait $p 2>/dev/null; echo status $?
sh -c 'kill -SEGV $$' 2>/dev/null; echo segv $?
sh -c 'kill -PIPE $$'; echo pipe $?
