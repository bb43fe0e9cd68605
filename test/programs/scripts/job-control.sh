set -m
sleep 30 &
jobs | sed 's/^\[1\]./[1]/'
kill -STOP %1; sleep 0.1
jobs | grep -c Stopped
kill -CONT %1; sleep 0.1
jobs | grep -c Running
kill %1; wait %1 2>/dev/null; echo $?
(sleep 0.1; exit 3) & wait $!; echo $?
set +m
( sleep 0.2; echo late ) & echo early; wait
