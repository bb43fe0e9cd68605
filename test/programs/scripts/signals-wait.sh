(sleep 5 & echo $! > pid; wait) &
until [ -s pid ]; do sleep 0.05; done; kill $(cat pid); kill %1 2>/dev/null; wait; echo done
sh -c 'trap "echo usr2; exit 9" USR2; : > ready; while :; do sleep 0.05; done' & p=$!
until [ -e ready ]; do sleep 0.05; done; kill -USR2 $p; wait $p; echo status $?
sleep 10 & p=$!; kill -9 $p; wait $p 2>/dev/null; echo status $?
sh -c 'kill -SEGV $$' 2>/dev/null; echo segv $?
sh -c 'kill -PIPE $$'; echo pipe $?
