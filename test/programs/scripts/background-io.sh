# What happens when is settled by pipes and FIFOs, never by how long something takes.
(for i in 1 2 3; do echo bg $i; sleep 0.02; done) > log & wait; cat log
{ sleep 0.1; echo slow; } | { read x; echo "piped $x"; }
(echo a; sleep 0.1; echo b) | while read l; do echo "line $l"; done
(sleep 60 > /dev/null 2>&1; echo never) & kill $!; wait $! 2> /dev/null; echo killed
mkfifo one two
(read x < two; echo 3) & (read x < one; echo 2; echo > two) & (sleep 0.2; echo 1; echo > one) & wait
: > followed; tail -f log > followed & p=$!
until [ "$(wc -l < followed)" -eq 3 ]; do sleep 0.05; done
echo more >> log
until [ "$(wc -l < followed)" -eq 4 ]; do sleep 0.05; done
kill $p; wait $p 2> /dev/null; cat followed; echo end
