#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A stand-in for the journal: journal.py SOCKET FILE writes down each datagram, FIELD=VALUE lines, as a line of JSON."""
import json
import socket
import sys

server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(sys.argv[1])
while True:
    fields = dict(line.split("=", 1) for line in server.recv(65536).decode().splitlines() if "=" in line)
    with open(sys.argv[2], "a", encoding="utf-8") as out:
        print(json.dumps(fields), file=out, flush=True)
