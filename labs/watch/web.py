# SPDX-License-Identifier: GPL-2.0-only
"""The web server: the half that is nobody. It has a pipe to the feeder, its socket, and the page's files in memory: it
opens no file, starts no process, and can change nothing.

GET only: the page; /events, a stream of messages (server-sent events); /look/NAME, for the details of a machine, which come as such
a message. In a playground POST /request, too, which lets
the client send one request. Strangers' pages cannot use it: no CORS, a header that forms cannot send, and a Host that
must be an address or localhost (or somebody's DNS could call us by a name of theirs).
"""
import http.server
import ipaddress
import json
import os
import queue
import socket
import socketserver
import threading
from collections import deque

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
                               "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
}
VIEWERS = 20  # at the same time
WAITING = 400  # messages that a slow browser may be behind; then it has to begin again
FRAMES = 300  # the last ones, for a browser that comes later


def read_page(folder):
    """{"/style.css": (type, bytes)}: all that will ever be sent as a file."""
    files = {}
    for name in sorted(os.listdir(folder)):
        kind = TYPES.get(os.path.splitext(name)[1])
        if kind:
            with open(os.path.join(folder, name), "rb") as file:
                files["/" + name] = (kind, file.read())
    files["/"] = files["/index.html"]
    return files


class Hub:
    """What is known now, for a browser that has just come; and a queue for each of them."""

    def __init__(self, pipe):
        self.pipe, self.lock = pipe, threading.Lock()
        self.viewers, self.latest = [], {}
        self.frames, self.logs = deque(maxlen=FRAMES), {}
        self.console, self.machines = True, set()  # until we know

    def listen(self):
        """Reads the feeder's lines. When there are no more, everything ends."""
        with self.pipe.makefile("rb") as lines:
            for line in lines:
                self.take(line.strip())
        os._exit(0)  # not a single thread has anything left to do

    def take(self, line):
        message = json.loads(line)
        kind = message["type"]
        with self.lock:
            if kind == "world":
                self.console = message["console"]
                here = self.machines = {machine["name"] for machine in message["machines"]}
                self.latest = {key: line for key, line in self.latest.items() if key[1] in here}
                self.logs = {name: lines for name, lines in self.logs.items() if name in here}
                if not message["up"]:
                    self.frames.clear()
            if kind == "frames":
                self.frames.extend(message["frames"])
            elif kind == "log":
                self.logs.setdefault(message["machine"], deque(maxlen=100)).extend(message["lines"])
            else:
                self.latest[kind, message.get("machine")] = line
            for viewer in list(self.viewers):
                self.pass_on(viewer, line)

    def pass_on(self, viewer, line):
        try:
            viewer.put_nowait(line)
        except queue.Full:  # the browser comes again, and gets what is known then
            self.viewers.remove(viewer)
            viewer.overrun = True

    def join(self):
        """A queue with what is known; None if there are too many of them."""
        viewer = queue.Queue(maxsize=WAITING)
        viewer.overrun = False
        with self.lock:
            if len(self.viewers) >= VIEWERS:
                return None
            first = [self.latest[key] for key in self.latest if key[0] == "world"]
            rest = [self.latest[key] for key in self.latest if key[0] not in ("world", "answer")]
            logs = [json.dumps({"type": "log", "machine": name, "lines": list(lines)}).encode() for name, lines in self.logs.items()]
            past = [json.dumps({"type": "past", "frames": list(self.frames)}).encode()]
            viewer.begin = first + rest + logs + past
            self.viewers.append(viewer)
            self.count()
        return viewer

    def leave(self, viewer):
        with self.lock:
            if viewer in self.viewers:
                self.viewers.remove(viewer)
            self.count()

    def count(self):
        self.say(f"viewers {len(self.viewers)}")

    def say(self, words):
        self.pipe.sendall(words.encode() + b"\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "xdp-lb", ""
    timeout = 10  # for a browser that says nothing
    page, hub, port, names = {}, None, 0, ()

    def log_message(self, *_):
        """Who reads a page is nobody's business."""

    def is_our_name(self):
        """Whether Host is an address or localhost, with our port, or one of --name: another name is of somebody's DNS."""
        if self.headers.get("Host") in self.names:
            return True
        host, _, port = (self.headers.get("Host") or "").rpartition(":")
        if not host or port != str(self.port):
            return False
        try:
            return host == "localhost" or bool(ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            return False

    def do_GET(self):
        if not self.is_our_name():
            self.refuse(421, "call this page by the address that watch.sh has printed")
        elif self.path == "/events":
            self.events()
        elif self.path.startswith("/look/"):
            self.look(self.path.removeprefix("/look/"))
        elif self.path in self.page:
            kind, body = self.page[self.path]
            self.answer(200, body, kind)
        else:
            self.refuse(404, "there is no such page; see /")

    def do_POST(self):
        self.close_connection = True  # nobody reads a body
        if not self.is_our_name() or self.hub.console or self.path != "/request":
            self.do_other()
        elif self.is_our_page():
            self.hub.say("request")
            self.answer(202, b"the client sends a request\n")

    def is_our_page(self):
        """No other page can send this header: a browser would ask us first, and we allow nothing. If it is not, says so."""
        origin, host = self.headers.get("Origin"), self.headers.get("Host")
        if self.headers.get("X-Xdp-Lb") and (not origin or origin in (f"http://{host}", f"https://{host}")):
            return True
        self.refuse(403, "only the page itself may ask for that")
        return False

    def look(self, name):
        if name not in self.hub.machines:
            self.refuse(404, "there is no such machine")
        elif self.is_our_page():
            self.hub.say(f"look {name}")
            self.answer(202, b"it is looked at\n")

    def do_other(self):
        self.refuse(405, "this page only shows; nothing can be changed here")

    do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = do_other

    def refuse(self, status, text):
        self.close_connection = True
        self.answer(status, (text + "\n").encode())

    def answer(self, status, body, kind="text/plain"):
        self.begin(status, kind, {"Content-Length": str(len(body)), **({"Allow": "GET"} if status == 405 else {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def begin(self, status, kind, more):
        self.send_response(status)
        for name, value in {"Content-Type": f"{kind}; charset=utf-8", **HEADERS, **more}.items():
            self.send_header(name, value)
        self.end_headers()

    def events(self):
        viewer = self.hub.join()
        self.close_connection = True
        if viewer is None:
            self.refuse(503, "too many browsers are watching")
            return
        try:
            self.begin(200, "text/event-stream", {"Connection": "close"})
            for line in viewer.begin:
                self.message(line)
            while not viewer.overrun:
                try:
                    self.message(viewer.get(timeout=5))
                except queue.Empty:
                    self.wfile.write(b":\n\n")  # is the browser still there?
        except OSError:
            pass
        finally:
            self.hub.leave(viewer)

    def message(self, line):
        self.wfile.write(b"data: " + line + b"\n\n")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    places = threading.BoundedSemaphore(VIEWERS + 20)  # for threads: each of them has a connection

    def handle_error(self, request, client_address):
        """A browser that goes away in the middle is no error."""

    def process_request(self, request, client_address):
        if not self.places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.places.release()


def bind(address, port):
    """A server that listens already. Port 0: a free one."""
    Server.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return Server((address, port), Handler)


def serve(server, pipe, page, names):
    Handler.page, Handler.hub, Handler.port, Handler.names = page, Hub(pipe), server.server_address[1], names
    threading.Thread(target=Handler.hub.listen, daemon=True).start()
    server.serve_forever()
