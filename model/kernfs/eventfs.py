"""eventfs on kernfs: the port that the mails argue for, as far as anybody drafted it.

Source: the draft of 31 January 2024, which was not merged; fs/kernfs, 6.8.

Each directory `events` is a kernfs tree of its own, hung into tracefs.  What kernfs promises is
what the designs of eventfs leave to the tracing core: when a directory has been removed, nothing
is at work in its files any more, and nothing will be.  So the tracing core needs no references of
its own (`TracingRelease`: none of them).  The price is a node for each file, and that removal
waits for what is at work, holding whatever its caller holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lockwright.core.location import Value
from lockwright.core.world import World
from model.kernfs.dir import (
    kernfs_activate,
    kernfs_create_dir,
    kernfs_create_file,
    kernfs_create_root,
    kernfs_remove,
)
from model.kernfs.inode import KERNFS_DOPS, kernfs_get_inode
from model.kernfs.mount import KERNFS_SOPS
from model.kernfs.node import KernfsInode, KernfsNode
from model.tracefs.inode import (
    security_locked_down,
    tracefs_end_creating,
    tracefs_failed_creating,
    tracefs_start_creating,
)
from model.vfs.dcache import d_instantiate, d_invalidate, dput
from model.vfs.err import EINVAL, ENOMEM, ERR_PTR, IS_ERR, is_null

if TYPE_CHECKING:
    from model.tracefs.entry import EventfsEntry
    from model.tracing.core import TraceArray, TraceEventFile, TraceSubsystemDir, TracingCore
    from model.vfs.objects import Dentry, SuperBlock

EVENTS_MODE = 0o750


class EventfsKernfs:
    """The port, and its `EventTree`; a handle is a kernfs node.

    With `removes_under_event_mutex`, as the tracing core calls it, removal waits for operations
    that may be waiting for event_mutex.  Without, the locks of the tracing core are dropped while
    a directory is removed, as tracefs drops those of the VFS for mkdir and rmdir; then something
    else would have to keep two removers of one event apart, and nothing here does.
    Left out: mount options, which kernfs has none of.
    """

    dentry_operations = KERNFS_DOPS
    super_operations = KERNFS_SOPS

    def __init__(self, world: World, *, removes_under_event_mutex: bool = True) -> None:
        self.world = world
        self.removes_under_event_mutex = removes_under_event_mutex
        self.tree = self

    async def remount(
        self,
        sb: SuperBlock,
        *,
        uid: int | None = None,
        gid: int | None = None,
        mode: int | None = None,
    ) -> int:
        """Owners and modes of nodes are the nodes' own."""
        return 0

    async def create_events_dir(self, tr: TraceArray, parent: Dentry) -> Value:
        """A tree, and the dentry in tracefs that leads to its root."""
        if await security_locked_down(parent.d_sb):
            return None  # NULL
        kn = await kernfs_create_root(self.world, create_deactivated=True)
        if is_null(kn):
            return ERR_PTR(KernfsNode, -ENOMEM)
        dentry = await tracefs_start_creating("events", parent)
        if IS_ERR(dentry):
            await kernfs_remove(kn)
            return dentry
        kn.mode = EVENTS_MODE
        kn.i_private = tr
        kn.root.mountpoint = dentry
        inode: KernfsInode | None = None
        if not await self._add_files(kn, tr.entries.events, tr):
            inode = await kernfs_get_inode(parent.d_sb, kn, dentry.path)
        if inode is None:
            await kernfs_remove(kn)
            await tracefs_failed_creating(dentry)
            return ERR_PTR(KernfsNode, -ENOMEM)
        await d_instantiate(dentry, inode)
        await tracefs_end_creating(dentry)
        return kn

    async def create_system_dir(self, tr: TraceArray, system: TraceSubsystemDir) -> Value:
        """The directory of a system, in the instance's `events`."""
        above = cast("KernfsNode", tr.event_dir)
        return await self._create_dir(above, system.name, tr.entries.system, system)

    async def create_event_dir(self, file: TraceEventFile, system: TraceSubsystemDir) -> Value:
        """The directory of an event, in that of its system."""
        above = cast("KernfsNode", system.ei)
        return await self._create_dir(above, file.name, file.tr.entries.event, file)

    async def _create_dir(
        self, above: KernfsNode, name: str, entries: tuple[EventfsEntry, ...], data: Value
    ) -> Value:
        """Nobody sees the directory before all its files are there."""
        if is_null(above):
            return ERR_PTR(KernfsNode, -EINVAL)
        kn = await kernfs_create_dir(above, name, EVENTS_MODE, data)
        if IS_ERR(kn):
            return kn
        error = await self._add_files(kn, entries, data)
        if error:
            await kernfs_remove(kn)
            return ERR_PTR(KernfsNode, error)
        return kn

    async def _add_files(
        self, kn: KernfsNode, entries: tuple[EventfsEntry, ...], data: Value
    ) -> int:
        """Make the files of a directory, and activate it."""
        for entry in entries:
            file = await entry.callback(entry.name, data)
            if file is None:
                continue
            made = await kernfs_create_file(
                kn, entry.name, file.mode & 0o7777, file.fops, file.data
            )
            if IS_ERR(made):
                return -ENOMEM
        await kernfs_activate(kn)
        return 0

    async def remove_event_dir(self, file: TraceEventFile) -> None:
        """An event goes."""
        await self._remove(file.tr.core, cast("KernfsNode", file.ei))

    async def remove_system_dir(self, system: TraceSubsystemDir) -> None:
        """The last event of a system has gone, and so does the system."""
        await self._remove(system.tr.core, cast("KernfsNode", system.ei))

    async def remove_events_dir(self, tr: TraceArray) -> None:
        """An instance goes."""
        kn = cast("KernfsNode", tr.event_dir)
        if is_null(kn):
            return
        dentry = kn.root.mountpoint
        await self._remove(tr.core, kn)
        await d_invalidate(dentry)
        await dput(dentry)

    async def _remove(self, core: TracingCore, kn: KernfsNode) -> None:
        if is_null(kn):
            return
        if self.removes_under_event_mutex:
            await kernfs_remove(kn)
            return
        await core.trace_event_sem.up_write()
        await core.trace_types_lock.unlock()
        await core.event_mutex.unlock()
        await kernfs_remove(kn)
        await core.event_mutex.lock()
        await core.trace_types_lock.lock()
        await core.trace_event_sem.down_write()
