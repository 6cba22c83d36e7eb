"""eventfs of Linux 6.6: its structures, and what the tracing core calls: adding and removing.

Source: fs/tracefs/event_inode.c, 6.6.  `linux_6_6` has what the VFS calls, and the switches.
"""

from __future__ import annotations

from functools import partial
from typing import cast

from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.slab import Field, Slab, kfree
from lockwright.kernel.srcu import Srcu
from model.eventfs.common import (
    DIR_MODE,
    EventfsFile,
    EventfsInode,
    create_events_dir,
    eventfs_prepare_ef,
)
from model.tracefs.inode import (
    TRACEFS_EVENT_INODE,
    TracefsInode,
    get_tracefs,
    security_locked_down,
)
from model.vfs.dcache import d_invalidate, dget, dput
from model.vfs.err import EINVAL, ENODEV, ENOMEM, ERR_PTR, IS_ERR, follow, is_null
from model.vfs.objects import (
    Dentry,
    FileOperations,
    InodeOperations,
    Section,
    SuperBlock,
)

TRACEFS_EVENT_TOP_INODE = 1 << 2

LEVEL_MAX = 3
"""0 events/, 1 events/group/, 2 events/group/event/, 3 events/group/event/file"""


class EventfsFile66(EventfsFile):
    """An eventfs_file without `created`: it is made when `dentry` is set.

    In the C `is_freed` shares its memory with `del_list`, the link of the list of what is being
    removed, and with `rcu`, the head of the SRCU callback.  On the del_list it reads as set.  When
    the callback is queued the link becomes NULL, and is_freed reads as not set, until the next
    callback is queued behind it.  With `freed_bit` it is a bit of its own.
    `uid` and `gid` are there from 6.6.y on; they and `mode` are what a user has set.
    """

    is_freed: Field[bool] = Field(False)
    uid: Field[int] = Field(0)
    gid: Field[int] = Field(0)

    __slots__ = ()

    def fill(self, inode: TracefsInode) -> None:
        """The owner, too."""
        super().fill(inode)
        inode.i_uid = self.uid
        inode.i_gid = self.gid


class DentryList(Slab):
    """struct dentry_list, private_data of an open directory: what the open holds on to.

    `dentries` is the array, which is NULL until there is something to put into it.  `sections`
    counts the open's sections of the directory's i_rwsem that make something; for checks.
    """

    cache = "dentry_list"
    size = 16

    cursor: Field[object] = Field(None)
    dentries: Field[DentryArray] = Field(None)
    sections: Field[int] = Field(0)

    __slots__ = ()


class DentryArray(Slab):
    """The array of a dentry_list, up to its NULL."""

    cache = "dentries"
    size = 64

    items: Field[tuple[Dentry, ...]] = Field(())

    __slots__ = ()


class Tagged:
    """A pointer to the next dentry of a chain, kept in d_fsdata with its lowest bit set."""

    __slots__ = ("next",)

    def __init__(self, after: Dentry | None) -> None:
        self.next = after


class Tree66:
    """The statics, and the functions that add and remove."""

    world: World
    sb: SuperBlock
    mutex: Mutex
    srcu: Srcu
    file_operations: FileOperations
    dir_inode_operations: InodeOperations
    file_inode_operations: InodeOperations | None
    freed_bit: bool
    dput_frees_top: bool
    frees_top_files: bool
    lockdown_first: bool
    checks_lockdown: bool
    list_add_rcu: bool

    def __init__(self, world: World) -> None:
        self.world = world
        self.mutex = Mutex(world, "eventfs_mutex")
        self.srcu = Srcu(world, "eventfs_srcu")

    async def warn(self, what: object, message: str) -> None:
        """WARN()"""
        await Section("WARN", what, lambda task: self.world.warn(task, "warning", message))

    async def eventfs_create_events_dir(self, name: str, parent: Dentry) -> Dentry:
        """The directory `events` of an instance."""
        flags = TRACEFS_EVENT_INODE
        if self.dput_frees_top:
            flags |= TRACEFS_EVENT_TOP_INODE
        return await create_events_dir(
            self, name, parent, flags=flags, lockdown_first=self.lockdown_first
        )

    async def _locked_down(self, sb: SuperBlock) -> bool:
        return self.checks_lockdown and bool(await security_locked_down(sb))

    async def _link(self, ef: EventfsFile66, ei: EventfsInode) -> None:
        """Put it on its directory's list.  The caller holds the mutex."""
        ef.head = ei.e_top_files
        if self.list_add_rcu:
            await ef.head.add_tail_rcu(ef)
        else:
            await ef.head.add_tail(ef)

    async def eventfs_add_subsystem_dir(self, name: str, parent: Dentry) -> EventfsFile66:
        """Add a directory below the events directory."""
        if await self._locked_down(self.sb):
            return None  # type: ignore[return-value]  # NULL
        if is_null(parent):
            return ERR_PTR(EventfsFile66, -EINVAL)
        ei: EventfsInode = await READ_ONCE(get_tracefs(follow(parent.d_inode)), "private")
        ef = await eventfs_prepare_ef(EventfsFile66, self, name, mode=DIR_MODE)
        if not IS_ERR(ef):
            await self.mutex.lock()
            await self._link(ef, ei)
            await WRITE_ONCE(ef, "d_parent", parent)
            await self.mutex.unlock()
        return ef

    async def _add(self, ef: EventfsFile66, ef_parent: EventfsFile66) -> None:
        """What add_dir and add_file end with."""
        await self.mutex.lock()
        await self._link(ef, ef_parent.ei)
        await WRITE_ONCE(ef, "d_parent", ef_parent.dentry)
        await self.mutex.unlock()

    async def eventfs_add_dir(self, name: str, ef_parent: EventfsFile66) -> EventfsFile66:
        """Add a directory; its parent's dentry, if there is one now, is remembered."""
        if await self._locked_down(self.sb):
            return None  # type: ignore[return-value]  # NULL
        if is_null(ef_parent):
            return ERR_PTR(EventfsFile66, -EINVAL)
        ef = await eventfs_prepare_ef(EventfsFile66, self, name, mode=DIR_MODE)
        if not IS_ERR(ef):
            await self._add(ef, ef_parent)
        return ef

    async def eventfs_add_events_file(
        self, name: str, parent: Dentry, data: object, fop: FileOperations, *, mode: int
    ) -> int:
        """Add a file to the events directory; 0 or an errno."""
        if await self._locked_down(self.sb):
            return -ENODEV
        if is_null(parent) or is_null(parent.d_inode):
            return -EINVAL
        ti = get_tracefs(parent.d_inode)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return -EINVAL
        ei: EventfsInode = await READ_ONCE(ti, "private")
        ef = await eventfs_prepare_ef(EventfsFile66, self, name, fop=fop, data=data, mode=mode)
        if IS_ERR(ef):
            return -ENOMEM
        await self.mutex.lock()
        await self._link(ef, ei)
        await WRITE_ONCE(ef, "d_parent", parent)
        await self.mutex.unlock()
        return 0

    async def eventfs_add_file(
        self, name: str, ef_parent: EventfsFile66, data: object, fop: FileOperations, *, mode: int
    ) -> int:
        """Add a file; 0 or an errno."""
        if await self._locked_down(self.sb):
            return -ENODEV
        if is_null(ef_parent):
            return -EINVAL
        ef = await eventfs_prepare_ef(EventfsFile66, self, name, fop=fop, data=data, mode=mode)
        if IS_ERR(ef):
            return -ENOMEM
        await self._add(ef, ef_parent)
        return 0

    async def eventfs_remove_rec(
        self, ef: EventfsFile66, head: list[EventfsFile66], level: int
    ) -> None:
        """Take an ef and what is below it off their lists, children first.

        The caller holds the mutex.  `head` is the list that del_list links into.
        """
        if is_null(ef):
            return
        if level > LEVEL_MAX:
            return
        if not is_null(ef.ei):
            for ef_child in ef.ei.e_top_files.entries():
                await self.eventfs_remove_rec(cast("EventfsFile66", ef_child), head, level + 1)
        await ef.head.del_rcu(ef)
        ef.is_freed = True
        head.append(ef)

    async def free_ef(self, ef: EventfsFile66) -> None:
        """The SRCU callback."""
        if not is_null(ef.ei):
            await kfree(ef.ei)
        await kfree(ef)

    async def eventfs_remove(self, ef: EventfsFile66) -> None:
        """Remove a file or directory with all that is in it.

        Its dentries are chained by d_fsdata, with a reference on each, while the mutex is held,
        and invalidated when it is not.

        The callbacks are queued in one section of the mutex, each behind the other; the last one
        stays the last.  Left out: that the next removal on the same CPU may find it still there,
        and queue behind it: on another CPU it would not.
        """
        if is_null(ef):
            return
        await self.mutex.lock()
        del_list: list[EventfsFile66] = []
        await self.eventfs_remove_rec(ef, del_list, 0)
        dentry_list: Dentry | None = None
        for at in del_list:
            dentry = at.dentry
            if not is_null(dentry):
                await dget(dentry)
                dentry.d_fsdata = cast("Slab", Tagged(dentry_list))
                dentry_list = dentry
                at.dentry = None  # type: ignore[assignment]  # NULL
            if not self.freed_bit and at is del_list[-1]:
                at.is_freed = False
            await self.srcu.call_srcu(partial(self.free_ef, at), "free_ef")
        await self.mutex.unlock()
        while dentry_list is not None:
            dentry_list = await self._invalidate(dentry_list)

    async def _invalidate(self, dentry: Dentry) -> Dentry | None:
        """Invalidate and put the first dentry of the chain; the next one."""
        after = cast("Tagged", dentry.d_fsdata).next
        dentry.d_fsdata = None  # type: ignore[assignment]  # NULL
        await d_invalidate(dentry)
        await self.mutex.lock()
        if await Section("d_count", dentry, lambda task: dentry.d_count) < 1:
            await self.warn(dentry, f"{dentry.path} has no reference after d_invalidate()")
        await self.mutex.unlock()
        await dput(dentry)
        return after

    async def eventfs_remove_events_dir(self, dentry: Dentry) -> None:
        """Remove the events directory itself; its last dput() does the rest."""
        if is_null(dentry) or is_null(dentry.d_inode):
            return
        ti = get_tracefs(dentry.d_inode)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return
        ei: EventfsInode = await READ_ONCE(ti, "private")
        await d_invalidate(dentry)
        await dput(dentry)
        if not self.dput_frees_top and not is_null(ei):
            await kfree(ei)

    async def eventfs_set_ef_status_free(self, ti: TracefsInode, dentry: Dentry) -> None:
        """A dentry dies: its ef forgets it.  With that of an events directory its files go."""
        if ti.flags & TRACEFS_EVENT_TOP_INODE and self.dput_frees_top:
            await self._free_top(ti)
            return
        await self.mutex.lock()
        ti_parent = get_tracefs(await READ_ONCE(dentry.d_parent, "d_inode"))
        if ti_parent.flags & TRACEFS_EVENT_INODE:
            await self._forget(dentry)
        await self.mutex.unlock()

    async def _forget(self, dentry: Dentry) -> None:
        ef = cast("EventfsFile66 | Tagged | None", dentry.d_fsdata)
        if ef is None:
            return
        if isinstance(ef, Tagged):
            await self.warn(dentry, f"{dentry.path} dies although its removal holds it")
            return
        dentry.d_fsdata = None  # type: ignore[assignment]  # NULL
        ef.dentry = None  # type: ignore[assignment]  # NULL

    async def _free_top(self, ti: TracefsInode) -> None:
        """What is left in an events directory goes with it: its own files."""
        await self.mutex.lock()
        ei = cast("EventfsInode", ti.private)
        del_list = [cast("EventfsFile66", ef) for ef in ei.e_top_files.entries()]
        for ef in del_list:
            ef.is_freed = True
        await WRITE_ONCE(ti, "private", None)
        await self.mutex.unlock()
        if self.frees_top_files:
            for ef in del_list:
                await self.eventfs_remove(ef)
        await kfree(ei)
