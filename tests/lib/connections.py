#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Many connections at once.

usage: connections.py serve ADDRESS PORT
           answers each line with "NAME PEER_ADDRESS:PEER_PORT LINE"
       connections.py ask ADDRESS PORT COUNT FIRST_PORT SOURCE
           opens COUNT connections from a source address, from FIRST_PORT upwards, and keeps them open; sends a
           line on each, and prints "open" and how many have answered rightly; for each line that it then
           reads from its standard input, sends another line on each, and prints "by NAME N" for each
           server that has answered, and how many have answered rightly
"""
import asyncio
import collections
import resource
import socket
import sys

NAME = socket.gethostname()
AT_ONCE = 200


async def serve(address, port):
    async def talk(reader, writer):
        peer = writer.get_extra_info("peername")
        while line := await reader.readline():
            writer.write(b"%s %s:%d %s" % (NAME.encode(), peer[0].encode(), peer[1], line))
        writer.close()

    server = await asyncio.start_server(talk, address, int(port), backlog=4096)
    async with server:
        await server.serve_forever()


async def ask(address, port, count, first_port, source):
    gate = asyncio.Semaphore(AT_ONCE)
    connections = []

    async def say(number, reader, writer):
        line = b"line of %d\n" % number
        async with gate:
            try:
                writer.write(line)
                answer = await asyncio.wait_for(reader.readline(), 60)
                return answer.split()[0].decode() if answer.endswith(b" " + line) else None
            except (OSError, asyncio.TimeoutError):
                return None

    async def dial(source_port):
        async with gate:
            try:
                connections.append(await asyncio.wait_for(asyncio.open_connection(
                    address, int(port), local_addr=(source, source_port)), 10))
            except (OSError, asyncio.TimeoutError) as error:
                print(f"{source}:{source_port}: {error!r}", file=sys.stderr)

    async def round_of_lines():
        answers = await asyncio.gather(*(say(i, *c) for i, c in enumerate(connections)))
        return collections.Counter(name for name in answers if name)

    await asyncio.gather(*(dial(int(first_port) + i) for i in range(int(count))))
    print("open", (await round_of_lines()).total(), flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        answered = await round_of_lines()
        for name, count in answered.items():
            print("by", name, count)
        print(answered.total(), flush=True)


_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
asyncio.run({"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:]))
