#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sends a flood out of a network interface, as fast as it can: each frame from another source, checksums right.

usage: flood.py DEV DESTINATION_MAC KIND COUNT[@RATE] ADDRESS PORT [FROM]
       KIND: syn        begins connections
             ack        of connections that there are not
             udp        to UDP
             twice      as ack, but two of each, so that a load balancer takes them for something that goes on
             fragment   the first one of two, whose second never comes
             later      the second one of two, whose first never came
             icmp       errors about connections that there are not
             tunnel     (or tunnel-gre, tunnel-fou, tunnel-gue) a SYN in a tunnel to ADDRESS, by a stranger, for FROM: a VIP
             inner      a SYN in IP in IP to ADDRESS, as if a load balancer with the address FROM had sent it; PORT may
                        be VIP:PORT

Bounded by COUNT and by 120 seconds; RATE is how many at most in a second. Sources are in 11.0.0.0/8, or 2001:db8:11::/48.
Prints "sending", and at the end how many frames were sent.
tests/bench/build/flood.o is what makes them (make tests/bench/build/flood.o).
"""
import ctypes
import os
import socket
import struct
import subprocess
import sys
import time

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import GRE, Ether
from scapy.packet import Raw

from run_program import PROG_TEST_RUN, bpf

OBJECT = os.path.join(os.path.dirname(__file__), "../bench/build/flood.o")
OBJ_GET, LIVE_FRAMES = 7, 2
FRAME, EDITS, ETHERNET = 128, 6, 14
BATCH, PIECE, SECONDS = 64, 250000, 120


class Template:
    """A frame, and which of its words are others each time."""

    def __init__(self, mac, packet):
        self.frame = bytes(Ether(src="02:00:00:00:ff:ff", dst=mac) / packet)
        assert len(self.frame) <= FRAME, len(self.frame)
        self.frame = self.frame.ljust(FRAME, b"\0")
        self.edits, self.checksums, self.times = [], [], 1

    def vary(self, at, mask, *checksums):
        """The word at `at` is random where the mask says so, and in these checksums, which are places, too."""
        for place in checksums:
            if place not in self.checksums:
                self.checksums.append(place)
        assert at % 2 == 0 and len(self.checksums) <= 2
        self.edits.append((at, mask, sum(1 << self.checksums.index(place) for place in checksums)))

    def encoded(self, ifindex):
        """struct flood."""
        edits = b"".join(struct.pack("=H2sI", at, struct.pack("!H", mask), sums) for at, mask, sums in self.edits)
        places = self.checksums + [0] * (2 - len(self.checksums))
        return self.frame + edits.ljust(EDITS * 8, b"\0") + struct.pack("=2H3I", *places, ifindex, self.times, 0)


def vary_source(template, family, at, *checksums):
    """Of the IP header at `at`: the last 24 bits of an IPv4 address, or 32 of an IPv6 one."""
    if family == 4:
        template.vary(at + 12, 0x00FF, at + 10, *checksums)
        template.vary(at + 14, 0xFFFF, at + 10, *checksums)
    else:
        template.vary(at + 20, 0xFFFF, *checksums)
        template.vary(at + 22, 0xFFFF, *checksums)


def ip(destination, protocol, source=None, **fields):
    """An IP header of the destination's family, from a source that is to be varied."""
    if ":" in destination:
        return IPv6(src=source or "2001:db8:11::1", dst=destination, nh=protocol)
    return IP(src=source or "11.0.0.1", dst=destination, proto=protocol, **fields)


def flow(mac, address, port, layer):
    """A packet of TCP or UDP."""
    family = 6 if ":" in address else 4
    header = ip(address, 6 if isinstance(layer, TCP) else 17)
    template = Template(mac, header / layer)
    transport = ETHERNET + len(header)
    check = transport + (16 if isinstance(layer, TCP) else 6)
    vary_source(template, family, ETHERNET, check)
    template.vary(transport, 0x7FFF, check)  # source port; 1024 to begin with, so that it is never 0
    return template


def fragment(mac, address, port, later):
    payload = Raw(b"x" * 16) if later else UDP(sport=1024, dport=port, len=1000, chksum=1) / Raw(b"x" * 8)
    if ":" in address:
        header = ip(address, 44) / IPv6ExtHdrFragment(nh=17, id=1, m=0 if later else 1, offset=100 if later else 0)
        template = Template(mac, header / payload)
        vary_source(template, 6, ETHERNET)
        template.vary(ETHERNET + 46, 0xFFFF)
    else:
        header = ip(address, 17, id=1, flags=0 if later else "MF", frag=100 if later else 0)
        template = Template(mac, header / payload)
        vary_source(template, 4, ETHERNET)
        template.vary(ETHERNET + 4, 0xFFFF, ETHERNET + 10)
    return template


def icmp(mac, address, port):
    """From a router: a packet of the VIP to one of its clients has not arrived."""
    if ":" in address:
        quote = IPv6(src=address, dst="2001:db8:12::1") / TCP(sport=port, dport=1024)
        header = ip(address, 58)
        template = Template(mac, header / ICMPv6DestUnreach(code=3) / Raw(bytes(quote)[:48]))
        check, quoted = ETHERNET + 42, ETHERNET + 48
        client = quoted + 36
    else:
        quote = IP(src=address, dst="12.0.0.1") / TCP(sport=port, dport=1024)
        header = ip(address, 1)
        template = Template(mac, header / ICMP(type=3, code=1) / Raw(bytes(quote)[:28]))
        check, quoted = ETHERNET + 22, ETHERNET + 28
        client = quoted + 16
    vary_source(template, 6 if ":" in address else 4, ETHERNET, *([check] if ":" in address else []))
    template.vary(client + 2, 0xFFFF, check)
    template.vary(quoted + len(quote) - 20 + 2, 0x7FFF, check)
    return template


def tunnel(mac, kind, address, port, vip):
    inner = ip(vip, 6) / TCP(sport=1024, dport=port, flags="S", seq=1)
    number = 41 if ":" in vip else 4
    between = {"": inner, "gre": GRE() / inner, "fou": UDP(dport=5555, chksum=0) / inner,
               "gue": UDP(dport=6080, chksum=0) / Raw(struct.pack("!BBH", 0, number, 0)) / inner}[kind]
    outer = ip(address, {"": number, "gre": 47}.get(kind, 17))
    template = Template(mac, outer / between)
    vary_source(template, 6 if ":" in address else 4, ETHERNET)
    return template


def inner(mac, address, port, lb):
    vip, _, port = port.rpartition(":")
    packet = ip(vip, 6) / TCP(sport=1024, dport=int(port), flags="S", seq=1)
    outer = ip(address, 41 if ":" in vip else 4, source=lb)
    template = Template(mac, outer / packet)
    at = ETHERNET + len(outer)
    transport = at + len(packet) - 20
    vary_source(template, 6 if ":" in vip else 4, at, transport + 16)
    template.vary(transport, 0x7FFF, transport + 16)
    return template


def twice(template):
    template.times = 2
    return template


def template_of(mac, kind, address, port, other):
    kind, _, of = kind.partition("-")
    if kind == "inner":
        return inner(mac, address, port, other)
    port = int(port)
    if kind == "tunnel":
        return tunnel(mac, of, address, port, other)
    return {"syn": lambda: flow(mac, address, port, TCP(sport=1024, dport=port, flags="S", seq=1)),
            "ack": lambda: flow(mac, address, port, TCP(sport=1024, dport=port, flags="A", seq=1, ack=1)),
            "twice": lambda: twice(flow(mac, address, port, TCP(sport=1024, dport=port, flags="A", seq=1, ack=1))),
            "udp": lambda: flow(mac, address, port, UDP(sport=1024, dport=port) / Raw(b"x" * 8)),
            "fragment": lambda: fragment(mac, address, port, False),
            "later": lambda: fragment(mac, address, port, True),
            "icmp": lambda: icmp(mac, address, port)}[kind]()


def load(value):
    """Loads the program, and tells it what to send. Returns a file descriptor of it."""
    folder = f"/sys/fs/bpf/flood_{os.getpid()}"
    bpftool = ["bpftool", "prog", "loadall", OBJECT, folder, "pinmaps", folder + "_maps"]
    try:
        subprocess.run(bpftool, check=True, capture_output=True)
        subprocess.run(["bpftool", "map", "update", "pinned", folder + "_maps/flood", "key", "0", "0", "0", "0",
                        "value", *map(str, value)], check=True, capture_output=True)
        path = ctypes.create_string_buffer((folder + "/send_flood").encode())
        return bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(path), 0, 0))[0]
    finally:
        for name in (folder, folder + "_maps"):
            subprocess.run(["rm", "-rf", name], check=False)


def main(dev, mac, kind, count, address, port, other=None):
    count, _, rate = count.partition("@")
    count, rate, sent = int(count), int(rate or 0), 0
    program = load(template_of(mac, kind, address, port, other).encoded(socket.if_nametoindex(dev)))
    frame = ctypes.create_string_buffer(FRAME)
    begun = time.monotonic()
    print("sending", flush=True)
    while sent < count and time.monotonic() < begun + SECONDS:
        piece = min(BATCH if rate else PIECE, count - sent)
        bpf(PROG_TEST_RUN, struct.pack("=IIIIQQIIIIQQIII", program, 0, FRAME, 0, ctypes.addressof(frame), 0, piece, 0, 0, 0,
                                       0, 0, LIVE_FRAMES, 0, BATCH))
        sent += piece
        if rate:
            time.sleep(max(0, begun + sent / rate - time.monotonic()))
    print(sent)


if __name__ == "__main__":
    main(*sys.argv[1:])
