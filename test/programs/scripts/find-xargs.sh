mkdir -p a/b/c; touch a/1.txt a/b/2.txt a/b/c/3.log 'a/sp ace.txt'; chmod 600 a/1.txt
find a | sort; find a -name '*.txt' | sort; find a -type d | sort; find a -maxdepth 1 | sort
find a -type f -perm 600; find a -name '*.log' -exec echo found {} \;; find a -type f -print0 | sort -z | xargs -0 -n1 echo
find a -newer a/1.txt -type f | wc -l > /dev/null
find a -type f | sort | xargs -I{} echo 'file: {}'; seq 10 | xargs -n 3; echo 'a b' 'c' | xargs printf '<%s>'; echo
find a -empty | sort; find a \( -name '*.log' -o -name '1*' \) | sort; find a -name '*.txt' ! -name '2*' | sort; find a -depth -name 'c' ; find a -name '*.log' -delete; find a -type f | wc -l
seq 5000 | xargs echo | wc -c; seq 3 | xargs -t -n1 true 2>&1
