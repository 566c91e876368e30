# SPDX-License-Identifier: GPL-2.0-only
"""The feeder: the half that is root. It looks, and writes what it has seen as lines of JSON into a pipe.

From the other half, which is nobody and talks to browsers, it takes three words and no others: how many are watching, which
machine somebody looks at, and (in a playground) that the client shall send a request.
"""
import json
import os
import socket
import threading
import time

import nodes
from readings import Balancer, Log, endpoint, read_text
from tap import Tap

SCAN = 1.0  # seconds between two looks at who is there
ADDRESSES_AGAIN = 3  # times `every` seconds between two looks at some machine's addresses


class Feeder:
    def __init__(self, pipe, lab, console, every):
        self.pipe, self.lab, self.console, self.every = pipe, lab, console, every
        self.lock = threading.Lock()
        self.viewers, self.stopping, self.is_told_to_stop, self.asking = 0, False, False, False
        self.pids, self.prefix, self.world = {}, None, {}
        self.tap, self.tapped = None, None
        self.balancers, self.logs, self.looked_at = {}, {}, set()
        self.left_out = 0

    def send(self, message):
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self.lock:
            self.pipe.sendall(line)

    def stop(self, *_):
        """A signal has come."""
        self.is_told_to_stop = self.stopping = True

    def run(self):
        """Until stop(), or until the other half is gone."""
        workers = [threading.Thread(target=work, daemon=True) for work in (self.listen, self.collect)]
        for worker in workers:
            worker.start()
        scanned = 0
        try:
            while not self.stopping:
                if time.monotonic() > scanned + (SCAN if self.viewers else 2 * SCAN):
                    scanned = time.monotonic()
                    self.scan()
                self.pass_frames()
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            self.end()

    def end(self):
        """Ends what still runs; the other half ends when the pipe does."""
        self.stopping = True
        nodes.kill_all()
        try:
            self.pipe.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already

    # ---- who is there ----

    def scan(self):
        if self.console:
            if not self.world:
                self.tell_world({"lb": None})
            return
        lab, pids, labs = nodes.find_nodes(self.lab)
        # what scripts/node must be told, if it is not clear which lab is meant
        prefix = f"LAB={lab} " if len(labs) > 1 or (self.lab and labs != [lab]) else ""
        if (pids, prefix) != (self.pids, self.prefix) or self.is_replugged():
            self.pids, self.prefix = pids, prefix
            self.tell_world(pids, lab)
        if self.viewers:
            self.send({"type": "rates", "at": time.time(), "cables": self.counted(), "left_out": self.all_left_out()})

    def is_replugged(self):
        """Whether there are other cables than before."""
        return "switch" in self.pids and set(self.counted()) != set(self.world.get("cables", {}))

    def counted(self):
        """{"lb.eth0": [packets from the machine, packets to it]}: what the switch has counted."""
        text = read_text(f"/proc/{self.pids['switch']}/net/dev") if "switch" in self.pids else ""
        rows = (line.replace(":", " ").split() for line in (text or "").splitlines())
        return {row[0]: [int(row[2]), int(row[10])] for row in rows if len(row) > 10 and "." in row[0]}

    def tell_world(self, pids, lab=None):
        if self.console:
            self.world = {"name": os.uname().nodename, "prefix": "", "machines": [self.machine(os.uname().nodename, None, "lb")],
                          "cables": {}}
        else:
            self.world = {"name": lab, "prefix": self.prefix,
                          "machines": [self.machine(name, pid, nodes.role(name)) for name, pid in sorted(pids.items()) if name != "switch"],
                          "cables": nodes.cables(pids["switch"]) if "switch" in pids else {}}
        self.make_readers(pids)
        self.send_world()

    def send_world(self):
        self.send({"type": "world", "console": self.console, "up": bool(self.world["machines"]), **self.world})

    @staticmethod
    def machine(name, pid, role):
        return {"name": name, "role": role, "devices": nodes.devices(pid)}

    def make_readers(self, pids):
        """Readers of machines that are there; those that were there before go on."""
        here = {machine["name"]: None if self.console else pids[machine["name"]]
                for machine in self.world["machines"] if machine["role"] == "lb"}
        self.balancers = {name: self.balancers.get(name) if name in self.balancers and self.balancers[name].pid == pid
                          else Balancer(name, pid, self.send, self.every) for name, pid in here.items()}
        self.logs = {name: self.logs.get(name) if name in self.logs and self.logs[name].pid == pid
                     else Log(name, pid, self.send) for name, pid in here.items()}

    # ---- packets ----

    def all_left_out(self):
        return self.left_out + (self.tap.left_out if self.tap else 0)

    def listen_at(self, switch):
        """At this switch's cables; None: at none, because there is none, or because nobody watches."""
        if switch == self.tapped:
            return
        if self.tap:
            self.left_out += self.tap.left_out
            self.tap.close()
        self.tap, self.tapped = Tap(switch) if switch else None, switch

    def pass_frames(self):
        self.listen_at(self.pids.get("switch") if self.viewers and not self.console else None)
        if not self.tap:
            time.sleep(0.1)
            return
        self.tap.wait(0.1)
        frames = self.tap.read()
        for frame in frames:
            for port in [frame["from"], *frame["to"]]:
                balancer = self.balancers.get(port.rpartition(".")[0])
                if balancer:
                    balancer.busy = True
        if frames:
            self.send({"type": "frames", "frames": frames})

    # ---- what machines say ----

    def collect(self):
        """Asks one after the other, while somebody is watching."""
        turn, checked = 0, 0
        try:
            while not self.stopping:
                if not self.viewers:
                    time.sleep(0.1)
                    continue
                self.describe()
                asked = [balancer.look() for balancer in list(self.balancers.values())]
                for log in list(self.logs.values()):
                    log.look()
                if time.monotonic() > checked + ADDRESSES_AGAIN * self.every:
                    turn, checked = turn + 1, time.monotonic()
                    self.look_again(turn)
                time.sleep(1 if self.console else 0.1 if any(asked) else 0.4)
        except OSError:
            pass  # the other half has ended
        finally:
            self.stopping = True

    def describe(self):
        """What the details of a machine show: of those that somebody looks at."""
        while self.looked_at:
            name = self.looked_at.pop()
            pid = self.pids.get(name)
            if self.console or pid is not None:
                self.describe_machine(name, pid)

    def describe_machine(self, name, pid):
        facts = []
        for command in self.commands_of(name, pid):
            status, out, error = nodes.run(nodes.inside(pid, command))
            typed = " ".join(command)
            if self.console and not os.path.exists("Makefile"):
                typed = typed.replace("scripts/lb", "lb")  # as it is installed
            elif not self.console:
                typed = f"{self.world['prefix']}scripts/node exec {name} {typed}"
            facts.append({"command": typed, "output": (out if status == 0 else out + error).rstrip()[-4000:]})
        self.send({"type": "facts", "machine": name, "at": time.time(), "facts": facts})

    def look_again(self, turn):
        """Somebody may have given a machine another address: one machine in each turn."""
        machines = self.world["machines"]
        if not machines:
            return
        machine = machines[turn % len(machines)]
        now = nodes.devices(self.pids.get(machine["name"]))
        if now and now != machine["devices"] and machine in self.world["machines"]:
            machine["devices"] = now
            self.send_world()

    def commands_of(self, name, pid):
        """What a person would type to see how a machine is."""
        commands = [["ip", "-br", "addr"], ["ip", "route"], ["ip", "neigh"]]
        pins = nodes.root_of(pid) + "/sys/fs/bpf/tc/globals/"
        if name in self.balancers:
            commands.insert(0, ["scripts/lb", "service", "show"])
        if os.path.exists(pins + "decap_stats"):
            commands.insert(0, ["scripts/lb", "decap", "stats"])
            commands.insert(1, ["scripts/lb", "decap", "show"])
        if pid is not None and os.path.exists(nodes.root_of(pid) + "/run/xdp-lb/http.log"):
            commands.append(["tail", "-n", "5", "/run/xdp-lb/http.log"])
        return commands

    # ---- what the other half may ask ----

    def listen(self):
        with self.pipe.makefile("r", encoding="ascii", errors="replace") as lines:
            for line in lines:
                words = line.split()
                if len(words) == 2 and words[0] == "viewers" and words[1].isdigit():
                    self.viewers = int(words[1])
                elif len(words) == 2 and words[0] == "look" and words[1] in [machine["name"] for machine in self.world.get("machines", [])]:
                    self.looked_at.add(words[1])
                elif words == ["request"] and not self.console and not self.asking:
                    self.asking = True
                    threading.Thread(target=self.request, daemon=True).start()
        self.stopping = True

    def request(self):
        """One request of the client to the first service that speaks TCP."""
        try:
            services = [service for balancer in self.balancers.values() for service in balancer.services]
            service = next((service for service in services if service["protocol"] == "tcp"), None)
            if "client" not in self.pids or not service:
                self.send({"type": "answer", "ok": False, "text": "there is no client, or no service that it could ask"})
                return
            command = ["curl", "-sS", "--max-time", "5", "-w", "\n%{local_port}", f"http://{endpoint(service)}/"]
            status, out, error = nodes.run(nodes.inside(self.pids["client"], command))
            text, _, port = out.rpartition("\n")  # the port, so that the page knows which connection that was
            self.send({"type": "answer", "ok": status == 0, "text": (text.strip() or error.strip())[:200], "port": int(port) if port.isdigit() else 0})
        except OSError:
            pass
        finally:
            self.asking = False
