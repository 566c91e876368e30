#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Why has a request failed? What tests/soak did, and what the load balancers logged, must say it.

usage: explain.py DIR

DIR has, each line beginning with a time in seconds since boot:
  events      TIME WORD...           what was done: "down NAME", "up NAME", "moves gateway", "deleted NAME", "added NAME";
                                     "begin CHANGE ...", "end CHANGE"; and "ways N", to look at: how many the router has
  log         TIME LB LINE           what a load balancer logged
  backends    NAME ADDRESS           who is who
  *.requests  TIME CLIENT KIND RESULT BACKEND     see labs/health/clients.py and tests/lib/transfers.py
Prints how many requests of each kind there were, and for each harm how many it explains. Exit status 1 if a request is left, which
is printed then with the events around it; 2 if there are no requests.
"""
import collections
import pathlib
import sys

PATIENCE = {"new": 1, "kept": 1, "datagram": 1, "download": 10}  # so long ago can a failure have begun that is known now
SLACK = 1.5  # what is on its way; a busy machine; the clock of /proc/uptime
BFD = 3  # seconds at most, until the router has noticed that a load balancer is gone


MOVES = ["a_load_balancer_dies", "a_load_balancer_reboots", "a_member_drains"]  # connections to another load balancer
CHANGES = ["weights_change", "a_backend_is_deleted", "a_backend_dies"]  # slots get other backends
LASTS = ["kept", "download"]


class Harm:
    """Something that breaks requests in a span of time: those of one backend, or of any (None); of these kinds."""

    def __init__(self, begin, end, backend, text, kinds=tuple(PATIENCE)):
        self.begin, self.end, self.backend, self.text, self.requests = begin, end + SLACK, backend, text, 0
        self.kinds = kinds

    def explains(self, at, kind, backend):
        return (kind in self.kinds and self.begin <= at and at - PATIENCE[kind] <= self.end and
                (self.backend in (None, backend) or backend == "-"))


def lines_of(path):
    return [line.split() for line in path.read_text().splitlines()]


def harms_of(events, log, address_of):
    def logged(since, *words):
        """Who has logged this since then: the time, the load balancer, and the line."""
        return [(float(at), lb, f"{lb}: {' '.join(line)}") for at, lb, *line in log
                if float(at) >= since and all(word in " ".join(line) for word in words)]

    def all_have_logged(since, *words):
        """When each load balancer has logged this, and one of the lines; None if that was never."""
        found = {}
        for at, lb, line in logged(since, *words):
            found.setdefault(lb, (at, line))
        return max(found.values()) if found and found.keys() >= {lb for _, lb, *_ in log} else None

    def next_event(since, *words):
        return next((float(at) for at, *event in events if float(at) >= since and event == list(words)), None)

    for at, what, *name in events:
        at, name = float(at), name[0] if name else ""
        if what == "down" and name.startswith("backend"):
            up = next_event(at, "up", name) or at
            known = all_have_logged(at, f"backend {address_of[name]}:", "HAS FAILED")
            if known and known[0] <= up:
                yield Harm(at, known[0], name, f"{name} was down until {known[1]}")
            else:
                yield Harm(at, up, name, f"{name} was down for {up - at:.1f} s")
        elif what == "down":
            up = next_event(at, "up", name) or at
            yield Harm(at, min(up, at + BFD), None, f"{name} was away for {up - at:.1f} s")
            # It has found that nobody answers, and believes that until its checks pass again; the router asks it before.
            well = next((float(later) for later, *event in events if float(later) >= up and event[0] == "end"), up)
            found = next((" ".join(line) for when, lb, *line in log
                          if lb == name and at <= float(when) <= well and "HAS FAILED" in " ".join(line)), None)
            if found:
                yield Harm(up, well, None, f"{name} was back, and had found: {found}", LASTS)
        elif what == "moves":
            # Some have noticed it, and said so. Others had a command just then, which asks for the way anew and says nothing:
            # the next one, if nobody has said anything.
            later = next_event(at + 0.001, "moves", name) or float("inf")
            known = max(((when, line) for when, _, line in logged(at, "has another MAC address now") if when < later), default=None)
            command = next((float(when) for when, what, *_ in events if what == "end" and float(when) > at + 1), at)
            yield Harm(at, known[0] if known else min(command, later), None, f"{name} moved until {known[1] if known else 'a command noticed'}")
        elif what == "deleted":
            yield Harm(at, next_event(at, "added", name) or at, name, f"{name} was deleted")


def limits_of(events):
    """What a second chance does not cover (README): who takes a connection over knows two backends of its slot at most. So
    connections that last can break once a load balancer has been away and slots have changed twice, when either happens."""
    moves = changes = 0
    for i, (at, what, *name) in enumerate(events):
        if what != "begin":
            continue
        moves += name[0] in MOVES
        changes += name[0] in CHANGES
        if moves and changes >= 2 and name[0] in MOVES + CHANGES:
            end = next((float(later) for later, *event in events[i:] if event == ["end", name[0]]), float(at))
            yield Harm(float(at), end, None, f"{name[0]}: of connections on slots that have had three backends", LASTS)


def main(folder):
    folder = pathlib.Path(folder)
    events, log = lines_of(folder / "events"), lines_of(folder / "log")
    harms = [*harms_of(events, log, dict(lines_of(folder / "backends"))), *limits_of(events)]
    total, failed, left = collections.Counter(), collections.Counter(), []
    for file in folder.glob("*.requests"):
        for at, client, kind, result, backend in lines_of(file):
            total[kind] += 1
            if result == "ok":
                continue
            failed[kind] += 1
            harm = next((one for one in harms if result != "wrong" and one.explains(float(at), kind, backend)), None)
            if harm:
                harm.requests += 1
            else:
                left.append((float(at), client, kind, result, backend))
    for kind in sorted(total):
        print(f"{kind}: {total[kind]} requests, {failed[kind]} failed")
    for harm in harms:
        print(f"{harm.requests:5} failed in {harm.end - harm.begin:.1f} s: {harm.text}")
    for at, *request in sorted(left)[:20]:
        print(f"NOT EXPLAINED: {at:.2f}", *request)
        for when, *event in events + log:
            if -5 <= float(when) - at <= 1:
                print("   ", when, *event)
    print(f"{sum(failed.values())} of {sum(total.values())} requests failed, {len(left)} of them without an explanation")
    if not total:
        sys.exit(2)
    sys.exit(bool(left))


if __name__ == "__main__":
    main(*sys.argv[1:])
