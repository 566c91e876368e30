#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the commands of a lesson, and compares what they print with what the lesson says.

usage: lesson.py README.md [s|FROM|TO|]
       lesson.py --quotes README.md FILE    whether C that is quoted in section N stands in FILE, in which %s is N

In a block of the lesson, a line "# COMMAND" is a command, and the lines behind it are what it prints. A line "..." stands for
any lines, "..." in a line for anything; nothing at all, for whatever is printed. FROM in a command is replaced by TO before it is run, and TO in what it
prints by FROM. Exit status: 0 if all is as the lesson says, 1 if not.
"""
import re
import subprocess
import sys


def blocks(path, language):
    """The blocks of a lesson, each with the number of its section."""
    section, inside = "", None
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("## ") and inside is None:
                section = line[3:].split(".")[0]
            elif line.startswith("```"):
                if inside is None:
                    inside = (line[3:], [])
                else:
                    if inside[0] == language:
                        yield section, inside[1]
                    inside = None
            elif inside is not None:
                inside[1].append(line)


def is_like(got, said):
    """Whether lines are as it is said."""
    pattern = "".join("(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in said)
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in got)) is not None


def run_all(path, before="", after=""):
    good = True
    for _, lines in blocks(path, ""):
        commands = []
        for line in lines:
            if line.startswith("# "):
                commands.append((line[2:], []))
            elif commands:
                commands[-1][1].append(line)
        for command, said in commands:
            done = subprocess.run(["bash", "-c", command.replace(before, after) if before else command], text=True, check=False,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            output = done.stdout.replace(after, before) if before else done.stdout
            got = output.splitlines()
            while said and not said[-1]:
                said.pop()
            if not said and done.returncode == 0 or said and is_like(got, said):
                print(f"as the lesson says: {command}")
            else:
                good = False
                print("\n".join([f"otherwise than the lesson says: {command}", *got, "---- the lesson says", *said]))
    return good


def quotes(path, files):
    good = True
    for section, lines in blocks(path, "c"):
        with open(files.replace("%s", section), encoding="utf-8") as file:
            stands = "\n".join(lines) in file.read()
        good = good and stands
        print("\n".join(["quoted right: " if stands else f"not in the program of step {section}: ", *lines]))
    return good


if sys.argv[1] == "--quotes":
    sys.exit(not quotes(*sys.argv[2:]))
sys.exit(not run_all(sys.argv[1], *(sys.argv[2].split("|")[1:3] if len(sys.argv) > 2 else ())))
