"""Cases that need what only the reference-counted designs have, or show one bug of theirs alone.

What a task holds when the case begins, and what it knows of the file system's own functions,
stands in the case; all else is in `cases.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.promise import always
from lockwright.core.world import World
from lockwright.kernel.once import WRITE_ONCE, Variable
from model.eventfs.refcounted import EVENTFS_FILE_INODE_INO, EventfsInode
from model.tracing.refs import event_file_get, event_file_put
from model.tracing.setup import Outcome, Tracing
from model.vfs.attr import Stat
from model.vfs.create import __x64_sys_mkdirat
from model.vfs.err import ENOENT, IS_ERR, follow
from model.vfs.namei import O_RDWR
from model.vfs.objects import Dentry
from model.vfs.syscalls import __do_sys_newfstatat
from stress.scenarios.case import KREFS, case, spawn
from stress.workloads import (
    attributes,
    chown,
    create_event,
    drop_caches,
    gives,
    hold_open,
    list_directory,
    owner_of,
    read_file,
    reclaim_one,
    remount,
    remove_event,
    stat,
    write_open,
)

KP1 = "kprobes/kp1"
ENABLE = "kprobes/kp1/enable"


# Listing.


@case(only=KREFS)
def list_vs_remove_vs_reclaim(at: Tracing) -> None:
    """A directory is listed while a child in it is removed, whose dentry memory pressure takes."""
    at.warm(KP1)
    spawn(
        at,
        ("ls", list_directory(at, "kprobes")),
        ("bash", remove_event(at, "kp1")),
        ("kswapd0", reclaim_one(at, KP1)),
    )


@case(only=KREFS)
def list_vs_remove_cold(at: Tracing) -> None:
    """A directory is listed while a child in it is removed that has no dentry."""
    at.warm("kprobes")
    spawn(at, ("ls", list_directory(at, "kprobes")), ("bash", remove_event(at, "kp1")))


@case(only=KREFS)
def list_vs_remove_tree(at: Tracing) -> None:
    """A directory is listed while it is removed with its children, and has no dentry but that."""
    at.warm("kprobes")
    system = at.events["kp1"].peek("system").peek("ei")

    async def remover() -> None:
        await at.fs.eventfs_remove_dir(system)
        at.outcomes.append(Outcome("remove", "kprobes", 0))

    spawn(at, ("ls", list_directory(at, "kprobes")), ("bash", remover()))


@case(only=KREFS)
def list_vs_create_cold(at: Tracing) -> None:
    """A directory is listed while a child comes into it."""
    at.warm("kprobes")
    at.expect("kp2")
    spawn(at, ("ls", list_directory(at, "kprobes")), ("bash", create_event(at, "kp2")))


# What the newest release still does.


@case(only=KREFS, events=("kp1", "kp2", "kp3"))
def list_piecewise_vs_remove(at: Tracing) -> None:
    """A directory is listed name by name while the first of its children is removed.

    The position is an index: who removes what was read already, makes the reader skip one.
    """
    spawn(at, ("ls", list_directory(at, "kprobes", limit=1)), ("bash", remove_event(at, "kp1")))


@case("enable", only=KREFS, system_files=("enable",), keeps=False)
def stale_system_enable(at: Tracing) -> None:
    """The last event of a system goes and comes again, while a file of the system is open.

    The file leads to the system by its name, and so to the events of the new one.
    """

    async def user() -> None:
        stale = await hold_open(at, "kprobes/enable", O_RDWR)
        await gives(at, remove_event(at, "kp1"), 0)
        await gives(at, create_event(at, "kp1"), 0)
        await write_open(at, stale, "1")
        text = await read_file(at, ENABLE)
        said = "a file of a system that is gone rules nothing in the new one"
        always(at.sb.world, said, text == "0\n")

    spawn(at, ("bash", user()))


@case(only=KREFS)
def list_vs_number(at: Tracing) -> None:
    """A directory is listed while stat() asks for the number of a child that has none yet.

    Lookup draws a number under eventfs_mutex, a listing without it.
    """

    async def user() -> None:
        await attributes(at, KP1)

    spawn(at, ("ls", list_directory(at, "kprobes")), ("stat", user()))


# Names that are there, and names that are not.


@case("enable", cold=True, only=KREFS)
def stat_cold(at: Tracing) -> None:
    """A file is looked up of which nothing has a dentry but the directory `events`."""
    spawn(at, ("stat", stat(at, ENABLE)))


@case("enable", only=KREFS)
def miss_then_create(at: Tracing) -> None:
    """A name is looked up that is not there yet, and again when it is."""

    async def user() -> None:
        await gives(at, stat(at, "kprobes/kp2"), -ENOENT)
        await create_event(at, "kp2")
        await gives(at, stat(at, "kprobes/kp2"), 0)

    at.expect("kp2")
    spawn(at, ("bash", user()))


def no_negative_dentries(at: Tracing) -> list[Dentry]:
    """The dentries that are cached for names that are not there."""
    return [d for d in at.sb.dentries if d.alive and d.peek("d_hashed") and not d.peek("d_inode")]


@case(only=KREFS)
def misses_at_the_root(at: Tracing) -> None:
    """Names are looked up in the root of tracefs that are not there."""

    async def user() -> None:
        for name in ("a", "b"):
            await stat(at, f"/{name}")
        kept = [dentry.path for dentry in no_negative_dentries(at)]
        always(at.sb.world, f"names that are not there leave no dentry: {kept}", not kept)

    for name in ("a", "b"):
        at.sb.declare(f"tracing/{name}")
    spawn(at, ("stat", user()))


# Creating below what is being removed.


def nothing_is_below_what_is_gone(world: World) -> Iterator[str]:
    """A directory that has been removed has no children."""
    for thing in world.objects:
        if isinstance(thing, EventfsInode) and thing.peek("is_freed"):
            for child in thing.peek("children").peek():
                yield f"{child.name} is below {thing.name}, which has been removed"


@case("enable", only=KREFS, at_end=(nothing_is_below_what_is_gone,))
def create_vs_remove_parent(at: Tracing) -> None:
    """A directory is made in one that is removed at the same time, without event_mutex.

    The caller tests for an error pointer only, as event_create_dir() does.  The reference that
    the directory has on the trace_event_file is taken first, and given back if there is none.
    A cached dentry keeps the parent in memory.
    """
    at.warm(KP1)
    file = at.events["kp1"]
    parent = file.peek("ei")

    async def maker() -> None:
        if at.release.dir_holds_file:
            await event_file_get(file)
        ei = await at.fs.eventfs_create_dir("a", parent, at.core.entries.event, file)
        if not IS_ERR(ei):
            follow(ei)
        elif at.release.dir_holds_file:
            await event_file_put(file)

    async def remover() -> None:
        await at.fs.eventfs_remove_dir(parent)

    spawn(at, ("bash-1", maker()), ("bash-2", remover()))


@case("enable", only=KREFS)
def lookup_vs_remove_tree(at: Tracing) -> None:
    """A cold file is looked up while the system is removed with all that is below."""
    at.warm(KP1)
    system = at.events["kp1"].peek("system").peek("ei")

    async def looker() -> None:
        await __do_sys_newfstatat(at.sb.s_root, f"events/{ENABLE}")

    async def remover() -> None:
        await at.fs.eventfs_remove_dir(system)

    spawn(at, ("stat", looker()), ("bash", remover()))


# Owners.


async def _gives(at: Tracing, path: str, uid: int) -> None:
    """Promise who owns a file."""
    owner = await owner_of(at, path)
    known = owner[0] if isinstance(owner, tuple) else owner
    always(
        at.sb.world, f"{path} belongs to {uid}, as remounting said, not to {known}", known == uid
    )


@case("enable", only=KREFS)
def chown_remount_drop(at: Tracing) -> None:
    """A file is given away, tracefs is remounted with another owner, caches are dropped."""

    async def user() -> None:
        await chown(at, ENABLE, 1, None)
        await remount(at, "uid=2")
        await drop_caches(at)
        await _gives(at, ENABLE, 2)

    spawn(at, ("bash", user()))


@case("enable", only=KREFS)
def chown_drop_remount(at: Tracing) -> None:
    """A file is given away, caches are dropped, tracefs is remounted with another owner."""

    async def user() -> None:
        await chown(at, ENABLE, 1, None)
        await drop_caches(at)
        await remount(at, "uid=2")
        await _gives(at, ENABLE, 2)

    spawn(at, ("bash", user()))


@case("enable", only=KREFS)
def chown_remount(at: Tracing) -> None:
    """A file is given away, and tracefs is remounted with another owner."""

    async def user() -> None:
        await chown(at, ENABLE, 1, None)
        await remount(at, "uid=2")
        await _gives(at, ENABLE, 2)

    spawn(at, ("bash", user()))


@case("enable", only=KREFS)
def chown_events(at: Tracing) -> None:
    """The directory `events` is given away; what is below it, and made later, is not.

    In 6.9 and 6.10 it is: there a user's owner of `events` is the default of all below.
    """

    async def user() -> None:
        await chown(at, "", 1, None)
        await gives(at, owner_of(at, ""), (1, 0))
        await gives(at, owner_of(at, KP1), (0, 0))

    spawn(at, ("chown", user()))


@case(only=KREFS)
def remount_then_stat_events(at: Tracing) -> None:
    """tracefs is remounted with another owner: `events` has it, too, and what is below."""

    async def user() -> None:
        await remount(at, "uid=2")
        for path in ("", "kprobes/kp1"):
            await _gives(at, path, 2)

    spawn(at, ("bash", user()))


@case("enable", only=KREFS)
def remount_vs_remove_cold(at: Tracing) -> None:
    """tracefs is remounted with another owner while an event is removed."""
    spawn(at, ("mount", remount(at, "uid=2")), ("bash", remove_event(at, "kp1")))


@case("enable", only=KREFS)
def remount_vs_chown(at: Tracing) -> None:
    """tracefs is remounted with another owner while a directory is given away."""
    at.warm(KP1)
    spawn(at, ("mount", remount(at, "uid=2")), ("chown", chown(at, KP1, 1, None)))


@case(only=KREFS[1:])
def remount_twice_vs_remove_cached(at: Tracing) -> None:
    """tracefs is remounted twice while a directory is removed, and its dentry reclaimed."""
    at.warm(KP1)

    async def user() -> None:
        await remount(at, "uid=2")
        await remount(at, "uid=3")

    async def remover() -> None:
        await remove_event(at, "kp1")
        await reclaim_one(at, KP1)

    spawn(at, ("mount", user()), ("bash", remover()))


# The memory of inodes.


@case(only=KREFS[1:])
def stat_vs_drop_caches(at: Tracing) -> None:
    """A directory is looked up while unused dentries are dropped, with their inodes.

    What is dropped first is memory for the inodes that the lookup makes.
    """
    at.warm(KP1)
    spawn(at, ("stat", stat(at, KP1)), ("bash", drop_caches(at)))


# Numbers.


@case("enable", only=KREFS)
def number_clash(at: Tracing) -> None:
    """A directory draws its number when the counter comes to that of the files."""

    async def user() -> None:
        got = await attributes(at, KP1)
        number = got.ino if isinstance(got, Stat) else got
        said = f"a directory's number is not {EVENTFS_FILE_INODE_INO}, which the files have"
        always(at.sb.world, said, number != EVENTFS_FILE_INODE_INO)

    at.warm("kprobes")
    at.sb.last_ino = EVENTFS_FILE_INODE_INO - 2
    spawn(at, ("stat", user()))


# Lockdown.


@case(instances=(), only=KREFS)
def mkdir_locked_down(at: Tracing) -> None:
    """The kernel is locked down while an instance is made; then somebody looks into that."""
    lockdown = at.sb.lockdown = Variable(at.sb.world, value=False, name="kernel_locked_down")

    async def user() -> None:
        await __x64_sys_mkdirat(at.sb.s_root, "instances/i1")
        await stat(at, "/instances/i1/a")

    async def root() -> None:
        await WRITE_ONCE(lockdown, True)

    at.expect_instance("i1")
    at.sb.declare("tracing/instances/i1/a")
    spawn(at, ("mkdir", user()), ("root", root()))
