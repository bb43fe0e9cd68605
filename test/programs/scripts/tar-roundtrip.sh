mkdir -p src/sub; echo hello > src/f; seq 5000 > src/sub/n; ln -s f src/link; ln src/f src/hard; chmod 751 src/sub; printf '' > src/empty
tar cf a.tar src; tar tf a.tar | sort; mkdir out; tar xf a.tar -C out; find out | sort
cmp src/sub/n out/src/sub/n && readlink out/src/link; stat -c '%a %h' out/src/sub out/src/f
tar czf a.tgz src; tar tzf a.tgz | wc -l; mkdir o2; tar xzf a.tgz -C o2; md5sum o2/src/sub/n
tar cf - src | (mkdir o3; cd o3; tar xf -); diff -r src o3/src && echo same
tar cf sel.tar -C src sub/n f; tar tf sel.tar; tar xOf sel.tar f
