mkdir -m 755 pub; echo secret > sec; chmod 600 sec; echo open > pub/o; chmod 644 pub/o; chmod 711 .
id -u; su nobody -s /bin/sh -c 'id -u; cat sec 2>/dev/null || echo denied; cat pub/o; touch pub/x 2>/dev/null || echo nowrite; kill -0 1 2>/dev/null || echo nokill'
