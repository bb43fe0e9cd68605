"""asyncio: subprocesses, unix sockets, TCP, UDP, pipes, signals, threads, time-outs."""
import asyncio
import os
import signal
import socket
import sys


async def subprocesses():
    p = await asyncio.create_subprocess_exec("tr", "a-z", "A-Z", stdin=-1, stdout=-1)
    print(await p.communicate(b"through a child"), p.returncode)
    ps = [await asyncio.create_subprocess_shell(f"echo {n}; exit {n}", stdout=-1) for n in range(4)]
    print([((await p.communicate())[0], p.returncode) for p in ps])
    p = await asyncio.create_subprocess_exec("sleep", "100")
    p.terminate()
    print(await p.wait())
    p = await asyncio.create_subprocess_exec("seq", "3", stdout=-1)
    print([line async for line in p.stdout], await p.wait())
    p = await asyncio.create_subprocess_exec("sleep", "100")
    try:
        await asyncio.wait_for(p.wait(), 0.05)
    except TimeoutError:
        p.kill()
    print(await p.wait())


async def streams(start, connect):
    async def handle(reader, writer):
        while line := await reader.readline():
            writer.write(line[::-1])
            await writer.drain()
        writer.close()

    server = await start(handle)

    async def client(n):
        reader, writer = await connect(server)
        got = 0
        for i in range(10):
            writer.write(b"%d" % (n * i) * 1000 + b"\n")
            got += len(await reader.readexactly(len(b"%d" % (n * i)) * 1000 + 1))
        writer.write_eof()
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
        return got, rest

    print(await asyncio.gather(*(client(n) for n in range(5))))
    server.close()
    await server.wait_closed()


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answer):
        self.answer, self.got = answer, asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        if self.answer:
            self.transport.sendto(data.upper(), address)
        else:
            self.got.set_result(data)


async def datagrams():
    loop = asyncio.get_running_loop()
    server, _ = await loop.create_datagram_endpoint(lambda: Datagrams(True), ("127.0.0.1", 0))
    address = server.get_extra_info("sockname")
    client, protocol = await loop.create_datagram_endpoint(lambda: Datagrams(False), remote_addr=address)
    client.sendto(b"datagram")
    print(await protocol.got)
    client.close()
    server.close()


async def rest():
    loop = asyncio.get_running_loop()
    got = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR1, got.set_result, "signal")
    os.kill(os.getpid(), signal.SIGUSR1)
    print(await got)
    r, w = os.pipe()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(r, "rb"))
    await loop.run_in_executor(None, os.write, w, b"from a thread")
    os.close(w)
    print(await reader.read())
    print(await asyncio.to_thread(sum, range(1000)))
    a, b = socket.socketpair()
    a.setblocking(False)
    b.setblocking(False)
    await loop.sock_sendall(a, b"pair")
    print(await loop.sock_recv(b, 100))
    print((await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM))[0][4])
    queue, out = asyncio.Queue(2), []

    async def consume():
        while (item := await queue.get()) is not None:
            out.append(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        for i in [*range(10), None]:
            await queue.put(i)
    print(out)
    try:
        async with asyncio.timeout(0.02):
            await asyncio.sleep(100)
    except TimeoutError:
        print("time-out")
    done = await asyncio.gather(*(asyncio.sleep(n / 100, n) for n in (3, 1, 2)))
    print(done)


async def main():
    await subprocesses()
    await streams(lambda h: asyncio.start_unix_server(h, "/tmp/aio.sock"), lambda s: asyncio.open_unix_connection("/tmp/aio.sock"))
    await streams(lambda h: asyncio.start_server(h, "127.0.0.1", 0), lambda s: asyncio.open_connection(*s.sockets[0].getsockname()))
    await streams(lambda h: asyncio.start_server(h, "::1", 0), lambda s: asyncio.open_connection(*s.sockets[0].getsockname()[:2]))
    await datagrams()
    await rest()


asyncio.run(main(), debug="-d" in sys.argv)
