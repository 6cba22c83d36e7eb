"""Files that are open while what they lead to goes; and memory that comes back."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from invariants.memory import IDLE, back_to_idle, census, untouched_files_cost_nothing
from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from model.tracing.setup import Outcome, Tracing
from model.vfs.namei import O_RDWR
from stress.scenarios.case import ENTRIES, case, spawn
from stress.workloads import (
    close,
    drop_caches,
    held,
    list_directory,
    read_file,
    read_open,
    remove_event,
    remove_instance,
    stat,
    write_open,
)

KP1 = "kprobes/kp1"
FOO_KP1 = f"/instances/foo/events/{KP1}"
ANY = ("tracefs/pinned", "eventfs/linux_6_6", *ENTRIES, "eventfs/kernfs")
"""Where a listing leaves nothing behind that only the end of the design explains."""


class _Join(Operation):
    """Wait until a task has ended."""

    __slots__ = ("after", "comm")

    blocking = True
    kind = "wait4"
    after: tuple[Location, ...]

    def __init__(self, task: Task) -> None:
        self.after = (task.done,)
        self.comm = task.comm

    def run(self, task: Task, touched: list[int]) -> None:
        touched.extend(~flag.number for flag in self.after)

    def describe(self) -> str:
        return f"wait4({self.comm})"


def spawn_then_reclaim(
    at: Tracing, *tasks: tuple[str, Coroutine[Any, Any, None]], warm: str = ""
) -> None:
    """Spawn tasks, and one that drops the caches when they have ended.

    The idle tree has nothing cached; the tasks begin with the path `warm` cached.
    """
    world = at.sb.world
    at.outcomes.append(Outcome(IDLE, "", census(world)))
    if warm:
        at.warm(warm)
    running = [world.spawn(coro, comm) for comm, coro in tasks]

    async def reclaim() -> None:
        for task in running:
            await _Join(task)
        await drop_caches(at)

    world.spawn(reclaim(), "sync")


@case("enable", "format", "hist", only=ANY, at_end=(back_to_idle,))
def walk_then_reclaim(at: Tracing) -> None:
    """I13: everything is looked up, listed, read and closed, and the caches are dropped."""
    at.boot(drop_caches(at))

    async def user() -> None:
        for path in ("", "kprobes", KP1):
            await list_directory(at, path)
        for name in ("enable", "format", "hist"):
            await read_file(at, f"{KP1}/{name}")

    spawn_then_reclaim(at, ("find", user()))


@case("enable", only=ANY, at_end=(back_to_idle,))
def stat_vs_list_then_reclaim(at: Tracing) -> None:
    """I13: a file is looked up while its directory is listed, and the caches are dropped."""
    at.warm(KP1)
    at.boot(drop_caches(at))

    async def look() -> None:
        await stat(at, f"{KP1}/enable")

    async def ls() -> None:
        await list_directory(at, KP1)

    spawn_then_reclaim(at, ("stat", look()), ("ls", ls()), warm=KP1)


@case("enable", "filter", only=ENTRIES, at_end=(untouched_files_cost_nothing,))
def files_cost_nothing(at: Tracing) -> None:
    """Nobody looks at the files of an event, and so they are not there."""

    spawn(at, ("stat", stat(at, KP1)))


@case("enable", instances=("foo",), only=ANY)
def write_vs_rmdir(at: Tracing) -> None:
    """E51: a file of an instance is open, and written to and closed while the instance goes."""
    file = held(at, f"{FOO_KP1}/enable", O_RDWR)

    async def user() -> None:
        await write_open(at, file, "0")
        await close(at, file)

    spawn(at, ("bash", user()), ("rmdir", remove_instance(at, "foo")))


@case("enable", only=ANY)
def close_vs_remove(at: Tracing) -> None:
    """E52: a file is open when its event goes, and is closed after that, or before."""
    file = held(at, f"{KP1}/enable")
    spawn(at, ("sleep", close(at, file)), ("bash", remove_event(at, "kp1")))


@case("enable", only=ANY)
def open_read_vs_remove(at: Tracing) -> None:
    """E53: a cached file is opened, read and closed while its event goes."""
    at.warm(f"{KP1}/enable")
    spawn(at, ("cat", read_file(at, f"{KP1}/enable")), ("bash", remove_event(at, "kp1")))


@case("enable", "format", only=ANY)
def format_vs_remove(at: Tracing) -> None:
    """E55: `format` is open, and read while the event goes whose fields it prints."""
    file = held(at, f"{KP1}/format")

    async def user() -> None:
        await read_open(at, file)
        await close(at, file)

    spawn(at, ("cat", user()), ("bash", remove_event(at, "kp1")))


@case("enable", "hist", instances=("foo",), only=ANY)
def hist_vs_rmdir(at: Tracing) -> None:
    """E56: `hist` of an instance is open, and read while the instance goes."""
    file = held(at, f"{FOO_KP1}/hist")

    async def user() -> None:
        await read_open(at, file)
        await close(at, file)

    spawn(at, ("cat", user()), ("rmdir", remove_instance(at, "foo")))
