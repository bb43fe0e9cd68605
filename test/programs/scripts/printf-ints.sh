printf '%d %i %u %x %X %o\n' 42 -7 42 255 255 8
printf '%5d|%-5d|%05d|%+d|% d\n' 42 42 42 42 42
printf '%s|%10s|%-10s|%.2s\n' abc abc abc abc
printf '%c%c%c\n' x yz w
printf '%b\n' 'a\tb\\n\0101\x41'
printf '%d\n' 0x1f 010 "'A"
printf '%s=%d\n' a 1 b 2 c 3
printf '%%|%5%|\n' | head -c 2; echo
printf '%x\n' -1
printf '%d\n' 9223372036854775807 -9223372036854775808
