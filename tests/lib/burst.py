#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sends one frame many times through the XDP program on a device, within milliseconds, to a service with a limit.

usage: burst.py DEV COUNT RATE FRAME     FRAME: as in packet.py

Exit status 0: as many have passed as a bucket of RATE connections lets pass that was full, and got RATE more each second; 1: not.
"""
import math
import sys
import time

from packet import *  # noqa: F403
from run_program import FastProgram

dev, count, rate, frame = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), bytes(eval(sys.argv[4]))
program = FastProgram(dev)
begin = time.monotonic()
passed = sum(program.send(frame)[0] != "drop" for _ in range(count))
# 10 ms: how coarse the clock is that the program reads
most = rate + math.ceil((time.monotonic() - begin + 0.01) * rate)
print(f"{passed} of {count} have passed, at least {rate} and at most {most} should")
sys.exit(not rate <= passed <= most)
