#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""diagram: draws labs/*/diagram.txt as SVG, 800 wide, for README files and lessons.

usage: labs/common/diagram.py [FILE.txt...]      writes FILE.svg beside each; without a file, all of them
       labs/common/diagram.py --check            exit status 1 if a committed SVG is not what would be drawn

A description has a line for each thing. Places are in pixels; a machine's is its middle.

  title TEXT                        what a screen reader says first
  about TEXT                        and then
  height N                          of the picture
  network X Y W H LABEL             an area; its label is at the right, or at the left if it begins with <
  machine NAME X Y | LINE | LINE    a box; "dead NAME ..." is one that has failed
  hop KIND FROM TO [NUMBER]         an arrow; KIND is request, answer, check, or lost
  note X Y TEXT                     text
  head Y | LABEL | ...              the columns of the frames below it
  frame KIND NUMBER | TEXT | ...    what is on the cable there; *TEXT has changed since the frame before, - is nothing
  bytes LABEL | TEXT N | ...        a packet, drawn to scale, with so many bytes in each part
  slots X Y LABEL | OWNERS          a table of slots: a digit for each slot; -N has a new owner because it had to, *N without need

It is a Python script of its own, because nothing that a Debian has by itself draws this, and a drawing in a binary file could
not be reviewed.
"""
import pathlib
import sys
from html import escape

WIDTH = 800
BOX_W, BOX_H = 124, 50
STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de }
  .net { fill: #f3f6fa; stroke: #b6c2cf }
  text { fill: #1f2328; font: 13px sans-serif }
  .mono { font: 12px 'DejaVu Sans Mono', monospace }
  .bold, .name { font-weight: bold }
  .soft { fill: #57606a }
  .box { fill: #ffffff; stroke: #1f2328; stroke-width: 1.5 }
  .dead { fill: #f0f0f0; stroke: #57606a; stroke-width: 1.5; stroke-dasharray: 3 3 }
  .part { fill: #ffffff; stroke: #57606a }
  .had { fill: #d0d7de; stroke: #57606a; stroke-dasharray: 3 2 }
  .new { fill: #fff1b8; stroke: #1f2328; stroke-width: 2 }
  .request, .answer, .check, .lost { fill: none; stroke-width: 3 }
  .request { stroke: #0550ae } .answer { stroke: #a33b00; stroke-dasharray: 9 5 }
  .check { stroke: #116329; stroke-dasharray: 2 4 } .lost { stroke: #a40e26; stroke-dasharray: 2 4 }
  .request-head, .request-badge { fill: #0550ae; stroke: none } .answer-head { fill: #a33b00; stroke: none }
  .check-head { fill: #116329; stroke: none } .lost-head { stroke: #a40e26; stroke-width: 3 }
  .answer-badge { fill: #ffffff; stroke: #a33b00; stroke-width: 2 } .check-badge { fill: #ffffff; stroke: #116329; stroke-width: 2 }
  .lost-badge { fill: #ffffff; stroke: #a40e26; stroke-width: 2 }
  .on-dark { fill: #ffffff }
"""
WORDS = {"request": "request", "answer": "answer", "check": "health check", "lost": "lost"}


def tag(name, text=None, **attributes):
    """An element. class_ is class, stroke_width is stroke-width."""
    words = "".join(f' {key.rstrip("_").replace("_", "-")}="{number(value)}"' for key, value in attributes.items())
    return f"<{name}{words}/>" if text is None else f"<{name}{words}>{escape(text, quote=False)}</{name}>"


def number(value):
    return f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def label(x, y, text, class_="", anchor="start", room=None):
    """Text, which must have room: by default, to the edge of the picture. (Letters are as wide as DejaVu's.)"""
    width = len(text) * (7.3 if "mono" in class_ else 8.2 if "bold" in class_ or "name" in class_ else 7.4)
    if room is None:
        room = 2 * min(x, WIDTH - x) if anchor == "middle" else x if anchor == "end" else WIDTH - 10 - x
    if width > room + 4:
        raise ValueError(f"'{text}' is about {width:.0f} wide, and there is room for {room:.0f}")
    return tag("text", text, x=x, y=y, class_=class_, text_anchor=anchor)


def badge(kind, n, x, y):
    """The number of a hop: a disc for requests, a square for answers, a lozenge for checks and what is lost."""
    if kind == "request":
        shape = tag("circle", cx=x, cy=y, r=10, class_="request-badge")
    elif kind == "answer":
        shape = tag("rect", x=x - 9.5, y=y - 9.5, width=19, height=19, rx=3, class_="answer-badge")
    else:
        shape = tag("path", d=f"M {number(x)} {number(y - 13)} l 13 13 l -13 13 l -13 -13 z", class_=f"{kind}-badge")
    return [shape, label(x, y + 4.5, n, "bold on-dark" if kind == "request" else "bold", "middle")]


class Diagram:
    def __init__(self, text, file):
        self.file = file
        self.title = self.about = ""
        self.height, self.areas, self.arrows, self.boxes, self.rest = 400, [], [], [], []
        self.machines, self.hops, self.kinds = {}, [], []
        self.columns, self.y, self.has_new = [], 0, False
        for i, line in enumerate(text.splitlines(), 1):
            word, _, rest = line.strip().partition(" ")
            if not word or word.startswith("#"):
                continue
            method = getattr(self, "do_" + word, None)
            if method is None:
                raise SystemExit(f"diagram.py: {file}:{i}: unexpected word '{word}'; see the head of labs/common/diagram.py")
            try:
                method(rest)
            except (ValueError, KeyError, IndexError) as error:
                raise SystemExit(f"diagram.py: {file}:{i}: '{line.strip()}' cannot be drawn: {error!r}")

    def do_title(self, rest):
        self.title = rest

    def do_about(self, rest):
        self.about += " " + rest if self.about else rest

    def do_height(self, rest):
        self.height = int(rest)

    def do_network(self, rest):
        x, y, w, h, name = rest.split(" ", 4)
        left = name.startswith("<")
        self.areas += [tag("rect", x=x, y=y, width=w, height=h, rx=14, class_="net"),
                       label(int(x) + (12 if left else int(w) - 12), int(y) + 20, name.lstrip("< "), "soft", "start" if left else "end")]

    def do_machine(self, rest, class_="box"):
        first, *lines = [part.strip() for part in rest.split("|")]
        name, x, y = first.rsplit(" ", 2)
        x, y = int(x), int(y)
        h = BOX_H if len(lines) < 2 else BOX_H + 16 * (len(lines) - 1)
        self.machines[name] = (x, y, BOX_W, h)
        self.boxes += [tag("rect", x=x - BOX_W / 2, y=y - h / 2, width=BOX_W, height=h, rx=6, class_=class_),
                       label(x, y - h / 2 + (20 if lines else 30), name, "name", "middle", BOX_W)]
        self.boxes += [label(x, y - h / 2 + 38 + 16 * i, text, "mono", "middle", BOX_W) for i, text in enumerate(lines)]

    def do_dead(self, rest):
        self.do_machine(rest, "dead")

    def do_hop(self, rest):
        kind, start, end, *n = rest.split()
        n = n[0] if n else str(1 + sum(1 for hop in self.hops if hop))
        if kind not in WORDS:
            raise ValueError(f"a hop is one of {', '.join(WORDS)}")
        self.machines[start], self.machines[end]  # both are there
        self.hops.append((kind, start, end, n))

    def do_note(self, rest):
        x, y, text = rest.split(" ", 2)
        self.rest.append(label(int(x), int(y), text))

    def do_head(self, rest):
        y, *names = [part.strip() for part in rest.split("|")]
        self.y = int(y)
        self.columns = [int(name.split(" ", 1)[0]) for name in names]
        for x, name in zip(self.columns, names):
            self.rest.append(label(x, self.y, name.partition(" ")[2], "soft"))
        self.y += 10

    def do_frame(self, rest):
        first, *parts = [part.strip() for part in rest.split("|")]
        kind, n = first.split()
        self.rest += badge(kind, n, 32, self.y + 13)
        ends = self.columns[1:] + [WIDTH - 14]
        for x, end, text in zip(self.columns, ends, parts):
            if text == "-":
                continue
            new = text.startswith("*")
            self.has_new |= new
            text = ("★ " if new else "") + text.lstrip("*")
            self.rest += [tag("rect", x=x, y=self.y, width=end - x - 4, height=26, class_="new" if new else "part"),
                          label(x + 5, self.y + 17, text, "mono", room=end - x - 10)]
        self.y += 31

    def do_bytes(self, rest):
        name, *parts = [part.strip() for part in rest.split("|")]
        x = self.columns[0]
        self.rest.append(label(18, self.y + 18, name, "bold"))
        for part in parts:
            new = part.startswith("*")
            text, n = part.lstrip("*").rsplit(" ", 1)
            w = int(n) * 6
            self.rest += [tag("rect", x=x, y=self.y, width=w, height=34, class_="new" if new else "part"),
                          label(x + w / 2, self.y + 15, text, "mono", "middle", w), label(x + w / 2, self.y + 29, n, "mono soft", "middle")]
            x += w
        self.y += 42

    def do_slots(self, rest):
        where, owners = [part.strip() for part in rest.split("|")]
        x, y, name = where.split(" ", 2)
        x, y = int(x), int(y)
        self.rest.append(label(x, y - 8, name))
        for owner in owners.split():
            class_ = {"*": "new", "-": "had"}.get(owner[0], "part")
            self.rest += [tag("rect", x=x, y=y, width=26, height=26, class_=class_),
                          label(x + 13, y + 18, owner.lstrip("*-"), "" if class_ == "part" else "bold", "middle")]
            x += 29

    def draw_hop(self, i):
        """Arrows keep to the right, as cars do; a second one in the same direction keeps further to the right."""
        kind, start, end, n = self.hops[i]
        lane = sum(1 for hop in self.hops[:i] if hop[1:3] == (start, end))
        both = any(hop[1:3] == (end, start) for hop in self.hops)
        a, b = self.machines[start], self.machines[end]
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = (dx * dx + dy * dy) ** 0.5
        side = (11 if both else 0) + 22 * lane
        ux, uy = dx / length, dy / length
        x, y = a[0] - uy * side, a[1] + ux * side
        first = self.leaves(x, y, ux, uy, a) + 2
        last = length - self.leaves(x + dx, y + dy, -ux, -uy, b) - 4
        at = lambda t, off=0: (x + ux * t - uy * off, y + uy * t + ux * off)
        (x1, y1), (x2, y2), tip = at(first), at(last - 9), at(last)
        out = [tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)]
        left, right = at(last - 13, -7), at(last - 13, 7)
        if kind == "lost":
            (a1, b1), (a2, b2) = at(last - 18, -8), at(last - 2, 8)
            (c1, d1), (c2, d2) = at(last - 18, 8), at(last - 2, -8)
            out.append(tag("path", d=" ".join(map(str, ["M", *map(number, (a1, b1)), "L", *map(number, (a2, b2)),
                                                       "M", *map(number, (c1, d1)), "L", *map(number, (c2, d2))])), class_="lost-head"))
        else:
            points = " ".join(f"{number(px)},{number(py)}" for px, py in (tip, left, right))
            out.append(tag("polygon", points=points, class_=f"{kind}-head"))
        middle = at(first + (last - first) * (0.4 if both else 0.45))
        return out, badge(kind, n, *middle)

    @staticmethod
    def leaves(x, y, ux, uy, box):
        """How far from (x, y), in direction (ux, uy), the border of the box is."""
        bx, by, w, h = box
        reach = [float("inf")]
        if ux:
            reach.append(((bx + w / 2 if ux > 0 else bx - w / 2) - x) / ux)
        if uy:
            reach.append(((by + h / 2 if uy > 0 else by - h / 2) - y) / uy)
        return max(0.0, min(reach))

    def legend(self):
        """Under everything: which line is what."""
        out, x, y = [], 18, self.height - 16
        for kind in WORDS:
            if not any(hop[0] == kind for hop in self.hops):
                continue
            out += [tag("line", x1=x, y1=y - 4, x2=x + 44, y2=y - 4, class_=kind), label(x + 52, y, WORDS[kind], "soft")]
            x += 70 + 8 * len(WORDS[kind])
        if self.has_new:
            out.append(label(x, y, "★ has changed at this hop", "soft"))
        return out

    def svg(self):
        if not (self.title and self.about):
            raise SystemExit(f"diagram.py: {self.file}: title or about is missing; who cannot see the picture needs them")
        if self.y + 35 > self.height:
            raise SystemExit(f"diagram.py: {self.file}: what it shows is {self.y + 35} high; set its height")
        lines, badges = [], []
        for i in range(len(self.hops)):
            arrow, number_ = self.draw_hop(i)
            lines += arrow
            badges += number_
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{self.height}" viewBox="0 0 {WIDTH} {self.height}" '
                'role="img" aria-labelledby="t d">')
        body = [tag("title", self.title, id="t"), tag("desc", self.about, id="d"), f"<style>{STYLE}</style>",
                tag("rect", x=0.5, y=0.5, width=WIDTH - 1, height=self.height - 1, rx=8, class_="card"),
                label(18, 28, self.title, "bold"), *self.areas, *lines, *self.boxes, *badges, *self.rest, *self.legend()]
        return "\n".join([head, *body, "</svg>"]) + "\n"


def main(arguments):
    labs = pathlib.Path(__file__).resolve().parent.parent
    check = arguments == ["--check"]
    if not check and any(word.startswith("-") or not word.endswith(".txt") for word in arguments):
        sys.exit("usage: labs/common/diagram.py [FILE.txt...] | --check")
    files = sorted(labs.glob("*/diagram*.txt")) if check or not arguments else map(pathlib.Path, arguments)
    wrong = []
    for file in files:
        drawn, target = Diagram(file.read_text(), file).svg(), file.with_suffix(".svg")
        if not check:
            target.write_text(drawn)
        elif not target.exists() or target.read_text() != drawn:
            wrong.append(f"labs/{file.parent.name}/{target.name}")
    if wrong:
        sys.exit(f"diagram.py: not what is described: {' '.join(wrong)}; run labs/common/diagram.py")


main(sys.argv[1:])
