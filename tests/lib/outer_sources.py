#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""usage: outer_sources.py DEV PORT...: prints, as JSON, the outer source of each of 256 flows from the client to every
PORT of the IPv6 VIP, as the program on the device sends them: {PORT: [ADDRESS, ...]}. Each flow is sent twice, and
must have the same source both times."""
import json
import sys

from packet import *  # noqa: F403


def outer_source(program, sport, dport):
    _, frame = program.send(bytes(came() / client6() / TCP(sport=sport, dport=dport)))
    return Ether(frame).payload.src


program = Program(sys.argv[1])
sources = {}
for port in sys.argv[2:]:
    sources[port] = [outer_source(program, sport, int(port)) for sport in range(40000, 40256)]
    again = outer_source(program, 40007, int(port))
    assert again == sources[port][7], "another source for the same flow"
print(json.dumps(sources))
