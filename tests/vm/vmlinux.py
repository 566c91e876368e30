#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""vmlinux.py BZIMAGE ELF: takes the kernel out of the file that boot loaders load. QEMU boots the ELF file itself, and
the guest need not decompress it, which takes long without KVM. (Linux, Documentation/arch/x86/boot.rst.)"""
import struct
import subprocess
import sys

image = open(sys.argv[1], "rb").read()
setup_sectors = image[0x1F1] or 4
offset, length = struct.unpack_from("<II", image, 0x248)
payload = image[(setup_sectors + 1) * 512 + offset :][:length]
DECOMPRESS = {
    b"\xfd7zXZ\0": ["xz", "-dc", "--single-stream"],
    b"\x28\xb5\x2f\xfd": ["zstd", "-dcq"],
}
for magic, command in DECOMPRESS.items():
    if payload.startswith(magic):
        # The size of the whole stands behind it, which zstd takes for a second, broken frame.
        elf = subprocess.run(command, input=payload[:-4] if command[0] == "zstd" else payload, stdout=subprocess.PIPE).stdout
        break
else:
    sys.exit(f"vmlinux.py: {sys.argv[1]}: compressed by something unknown: {payload[:6]!r}")
if not elf.startswith(b"\x7fELF"):
    sys.exit(f"vmlinux.py: {sys.argv[1]}: there is no ELF file in it")
with open(sys.argv[2], "wb") as out:
    out.write(elf)
