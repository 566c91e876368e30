# SPDX-License-Identifier: GPL-2.0-only
"""An independent model of the flow hash (headers/packet/hash.h), for both families."""
import socket
import struct

U32, U64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def words(fmt, data):
    """Numbers as this machine reads them from the wire."""
    return struct.unpack("=" + fmt, data)


def mix(h):
    h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & U64
    h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & U64
    return h


def flow_hash(client, client_port, vip, vip_port, protocol, key):
    """Addresses as text, ports as numbers; the key as 32 bytes. Returns 32 bits."""
    key = words("8I", key)
    client_port, vip_port = words("2H", struct.pack("!2H", client_port, vip_port))
    ports = client_port << 16 | vip_port

    def product(a, b, i):
        return (a + key[i] & U32) * (b + key[i + 1] & U32)

    h = key[4] << 32 | key[5]
    if ":" not in client:
        (client,), (vip,) = (words("I", socket.inet_aton(address)) for address in (client, vip))
        h += product(client, ports, 0) + product(vip, protocol, 2)
    else:
        both = words("8I", socket.inet_pton(socket.AF_INET6, client) + socket.inet_pton(socket.AF_INET6, vip))
        h += mix(sum(product(both[i], both[i + 1], i) for i in (0, 2, 4, 6)) & U64) + product(protocol, ports, 0)
    return mix(h & U64) >> 32
