#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The handshakes of xdp_nat on this machine: nearly all of the maps is empty, and a dump by bpftool takes seconds.

usage: handshakes.py list               prints "DIRECTION SOURCE:PORT DESTINATION:PORT" for each direction of each
       handshakes.py clear [DIRECTION]  forgets all, or those of a direction: request, reply
"""
import ctypes
import os
import platform
import socket
import struct
import sys

SETS, IN_SET = 65536, 3
# Of each map: sizes of a set and a key, where the first key is, and the first struct handshake; where the protocol and
# the ports are in a key, and how long an address is.
MAPS = {
    "handshakes": (256, 16, 8, 64, 12, 8, 4, socket.AF_INET),
    "handshakes6": (320, 40, 8, 128, 36, 32, 16, socket.AF_INET6),
}
HANDSHAKE, DIRECTION_AT = 64, 38
LOOKUP_BATCH, UPDATE_BATCH, OBJ_GET = 24, 26, 7
SYSCALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]
DIRECTIONS = ["request", "reply"]


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"))
    result = ctypes.CDLL(None, use_errno=True).syscall(SYSCALL, command, buffer, 128)
    error = ctypes.get_errno()
    if result < 0 and error != 2:  # ENOENT: the end of the map
        raise OSError(error, os.strerror(error))
    return result


def batch(command, fd, keys, values):
    position = ctypes.create_string_buffer(8)
    bpf(command, struct.pack("=QQQQIIQQ", 0, ctypes.addressof(position), ctypes.addressof(keys),
                             ctypes.addressof(values), SETS, fd, 0, 0))


def text(family, address, port):
    address = socket.inet_ntop(family, bytes(address))
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def visit(name, verb, direction):
    size, key_size, keys_at, handshakes_at, protocol_at, ports_at, length, family = MAPS[name]
    path = ctypes.create_string_buffer(f"/sys/fs/bpf/xdp/globals/{name}".encode())
    fd = bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(path), 0, 0))
    keys = ctypes.create_string_buffer(4 * SETS)
    values = ctypes.create_string_buffer(size * SETS)
    batch(LOOKUP_BATCH, fd, keys, values)
    data = bytearray(values.raw)
    for at in range(0, len(data), size):
        if not any(data[at + keys_at:at + keys_at + IN_SET * key_size]):
            continue
        for i in range(IN_SET):
            key = at + keys_at + i * key_size
            found = DIRECTIONS[data[at + handshakes_at + i * HANDSHAKE + DIRECTION_AT]]
            if not data[key + protocol_at] or direction not in (None, found):
                continue
            if verb == "list":
                sport, dport = struct.unpack_from("!HH", data, key + ports_at)
                print(found, text(family, data[key:key + length], sport),
                      text(family, data[key + length:key + 2 * length], dport))
            else:
                data[key:key + key_size] = bytes(key_size)
    if verb == "clear":
        values.raw = bytes(data)
        batch(UPDATE_BATCH, fd, keys, values)


def main(verb, direction=None):
    for name in MAPS:
        visit(name, verb, direction)


main(*sys.argv[1:])
