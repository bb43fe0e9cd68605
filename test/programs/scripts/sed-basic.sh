printf 'one\ntwo\nthree\nfour\n' > t
sed 's/o/0/g; /two/d' t
sed -n '2,3p;$=' t
sed '1i\
first
$a\
last' t
sed -E 's/(t)(h|w)/\2\1/' t
sed '/two/,/three/s/^/> /' t
sed 'y/abcdefghijklmnopqrstuvwxyz/ABCDEFGHIJKLMNOPQRSTUVWXYZ/' t
sed '$!N;s/\n/+/' t
sed -e ':a' -e '$!{N;ba' -e '}' -e 's/\n/,/g' t
sed -i.bak 's/one/ONE/' t; cat t t.bak | head -2
echo 'a/b/c' | sed 's|/|::|2'
sed = t | sed 'N;s/\n/ /'
