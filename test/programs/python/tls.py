"""TLS: contexts, handshakes in memory and over loopback TCP."""
import socket
import ssl
import threading

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBlDCCATugAwIBAgIUcPMPMZhvXF8Hn74dhdpvkivAzGcwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODA3MjIwNloYDzIxMjYxMTA0
MDcyMjA2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQi1syPSn57fq80pl9Z0opktPJJ3FrOS6vgvBUUu8R3sCtTR62tW+XM
6lLv8X2soYi2CR5rydYAb6TWsFNuBfGVo2kwZzAdBgNVHQ4EFgQU78nCp1nfSH/f
ESY2yVuXR6ptkZ0wHwYDVR0jBBgwFoAU78nCp1nfSH/fESY2yVuXR6ptkZ0wDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
RwAwRAIgLv7jz0kCalrGAWlqnPmuk1CtA2AcMBP1vQXA69xTmoICIEspqJ4PsfA+
IUVaRF39RI4enOk089wMOdhx3LlrbZI1
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg666G/J4JJs/BppVZ
K4noF0YC1A6hkBM0iyxsVRSasB+hRANCAAQi1syPSn57fq80pl9Z0opktPJJ3FrO
S6vgvBUUu8R3sCtTR62tW+XM6lLv8X2soYi2CR5rydYAb6TWsFNuBfGV
-----END PRIVATE KEY-----
"""

print(ssl.OPENSSL_VERSION, ssl.HAS_TLSv1_3, ssl.HAS_ALPN)
context = ssl.create_default_context()
print(context.protocol, context.verify_mode, context.check_hostname, context.minimum_version)
print(len(context.get_ciphers()), context.get_ciphers()[0]["name"], context.cert_store_stats())
print(ssl.get_default_verify_paths().openssl_cafile)
print(len(ssl.RAND_bytes(16)), ssl.RAND_status())
print(ssl.cert_time_to_seconds("Jan  5 09:34:43 2018 GMT"), ssl.PEM_cert_to_DER_cert(CERTIFICATE)[:8].hex())

with open("/tmp/cert.pem", "w") as f:
    f.write(CERTIFICATE + KEY)


def contexts(version, ciphers=None):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain("/tmp/cert.pem")
    server.set_alpn_protocols(["one", "two"])
    client = ssl.create_default_context(cadata=CERTIFICATE)
    client.set_alpn_protocols(["two"])
    client.minimum_version = client.maximum_version = version
    if ciphers:
        client.set_ciphers(ciphers)
    return server, client


def in_memory(version, ciphers=None):
    server_context, client_context = contexts(version, ciphers)
    c_in, c_out, s_in, s_out = (ssl.MemoryBIO() for _ in range(4))
    client = client_context.wrap_bio(c_in, c_out, server_hostname="localhost")
    server = server_context.wrap_bio(s_in, s_out, server_side=True)
    rounds = 0
    while True:
        waiting = 0
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
        s_in.write(c_out.read())
        c_in.write(s_out.read())
        rounds += 1
        if not waiting:
            break
    client.write(b"from the client")
    s_in.write(c_out.read())
    print(client.version(), client.cipher()[0], client.selected_alpn_protocol(), rounds, server.read())
    print(client.getpeercert()["subject"], client.getpeercert()["subjectAltName"])


in_memory(ssl.TLSVersion.TLSv1_3)
for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-SHA384"):
    in_memory(ssl.TLSVersion.TLSv1_2, suite)

server_context, client_context = contexts(ssl.TLSVersion.TLSv1_3)
listener = socket.create_server(("127.0.0.1", 0))


def serve():
    for _ in range(2):
        connection, _ = listener.accept()
        try:
            with server_context.wrap_socket(connection, server_side=True) as tls:
                total = 0
                while total < 200_000:
                    total += len(tls.recv(65536))
                tls.sendall(b"%d bytes" % total)
                tls.unwrap()
        except ssl.SSLError as e:
            print("server:", e.reason)


thread = threading.Thread(target=serve)
thread.start()
with socket.create_connection(listener.getsockname()) as raw:
    with client_context.wrap_socket(raw, server_hostname="localhost") as tls:
        for i in range(20):
            tls.sendall(bytes([i]) * 10_000)
        print(tls.recv(100), tls.recv(100))
        tls.unwrap()
try:
    with socket.create_connection(listener.getsockname()) as raw:
        with ssl.create_default_context().wrap_socket(raw, server_hostname="localhost") as tls:
            pass
except ssl.SSLCertVerificationError as e:
    refused = e.verify_message
thread.join()
print(refused)
