"""One task alone, whose calls tell what they did where an allocation fails.

    lockwright check eventfs/linux_6_6:attempt_mkdir --param failures=1
    lockwright check eventfs/linux_6_6:attempt_mkdir --param fails=create_events_dir:eventfs_inode

Without a parameter nothing fails.  What is found with it is in `stress/corpus/a.py`, and
`tests/stress/test_allocation_faults.py` has the table of all sites of all designs.
"""

from __future__ import annotations

from invariants.failures import failures_are_told
from model.tracing.dynevent import create_dyn_event
from model.tracing.setup import Tracing
from model.vfs.namei import O_PATH
from stress.attempts import attempt, may_fail
from stress.scenarios.case import case, spawn
from stress.workloads import (
    chmod,
    chown,
    close,
    create_event,
    drop_caches,
    gives,
    held,
    list_directory,
    make_instance,
    opens,
    read_file,
    remount,
    remove_event,
    remove_instance,
    reopens,
    stat,
    write_file,
)

KP1 = "kprobes/kp1"
ENABLE = "kprobes/kp1/enable"
KP2 = "kprobes/kp2"
FOO = "/instances/foo"
FILES = ("enable", "filter")
TOLD = (failures_are_told,)
SLOW = ("eventfs/linux_6_7", "eventfs/linux_6_8_rc1")
"""Where a removal leaves work to others, which can be done at any time after it."""


@case(*FILES, at_end=TOLD)
def attempt_stat(at: Tracing) -> None:
    """A cold directory and a cold file in it are looked at."""

    async def user() -> None:
        await attempt(at, stat, KP1)
        await attempt(at, stat, ENABLE)
        await drop_caches(at)

    spawn(at, ("stat", user()))


@case("enable", at_end=TOLD)
def attempt_open(at: Tracing) -> None:
    """A file is opened and closed, and written to; an open directory is opened again."""

    async def user() -> None:
        await attempt(at, opens, ENABLE)
        await attempt(at, write_file, ENABLE, "0")
        await attempt(at, reopens, file)
        await close(at, file)
        await drop_caches(at)

    at.warm(KP1)
    file = held(at, KP1, O_PATH)
    spawn(at, ("cat", user()))


@case("enable", system_files=("enable",), top_files=("enable",), at_end=TOLD)
def attempt_open_system(at: Tracing) -> None:
    """The file `enable` of all events is read, and the one of a system."""

    async def user() -> None:
        await attempt(at, read_file, "enable", gives="0\n")
        await attempt(at, read_file, "kprobes/enable", gives="0\n")
        await drop_caches(at)

    spawn(at, ("cat", user()))


@case(*FILES, at_end=TOLD)
def attempt_list(at: Tracing) -> None:
    """A directory is listed whose files are cold."""

    async def user() -> None:
        await attempt(at, list_directory, KP1, gives=FILES)
        await drop_caches(at)

    at.warm(KP1)
    spawn(at, ("ls", user()))


@case("enable", at_end=TOLD)
def attempt_list_above(at: Tracing) -> None:
    """A directory is listed in which there is a directory."""

    async def user() -> None:
        await attempt(at, list_directory, "kprobes", gives=("kp1",))
        await drop_caches(at)

    spawn(at, ("ls", user()))


@case(*FILES, at_end=TOLD)
def attempt_chmod(at: Tracing) -> None:
    """Modes and owners are set, of files and of a directory."""

    async def user() -> None:
        await attempt(at, chmod, ENABLE, 0o600)
        await attempt(at, chown, "kprobes/kp1/filter", 7, 8)
        await attempt(at, chmod, KP1, 0o700)
        await drop_caches(at)

    spawn(at, ("chmod", user()))


@case(*FILES, at_end=TOLD)
def attempt_create(at: Tracing) -> None:
    """An event is made, and looked at."""

    async def user() -> None:
        await attempt(at, create_event, "kp2")
        await attempt(at, stat, f"{KP2}/enable")
        await attempt(at, stat, f"{KP2}/filter")

    at.expect("kp2")
    spawn(at, ("bash", user()))


@case("enable", events=(), system_files=("enable",), keeps=False, cold=True, at_end=TOLD)
def attempt_create_system(at: Tracing) -> None:
    """An event is made, and with it its system; both are looked at."""

    async def user() -> None:
        await attempt(at, create_event, "kp2")
        await attempt(at, stat, "kprobes/enable")
        await attempt(at, stat, f"{KP2}/enable")

    at.expect("kp2")
    spawn(at, ("bash", user()))


@case("enable", at_end=TOLD)
def attempt_create_then_remove(at: Tracing) -> None:
    """An event is made and removed; made again, it finds nothing of the first in its way."""

    async def user() -> None:
        await attempt(at, create_event, "kp2")
        await attempt(at, remove_event, "kp2")
        if not may_fail(at):
            await gives(at, create_event(at, "kp2"), 0)
            await gives(at, stat(at, KP2), 0)

    at.expect("kp2")
    spawn(at, ("bash", user()))


@case("enable", at_end=TOLD)
def attempt_create_synthetic(at: Tracing) -> None:
    """A synthetic event is made, and with it its system, and removed."""

    async def dynamic_events(at: Tracing, line: str) -> object:
        return await create_dyn_event(at.core, line)

    async def user() -> None:
        await attempt(at, dynamic_events, "s:syn u64 when")
        await attempt(at, dynamic_events, "-:syn")

    spawn(at, ("bash", user()))


@case("enable", instances=("foo",), at_end=TOLD)
def attempt_create_twice(at: Tracing) -> None:
    """An event is made while there are two instances: it is in both."""

    async def user() -> None:
        await attempt(at, create_event, "kp2")
        await attempt(at, stat, KP2)
        await attempt(at, stat, f"{FOO}/events/{KP2}")

    at.expect("kp2")
    spawn(at, ("bash", user()))


@case("enable", instances=(), top_files=("enable",), at_end=TOLD)
def attempt_mkdir(at: Tracing) -> None:
    """An instance is made, with all events that there are."""

    async def user() -> None:
        await attempt(at, make_instance, "foo")
        await attempt(at, stat, f"{FOO}/events/enable")
        await attempt(at, stat, f"{FOO}/events/{KP1}")

    at.expect_instance("foo")
    spawn(at, ("mkdir", user()))


@case("enable", instances=(), events=(), at_end=TOLD)
def attempt_mkdir_then_rmdir(at: Tracing) -> None:
    """An instance is made, without events, and removed."""
    _made_and_removed(at)


@case("enable", instances=(), but=SLOW, at_end=TOLD)
def attempt_mkdir_then_rmdir_events(at: Tracing) -> None:
    """An instance is made, with an event, and removed."""
    _made_and_removed(at)


def _made_and_removed(at: Tracing) -> None:
    async def user() -> None:
        await attempt(at, make_instance, "foo")
        await attempt(at, remove_instance, "foo")

    at.expect_instance("foo")
    spawn(at, ("bash", user()))


@case("enable", instances=("foo",), at_end=TOLD)
def attempt_removals(at: Tracing) -> None:
    """What takes things away allocates nothing: it cannot fail for want of memory."""

    async def user() -> None:
        await attempt(at, remount, "gid=7")
        await attempt(at, remove_instance, "foo")
        await attempt(at, remove_event, "kp1")

    spawn(at, ("bash", user()))
