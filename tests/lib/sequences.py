#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Random sequences of packets, changes of backends, and time, against a small model of what users are promised: which
backend has a connection, and what NAT makes of its packets. (What is right within one packet, tests/fuzz knows.)

usage: sequences.py ipip|nat STEPS SEED

Run on the node of tests/packets/sequences.bats. The same seed gives the same sequence. What is wrong is printed with the
last steps before it, exit status 1. One step of 100 is a change or a leap in time.
"""
import collections
import ctypes
import ipaddress
import random
import struct
import subprocess
import sys

from run_program import FastProgram, bpf

MACS = bytes.fromhex("020000000010") + bytes.fromhex("020000000002")
VIPS = {4: "192.168.178.15", 6: "2001:db8:178::15"}
OWN = {4: "192.168.178.10", 6: "2001:db8:178::10"}
CLIENTS = {4: "10.0.0.%d", 6: "2001:db8:10::%d"}
FIN, SYN, RST, ACK = 1, 2, 4, 16
TCP, UDP = 6, 17
LENT = range(10000, 65536)
GLOBALS = "/sys/fs/bpf/xdp/globals/"

# From whom to whom a packet goes: addresses as text.
Talk = collections.namedtuple("Talk", "protocol source sport destination dport")


class Wrong(Exception):
    """What is wrong."""


def family(address):
    return 6 if ":" in address else 4


def packed(address):
    return ipaddress.ip_address(address).packed


# ---- Packets ----

def frame(talk, flags=0, sequence=0, acknowledgement=0):
    """A packet of a talk. (Its checksums are wrong: a load balancer does not look.)"""
    ports = struct.pack("!HH", talk.sport, talk.dport)
    if talk.protocol == TCP:
        transport = ports + struct.pack("!IIBBHHH", sequence, acknowledgement, 0x50, flags, 1000, 0, 0)
    else:
        transport = ports + struct.pack("!HH", 12, 0x1234) + b"data"
    addresses = packed(talk.source) + packed(talk.destination)
    if family(talk.source) == 4:
        return MACS + b"\x08\0" + struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(transport), 1, 0x4000, 64, talk.protocol, 0) \
            + addresses + transport
    return MACS + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(transport), talk.protocol, 64) + addresses + transport


def read(packet):
    """An IP packet without options: returns its talk, and TCP's flags."""
    if packet[0] >> 4 == 4:
        protocol, addresses, at, size = packet[9], 12, 20, 4
    else:
        protocol, addresses, at, size = packet[6], 8, 40, 16
    source, destination = packet[addresses:addresses + size], packet[addresses + size:addresses + 2 * size]
    sport, dport = struct.unpack_from("!HH", packet, at)
    text = [str(ipaddress.ip_address(bytes(a))) for a in (source, destination)]
    return Talk(protocol, text[0], sport, text[1], dport), packet[at + 13] if protocol == TCP else 0


def outer_destination(out):
    size, at = (4, 30) if out[12] == 8 else (16, 38)
    return str(ipaddress.ip_address(out[at:at + size]))


# ---- Maps ----

class Map:
    """A pinned map."""
    LOOKUP, UPDATE, NEXT, GET = 1, 2, 4, 7

    def __init__(self, name, key_size, value_size):
        path = ctypes.create_string_buffer((GLOBALS + name).encode())
        self.fd, _ = bpf(self.GET, struct.pack("=QII", ctypes.addressof(path), 0, 0))
        self.key, self.value = ctypes.create_string_buffer(key_size), ctypes.create_string_buffer(value_size)

    def call(self, command, first, second):
        return bpf(command, struct.pack("=IIQQQ", self.fd, 0, first, second, 0))

    def look_up(self, key):
        self.key.raw = key
        self.call(self.LOOKUP, ctypes.addressof(self.key), ctypes.addressof(self.value))
        return self.value.raw

    def update(self, key, value):
        self.key.raw, self.value.raw = key, value
        self.call(self.UPDATE, ctypes.addressof(self.key), ctypes.addressof(self.value))

    def keys(self):
        following, key = ctypes.create_string_buffer(len(self.key)), 0
        found = []
        while True:
            try:
                self.call(self.NEXT, key, ctypes.addressof(following))
            except OSError:  # this was the last one
                return found
            found.append(following.raw)
            self.key.raw = following.raw
            key = ctypes.addressof(self.key)


# ---- Backends, and their changes: the same for both ----

class Backend:
    """What a person has set."""

    def __init__(self, address, port):
        self.address, self.port, self.weight, self.up = address, port, 1, True
        self.orphans = False  # it was deleted, and came again: whether its old connections are its own is not promised

    def line(self):
        name = f"[{self.address}]" if self.port and family(self.address) == 6 else self.address
        port = f":{self.port}" if self.port else ""
        return f"backend {name}{port} weight {self.weight} {'up' if self.up else 'down'}"


class Sequence:
    """A random sequence; subclasses know what a packet is, and what must come of it."""
    services = ()  # (protocol, family, port)
    addresses = ()
    neighbours = ()
    backend_port = 0

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.program = FastProgram("eth0")
        self.log = collections.deque(maxlen=30)
        self.count = collections.Counter()
        self.backends = {service: {a: Backend(a, self.backend_port) for a in self.addresses[:3]} for service in self.services}
        self.restore()

    def config(self):
        """The services, as `lb restore` reads them."""
        lines = []
        for (protocol, vip, port), backends in self.backends.items():
            name = f"[{VIPS[6]}]" if vip == 6 else VIPS[4]
            lines.append(f"service {'tcp' if protocol == TCP else 'udp'} {name}:{port}")
            lines += [backend.line() for backend in backends.values()]
        return "\n".join(lines)

    def restore(self):
        subprocess.run(["scripts/lb", "restore", "-"], input=self.config(), text=True, check=True, stderr=subprocess.DEVNULL)
        # lb has told the kernel to find out who they are: but nobody is there who would answer.
        neighbours = [f"neigh replace {address} dev eth0 lladdr 02:00:00:00:00:02 nud permanent" for address in self.neighbours]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(neighbours), text=True, check=True)

    def usable(self, service):
        return {b.address for b in self.backends[service].values() if b.up}

    def eligible(self, service):
        """Who gets new connections: nobody, if all drain."""
        return {b.address for b in self.backends[service].values() if b.up and b.weight}

    def change(self):
        """Changes one backend of a service. Returns the service, and the address of a backend that gets nothing any more."""
        service = self.chance.choice(self.services)
        backends, address = self.backends[service], self.chance.choice(self.addresses)
        backend, lost = backends.get(address), None
        what = self.chance.choice(("weight", "weight", "weight", "state", "place"))
        if not backend:
            backends[address] = Backend(address, self.backend_port)
            backends[address].orphans = True
        elif what == "weight":
            backend.weight = self.chance.choice((0, 0, 1, 2, 5))
        elif what == "state":
            backend.up = not backend.up
            lost = None if backend.up else address
        elif len(backends) > 1:
            del backends[address]
            lost = address
        self.restore()
        self.log.append(f"{service}: {address} {backends[address].line() if address in backends else 'deleted'}")
        self.count["changes"] += 1
        return service, lost

    def send(self, talk, flags=0, sequence=0, acknowledgement=0):
        """Returns the action and the frame afterwards."""
        action, out = self.program.send(frame(talk, flags, sequence, acknowledgement))
        self.log.append(f"{talk} flags {flags:#x}: {action}")
        self.last = talk, flags, sequence, acknowledgement
        self.count["packets"] += 1
        return action, out

    def must(self, condition, text):
        if not condition:
            raise Wrong(text)

    def counted(self):
        """Returns how the last packet is counted, if it comes once more."""
        before = self.program.counters()
        self.send(*self.last)
        after = self.program.counters()
        return [name for name in after if after[name] != before[name]]

    def run(self, steps):
        for step in range(steps):
            kind = self.chance.randrange(400)
            try:
                if kind < 3:
                    self.on_change(*self.change())
                elif kind < 4:
                    self.leap()
                    self.count["leaps"] += 1
                else:
                    self.packet()
            except Wrong as wrong:
                return f"step {step}: {wrong}\n" + "\n".join(self.log) + f"\nonce more: {self.counted()}\n{self.config()}"
        return ""


# ---- Just enough tracking ----

class Tracking(Sequence):
    """xdp_ipip: a connection stays with its backend while that one is up, whoever comes and goes."""
    services = ((TCP, 4, 8000), (UDP, 4, 8000), (TCP, 6, 8000))
    addresses = ("172.16.0.10", "172.16.0.11", "2001:db8:16::10", "172.16.0.12", "2001:db8:16::11")
    neighbours = ("192.168.178.2", "2001:db8:178::2")

    def __init__(self, seed):
        super().__init__(seed)
        self.where = {}  # (service, talk) -> backend
        self.quiet = set()  # those that have said nothing since the last change of their service
        self.loose = set()  # those that were quiet for too long

    def on_change(self, service, lost):
        for known in [known for known in self.where if known[0] == service]:
            self.quiet.add(known)
            if self.where[known] == lost:
                del self.where[known]

    def leap(self):
        """The time in which unknown flows are learned is over: who was quiet all the time may be with another backend."""
        services, destinations = Map("services", 20, 24), Map("destinations", 4, 16)
        for key in services.keys():
            services.update(key, services.look_up(key)[:16] + bytes(8))
        for vip in VIPS.values():
            key = struct.pack("=I", int.from_bytes(packed(vip)[-2:], "big"))
            value = list(struct.unpack("=4I", destinations.look_up(key)))
            value[2] += 1  # so that packets see the change at once
            destinations.update(key, struct.pack("=4I", *value))
        if self.chance.randrange(2):
            subprocess.run(["scripts/lb", "settle"], check=True, stdout=subprocess.DEVNULL)
        self.loose |= self.quiet
        self.quiet.clear()
        self.log.append("the learning is over")

    def packet(self):
        service = self.chance.choice(self.services)
        protocol, vip, port = service
        talk = Talk(protocol, CLIENTS[vip] % self.chance.randrange(20, 24), 1000 + self.chance.randrange(8), VIPS[vip], port)
        flags = self.chance.choice((SYN, ACK, ACK, ACK, ACK, SYN | ACK, FIN | ACK, RST)) if protocol == TCP else 0
        known, usable = (service, talk), self.usable(service)
        action, out = self.send(talk, flags)
        opens, before, eligible = flags & (SYN | ACK) == SYN, self.where.get(known), self.eligible(service)
        if not usable:
            self.where.pop(known, None)
        if not usable or (not eligible and action == "drop"):
            self.must(action == "drop", "nobody can take it, and it is not dropped")
            self.must(opens or before not in usable or known in self.loose, f"{before} can take it, and it is dropped")
            if opens:  # a new connection, from the port of one that was over
                self.where.pop(known, None)
            return
        self.must(action == "tx", f"it is not sent: {action}")
        got, allowed = outer_destination(out), usable
        if known in self.loose:
            self.loose.remove(known)
        elif opens:
            allowed = eligible | ({before} & usable)
        elif before:
            allowed = {before}
        self.must(got in allowed, f"it goes to {got}, which is none of {sorted(allowed)}")
        self.count["kept" if before == got else "new"] += 1
        self.where[known] = got
        self.quiet.discard(known)


# ---- NAT ----

class Connection:
    """A connection, as both sides see it."""

    def __init__(self, request, becomes):
        self.request, self.becomes = request, becomes  # talks: from the client to the VIP, from us to the backend
        self.state = "started"  # answered, open
        self.fin, self.rst = [False, False], [False, False]  # of client and backend

    def answer(self):
        return backwards(self.becomes)

    def is_closing(self):
        return any(self.rst) or all(self.fin)

    def note(self, side, flags):
        if self.state == "open" and self.request.protocol == TCP:
            self.fin[side] |= bool(flags & FIN)
            self.rst[side] = bool(flags & RST)


def backwards(talk):
    return Talk(talk.protocol, talk.destination, talk.dport, talk.source, talk.sport)


class Nat(Sequence):
    """xdp_nat: a connection has one backend and one port of ours, which no other has; answers become what the client
    has asked for, and nobody else's."""
    services = ((TCP, 4, 80), (UDP, 4, 80), (TCP, 6, 80), (UDP, 6, 80))
    addresses = ("192.168.178.11", "2001:db8:178::11", "192.168.178.12", "2001:db8:178::12")
    neighbours = (*addresses, "192.168.178.2", "2001:db8:178::2")
    backend_port = 8080

    def __init__(self, seed):
        super().__init__(seed)
        self.connections = {}  # by the client's talk
        self.answers = {}  # the same, by the backend's

    def on_change(self, service, lost):
        pass

    def forget(self, connection):
        self.connections.pop(connection.request, None)
        if self.answers.get(connection.answer()) is connection:
            del self.answers[connection.answer()]

    def service_of(self, connection):
        request = connection.request
        return request.protocol, family(request.destination), request.dport

    def is_lost(self, connection):
        """Its backend is down. (One that was deleted keeps its connections.)"""
        backend = self.backends[self.service_of(connection)].get(connection.becomes.destination)
        return backend and not backend.up

    def flood(self):
        """A flood has pushed out all answers that handshakes wait for: those begin anew, or not at all. (As before, each
        port is one client's.)"""
        subprocess.run(["tests/lib/handshakes.py", "clear", "reply"], check=True)
        self.log.append("a flood")
        for connection in self.connections.values():
            if connection.state != "open":
                connection.state = "pushed out"
                self.answers.pop(connection.answer(), None)

    def leap(self):
        """All have been idle for long: nothing of them may be left."""
        if self.chance.randrange(3):
            return self.flood()
        nat = Map("nat", 4, 20)
        settings = nat.look_up(bytes(4))
        nat.update(bytes(4), settings[:4] + bytes(16))
        for name, size in (("conntrack", 16), ("conntrack6", 40)):
            entries = Map(name, size, 64)
            for key in entries.keys():
                value = entries.look_up(key)
                entries.update(key, value[:48] + bytes(8) + value[56:])
        subprocess.run(["tests/lib/handshakes.py", "clear"], check=True)
        self.log.append("all is over")
        for connection in list(self.connections.values()):
            if self.chance.randrange(2):
                self.must(self.send(connection.answer(), ACK)[0] == "drop", "an answer long after the end goes on")
            elif connection.request.protocol == TCP:
                self.must(self.send(connection.request, ACK)[0] == "drop", "a packet long after the end goes on")
        nat.update(bytes(4), settings)
        self.connections.clear()
        self.answers.clear()
        return None

    def begin(self, talk, service, action, out):
        """The first packet of a connection."""
        eligible = self.eligible(service)
        if not eligible:
            return self.must(action == "drop", "nobody can take it, and it is not dropped")
        self.must(action == "tx", f"a first packet is not sent: {action}")
        becomes, _ = read(out[14:])
        self.must(becomes.destination in eligible and becomes.dport == self.backend_port, f"it goes to {becomes}")
        self.must(becomes.source == OWN[family(becomes.destination)] and becomes.sport in LENT, f"it comes from {becomes}")
        connection = Connection(talk, becomes)
        other = self.answers.get(connection.answer())
        self.must(not other, f"port {becomes.sport} is lent to two: to {other and other.request}, too")
        self.connections[talk] = self.answers[connection.answer()] = connection
        self.count["connections"] += 1
        return None

    def lost_packet(self, connection, flags, action, out):
        """A client's packet to a backend that is down. Returns whether it may begin another connection."""
        udp, opens = connection.request.protocol == UDP, flags & (SYN | ACK) == SYN
        if connection.state == "open" and not udp and flags & (RST | ACK) == ACK:
            self.must(action == "tx" and read(out[14:]) == (backwards(connection.request), RST), "the client is not told")
            self.count["resets"] += 1
        elif not udp and not opens:
            self.must(action == "drop", f"it goes to a backend that is down: {action}")
        if connection.state == "open" or udp or opens:
            self.forget(connection)
        return udp or opens

    def from_client(self, talk, service):
        flags = self.chance.choice((SYN, ACK, ACK, ACK, FIN | ACK, RST | ACK)) if talk.protocol == TCP else 0
        opens = talk.protocol == UDP or flags & (SYN | ACK) == SYN
        connection = self.connections.get(talk)
        action, out = self.send(talk, flags, 101, 501)
        if connection and self.is_lost(connection):
            backend = self.backends[service][connection.becomes.destination]
            if backend.orphans and action == "tx" and read(out[14:])[0] == connection.becomes:
                return None
            if self.lost_packet(connection, flags, action, out):
                self.begin(talk, service, action, out)
            return None
        if connection and (connection.state == "pushed out" or (talk.protocol == TCP and opens and connection.is_closing())):
            if connection.state != "pushed out" or opens:
                self.forget(connection)
            connection = None
        if not connection:
            return self.begin(talk, service, action, out) if opens else \
                self.must(action == "drop", f"it has no connection: {action}")
        self.must(action == "tx" and read(out[14:])[0] == connection.becomes, f"{action}; it should become {connection.becomes}")
        self.count["requests"] += 1
        if connection.state == "answered" and (talk.protocol == UDP or flags & (SYN | ACK | RST) == ACK):
            connection.state = "open"
        elif connection.state != "open" and flags & RST:
            return self.forget(connection)
        return connection.note(0, flags)

    def from_backend(self, connection):
        flags = self.chance.choice((SYN | ACK, SYN | ACK, ACK, FIN | ACK, RST | ACK)) if connection.request.protocol == TCP else 0
        action, out = self.send(connection.answer(), flags, 500, 102)
        self.must(action == "tx" and read(out[14:])[0] == backwards(connection.request),
                  f"{action}; it should become {backwards(connection.request)}")
        self.count["answers"] += 1
        if connection.state == "started" and (connection.request.protocol == UDP or flags == SYN | ACK):
            connection.state = "answered"
        elif connection.state != "open" and flags & RST:
            return self.forget(connection)
        return connection.note(1, flags)

    def stray(self):
        """An answer to a port that nobody has."""
        backend = self.chance.choice(self.addresses)
        talk = Talk(self.chance.choice((TCP, UDP)), backend, self.backend_port, OWN[family(backend)], self.chance.choice(LENT))
        if talk not in self.answers:
            self.must(self.send(talk, ACK)[0] == "drop", "an answer that nobody waits for goes on")

    def packet(self):
        kind = self.chance.randrange(20)
        if kind == 0:
            self.stray()
        elif kind < 9 and self.answers:
            self.from_backend(self.chance.choice(list(self.answers.values())))
        else:
            service = self.chance.choice(self.services)
            protocol, vip, port = service
            client = CLIENTS[vip] % self.chance.randrange(20, 24)
            self.from_client(Talk(protocol, client, 40000 + self.chance.randrange(4), VIPS[vip], port), service)


def main(kind, steps, seed):
    sequence = {"ipip": Tracking, "nat": Nat}[kind](int(seed))
    wrong = sequence.run(int(steps))
    print(f"{kind}, seed {seed}: {dict(sequence.count)}")
    return f"{wrong}\nagain: sequences.py {kind} {steps} {seed}" if wrong else 0


sys.exit(main(*sys.argv[1:]))
