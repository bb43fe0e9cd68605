f() { OPTIND=1; while getopts ab:c o; do echo "$o ${OPTARG-none}"; done; shift $((OPTIND-1)); echo "rest $*"; }
f -a -b val -c x y
f -bval -ac -- -z
f -q 2>&1 | sed 's/^[^:]*: //' | head -1
set -- 1 2 3 4 5 6 7 8 9 10 11; echo $1 ${10} ${11}; shift 9; echo $*
