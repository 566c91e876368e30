#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A steady stream of datagrams, to see whether a single one gets lost.

usage: steady.py ADDRESS PORT RATE   sends RATE numbered datagrams in a second, from 32 ports, to a server that sends
                                     each back with something in front (server.py udp), until its standard input ends;
                                     waits a second for the last answers, and prints "SENT ANSWERED".
                                     It sends less if answers are late.
"""
import select
import socket
import sys
import time

PORTS = 32
IN_FLIGHT = 100  # A queue on the way takes 256. Who was held up by others shall not overflow it by what it is late with.


def main(address, port, rate):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    clients = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(PORTS)]
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        client.connect((address, int(port)))  # an answer from elsewhere is none
        client.setblocking(False)
    sent, answered, begun, end = 0, set(), time.monotonic(), None
    while end is None or (time.monotonic() < end and len(answered) < sent):
        while end is None and sent - len(answered) < IN_FLIGHT and sent < (time.monotonic() - begun) * int(rate):
            clients[sent % PORTS].send(b"%d" % sent)
            sent += 1
        ready, _, _ = select.select(clients + ([sys.stdin] if end is None else []), [], [], 0.5 / int(rate))
        for one in ready:
            if one is sys.stdin:
                end = time.monotonic() + 1 if not sys.stdin.buffer.read1(1) else end
            else:
                answered.add(int(one.recv(2048).rpartition(b":")[2]))
    print(sent, len(answered))


if __name__ == "__main__":
    main(*sys.argv[1:])
