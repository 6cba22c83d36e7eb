"""Cases for the designs with entries and dentry pointers (6.7, 6.8-rc1), beside the others."""

from __future__ import annotations

from invariants.eventfs_file import an_open_is_one_section
from invariants.memory import a_mark_costs_nothing
from lockwright.core.promise import always
from model.tracing.core import TRACE_EVENT_FL_IGNORE_ENABLE
from model.tracing.setup import Tracing
from model.vfs.err import ENOENT, IS_ERR
from stress.scenarios.case import ENTRIES, case, spawn
from stress.scenarios.cases import ENABLE, KP1
from stress.workloads import (
    attributes,
    chmod,
    close,
    create_event,
    drop_caches,
    gives,
    hold_open,
    list_directory,
    list_open,
    make_instance,
    opens,
    owner_of,
    reclaim_one,
    remount,
    remove_event,
    remove_instance,
    stat,
    stat_from,
)

FILTER = f"{KP1}/filter"
POINTERS = ("eventfs/linux_6_7", "eventfs/linux_6_8_rc1")


# One task alone.


@case(only=POINTERS, at_end=(a_mark_costs_nothing,))
def size_of_directories(at: Tracing) -> None:
    """A directory is made, and what all of them ask for is added up."""
    at.expect("kp2")
    spawn(at, ("bash", create_event(at, "kp2")))


@case("enable", "filter", only=POINTERS)
def chmod_under_pressure(at: Tracing) -> None:
    """A file's mode is set for the first time, memory is short, and its sibling is unused."""
    at.warm(ENABLE)
    at.warm(FILTER)
    at.sb.pressure = 1
    spawn(at, ("chmod", chmod(at, ENABLE, 0o600)))


@case("enable", instances=(), faults=1, only=POINTERS)
def mkdir_without_memory(at: Tracing) -> None:
    """An instance is made, and one of the allocations fails."""
    at.expect_instance("foo")
    spawn(at, ("mkdir", make_instance(at, "foo")))


@case("enable", instances=(), only=POINTERS)
def mkdir_rmdir(at: Tracing) -> None:
    """An instance is made and removed."""

    async def user() -> None:
        await gives(at, make_instance(at, "foo"), 0)
        await gives(at, remove_instance(at, "foo"), 0)

    at.expect_instance("foo")
    spawn(at, ("bash", user()))


@case("enable", only=ENTRIES)
def mount_gid_then_stat(at: Tracing) -> None:
    """tracefs is mounted with a group, and a file is looked at that nobody had looked at."""

    async def user() -> None:
        await gives(at, remount(at, "gid=5"), 0)
        await gives(at, owner_of(at, ENABLE), (0, 5))
        await gives(at, owner_of(at, KP1), (0, 5))

    spawn(at, ("mount", user()))


@case("enable", instances=(), only=ENTRIES)
def remount_while_listing(at: Tracing) -> None:
    """tracefs is remounted with a group while a listing of its root stands half way."""

    async def user() -> None:
        directory = await hold_open(at, "/")
        await list_open(at, directory, limit=3, once=True)
        await gives(at, remount(at, "gid=5"), 0)
        await close(at, directory)

    spawn(at, ("mount", user()))


@case("enable", "id", "format", only=ENTRIES)
def list_by_ones(at: Tracing) -> None:
    """The directory of an event of ftrace itself, which hides `enable`, is listed one by one."""
    at.events["kp1"].peek("event_call").poke("flags", TRACE_EVENT_FL_IGNORE_ENABLE)
    spawn(at, ("ls", list_directory(at, KP1, limit=1)))


@case("enable", only=ENTRIES)
def find_loops(at: Tracing) -> None:
    """find compares the inode number of a directory with those of the directories above."""

    async def user() -> None:
        above = await attributes(at, "kprobes")
        below = await attributes(at, KP1)
        told = isinstance(above, int) or isinstance(below, int) or above.ino != below.ino
        always(at.sb.world, "a directory has another inode number than the one it is in", told)

    spawn(at, ("find", user()))


# Two tasks.


@case("enable", "filter", only=("eventfs/linux_6_7",), at_end=(an_open_is_one_section,))
def open_two_cold(at: Tracing) -> None:
    """A directory with two cold files is opened, while one of them is looked up."""
    at.warm(KP1)
    spawn(at, ("ls", hold_open(at, KP1)), ("stat", stat(at, FILTER)))


@case("enable", only=ENTRIES)
def lookup_vs_shrink(at: Tracing) -> None:
    """S5: a file is looked up while the shrinker takes its dentry, which is cached."""
    at.warm(ENABLE)
    spawn(at, ("stat", stat(at, ENABLE)), ("kswapd0", reclaim_one(at, ENABLE)))


@case("enable", only=ENTRIES)
def lookup_vs_open(at: Tracing) -> None:
    """A cold directory is looked up while it is opened."""
    spawn(at, ("stat", stat(at, KP1)), ("ls", gives(at, opens(at, KP1), 0, -ENOENT)))


@case(only=ENTRIES, events=("kp1", "kp3"))
def list_children_by_ones(at: Tracing) -> None:
    """A directory of directories is listed into a buffer for one name."""
    spawn(at, ("ls", list_directory(at, "kprobes", limit=1)))


@case("enable", only=ENTRIES)
def hidden_vs_remove(at: Tracing) -> None:
    """A file that the event hides is looked for in its open directory, while it is removed."""
    at.events["kp1"].peek("event_call").poke("flags", TRACE_EVENT_FL_IGNORE_ENABLE)
    directory = at.boot(hold_open(at, KP1))
    spawn(
        at,
        ("stat", gives(at, stat_from(at, directory, "enable"), -ENOENT)),
        ("bash", remove_event(at, "kp1")),
    )


@case("enable", events=("kp1", "kp3"), only=POINTERS, recycles_inodes=True)
def recycled_vs_lookup(at: Tracing) -> None:
    """A directory is looked up, and a file in it; the memory of its inode was a removed one's."""

    async def before() -> None:
        await stat(at, "kprobes/kp3")
        await remove_event(at, "kp3")

    at.boot(before())
    at.outcomes.clear()
    spawn(at, ("stat-1", stat(at, KP1)), ("stat-2", stat(at, ENABLE)))


@case("enable", only=ENTRIES)
def lookup_vs_remove_then_reclaim(at: Tracing) -> None:
    """A cold file is looked up while its event is removed; then unused dentries are reclaimed."""

    async def looker() -> None:
        await stat(at, ENABLE)
        await drop_caches(at)

    at.warm(KP1)
    spawn(at, ("stat", looker()), ("bash", remove_event(at, "kp1")))


@case(only=ENTRIES)
def lookup_held_vs_remove(at: Tracing) -> None:
    """S13: a name is looked for in a directory that is held open while its event is removed."""
    directory = at.boot(hold_open(at, KP1))
    spawn(
        at,
        ("stat", gives(at, stat_from(at, directory, "missing"), -ENOENT)),
        ("bash", remove_event(at, "kp1")),
    )


@case("enable", only=ENTRIES)
def make_below_removed(at: Tracing) -> None:
    """A directory is made below one that is removed, without event_mutex.

    The caller looks for error pointers only.
    """
    fs = at.fs
    parent = at.events["kp1"].peek("ei")
    at.boot(hold_open(at, KP1))

    async def maker() -> None:
        ei = await fs.eventfs_create_dir("sub", parent, (), None)
        if not IS_ERR(ei):
            assert ei.name, "this follows the pointer"

    spawn(at, ("bash", maker()), ("rmdir", fs.eventfs_remove_dir(parent)))
