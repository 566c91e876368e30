#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sends one frame through the XDP program on a device, and compares what comes of it.

usage: packet.py DEV IN ACTION COUNTER [OUT]
       packet.py DEV -             several frames, one for each line of standard input: the same
                                   words, separated by " | "; it stops at the first that goes wrong
       packet.py DEV --udp-sums    for xdp_nat: UDP packets whose checksum becomes each of many values

IN and OUT are Python expressions over scapy and the words below. The program runs by
`bpftool prog run` (BPF_PROG_TEST_RUN), as if the frame had come in by DEV. ACTION is pass, drop, tx,
redirect or aborted; COUNTER the one counter that must count the frame, and all others must not.
OUT is the frame as it must be afterwards, byte by byte; without it, unchanged.
Exit status: 0 as expected, 1 not.
"""
import difflib
import functools
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile

# The words of the expressions: these alone, because scapy.all takes twice as long to load.
from scapy.layers.inet import *  # noqa: F403
from scapy.layers.inet6 import *  # noqa: F403
from scapy.layers.l2 import *  # noqa: F403
from scapy.packet import Padding, Raw
from scapy.utils import hexdump

ACTIONS = ["aborted", "drop", "pass", "tx", "redirect"]

# The cast. MAC addresses as tests/lib/helper.bash sets them.
CLIENT, VIP, LB, BACKEND = "10.0.0.20", "192.168.178.15", "192.168.178.10", "172.16.0.10"
LB_MAC, GATEWAY_MAC = "02:00:00:00:00:10", "02:00:00:00:00:02"
LB_MAC1, FAR_MAC1 = "02:00:00:00:01:10", "02:00:00:00:01:20"


def came(*tags):
    """Ethernet as the gateway sends it to the load balancer, with VLAN ids if any."""
    layers = Ether(src=GATEWAY_MAC, dst=LB_MAC)
    for vlan in tags:
        layers = layers / Dot1Q(vlan=vlan)
    return layers


def leaves(*tags):
    """Ethernet as the load balancer sends it back to the gateway."""
    layers = Ether(src=LB_MAC, dst=GATEWAY_MAC)
    for vlan in tags:
        layers = layers / Dot1Q(vlan=vlan)
    return layers


def client(**fields):
    """IPv4 from the client to the VIP."""
    return IP(**{"src": CLIENT, "dst": VIP, "id": 4711, "flags": "DF", **fields})


def tunnel(to=BACKEND, **fields):
    """The outer header that xdp_ipip puts in front."""
    return IP(**{"src": LB, "dst": to, "id": 0, "flags": "DF", "ttl": 64, "proto": 4, **fields})


BACKEND_ON_LAN, BACKEND_MAC = "192.168.178.11", "02:00:00:00:00:11"


def to_backend():
    """NAT: Ethernet from the load balancer to a backend on its own network ..."""
    return Ether(src=LB_MAC, dst=BACKEND_MAC)


def from_backend():
    """... and back."""
    return Ether(src=BACKEND_MAC, dst=LB_MAC)


def ours(**fields):
    """NAT: IPv4 of what the load balancer makes of the client's packet ..."""
    return client(**{"src": LB, "dst": BACKEND_ON_LAN, **fields})


def theirs(**fields):
    """... of what the backend answers ..."""
    return client(**{"src": BACKEND_ON_LAN, "dst": LB, **fields})


def answer(**fields):
    """... and of what the client gets."""
    return client(**{"src": VIP, "dst": CLIENT, **fields})


def mended(chksum):
    """A UDP checksum after client -> VIP:53 has become LB -> backend:5353, by RFC 1624."""
    def words(*addresses_and_ports):
        return sum(struct.unpack("!2H", socket.inet_aton(a)) != () and
                   sum(struct.unpack("!2H", socket.inet_aton(a))) if isinstance(a, str) else a
                   for a in addresses_and_ports)
    total = (~chksum & 0xFFFF) - words(CLIENT, VIP, 53) + words(LB, BACKEND_ON_LAN, 5353)
    return (~(total % 0xFFFF) & 0xFFFF) or 0xFFFF


def quote(packet, extra=8):
    """An IPv4 packet as an ICMP error quotes it: its header and some bytes more."""
    packet = bytes(packet)
    return Raw(packet[: (packet[0] & 15) * 4 + extra])


def run(*command):
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout or "null")


@functools.cache
def names():
    """The names of the program's counters, as the shell has them."""
    file, array = ("decap_stats", "DECAP_VERDICTS") if "decap" in NAME else ("stats", "VERDICTS")
    script = f'. maps/{file}.sh; echo "${{{array}[@]}}"'
    return file, subprocess.run(["bash", "-c", script], check=True, capture_output=True,
                                text=True).stdout.split()


def counters():
    """Every named counter of the program on the device: (packets, bytes)."""
    file, words = names()
    dump = run("bpftool", "-j", "map", "dump", "pinned", f"/sys/fs/bpf/xdp/globals/{file}")
    return {words[entry["formatted"]["key"]]:
            tuple(sum(cpu["value"][field] for cpu in entry["formatted"]["values"])
                  for field in ("packets", "bytes")) for entry in dump}


def send(frame, ifindex, program):
    """Returns the action and the frame afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, name) for name in ("in", "out", "ctx")}
        with open(paths["in"], "wb") as file:
            file.write(frame)
        with open(paths["ctx"], "wb") as file:  # struct xdp_md
            file.write(struct.pack("=6I", 0, len(frame), 0, ifindex, 0, 0))
        answer = run("bpftool", "-j", "prog", "run", "id", str(program), "data_in", paths["in"],
                     "data_out", paths["out"], "data_size_out", "16384", "ctx_in", paths["ctx"])
        with open(paths["out"], "rb") as file:
            return ACTIONS[answer["retval"]], file.read()


def show(title, frame):
    print(f"---- {title}, {len(frame)} bytes: {Ether(frame).summary()}")
    hexdump(frame)


def show_difference(expected, got):
    show("expected", expected)
    show("got", got)
    fields = [Ether(frame).show2(dump=True).splitlines() for frame in (expected, got)]
    print("\n".join(difflib.unified_diff(*fields, "expected", "got", lineterm="")))


def check(program, ifindex, expression, action, counter, expected=None):
    """Sends one frame and compares; returns what is wrong, or nothing."""
    frame = bytes(eval(expression))
    expected = frame if expected is None else bytes(eval(expected))
    before = counters()
    got_action, got = send(frame, ifindex, program)
    after = counters()

    moved = {name: (after[name][0] - before[name][0], after[name][1] - before[name][1])
             for name in after if after[name] != before[name]}
    wrong = []
    if got_action != action:
        wrong.append(f"action {got_action}, expected {action}")
    if moved != {counter: (1, len(frame))}:
        wrong.append(f"counters moved (packets, bytes): {moved}, expected {counter}: (1, {len(frame)})")
    if action != "drop" and got != expected:
        wrong.append("the frame differs")
        show_difference(expected, got)
    if wrong:
        show("sent", frame)
    return "; ".join(wrong)


def udp_sums(program, ifindex):
    """The program's own output must carry the checksum that scapy computes from scratch, for payloads
    that make the sum run through the corners of ones' complement arithmetic."""
    def sum_of(word):
        out = IP(bytes(ours(ttl=63) / UDP(sport=40000, dport=5353) / struct.pack("!H", word)))
        return out[UDP].chksum

    # The payload that makes the sum 0, written as 0xffff: what the checksum is over zeros. Its
    # neighbours, and some others.
    zero = sum_of(0)
    assert sum_of(zero) == 0xFFFF
    words = {(zero + i) & 0xFFFF for i in range(-3, 4)} | {0, 1, 0xFFFF, 0x8000, 0x7FFF}
    for word in sorted(words):
        frame = came() / client() / UDP(sport=40000, dport=53) / struct.pack("!H", word)
        expected = to_backend() / ours(ttl=63) / UDP(sport=40000, dport=5353) / struct.pack("!H", word)
        _, got = send(bytes(frame), ifindex, program)
        if got != bytes(expected):
            show_difference(bytes(expected), got)
            return f"payload {word:#06x}"
    return ""


def main(dev, *arguments):
    global NAME
    link = run("ip", "-j", "-d", "link", "show", "dev", dev)[0]
    NAME = link["xdp"]["prog"]["name"]
    where = link["xdp"]["prog"]["id"], link["ifindex"]
    if arguments == ("--udp-sums",):
        sys.exit(udp_sums(*where) or 0)
    lines = [line.strip() for line in sys.stdin] if arguments == ("-",) else None
    for line in [arguments] if lines is None else lines:
        words = line if lines is None else line.split(" | ")
        wrong = check(*where, *words)
        if wrong:
            sys.exit(f"{words[0]}: {wrong}")


if __name__ == "__main__":
    main(*sys.argv[1:])
