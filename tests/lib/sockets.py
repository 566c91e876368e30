#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sockets on this machine, for what asks the kernel for them (xdp_chance): both ends are here.

usage: sockets.py VIP PORT CLIENT FILE    listens at VIP:PORT; a connection of CLIENT's port 40001 is open, that of 40002 is
                                          over (TIME_WAIT), that of 40003 has not been accepted yet. Then FILE is made, and it
                                          waits, for 120 s at most.
       sockets.py cookie VIP PORT CLIENT  a SYN from CLIENT's port 40004: prints the sequence number of the answer
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


def cookie(vip, port, client):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.bind((client, 0))
        raw.settimeout(5)
        tcp = struct.pack("!HHIIHHHH", 40004, int(port), 99, 0, 5 << 12 | 2, 65535, 0, 0)
        pseudo = socket.inet_aton(client) + socket.inet_aton(vip) + struct.pack("!HH", 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", sum16(pseudo + tcp)) + tcp[18:]
        raw.sendto(tcp, (vip, 0))
        while True:
            packet = raw.recv(65536)[20:]
            source, destination, sequence, acknowledged, flags = struct.unpack("!HHIIxB", packet[:14])
            if (source, destination, acknowledged, flags & 0x12) == (int(port), 40004, 100, 0x12):
                print(sequence)
                return


if __name__ == "__main__":
    if sys.argv[1] == "cookie":
        cookie(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
