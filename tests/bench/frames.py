#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes a struct deck (deal.h): the frames of a benchmark.

usage: frames.py FLOWS SERVICES TEMPLATE[:PORT]... >FILE
FLOWS and SERVICES are powers of two, TEMPLATE is one of those below, PORT the service's.
"""
import struct
import sys

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

HEAD, MAX_TEMPLATES = 80, 4
REQUEST, REPLY, TUNNEL = range(3)
CLIENT, VIP, LB, BACKEND, NOBODY = "10.0.0.20", "10.1.0.0", "192.168.178.10", "10.2.0.0", "10.3.9.9"
CLIENT6, VIP6, LB6, BACKEND6 = "2001:db8:10::20", "2001:db8:1::", "2001:db8:178::10", "2001:db8:178::11"
CLIENT_PORT, SERVICE_PORT = 10000, 8000  # CONNECTION_PORT of deal.h

came = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:10")
OLD, SYN, SYN_ACK = {"flags": "A", "seq": 1, "ack": 1}, {"flags": "S"}, {"flags": "SA", "ack": 1}


def request(port, layer, destination=VIP, **fields):
    """Client -> VIP."""
    layer = layer(sport=CLIENT_PORT, dport=port, **fields)
    return REQUEST, came / IP(src=CLIENT, dst=destination, flags="DF") / layer


def request6(port, layer, destination=VIP6, **fields):
    """The same in IPv6."""
    layer = layer(sport=CLIENT_PORT, dport=port, **fields)
    return REQUEST, came / IPv6(src=CLIENT6, dst=destination) / layer


def reply(port, layer, **fields):
    """Backend -> load balancer, which has kept the client's port (NAT)."""
    layer = layer(sport=port, dport=CLIENT_PORT, **fields)
    return REPLY, came / IP(src=BACKEND, dst=LB, flags="DF") / layer


def reply6(port, layer, **fields):
    layer = layer(sport=port, dport=CLIENT_PORT, **fields)
    return REPLY, came / IPv6(src=BACKEND6, dst=LB6) / layer


def tunnel(port, source):
    """Load balancer -> backend, and a request in it."""
    inner = request(port, TCP, **OLD)[1][IP]
    return TUNNEL, came / IP(src=source, dst=BACKEND, id=0, flags="DF", proto=4) / inner


TEMPLATES = {
    "established": lambda port: request(port, TCP, **OLD),
    "syn": lambda port: request(port, TCP, **SYN),
    "udp": lambda port: request(port, UDP, chksum=0),
    "established6": lambda port: request6(port, TCP, **OLD),
    "syn6": lambda port: request6(port, TCP, **SYN),
    "synack6": lambda port: reply6(port, TCP, **SYN_ACK),
    "reply6": lambda port: reply6(port, TCP, **OLD),
    "udp6": lambda port: request6(port, UDP),
    "nobody6": lambda port: request6(port, TCP, destination="2001:db8:3::909", **OLD),
    "synack": lambda port: reply(port, TCP, **SYN_ACK),
    "reply": lambda port: reply(port, TCP, **OLD),
    "udp-reply": lambda port: reply(port, UDP, chksum=0),
    "nobody": lambda port: request(port, TCP, destination=NOBODY, **OLD),
    "namesake": lambda port: request(port, TCP, destination="10.3.0.0", **OLD),
    "tunnel": lambda port: tunnel(port, LB),
    "forged": lambda port: tunnel(port, NOBODY),
}


def template(words):
    name, _, port = words.partition(":")
    layout, packet = TEMPLATES[name](int(port or SERVICE_PORT))
    frame = bytes(packet).ljust(HEAD, b"\0")
    return struct.pack("=II", layout, len(frame)) + frame[:HEAD]


def deck(flows, services, *names):
    templates = b"".join(map(template, names)).ljust(MAX_TEMPLATES * (8 + HEAD), b"\0")
    return struct.pack("=4I", len(names), int(flows), int(services), 0) + templates


if __name__ == "__main__":
    sys.stdout.buffer.write(deck(*sys.argv[1:]))
