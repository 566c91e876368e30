#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sends packets through the XDP program on a device, and says what was sent, what came, and what should have come.

usage: packets.py [--section NAME] [--label TEXT] [--other TEXT] [--routed] [--quiet] DEV FILE...

A file has tests; what stands before the first of them makes them ready. Each begins with a line of words that is not indented, and says what shall be so; indented lines follow:

    a SYN goes to the first backend
        ! COMMAND                        a command for this machine, before the packet is sent
        IN                               a packet, or a list of them
        => ACTION [OUT]                  what the program shall return, and the packet afterwards; without OUT: unchanged
        => ACTION where CONDITION        or something that shall be true of it

IN, OUT and CONDITION are Python, with scapy and the words of tests/lib/packet.py, and those below. ACTION is pass, drop,
tx, redirect, aborted, or any. "== NAME" begins a section of the file: --section says which one is wanted. A line that
begins with # is a comment.
--label: what a test that is as it should be begins with, instead of "ok". --quiet: such a test has one line.
--other: what the others begin with, instead of "not ok": what comes may be something else.
--routed: what is sent may have a TTL of one less than OUT, as a router leaves it.
Exit status: 0 if all is as it should be, 1 if not.
"""
import argparse
import ast
import contextlib
import difflib
import json
import os
import signal
import struct
import subprocess
import sys
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../tests/lib"))

from packet import *  # noqa: F403,E402
from run_program import FastProgram  # noqa: E402

BACKEND_1, BACKEND_2, BACKEND_3, BACKEND_4 = (f"192.168.178.1{i}" for i in range(1, 5))
MACS = {LB_MAC: "lb", GATEWAY_MAC: "gateway", "02:00:00:00:01:10": "lb", "02:00:00:00:01:20": "backend-20"}
MACS.update({f"02:00:00:00:00:1{i}": f"backend-0{i}" for i in range(1, 5)})


# ---- More words for the tests. ----

def to(i):
    """Ethernet from the load balancer to backend i."""
    return Ether(src=LB_MAC, dst=f"02:00:00:00:00:1{i}")


def back(i):
    """Ethernet from backend i to the load balancer."""
    return Ether(src=f"02:00:00:00:00:1{i}", dst=LB_MAC)


def total(data):
    """The sum of 16-bit words, in ones' complement."""
    data += b"\0" * (len(data) % 2)
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    return value


def sums(frame):
    """The names of the checksums that are wrong in an IPv4 frame."""
    frame = bytes(frame)
    ip = frame[14:]
    header = (ip[0] & 15) * 4
    length, piece, protocol = struct.unpack_from("!H", ip, 2)[0], ip[6:8], ip[9]
    names_of_sums = []
    if total(ip[:header]) != 0xFFFF:
        names_of_sums.append("IP")
    if protocol == 6 and not struct.unpack("!H", piece)[0] & 0x3FFF and len(ip) >= length >= header + 20:
        segment = ip[header:length]
        if total(ip[12:20] + struct.pack("!HH", 6, len(segment)) + segment) != 0xFFFF:
            names_of_sums.append("TCP")
    return names_of_sums


def wrong_sums(got):
    """How many of these IPv4 frames have which wrong checksum."""
    return Counter(name for frame in got for name in sums(frame))


def routed(frame, came):
    """A frame as a router leaves it, its TTL one less, if this is what came has. (Nobody may send TTL 0.)"""
    packet, came = Ether(frame), Ether(came)
    if IP in packet and IP in came and packet[IP].ttl - 1 == came[IP].ttl > 0:
        packet[IP].ttl -= 1
        del packet[IP].chksum
    return bytes(packet)


def counting(frame):
    """65536 frames, whose last two bytes are all that two bytes can be. Their TCP checksums are right."""
    frame = bytes(frame / Raw(b"\0\0"))
    segment = frame[34:50] + b"\0\0" + frame[52:]
    base = total(frame[26:34] + struct.pack("!HH", 6, len(segment)) + segment)
    for word in range(65536):
        check = base + word
        check = ~((check & 0xFFFF) + (check >> 16)) & 0xFFFF
        yield frame[:50] + struct.pack("!H", check) + frame[52:-2] + struct.pack("!H", word)


def entries(name):
    """What a pinned map holds: pairs of key and value, as bytes."""
    dump = run("bpftool", "-j", "map", "dump", "pinned", f"/sys/fs/bpf/xdp/globals/{name}")
    return [tuple(bytes(int(byte, 16) for byte in entry[field]) for field in ("key", "value")) for entry in dump]


def counts_in(name):
    """What a pinned map counts, by IPv4 address."""
    return Counter({socket.inet_ntoa(key): int.from_bytes(value, sys.byteorder) for key, value in entries(name)})


def goes_to(frame):
    """Which machine a frame is sent to: its outer destination address."""
    return Ether(bytes(frame))[IP].dst


def machines(got):
    """How many of these frames each machine gets, by the (outer) destination address."""
    return Counter(goes_to(frame) for frame in got)


def moved_from(before, after):
    """The machines that have lost connections, if these frames have become those."""
    return {MACS[Ether(old).dst] for old, new in zip(before, after) if old[:6] != new[:6]}


kept = {}  # frames of a test, for one of those that follow


def keep(name, frames):
    """Keeps frames."""
    kept[name] = frames
    return True


def udp6_sum_is_right(frame):
    """Whether the UDP checksum of an IPv6 frame is."""
    ip6 = bytes(frame)[14:]
    return total(ip6[8:40] + struct.pack("!II", len(ip6) - 40, 17) + ip6[40:]) == 0xFFFF


def shares(got):
    """How many of these frames each machine gets, by the frame's destination MAC address."""
    return Counter(MACS.get(Ether(frame).dst, "?") for frame in got)


# What a condition has found is shown of these.
SHOWN = {"counted", "counts_in", "entries", "goes_to", "machines", "moved_from", "shares", "sums", "udp6_sum_is_right",
         "wrong_sums"}


# ---- Saying it. ----

FLAGS = {"F": "FIN", "S": "SYN", "R": "RST", "P": "PSH", "A": "ACK", "U": "URG", "E": "ECE", "C": "CWR", "N": "NS"}


def layers(packet):
    """An IPv4 packet and what is in it, as words."""
    if IP not in packet:
        return [packet.summary()]
    ip = packet[IP]
    inner = ip.payload
    ports = ("", "")
    what = [f"TTL {ip.ttl}"]
    if ip.frag:
        what.insert(0, f"fragment from byte {ip.frag * 8} on")
    elif ip.proto == 6 and min(len(ip.original), ip.len) < ip.ihl * 4 + 20:
        what.insert(0, "TCP that ends within its header")
    elif isinstance(inner, (TCP, UDP)):
        ports = (f":{inner.sport}", f":{inner.dport}")
        what.insert(0, " ".join(FLAGS.get(flag, flag) for flag in str(inner.flags)) if isinstance(inner, TCP) else "UDP")
    elif isinstance(inner, ICMP):
        what.insert(0, f"ICMP type {inner.type} code {inner.code}")
    if ip.options:
        what.append("IP options")
    if ip.tos:
        what.append(f"TOS {ip.tos:#04x}")
    if ip.len is not None and ip.len > 200:
        what.append(f"{ip.len} bytes")
    said = [f"{ip.src}{ports[0]} > {ip.dst}{ports[1]} {', '.join(what)}"]
    if ICMP not in packet and ip.payload.haslayer(IP):
        said += layers(ip.payload[IP])
    return said


def describe(frame):
    """A frame in words."""
    frame = bytes(frame)
    eth = Ether(frame)
    said = f"{MACS.get(eth.src, eth.src)} > {MACS.get(eth.dst, eth.dst)}: " + " | ".join(layers(eth))
    if IP in eth and len(frame) >= 34:
        wrong = sums(frame)
        if wrong:
            said += f"; {' and '.join(wrong)} checksum wrong"
    return said


def describe_all(frames):
    """Many frames in words: the first and the last."""
    if len(frames) == 1:
        return [describe(frames[0])]
    return [f"{len(frames)} packets, the first of them", "  " + describe(frames[0]), "and the last", "  " + describe(frames[-1])]


def describe_answers(sent, actions, got):
    """What came of each of them, in words."""
    if len(sent) == 1:
        text = actions[0].upper()
        if actions[0] in ("tx", "redirect"):
            text += f", {describe(got[0])}"
        elif actions[0] == "pass":
            text += ", unchanged" if got[0] == sent[0] else f", {describe(got[0])}"
        return [text]
    said = Counter()
    for action, frame in zip(actions, got):
        text = action.upper()
        if action in ("tx", "redirect"):
            machine = MACS.get(Ether(frame[:14]).dst, "?")
            text += f" to {machine}" + (f", for {goes_to(frame)}" if machine == "gateway" and frame[12:14] == b"\x08\x00" else "")
            wrong = sums(frame) if frame[12:14] == b"\x08\x00" else []
            if wrong:
                text += f"; {' and '.join(wrong)} checksum wrong"
        said[text] += 1
    return [f"{number_of} times {text}" for text, number_of in sorted(said.items())]


def say(label, lines):
    for i, line in enumerate(lines):
        print(f"   {label if i == 0 else '':<9}{line[:160]}".rstrip())


# ---- Reading and running. ----

class Test:
    def __init__(self, title):
        self.title, self.steps = title, []


def read(path, section):
    """The tests of a file's section, in order; before the first section, they are for all."""
    here, tests = None, [Test("")]
    with open(path, encoding="utf-8") as file:
        for line in file:
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            if text.startswith("== "):
                here = text[3:]
            elif here not in (None, section):
                continue
            elif not line[0].isspace():
                tests.append(Test(text))
            else:
                tests[-1].steps.append(text)
    return tests


class Runner:
    def __init__(self, arguments):
        self.dev, self.program = arguments.dev, None
        self.label, self.other, self.quiet = arguments.label, arguments.other, arguments.quiet
        self.routed = arguments.routed
        self.words = dict(globals(), counted=self.counted)
        self.before = {}

    def counted(self, name):
        """By how many packets a counter of the program has risen."""
        return self.program.counters()[name][0] - self.before[name][0]

    def command(self, text):
        environment = dict(os.environ, PATH=f"{os.getcwd()}/scripts:{os.environ['PATH']}")
        done = subprocess.run(["bash", "-ec", text], env=environment, capture_output=True, text=True, check=False)
        self.program = None  # the command may have loaded another one
        if done.returncode:
            lines = (done.stdout + done.stderr).splitlines()
            if len(lines) > 20:  # of the verifier: what it says at its end is what matters
                lines = lines[:1] + ["..."] + lines[-15:]
            sys.exit("\n".join([f"not ok: {text}", *lines]))

    def frames(self, expression):
        value = eval(expression, self.words)
        one = isinstance(value, (bytes, Ether))
        return [bytes(frame) for frame in ([value] if one else value)]

    def send(self, sent):
        if self.program is None:
            self.program = FastProgram(self.dev)
        answers = [self.program.send(frame) for frame in sent]
        return [action for action, _ in answers], [frame for _, frame in answers]

    def judge(self, sent, actions, got, expected):
        """Returns what was expected, in words, if it did not come; and differences."""
        action, _, rest = expected.partition(" ")
        if action != "any" and set(actions) != {action}:
            if rest and not rest.startswith("where "):
                return [f"{action.upper()}, {describe(self.frames(rest)[0])}"], []
            return [action.upper()], []
        if rest.startswith("where "):
            self.words.update(sent=sent, actions=actions, got=got)
            return ([] if eval(rest[6:], self.words) else self.explain(rest[6:])), []
        if action == "drop":
            return [], []
        wanted = self.frames(rest) if rest else sent
        if self.routed and action == "tx":
            wanted = [routed(*pair) for pair in zip(wanted, got)]
        if wanted == got:
            return [], []
        i = next(i for i, pair in enumerate(zip(wanted, got)) if pair[0] != pair[1])
        shown = [Ether(frame).show2(dump=True).splitlines() for frame in (wanted[i], got[i])]
        lines = [line for line in difflib.unified_diff(*shown, n=0, lineterm="") if line[:2] not in ("--", "++", "@@")]
        return [f"{action.upper()}, {describe(wanted[i])}"], lines[:12]

    def explain(self, condition):
        """A condition that is not met, and what it found."""
        lines = [f"that {condition}"]
        for node in ast.walk(ast.parse(condition, mode="eval")):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SHOWN:
                with contextlib.suppress(NameError):  # of one that is in a loop
                    call = ast.get_source_segment(condition, node)
                    value = eval(call, self.words)
                    lines.append(f"but {call} is {dict(value) if isinstance(value, Counter) else value}")
        return list(dict.fromkeys(lines))

    def test(self, test):
        """Runs a test; returns whether all was as it should be."""
        good, said = True, []
        sent = []
        for step in test.steps:
            if step.startswith("! "):
                self.command(step[2:])
            elif not step.startswith("=> "):
                sent = self.frames(step)
            else:
                if "counted(" in step:
                    self.program = self.program or FastProgram(self.dev)
                    self.before = self.program.counters()
                actions, got = self.send(sent)
                expected, differences = self.judge(sent, actions, got, step[3:])
                said += [("sent", describe_all(sent)), ("came", describe_answers(sent, actions, got))]
                if expected and self.other:
                    good = False
                    said[-1] = ("now", said[-1][1])
                    break
                if expected:
                    good = False
                    said.append(("expected", expected))
                    if differences:
                        said.append(("(- is expected, + came)", [""]))
                        said.append(("", differences))
                    break
        if not test.title and good:
            return True
        print(f"{self.label if good else self.other or 'not ok'}: {test.title}")
        if not good or not self.quiet:
            for label, lines in said:
                say(label, lines)
        return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--section")
    parser.add_argument("--label", default="ok")
    parser.add_argument("--other")
    parser.add_argument("--routed", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("dev")
    parser.add_argument("file", nargs="+")
    arguments = parser.parse_args()
    runner = Runner(arguments)
    results = [runner.test(test) for path in arguments.file for test in read(path, arguments.section)]
    if len(results) < 2:
        sys.exit(f"packets.py: there is no test in {' '.join(arguments.file)}")
    sys.exit(0 if all(results) or arguments.other else 1)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever reads ("| head") has had enough
    main()
