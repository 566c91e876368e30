#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Two processes and a pipe between them: the feeder, which is root and looks (feed.py), and the web server, which is nobody
and talks to browsers (web.py). labs/watch.sh starts this.

usage: watch.py ADDRESS PORT playground|console EVERY LAB [NAME...]    (LAB: empty if it was not said; NAME: what else we are called)
"""
import ctypes
import os
import resource
import signal
import socket
import sys

import web
from feed import Feeder

NOBODY = 65534
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38


def become_nobody():
    """For good: no groups, no capabilities, no way back by a program with set-user-ID, no files, no children."""
    libc = ctypes.CDLL(None)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.chdir("/")


def start_web(server, page, names):
    """The web server's process. Returns its pid, and our end of the pipe."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        server.socket.close()
        theirs.close()
        return pid, ours
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the feeder; when it ends, we do
        ours.close()
        become_nobody()
        web.serve(server, theirs, page, names)
    finally:
        os._exit(1)


def main(address, port, what, every, lab, *names):
    page = web.read_page(os.path.join(os.path.dirname(os.path.abspath(__file__)), "page"))
    try:
        server = web.bind(address, int(port))
    except OSError as error:
        sys.exit(f"watch.sh: cannot listen on {address} port {port}: {error.strerror}; try --listen {address}:0, which takes a free port")
    host = f"[{address}]" if ":" in address else address
    url = f"http://{host}:{server.server_address[1]}/"
    pid, pipe = start_web(server, page, names)
    feeder = Feeder(pipe, lab or None, what == "console", float(every))
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, feeder.stop)
    print(f"Open {url} in a browser. Ctrl-C ends it.", flush=True)
    feeder.run()
    _, status = os.waitpid(pid, 0)
    if not feeder.is_told_to_stop:
        sys.exit(f"watch.sh: the web server has ended (status {status})")


main(*sys.argv[1:])
