"""Races on the kernel that runs this: two processes with one table of files, on two processors.

The second process is made by clone(CLONE_FILES), so that the interpreter's lock is no third party:
both meet in memory that they share, wait a few turns of a loop each, and make their calls.
A group is used again and again, as long as it is open: its watches are removed, its events read,
and its watch descriptors counted anew.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import platform
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from stress.conformance.inotify_calls import GROUPS, Result
from stress.conformance.inotify_kernel import Kernel
from stress.conformance.inotify_races import Race, outcome_text

SYS_CLONE = {"x86_64": 56, "aarch64": 220}
CLONE_FILES = 0x400
SIZE = 1 << 14
TOLD, READY, GO, DONE = range(4)
TEXT = {TOLD: SIZE // 4, DONE: SIZE // 2}
TURNS = (1, 60, 300, 1500)
"""Each process waits up to one of these numbers of turns of a loop, before its calls."""
PER_ARENA = 1000
PROCESSORS = frozenset(os.sched_getaffinity(0))
PATIENCE = 2000
"""After so many looks a process that waits gives up its processor between them."""


class _Shared:
    """Memory of two processes: a counter for each stage of a round, and a text for two of them."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, SIZE)
        self.counters = memoryview(self.memory).cast("I")

    def say(self, stage: int, nth: int, what: object) -> None:
        at, text = TEXT[stage], json.dumps(what).encode()
        self.counters[at // 4] = len(text)
        self.memory[at + 4 : at + 4 + len(text)] = text
        self.counters[stage] = nth

    def said(self, stage: int) -> Any:  # noqa: ANN401  # as JSON has it
        at = TEXT[stage]
        return json.loads(self.memory[at + 4 : at + 4 + self.counters[at // 4]])

    def wait(self, stage: int, nth: int, alive: Callable[[], bool]) -> None:
        looks = 0
        while self.counters[stage] != nth:
            looks += 1
            if looks > PATIENCE:
                if not alive():
                    raise RuntimeError("the other process has ended")
                time.sleep(0)


def _turns(random: Random) -> int:
    return random.randrange(random.choice(TURNS))


def _stay_on(nth: int) -> None:
    """Each process has a processor of its own."""
    processors = sorted(PROCESSORS)
    os.sched_setaffinity(0, {processors[nth % len(processors)]})


def _perform(kernel: Kernel, calls: tuple[str, ...], turns: int) -> list[Result]:
    for _ in range(turns):
        pass
    return [kernel.do(call) for call in calls]


def _second(shared: _Shared, kernel: Kernel, race: Race) -> None:
    """The second process, until the first one has ended."""
    random, parent, nth = Random(f"other {race.name}"), os.getppid(), 0
    _stay_on(1)
    while True:
        nth += 1
        shared.wait(TOLD, nth, lambda: os.getppid() == parent)
        kernel.bases = shared.said(TOLD)
        turns = _turns(random)
        shared.counters[READY] = nth
        shared.wait(GO, nth, lambda: os.getppid() == parent)
        shared.say(DONE, nth, _perform(kernel, race.other, turns))


def _clone(libc: ctypes.CDLL) -> int:
    """fork() with the table of files shared."""
    number = SYS_CLONE.get(platform.machine())
    if number is None:
        raise RuntimeError(f"races need a processor of {', '.join(SYS_CLONE)}")
    zero = ctypes.c_long(0)
    pid: int = libc.syscall(
        ctypes.c_long(number), ctypes.c_long(CLONE_FILES | signal.SIGCHLD), zero, zero, zero, zero
    )
    if pid < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return pid


class Arena:
    """Where a race is done over and over."""

    def __init__(self, directory: Path, race: Race) -> None:
        crowd = tuple(f"c{nth}" for nth in range(race.crowd))
        self.race = race
        self.kernel = Kernel(directory, (*crowd, *GROUPS))
        self.random = Random(f"one {race.name}")
        self.shared = _Shared()
        for name in crowd:
            self.kernel.add(name, "f1", "DELETE_SELF")
        self.nth = 0
        self.pid = _clone(self.kernel.libc)
        if not self.pid:
            try:
                _second(self.shared, self.kernel, race)
            finally:
                os._exit(1)
        _stay_on(0)

    def _alive(self) -> bool:
        return os.waitpid(self.pid, os.WNOHANG) == (0, 0)

    def round(self) -> str:
        """Once; the outcome."""
        kernel, race, shared = self.kernel, self.race, self.shared
        self._again()
        for call in race.before:
            kernel.do(call)
        self.nth += 1
        shared.say(TOLD, self.nth, kernel.bases)
        turns = _turns(self.random)
        shared.wait(READY, self.nth, self._alive)
        shared.counters[GO] = self.nth
        one = _perform(kernel, race.one, turns)
        shared.wait(DONE, self.nth, self._alive)
        other: list[Result] = shared.said(DONE)
        self._count(other)
        results = [one, other, [kernel.do(call) for call in race.then]]
        return outcome_text(results)

    def _count(self, gave: list[Result]) -> None:
        """The watch descriptors that the second process was given."""
        last = self.kernel.last
        for call, result in zip(self.race.other, gave, strict=True):
            op, name, *_ = call.split()
            if op == "add" and isinstance(result, int):
                last[name] = max(last[name], self.kernel.bases[name] + result)

    def _again(self) -> None:
        """A fresh start."""
        kernel = self.kernel
        for file in sorted(kernel.held):
            kernel.do(f"release {file}")
        for name in GROUPS:
            watches = kernel.watches(name)
            if isinstance(watches, str):
                kernel.init(name)
                continue
            for watch in watches:
                kernel.do(f"rm {name} {watch.split()[0]}")
            kernel.do(f"told {name}")
            kernel.bases[name] = kernel.last[name]
        if not (kernel.directory / "f1").exists():
            kernel.inodes.clear()
            kernel.create("f1")
            kernel.create("f2")

    def ended(self) -> None:
        """No second process any more, and no descriptors."""
        if self._alive():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.kernel.ended()
        os.sched_setaffinity(0, PROCESSORS)


def race_on_kernel(race: Race, rounds: int) -> Counter[str]:
    """The outcomes of so many rounds, and how often each was there.

    Every now and then in another arena: where things lie in memory decides who comes first in a
    list.
    """
    seen: Counter[str] = Counter()
    while left := rounds - seen.total():
        with tempfile.TemporaryDirectory() as directory:
            arena = Arena(Path(directory), race)
            try:
                seen.update(arena.round() for _ in range(min(left, PER_ARENA)))
            finally:
                arena.ended()
    return seen
