#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""load.py FOLDER...: loads every object in these folders, one after the other, each on a bpffs of its own, and prints a line
for each: FOLDER OBJECT INSTRUCTIONS MILLISECONDS, the instructions that the verifier has walked through in the program
that took most of them; for one that the kernel refuses FOLDER OBJECT refused. Below it comes what bpftool said. Exit status: 1 if
one was refused."""
import ctypes
import glob
import os
import platform
import struct
import subprocess
import sys
import time

CALL = {"x86_64": 321, "aarch64": 280}[platform.machine()]  # bpf(2)
OBJ_GET, OBJ_GET_INFO_BY_FD = 7, 15
VERIFIED_INSNS = 216  # where it is in struct bpf_prog_info (linux/bpf.h)
PINS = "/sys/fs/bpf"

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    result = libc.syscall(CALL, command, ctypes.create_string_buffer(attributes, 128), 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def verified(path):
    """How many instructions the verifier has walked through, of the program that is pinned there."""
    name = ctypes.create_string_buffer(path.encode())
    fd = bpf(OBJ_GET, struct.pack("=QII", ctypes.addressof(name), 0, 0))
    info = ctypes.create_string_buffer(VERIFIED_INSNS + 4)
    bpf(OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", fd, len(info), ctypes.addressof(info)))
    os.close(fd)
    return struct.unpack_from("=I", info, VERIFIED_INSNS)[0]


def load(path):
    """Returns (instructions, milliseconds), or what bpftool says about a refusal."""
    subprocess.run(["mount", "-t", "bpf", "bpf", PINS], check=True)
    try:
        began = time.monotonic()
        done = subprocess.run(["bpftool", "prog", "loadall", path, f"{PINS}/programs"], capture_output=True, text=True)
        took = round((time.monotonic() - began) * 1000)
        if done.returncode:
            return done.stderr
        return max(verified(f"{PINS}/programs/{name}") for name in os.listdir(f"{PINS}/programs")), took
    finally:
        subprocess.run(["umount", PINS], check=True)


def main():
    refused = []
    for folder in sys.argv[1:]:
        for path in sorted(glob.glob(f"{folder}/*.o")):
            name = os.path.basename(path)[:-2]
            result = load(path)
            if isinstance(result, str):
                refused.append(f"{path}:\n{result}")
                result = ("refused",)
            print(folder, name, *result, flush=True)
    print(*refused, sep="\n", end="")
    return 1 if refused else 0


if __name__ == "__main__":
    # A mount namespace of its own, so that nothing here is seen anywhere else.
    if libc.unshare(0x00020000) or libc.mount(None, b"/", None, 0x44000, None):
        sys.exit(f"load.py: {os.strerror(ctypes.get_errno())}: it needs root")
    sys.exit(main())
