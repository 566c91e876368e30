#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The web server of a backend in the health lab. It can fall ill.

usage: server.py PORT TEXT     answers every request with TEXT; goes to the background as soon as it listens

A connection stays for many requests only if the client asks for that: Connection: keep-alive.
The file /run/xdp-lb/mood says how it is; it may change at any time:
  well     it answers (also if there is no such file)
  500      it answers with HTTP status 500
  stuck    it accepts no connection any more: they wait in the kernel's queue, which is soon full
"""
import os
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FOLDER = "/run/xdp-lb"


def mood():
    try:
        with open(f"{FOLDER}/mood", encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return "well"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one segment
    disable_nagle_algorithm = True

    def do_GET(self):
        answer = f"{TEXT}\n".encode()
        self.send_response(500 if mood() == "500" else 200)
        self.send_header("Content-Length", str(len(answer)))
        if self.headers.get("Connection") != "keep-alive":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """A line of the log: who, what. A request of lb watch is a CHECK."""
        is_check = self.headers.get("User-Agent") == "xdp-lb"
        client = self.client_address[0].removeprefix("::ffff:")  # how a socket of IPv6 has IPv4 clients
        line = f"{client} {'CHECK' if is_check else 'GET'} {self.path}\n"
        os.write(1, line.encode())  # in one piece


class Server(ThreadingHTTPServer):
    """Of every address of both families; of IPv4 alone, if this machine has no IPv6."""
    request_queue_size = 8  # connections that nobody has accepted yet
    timeout = 0.1
    address_family = socket.AF_INET6 if os.path.exists("/proc/sys/net/ipv6") else socket.AF_INET

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, *_):
        """A connection that broke: nothing to say."""


def go_to_the_background(server):
    if os.fork():
        os._exit(0)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(f"{FOLDER}/http.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
    os.dup2(1, 2)
    os.closerange(3, server.fileno())
    os.closerange(server.fileno() + 1, 1024)
    with open(f"{FOLDER}/server.pid", "w", encoding="ascii") as file:
        print(os.getpid(), file=file)


if __name__ == "__main__":
    PORT, TEXT = int(sys.argv[1]), sys.argv[2]
    with Server(("", PORT), Handler) as listener:
        go_to_the_background(listener)
        while True:
            if mood() == "stuck":
                time.sleep(0.05)
            else:
                listener.handle_request()  # accepts one, if one comes within 0.1 s
