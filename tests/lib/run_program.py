# SPDX-License-Identifier: GPL-2.0-only
"""Runs an XDP program on frames, as packet.py does it with bpftool, but with the system call itself: some microseconds
for a frame, so that tests can send a hundred thousand of them."""
import ctypes
import platform
import struct

from packet import ACTIONS, Program

CALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]  # bpf(2)
PROG_GET_FD_BY_ID, PROG_TEST_RUN = 13, 10
ROOM = 65536

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = libc.syscall(CALL, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return result, buffer.raw


class FastProgram(Program):
    """The program on a device."""

    def __init__(self, dev):
        super().__init__(dev)
        self.fd, _ = bpf(PROG_GET_FD_BY_ID, struct.pack("=I", self.id))
        self.out = ctypes.create_string_buffer(ROOM)

    def send(self, frame):
        """Returns the action and the frame afterwards."""
        data = ctypes.create_string_buffer(frame, len(frame))
        context = ctypes.create_string_buffer(struct.pack("=6I", 0, len(frame), 0, self.ifindex, 0, 0), 24)
        address = ctypes.addressof
        _, answer = bpf(PROG_TEST_RUN, struct.pack(
            "=IIIIQQIIIIQQ", self.fd, 0, len(frame), ROOM, address(data), address(self.out), 0, 0, 24, 0, address(context), 0))
        _, verdict, _, length = struct.unpack_from("=4I", answer)
        return ACTIONS[verdict], self.out.raw[:length]
