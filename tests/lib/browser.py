#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A headless Chromium that is told what to do, by its DevTools protocol over a pipe: no driver, no port, no module.

usage: browser.py serve REQUESTS ANSWERS URL    (two FIFOs; one line and one answer at a time)

A line is a verb and what follows it, up to the end:
    get EXPRESSION              JavaScript in the page; the answer is its value
    wait SECONDS EXPRESSION     until it is true; fails, and says what it is, if it never is
    key NAME                    a key is pressed and let go: Tab, Enter, Escape, ArrowRight, r ...
    media NAME VALUE            prefers-color-scheme dark, prefers-reduced-motion reduce; none: as it was
    size WIDTH HEIGHT           of the window
    screenshot FILE             PNG
    goto URL                    another page
    errors                      what the console has said of errors since the beginning, a line each
The answer begins with "ok" or "failed" on a line of its own. It must reach loopback only: everything else is mapped to
nowhere, and Chromium's own services are off.
"""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
           "--disable-default-apps", "--no-proxy-server", "--hide-scrollbars", "--mute-audio", "--remote-debugging-pipe",
           "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE ::1",
           "--disable-features=Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider", "--force-device-scale-factor=1"]
CODES = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


class Failed(Exception):
    pass


class Browser:
    def __init__(self, url, where=()):
        """where: words in front of the command, like those of scripts/node exec."""
        self.profile = tempfile.mkdtemp(prefix="xdp-lb-browser-")
        command, answer = os.pipe(), os.pipe()

        def descriptors():  # Chromium reads from 3 and writes to 4
            high = [os.dup(command[0]), os.dup(answer[1])]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        program = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium"
        self.process = subprocess.Popen([*where, program, *OPTIONS, f"--user-data-dir={self.profile}", "about:blank"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        close_fds=False, preexec_fn=descriptors, start_new_session=True,
                                        env={**os.environ, "HOME": self.profile})
        os.close(command[0])
        os.close(answer[1])
        self.to, self.back, self.buffer = command[1], answer[0], b""
        self.number, self.session, self.errors, self.media = 0, None, [], {}
        target = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.size(1400, 900)
        self.goto(url)

    def close(self):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()
        for _ in range(50):  # its children are still writing
            shutil.rmtree(self.profile, ignore_errors=True)
            if not os.path.exists(self.profile):
                break
            time.sleep(0.1)

    # ---- the protocol ----

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            message = self.receive()
            if message.get("id") == self.number:
                if "error" in message:
                    raise Failed(f"{method}: {message['error']['message']}")
                return message["result"]

    def receive(self):
        while b"\0" not in self.buffer:
            data = os.read(self.back, 1 << 20)
            if not data:
                raise Failed("the browser has ended")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(line)
        self.note(message.get("method"), message.get("params", {}))
        return message

    def note(self, method, said):
        if method == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(one.get("value", one.get("description"))) for one in said["args"]))
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")

    # ---- the verbs ----

    def get(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failed(answer["exceptionDetails"].get("exception", {}).get("description", "exception"))
        value = answer["result"].get("value")
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def wait(self, seconds, expression):
        end = time.monotonic() + float(seconds)
        while True:
            value = self.get(expression)
            if value not in ("", "false", "null", "0"):
                return value
            if time.monotonic() > end:
                raise Failed(f"after {seconds} s: {expression} is {value!r}")
            time.sleep(0.1)

    def key(self, name):
        name = " " if name == "Space" else name
        code = CODES.get(name, ord(name[0].upper()))
        text = "\r" if name == "Enter" else name if len(name) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name if len(name) > 1 else f"Key{name.upper()}",
                      windowsVirtualKeyCode=code, text=text if kind == "keyDown" else "")

    def set_media(self, name, value):
        self.media[name] = "" if value == "none" else value
        self.call("Emulation.setEmulatedMedia", features=[{"name": key, "value": value} for key, value in self.media.items()])

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=int(width), height=int(height), deviceScaleFactor=1, mobile=False)

    def screenshot(self, file):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(file, "wb") as out:
            out.write(base64.b64decode(data))

    def goto(self, url):
        self.call("Page.navigate", url=url)
        self.wait(10, "document.readyState === 'complete' && location.href !== 'about:blank'")

    def do(self, line):
        verb, _, rest = line.partition(" ")
        if verb == "wait":
            return self.wait(*rest.split(" ", 1))
        if verb == "errors":
            return "\n".join(self.errors)
        verbs = {"get": self.get, "key": self.key, "screenshot": self.screenshot, "goto": self.goto}
        if verb in verbs:
            return verbs[verb](rest) or ""
        return {"media": self.set_media, "size": self.size}[verb](*rest.split()) or ""


def serve(requests, answers, url):
    browser = Browser(url)
    try:
        while True:
            with open(requests, encoding="utf-8") as lines:
                line = lines.read().strip("\n")
            if line == "end":
                return
            try:
                answer = "ok\n" + browser.do(line)
            except (Failed, KeyError, TypeError, ValueError) as error:
                answer = f"failed\n{error}"
            with open(answers, "w", encoding="utf-8") as out:
                out.write(answer + "\n")
    finally:
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] != "serve":
        sys.exit(__doc__)
    serve(*sys.argv[2:])
