# SPDX-License-Identifier: GPL-2.0-only
"""Reads one frame, byte by byte, and says what is in it: as a dict that the page can draw.

No scapy here: it takes a millisecond for a frame, and must be installed. What does not fit is None, never an exception.
"""
import hashlib
import socket
import struct

TCP, UDP, ICMP, ICMP6, IPIP, IP6IP, GRE = 6, 17, 1, 58, 4, 41, 47
ETH_IP, ETH_IP6, ETH_ARP, ETH_VLAN, ETH_QINQ = 0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8
FOU_PORT, GUE_PORT = 5555, 6080  # as in maps/decap_addresses.sh
PROBE_PORTS = range(61000, 65096)  # the load balancer's checks come from these
CONTROL_PORTS = (179, 3784, 4784)  # BGP and BFD: routers among themselves
FLAGS = ((2, "SYN"), (1, "FIN"), (4, "RST"), (16, "ACK"))
ICMP_TEXTS = {
    (4, 8): "echo request", (4, 0): "echo reply", (4, 3): "unreachable", (4, 11): "time exceeded",
    (6, 128): "echo request", (6, 129): "echo reply", (6, 1): "unreachable", (6, 2): "packet too big",
    (6, 3): "time exceeded", (6, 133): "router solicitation", (6, 134): "router advertisement",
    (6, 135): "who has this address?", (6, 136): "this is my MAC address", (6, 143): "multicast report",
}


class Short(Exception):
    """The frame ends before it should."""


def need(data, length):
    if len(data) < length:
        raise Short()


def mac(data):
    return ":".join(f"{byte:02x}" for byte in data)


def decode(frame):
    """A frame -> {src, dst, vlan, outer, ip, l4, ports, flags, text, kind, key, length}."""
    said = {"src": mac(frame[6:12]), "dst": mac(frame[0:6]), "vlan": [], "outer": None, "ip": None, "l4": None,
            "ports": None, "text": "", "kind": "other", "length": len(frame)}
    try:
        network(said, frame)
    except (Short, OSError, struct.error):
        said["text"] = "cannot be read: it ends too early"
    said.setdefault("key", digest(frame[12:]))
    return said


def network(said, frame):
    """Behind the Ethernet header and its VLAN tags."""
    need(frame, 14)
    ethertype, at = struct.unpack_from("!H", frame, 12)[0], 14
    while ethertype in (ETH_VLAN, ETH_QINQ):
        need(frame, at + 4)
        tag, ethertype = struct.unpack_from("!HH", frame, at)
        said["vlan"].append(tag & 0xFFF)
        at += 4
    if ethertype == ETH_ARP:
        arp(said, frame[at:])
    elif ethertype in (ETH_IP, ETH_IP6):
        ip(said, frame[at:])
    else:
        said.update(l4="ethernet", text=f"type {ethertype:#06x}")


def arp(said, data):
    need(data, 28)
    operation = struct.unpack_from("!H", data, 6)[0]
    sender, target = socket.inet_ntoa(data[14:18]), socket.inet_ntoa(data[24:28])
    said.update(l4="arp", kind="neighbours",
                text=f"who has {target}? tell {sender}" if operation == 1 else f"{sender} is at {mac(data[8:14])}")


def ip(said, data):
    """An IP packet; if there is another one inside, that is the packet, and this is around it."""
    header, payload = ip4(data) if data[:1] and data[0] >> 4 == 4 else ip6(data)
    inside = None if header["fragment"] else tunnel(header, payload)
    if inside and said["outer"] is None:
        name, ports, inner = inside
        said["outer"] = {"src": header["src"], "dst": header["dst"], "ttl": header["ttl"], "kind": name, "ports": ports}
        ip(said, inner)
        return
    said["ip"] = {name: header[name] for name in ("src", "dst", "ttl", "family")}
    if header["fragment"]:
        said.update(l4="fragment", kind="request", text=f"a later fragment, of protocol {header['protocol']}")
    else:
        transport(said, header, payload)


def ip4(data):
    need(data, 20)
    length = (data[0] & 15) * 4
    need(data, length)
    total, _, fragment = struct.unpack_from("!HHH", data, 2)
    return ({"family": 4, "src": socket.inet_ntoa(data[12:16]), "dst": socket.inet_ntoa(data[16:20]), "ttl": data[8],
             "protocol": data[9], "fragment": fragment & 0x1FFF != 0}, data[length:max(total, length)])


def ip6(data):
    need(data, 40)
    length, protocol, hops = struct.unpack_from("!HBB", data, 4)
    header = {"family": 6, "src": socket.inet_ntop(socket.AF_INET6, data[8:24]),
              "dst": socket.inet_ntop(socket.AF_INET6, data[24:40]), "ttl": hops, "fragment": False}
    payload = data[40:40 + length]
    for _ in range(8):  # extension headers
        if protocol in (0, 43, 60):
            need(payload, 8)
            protocol, payload = payload[0], payload[8 + 8 * payload[1]:]
        elif protocol == 44:
            need(payload, 8)
            header["fragment"] = struct.unpack_from("!H", payload, 2)[0] & 0xFFF8 != 0
            protocol, payload = payload[0], payload[8:]
        else:
            break
    header["protocol"] = protocol
    return header, payload


def tunnel(header, payload):
    """(name, UDP ports or None, the packet inside), if it is one of our four tunnels."""
    protocol = header["protocol"]
    if protocol in (IPIP, IP6IP):
        return "ipip", None, payload
    if protocol == GRE and payload[:2] == b"\0\0" and payload[2:4] in (b"\x08\0", b"\x86\xdd"):
        return "gre", None, payload[4:]
    if protocol == UDP and len(payload) > 12:
        ports = list(struct.unpack_from("!HH", payload))
        if ports[1] == FOU_PORT and payload[8] >> 4 in (4, 6):
            return "fou", ports, payload[8:]
        if ports[1] == GUE_PORT and payload[8] >> 5 == 0 and payload[9] in (IPIP, IP6IP):
            return "gue", ports, payload[12 + 4 * (payload[8] & 31):]
    return None


def transport(said, header, payload):
    if header["protocol"] == TCP:
        tcp(said, payload)
    elif header["protocol"] == UDP:
        need(payload, 8)
        said.update(l4="udp", kind="request", ports=list(struct.unpack_from("!HH", payload)),
                    text=f"{len(payload) - 8} bytes", key="udp " + digest(payload[8:]))
    elif header["protocol"] in (ICMP, ICMP6):
        icmp(said, header["family"], payload)
    else:
        said.update(l4=f"protocol {header['protocol']}")
    ports = said["ports"] or []
    if any(port in PROBE_PORTS for port in ports):
        said["kind"] = "check"
    elif any(port in CONTROL_PORTS for port in ports):
        said["kind"] = "routers"


def tcp(said, segment):
    need(segment, 20)
    source, destination, sequence, acknowledged, offset, bits = struct.unpack_from("!HHIIBB", segment)
    data = segment[(offset >> 4) * 4:]
    flags = " ".join(name for bit, name in FLAGS if bits & bit)
    said.update(l4="tcp", kind="request", ports=[source, destination], flags=flags, data=len(data),
                text=(first_line(data) or f"{len(data)} bytes") if data else flags,
                key=f"tcp {flags} {sequence} {acknowledged} {len(data)}")


def first_line(data):
    """What a person can read of HTTP."""
    if data[:5] not in (b"GET /", b"POST ", b"PUT /", b"HEAD ", b"HTTP/"):
        return None
    line = data[:60].split(b"\r")[0].decode("ascii", "replace")
    return line.removesuffix(" HTTP/1.1").removesuffix(" HTTP/1.0")


def icmp(said, family, payload):
    need(payload, 8)
    text = ICMP_TEXTS.get((family, payload[0]), f"ICMP type {payload[0]}")
    if (family, payload[0], payload[1]) == (4, 3, 4):
        text = f"fragmentation needed, MTU {struct.unpack_from('!H', payload, 6)[0]}"
    elif (family, payload[0]) == (6, 2):
        text = f"packet too big, MTU {struct.unpack_from('!I', payload, 4)[0]}"
    neighbours = family == 6 and payload[0] in (133, 134, 135, 136, 143)
    said.update(l4="icmp", kind="neighbours" if neighbours else "request", text=text, key="icmp " + digest(payload[4:]))


def digest(data):
    return hashlib.blake2b(data, digest_size=8).hexdigest()
