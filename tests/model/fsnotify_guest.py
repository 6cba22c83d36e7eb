"""A guest for the tests of inotify: calls made one after the other, and calls made at once."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

from lockwright.core.boot import boot
from lockwright.core.location import Value
from lockwright.core.world import World
from lockwright.scenario import Scenario
from model.fsnotify.fsnotify import fsnotify, fsnotify_perm
from model.fsnotify.inode import ilookup, iput
from model.fsnotify.inotify import __x64_sys_close as close
from model.fsnotify.inotify import __x64_sys_inotify_add_watch as inotify_add_watch
from model.fsnotify.inotify import __x64_sys_inotify_init as inotify_init
from model.fsnotify.inotify import __x64_sys_inotify_rm_watch as inotify_rm_watch
from model.fsnotify.inotify import __x64_sys_read as read
from model.fsnotify.ledger import LOCAL
from model.fsnotify.objects import (
    FS_ACCESS,
    FS_DELETE_SELF,
    FS_IN_IGNORED,
    FS_MODIFY,
    FS_Q_OVERFLOW,
    FSNOTIFY_MARK_FLAG_ATTACHED,
    IN_MASK_ADD,
    Client,
    Inode,
    mask_text,
)
from model.fsnotify.path import vfs_unlink
from model.fsnotify.setup import client

ACCESS, MODIFY, DELETE_SELF = FS_ACCESS, FS_MODIFY, FS_DELETE_SELF
IGNORED, OVERFLOW = FS_IN_IGNORED, FS_Q_OVERFLOW

Call = Callable[[Client, str], Coroutine[Any, Any, Any]]


async def touch(at: Client, nodeid: int = 1, mask: int = MODIFY) -> None:
    """Something happens to a file, if it is cached."""
    inode = await ilookup(at, nodeid)
    if inode is not None:
        await fsnotify(inode, mask, at.ledger.happens(nodeid, mask), LOCAL)
        await iput(inode)


async def wait(at: Client) -> None:
    """Somebody holds the first mark of a file while a user thinks."""
    inode = await ilookup(at, 1)
    if inode is not None:
        await fsnotify_perm(inode)
        await iput(inode)


CALLS: Mapping[str, Call] = {
    "modify": lambda at, group: inotify_add_watch(at, group, 1, MODIFY),
    "access": lambda at, group: inotify_add_watch(at, group, 1, ACCESS),
    "widen": lambda at, group: inotify_add_watch(at, group, 1, ACCESS | IN_MASK_ADD),
    "rm": lambda at, group: inotify_rm_watch(at, group, 1),
    "close": close,
    "unlink": lambda at, group: vfs_unlink(at, 1),
    "event": lambda at, group: touch(at),
    "wait": lambda at, group: wait(at),
}
"""What can be done to file 1, by the group's descriptor where a group does it."""

BOTH = {"g1": MODIFY, "g2": ACCESS}


class Guest:
    """A guest to which calls are made one after the other."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  # those of setup.client
        self.world = World()
        self.at = client(self.world, **options)

    def __call__(self, call: Coroutine[Any, Any, Any]) -> Value:
        return boot(self.world, call)

    def init(self, name: str) -> int:
        result: int = self(inotify_init(self.at, name))
        return result

    def add(self, mask: int, *, name: str = "g1", nodeid: int = 1) -> int:
        result: int = self(inotify_add_watch(self.at, name, nodeid, mask))
        return result

    def rm(self, *, name: str = "g1", nodeid: int = 1) -> int:
        result: int = self(inotify_rm_watch(self.at, name, nodeid))
        return result

    def read(self, name: str = "g1") -> str | int:
        """`MODIFY of i1, Q_OVERFLOW`, or an errno."""
        told = self(read(self.at, name))
        return told if isinstance(told, int) else ", ".join(text(*event) for event in told)

    def close(self, name: str = "g1") -> int:
        result: int = self(close(self.at, name))
        return result

    def touch(self, mask: int = MODIFY, *, nodeid: int = 1) -> None:
        self(touch(self.at, nodeid, mask))

    def unlink(self, nodeid: int = 1) -> int:
        result: int = self(vfs_unlink(self.at, nodeid))
        return result

    def inode(self, nodeid: int = 1) -> Inode:
        inode: Inode = self.at.inodes[nodeid].value
        return inode

    def references(self, nodeid: int = 1) -> int:
        """On the inode; the dcache has one of them until the file is unlinked."""
        count = self.inode(nodeid).i_count
        return sum(count.counts) + (not count.value)

    def mask(self, nodeid: int = 1) -> str:
        """i_fsnotify_mask, without what everybody hears."""
        return mask_text(self.inode(nodeid).peek("i_fsnotify_mask"))

    def living(self, kind: str) -> int:
        return sum(obj.alive and type(obj).__name__ == kind for obj in self.world.objects)


def text(mask: int, inode: str) -> str:
    """An event, for people."""
    return f"{mask_text(mask)} of {inode}" if inode else mask_text(mask)


def masks_add_up(world: World) -> Iterator[str]:
    """At the end, i_fsnotify_mask is the OR of the masks of the marks that are attached."""
    at: Client = world.state
    for cached in at.inodes.values():
        inode = cached.value
        if inode is None:
            continue
        conn = inode.peek("i_fsnotify_marks")
        mask = 0
        for mark in conn.list.peek() if conn is not None else ():
            if mark.peek("flags") & FSNOTIFY_MARK_FLAG_ATTACHED:
                mask |= mark.peek("mask")
        if mask != inode.peek("i_fsnotify_mask"):
            has = mask_text(inode.peek("i_fsnotify_mask"))
            yield f"the marks of {inode.name} want {mask_text(mask)}, and its mask is {has}"


def queues(world: World) -> str:
    """What each group that is open has been told: `g1: MODIFY, IGNORED; g2: nothing`."""
    at: Client = world.state
    told = []
    for name, descriptor in at.fds.items():
        if descriptor.value is not None:
            events = descriptor.value.peek("notification_list")
            told.append(f"{name}: {', '.join(mask_text(e.mask) for e in events) or 'nothing'}")
    return "; ".join(told)


def at_once(
    *calls: str,
    had: Mapping[str, int] = BOTH,
    **options: Any,  # noqa: ANN401  # those of setup.client
) -> Scenario:
    """These calls at once, the first by g1 and the second by g2 if nothing else is said (`rm:g1`),
    where the groups `had` watches with these masks on file 1."""

    def build(world: World) -> None:
        at = client(world, **options)
        world.state = at
        for name, mask in had.items():
            boot(world, inotify_add_watch(at, name, 1, mask))
        for number, call in enumerate(calls, 1):
            what, _, group = call.partition(":")
            world.spawn(CALLS[what](at, group or f"g{number}"), what)

    name = "-".join(calls).replace(":", ".")
    return Scenario(f"guest:{name}", build, at_end=(masks_add_up,), outcome=queues)
