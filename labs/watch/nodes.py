# SPDX-License-Identifier: GPL-2.0-only
"""The machines of a playground: which are there, and what is plugged into what. See scripts/node, whose nodes they are."""
import ctypes
import glob
import json
import os
import re
import subprocess
import threading

TAG = re.compile(r"xdp-lb-node:([a-z0-9-]+):([a-z0-9-]+)")
# setsid, so that a Ctrl-C of the terminal is for us alone: we end them ourselves.
running = set()
running_lock = threading.Lock()


def find_nodes(lab):
    """{name: pid of its first process}, and the names of all labs that are up. lab None: the first one."""
    labs = {}
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
            tag = next((match for match in map(TAG.fullmatch, words) if match), None)
            if not tag:
                continue
            with open(path.replace("cmdline", "comm"), encoding="ascii") as file:
                if file.read().strip() == "unshare":  # which only waits for the first process
                    continue
        except OSError:
            continue  # it has just ended
        labs.setdefault(tag[1], {}).setdefault(tag[2], int(path.split("/")[2]))
    lab = lab or min(labs, default=None)
    return lab, labs.get(lab, {}), sorted(labs)


def run(command, timeout=15):
    """(status, what it printed, with its errors). Everything that still runs ends when we end."""
    try:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              start_new_session=True, text=True, errors="replace") as process:
            with running_lock:
                running.add(process)
            try:
                out, error = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                kill(process)
                out, error = process.communicate()
            finally:
                with running_lock:
                    running.discard(process)
            return process.returncode, out, error
    except OSError as error:
        return 127, "", str(error)


def kill(process):
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        pass


def kill_all():
    with running_lock:
        for process in running:
            kill(process)


def inside(pid, command):
    """The command as it is run in a node; in this machine if pid is None."""
    if pid is None:
        return command
    return ["nsenter", "--target", str(pid), "--net", "--mount", "--uts", "--pid", "--",
            "env", f"--chdir={os.getcwd()}"] + command


def root_of(pid):
    return "" if pid is None else f"/proc/{pid}/root"


def in_namespace(pid, function):
    """Calls a function in the network namespace of a node. A thread of its own goes there, and ends there."""
    result = []

    def there():
        with open(f"/proc/{pid}/ns/net", "rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        result.append(function())

    def quietly():
        try:
            there()
        except OSError:
            pass  # the node has just ended

    thread = threading.Thread(target=quietly)
    thread.start()
    thread.join()
    return result[0] if result else None


def ip_json(pid, *words):
    try:
        return json.loads(run(inside(pid, ["ip", "-j", *words]))[1] or "[]")
    except ValueError:
        return []


def devices(pid):
    """[{name, mac, addresses, up}] of a machine."""
    return [{"name": link["ifname"], "mac": link.get("address", ""), "up": "UP" in link["flags"],
             "addresses": [f"{info['local']}/{info['prefixlen']}" for info in link.get("addr_info", [])
                           if info.get("scope") == "global" and "local" in info]}
            for link in ip_json(pid, "addr") if link.get("flags")]


def cables(switch):
    """{"lb.eth0": "lan"}: which cables are plugged into the switch, and into which network there."""
    return {link["ifname"]: link["master"] for link in ip_json(switch, "link")
            if "." in link["ifname"] and link.get("master")}


def role(name):
    return "lb" if re.fullmatch(r"lb(-\d\d)?", name) else re.sub(r"-\d\d$", "", name)
