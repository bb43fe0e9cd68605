i=0; while [ $i -lt 150 ]; do /bin/true; i=$((i+1)); done; echo $i
for i in $(seq 30); do (echo $i) & done | sort -n | tr '\n' ' '; wait; echo
for i in $(seq 20); do echo $(echo $(echo $i)); done | tail -1; x=$(seq 100 | xargs -n1 echo | wc -l); echo $x; sh -c 'sh -c "sh -c \"echo deep\""'
