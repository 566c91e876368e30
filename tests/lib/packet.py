#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sends frames through the XDP program on a device, and compares what comes of them.

usage: packet.py DEV IN ACTION COUNTER [OUT]
       packet.py DEV -                  several frames from standard input; it stops at the first that goes wrong
       packet.py DEV --udp-sums         for xdp_nat: UDP packets whose checksum becomes each of many values
       packet.py serve REQUESTS ANSWERS for tests/lib/helper.bash, so that Python starts once for many frames. Both
                                        are FIFOs. A request is a line DEV and then frames; an answer is what
                                        there is to say, and a last line, "right" or "wrong"

IN and OUT are Python expressions over scapy and the words below. The program runs by
`bpftool prog run` (BPF_PROG_TEST_RUN), as if the frame had come in by DEV. ACTION is pass, drop, tx,
redirect or aborted. COUNTER is the one counter that must count the frame; all others must not.
OUT is the frame as it must be afterwards, byte by byte; without it, unchanged.
Of several frames each has two lines, or one if it is short:
       IN
       => ACTION COUNTER [OUT]
Exit status: 0 as expected, 1 not.
"""
import contextlib
import difflib
import functools
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import traceback

# The words of the expressions: these alone, because scapy.all takes twice as long to load.
from scapy.layers.inet import *  # noqa: F403
from scapy.layers.inet6 import *  # noqa: F403
from scapy.layers.l2 import *  # noqa: F403
from scapy.packet import Padding, Raw
from scapy.utils import hexdump

from flow_hash import flow_hash

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


# The same in IPv6.
CLIENT6, VIP6, LB6, BACKEND6 = "2001:db8:10::20", "2001:db8:178::15", "2001:db8:178::10", "2001:db8:16::10"


def client6(**fields):
    """IPv6 from the client to the VIP."""
    return IPv6(**{"src": CLIENT6, "dst": VIP6, "fl": 0x12345, **fields})


def tunnel6(to=BACKEND6, **fields):
    """The outer IPv6 header that xdp_ipip puts in front."""
    return IPv6(**{"src": LB6, "dst": to, "fl": 0, "hlim": 64, **fields})


# The tunnels. The tests set this key, so that it is known which port a flow has.
KEY = bytes(range(32))
TUNNEL_PORTS = {"fou": 5555, "gue": 6080}
IP_IN_IP, IPV6_IN_IP, GRE_IN_IP, UDP_IN_IP = 4, 41, 47, 17


def flow_port(packet):
    """The source port of a flow's tunnel in UDP; `packet` is one of the flow. A later fragment has no ports, and its
    protocol is in the last header that it has."""
    layer = packet.getlayer(TCP) or packet.getlayer(UDP)
    ports = (layer.sport, layer.dport) if layer else (0, 0)
    if layer:
        protocol = 6 if isinstance(layer, TCP) else 17
    else:
        protocol = packet.proto if packet.version == 4 else packet.getlayer(IPv6ExtHdrFragment).nh
    return 0xC000 | flow_hash(packet.src, ports[0], packet.dst, ports[1], protocol, KEY) & 0x3FFF


def header(kind, inner, sport=None, dport=None, **fields):
    """What a tunnel has between the outer IP header and the packet."""
    if kind == "ipip":
        return inner
    if kind == "gre":
        return GRE(**fields) / inner
    udp = UDP(sport=flow_port(inner) if sport is None else sport, dport=dport or TUNNEL_PORTS[kind], **fields)
    if kind == "fou":
        return udp / inner
    return udp / Raw(struct.pack("!BBH", 0, IP_IN_IP if inner.version == 4 else IPV6_IN_IP, 0)) / inner


def envelope(kind, to, inner, flow=None, outer=None, **fields):
    """`inner` as the load balancer sends it to a backend: in IPv4 if that has such an address, or in IPv6. `flow`: a
    packet of the flow, if it is another one; `outer`: fields of the outer IP header; the others are the tunnel's own."""
    six = ":" in to
    protocol = {"ipip": IP_IN_IP if inner.version == 4 else IPV6_IN_IP, "gre": GRE_IN_IP}.get(kind, UDP_IN_IP)
    if kind in TUNNEL_PORTS:
        fields.setdefault("sport", flow_port(flow or inner))
        if not six:
            fields.setdefault("chksum", 0)
    ip = tunnel6(to, nh=protocol, **outer or {}) if six else tunnel(to, proto=protocol, **outer or {})
    return ip / header(kind, inner, **fields)


def outer_sum(kind, inner):
    """The UDP checksum of an IPv6 envelope."""
    return IPv6(bytes(envelope(kind, BACKEND6, inner)))[UDP].chksum


BACKEND_ON_LAN, BACKEND_MAC = "192.168.178.11", "02:00:00:00:00:11"


def to_backend():
    """NAT: Ethernet from the load balancer to a backend on its own network ..."""
    return Ether(src=LB_MAC, dst=BACKEND_MAC)


def from_backend():
    """... and back."""
    return Ether(src=BACKEND_MAC, dst=LB_MAC)


def to_prober():
    """Ethernet of what goes to lb watch (PROBE_MAC of headers/lb/probe.h)."""
    return Ether(src="02:6c:62:70:72:62", dst="02:6c:62:70:72:62")


def ours(**fields):
    """NAT: IPv4 of what the load balancer makes of the client's packet ..."""
    return client(**{"src": LB, "dst": BACKEND_ON_LAN, **fields})


def theirs(**fields):
    """... of what the backend answers ..."""
    return client(**{"src": BACKEND_ON_LAN, "dst": LB, **fields})


def answer(**fields):
    """... and of what the client gets."""
    return client(**{"src": VIP, "dst": CLIENT, **fields})


# The same in IPv6.
BACKEND6_ON_LAN = "2001:db8:178::11"


def ours6(**fields):
    """NAT: IPv6 of what the load balancer makes of the client's packet ..."""
    return client6(**{"src": LB6, "dst": BACKEND6_ON_LAN, **fields})


def theirs6(**fields):
    """... of what the backend answers ..."""
    return client6(**{"src": BACKEND6_ON_LAN, "dst": LB6, **fields})


def answer6(**fields):
    """... and of what the client gets."""
    return client6(**{"src": VIP6, "dst": CLIENT6, **fields})


got = b""  # the frame that came out


def its_id():
    """The id of the IPv4 packet that came out: where OUT does not say which it must be."""
    return Ether(got)[IP].id


def anything():
    """Whatever came out: where ACTION and COUNTER say all that a test is about."""
    return Raw(got)


def to_mac(address):
    """Whatever came out, but to this MAC address."""
    return Raw(bytes.fromhex(address.replace(":", "")) + got[6:])


def cid(server_id, config=0, length=8):
    """A QUIC connection id of so many bytes, as a server with this id chooses it (draft-ietf-quic-load-balancers)."""
    return (bytes([config << 5 | length - 1]) + bytes.fromhex(server_id) + b"\x5a" * 20)[:length]


def short(connection_id):
    """What a QUIC packet with a short header begins with."""
    return Raw(b"\x40" + connection_id + b"\xa5" * 20)


def long(connection_id, kind=0xE0):
    """The same with a long header: of a handshake; 0xC0: an initial one."""
    return Raw(bytes([kind]) + b"\0\0\0\1" + bytes([len(connection_id)]) + connection_id + b"\0" + b"\xa5" * 20)


def words(*fields):
    """The sum of the 16-bit words of addresses and ports, as they are on the wire."""
    data = b"".join(socket.inet_pton(socket.AF_INET6 if ":" in f else socket.AF_INET, f) if isinstance(f, str)
                    else struct.pack("!H", f) for f in fields)
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def moved(chksum, before, after):
    """NAT: a checksum over some addresses and ports that have become others. RFC 1624 takes the old words out of the
    sum and puts the new ones in."""
    total = (~chksum & 0xFFFF) - words(*before) + words(*after)
    total %= 0xFFFF  # ones' complement: a carry comes back at the low end
    return ~total & 0xFFFF or 0xFFFF  # 0 would mean that UDP has no checksum


def mended(chksum):
    """NAT: a UDP checksum after client -> VIP:53 has become LB -> backend:5353."""
    return moved(chksum, [CLIENT, VIP, 53], [LB, BACKEND_ON_LAN, 5353])


def quote(packet, extra=8):
    """An IPv4 packet as an ICMP error quotes it: its header and some bytes more."""
    packet = bytes(packet)
    return Raw(packet[: (packet[0] & 15) * 4 + extra])


def quote6(packet):
    """An IPv6 packet as an ICMPv6 error quotes it: as much as fits in 1280 bytes (RFC 4443, 2.4), an
    even number of them."""
    packet = bytes(packet)
    return Raw(packet[: min(len(packet), 1280 - 40 - 8) & ~1])


def run(*command):
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout or "null")


@functools.cache
def names(enum):
    """The names of a program's counters, as the shell has them."""
    script = f'. maps/all.sh; echo "${{ENUMS[{enum}]#* }}"'
    return subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True).stdout.split()


class Program:
    """The program on a device."""

    def __init__(self, dev):
        link = run("ip", "-j", "-d", "link", "show", "dev", dev)[0]
        self.ifindex = link["ifindex"]
        self.id = link["xdp"]["prog"]["id"]
        self.name = link["xdp"]["prog"]["name"]

    def counters(self):
        """Every named counter: (packets, bytes)."""
        file, enum = ("decap_stats", "decap_verdict") if self.name.startswith(("xdp_decap", "xdp_relay")) else ("stats", "verdict")
        dump = run("bpftool", "-j", "map", "dump", "pinned", f"/sys/fs/bpf/xdp/globals/{file}")
        return {names(enum)[entry["formatted"]["key"]]:
                tuple(sum(cpu["value"][field] for cpu in entry["formatted"]["values"])
                      for field in ("packets", "bytes")) for entry in dump}

    def send(self, frame):
        """Returns the action and the frame afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            paths = {name: os.path.join(folder, name) for name in ("in", "out", "ctx")}
            with open(paths["in"], "wb") as file:
                file.write(frame)
            with open(paths["ctx"], "wb") as file:  # struct xdp_md
                file.write(struct.pack("=6I", 0, len(frame), 0, self.ifindex, 0, 0))
            answer = run("bpftool", "-j", "prog", "run", "id", str(self.id), "data_in", paths["in"],
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


def check(program, expression, action, counter, expected=None):
    """Sends one frame and compares; returns what is wrong, or nothing."""
    global got
    frame = bytes(eval(expression))
    before = program.counters()
    got_action, got = program.send(frame)
    after = program.counters()
    expected = frame if expected is None or action == "drop" else bytes(eval(expected))

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


def frames(lines):
    """The words IN, ACTION, COUNTER and perhaps OUT of each frame that the lines describe. (In one line they may also
    stand between " | ".)"""
    text = "".join(" " + line if line.startswith("=>") else "\n" + line for line in map(str.strip, lines))
    for line in text.splitlines():
        expression, arrow, rest = line.partition(" => ")
        if arrow:
            yield [expression, *rest.split(" ", 2)]
        elif line:
            yield line.split(" | ")


def check_all(program, all_words):
    """Sends frames, until one goes wrong; returns what is wrong, or nothing."""
    wrong = "there is no frame to send"
    for words_of_frame in all_words:
        wrong = check(program, *words_of_frame)
        if wrong:
            return f"{words_of_frame[0]}: {wrong}"
    return wrong


def udp_sums(program):
    """The program's own output must carry the checksum that scapy computes from scratch, for payloads
    that make the sum run through the corners of ones' complement arithmetic."""
    def sum_of(word):
        out = IP(bytes(ours(ttl=63) / UDP(sport=40000, dport=5353) / struct.pack("!H", word)))
        return out[UDP].chksum

    # The payload that makes the sum 0, written as 0xffff: what the checksum is over zeros. Its
    # neighbours, and some others.
    zero = sum_of(0)
    assert sum_of(zero) == 0xFFFF
    payloads = {(zero + i) & 0xFFFF for i in range(-3, 4)} | {0, 1, 0xFFFF, 0x8000, 0x7FFF}
    for word in sorted(payloads):
        frame = came() / client() / UDP(sport=40000, dport=53) / struct.pack("!H", word)
        expected = to_backend() / ours(ttl=63) / UDP(sport=40000, dport=5353) / struct.pack("!H", word)
        _, got = program.send(bytes(frame))
        if got != bytes(expected):
            show_difference(bytes(expected), got)
            return f"payload {word:#06x}"
    return ""


def serve(requests, answers):
    """Answers requests, one at a time, for ever."""
    while True:
        with open(requests, encoding="utf-8") as pipe:
            dev, *lines = pipe.read().splitlines()
        with open(answers, "w", encoding="utf-8") as pipe, contextlib.redirect_stdout(pipe):
            try:
                wrong = check_all(Program(dev), frames(lines))
            except Exception:
                wrong = traceback.format_exc()
            print(wrong + "\nwrong" if wrong else "right")


def main(first, *arguments):
    if first == "serve":
        serve(*arguments)
    elif arguments == ("--udp-sums",):
        sys.exit(udp_sums(Program(first)) or 0)
    else:
        sys.exit(check_all(Program(first), frames(sys.stdin) if arguments == ("-",) else [arguments]) or 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
