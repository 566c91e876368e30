#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints what lb has put around the first packet of each connection, one line for each kind of tunnel.

usage: envelopes.py MACS PCAP      (labs/tunnels/trace.sh calls it; MACS has lines "MAC NAME")
"""
import os
import sys

from scapy.all import IP, TCP, rdpcap

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
from tunnels import IPS, kind  # noqa: E402


def ip_length(ip):
    return ip.len if isinstance(ip, IP) else 40 + ip.plen


def describe(frame):
    """The cells of a line: kind, lengths, outer IP header, bytes behind it, the packet inside."""
    ips = [layer for layer in frame.iterpayloads() if isinstance(layer, IPS)]
    outer, inner = ips[0], ips[-1]
    length, tcp = ip_length(inner), frame[TCP]
    packet = f"{inner.src} > {inner.dst}  {tcp.sport} > {tcp.dport}"
    if outer is inner:
        return ("as it came", str(length), "-", "-", packet)
    header = 20 if isinstance(outer, IP) else 40
    behind = bytes(outer)[header:ip_length(outer) - length]
    return (kind(frame), f"{length} + {ip_length(outer) - length}", f"{outer.src} > {outer.dst}  {outer_protocol(outer)}",
            behind.hex(" ", 2) or "-", packet)


def outer_protocol(outer):
    return outer.proto if isinstance(outer, IP) else outer.nh


def main(macs, file):
    with open(macs, encoding="ascii") as lines:
        names = dict(line.split() for line in lines)
    rows, seen = [("", "bytes", "outer IP, protocol", "then, in hex", "the packet")], set()
    for frame in rdpcap(file):
        if TCP not in frame or frame[TCP].flags != "S":
            continue
        name = kind(frame) or "as it came"
        if name not in seen and (name == "as it came") == (names.get(frame.dst) == "lb"):
            seen.add(name)
            rows.append(describe(frame))
    if len(rows) < 2:
        sys.exit("trace: no packet was seen; is the playground up, and does check.sh say ok?")
    widths = [max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0]))]
    for row in rows:
        print("".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


main(*sys.argv[1:])
