#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""What one frame alone cannot show about the tunnels. Run on the load balancer's node of tests/packets/xdp_tunnels.bats.

usage: tunnels.py ports DEV KIND   a flow always has the same source port, and flows spread evenly over them
       tunnels.py sums DEV KIND    checksums of UDP in IPv6, through the corners of ones' complement arithmetic
       tunnels.py there-and-back DEV DECAP_DEV KIND
                                   what the program on DEV sends, xdp_decap on DECAP_DEV makes the packet again, one hop
                                   older
       tunnels.py pcap DEV         what the program sends, as a file for tcpdump, on standard output
Exit status 0, or 1 with what is wrong.
"""
import collections
import struct
import sys

from packet import *  # noqa: F403
from run_program import FastProgram

PORTS = {"ipv4": 8000, "ipv6": 8600}  # of the services whose backend has an address of that family


def flow(sport, six=0, dport=8000):
    return (client6() if six else client()) / TCP(sport=sport, dport=dport)


def ports(program, kind):
    def source_port(packet):
        return Ether(program.send(bytes(came() / packet))[1])[UDP].sport

    for six in (0, 1):
        of_flow = {sport: source_port(flow(sport, six)) for sport in range(1024, 1024 + 4096)}
        # Others of the same flow: a bigger one, and the end.
        for sport in (1024, 2000, 3000):
            for other in (flow(sport, six) / ("x" * 99), flow(sport, six)):
                other[TCP].flags = "FA"
                if source_port(other) != of_flow[sport]:
                    return f"{kind}: another port for a later packet of a flow"
        if not all(0xC000 <= port <= 0xFFFF for port in of_flow.values()):
            return f"{kind}: a port that is not one of the dynamic ones"
        # 16 queues, by the lowest bits and by the highest ones of the 14: 256 flows each, give or take 5 sigma.
        for shift in (0, 10):
            count = collections.Counter(port >> shift & 15 for port in of_flow.values())
            if len(count) != 16 or max(abs(n - 256) for n in count.values()) > 5 * (256 * 15 / 16) ** 0.5:
                return f"{kind}: uneven over 16 queues: {sorted(count.values())}"
    return ""


def sums(program, kind):
    """Packets that make the sum 0 (which must be written as 0xffff), its neighbours, and some others. What can be chosen
    freely is a word of a payload without a checksum, and the flow label."""
    def four(word, ttl=64):
        return client(ttl=ttl) / UDP(sport=40000, dport=8600, chksum=0) / struct.pack("!H", word)

    def six(word, ttl=64):
        return client6(hlim=ttl, fl=word) / TCP(sport=40000, dport=8600)

    for make in (four, six):
        zero = outer_sum(kind, make(0, 63))
        if outer_sum(kind, make(zero, 63)) != 0xFFFF:
            return "the test is wrong"
        for word in sorted({(zero + i) & 0xFFFF for i in range(-3, 4)} | {0, 1, 0xFFFF, 0x8000, 0x7FFF}):
            _, got = program.send(bytes(came() / make(word)))
            expected = bytes(leaves() / envelope(kind, BACKEND6, make(word, 63)))
            if got != expected:
                show_difference(expected, got)
                return f"{kind}: {make.__name__}, word {word:#06x}"
    return ""


def all_kinds_of_packets():
    """Packets as they come, and one hop older: frames without a link-layer header."""
    for port in PORTS.values():
        for size in (0, 1, 2, 17, 100, 1001, 1400 - 60):
            for transport in (TCP(sport=40000, dport=port), UDP(sport=40000, dport=port)):
                yield client() / transport / ("x" * size), client(ttl=63) / transport / ("x" * size)
                yield client6() / transport / ("x" * size), client6(hlim=63) / transport / ("x" * size)
        late = UDP(sport=40000, dport=port, chksum=0) / "no checksum"
        yield client() / late, client(ttl=63) / late
        for options in (1, 5, 40):
            fields = {"options": [IPOption_NOP()] * options, "tos": 0xB9}
            yield client(**fields) / TCP(dport=port), client(ttl=63, **fields) / TCP(dport=port)
        for extension in (IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(segleft=0), IPv6ExtHdrFragment(m=1, id=port)):
            yield client6() / extension / TCP(dport=port) / "odd", client6(hlim=63) / extension / TCP(dport=port) / "odd"
        udp = UDP(sport=40000, dport=port)
        first, later = {"flags": "MF", "id": port}, {"flags": 0, "frag": 3, "id": port, "proto": 17}
        yield client(**first) / udp / ("x" * 16), client(ttl=63, **first) / udp / ("x" * 16)
        yield client(**later) / ("x" * 17), client(ttl=63, **later) / ("x" * 17)
        quoted = quote(client(src=VIP, dst=CLIENT) / TCP(sport=port, dport=40000), 20)
        yield client() / ICMP(type=3, code=1) / quoted, client(ttl=63) / ICMP(type=3, code=1) / quoted
        quoted = quote6(client6(src=VIP6, dst=CLIENT6) / TCP(sport=port, dport=40000))
        yield client6() / ICMPv6TimeExceeded() / quoted, client6(hlim=63) / ICMPv6TimeExceeded() / quoted


def there_and_back(program, kind, decap_dev):
    decap = FastProgram(decap_dev)
    for packet, older in all_kinds_of_packets():
        for tags in ((), (5,), (5, 6)):
            action, sent = program.send(bytes(came(*tags) / packet))
            if action != "tx":
                return f"{kind}: {action}: {packet.summary()}"
            action, got = decap.send(sent)
            expected = bytes(leaves() / older)  # no way here leads through a VLAN device
            if action != "pass" or got != expected:
                show_difference(expected, got)
                return f"{kind}: {action} by xdp_decap: {packet.summary()}"
    return ""


def pcap(program):
    sys.stdout.buffer.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    for packet, _ in all_kinds_of_packets():
        action, sent = program.send(bytes(came() / packet))
        assert action == "tx"
        sys.stdout.buffer.write(struct.pack("=4I", 0, 0, len(sent), len(sent)) + sent)


def main(command, dev, *arguments):
    program = FastProgram(dev)
    if command == "pcap":
        return pcap(program)
    if command == "there-and-back":
        return there_and_back(program, arguments[1], arguments[0])
    return {"ports": ports, "sums": sums}[command](program, *arguments)


sys.exit(main(*sys.argv[1:]) or 0)
