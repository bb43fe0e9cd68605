printf 'foo bar\nFoo\nbaz foo\n\nqux.x\n' > t
grep foo t; grep -i foo t | wc -l; grep -v foo t; grep -c . t; grep -n ba t
grep -E '^(foo|qux)' t; grep -F . t; grep -o 'ba.' t; grep -w bar t; grep -x Foo t
grep -q zzz t; echo $?; grep foo t nofile 2>/dev/null; echo $?
mkdir d; cp t d/; grep -r qux d; grep -l foo t d/t; grep -A1 -B1 -n '^$' t
printf 'a1\nb22\nc333\n' | grep -E '[0-9]{2,}'; printf 'x\ty\n' | grep -P 'x\ty' 2>/dev/null || echo nop
grep -e bar -e qux t; printf 'foo\nqux\n' > pat; grep -f pat t
