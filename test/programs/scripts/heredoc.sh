name=world
cat <<EOF
hello $name $((6*7)) `echo sub`
EOF
cat <<'EOF'
no $expansion `here` $((1))
EOF
cat <<-EOF
	tabs stripped
		twice
	EOF
while read a b; do echo "$b-$a"; done <<EOF
1 one
2 two three
EOF
cat <<A; cat <<B
first
A
second
B
