#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Many connections at once.

usage: connections.py serve ADDRESS PORT
           answers each line with "NAME PEER_ADDRESS:PEER_PORT LINE"
       connections.py ask ADDRESS PORT COUNT FIRST_PORT SOURCE
           opens COUNT connections from a source address, from FIRST_PORT upwards, and keeps them open; sends a
           line on each at once, and prints "open" and how many have answered rightly; for each line that it then
           reads from its standard input, sends another line on each, and prints "by NAME N" for each
           server that has answered, and how many have answered rightly
"""
import asyncio
import collections
import os
import resource
import socket
import sys

NAME = socket.gethostname()
AT_ONCE = 200
PATIENCE = float(os.environ.get("PATIENCE", 60))  # seconds, for an answer


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
        try:
            writer.write(line)
            answer = await asyncio.wait_for(reader.readline(), PATIENCE)
            return answer.split()[0].decode() if answer.endswith(b" " + line) else None
        except (OSError, asyncio.TimeoutError) as error:
            print(f"connection {number}: {error!r}", file=sys.stderr)
            return None

    # A client that has something to say says it at once. One whose last word of the handshake is lost, and who
    # then waits, is nobody to a server that answers a flood with SYN cookies, and to a load balancer that has
    # seen one packet of it among a hundred thousand others.
    async def dial(number):
        async with gate:
            try:  # SYNs are sent again after 1, 3, 7 and 15 seconds
                connection = await asyncio.wait_for(asyncio.open_connection(
                    address, int(port), local_addr=(source, int(first_port) + number)), 20)
            except (OSError, asyncio.TimeoutError) as error:
                print(f"connection {number}: {error!r}", file=sys.stderr)
                return None
            connections.append(connection)
            return await say(number, *connection)

    async def say_in_turn(number, reader, writer):
        async with gate:
            return await say(number, reader, writer)

    async def round_of_lines():
        answers = await asyncio.gather(*(say_in_turn(i, *c) for i, c in enumerate(connections)))
        return collections.Counter(name for name in answers if name)

    names = await asyncio.gather(*(dial(i) for i in range(int(count))))
    print("open", sum(1 for name in names if name), flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        answered = await round_of_lines()
        for name, count in answered.items():
            print("by", name, count)
        print(answered.total(), flush=True)


_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
asyncio.run({"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:]))
