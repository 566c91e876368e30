# SPDX-License-Identifier: GPL-2.0-only
"""Listens at the switch's end of every cable, as labs/common/trace.sh does: a machine itself never sees what its XDP
program takes or sends.

One packet socket in the switch's namespace sees each frame when it comes out of the sender's cable, and once more for
each cable that the switch puts it on. In a second at most BUDGET frames are read. What is more, the kernel throws away and
counts, so that a benchmark in the playground costs us nothing.
"""
import select
import socket
import struct
import time

from decode import decode
from nodes import in_namespace

ETH_P_ALL, SOL_PACKET, PACKET_STATISTICS, SO_TIMESTAMPNS, PACKET_OUTGOING = 3, 263, 6, 35, 4
BUDGET = 1200  # of sightings in a second: about 500 frames
PATIENCE = 0.03  # so long we wait for the sightings of a frame at the receivers' cables


class Tap:
    def __init__(self, switch):
        self.left_out = 0
        self.number = 0
        self.second, self.spent = 0, 0
        self.resting = False
        self.open = []  # frames that may be seen at further cables
        self.socket = in_namespace(switch, self.listen)

    @staticmethod
    def listen():
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 << 20)
        tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        tap.setblocking(False)
        return tap

    def close(self):
        if self.socket:
            self.socket.close()

    def wait(self, seconds):
        """Until there is something to read, but no longer."""
        if self.socket and not self.resting:
            select.select([self.socket], [], [], 0.005 if self.open else seconds)
        else:
            time.sleep(min(seconds, 0.05))

    def read(self):
        """The frames that have been seen at all of their cables by now."""
        self.begin_second()
        while self.socket and not self.resting:
            try:
                frame, control, _, address = self.socket.recvmsg(65536, 128)
            except BlockingIOError:
                break
            self.sighting(frame, control, address)
            self.spent += 1
            self.resting = self.spent >= BUDGET
        old = time.time() - PATIENCE
        done = [said for said in self.open if said["at"] < old or self.resting]
        self.open = [said for said in self.open if said not in done]
        for said in done:
            del said["bytes"]
        return done

    def begin_second(self):
        """A new second has a new budget. What has waited meanwhile is old: nobody reads it."""
        if int(time.time()) == self.second:
            return
        self.second, self.spent = int(time.time()), 0
        if not self.socket:
            return
        waiting = 0
        while self.resting:
            try:
                self.socket.recv(1)
                waiting += 1
            except BlockingIOError:
                self.resting = False
        _, dropped = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.left_out += (waiting + dropped) // 2  # a frame is seen twice, at two cables

    def sighting(self, frame, control, address):
        port, _, packet_type = address[:3]
        if "." not in port:
            return  # the bridge itself
        if packet_type == PACKET_OUTGOING:
            for said in reversed(self.open):
                if said["bytes"] == frame and port != said["from"]:
                    said["to"].append(port)
                    return
            return
        at = time.time()
        for level, kind, data in control:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("qq", data[:16])
                at = seconds + nanoseconds / 1e9
        self.number += 1
        said = decode(frame)
        said.update({"id": self.number, "at": at, "from": port, "to": [], "bytes": frame})
        self.open.append(said)
