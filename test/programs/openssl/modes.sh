# The common modes at every length around the blocks of an unrolled loop, and passwords.
seq 2500 > big; key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f iv=f0e1d2c3b4a5968778695a4b3c2d1e0f
for n in 0 15 65 257 777 4096; do head -c $n big > in
  for c in aes-128-cbc aes-256-ctr chacha20; do
    case $c in *128*) k=${key%10111*};; *) k=$key;; esac
    openssl enc -$c -K $k -iv $iv -in in -out e; openssl enc -d -$c -K $k -iv $iv -in e | cmp - in; sha256sum < e
  done
done
head -c 1000 big > in
for o in '-md md5' '-md sha512' '-pbkdf2' '-pbkdf2 -iter 50 -md sha1' '-nosalt' '-nopad -pbkdf2'; do openssl enc -aes-256-cbc -S 0102030405060708 -k password $o -in in -out e 2>/dev/null; echo "$o $?"; od -An -tx1 -N16 e; md5sum < e; done
openssl enc -aes-128-cbc -k password -P -S 0102030405060708 -pbkdf2
openssl enc -aes-128-cbc -a -k password -pbkdf2 -in in | openssl enc -d -aes-128-cbc -a -k password -pbkdf2 | md5sum
openssl enc -d -aes-128-cbc -k password -pbkdf2 -in in 2>/dev/null; echo "not encrypted $?"
openssl enc -d -aes-128-cbc -K ${key%10111*} -iv $iv -in in -out /dev/null 2>/dev/null; echo "bad length $?"
openssl enc -base64 -in in | md5sum; openssl enc -base64 -A -in in | openssl base64 -d -A | md5sum
