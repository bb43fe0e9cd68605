# Every cipher of `openssl enc`, there and back; what enc refuses (authenticated modes) it must refuse alike.
# A process for each: PART is sed's choice of names.
seq 2500 | head -c 2007 > big; head -c 503 big > short; head -c 1024 big > even
key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f1032547698badcfe2143658709abcdef5566778899aabbcc0123456789012345
iv=f0e1d2c3b4a5968778695a4b3c2d1e0f all='-provider default -provider legacy'
openssl enc $all -list | tail -n +2 | xargs -n 1 | sed s/-// > names
echo aes-128-gcm aes-256-ccm aes-128-ocb aes-128-xts aes-256-xts aes-128-siv aes-128-cbc-cts chacha20-poly1305 rc5 seed idea-ecb null no-such-cipher | xargs -n 1 >> names
sed -nE "$PART" names > part
while read -r c; do
  f=big; case $c in *wrap|*wrap-pad|*3DESwrap) f=even;; *cfb1) f=short;; esac
  echo "$c:" >> err; openssl enc -e $all -$c -K $key -iv $iv -in $f -out $c.e 2>> err; echo "$c $?"
  [ -s $c.e ] || continue
  openssl enc -d $all -$c -K $key -iv $iv -in $c.e -out $c.p 2>> err; echo $?
  cmp $c.p $f
done < part
# The number before "error" is the thread's.
sed 's/^[0-9A-F]*:error:/error:/' err
# The Triple DES wrap has a random initialization vector.
for f in *3*wrap.e; do [ -e $f ] && wc -c $f; rm -f $f; done; sha256sum *.e
