#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The servers that the tests start on backends, and their client.

usage: server.py http ADDRESS PORT       GET /bytes/N[?ANYTHING]: N bytes, always the same; PUT: their SHA-256
       server.py udp ADDRESS PORT        answers each datagram with "NAME:" and the datagram
       server.py https ADDRESS PORT PEM  the same as http, with this certificate and key
       server.py dns ADDRESS PORT        knows the address of "known.example" and of nobody else
       server.py ask-udp ADDRESS PORT N  sends N datagrams from N ports, and prints as JSON how many
                                         answers came from each backend, and from other addresses
"""
import hashlib
import json
import random
import socket
import ssl
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = socket.gethostname()


def blocks(total):
    """So many bytes, always the same, in blocks."""
    source = random.Random(total)
    while total > 0:
        block = source.randbytes(1 << 20)[:total]
        yield block
        total -= len(block)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        total = int(self.path.partition("?")[0].rsplit("/", 1)[1])
        self.send_response(200)
        self.send_header("Content-Length", str(total))
        self.send_header("X-Backend", NAME)
        self.end_headers()
        for block in blocks(total):
            self.wfile.write(block)

    def do_PUT(self):
        total, digest = int(self.headers["Content-Length"]), hashlib.sha256()
        while total > 0:
            block = self.rfile.read(min(total, 1 << 16))
            if not block:
                break
            digest.update(block)
            total -= len(block)
        answer = digest.hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def web_server(address, port):
    class Server(ThreadingHTTPServer):
        address_family = family(address)

    return Server((address, int(port)), Handler)


def http(address, port):
    web_server(address, port).serve_forever()


def datagrams(address, port):
    """A UDP socket that is bound."""
    server = socket.socket(family(address), socket.SOCK_DGRAM)
    server.bind((address, int(port)))
    return server


def udp(address, port):
    server = datagrams(address, port)
    while True:
        datagram, client = server.recvfrom(65536)
        server.sendto(NAME.encode() + b":" + datagram, client)


def https(address, port, pem):
    server = web_server(address, port)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def dns(address, port):
    server = datagrams(address, port)
    while True:
        query, client = server.recvfrom(65536)
        known = b"\x05known\x07example\x00" in query
        question = query[12:query.index(b"\x00", 12) + 5]
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x01\x02\x03" if known else b""
        flags = 0x8580 if known else 0x8583  # NXDOMAIN
        server.sendto(query[:2] + struct.pack("!5H", flags, 1, int(known), 0, 0) + question + record, client)


def ask_udp(address, port, count):
    answers = {}
    for i in range(int(count)):
        # Bound, not connected: an answer from a wrong address shall be seen, not filtered away.
        with socket.socket(family(address), socket.SOCK_DGRAM) as client:
            client.settimeout(2)
            name = "none"
            for _ in range(3):  # a busy machine may lose a datagram
                client.sendto(str(i).encode(), (address, int(port)))
                try:
                    answer, source = client.recvfrom(65536)
                except socket.timeout:
                    continue
                name, _, text = answer.decode().partition(":")
                if source[:2] != (address, int(port)) or text != str(i):
                    name = f"wrong: {source} {answer}"
                break
            answers[name] = answers.get(name, 0) + 1
    print(json.dumps(answers))


if __name__ == "__main__":
    {"http": http, "https": https, "udp": udp, "dns": dns, "ask-udp": ask_udp}[sys.argv[1]](*sys.argv[2:])
