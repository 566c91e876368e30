#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Counts the outer headers of connections to a backend, over which of four queues a network card would spread them, and over
which ones a veth does.

usage: spread.py                                  prints the heading of the table
       spread.py TUNNEL SOURCES BACKEND PCAP      prints its lines (labs/tunnels/spread.sh calls it)
       spread.py veth                             sends the frames on standard input, a line of hex digits each, over a
                                                  veth, in a network namespace that nobody else uses; prints how many
                                                  each of its queues has got

Cards choose the queue by receive-side scaling (RSS): the Toeplitz hash of addresses, and of ports if they are told to look at
them; its last seven bits choose one of 128 entries, which name the queues in turns. The key is that of Microsoft's specification.
A veth's queue is chosen by Linux, whose hash goes on behind IPIP and GRE headers, to the addresses and ports inside.
"""
import os
import re
import socket
import subprocess
import sys
import time

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


def received(count):
    """How many packets each queue of the veth has got, when it has got so many, or after a while."""
    counts = []
    for _ in range(100):
        text = subprocess.run(["ethtool", "-S", "v1"], check=True, capture_output=True, text=True).stdout
        counts = [int(n) for n in re.findall(r"rx_queue_\d+_xdp_packets: (\d+)", text)]
        if sum(counts) >= count:
            break
        time.sleep(0.05)
    return counts


def veth():
    """Its ends are v0, which sends, and v1, whose program only counts: the queues have counters for those."""
    queues = f"numtxqueues {QUEUES} numrxqueues {QUEUES}"
    for command in ("sysctl -qw net.ipv6.conf.default.disable_ipv6=1", f"ip link add v0 {queues} type veth peer name v1 {queues}",
                    "ip link set v1 xdp obj bpf/xdp_pass.o sec xdp", "ip link set v0 up", "ip link set v1 up"):
        subprocess.run(command.split(), check=True)
    frames = [bytes.fromhex(line) for line in sys.stdin]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as cable:
        cable.bind(("v0", 0x0800))
        for frame in frames:
            cable.send(frame)
    print(*received(len(frames)))


def over_veth(frames):
    # with a bpffs of its own: ip makes folders in it
    command = ["unshare", "--net", "--mount", "sh", "-c", 'mount -t bpf bpf /sys/fs/bpf && exec "$@"', "-",
               sys.executable, os.path.abspath(__file__), "veth"]
    text = "".join(bytes(frame).hex() + "\n" for frame in frames)
    return subprocess.run(command, check=True, input=text, capture_output=True, text=True).stdout.split()


def show(tunnel, sources, headers, look, counts):
    print(LINE.format(tunnel, "lb's own address" if sources == "none" else sources, len(headers), len(set(headers)), look, *counts))


def main(tunnel, sources, backend, file):
    headers, frames = [], []
    for frame in rdpcap(file):
        outer = next((layer for layer in frame.iterpayloads() if isinstance(layer, IPS)), None)
        if outer and outer.dst == backend and kind(frame) == tunnel and frame[TCP].flags == "S":
            ports = (frame[UDP].sport, frame[UDP].dport) if UDP in frame else ()
            headers.append((outer.src, outer.dst, ports))
            frames.append(frame)
    looks = {"addresses": lambda h: queue(h[0], h[1])}
    if headers and headers[0][2]:
        looks["addresses and ports"] = lambda h: queue(*h)
    for look, choose in looks.items():
        counts = [0] * QUEUES
        for header in headers:
            counts[choose(header)] += 1
        show(tunnel, sources, headers, look, counts)
    show(tunnel, sources, headers, "(a veth of Linux)", over_veth(frames))


if __name__ == "__main__":
    if sys.argv[1:] == ["veth"]:
        veth()
    elif sys.argv[1:]:
        main(*sys.argv[1:])
    else:
        print(LINE.format("tunnel", "outer source", "packets", "headers", "the card looks at", *(f"q{i}" for i in range(QUEUES))))
