printf 'a\tb\tc\n1\t2\t3\n' > t; cut -f2 t; cut -c1,3 t | od -An -c; paste t t; paste -sd, t | tr '\t' ' '; printf 'a\nb\nc\n' | tr -d '\n' ; echo; echo hello | tr a-y b-z; echo aabbcc | tr -s abc; echo 'Hello World' | tr -cd 'A-Z'; echo
printf '1\n2\n3\n' | tac; echo abc | rev; fold -w 4 <<X
abcdefghij
X
printf 'a b\n' | expand; nl t | head -1; comm -12 t t | wc -l; printf 'a 1\nb 2\n' > j1; printf 'a x\nb y\n' > j2; join j1 j2 2>/dev/null || echo nojoin; cat -n t; cat -A t | head -1; head -c 3 t; echo; tail -n +2 t; wc t; echo 'x y z' | wc -w; seq 0 5 20 | tr '\n' ' '; seq -w 8 11; seq 3 -1 1; factor 360 97; expr 'abc' : 'a\(.\)'; basename /a/b.c .c; dirname /a/b/c; shuf -e a b c | sort | tr -d '\n'; echo; tee copy < t | wc -l; cmp t copy && echo equal; echo x | cat t - | tail -1
