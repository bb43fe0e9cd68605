echo data > f; ln f h; ln -s f s; ln -s nowhere dangling; ln -s loop1 loop2; ln -s loop2 loop1
cat s h; readlink s; stat -c %h f; [ -L dangling ] && echo islink; [ -e dangling ] || echo broken; cat loop1 2>&1 | sed 's/.*: //'
mkdir d; ln -s ../f d/rel; cat d/rel; cd d; cat rel; cd ..; rm f; cat h; cat s 2>/dev/null || echo gone; readlink -f d/../h | sed "s|$PWD|PWD|"; ls -F | tr '\n' ' '; echo
l=$(printf 'x%.0s' $(seq 200)); ln -s $l long; readlink long | wc -c; ln -sf h s; cat s; ln -sn d dl; ls dl; unlink dl; mv s moved; readlink moved
