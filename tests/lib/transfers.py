#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Downloads and datagrams, as a load that lasts. It says of each what became of it, as labs/health/clients.py does.

usage: transfers.py ADDRESS DOWNLOAD_PORT UDP_PORT >LOG     until its standard input ends

Eight clients download 2 MB from server.py again and again, in about two seconds each; fifty datagrams a second are sent to
server.py, each from a port of its own. A line for each:

  TIME CLIENT KIND RESULT BACKEND
    TIME     when the result was known: seconds since boot
    CLIENT   its number; 0: datagrams
    KIND     download or datagram
    RESULT   ok, broken, wrong (other bytes than there should be), or timeout: nothing has come for PATIENCE seconds
    BACKEND  who answered; -: not known
"""
import asyncio
import os
import socket
import sys
import time

from server import blocks

CLIENTS = 8
SIZE = 2_000_000
RATE = 50  # datagrams per second
PATIENCE = {"download": 10, "datagram": 1}


def report(client, kind, result, backend):
    print(f"{time.clock_gettime(time.CLOCK_BOOTTIME):.3f} {client} {kind} {result} {backend}", flush=True)


async def patiently(kind, what):
    return await asyncio.wait_for(what, PATIENCE[kind])


async def download(client):
    backend, got, writer = "-", b"", None
    try:
        reader, writer = await patiently("download", asyncio.open_connection(ADDRESS, DOWNLOAD_PORT, limit=1 << 14))
        writer.write(f"GET /bytes/{SIZE} HTTP/1.0\r\n\r\n".encode())
        head = (await patiently("download", reader.readuntil(b"\r\n\r\n"))).decode()
        backend = head.split("X-Backend: ")[1].split()[0]
        while block := await patiently("download", reader.read(1 << 14)):
            got += block
            await asyncio.sleep(0.015)
        report(client, "download", "ok" if got == FILE else "broken" if FILE.startswith(got) else "wrong", backend)
    except asyncio.TimeoutError:
        report(client, "download", "timeout", backend)
    except (OSError, asyncio.IncompleteReadError):
        report(client, "download", "broken", backend)
    if writer:
        writer.transport.abort()


async def keep_downloading(client):
    while True:
        await download(client)
        await asyncio.sleep(0.1)


async def datagram(number):
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect((ADDRESS, UDP_PORT))
        try:
            client.send(b"%d" % number)
            name, _, echo = (await patiently("datagram", loop.sock_recv(client, 2048))).decode().partition(":")
            report(0, "datagram", "ok" if echo == str(number) else "wrong", name)
        except asyncio.TimeoutError:
            report(0, "datagram", "timeout", "-")
        except OSError:
            report(0, "datagram", "broken", "-")


async def main():
    asyncio.get_running_loop().add_reader(sys.stdin, os._exit, 0)  # there is nothing to be tidied up
    downloads = [asyncio.ensure_future(keep_downloading(i + 1)) for i in range(CLIENTS)]
    datagrams, number = set(), 0
    while not any(task.done() for task in downloads):
        number += 1
        datagrams = {task for task in datagrams if not task.done()} | {asyncio.ensure_future(datagram(number))}
        await asyncio.sleep(1 / RATE)
    sys.exit(str([task.exception() for task in downloads if task.done()]))


if __name__ == "__main__":
    ADDRESS, DOWNLOAD_PORT, UDP_PORT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    FILE = b"".join(blocks(SIZE))
    asyncio.run(main())
