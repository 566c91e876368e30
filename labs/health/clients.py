#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The load of the health lab's experiment: 100 clients who keep their connections, and 50 new connections a second.

usage: clients.py ADDRESS PORT >LOG     until its standard input ends

A client who keeps a connection sends a request on it about five times a second. If no answer comes within a second, or
the connection breaks, it opens another one. Every request is a line:

  TIME CLIENT KIND RESULT BACKEND
    TIME     when the result was known: seconds since boot
    CLIENT   its number; 0: those with a connection for each request
    KIND     new: the first request of a connection; kept: a later one
    RESULT   ok, broken, timeout, or status-500, say
    BACKEND  who answered, or had the connection; -: not known
"""
import asyncio
import os
import random
import signal
import sys
import time

CLIENTS = 100
PAUSE = 0.2  # between two requests of a client
RATE = 50  # new connections per second
TIMEOUT = 1


def report(client, kind, result, backend):
    print(f"{time.clock_gettime(time.CLOCK_BOOTTIME):.3f} {client} {kind} {result} {backend}")


async def ask(reader, writer):
    """One request on an open connection: the HTTP status, and who answered."""
    writer.write(f"GET / HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: keep-alive\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    length = next(int(line.split(":")[1]) for line in head if line.startswith("Content-Length:"))
    body = (await reader.readexactly(length)).decode()
    return head[0].split()[1], body.split()[2]  # Hello from NAME (ADDRESS)


async def connect_and_ask(connection):
    """The same on a new connection, which it adds to the list."""
    connection += await asyncio.open_connection(ADDRESS, PORT)
    return await ask(*connection)


async def request(client, connection, backend):
    """One request, and a line about it. Returns the backend; None if the connection is of no use any more."""
    kind = "kept" if connection else "new"
    try:
        status, backend = await asyncio.wait_for(
            ask(*connection) if connection else connect_and_ask(connection), TIMEOUT)
    except asyncio.TimeoutError:
        report(client, kind, "timeout", backend)
        return None
    except (OSError, asyncio.IncompleteReadError):
        report(client, kind, "broken", backend)
        return None
    report(client, kind, "ok" if status == "200" else f"status-{status}", backend)
    return backend


async def one_request():
    connection = []
    await request(0, connection, "-")
    if connection:
        connection[1].transport.abort()


async def keep_a_connection(client):
    while True:
        connection, backend = [], "-"
        while backend:
            await asyncio.sleep(random.uniform(0.5, 1.5) * PAUSE)
            backend = await request(client, connection, backend)
        if connection:
            connection[1].transport.abort()


async def main():
    asyncio.get_running_loop().add_reader(sys.stdin, os._exit, 0)  # there is nothing to be tidied up
    clients, others = [], set()  # the loop forgets a task that nobody knows
    while True:
        others = {task for task in others if not task.done()} | {asyncio.ensure_future(one_request())}
        if len(clients) < CLIENTS:
            clients.append(asyncio.ensure_future(keep_a_connection(len(clients) + 1)))
        await asyncio.sleep(1 / RATE)


if __name__ == "__main__":
    ADDRESS, PORT = sys.argv[1:]
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the experiment, which then ends us
    asyncio.run(main())
