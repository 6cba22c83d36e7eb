"""eventfs of Linux 6.7: directories only; files are made of static entries and callbacks.

Source: fs/tracefs/event_inode.c, 6.7 (5790b1fb3d67 and what mended it until the release).

`eventfs_mutex` guards what an eventfs_inode knows of dentries, and `eventfs_srcu` keeps it in
memory for walkers.  A dentry points to the ei of its directory, the ei to the dentries, and
neither of them counts.  A directory that is opened makes all dentries in it and pins them.
Removal (`linux_6_7_removal.py`) marks, unhashes with simple_recursive_removal(), and leaves the
last dput() to a work item.  Attributes are in `linux_6_7_attr.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.kernel.llist import LList
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.slab import kfree, kmalloc
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.workqueue import Work, WorkQueue
from model.eventfs.directory import (
    DentryList,
    Entries,
    EventfsInode,
    Recycled,
    add_dentries,
    alloc_ei,
    laid_out,
)
from model.eventfs.linux_6_7_create import DIR_MODE, Creation
from model.eventfs.linux_6_7_removal import Removal
from model.eventfs.refcounted import Attr
from model.tracefs.inode import (
    TRACEFS_EVENT_INODE,
    dentry_iput,
    get_tracefs,
    security_locked_down,
    tracefs_end_creating,
    tracefs_failed_creating,
    tracefs_get_inode,
    tracefs_start_creating,
)
from model.tracing.entry_tree import EventTree
from model.vfs.attr import inc_nlink
from model.vfs.dcache import d_instantiate, dget, dput
from model.vfs.err import EBUSY, EINVAL, ENOMEM, ERR_PTR, IS_ERR, PTR_ERR, is_null
from model.vfs.libfs import (
    dcache_dir_close,
    dcache_dir_open,
    dcache_readdir,
    fsnotify,
    simple_lookup,
)
from model.vfs.memory import memory_for
from model.vfs.objects import (
    Dentry,
    DentryOperations,
    File,
    FileOperations,
    Inode,
    InodeOperations,
    SuperOperations,
)

if TYPE_CHECKING:
    from lockwright.core.world import World
    from model.vfs.readdir import DirContext


class Eventfs67(Creation, Removal):
    """The statics of event_inode.c, and its functions.

    As released.  Those switches that `Creation`, `Ownership` and `Removal` do not tell of:
    `stops_at_long_name`: an error of simple_lookup() ends the lookup.
    `locks_whole_open`: an open holds the directory's i_rwsem over all that it creates.
    `fails_by_stage`: a failed creation of `events` follows no pointer that it has not got.
    `gets_events_dentry`: the directory `events` gets a reference more than its creation takes.
    `create_says_busy`: creating below a freed directory gives -EBUSY, not NULL.
    `own_events_removal`: the tracing core removes `events` with the function that drops the
    reference of its creation.
    `recycles_inodes`: the memory of an inode that has died is used for the next one, which
    without `zeroes_inodes` begins with the `private` that was there.
    `bits_fill_int`: `nr_entries` has 30 bits, and shares an int with the two flags.
    `is_64bit`: pointers have 8 bytes, not 4.
    """

    def __init__(
        self,
        world: World,
        *,
        callback_under_mutex: bool = True,
        drops_unused: bool = False,
        freed_has_no_dentry: bool = False,
        stops_at_long_name: bool = True,
        locks_whole_open: bool = True,
        fails_by_stage: bool = True,
        gets_events_dentry: bool = False,
        create_says_busy: bool = False,
        own_freed_bit: bool = True,
        ei_waits_for_dentry: bool = True,
        recursive_removal: bool = True,
        hooks_dentries: bool = False,
        own_events_removal: bool = True,
        allocates_nofs: bool = True,
        inherits_owner: bool = True,
        skips_cursors: bool = True,
        zeroes_inodes: bool = False,
        recycles_inodes: bool = False,
        bits_fill_int: bool = True,
        is_64bit: bool = True,
    ) -> None:
        self.world = world
        self.mutex = Mutex(world, "eventfs_mutex")
        self.srcu = Srcu(world, "eventfs_srcu")
        self.free_list = LList(world, "free_list")
        self.system_unbound_wq = WorkQueue(world, "events_unbound")
        self.eventfs_work = Work(world, "eventfs_work", self.eventfs_workfn)
        self.tree = EventTree(self, own_events_removal=own_events_removal)
        self.callback_under_mutex = callback_under_mutex
        self.drops_unused = drops_unused
        self.freed_has_no_dentry = freed_has_no_dentry
        self.stops_at_long_name = stops_at_long_name
        self.locks_whole_open = locks_whole_open
        self.fails_by_stage = fails_by_stage
        self.gets_events_dentry = gets_events_dentry
        self.create_says_busy = create_says_busy
        self.own_freed_bit = own_freed_bit
        self.ei_waits_for_dentry = ei_waits_for_dentry
        self.recursive_removal = recursive_removal
        self.hooks_dentries = hooks_dentries
        self.allocates_nofs = allocates_nofs
        self.inherits_owner = inherits_owner
        self.skips_cursors = skips_cursors
        self.struct = laid_out(30 if bits_fill_int else 31, 8 if is_64bit else 4)
        self.slabs = Recycled(world, zeroes=zeroes_inodes) if recycles_inodes else None
        self.make_operations()

    def make_operations(self) -> None:
        """The tables of functions."""
        self.dentry_operations = DentryOperations(
            d_iput=dentry_iput(self.eventfs_set_ei_status_free)
        )
        self.super_operations = SuperOperations() if self.slabs is None else self.slabs.operations
        self.dir_inode_operations = InodeOperations(
            lookup=self.eventfs_root_lookup, setattr=self.eventfs_set_attr
        )
        self.file_inode_operations = InodeOperations(setattr=self.eventfs_set_attr)
        self.file_operations = FileOperations(
            open=self.dcache_dir_open_wrapper,
            release=self.eventfs_release,
            iterate_shared=self.dcache_readdir_wrapper,
        )

    # Lookup.

    async def eventfs_root_lookup(self, dir: Inode, dentry: Dentry, flags: int) -> Dentry:
        """Find a name in a directory, and create its inode.  The caller holds dir's i_rwsem."""
        ret: Dentry = None  # type: ignore[assignment]  # NULL
        ti = get_tracefs(dir)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return ret
        idx = await self.srcu.read_lock()
        ei_dentry: Dentry | None = None
        await self.mutex.lock()
        ei: EventfsInode = ti.private  # type: ignore[assignment]  # of a directory
        if not is_null(ei) and not ei.is_freed:
            ei_dentry = ei.dentry
        await self.mutex.unlock()
        if not is_null(ei) and ei_dentry is not None:
            ret = await self._lookup_in(ei, ei_dentry, dir, dentry)
        await self.srcu.read_unlock(idx)
        return ret

    async def _lookup_in(
        self, ei: EventfsInode, ei_dentry: Dentry, dir: Inode, dentry: Dentry
    ) -> Dentry:
        """Directories first; then the entries, of which one may not be there."""
        ret: Dentry = None  # type: ignore[assignment]  # NULL
        name = dentry.d_name
        ei_child: EventfsInode | None = await ei.children.first_srcu(self.srcu.read_lock_held())
        while ei_child is not None:
            if ei_child.name == name:
                ret = await simple_lookup(dir, dentry, 0)
                if not (IS_ERR(ret) and self.stops_at_long_name):
                    await self.create_dir_dentry(ei, ei_child, ei_dentry, lookup=True)
                return ret
            ei_child = await ei.children.next(ei_child)
        for idx, entry in enumerate(ei.entries):
            if entry.name == name:
                found = await self.call(ei, entry)
                if found is None:
                    continue
                ret = await simple_lookup(dir, dentry, 0)
                if not (IS_ERR(ret) and self.stops_at_long_name):
                    await self.create_file_dentry(ei, idx, ei_dentry, found, lookup=True)
                break
        return ret

    # Open directories.

    async def dcache_dir_open_wrapper(self, inode: Inode, file: File) -> int:
        """Create what is in the directory and not there yet, and hold on to all of it."""
        ti = get_tracefs(inode)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return -EINVAL
        if await self.warn_on(not is_null(file.private_data), "private_data is set"):
            return -EINVAL
        idx = await self.srcu.read_lock()
        await self.mutex.lock()
        ei: EventfsInode = ti.private  # type: ignore[assignment]  # of a directory
        await self.mutex.unlock()
        if is_null(ei):
            await self.srcu.read_unlock(idx)
            return -EINVAL
        dlist: DentryList = await kmalloc(
            self.world, lambda: DentryList(self.world, file.name), "dentry_list"
        )
        if is_null(dlist):
            await self.srcu.read_unlock(idx)
            return -ENOMEM
        if self.locks_whole_open:
            await inode.i_rwsem.down_write()
        await self._pin_all(ei, file.f_dentry, dlist)
        if self.locks_whole_open:
            await inode.i_rwsem.up_write()
        await self.srcu.read_unlock(idx)
        ret = await dcache_dir_open(inode, file)
        dlist.cursor = file.private_data
        file.private_data = dlist
        return ret

    async def _pin_all(self, ei: EventfsInode, parent: Dentry, dlist: DentryList) -> None:
        """A dentry that there is no memory to remember keeps the reference for ever.

        `sections` takes a dentry that is there already for one that is to be made.
        """
        ei_child: EventfsInode | None = await ei.children.first_srcu(self.srcu.read_lock_held())
        while ei_child is not None:
            dlist.sections += not self.locks_whole_open
            d = await self.create_dir_dentry(ei, ei_child, parent, lookup=False)
            if not is_null(d) and await add_dentries(dlist, d) < 0:
                break
            ei_child = await ei.children.next(ei_child)
        for nth, entry in enumerate(ei.entries):
            found = await self.call(ei, entry)
            if found is None:
                continue
            dlist.sections += not self.locks_whole_open
            d = await self.create_file_dentry(ei, nth, parent, found, lookup=False)
            if not is_null(d) and await add_dentries(dlist, d) < 0:
                break

    async def dcache_readdir_wrapper(self, file: File, ctx: DirContext) -> int:
        """List what has dentries, those pinned at the open among them."""
        dlist = file.private_data
        assert isinstance(dlist, DentryList), "what the open has set"
        file.private_data = dlist.cursor
        ret = await dcache_readdir(file, ctx)
        dlist.cursor = file.private_data
        file.private_data = dlist
        return ret

    async def eventfs_release(self, inode: Inode, file: File) -> int:
        """Let go of what the open holds."""
        if not get_tracefs(inode).flags & TRACEFS_EVENT_INODE:
            return -EINVAL
        dlist = file.private_data
        if await self.warn_on(not isinstance(dlist, DentryList), "private_data is not set"):
            return -EINVAL
        assert isinstance(dlist, DentryList), "tested above"
        array = dlist.dentries
        if not is_null(array):
            for dentry in array.pinned:
                await dput(dentry)
            await kfree(array)
        file.private_data = dlist.cursor
        await kfree(dlist)
        return await dcache_dir_close(inode, file)

    # Creating directories.

    async def eventfs_create_dir(
        self, name: str, parent: EventfsInode, entries: Entries, data: object
    ) -> EventfsInode:
        """Add a directory.  NULL, or -EBUSY, if its parent has been removed."""
        if is_null(parent):
            return ERR_PTR(EventfsInode, -EINVAL)
        ei: EventfsInode = await alloc_ei(self.world, name, self.struct)
        if is_null(ei):
            return ERR_PTR(EventfsInode, -ENOMEM)
        if not await memory_for(self.world, "eventfs_inode->name") or (
            entries and not await memory_for(self.world, "d_children")
        ):
            await kfree(ei)
            return ERR_PTR(EventfsInode, -ENOMEM)
        ei.fill(entries, data)
        await self.mutex.lock()
        if not parent.is_freed:
            ei.head = parent.children
            await ei.head.add_tail(ei)
            ei.d_parent = parent.dentry
        await self.mutex.unlock()
        if is_null(ei.head):
            await self.free_ei(ei)
            if self.create_says_busy:
                return ERR_PTR(EventfsInode, -EBUSY)
            return None  # type: ignore[return-value]  # NULL
        return ei

    async def eventfs_create_events_dir(
        self, name: str, parent: Dentry, entries: Entries, data: object
    ) -> EventfsInode:
        """Create the directory `events`, whose dentry stays.

        The lockdown test comes when the parent is locked already, and leaves it so.
        """
        dentry = await tracefs_start_creating(name, parent)
        if await security_locked_down(parent.d_sb):
            return None  # type: ignore[return-value]  # NULL
        if IS_ERR(dentry):
            return ERR_PTR(EventfsInode, PTR_ERR(dentry))
        ei: EventfsInode = await alloc_ei(self.world, name, self.struct)
        inode = None if is_null(ei) else await tracefs_get_inode(dentry.d_sb, dentry.path)
        if inode is None or not await self._memory_of(entries):
            await self._events_failed(ei, dentry)
            return ERR_PTR(EventfsInode, -ENOMEM)
        ei.fill(entries, data)
        ei.dentry = dentry
        ei.is_events = True
        above = dentry.d_parent.d_inode
        ei.attr = self.events_attr(above, is_top=parent is parent.d_sb.s_root)
        ti = get_tracefs(inode)
        ti.flags |= TRACEFS_EVENT_INODE
        ti.private = ei
        inode.i_dir = True
        inode.i_mode = DIR_MODE
        inode.i_uid = ei.attr.uid
        inode.i_gid = ei.attr.gid
        inode.i_op = self.dir_inode_operations
        inode.i_fop = self.file_operations
        dentry.d_fsdata = ei
        inode.i_nlink = 2
        await d_instantiate(dentry, inode)
        await inc_nlink(above)
        fsnotify(dentry, "mkdir")
        if self.gets_events_dentry:
            await dget(dentry)
        await tracefs_end_creating(dentry)
        return ei

    async def _memory_of(self, entries: Entries) -> bool:
        """The d_children and the name of `events`.

        By now there is an inode, which nobody puts where these fail.
        """
        if entries and not await memory_for(self.world, "d_children"):
            return False
        return bool(await memory_for(self.world, "eventfs_inode->name"))

    def events_attr(self, above: Inode, *, is_top: bool) -> Attr:
        """The owner of the directory `events`, and of all below that nobody has set."""
        return Attr(0, above.i_uid, above.i_gid)

    async def _events_failed(self, ei: EventfsInode, dentry: Dentry) -> None:
        """The labels at the end of eventfs_create_events_dir(): fail, fail_ei.

        The first of them follows the ei, to free its d_children, which it has not got yet.
        """
        if not is_null(ei):
            await kfree(ei)
        elif not self.fails_by_stage:
            assert not ei.d_children, "an ei that is NULL has no fields"
        await tracefs_failed_creating(dentry)
