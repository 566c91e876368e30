#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sends frames that have been mutated at random: of both families, with extension headers, in all tunnels.

usage: fuzz.py decap DEV FRAMES SEED   xdp_decap must do with each of them what the model below does: action, frame, counters
       fuzz.py KIND DEV FRAMES SEED    a load balancer's program, of this tunnel: it must never abort, nor change what it lets
                                       pass; and what it sends must be the packet that came, one hop older, in an envelope
                                       whose every header is right
Run on the load balancer's node of tests/packets/fuzz.bats. Exit status 0, or 1 with the first frame that went wrong.
"""
import collections
import ipaddress
import random
import struct
import sys

from packet import *  # noqa: F403
from run_program import FastProgram

EXTENSIONS, FRAGMENT, ROUTING = (0, 43, 44, 60), 44, 43
PORT4, PORT6 = 8000, 8600  # of the services whose backends have IPv4 and IPv6 addresses

# What tests/packets/fuzz.bats lets xdp_decap accept.
LOAD_BALANCERS = [ipaddress.ip_network(net) for net in ("192.168.178.10/32", "2001:db8:178::10/128", "10.99.0.0/24")]
HOSTS = {BACKEND: {"ipip": 0, "gre": 0, "fou": 5555, "gue": 6080}, BACKEND6: {"ipip": 0, "gre": 0, "fou": 5555, "gue": 6080},
         "172.16.0.11": {"gre": 0, "gue": 7777}}
VIPS = (VIP, VIP6)


class Verdict(Exception):
    """What becomes of a frame, other than that it is unwrapped."""


def number(data, at, size=2):
    """A number in a frame. It has to be there."""
    if at + size > len(data):
        raise IndexError
    return int.from_bytes(data[at:at + size], "big")


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def link_layer(frame):
    """Returns where the packet begins, and its EtherType (None: the frame is too short)."""
    if len(frame) < 14:
        return 0, None
    at, kind = 14, number(frame, 12)
    while kind in (0x8100, 0x88A8) and at < 22:
        if at + 4 > len(frame):
            return 0, None
        kind = number(frame, at + 2)
        at += 4
    return at, kind


def walk(frame, at, end, protocol):
    """Extension headers: returns how they were read, where what follows begins, its protocol, whether there is a fragment
    header, and whether it is a later fragment."""
    start, fragment = at, False
    for _ in range(9):
        if protocol not in EXTENSIONS:
            return "read", at, protocol, fragment, False
        if at + 8 > min(end, len(frame)):
            return "broken", at, protocol, fragment, False
        length = 8 if protocol == FRAGMENT else frame[at + 1] * 8 + 8
        if at + length > end:
            return "broken", at, protocol, fragment, False
        if protocol == ROUTING and frame[at + 3]:
            return "unreadable", at, protocol, fragment, False
        if protocol == FRAGMENT:
            offset = number(frame, at + 2)
            fragment = bool(offset or number(frame, at + 4, 4))
            if offset & 0xFFF8:
                return "read", at + length, frame[at], fragment, True
        protocol = frame[at]
        at += length
        if at - start > 1024:
            break
    return "unreadable", at, protocol, fragment, False


def address(data):
    return str(ipaddress.ip_address(data))


def kind_of(frame, protocol, at, destination, later):
    """Which tunnel it is, by the outer header."""
    if protocol in (4, 41):
        return "ipip"
    if protocol == 47:
        return "gre"
    if protocol == 17 and not later and at + 4 <= len(frame):
        port = number(frame, at + 2)
        for kind in ("gue", "fou"):
            if HOSTS.get(destination, {}).get(kind) == port:
                return kind
    raise Verdict("plain")


def own_header(frame, kind, protocol, at, end):
    """Steps over the tunnel's own header: returns where the packet begins, and 4 or 41."""
    if kind == "ipip":
        return at, protocol
    if kind == "gre":
        flags, inside = number(frame, at), number(frame, at + 2)
        length = 4 + sum(4 for flag in (0x8000, 0x2000, 0x1000) if flags & flag)
        if flags & ~0xB000 or at + length > end or inside not in (0x800, 0x86DD):
            raise Verdict("malformed")
        if flags & 0x8000 and ones_sum(frame[at:end]) != 0xFFFF:
            raise Verdict("malformed")
        return at + length, 4 if inside == 0x800 else 41
    if at + 8 > len(frame) or number(frame, at + 4) != end - at or end - at < 8:
        raise Verdict("malformed")
    at += 8
    if kind == "gue":
        first = number(frame, at, 4) >> 24
        if first >> 6 != 1:
            if first & 0xE0 or number(frame, at + 2) or at + 4 + (first & 31) * 4 > end:
                raise Verdict("malformed")
            return at + 4 + (first & 31) * 4, frame[at + 1]
    return at, {4: 4, 6: 41}.get(number(frame, at, 1) >> 4)


def inner_packet(frame, at, end, protocol):
    """Reads the inner packet: returns its destination, protocol, where its ports are, and whether it has none."""
    if protocol == 4:
        header = (number(frame, at, 1) & 15) * 4
        if at + 20 > len(frame) or frame[at] >> 4 != 4 or header < 20 or number(frame, at + 2) != end - at or header > end - at:
            raise Verdict("malformed")
        return address(frame[at + 16:at + 20]), frame[at + 9], at + header, bool(number(frame, at + 6) & 0x1FFF)
    if protocol != 41 or at + 40 > len(frame) or frame[at] >> 4 != 6 or number(frame, at + 4) + 40 != end - at:
        raise Verdict("malformed")
    how, ports, behind, _, later = walk(frame, at + 40, end, frame[at + 6])
    if how != "read":
        raise Verdict({"broken": "malformed"}.get(how, how))
    return address(frame[at + 24:at + 40]), behind, ports, later


def outer_packet(frame, l2, kind_of_frame):
    """Returns the tunnel's kind, its protocol, where it begins and ends, source, destination and ECN."""
    if kind_of_frame == 0x800 and len(frame) >= l2 + 20:
        header, fragment = (frame[l2] & 15) * 4, number(frame, l2 + 6)
        source, destination = address(frame[l2 + 12:l2 + 16]), address(frame[l2 + 16:l2 + 20])
        kind = kind_of(frame, frame[l2 + 9], l2 + header, destination, fragment & 0x1FFF)
        if fragment & 0x3FFF:
            raise Verdict("outer_fragment")
        end = l2 + number(frame, l2 + 2)
        if frame[l2] != 0x45 or not l2 + 20 <= end <= len(frame):
            raise Verdict("malformed")
        return kind, frame[l2 + 9], l2 + 20, end, source, destination, frame[l2 + 1] & 3
    if kind_of_frame != 0x86DD or len(frame) < l2 + 40:
        raise Verdict("plain")
    source, destination = address(frame[l2 + 8:l2 + 24]), address(frame[l2 + 24:l2 + 40])
    how, at, protocol, fragment, later = walk(frame, l2 + 40, len(frame), frame[l2 + 6])
    if how == "unreadable" and destination in HOSTS:
        raise Verdict("unreadable")
    if how != "read":
        raise Verdict("plain")
    kind = kind_of(frame, protocol, at, destination, later)
    if at != l2 + 40:
        raise Verdict("outer_fragment" if fragment else "malformed")
    end = l2 + 40 + number(frame, l2 + 4)
    if frame[l2] >> 4 != 6 or end > len(frame):
        raise Verdict("malformed")
    return kind, protocol, at, end, source, destination, frame[l2 + 1] >> 4 & 3


def with_ecn(packet, ecn):
    packet = bytearray(packet)
    if packet[0] >> 4 == 6:
        packet[1] = packet[1] & 0xCF | ecn << 4
        return bytes(packet)
    before = number(packet, 0)
    packet[1] = packet[1] & 0xFC | ecn
    total = (~number(packet, 10) & 0xFFFF) + (~before & 0xFFFF) + number(packet, 0)  # RFC 1624
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    packet[10:12] = (~total & 0xFFFF).to_bytes(2, "big")
    return bytes(packet)


def unwrap(frame):
    """The model of xdp_decap: returns the frame that goes up, or raises the verdict."""
    l2, kind_of_frame = link_layer(frame)
    kind, protocol, at, end, source, destination, outer_ecn = outer_packet(frame, l2, kind_of_frame)
    try:
        at, protocol = own_header(frame, kind, protocol, at, end)
        vip, behind, ports, later = inner_packet(frame, at, end, protocol)
    except IndexError:
        raise Verdict("malformed") from None
    if not any(ipaddress.ip_address(source) in net for net in LOAD_BALANCERS):
        raise Verdict("source_refused")
    if destination not in HOSTS:
        raise Verdict("destination_refused")
    if kind not in HOSTS[destination]:
        raise Verdict("tunnel_refused")
    if vip not in VIPS:
        raise Verdict("vip_refused")
    own_ports = [port for port in HOSTS[destination].values() if port]
    if behind in (4, 41, 47) or (behind == 17 and not later and ports + 4 <= len(frame) and number(frame, ports + 2) in own_ports):
        raise Verdict("nested")
    packet, ecn = frame[at:], (frame[at + 1] if protocol == 4 else frame[at + 1] >> 4) & 3
    if outer_ecn == 3 and ecn == 0:
        raise Verdict("congested")
    if (outer_ecn == 3 and ecn != 3) or (outer_ecn == 1 and ecn == 2):
        packet = with_ecn(packet, outer_ecn)
    return frame[:l2 - 2] + (b"\x08\x00" if protocol == 4 else b"\x86\xdd") + packet


# ---- Frames ----

def packets_of(port):
    """Packets from clients, in great variety."""
    tcp, udp = TCP(sport=40000, dport=port), UDP(sport=40000, dport=port)
    for ip in (client(), client(tos=2), client(options=[IPOption_NOP()] * 8), client6(), client6(tc=0xB9),
               client6() / IPv6ExtHdrHopByHop(), client6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(segleft=0),
               client6() / IPv6ExtHdrFragment(m=1, id=7), client6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrDestOpt() / IPv6ExtHdrHopByHop()):
        yield ip / tcp / "odd"
        yield ip / udp / ("x" * 40)
    yield client() / UDP(sport=40000, dport=port, chksum=0) / "odd"
    yield client(flags="MF", id=9) / udp / ("x" * 16)
    yield client(flags=0, frag=3, id=9, proto=17) / Raw("y" * 17)
    yield client6() / IPv6ExtHdrFragment(offset=3, id=7, nh=6) / Raw("y" * 17)
    yield client(src="10.0.0.2") / ICMP(type=3, code=1) / quote(client(src=VIP, dst=CLIENT) / TCP(sport=port, dport=40000))
    yield client6(src="2001:db8::2") / ICMPv6TimeExceeded() / quote6(client6(src=VIP6, dst=CLIENT6) / UDP(sport=port, dport=40000))
    yield client() / GRE() / IP()
    yield client6(hlim=1) / udp


def tunnel_frames():
    for packet in packets_of(8000):
        for kind in ("ipip", "gre", "fou", "gue"):
            for to in (BACKEND, BACKEND6):
                yield came() / envelope(kind, to, packet, flow=client() / TCP())
        yield came(5, 6) / envelope("gre", BACKEND6, packet, key_present=1, chksum_present=1)
        yield came(5) / envelope("gue", "172.16.0.11", packet, flow=client() / TCP(), dport=7777)
        yield came() / tunnel6(nh=17) / UDP(dport=6080) / packet
        yield came() / tunnel6() / IPv6ExtHdrDestOpt() / packet


def frames_of_clients():
    for port in (PORT4, PORT6):
        for tags in ((), (5,), (5, 6)):
            for packet in packets_of(port):
                yield came(*tags) / packet


def mutate(frame, chance):
    """Returns the frame with some changes; often none at all, so that the rest of its way is tried, too."""
    frame = bytearray(frame)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 5))):
        at = chance.randrange(12, min(len(frame), 150))
        what = chance.randrange(8)
        if what < 3:
            frame[at] = chance.choice((0, 1, 4, 5, 6, 17, 41, 43, 44, 47, 60, 0x40, 0x45, 0x60, 0x80, 0xFF, chance.randrange(256)))
        elif what < 5:
            frame[at] ^= 1 << chance.randrange(8)
        elif what == 5:
            del frame[max(15, chance.randrange(len(frame))):]
        elif what == 6:
            frame += bytes(chance.randrange(1, 40))
        else:
            end = chance.randrange(at, min(len(frame), at + 24) + 1)
            frame[at:at] = frame[at:end]
        if len(frame) < 16:
            frame += bytes(16)
    return bytes(frame)


# ---- What must hold ----

class Wrong(Exception):
    """What is wrong with a frame."""


def must(condition, text):
    if not condition:
        raise Wrong(text)


def check_decap(_, frame, action, got, counts):
    try:
        expected, verdict = unwrap(frame), "decapsulated"
    except Verdict as other:
        expected, verdict = frame, str(other)
    counts[verdict] += 1
    passes = verdict in ("plain", "decapsulated")
    must(action == ("pass" if passes else "drop"), f"{action}; the model says {verdict}")
    must(not passes or got == expected, f"the frame differs; the model says {verdict}")


def one_hop_older(packet):
    packet = bytearray(packet)
    if packet[0] >> 4 == 6:
        packet[7] -= 1
        return bytes(packet)
    before = number(packet, 8)
    packet[8] -= 1
    total = (~number(packet, 10) & 0xFFFF) + (~before & 0xFFFF) + number(packet, 8)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    packet[10:12] = (~total & 0xFFFF).to_bytes(2, "big")
    return bytes(packet)


def has_wrong_sum(packet):
    """Whether a checksum of the packet is wrong: only then the one outside may be. Without one (a fragment, UDP with
    0, extension headers) all of it was read."""
    if packet[0] >> 4 == 4:
        at, protocol = (packet[0] & 15) * 4, packet[9]
        pseudo = packet[12:20] + struct.pack("!BBH", 0, protocol, len(packet) - at)
        if ones_sum(packet[:at]) != 0xFFFF:
            return True
        if number(packet, 6) & 0x3FFF:
            return False
        if protocol == 1:
            pseudo = b""
    else:
        at, protocol = 40, packet[6]
        pseudo = packet[8:40] + struct.pack("!IHBB", len(packet) - at, 0, 0, protocol)
    return protocol in (1, 6, 17, 58) and ones_sum(pseudo + packet[at:]) != 0xFFFF


def check_answer(frame, l2, got):
    """An ICMP error to the sender, which quotes the packet."""
    if got[l2] >> 4 == 4:
        must(ones_sum(got[l2:l2 + 20]) == 0xFFFF and ones_sum(got[l2 + 20:]) == 0xFFFF, "checksum of an ICMP error")
        must(frame[l2:].startswith(got[l2 + 28:]), "an ICMP error quotes another packet")
    else:
        pseudo = got[l2 + 8:l2 + 40] + struct.pack("!IHBB", len(got) - l2 - 40, 0, 0, 58)
        must(ones_sum(pseudo + got[l2 + 40:]) == 0xFFFF, "checksum of an ICMPv6 error")
        must(frame[l2:].startswith(got[l2 + 48:]), "an ICMPv6 error quotes another packet")


def check_balancer(kind, frame, action, got, counts):
    """What a load balancer's program makes of a frame."""
    counts[action] += 1
    must(action != "aborted", "aborted")
    if action == "pass":
        must(got == frame, "what passes has changed")
    if action != "tx":
        return
    l2, kind_of_frame = link_layer(frame)
    out, kind_of_got = link_layer(got)
    four = kind_of_got == 0x800
    protocol = got[out + 9] if four else got[out + 6]
    if protocol in (1, 58):
        must(got[12:out - 2] == frame[12:l2 - 2], "an answer has other tags than the question")
        counts["answered"] += 1
        return check_answer(frame, l2, got)
    must(out == 14, "tags, and no way here leads through a VLAN device")
    at = out + (20 if four else 40)
    end = out + number(got, out + 2) if four else at + number(got, out + 4)
    total = number(frame, l2 + 2) if kind_of_frame == 0x800 else 40 + number(frame, l2 + 4)
    must(not four or (got[out] == 0x45 and ones_sum(got[out:at]) == 0xFFFF), "outer IPv4 header")
    must(four or got[out] >> 4 == 6, "outer IPv6 header")
    begin, inside = own_header(got, kind, protocol, at, end)
    must(protocol == {"ipip": inside, "gre": 47}.get(kind, 17), "outer protocol")
    must(inside == (4 if kind_of_frame == 0x800 else 41), "the tunnel says another family than the packet's")
    packet = got[begin:end]
    must(end - begin == total, "lengths of the envelope")
    must(packet == one_hop_older(frame[l2:l2 + total]), "the packet inside has changed")
    must(got[end:] == frame[l2 + total:], "the padding has changed")
    if kind in ("fou", "gue") and four:
        must(number(got, at + 6) == 0, "UDP checksum in IPv4")
    elif kind in ("fou", "gue"):
        pseudo = got[out + 8:out + 40] + struct.pack("!IHBB", end - at, 0, 0, 17)
        right = ones_sum(pseudo + got[at:end]) == 0xFFFF and number(got, at + 6)
        must(right or has_wrong_sum(packet), "UDP checksum in IPv6")
        counts["right sum" if right else "wrong sum inside"] += 1


def main(kind, dev, count, seed):
    chance, counts = random.Random(int(seed)), collections.Counter()
    program = FastProgram(dev)
    bases = [bytes(frame) for frame in (tunnel_frames() if kind == "decap" else frames_of_clients())]
    before = program.counters()
    for _ in range(int(count)):
        frame = mutate(chance.choice(bases), chance)
        action, got = program.send(frame)
        try:
            (check_decap if kind == "decap" else check_balancer)(kind, frame, action, got, counts)
        except Wrong as wrong:
            show("sent", frame)
            show("got", got)
            return f"{kind}: {wrong}"
    after = program.counters()
    print(f"{kind}: {dict(counts)}")
    moved = {name: after[name][0] - before[name][0] for name in after if after[name] != before[name]}
    if kind == "decap" and moved != dict(counts):
        return f"the counters say {moved}"
    # It is no test, if most of the frames are broken before anybody looks at them.
    if counts["decapsulated" if kind == "decap" else "tx"] < int(count) / 10:
        return "too few of the frames have gone all the way"
    return ""


sys.exit(main(*sys.argv[1:]) or 0)
