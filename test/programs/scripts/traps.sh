trap 'echo exiting $?' EXIT
trap 'echo got usr1' USR1
trap 'echo got term' TERM
kill -USR1 $$
kill -TERM $$
(trap 'echo sub exit' EXIT; exit 3); echo sub $?
sh -c 'trap "echo int; exit 5" INT; kill -INT $$; echo not here'; echo $?
trap '' HUP; kill -HUP $$; echo survived
trap - USR1
trap
exit 4
