"""Sockets: pairs, loopback TCP and UDP, unix, descriptors sent; select, poll, epoll, selectors."""
import array
import errno
import os
import select
import selectors
import socket
import socketserver
import struct
import threading

a, b = socket.socketpair()
a.sendall(b"ping")
print(b.recv(10), a.family.name, a.type.name, a.getsockname(), a.getpeername())
a.shutdown(socket.SHUT_WR)
print(b.recv(10), b.send(b"pong"), a.recv(10))
a.close()
try:
    b.send(b"x")
except OSError as e:
    print(e)
b.close()
for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
    a, b = socket.socketpair(socket.AF_UNIX, kind)
    a.send(b"one")
    a.send(b"two!")
    print(b.recv(2), b.recv(100))
    a.close()
    b.close()

server = socket.create_server(("127.0.0.1", 0))
host, port = server.getsockname()
client = socket.create_connection((host, port), timeout=600)
peer, address = server.accept()
print(address == client.getsockname(), client.getpeername() == (host, port))
payload = bytes(range(256)) * 4000


def send():
    peer.sendall(payload)
    peer.shutdown(socket.SHUT_WR)


t = threading.Thread(target=send)
t.start()
got = b"".join(iter(lambda: client.recv(65536), b""))
t.join()
print(got == payload)
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
print(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), client.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE),
      client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
client.sendall(b"peeked")
print(peer.recv(3, socket.MSG_PEEK), peer.recv(6, socket.MSG_WAITALL))
client.settimeout(0.02)
c2 = socket.socket()
c2.setblocking(False)
print(errno.errorcode[c2.connect_ex((host, port))], select.select([], [c2], [], 10)[1] == [c2], c2.connect_ex((host, port)))
c2.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
p2, _ = server.accept()
c2.close()
try:
    p2.recv(1)
except OSError as e:
    print(e)
server.close()
try:
    socket.create_connection((host, port))
except OSError as e:
    print(e)
for s in (client, peer, p2):
    s.close()

u1, u2 = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
u1.bind(("127.0.0.1", 0))
u2.sendto(b"datagram", u1.getsockname())
data, back = u1.recvfrom(100)
u1.sendto(data.upper(), back)
print(u2.recvfrom(100)[0], u2.getsockname()[0])
u2.connect(u1.getsockname())
u2.send(b"too long")
print(u1.recvmsg(3)[::2][0], u1.settimeout(0.02))
try:
    u1.recv(1)
except TimeoutError as e:
    print(e)
u1.close()
try:
    u2.send(b"x")
    u2.recv(1)
except OSError as e:
    print(e)
v6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
v6.bind(("::1", 0))
v6.sendto(b"v6", v6.getsockname())
print(v6.recvfrom(10)[1][0])

for path in ("/tmp/unix.sock", "\0abstract"):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen()
    c = socket.socket(socket.AF_UNIX)
    c.connect(path)
    p, _ = s.accept()
    r, w = os.pipe()
    socket.send_fds(c, [b"two descriptors"], [r, w])
    message, descriptors, flags, _ = socket.recv_fds(p, 100, 5)
    os.write(descriptors[1], b"through it")
    print(message, os.read(r, 100), len(descriptors), flags, p.getsockname())
    credentials = p.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, gid = struct.unpack("3i", credentials)
    print(pid == os.getpid(), uid, gid)

r, w = os.pipe()
epoll = select.epoll()
epoll.register(r, select.EPOLLIN | select.EPOLLET)
print(epoll.poll(0))
os.write(w, b"xy")
print(epoll.poll(1) == [(r, select.EPOLLIN)], epoll.poll(0))
os.write(w, b"z")
print(len(epoll.poll(1)), os.read(r, 10))
epoll.modify(r, select.EPOLLIN | select.EPOLLONESHOT)
os.write(w, b"1")
print(len(epoll.poll(1)), len(epoll.poll(0)))
epoll.modify(r, select.EPOLLIN)
os.close(w)
print(epoll.poll(1)[0][1] == select.EPOLLIN | select.EPOLLHUP)
poll = select.poll()
poll.register(r)
print(poll.poll(100)[0][1] == select.POLLIN | select.POLLHUP, select.select([r], [], [], 0)[0] == [r])
for bad in (lambda: epoll.register(r), lambda: epoll.register(500), lambda: epoll.register(os.open("/etc/passwd", 0)), lambda: select.select([50], [], [])):
    try:
        bad()
    except OSError as e:
        print(e)

for kind in (selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector):
    with kind() as selector:
        pairs = [socket.socketpair() for _ in range(50)]
        for i, (x, y) in enumerate(pairs):
            selector.register(y, selectors.EVENT_READ, i)
            if i % 7 == 0:
                x.send(b"!")
        print(kind.__name__, sorted(key.data for key, _ in selector.select(1)))
        for x, y in pairs:
            x.close()
            y.close()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as tcp:
    t = threading.Thread(target=tcp.serve_forever, args=(0.02,))
    t.start()
    for _ in range(5):
        with socket.create_connection(tcp.server_address) as s, s.makefile("rw") as f:
            f.write("a line\n")
            f.flush()
            print(f.readline(), end="")
    tcp.shutdown()
    t.join()
print(socket.getaddrinfo("localhost", 80, socket.AF_INET, socket.SOCK_STREAM), socket.inet_ntop(socket.AF_INET6, bytes(15) + b"\1"))
print(socket.if_nametoindex("lo"), socket.has_ipv6, array.array("i", [1]).itemsize)
