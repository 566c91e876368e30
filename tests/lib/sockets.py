#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sockets on this machine, for what asks the kernel for them (xdp_relay): both ends are here.

usage: sockets.py VIP PORT CLIENT FILE    listens at VIP:PORT; a connection of CLIENT's port 40001 is open, that of 40002 is
                                          over (TIME_WAIT), that of 40003 has not been accepted yet. Then FILE is made, and it
                                          waits, for 120 s at most.
       sockets.py cookie VIP PORT CLIENT  a SYN from CLIENT's port 40004: prints the sequence number of the answer
       sockets.py resets VIP PORT CLIENT  packets of 100 connections that there are not: prints how many resets come back
"""
import socket
import struct
import sys
import time


def sum16(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def connect(family, client, port, server):
    end = socket.socket(family)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    end.bind((client, port))
    end.connect(server)
    return end


def main(vip, port, client, ready):
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    server = (vip, int(port))
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(server)
    listener.listen()
    ends = [connect(family, client, 40001, server), listener.accept()[0]]
    over, here = connect(family, client, 40002, server), listener.accept()[0]
    here.close()
    over.recv(1)
    over.close()
    ends.append(connect(family, client, 40003, server))
    open(ready, "w").close()
    time.sleep(120)


SYN, RST, ACK = 2, 4, 16


def raw_socket(client):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    raw.bind((client, 0))
    raw.settimeout(5)
    return raw


def send(raw, client, port, vip, server_port, flags):
    tcp = struct.pack("!HHIIHHHH", port, server_port, 99, 0, 5 << 12 | flags, 65535, 0, 0)
    pseudo = socket.inet_aton(client) + socket.inet_aton(vip) + struct.pack("!HH", 6, len(tcp))
    raw.sendto(tcp[:16] + struct.pack("!H", sum16(pseudo + tcp)) + tcp[18:], (vip, 0))


def answers(raw, server_port):
    """(port, sequence, acknowledgement, flags) of each packet from the server, until none comes any more."""
    try:
        while True:
            source, port, sequence, acknowledged, flags = struct.unpack("!HHIIxB", raw.recv(65536)[20:34])
            if source == server_port:
                yield port, sequence, acknowledged, flags
    except TimeoutError:
        pass


def cookie(vip, port, client):
    with raw_socket(client) as raw:
        send(raw, client, 40004, vip, int(port), SYN)
        print(next(sequence for to, sequence, acknowledged, flags in answers(raw, int(port))
                   if (to, acknowledged, flags & (SYN | ACK)) == (40004, 100, SYN | ACK)))


def resets(vip, port, client):
    waiting = set(range(40100, 40200))
    with raw_socket(client) as raw:
        for own_port in waiting:
            send(raw, client, own_port, vip, int(port), ACK)
        for to, _, _, flags in answers(raw, int(port)):
            if flags & RST:
                waiting.discard(to)
            if not waiting:
                break
    print(100 - len(waiting))


if __name__ == "__main__":
    {"cookie": cookie, "resets": resets}.get(sys.argv[1], main)(*sys.argv[2 if sys.argv[1] in ("cookie", "resets") else 1:])
