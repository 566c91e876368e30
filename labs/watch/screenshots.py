#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes the pictures of the page that the guides show: labs/watch/screenshots/*.png. As root; two minutes.

usage: labs/watch/screenshots.py [NAME...]
"""
import os
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter

repo = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.chdir(repo)
sys.path.insert(0, "tests/lib")
sys.dont_write_bytecode = True
from browser import Browser  # noqa: E402  pylint: disable=wrong-import-position

SHOTS = "labs/watch/screenshots"
SERVED = "document.querySelectorAll('#services tr[data-server]').length"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def on(node, *command):
    return ["scripts/node", "exec", node, *command]


class Page:
    """A playground, labs/watch.sh for it (or for one of its machines, as a console), and a browser."""

    def __init__(self, lab, console_on=None, **environment):
        self.lab = lab
        os.environ.update(LAB=lab, **environment)
        if run("scripts/node", "list"):
            sys.exit(f"screenshots: a playground {lab} is up; end it first: labs/{lab}/teardown.sh")
        run(f"labs/{lab}/setup.sh")
        self.where = on(console_on) if console_on else []
        more = ["--console", "--every", "1"] if console_on else []
        self.watch = subprocess.Popen([*self.where, "labs/watch.sh", "--listen", "127.0.0.1:0", *more], stdout=subprocess.PIPE, text=True)
        self.url = self.watch.stdout.readline().split()[1]

    def __enter__(self):
        self.browser = Browser(self.url, self.where)
        self.browser.wait(20, f"{SERVED} > 1 && document.querySelector('.strip')")
        return self.browser

    def __exit__(self, *_):
        self.browser.close()
        self.watch.terminate()
        run(f"labs/{self.lab}/teardown.sh")
        self.watch.wait()


def set_speed(browser, value):
    browser.get(f"document.getElementById('speed').value = '{value}'; document.getElementById('speed').dispatchEvent(new Event('change'))")


def keep(browser, name):
    file = f"{SHOTS}/{name}.png"
    browser.screenshot(file)
    with open(file, "rb") as png:
        small = in_256_colours(png.read())
    with open(file, "wb") as png:
        png.write(small)
    print(f"{file}: {len(small)} bytes")


# ---- PNG: Chromium's has 16 million colours, and half of its size is for shades between letters and paper ----

def in_256_colours(png):
    width, height, rows = read_png(png)
    counts = Counter(row[i:i + 3] for row in rows for i in range(0, len(row), 3))
    palette = [colour for colour, _ in counts.most_common(256)]
    index = {colour: palette.index(colour) for colour in palette}
    for colour in counts:
        if colour not in index:  # the nearest one that is there
            index[colour] = min(range(len(palette)), key=lambda i: sum((a - b) ** 2 for a, b in zip(palette[i], colour)))
    body = b"".join(b"\0" + bytes(index[row[i:i + 3]] for i in range(0, len(row), 3)) for row in rows)
    return (png[:8] + chunk(b"IHDR", struct.pack("!IIBBBBB", width, height, 8, 3, 0, 0, 0)) +
            chunk(b"PLTE", b"".join(palette)) + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b""))


def chunk(kind, data):
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))


def read_png(png):
    """(width, height, rows of RGB bytes): of 8 bits for each colour, not interlaced, as Chromium writes it."""
    at, data = 8, b""
    while at < len(png):
        length, kind = struct.unpack_from("!I4s", png, at)
        part = png[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, _, colours = struct.unpack_from("!IIBB", part)
        elif kind == b"IDAT":
            data += part
        at += 12 + length
    pixel = {2: 3, 6: 4}[colours]
    data, stride, before, rows = zlib.decompress(data), width * pixel, bytes(width * pixel), []
    for y in range(height):
        kind, *line = data[y * (stride + 1):(y + 1) * (stride + 1)]
        before = unfiltered(kind, bytearray(line), before, pixel)
        rows.append(b"".join(bytes(before[i:i + 3]) for i in range(0, stride, pixel)))
    return width, height, rows


def unfiltered(kind, line, above, pixel):
    """PNG's five filters (RFC 2083, section 6)."""
    for i in range(len(line)):
        left, up, corner = (line[i - pixel], above[i], above[i - pixel]) if i >= pixel else (0, above[i], 0)
        if kind == 4:
            nearest = min((abs(up - corner), 0, left), (abs(left - corner), 1, up), (abs(left + up - 2 * corner), 2, corner))[2]
        else:
            nearest = (0, left, up, (left + up) // 2)[kind]
        line[i] = (line[i] + nearest) & 255
    return line


# ---- the pictures ----

def request():
    """A SYN, wrapped, on its way from the gateway to its backend."""
    with Page("ipip") as browser:
        set_speed(browser, "live")
        for _ in range(3):
            run(*on("client", "curl", "-s", "http://192.168.178.15:8000/"))
            time.sleep(1)
        set_speed(browser, "15")
        browser.get("document.getElementById('packets').replaceChildren(); document.getElementById('hops').replaceChildren()")
        browser.key("r")
        browser.wait(10, "document.querySelector('#hops .now th')?.textContent === '4'")
        time.sleep(0.55)
        keep(browser, "request")


def failed():
    """The health lab: a backend is dead, another one drains; a dark room."""
    with Page("health", MODE="ipip") as browser:
        browser.set_media("prefers-color-scheme", "dark")
        run(*on("backend-02", "bash", "-c", "kill $(pgrep -f '[s]erver.py 8000')"))
        run(*on("lb", "scripts/lb", "backend", "set", "tcp", "192.168.178.15:8000", "172.16.0.12", "weight", "0"))
        browser.wait(20, "document.querySelector('tr.failed') && document.querySelector('tr.drains')")
        time.sleep(2)
        browser.key("r")
        browser.wait(10, "document.querySelector('#hops .now th')?.textContent === '2' && document.querySelector('#hops .title').textContent.includes('SYN')")
        browser.wait(10, "document.querySelectorAll('#hops .earlier').length > 0")
        time.sleep(0.2)
        keep(browser, "failed")


def console():
    """The console, on the load balancer of the health lab."""
    with Page("health", console_on="lb", MODE="ipip") as browser:
        subprocess.Popen(on("client", "bash", "-c", "while sleep 0.02; do curl -s -o /dev/null http://192.168.178.15:8000/; done"))
        time.sleep(3)
        run(*on("backend-02", "bash", "-c", "kill $(pgrep -f '[s]erver.py 8000')"))
        browser.wait(20, "document.querySelector('tr.failed') && document.querySelector('#log .bad')")
        time.sleep(4)
        keep(browser, "console")


if __name__ == "__main__":
    run("scripts/deps", "browser")
    os.makedirs(SHOTS, exist_ok=True)
    for name in sys.argv[1:] or ["request", "failed", "console"]:
        {"request": request, "failed": failed, "console": console}[name]()
