true | false; echo $?
false | true; echo $?
set -o pipefail; false | true; echo $?
! true; echo $?
(exit 7); echo $?
sh -c 'kill -9 $$'; echo $?
sh -c 'exit 300'; echo $?
