# SPDX-License-Identifier: GPL-2.0-only
"""What a load balancer says of itself: `lb --json ...` and `lb metrics`, as messages for the page.

Each jq that lb starts costs 20 ms of CPU. So the kernel's own lists are looked at first, which cost nothing (see
maps/README.md): lb is asked only when they say something new, and for its counters every few seconds.
"""
import json
import re
import time

from nodes import inside, root_of, run

LB = "scripts/lb"
LISTS = "/sys/fs/bpf/tc/lists/"  # /sys/fs/bpf/xdp is a link to tc
STRIP = 2048  # slots are sent one by one up to here; of more, so many are picked
SERVICES_WITH_SLOTS = 8  # of more services, the slots are not drawn
SLOTS_AGAIN = 10  # times `every` seconds: slots can be changed by hand so that the shares stay as they are
METRICS_AGAIN = 12  # the same
LOG_LINES = 60


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


class Balancer:
    """One load balancer: a node of the playground, or this machine (pid None)."""

    def __init__(self, name, pid, send, every):
        self.name, self.pid, self.send, self.every = name, pid, send, every
        self.seen, self.services = None, []
        self.stats_at = self.slots_at = self.metrics_at = 0
        self.busy = True  # packets have come, as far as we know

    def ask(self, *words):
        """(JSON or None, the error)."""
        status, out, error = run(inside(self.pid, [LB, "--json", *words]))
        if status == 0:
            try:
                return json.loads(out), None
            except ValueError:
                error = "lb: this was no JSON"
        return None, error.strip() or "lb says nothing"

    def tell(self, kind, **what):
        self.send({"type": kind, "machine": self.name, "at": time.time(), **what})

    def lists(self):
        """All that tells of a change of services, backends, their health and their slots."""
        where = root_of(self.pid) + LISTS
        services, *others = [read_text(where + name) for name in ("services", "backends", "checks", "shares")]
        if services:  # without the last word of each line: for how many seconds the service still learns
            services = re.sub(r" \d+$", "", services, flags=re.MULTILINE)
        return [services, *others]

    def look(self):
        """One turn: asks for what may have changed. Returns whether anything was asked."""
        now, asked = time.monotonic(), False
        seen = self.lists()
        changed = seen != self.seen or (seen[0] is None and now > self.stats_at + max(self.every, 3))
        if changed:
            self.seen, asked = seen, True
            services, error = self.ask("service", "show")
            self.services = services or []
            self.tell("services", services=self.services, error=error)
        if changed or now > self.slots_at + SLOTS_AGAIN * self.every:
            self.slots_at, asked = now, True
            self.tell("slots", services=[slots for slots in map(self.slots_of, self.services[:SERVICES_WITH_SLOTS]) if slots])
        if changed or (self.busy and now > self.stats_at + self.every):
            self.stats_at, self.busy, asked = now, self.pid is None, True
            stats, _ = self.ask("stats")
            if stats:
                self.tell("stats", stats=stats)
        if not changed and now > self.metrics_at + METRICS_AGAIN * self.every:  # what takes long and changes seldom comes last
            self.metrics_at, asked = now, True
            self.metrics()
        return asked

    def slots_of(self, service):
        words, _ = self.ask("slots", service["protocol"], endpoint(service))
        return words and summary(service, words)

    def metrics(self):
        status, out, _ = run(inside(self.pid, [LB, "metrics", "text"]))
        if status == 0:
            self.tell("metrics", **facts(out))


def endpoint(server):
    host = f"[{server['address']}]" if ":" in server["address"] else server["address"]
    return f"{host}:{server['port'] or 'any'}"


def summary(service, slots):
    """{name, total, counts: {owner: slots}, memories, now: [owner's number or -1], was}: small enough to be sent."""
    counts = {}
    for slot in slots:
        counts[slot["now"]] = counts.get(slot["now"], 0) + 1
    owners = sorted({owner for slot in slots for owner in (slot["now"], slot["was"]) if owner})
    number = {owner: i for i, owner in enumerate(owners)}
    picked = slots if len(slots) <= STRIP else [slots[i * len(slots) // STRIP] for i in range(STRIP)]
    return {"name": f"{service['protocol']} {endpoint(service)}", "total": len(slots), "owners": owners,
            "counts": {owner or "": count for owner, count in counts.items()},
            "memories": sum(slot["now"] != slot["was"] for slot in slots),
            "now": [number.get(slot["now"], -1) for slot in picked], "was": [number.get(slot["was"], -1) for slot in picked]}


SAMPLE = re.compile(r'^(\w+?)(?:_total)?(?:\{(.*)\})? (\S+)')


def facts(text):
    """Of the metrics, what lb --json does not say: programs, neighbours, how full the maps are, whether lb watch runs."""
    said = {"programs": [], "neighbours": [], "maps": {}, "watch": None, "flows": None, "fingerprint": None}
    for line in text.splitlines():
        match = SAMPLE.match(line)
        if not match or line.startswith("#"):
            continue
        name, value = match[1].removeprefix("xdp_lb_"), match[3]
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
        if name == "program_info":
            said["programs"].append({key: labels.get(key, "") for key in ("device", "mode", "flavour")})
        elif name == "neighbour_known":
            said["neighbours"].append({"address": labels["address"], "device": labels["device"], "known": value == "1"})
        elif name in ("map_entries", "map_max_entries"):
            said["maps"].setdefault(labels["map"], [0, 0])[name == "map_max_entries"] = int(float(value))
        elif name == "watch_running":
            said["watch"] = value == "1"
        elif name == "flows":
            said["flows"] = int(float(value))
        elif name == "placement_info":
            said["fingerprint"] = labels["fingerprint"]
    return said


class Log:
    """What lb has written: lb watch into a file (in the labs), all commands into the journal."""

    def __init__(self, name, pid, send):
        self.name, self.pid, self.send = name, pid, send
        self.at, self.cursor = 0, None
        self.path = root_of(pid) + "/run/xdp-lb/watch.log"

    def look(self):
        lines = self.of_file()
        if not lines and self.pid is None:
            lines = self.of_journal()
        if lines:
            self.send({"type": "log", "machine": self.name, "lines": lines[-LOG_LINES:]})

    def of_file(self):
        try:
            with open(self.path, "rb") as file:
                size = file.seek(0, 2)
                if size == self.at:
                    return []
                file.seek(max(self.at if size > self.at else 0, size - 20000))
                text = file.read()
                self.at = size
        except OSError:
            return []
        return [{"text": line} for line in text.decode(errors="replace").splitlines() if line]

    def of_journal(self):
        since = [f"--after-cursor={self.cursor}"] if self.cursor else ["-n", str(LOG_LINES)]
        status, out, _ = run(["journalctl", "-q", "-t", "lb", "-o", "json", *since], timeout=5)
        lines = []
        for line in out.splitlines() if status == 0 else []:
            try:
                entry = json.loads(line)
                self.cursor = entry["__CURSOR"]
                lines.append({"at": int(entry["__REALTIME_TIMESTAMP"]) / 1e6, "text": str(entry["MESSAGE"])})
            except (ValueError, KeyError):
                continue
        return lines
