#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints what tcpdump saw of a request on every cable of a playground, as one table, hop by hop.

usage: trace.py [--all] [--only PORT@TIME] MACS PCAP...     (labs/*/trace.sh calls it)

MACS is a file with lines "MAC NAME". Each PCAP holds the frames of one cable; a frame is on the
cables of its sender and of its receiver, and counts once. Without --all, the first packet of the
connection in each direction is followed: SYN, and SYN ACK. IPv4 and IPv6, in IPIP, GRE, FOU and GUE.

--only is for cables with more than one connection: the one that begins at this time or later, from this port.
"""
import signal
import sys

from scapy.all import IP, TCP, rdpcap

from tunnels import IPS, outer_text

WIDTHS = [4, 12, 12, 32, 34, 16, 8]  # of columns; IPv6 needs more
HEADINGS = ("", "from MAC", "to MAC", "outer IP", "IP", "ports", "TTL")


def bold(text):
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def row(cells, changed=()):
    """One line; the cells that changed at this hop are marked with a star (and bold)."""
    line = ""
    for i, (cell, width) in enumerate(zip(cells, WIDTHS)):
        text = ("*" if i in changed else " ") + cell
        line += (bold(text) if i in changed else text) + " " * max(1, width - len(text))
    return line.rstrip()


def describe(frame, names):
    """The cells for a frame, without the number."""
    ips = [layer for layer in frame.iterpayloads() if isinstance(layer, IPS)]
    inner, outer = ips[-1], ips[0] if len(ips) > 1 else None
    tcp = frame[TCP]
    ttls = [str(ip.ttl if isinstance(ip, IP) else ip.hlim) for ip in ips]
    return (
        names.get(frame.src, frame.src),
        names.get(frame.dst, frame.dst),
        outer_text(frame) if outer else "-",
        f"{inner.src} > {inner.dst}",
        f"{tcp.sport} > {tcp.dport}",
        "/".join(ttls),
    )


def read(files, only):
    """The TCP frames of all files in the order of time, each of them once."""
    port, since = only.split("@") if only else (0, 0)
    frames, seen, first = [], set(), None
    for frame in sorted((f for name in files for f in rdpcap(name)), key=lambda f: f.time):
        if TCP not in frame or bytes(frame) in seen or frame.time < float(since):
            continue
        if only and int(port) not in (frame[TCP].sport, frame[TCP].dport):
            continue
        if only and frame[TCP].flags == "S":
            first = frame[TCP].seq if first is None else first
            if frame[TCP].seq != first:
                break  # the next connection from this port
        seen.add(bytes(frame))
        frames.append(frame)
    return frames


def main(arguments):
    everything = arguments[:1] == ["--all"]
    arguments = arguments[1:] if everything else arguments
    only, arguments = (arguments[1], arguments[2:]) if arguments[0] == "--only" else (None, arguments)
    macs, *files = arguments
    with open(macs, encoding="ascii") as lines:
        names = dict(line.split() for line in lines)
    frames = read(files, only)
    if not frames:
        sys.exit("trace: no packet was seen; is the playground up, and does check.sh say ok?")

    journeys = {}  # a packet's journey: its frames, from cable to cable
    for frame in frames:
        journeys.setdefault((frame[TCP].flags.value, frame[TCP].seq, frame[TCP].ack), []).append(frame)
    for frame in frames:
        for i, cell in enumerate(describe(frame, names), 1):
            WIDTHS[i] = max(WIDTHS[i], len(cell) + 2)
    print(row(HEADINGS))
    for frames in journeys.values():
        flags = frames[0][TCP].flags
        if not everything and "S" not in flags:
            continue
        length = len(frames[0][TCP].payload)
        print(f"{str(flags)}, {length} bytes of data" if everything else
              "the request: SYN" if flags == "S" else "the answer: SYN ACK")
        before, again = None, 0
        for hop, frame in enumerate(frames, 1):
            if before and frame.src == frames[0].src:
                again = sum(f.src == frame.src for f in frames[1:])
                break  # from here on it is sent again
            cells = (f"{hop}",) + describe(frame, names)
            changed = [i for i in range(1, len(cells)) if before and cells[i] != before[i]]
            print(row(cells, changed))
            before = cells
        if again:
            print(f"     (and {again} times again)")
    if not any(f[TCP].flags == "SA" for f in read(files, only)):
        print("no answer was seen")


signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads ("| head") has had enough
main(sys.argv[1:])
