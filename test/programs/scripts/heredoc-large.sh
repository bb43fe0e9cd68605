{ echo 'cat <<END | md5sum'; seq 1 30000; echo END; } > big.sh
sh big.sh
cat <<END | wc -c
$(seq 1 5000)
END
