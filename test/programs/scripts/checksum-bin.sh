find /bin /sbin -type f | sort | xargs md5sum
