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
# Of each map: sizes of a set and of a handshake; where in it the ports, the direction and the expiry are; and how long
# an address is. In handshakes6 the key's family is at FAMILY_AT.
MAPS = {"handshakes": (128, 40, 8, 26, 32, 4), "handshakes6": (296, 96, 32, 78, 88, 16)}
FIRST_AT, FAMILY_AT = 8, 37
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
    if family == 6:
        return f"[{socket.inet_ntop(socket.AF_INET6, bytes(address))}]:{port}"
    return f"{socket.inet_ntoa(bytes(address[:4]))}:{port}"


def visit(name, verb, direction):
    size, handshake, ports_at, direction_at, expires_at, length = MAPS[name]
    path = ctypes.create_string_buffer(f"/sys/fs/bpf/xdp/globals/{name}".encode())
    fd = bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(path), 0, 0))
    keys = ctypes.create_string_buffer(4 * SETS)
    values = ctypes.create_string_buffer(size * SETS)
    batch(LOOKUP_BATCH, fd, keys, values)
    data = bytearray(values.raw)
    for at in range(0, len(data), size):
        if not any(data[at + FIRST_AT:at + size]):
            continue
        for way in range(at + FIRST_AT, at + FIRST_AT + IN_SET * handshake, handshake):
            found = DIRECTIONS[data[way + direction_at]]
            if not any(data[way + expires_at:way + expires_at + 8]) or direction not in (None, found):
                continue
            if verb == "list":
                sport, dport = struct.unpack_from("!HH", data, way + ports_at)
                family = 4 if length == 4 else data[way + FAMILY_AT]
                print(found, text(family, data[way:way + length], sport),
                      text(family, data[way + length:way + 2 * length], dport))
            else:
                data[way:way + handshake] = bytes(handshake)
    if verb == "clear":
        values.raw = bytes(data)
        batch(UPDATE_BATCH, fd, keys, values)


def main(verb, direction=None):
    for name in MAPS:
        visit(name, verb, direction)


main(*sys.argv[1:])
