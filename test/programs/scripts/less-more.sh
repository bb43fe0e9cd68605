seq 200 > t; less t < /dev/null | md5sum; more t < /dev/null | tail -1; cat t | less | head -2; head -n 5 t | less; pr 2>/dev/null < /dev/null; column 2>/dev/null < /dev/null; printf 'x\n' | less -E
