# SPDX-License-Identifier: GPL-2.0-only
"""Scapy learns FOU and GUE, and tells what is around a packet in a tunnel."""
from scapy.all import BitField, ByteField, GRE, IP, IPv6, Packet, ShortField, UDP, bind_layers

IPS = (IP, IPv6)
FOU_PORT, GUE_PORT = 5555, 6080  # as in maps/decap_addresses.sh


class FOU(Packet):
    """Nothing at all: the packet begins right behind the UDP header, and its first four bits say which family it is."""
    fields_desc = []

    def guess_payload_class(self, payload):
        return IPv6 if payload[0] >> 4 == 6 else IP


class GUE(Packet):
    """Variant 0 without options: 4 bytes (draft-ietf-intarea-gue)."""
    fields_desc = [BitField("variant", 0, 2), BitField("control", 0, 1), BitField("hlen", 0, 5),
                   ByteField("proto", 4), ShortField("flags", 0)]


bind_layers(UDP, FOU, dport=FOU_PORT)
bind_layers(UDP, GUE, dport=GUE_PORT)
bind_layers(GUE, IP, proto=4)
bind_layers(GUE, IPv6, proto=41)


def kind(frame):
    """ipip, gre, fou or gue; None: the frame has one IP header only."""
    if sum(isinstance(layer, IPS) for layer in frame.iterpayloads()) < 2:
        return None
    names = {GRE: "gre", FOU: "fou", GUE: "gue"}
    return next((name for layer, name in names.items() if layer in frame), "ipip")


def outer_text(frame):
    """What is around the packet: outer addresses, and what stands between them and the packet, if anything does."""
    outer = next(layer for layer in frame.iterpayloads() if isinstance(layer, IPS))
    text, tunnel = f"{outer.src} > {outer.dst}", kind(frame)
    if tunnel == "gre":
        text += " gre"
    elif tunnel != "ipip":
        text += f" udp {frame[UDP].sport} > {frame[UDP].dport} {tunnel}"
    return text
