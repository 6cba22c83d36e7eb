"""One task alone: what each call gives, one after the other.

What a call has to give stands beside it (`gives`), and is what real kernels gave where they were
asked.  A fault that needs nobody else is found here, in one execution.
"""

from __future__ import annotations

from lockwright.core.promise import always
from model.tracing.setup import Tracing
from model.vfs.err import (
    EACCES,
    EBUSY,
    EEXIST,
    EINVAL,
    ENAMETOOLONG,
    ENODEV,
    ENOENT,
    ENOTDIR,
    EPERM,
    NAME_MAX,
)
from model.vfs.namei import O_CREAT, O_DIRECTORY, O_PATH, O_RDWR
from stress.scenarios.case import ENTRIES, KREFS, LAZY, case, spawn
from stress.workloads import (
    clear_events,
    close,
    create_event,
    drop_caches,
    gives,
    hold_open,
    list_directory,
    list_open,
    make_directory,
    opens,
    opens_from,
    read_file,
    read_open,
    remove_event,
    reopens,
    rewind,
    set_enabled,
    set_mode,
    stat,
    stat_from,
    write_file,
    write_open,
)

KPROBES = "kprobes"
KP1 = "kprobes/kp1"
ENABLE = "kprobes/kp1/enable"
FILES = ("enable", "filter")


@case(*FILES, only=LAZY)
def life_of_an_event(at: Tracing) -> None:
    """An event is made, looked up, listed, read, removed, and looked for."""

    async def user() -> None:
        await gives(at, stat(at, "kprobes/kp2"), -ENOENT)
        await gives(at, create_event(at, "kp2"), 0)
        await gives(at, create_event(at, "kp2"), -EEXIST)
        await gives(at, stat(at, "kprobes/kp2"), 0)
        await gives(at, list_directory(at, "kprobes/kp2"), FILES, FILES[::-1])
        await gives(at, read_file(at, "kprobes/kp2/enable"), "0\n")
        await gives(at, remove_event(at, "kp2"), 0)
        await gives(at, remove_event(at, "kp2"), -ENOENT)
        for path in ("kprobes/kp2", "kprobes/kp2/enable"):
            await gives(at, stat(at, path), -ENOENT)
            await gives(at, opens(at, path), -ENOENT)
        await gives(at, stat(at, ENABLE), 0)

    at.expect("kp2")
    spawn(at, ("bash", user()))


@case("enable", only=LAZY)
def life_over_again(at: Tracing) -> None:
    """An event that was looked up is removed, made again, and removed again."""

    async def user() -> None:
        for _ in range(2):
            await gives(at, stat(at, ENABLE), 0)
            await gives(at, remove_event(at, "kp1"), 0)
            await gives(at, stat(at, ENABLE), -ENOENT)
            await gives(at, stat(at, KP1), -ENOENT)
            await gives(at, create_event(at, "kp1"), 0)
        await gives(at, list_directory(at, KP1), ("enable",))
        await drop_caches(at)
        await gives(at, list_directory(at, KP1), ("enable",))

    spawn(at, ("bash", user()))


@case("enable")
def missing_then_made(at: Tracing) -> None:
    """S14: a name is looked for before it is made, and again while its directory is cached."""

    async def user() -> None:
        for path in ("missing", "kprobes/kp2", f"{KP1}/missing"):
            await gives(at, stat(at, path), -ENOENT)
            await gives(at, stat(at, path), -ENOENT)
        await gives(at, create_event(at, "kp2"), 0)
        await gives(at, stat(at, "kprobes/kp2/enable"), 0)

    at.expect("kp2")
    at.sb.declare("tracing/events/missing")
    at.sb.declare(f"tracing/events/{KP1}/missing")
    spawn(at, ("bash", user()))


@case("enable", only=LAZY)
def busy_alone(at: Tracing) -> None:
    """I15: an enabled event is not removed, nor is anything of it; disabled, it is."""

    async def user() -> None:
        await gives(at, set_enabled(at, ENABLE, on=True), 0)
        await gives(at, read_file(at, ENABLE), "1\n")
        await gives(at, remove_event(at, "kp1"), -EBUSY)
        await gives(at, list_directory(at, KP1), ("enable",))
        await gives(at, read_file(at, ENABLE), "1\n")
        await gives(at, set_enabled(at, ENABLE, on=False), 0)
        await gives(at, remove_event(at, "kp1"), 0)
        await gives(at, stat(at, KP1), -ENOENT)

    spawn(at, ("bash", user()))


@case("enable", events=("kp1", "kp3"), only=LAZY)
def clear_alone(at: Tracing) -> None:
    """All dynamic events are cleared: none while one is busy, all when none is."""

    async def user() -> None:
        await gives(at, set_enabled(at, "kprobes/kp3/enable", on=True), 0)
        await gives(at, clear_events(at), -EBUSY)
        await gives(at, stat(at, ENABLE), 0)
        await gives(at, set_enabled(at, "kprobes/kp3/enable", on=False), 0)
        await gives(at, clear_events(at), 0)
        await gives(at, stat(at, ENABLE), -ENOENT)
        await gives(at, stat(at, "kprobes/kp3"), -ENOENT)

    spawn(at, ("bash", user()))


@case("enable", "trigger", "filter", events=("kp1", "kp3"), only=KREFS)
def triggers_alone(at: Tracing) -> None:
    """A trigger makes an event busy, and the event that it is about; a filter does not."""

    async def user() -> None:
        await gives(at, write_file(at, f"{KP1}/trigger", "traceon"), 0)
        await gives(at, read_file(at, ENABLE), "0*\n")
        await gives(at, remove_event(at, "kp1"), -EBUSY)
        await gives(at, set_enabled(at, ENABLE, on=True), 0)
        await gives(at, read_file(at, ENABLE), "1*\n")
        await gives(at, set_enabled(at, ENABLE, on=False), 0)
        await gives(at, read_file(at, ENABLE), "0*\n")
        await gives(at, write_file(at, f"{KP1}/trigger", "stacktrace"), 0)
        await gives(at, write_file(at, f"{KP1}/trigger", "!traceon"), 0)
        await gives(at, read_file(at, ENABLE), "0*\n")
        await gives(at, write_file(at, f"{KP1}/trigger", "!stacktrace"), 0)
        await gives(at, read_file(at, ENABLE), "0\n")
        await gives(at, write_file(at, f"{KP1}/trigger", "enable_event:kprobes:kp3"), 0)
        await gives(at, read_file(at, "kprobes/kp3/enable"), "0*\n")
        await gives(at, remove_event(at, "kp3"), -EBUSY)
        await gives(at, write_file(at, f"{KP1}/trigger", "!enable_event:kprobes:kp3"), 0)
        await gives(at, write_file(at, "kprobes/kp3/trigger", "enable_event:kprobes:kp1"), 0)
        await gives(at, read_file(at, ENABLE), "0*\n")
        await gives(at, remove_event(at, "kp1"), -EBUSY)
        await gives(at, write_file(at, "kprobes/kp3/trigger", "!enable_event:kprobes:kp1"), 0)
        await gives(at, set_enabled(at, ENABLE, on=True), 0)
        await gives(at, write_file(at, f"{KP1}/trigger", "traceon"), 0)
        await gives(at, write_file(at, f"{KP1}/trigger", "!traceon"), 0)
        await gives(at, read_file(at, ENABLE), "1\n")
        await gives(at, set_enabled(at, ENABLE, on=False), 0)
        await gives(at, write_file(at, f"{KP1}/filter", "common_pid == 1"), 0)
        await gives(at, remove_event(at, "kp3"), 0)
        await gives(at, remove_event(at, "kp1"), 0)

    spawn(at, ("bash", user()))


@case("enable", "id", "format", events=("kp1", "kp3"), only=KREFS)
def ids_alone(at: Tracing) -> None:
    """An event has a number of its own, and its format says so."""

    async def user() -> None:
        first = await read_file(at, f"{KP1}/id")
        second = await read_file(at, "kprobes/kp3/id")
        always(at.sb.world, "two events have two numbers", first != second)
        text = await read_file(at, f"{KP1}/format")
        always(at.sb.world, "an event's format tells its number", f"ID: {first}" in str(text))

    spawn(at, ("cat", user()))


@case("enable", keeps=False, system_files=("enable",), only=ENTRIES)
def system_alone(at: Tracing) -> None:
    """The last event of a system takes the system along; the next makes it again."""

    async def user() -> None:
        await gives(at, stat(at, "kprobes/enable"), 0)
        await gives(at, remove_event(at, "kp1"), 0)
        for path in (KPROBES, "kprobes/enable", KP1, ENABLE):
            await gives(at, stat(at, path), -ENOENT)
        await gives(at, list_directory(at, ""), ())
        await gives(at, create_event(at, "kp1"), 0)
        await gives(at, list_directory(at, ""), (KPROBES,))
        await gives(at, list_directory(at, KPROBES), ("enable", "kp1"))
        await gives(at, stat(at, ENABLE), 0)

    at.sb.declare("tracing/events/kprobes/enable")
    spawn(at, ("bash", user()))


@case("enable", only=("eventfs/linux_6_9", "eventfs/linux_6_12", "eventfs/latest"))
def stale_file(at: Tracing) -> None:
    """S8: a file is open while its event is removed: it gives ENODEV, and can be closed."""

    async def user() -> None:
        file = await hold_open(at, ENABLE, O_RDWR)
        path = await hold_open(at, ENABLE, O_PATH)
        await gives(at, read_open(at, file), "0\n")
        await gives(at, reopens(at, path, O_RDWR), 0)
        await gives(at, remove_event(at, "kp1"), 0)
        await gives(at, reopens(at, path, O_RDWR), -ENODEV)
        await close(at, path)
        await gives(at, stat(at, ENABLE), -ENOENT)
        await gives(at, rewind(at, file), 0)
        await gives(at, read_open(at, file), -ENODEV)
        await gives(at, write_open(at, file, "1"), -ENODEV)
        await drop_caches(at)
        await gives(at, create_event(at, "kp1"), 0)
        await gives(at, read_open(at, file), -ENODEV)
        await close(at, file)
        await gives(at, read_file(at, ENABLE), "0\n")

    spawn(at, ("bash", user()))


@case(*FILES, only=KREFS)
def stale_directory(at: Tracing) -> None:
    """S13: a directory is open while its event is removed, and made again under the same name."""

    async def user() -> None:
        directory = await hold_open(at, KP1)
        await gives(at, stat(at, ENABLE), 0)
        await gives(at, remove_event(at, "kp1"), 0)
        await gives(at, opens_from(at, directory, "enable", O_CREAT | O_RDWR), -EACCES)
        await gives(at, list_open(at, directory, once=True), (".", ".."), -EINVAL)
        await gives(at, list_open(at, directory, once=True), -EINVAL)
        await gives(at, stat_from(at, directory, "enable"), -ENOENT)
        await gives(at, stat_from(at, directory, ".."), 0)
        await gives(at, set_mode(at, directory, 0o700), -ENODEV)
        await gives(at, make_directory(at, directory, "x"), -EPERM)
        await drop_caches(at)
        await gives(at, create_event(at, "kp1"), 0)
        await gives(at, stat_from(at, directory, "enable"), -ENOENT)
        await gives(at, stat(at, ENABLE), 0)
        await close(at, directory)
        await drop_caches(at)
        await gives(at, stat(at, ENABLE), 0)

    at.sb.declare(f"tracing/events/{KP1}/x")
    spawn(at, ("bash", user()))


@case("enable", only=KREFS)
def open_twice(at: Tracing) -> None:
    """A file is opened with O_CREAT, as a shell's `>` does, while it is open already."""

    async def user() -> None:
        await hold_open(at, ENABLE, O_CREAT | O_RDWR)
        await gives(at, opens(at, ENABLE, O_CREAT | O_RDWR), 0)
        await gives(at, read_file(at, ENABLE), "0\n")

    spawn(at, ("bash", user()))


@case(*FILES, only=KREFS)
def errors_alone(at: Tracing) -> None:
    """What is not to be had: making, walking through files, and names that nobody can have."""

    async def user() -> None:
        events = await hold_open(at, "", O_DIRECTORY)
        await gives(at, make_directory(at, events, "x"), -EPERM)
        await gives(at, opens(at, f"{KP1}/new", O_CREAT | O_RDWR), -EACCES)
        await gives(at, opens(at, ENABLE, O_CREAT | O_RDWR), 0)
        await gives(at, opens(at, ENABLE, O_DIRECTORY), -ENOTDIR)
        await gives(at, stat(at, f"{ENABLE}/x"), -ENOTDIR)
        await gives(at, stat(at, f"{KP1}/{'x' * (NAME_MAX + 1)}"), -ENOENT)
        await gives(at, stat(at, f"/{'x' * (NAME_MAX + 1)}"), -ENAMETOOLONG)
        await close(at, events)

    at.sb.declare(f"tracing/events/{KP1}/new")
    spawn(at, ("bash", user()))
