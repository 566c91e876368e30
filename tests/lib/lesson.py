#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""lesson: does what a lesson says, and compares what comes with what the lesson shows.

usage: lesson.py README.md [s|FROM|TO|] [SECTION...]
       lesson.py --quotes README.md FILE     whether C that is quoted in section N stands in FILE, in which %s is N

Sections are beginnings of headings: "1." or "Is everything". FROM in a command is replaced by TO before it runs, and TO in what it
prints by FROM.

In blocks of code, lines that begin with "# " are commands for this host. Below "# scripts/node shell NAME", lines that begin
with "NAME# " are commands on that machine. What stands below a command is what it prints:

- Numbers, times, MAC addresses, LAB=NAME before a script of the labs, and spaces may differ, and so may which backend it is.
  Addresses may not, and 0 is 0. (In a folder without lab.env nothing differs by chance, so there everything is compared.)
- A line "..." stands for any lines; "..." in a line for anything.
- Nothing below a command: it may print what it likes, but it must succeed.

A block without a command, but with lines like "lb# ...", must be in what scripts of the lab have printed. A comment in the line
above a block says what is different in it:

  <!-- lesson: of labs/NAME -->   at the top: whose lab.env it is about, if not that of its own folder
  <!-- lesson: exact -->          backends and numbers are compared, too
  <!-- lesson: may fail -->       commands may have another exit status than 0
  <!-- lesson: while COMMAND -->  the commands run in one terminal, while COMMAND runs in another one, until all of what is shown
                                  has come. They are ended by Ctrl-C, then
Exit status: 0 if the lesson tells the truth, 1 if not, 2 usage.
"""
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time

TIMEOUT = 120
SECONDS = int(os.environ.get("LESSON_SECONDS", 20))  # for what comes while another command runs


class Block:
    def __init__(self, language, heading, how):
        self.language, self.heading, self.how, self.lines = language, heading, how, []


def blocks(path):
    """The blocks of code of a guide, with the heading above them and what the comment above them says."""
    heading, how, block = "", "", None
    for number, line in enumerate(open(path), 1):
        line = line.rstrip("\n")
        if line.startswith("```"):
            if block:
                yield block
                block, how = None, ""
            else:
                block = Block(line[3:], heading, how)
        elif block:
            block.lines.append((number, line))
        elif line.startswith("## "):
            heading = line[3:]
        elif match := re.fullmatch(r"<!-- lesson: (.*) -->", line):
            how = match[1]
        elif line:
            how = ""


def backends_of(folder):
    """The addresses of the lab's backends, as lab.env has them."""
    words = subprocess.run(["bash", "-c", '. "$1/lab.env"; echo "${BACKENDS[@]}" "${BACKENDS6[@]-}"', "-", folder],
                           capture_output=True, text=True, check=False).stdout.split()
    return sorted(words, key=len, reverse=True)


def plain(line, backends, exact):
    """What of a line is compared."""
    line = re.sub(r"\b([0-9a-f]{2}:){5}[0-9a-f]{2}\b", "MAC", line)
    line = re.sub(r"\b\d\d:\d\d:\d\d\.\d+", "TIME", line)
    line = re.sub(r"\bLAB=[a-z0-9-]+ (?=labs/)", "", line)  # the playground's name
    if exact:
        return " ".join(line.split())
    for address in backends:
        line = re.sub(rf"(?<![\w.:]){re.escape(address)}(?![\w.{':' * (':' in address)}])", "BACKEND", line)
    line = re.sub(r"(\d+\.\d+\.\d+\.\d+|BACKEND)\.\d+(?=[ :])", r"\1.N", line)  # as tcpdump writes ports
    line = re.sub(r"backend-0\d", "backend-N", line)
    line = re.sub(r"(?<![\w.:])[0-9a-f]{4}(?= [0-9a-f]{4}\b)", "N", line)  # bytes of a packet
    line = re.sub(r"\b[0-9a-f]{16}\b", "TAG", line)  # of a program
    # A number, but not a part of an address or a name
    line = re.sub(r"(?<![\w.:-])(0x)?\d+(\.\d+)?(?=(?:sec|ms)?(?![\w.]*[.:]\d|\w|::))", lambda hit: "0" if hit[0] == "0" else "N", line)
    line = re.sub(r"(?<=BACKEND:)\d+|(?<=\.\d:)\d+|(?<=\.\d\d:)\d+|(?<=\]:)\d+", "N", line)
    return " ".join(line.split())


def match(shown, came):
    """None if what came is what is shown, or else the first line number that is not there."""
    at, free = 0, False
    for number, line in shown:
        if line == "...":
            free = True
            continue
        end = len(came) if free else min(at + 1, len(came))
        pattern = re.compile(re.escape(line).replace(r"\.\.\.", ".*"))
        hits = [i for i in range(at, end) if pattern.fullmatch(came[i])]
        if not hits:
            return number
        at, free = hits[0] + 1, False
    return None if free or at == len(came) else shown[-1][0] + 1


class Lesson:
    def __init__(self, path, before="", after=""):
        with open(path, encoding="utf-8") as file:
            of = re.search(r"^<!-- lesson: of (labs/\S+) -->$", file.read(), re.MULTILINE)
        folder = of[1] if of else os.path.dirname(path)
        self.path, self.backends, self.before, self.after = path, backends_of(folder), before, after
        self.exact = not os.path.exists(os.path.join(folder, "lab.env"))
        self.scripts_said, self.wrong = [], 0

    def complain(self, number, text, came=()):
        self.wrong += 1
        print(f"{self.path}:{number}: {text}")
        for line in came:
            print(f"    {line}")

    def compare(self, shown, came, exact):
        def tidy(line):
            return plain(line, self.backends, exact)
        return match([(n, tidy(line)) for n, line in shown], [tidy(line) for line in came])

    def start(self, command, out):
        return subprocess.Popen(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                start_new_session=True)

    def run(self, number, command, shown, how):
        """One command, and what is shown below it."""
        exact = self.exact or "exact" in how
        with tempfile.TemporaryFile("w+") as out:
            process = self.start(command.replace(self.before, self.after) if self.before else command, out)
            try:
                status = process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return self.complain(number, f"does not end: {command}")
            out.seek(0)
            came = out.read().replace(self.after, self.before).splitlines() if self.before else out.read().splitlines()
        if re.match(r"([A-Z]+=\S+ )*labs/\S+\.sh", command):
            self.scripts_said += came
        for lines in (came, shown):
            while lines and not (lines[-1][1] if lines is shown else lines[-1]):
                lines.pop()
        if status and "may fail" not in how and not shown:
            return self.complain(number, f"exit status {status}: {command}", came)
        bad = self.compare(shown, came, exact) if shown else None
        if bad:
            return self.complain(bad, f"is not what came of: {command}", came)
        print(f"as the lesson says: {command}")

    def run_while(self, number, command, shown, other):
        """A command that does not end by itself, while another one runs again and again."""
        terminal, out = pty.openpty()  # so that it prints each line at once
        os.set_blocking(terminal, False)
        process = self.start(command, out)
        os.close(out)
        anywhere = [(0, "...")] + [pair for line in shown for pair in (line, (line[0], "..."))]
        end, bad, text = time.monotonic() + SECONDS, number, b""
        while bad and time.monotonic() < end:
            subprocess.run(["bash", "-c", other], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=TIMEOUT, check=False)
            time.sleep(0.3)
            try:
                text += os.read(terminal, 1 << 20)
            except (BlockingIOError, OSError):
                pass  # nothing has come, or it has ended
            came = text.decode(errors="replace").splitlines()
            bad = self.compare(anywhere, came, False)
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        os.close(terminal)
        if bad:
            return self.complain(bad, f"has not come while this ran: {command}", came)
        print(f"as the lesson says: {command} (while: {other})")

    def commands(self, block):
        """Splits a block into (line number, command, lines shown below it)."""
        node, out = None, []
        for number, line in block.lines:
            if line.startswith("# scripts/node shell "):
                node = line.split()[-1]
            elif line.startswith("# "):
                node = None
                out.append((number, line[2:], []))
            elif node and line.startswith(f"{node}# "):
                if line != f"{node}# exit":
                    out.append((number, f"scripts/node exec {node} bash -c {quoted(line.split('# ', 1)[1])}", []))
            elif out:
                out[-1][2].append((number, line))
        return out

    def do(self, block):
        commands = self.commands(block)
        if not commands:
            for number, line in block.lines:
                if re.match(r"[a-z]+(-\d\d)?# ", line) and line not in self.scripts_said:
                    self.complain(number, "is not among the commands that scripts of the lab have printed")
        for number, command, shown in commands:
            if block.how.startswith("while "):
                self.run_while(number, command, shown, block.how[6:])
            else:
                self.run(number, command, shown, block.how)


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def quotes(path, files):
    """Compares the blocks of C."""
    wrong = 0
    for block in blocks(path):
        if block.language == "c":
            section, lines = block.heading.split(".")[0], [line for _, line in block.lines]
            with open(files.replace("%s", section)) as file:
                stands = "\n".join(lines) in file.read()
            wrong += not stands
            print("\n".join(["quoted right: " if stands else f"not in the program of step {section}: ", *lines]))
    return 1 if wrong else 0


def main(path=None, *words):
    if path == "--quotes" and len(words) == 2:
        return quotes(*words)
    if path is None or path.startswith("-"):
        print("usage: lesson.py README.md [s|FROM|TO|] [SECTION...] | --quotes README.md FILE", file=sys.stderr)
        return 2
    swap, sections = [word for word in words if word.startswith("s|")], [word for word in words if not word.startswith("s|")]
    lesson, done = Lesson(path, *(swap[0].split("|")[1:3] if swap else ())), 0
    for block in blocks(path):
        if block.language:
            continue
        if not sections or any(block.heading.startswith(section) for section in sections):
            lesson.do(block)
            done += len(lesson.commands(block))
    print(f"{done} commands, {lesson.wrong} lines are wrong")
    return 1 if lesson.wrong or not done else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
