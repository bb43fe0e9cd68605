find /lib /usr/lib -type f | sort | head -n 60 | xargs sha256sum
