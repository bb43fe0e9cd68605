touch a1 a2 b1 'sp ace' .hidden [x]; mkdir d; touch d/q
echo *; echo a?; echo [ab]1; echo .h*; echo */*; echo nomatch*; echo '[x]' [[]x]
for f in *; do echo "<$f>"; done
set -f; echo *; set +f
case foo.tar.gz in *.gz) echo gz;; esac
case x in [!a-m]) echo range;; esac
