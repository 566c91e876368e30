#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Counts the outer headers of connections to a backend, and over which of four queues a network card would spread them.

usage: spread.py                                  prints the heading of the table
       spread.py TUNNEL SOURCES BACKEND PCAP      prints its lines (labs/tunnels/spread.sh calls it)

Cards choose the queue by receive-side scaling (RSS): the Toeplitz hash of addresses, and of ports if they are told to look at
them; its last seven bits choose one of 128 entries, which name the queues in turns. The key is that of Microsoft's specification.
"""
import os
import socket
import sys

from scapy.all import IP, TCP, UDP, rdpcap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
from tunnels import IPS, kind  # noqa: E402

QUEUES = 4
KEY = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
LINE = "{:<8} {:<24} {:>8} {:>8}   {:<20} " + "{:>5}" * QUEUES


def toeplitz(data):
    """The hash of bytes: for each bit that is set, 32 bits of the key, from that place on."""
    key, result = int.from_bytes(KEY, "big"), 0
    for i in range(len(data) * 8):
        if data[i // 8] >> (7 - i % 8) & 1:
            result ^= key >> (len(KEY) * 8 - 32 - i) & 0xffffffff
    return result


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def queue(source, destination, ports=()):
    data = packed(source) + packed(destination) + b"".join(port.to_bytes(2, "big") for port in ports)
    return toeplitz(data) % 128 % QUEUES


def main(tunnel, sources, backend, file):
    headers = []
    for frame in rdpcap(file):
        outer = next((layer for layer in frame.iterpayloads() if isinstance(layer, IPS)), None)
        if outer and outer.dst == backend and kind(frame) == tunnel and frame[TCP].flags == "S":
            ports = (frame[UDP].sport, frame[UDP].dport) if UDP in frame else ()
            headers.append((outer.src, outer.dst, ports))
    looks = {"addresses": lambda h: queue(h[0], h[1])}
    if headers and headers[0][2]:
        looks["addresses and ports"] = lambda h: queue(*h)
    for look, choose in looks.items():
        counts = [0] * QUEUES
        for header in headers:
            counts[choose(header)] += 1
        print(LINE.format(tunnel, "lb's own address" if sources == "none" else sources, len(headers),
                          len(set(headers)), look, *counts))


if __name__ == "__main__":
    if sys.argv[1:]:
        main(*sys.argv[1:])
    else:
        print(LINE.format("tunnel", "outer source", "packets", "headers", "the card looks at", *(f"q{i}" for i in range(QUEUES))))
