"""The published programs at any size, as `programs.md` spells them.

Sources: lastzero and readers, Abdulla, Aronis, Jonsson, Sagonas, POPL 2014; filesystem and indexer,
Flanagan and Godefroid, POPL 2005; fib_bench, SV-COMP.  Those of them that `tests/data` holds are
the same, step for step.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from lockwright.program.document import Document, Place, read_text

PLACE = Place("stress/benchmarks")

Steps: TypeAlias = list[list[Any]]
Tasks: TypeAlias = dict[str, Steps]

BLOCKS = 26
PROBES = 6
SLOTS = 128
MESSAGES = 4


def lastzero(size: int) -> Tasks:
    """Writers that each copy their neighbour plus one, and a reader looking for the last zero."""
    reader: Steps = []
    for at in range(size, -1, -1):
        reader += [["read", f"a{at}", "v"], ["if", ["==", "v", 0], "end"]]
    tasks = {"reader": [*reader, ["label", "end"]]}
    for at in range(1, size + 1):
        tasks[f"w{at}"] = [["read", f"a{at - 1}", "v"], ["write", f"a{at}", ["+", "v", 1]]]
    return tasks


def readers(size: int) -> Tasks:
    """One writer and many readers of one variable."""
    tasks: Tasks = {"w": [["write", "x", 42]]}
    for at in range(1, size + 1):
        tasks[f"r{at}"] = [["read", "x", "a"]]
    return tasks


def filesystem(size: int) -> Tasks:
    """Tasks that each look for a free block for an inode, under the inode's and blocks' locks."""
    tasks: Tasks = {}
    for at in range(size):
        inode = f"inode{at}"
        steps: Steps = [["lock", f"li{at}"], ["read", inode, "v"], ["if", ["!=", "v", 0], "out"]]
        for probe in range(PROBES):
            block = (2 * at + probe) % BLOCKS
            lock, busy, other = f"lb{block}", f"busy{block}", f"next{probe}"
            steps += [["lock", lock], ["read", busy, "u"], ["if", ["!=", "u", 0], other]]
            steps += [["write", busy, 1], ["write", inode, block + 1], ["unlock", lock]]
            steps += [["goto", "out"], ["label", other], ["unlock", lock]]
        tasks[f"t{at}"] = [*steps, ["label", "out"], ["unlock", f"li{at}"]]
    return tasks


def _probes(task: int, message: int) -> list[int]:
    first = (7 * (11 * message + task)) % SLOTS
    return [(first + probe) % SLOTS for probe in range(4)]


def indexer(size: int) -> Tasks:
    """Tasks that each insert four messages into a hash table, by compare and swap."""
    tasks: Tasks = {}
    for task in range(size):
        steps: Steps = []
        for message in range(MESSAGES):
            done = f"done{message}"
            for slot in _probes(task, message):
                steps += [["cas", f"h{slot}", 0, 11 * message + task, "ok"]]
                steps += [["if", ["!=", "ok", 0], done]]
            steps += [["label", done]]
        tasks[f"t{task}"] = steps
    return tasks


def indexer_lock(size: int) -> Tasks:
    """The same with a lock for each slot of the table."""
    tasks: Tasks = {}
    for task in range(size):
        steps: Steps = []
        for message in range(1, MESSAGES + 1):
            done = f"done{message}"
            for probe, slot in enumerate(_probes(task, message)):
                lock, value, full = f"m{slot}", f"h{slot}", f"full{message}_{probe}"
                steps += [["lock", lock], ["read", value, "v"], ["if", ["!=", "v", 0], full]]
                steps += [["write", value, 11 * message + task], ["unlock", lock]]
                steps += [["goto", done], ["label", full], ["unlock", lock]]
            steps += [["label", done]]
        tasks[f"t{task}"] = steps
    return tasks


def lockinc(size: int) -> Tasks:
    """Tasks that each add one to a variable under one lock."""
    steps: Steps = [["lock", "m"], ["read", "x", "r"], ["write", "x", ["+", "r", 1]]]
    return {f"t{at}": [*steps, ["unlock", "m"]] for at in range(size)}


def fib_bench(size: int) -> Tasks:
    """Two tasks that add two variables to each other in turn, and one that looks."""
    look: Steps = [["read", "x", "p"], ["read", "y", "q"]]
    add = ["+", "p", "q"]
    return {
        "a": [*look, ["write", "x", add]] * size,
        "b": [*look, ["write", "y", add]] * size,
        "main": look,
    }


def philosophers(size: int) -> Tasks:
    """Each takes the fork on the left, then the one on the right, and gives both back."""
    tasks: Tasks = {}
    for at in range(size):
        left, right = f"f{at}", f"f{(at + 1) % size}"
        tasks[f"p{at}"] = [["lock", left], ["lock", right], ["unlock", right], ["unlock", left]]
    return tasks


FAMILIES: dict[str, Callable[[int], Tasks]] = {
    each.__name__: each
    for each in (
        fib_bench,
        filesystem,
        indexer,
        indexer_lock,
        lastzero,
        lockinc,
        philosophers,
        readers,
    )
}


def program_text(family: str, size: int) -> dict[str, Any]:
    """A program as its file would have it: every variable starts as 0, fib_bench's as 1."""
    tasks = FAMILIES[family](size)
    initial = 1 if family == "fib_bench" else 0
    variables: dict[str, int] = {}
    for steps in tasks.values():
        for step in steps:
            if step[0] in ("read", "write", "cas"):
                variables.setdefault(step[1], initial)
    return {"name": f"{family}({size})", "vars": variables, "tasks": tasks}


def document_of(family: str, size: int) -> Document:
    """The same, read."""
    (document,) = read_text(json.dumps(program_text(family, size)), PLACE)
    return document
