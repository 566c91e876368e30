#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""An independent model of the slots and of the flow hash, and what there is in the maps beside it. Runs on the
load balancer's node.

usage: maglev.py compare PROTOCOL VIP:PORT   every slot must be the one that the model computes
       maglev.py slots PROTOCOL VIP:PORT     prints the backend of each slot: ADDRESS:PORT, a line each
       maglev.py chi-square PROTOCOL VIP:PORT
                                             how evenly 100,000 flows spread over the backends: for ports
                                             that count up, addresses that count up, and both
       maglev.py place PROTOCOL VIP:PORT CLIENT:PORT...
                                             prints the backend that each flow hashes to
Exit status 1 if something is not as it should be.

The table is that of Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
section 3.4, with weights: a backend has a turn whenever the weights that it has saved up reach that of the
heaviest. A table whose size is a power of two has 1024 cells, which are what the permutation orders.
"""
import ipaddress
import itertools
import json
import socket
import struct
import subprocess
import sys

U32, U64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
MAPS = "/sys/fs/bpf/xdp/globals"


def packed(address):
    """An address of either family in 16 bytes, as it stands in the maps."""
    return ipaddress.ip_address(address).packed.ljust(16, b"\0")


def unpacked(octets, family):
    return str(ipaddress.ip_address(bytes(octets[: 4 if family == 4 else 16])))


def written(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def split(address_and_port):
    """The way back."""
    address, _, port = address_and_port.rpartition(":")
    return address.strip("[]"), port


def mix(h):
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        h ^= h >> 33
        h = h * factor & U64
    return h ^ h >> 33


def identity_hash(address, port, seed):
    h = seed
    for word in (*struct.unpack("!4I", packed(address)), port):
        h = mix(h ^ word)
    return h


def turns(backends):
    """Whose turn it is, for ever: backends in the order of address and port, by their weights."""
    heaviest = max(weight for _, _, weight in backends)
    saved = [0] * len(backends)
    while True:
        for i, (_, _, weight) in enumerate(backends):
            saved[i] += weight
            if saved[i] >= heaviest:
                saved[i] -= heaviest
                yield i


def hash_table(backends, size):
    return list(itertools.islice(turns(backends), size))


def permutation(address, port, size):
    cells = 1024 if size & (size - 1) == 0 else size
    each = max(1, size // cells)
    offset = identity_hash(address, port, 1) % cells
    skip = identity_hash(address, port, 2) % (cells - 1) + 1 if cells > 1 else 1
    if cells == 1024:
        skip |= 1
    twist = identity_hash(address, port, 3) % each
    return ((offset + j * skip) % cells * size // cells + (k ^ twist) for j in range(cells) for k in range(each))


def members(config):
    """The backends of a service, and its fallback, which is one that only gets packets as the last resort."""
    return config["backends"] + [{"weight": 0, "state": "up", "health": "unchecked"} | config["fallback"]
                                 for _ in range(config["fallback"] is not None)]


def weight(backend):
    """Its share of the slots: nobody who is down, or has failed, gets some; but the last resort does."""
    if backend["state"] != "up" or backend["health"] == "failed" and not backend["last_resort"]:
        return 0
    return backend["weight"] or int(backend["last_resort"])


def table_size(config):
    """How many slots the backends share: what was asked for, or about 100 for each of them."""
    if config["sized"]:
        return config["slots"]
    return next((size for size in (512, 1024, 4096, 16384) if size >= 100 * len(members(config))), 65536)


def maglev_table(backends, size):
    wanted = [permutation(address, port, size) for address, port, _ in backends]
    table, free = [None] * size, size
    for i in turns(backends):
        table[next(slot for slot in wanted[i] if table[slot] is None)] = i
        free -= 1
        if not free:
            return table


def flow_hash(client, client_port, vip, vip_port, protocol, key):
    """headers/packet/hash.h: addresses and ports as this machine reads them from the wire."""
    def native(fmt, data):
        return struct.unpack("=" + fmt, data)[0]

    def finish(h):
        h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD & U64
        return (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 & U64

    def nh(*words):
        """The sum of (a + key[0]) (b + key[1]) and so on."""
        return sum((words[i] + key[i] & U32) * (words[i + 1] + key[i + 1] & U32) for i in range(0, len(words), 2))
    is_ipv6 = ":" in client
    client, vip = (struct.unpack("=4I", packed(a)) for a in (client, vip))
    client_port, vip_port = (native("H", struct.pack("!H", p)) for p in (client_port, vip_port))
    ports = client_port << 16 | vip_port
    h = key[4] << 32 | key[5]
    if is_ipv6:
        h += finish(nh(*client, *vip) & U64) + nh(protocol, ports)
    else:
        h += nh(client[0], ports, vip[0], protocol)
    return finish(h & U64) >> 32


class Service:
    def __init__(self, protocol, vip_and_port):
        self.protocol = protocol
        self.vip, port = split(vip_and_port)
        self.port = 0 if port == "any" else int(port)
        lb = json.loads(self.run("scripts/lb", "show", "--json"))
        self.key = struct.unpack("=8I", bytes(lb["hash_key"]))
        self.config = next(s for s in json.loads(self.run("scripts/lb", "service", "show", "--json"))
                           if (s["protocol"], s["address"], s["port"]) == (protocol, self.vip, self.port))
        for entry in json.loads(self.run("bpftool", "-j", "map", "dump", "pinned", f"{MAPS}/services")):
            key, value = entry["formatted"]["key"], entry["formatted"]["value"]
            if (unpacked(key["address"]["octets"], key["family"]), socket.ntohs(key["port"]),
                    key["protocol"]) == (self.vip, self.port, {"tcp": 6, "udp": 17}[protocol]):
                self.first, self.size = value["first"], value["slots"]
        self.ids = {}
        for entry in json.loads(self.run("bpftool", "-j", "map", "dump", "pinned", f"{MAPS}/backends")):
            value = entry["formatted"]["value"]
            self.ids[entry["formatted"]["key"]] = written(
                unpacked(value["address"]["octets"], value["family"]), socket.ntohs(value["port"]))

    @staticmethod
    def run(*command, text=None):
        return subprocess.run(command, check=True, capture_output=True, text=True, input=text).stdout

    def slots(self):
        """[(now, was)], as ADDRESS:PORT, or None for nobody."""
        lookups = "".join("map lookup pinned %s/slots key %s\n" % (MAPS, " ".join(map(str, struct.pack("=I", i // 2))))
                          for i in range(self.first, self.first + self.size, 2))
        answers = json.loads(self.run("bpftool", "-j", "batch", "file", "-", text=lookups))
        pairs = [answer["output"]["formatted"]["value"] for answer in answers]
        return [tuple(self.ids[i] if i else None for i in (slot["now"], slot["was"]))
                for pair in pairs for slot in (pair["even"], pair["odd"])][:self.size]

    def model(self):
        backends = sorted(((b["address"], b["port"], weight(b)) for b in members(self.config) if weight(b)),
                          key=lambda b: (packed(b[0]), b[1], ":" in b[0]))
        if not backends:
            return [None] * self.size
        size = table_size(self.config)
        table = (hash_table if self.config["filling"] == "hash" else maglev_table)(backends, size)
        return [written(*backends[i][:2]) for i in table for _ in range(self.size // size)]

    def slot_of(self, client, client_port):
        if self.config["sticky"]:
            h = flow_hash(client, 0, "::", 0, 0, self.key)
        else:
            h = flow_hash(client, client_port, self.vip, self.port, {"tcp": 6, "udp": 17}[self.protocol], self.key)
        return h * self.size >> 32


def chi_square(service):
    """The sum over the backends of (observed - expected)^2 / expected has a mean of n - 1 and a variance of
    2 (n - 1) for random flows: more than 5 standard deviations above is hardly an accident."""
    table = [now for now, _ in service.slots()]
    first = int(ipaddress.ip_address("2001:db8::" if ":" in service.vip else "10.0.0.0"))
    flows = {
        "ports": [(first + i // 50000, 10000 + i % 50000) for i in range(100000)],
        "addresses": [(first + i, 40000) for i in range(100000)],
        "both": [(first + i % 65536, 10000 + i % 50000) for i in range(100000)],
    }
    if ":" in service.vip:
        flows["networks"] = [(first + (i << 64), 40000) for i in range(100000)]
    share = {backend: table.count(backend) / len(table) for backend in set(table)}
    fine = True
    for name, list_ in flows.items():
        count = dict.fromkeys(share, 0)
        for client, port in list_:
            count[table[service.slot_of(str(ipaddress.ip_address(client)), port)]] += 1
        x = sum((count[b] - 100000 * share[b]) ** 2 / (100000 * share[b]) for b in share)
        limit = len(share) - 1 + 5 * (2 * (len(share) - 1)) ** 0.5
        print(f"{name}: chi-square {x:.1f}, {len(share)} backends, limit {limit:.1f}, "
              f"{min(count.values())} to {max(count.values())} flows each")
        fine &= x <= limit
    return fine


def main(command, protocol, vip_and_port, *flows):
    service = Service(protocol, vip_and_port)
    if command == "slots":
        print("\n".join(str(now) for now, _ in service.slots()))
    elif command == "compare":
        got, model = [now for now, _ in service.slots()], service.model()
        wrong = [i for i, (a, b) in enumerate(zip(got, model, strict=True)) if a != b]
        if wrong:
            sys.exit(f"{len(wrong)} of {len(model)} slots differ; slot {wrong[0]} is {got[wrong[0]]}, "
                     f"and the model says {model[wrong[0]]}")
    elif command == "place":
        table = service.slots()
        for flow in flows:
            client, port = split(flow)
            print(table[service.slot_of(client, int(port))][0])
    elif command == "chi-square":
        sys.exit(0 if chi_square(service) else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
