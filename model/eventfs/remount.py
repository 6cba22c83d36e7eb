"""Remounting tracefs with another owner or group: 6.9 and later.

Source: fs/tracefs/inode.c, tracefs_apply_options(); fs/tracefs/event_inode.c, eventfs_remount().

The C keeps a list of all tracefs_inodes, to which a new one is added in front, and walks it in an
RCU section.  Here the walk begins with one step that takes all inodes there are: one that comes
later is before the first, and not seen by the C either.  For each there is one step, which does
nothing if the inode has been freed meanwhile: the C then writes to what is in memory still, but
led to by nothing, and drop_inode() has seen to it that the walk leaves its ei alone.
So no inode is kept in memory for the walk, and no list is written by everybody who makes one.
What eventfs_inodes the walk comes to is protected as in the C.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from model.tracefs.inode import TRACEFS_EVENT_INODE, TracefsInode, get_tracefs
from model.vfs.attr import Relaxed

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World
    from model.eventfs.refcounted import EventfsInode
    from model.vfs.objects import Inode, SuperBlock


class TracefsInodes(Location):
    """All inodes of tracefs.  Making one reads this and walking them writes it: so inodes are made
    independently of each other."""

    __slots__ = ()

    def __init__(self, world: World) -> None:
        super().__init__(world, None, "tracefs_inodes")

    async def add(self, inode: Inode) -> None:
        """A new inode; within the step that made it.  C: tracefs_alloc_inode()."""
        self.world.acc.append(self.reading)

    def all(self, sb: SuperBlock) -> Operation:
        """`inodes = await tracefs_inodes.all(sb)`"""
        return _All(self, sb)


class _All(Operation):
    __slots__ = ("loc", "sb")

    orders = RELAXED
    kind = "list_for_each_entry_rcu"
    loc: TracefsInodes

    def __init__(self, loc: TracefsInodes, sb: SuperBlock) -> None:
        self.loc = loc
        self.sb = sb

    def run(self, task: Task, touched: list[int]) -> tuple[TracefsInode, ...]:
        touched.append(self.loc.writing)
        found = [
            thing
            for thing in self.sb.world.objects
            if isinstance(thing, TracefsInode) and thing.i_sb is self.sb and thing.alive
        ]
        return tuple(sorted(found, key=lambda inode: inode.life.number))

    def describe(self) -> str:
        return f"{self.kind}(tracefs_inodes)"


async def update_inode(
    ti: TracefsInode, *, uid: int | None, gid: int | None, writes: bool
) -> EventfsInode | None:
    """Give an inode its new owner, and tell what eventfs_inode it leads to, if it is in use.

    C: the body of the loop in tracefs_apply_options(), up to the call of eventfs_remount().
    """

    def update() -> object:
        ti.world.acc.append(ti.life.reading)
        if not ti.alive:
            return None
        if writes and uid is not None:
            ti.i_uid = uid
        if writes and gid is not None:
            ti.i_gid = gid
        return ti.private if ti.flags & TRACEFS_EVENT_INODE else None

    ei: EventfsInode | None = await Relaxed("tracefs_apply_options", ti, update)
    return ei


async def clear_set_flags(ti: TracefsInode) -> None:
    """What a user has set counts no more: a load and a store of `flags`, without a lock.

    What somebody else writes between them is lost.  Who has dropped the inode writes there, too;
    where it is freed then, nobody reads its flags again, and this need not be seen.
    C: ti->flags &= ~TRACEFS_UID_PERM_SET in tracefs_apply_options().
    """
    flags = await Relaxed("load flags", ti, partial(_load_flags, ti))
    await Relaxed("store flags", ti, partial(_store_flags, ti, flags))


def _load_flags(ti: TracefsInode) -> int | None:
    ti.world.acc.append(ti.life.reading)
    return ti.flags if ti.alive else None


def _store_flags(ti: TracefsInode, flags: int | None) -> None:
    ti.world.acc.append(ti.life.reading)
    if flags is not None and ti.alive:
        ti.flags = flags


async def clear_event_inode(inode: Inode, where: str = "tracefs_drop_inode") -> None:
    """A remount may not follow the inode's `private` any more."""
    await Relaxed(where, inode, partial(_clear, get_tracefs(inode)))


def _clear(ti: TracefsInode) -> None:
    ti.flags &= ~TRACEFS_EVENT_INODE
