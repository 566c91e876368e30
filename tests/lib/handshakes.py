#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The handshakes of xdp_nat on this machine: nearly all of the map is empty, and a dump of it by bpftool takes seconds.

usage: handshakes.py list               prints "DIRECTION SOURCE:PORT DESTINATION:PORT" for each direction of each
       handshakes.py clear [DIRECTION]  forgets all, or those of a direction: request, reply
"""
import ctypes
import os
import platform
import socket
import struct
import sys

PIN = b"/sys/fs/bpf/xdp/globals/handshakes"
SETS, SET, WAY, AT = 65536, 128, 40, 8  # sizes of struct handshake_set, struct handshake, and where the first is
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


def main(verb, direction=None):
    path = ctypes.create_string_buffer(PIN)
    fd = bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(path), 0, 0))
    keys = ctypes.create_string_buffer(4 * SETS)
    values = ctypes.create_string_buffer(SET * SETS)
    batch(LOOKUP_BATCH, fd, keys, values)
    data = bytearray(values.raw)
    for at in range(0, len(data), SET):
        if not any(data[at:at + SET]):
            continue
        for way in range(at + AT, at + SET, WAY):
            source, destination, sport, dport = struct.unpack_from("!4s4sHH", data, way)
            expires, = struct.unpack_from("=Q", data, way + 32)
            found = DIRECTIONS[data[way + 26]]
            if not expires or direction not in (None, found):
                continue
            if verb == "list":
                print(found, f"{socket.inet_ntoa(source)}:{sport} {socket.inet_ntoa(destination)}:{dport}")
            else:
                data[way:way + WAY] = bytes(WAY)
    if verb == "clear":
        values.raw = bytes(data)
        batch(UPDATE_BATCH, fd, keys, values)


main(*sys.argv[1:])
