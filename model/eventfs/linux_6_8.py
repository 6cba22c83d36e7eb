"""eventfs of Linux 6.8: the dcache is only a cache, and references keep an eventfs_inode.

Source: fs/tracefs/event_inode.c, fs/tracefs/inode.c, 6.8.

`eventfs_mutex` guards the tree and is held through a whole lookup; listing walks the children
under `eventfs_srcu` alone.  A removed directory's dentries stay where they are, until somebody
meets them and d_revalidate() says that they are stale.
`references.py` has who holds an eventfs_inode, `attributes.py` modes and owners.
Later releases subclass: what a method here does not say of itself, they did not change.
Left out: fsnotify, and times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.world import World
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from model.eventfs.attributes import Attributes
from model.eventfs.refcounted import (
    EVENTFS_FILE_INODE_INO,
    EVENTFS_TOPLEVEL,
    LEVEL_MAX,
    Attr,
    EventfsInode,
    WarnOn,
    private_ei,
    use,
)
from model.eventfs.references import NO_EI
from model.tracefs.inode import (
    TRACEFS_EVENT_INODE,
    TracefsInode,
    get_tracefs,
    security_locked_down,
    tracefs_end_creating,
    tracefs_failed_creating,
    tracefs_get_inode,
    tracefs_start_creating,
)
from model.tracing.entry_tree import Entries, EventTree
from model.vfs.attr import inc_nlink
from model.vfs.dcache import d_add, d_instantiate, d_invalidate, dput
from model.vfs.err import EBUSY, EINVAL, EIO, ENOMEM, ERR_PTR, IS_ERR, PTR_ERR, is_null
from model.vfs.objects import (
    S_IFDIR,
    S_IFREG,
    Dentry,
    File,
    FileOperations,
    Inode,
    InodeOperations,
    SuperBlock,
    SuperOperations,
)
from model.vfs.readdir import DT_DIR, DT_REG, DirContext, dir_emit_dots

if TYPE_CHECKING:
    from model.tracefs.entry import EntryFile

DIR_MODE = S_IFDIR | 0o755
NO_DENTRY: Dentry = None  # type: ignore[assignment]  # NULL
NO_INODE: TracefsInode = None  # type: ignore[assignment]  # NULL


class Eventfs68(Attributes):
    """The statics of event_inode.c, and its functions.

    Before it was merged: with `caches_misses` a name that is not there is hashed as a negative
    dentry.
    As released, and mended since: `list_del_rcu` and `list_add_rcu`, how children leave the list
    and come on it; `returns_ebusy`, what creating below a freed parent gives instead of NULL;
    `walks_safely`, whether a removal knows the next child before it removes one;
    `lockdown_first`, whether lockdown is tested before the parent is locked.
    """

    def __init__(
        self,
        world: World,
        *,
        caches_misses: bool = False,
        list_del_rcu: bool = False,
        list_add_rcu: bool = False,
        returns_ebusy: bool = False,
        walks_safely: bool = False,
        lockdown_first: bool = False,
        **switches: bool,
    ) -> None:
        super().__init__(world, **switches)
        self.tree = EventTree(self)
        self.caches_misses = caches_misses
        self.list_del_rcu = list_del_rcu
        self.list_add_rcu = list_add_rcu
        self.returns_ebusy = returns_ebusy
        self.walks_safely = walks_safely
        self.lockdown_first = lockdown_first
        self.super_operations = SuperOperations()
        self.stopped = 0
        self.dir_inode_operations = InodeOperations(
            lookup=self.eventfs_root_lookup,
            setattr=self.eventfs_set_attr,
            getattr=self.eventfs_get_attr,
            permission=self.set_top_events_ownership,
        )
        self.file_inode_operations = InodeOperations(setattr=self.eventfs_set_attr)
        self.file_operations = FileOperations(iterate_shared=self.eventfs_iterate)

    async def eventfs_get_inode(
        self, dentry: Dentry, attr: Attr | None, mode: int, ei: EventfsInode | None
    ) -> TracefsInode:
        """An inode for a directory, or for a file, which has no ei; NULL without memory.

        C: tracefs_get_inode(), update_inode_attr() and what 6.8 has twice in its callers.
        """
        ti = await tracefs_get_inode(dentry.d_sb, dentry.path)
        if is_null(ti):
            return ti
        ti.flags |= TRACEFS_EVENT_INODE
        if ei is not None:
            ti.private = ei
        await self.update_inode_attr(dentry, ti, attr, mode)
        return ti

    async def eventfs_dir_ino(self, ei: EventfsInode, sb: SuperBlock) -> int:
        """The number of a directory, drawn when it is first asked for.

        Lookup has the mutex, a listing has not; both read and write plainly in the C.
        """
        ino: int = await READ_ONCE(ei, "ino")
        if not ino:
            ino = self.draw_ino(sb)
            await WRITE_ONCE(ei, "ino", ino)
        return ino

    def draw_ino(self, sb: SuperBlock) -> int:
        """A new number."""
        return sb.next_ino()

    async def lookup_file(
        self, dentry: Dentry, ei: EventfsInode, idx: int, file: EntryFile
    ) -> Dentry:
        """Make the inode of a file, and publish it.  The caller holds the mutex.

        C: lookup_file_dentry(), lookup_file().
        """
        attr = None if is_null(ei.entry_attrs) else ei.entry_attrs.attrs[idx]
        inode = await self.eventfs_get_inode(dentry, attr, file.mode | S_IFREG, None)
        if is_null(inode):
            return ERR_PTR(Dentry, -ENOMEM)
        inode.i_op = self.file_inode_operations
        inode.i_fop = file.fops
        inode.i_private = file.data
        inode.i_ino = EVENTFS_FILE_INODE_INO
        dentry.d_fsdata = await self.get_ei(ei)
        await d_add(dentry, inode)
        return NO_DENTRY

    async def lookup_dir_entry(self, dentry: Dentry, ei: EventfsInode) -> Dentry:
        """Make the inode of a directory, and publish it.  The caller holds the mutex."""
        inode = await self.eventfs_get_inode(dentry, ei.attr, DIR_MODE, ei)
        if is_null(inode):
            return ERR_PTR(Dentry, -ENOMEM)
        inode.i_dir = True
        inode.i_op = self.dir_inode_operations
        inode.i_fop = self.file_operations
        inode.i_ino = await self.eventfs_dir_ino(ei, dentry.d_sb)
        dentry.d_fsdata = await self.get_ei(ei)
        await d_add(dentry, inode)
        return NO_DENTRY

    async def eventfs_root_lookup(self, dir: Inode, dentry: Dentry, flags: int) -> Dentry:
        """Find a name, and make its inode.  The caller holds dir's i_rwsem.

        What is not found stays unhashed, and is looked for again next time.
        """
        ti = get_tracefs(dir)
        if not ti.flags & TRACEFS_EVENT_INODE:
            await WarnOn(self.world, "!(ti->flags & TRACEFS_EVENT_INODE)")
            return ERR_PTR(Dentry, -EIO)
        await self.mutex.lock()
        result = await self._lookup(ti, dentry)
        if self.caches_misses and is_null(result) and dentry.d_in_lookup:
            await d_add(dentry, None)
        await self.mutex.unlock()
        return result

    async def _lookup(self, ti: TracefsInode, dentry: Dentry) -> Dentry:
        ei = private_ei(ti)
        if ei is None or ei.is_freed:
            return NO_DENTRY
        name = dentry.d_name
        for child in ei.children.entries():
            if child.d_name.text == name:
                if child.is_freed:
                    await WarnOn(self.world, "ei_child->is_freed")
                    return NO_DENTRY
                return await self.lookup_dir_entry(dentry, child)
        for idx in range(ei.nr_entries):
            entry = ei.entries[idx]
            if entry.name == name:
                file = await entry.callback(name, ei.data)
                if file is None:
                    return NO_DENTRY
                return await self.lookup_file(dentry, ei, idx, file)
        return NO_DENTRY

    # Listing.

    async def eventfs_iterate(self, file: File, ctx: DirContext) -> int:
        """List the files that there are, then the children.  The caller holds i_rwsem shared.

        The position counts entries, whether they are there or not, and then children.
        """
        if not await dir_emit_dots(file, ctx):
            return 0
        ti = get_tracefs(file.f_inode)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return -EINVAL
        idx = await self.srcu.read_lock()
        ret = await self._iterate(ti, ctx)
        await self.srcu.read_unlock(idx)
        return ret

    async def _iterate(self, ti: TracefsInode, ctx: DirContext) -> int:
        c = ctx.pos - 2
        await self.mutex.lock()
        ei = private_ei(ti)
        if ei is not None and ei.is_freed:
            ei = None
        await self.mutex.unlock()
        if ei is None:
            return -EINVAL
        for idx in range(c, ei.nr_entries):
            entry = ei.entries[idx]
            await self.mutex.lock()
            if ei.is_freed:
                await self.mutex.unlock()
                return self.stopped
            found = await entry.callback(entry.name, ei.data)
            await self.mutex.unlock()
            if found is not None:
                if not await ctx.emit(entry.name, EVENTFS_FILE_INODE_INO, DT_REG):
                    return self.stopped
            ctx.pos += 1
        c -= min(c, ei.nr_entries)
        return await self._iterate_children(ei, c, ctx, ti.i_sb)

    async def _iterate_children(
        self, ei: EventfsInode, c: int, ctx: DirContext, sb: SuperBlock
    ) -> int:
        """The children from number `c` on, without the mutex.

        is_freed is read plainly in the C: a child that goes now may be listed or not.
        """
        child: EventfsInode | None = await ei.children.first_srcu(self.srcu.read_lock_held())
        while child is not None:
            if not await self.goes_on(ei):
                return self.stopped
            child = use(child)
            if c > 0:
                c -= 1
            else:
                ctx.pos += 1
                if not await READ_ONCE(child, "is_freed"):
                    ino = await self.eventfs_dir_ino(child, sb)
                    if not await ctx.emit(child.d_name.text, ino, DT_DIR):
                        ctx.pos -= 1
                        return self.stopped
            child = await ei.children.next(child)
        return 1

    async def goes_on(self, ei: EventfsInode) -> bool:
        """May a child that was just read be used?  6.8 takes it for granted."""
        return True

    # Creation and removal.

    async def alloc_root_ei(self, name: str, parent: Dentry) -> EventfsInode:
        """That of an events directory; 6.8 notes whether it belongs to the top instance."""
        ei = await self.alloc_ei(name)
        if not is_null(ei):
            ei.is_events = True
            inode = parent.d_inode
            top = EVENTFS_TOPLEVEL if parent is parent.d_sb.s_root else 0
            ei.attr = Attr(top, inode.i_uid, inode.i_gid)
        return ei

    async def eventfs_create_dir(
        self, name: str, parent: EventfsInode, entries: Entries, data: object
    ) -> EventfsInode:
        """Add a directory below another one; an error pointer or NULL if that cannot be."""
        if is_null(parent):
            return ERR_PTR(EventfsInode, -EINVAL)
        ei = await self.alloc_ei(name)
        if is_null(ei):
            return ERR_PTR(EventfsInode, -ENOMEM)
        ei.entries = entries
        ei.nr_entries = len(entries)
        ei.data = data
        await self.mutex.lock()
        if not parent.is_freed:
            children = ei.head = parent.children
            add = children.add_tail_rcu if self.list_add_rcu else children.add_tail
            await add(ei)
        await self.mutex.unlock()
        if is_null(ei.head):
            await self.cleanup_ei(ei)
            return ERR_PTR(EventfsInode, -EBUSY) if self.returns_ebusy else NO_EI
        return ei

    async def eventfs_create_events_dir(
        self, name: str, parent: Dentry, entries: Entries, data: object
    ) -> EventfsInode:
        """Create the directory `events` of an instance; its dentry stays until it is removed.

        Tests for lockdown when the parent is locked, and returns with that lock, if not
        `lockdown_first`.
        """
        sb = parent.d_sb
        if self.lockdown_first and await security_locked_down(sb):
            return NO_EI
        dentry = await tracefs_start_creating(name, parent)
        if not self.lockdown_first and await security_locked_down(sb):
            return NO_EI
        if IS_ERR(dentry):
            return ERR_PTR(EventfsInode, PTR_ERR(dentry))
        ei = await self.alloc_root_ei(name, parent)
        inode = NO_INODE if is_null(ei) else await tracefs_get_inode(sb, dentry.path)
        if is_null(inode):
            await self.cleanup_ei(ei)
            await tracefs_failed_creating(dentry)
            return ERR_PTR(EventfsInode, -ENOMEM)
        ei.events_dir = dentry
        ei.entries = entries
        ei.nr_entries = len(entries)
        ei.data = data
        inode.flags |= TRACEFS_EVENT_INODE
        inode.private = ei
        inode.i_dir = True
        inode.i_mode = DIR_MODE
        inode.i_uid, inode.i_gid = parent.d_inode.i_uid, parent.d_inode.i_gid
        inode.i_op = self.dir_inode_operations
        inode.i_fop = self.file_operations
        dentry.d_fsdata = await self.get_ei(ei)
        await d_instantiate(dentry, inode)
        await inc_nlink(parent.d_inode)
        await tracefs_end_creating(dentry)
        return ei

    async def eventfs_remove_rec(self, ei: EventfsInode, level: int) -> None:
        """Unlink a directory and what is below it, children first.  The caller holds the mutex.

        The walk needs the link of a child that has just been removed, if not `walks_safely`.
        """
        if level > LEVEL_MAX:
            await WarnOn(self.world, "level > 3")
            return
        if self.walks_safely:
            for below in ei.children.entries():
                await self.eventfs_remove_rec(below, level + 1)
        else:
            child: EventfsInode | None = await ei.children.first()
            while child is not None:
                await self.eventfs_remove_rec(child, level + 1)
                child = await ei.children.next(child)
        if not is_null(ei.head):
            unlink = ei.head.del_rcu if self.list_del_rcu else ei.head.del_
            await unlink(ei)
        await self.free_ei(ei)

    async def eventfs_remove_dir(self, ei: EventfsInode) -> None:
        """Remove a directory with all that is in it; its dentries are left alone."""
        if is_null(ei):
            return
        await self.mutex.lock()
        await self.eventfs_remove_rec(ei, 0)
        await self.mutex.unlock()

    async def eventfs_remove_events_dir(self, ei: EventfsInode) -> None:
        """Remove the directory `events` of an instance, and let go of its dentry."""
        dentry = ei.events_dir
        if is_null(dentry):
            return
        ei.events_dir = NO_DENTRY
        await self.eventfs_remove_dir(ei)
        await d_invalidate(dentry)
        await dput(dentry)

    async def remount(
        self,
        sb: SuperBlock,
        *,
        uid: int | None = None,
        gid: int | None = None,
        mode: int | None = None,
    ) -> int:
        """Nothing is done below the root: what users have set stays as it is."""
        return 0
