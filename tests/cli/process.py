"""The command line as a process, in a project made for the test."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import lockwright

SOURCES = Path(lockwright.__file__).parent.parent

PYPROJECT = """
[tool.lockwright]
scenarios = ["stress"]
"""

SCENARIOS = '''
"""Scenarios for tests."""
from lockwright.kernel.mutex import Mutex
from lockwright.scenario import scenario


@scenario("demo/abba:two", release="6.5.0", gate=False, rounds=1)
def two(world, *, gate, rounds):
    """Two mutexes in two orders."""
    a, b, g = Mutex(world, "A"), Mutex(world, "B"), Mutex(world, "gate")

    async def worker(first, second):
        for _ in range(rounds):
            if gate:
                await g.lock()
            await first.lock()
            await second.lock()
            await second.unlock()
            await first.unlock()
            if gate:
                await g.unlock()

    world.spawn(worker(a, b), "one")
    world.spawn(worker(b, a), "two")


gated = two.variant("gated", gate=True, title="The same under a third mutex.")


def nothing_is_lost(world):
    """A promise that is kept."""
    return ()


@scenario("fine/mutex:two", at_end=(nothing_is_lost,), rounds=1)
def fine(world, *, rounds):
    """Two tasks and one mutex."""
    a = Mutex(world, "A")

    async def worker():
        for _ in range(rounds):
            await a.lock()
            await a.unlock()

    world.spawn(worker(), "one")
    world.spawn(worker(), "two")
'''

BROKEN_MODELS = '''
"""Models that cannot be judged."""
from lockwright.kernel.mutex import Mutex
from lockwright.scenario import scenario

COUNT = []


@scenario("bad/flips:two")
def flips(world):
    """Locks another mutex in each execution."""
    COUNT.append(1)
    mutexes = [Mutex(world, name) for name in "AB"]

    async def worker():
        for _ in range(2):
            await mutexes[len(COUNT) % 2].lock()
            await mutexes[len(COUNT) % 2].unlock()

    world.spawn(worker(), "one")
    world.spawn(worker(), "two")


@scenario("bad/parity:one")
def parity(world):
    """Deadlocks every other time."""
    COUNT.append(1)
    mutexes = [Mutex(world, name) for name in "AB"]

    async def worker():
        await mutexes[0].lock()
        await mutexes[len(COUNT) % 2].lock()

    world.spawn(worker(), "one")


@scenario("bad/raises:two")
def raises(world):
    """Has a bug that shows in one order."""
    a, seen = Mutex(world, "A"), []

    async def writer():
        await a.lock()
        seen.append(1)
        await a.unlock()

    async def reader():
        await a.lock()
        print("the model prints")
        [][len(seen)]
        await a.unlock()

    world.spawn(writer(), "writer")
    world.spawn(reader(), "reader")


@scenario("bad/endless:one")
def endless(world):
    """Spins."""
    a = Mutex(world, "A")

    async def spinner():
        while True:
            await a.trylock()

    world.spawn(spinner(), "spinner")


def raising_check(world):
    raise ValueError("the check has a bug")


@scenario("bad/check:one", at_end=(raising_check,))
def check_raises(world):
    """Its promise cannot be asked."""
    a = Mutex(world, "A")

    async def worker():
        await a.lock()
        await a.unlock()

    world.spawn(worker(), "one")


@scenario("bad/setup:one")
def setup_raises(world):
    """Cannot be built."""
    raise KeyError("no such thing")
'''


@dataclass(frozen=True)
class Done:
    """What a process left behind."""

    status: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """What a process sees: this checkout's engine, no colour switch from outside."""
    dropped = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONHASHSEED")
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    return {**kept, "PYTHONPATH": str(SOURCES), "PYTHONDONTWRITEBYTECODE": "1", **more}


def lockwright_in(directory: Path, *arguments: str, **more: str) -> Done:
    """Run the command line in a directory."""
    done = subprocess.run(
        [sys.executable, "-m", "lockwright", *arguments],
        cwd=directory,
        env=environment(**more),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def make_project(directory: Path, pyproject: str = PYPROJECT, **modules: str) -> Path:
    """Write a project; each module of `stress` with its text."""
    stress = directory / "stress"
    stress.mkdir(parents=True)
    (directory / "pyproject.toml").write_text(pyproject, encoding="utf-8")
    (stress / "__init__.py").write_text("", encoding="utf-8")
    for name, text in modules.items():
        (stress / f"{name}.py").write_text(text, encoding="utf-8")
    return directory
