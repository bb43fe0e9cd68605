mkdir d; cd d; i=0; while [ $i -lt 3000 ]; do : > "file-with-a-longer-name-$i"; i=$((i+1)); done
ls | wc -l; ls | head -2; ls | tail -1; ls -a | wc -l; find . -name '*99*' | wc -l
for i in 5 500 2999; do rm file-with-a-longer-name-$i; done; ls | wc -l; mv file-with-a-longer-name-7 z; ls | tail -1
rm -f file*1*; ls | wc -l; cd ..; rm -r d; ls
