echo '3 4 + p 2 * p 10 k 22 7 / p' | dc; echo '2 100 ^ p' | dc; echo '[la1+dsa10>x]sx0salxxlap' | dc 2>/dev/null
if command -v bc >/dev/null; then echo 'scale=30; 4*a(1); sqrt(2); 2^200; 1/3' | bc -l; echo 'for (i=0;i<5;i++) i*i; define f(x) { if (x<2) return x; return f(x-1)+f(x-2); } f(15)' | bc; echo 'obase=16; 255; ibase=2; 1010' | bc; echo 'e(1); s(1); l(10)' | bc -l; else echo no bc; fi
