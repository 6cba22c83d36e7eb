"""eventfs of Linux 6.6: one mutex, SRCU for readers, dentries put after the mutex is dropped.

Source: fs/tracefs/event_inode.c, 6.6.  Switches take back a fix of 6.6-rc2 to rc4, or make one
that came later (6.6.y, 6.7-rc1 to rc3, 6.8-rc3, 6.19).

`eventfs_mutex` guards `dentry`, `is_freed` and `del_list` of an eventfs_file, changes of the lists
and the `d_fsdata` of events' dentries.  The last dput() of such a dentry takes it, so that nobody
may hold it over a dput(), a d_invalidate() or the making of an inode.  It is meant to guard
`d_parent`, and `private` of an inode, too; lookup and open read these without it, and so they are
read and written with READ_ONCE and WRITE_ONCE here.  `eventfs_srcu` keeps an eventfs_file and its
ei in memory for who walks a list, and for nobody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lockwright.core.world import World
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.slab import kfree, kmalloc
from model.eventfs.common import (
    EventfsInode,
    create_dir,
    create_file,
    dentry_iput,
    set_gid,
)
from model.eventfs.tree_6_6 import DentryArray, DentryList, EventfsFile66, Tree66
from model.tracefs.inode import TRACEFS_EVENT_INODE, get_tracefs
from model.tracing.ef_tree import EfTree
from model.vfs.dcache import d_invalidate, dget, dput
from model.vfs.err import EINVAL, ENODEV, ENOMEM, ERR_PTR, IS_ERR, IS_ERR_OR_NULL, follow, is_null
from model.vfs.libfs import (
    dcache_dir_close,
    dcache_dir_open,
    dcache_readdir,
    simple_lookup,
    simple_setattr,
)
from model.vfs.memory import memory_for
from model.vfs.objects import (
    Dentry,
    File,
    FileOperations,
    Inode,
    InodeOperations,
    SuperBlock,
    SuperOperations,
)

if TYPE_CHECKING:
    from model.vfs.attr import Iattr
    from model.vfs.readdir import DirContext

MODE_BITS = 0o7777


class Eventfs66(Tree66):
    """The functions of event_inode.c that the VFS calls.

    Back to before a fix:
    `remembers_dentries=False`: open notes down nothing, and release puts what is there now.
    `tests_array=False`: release looks into the array of a directory that had nothing in it.
    `dput_frees_top=False`: removing the events directory frees its ei at once.
    `frees_top_files=False`: it leaves the files in the events directory.
    `srcu_iterator=False`: the lists are walked as if under rcu_read_lock().
    `checks_lockdown=False`: only the making of the events directory asks for lockdown.

    Later fixes:
    `freed_bit`: is_freed is a bit of its own, not the link of the SRCU callback.
    `lookup_returns_error`: lookup does not go on after an error of simple_lookup().
    `fills_private_first`: a directory's inode is complete before it is published.
    `refuses_null_parent`: nothing is made at the root for want of a parent.
    `lockdown_first`: the events directory asks for lockdown before it locks its parent.
    `locks_whole_open`: open holds the directory's i_rwsem from the first file to the last.
    `list_add_rcu`: what is put on a list is complete before a reader can see it.
    `single_links`: directories have one link, and lookups tell nobody that they make a file.
    `saves_attributes`: eventfs has a setattr; with `setattr_tests_ef` one that knows that the
    events directory has no ef.
    """

    def __init__(
        self,
        world: World,
        *,
        remembers_dentries: bool = True,
        tests_array: bool = True,
        dput_frees_top: bool = True,
        frees_top_files: bool = True,
        srcu_iterator: bool = True,
        checks_lockdown: bool = True,
        freed_bit: bool = False,
        lookup_returns_error: bool = False,
        fills_private_first: bool = False,
        refuses_null_parent: bool = False,
        lockdown_first: bool = False,
        locks_whole_open: bool = False,
        list_add_rcu: bool = False,
        single_links: bool = False,
        saves_attributes: bool = False,
        setattr_tests_ef: bool = False,
    ) -> None:
        super().__init__(world)
        self.freed_bit = freed_bit
        self.dput_frees_top = dput_frees_top
        self.frees_top_files = frees_top_files
        self.remembers_dentries = remembers_dentries
        self.tests_array = tests_array
        self.srcu_iterator = srcu_iterator
        self.checks_lockdown = checks_lockdown
        self.lookup_returns_error = lookup_returns_error
        self.fills_private_first = fills_private_first
        self.refuses_null_parent = refuses_null_parent
        self.lockdown_first = lockdown_first
        self.locks_whole_open = locks_whole_open
        self.list_add_rcu = list_add_rcu
        self.single_links = single_links
        self.setattr_tests_ef = setattr_tests_ef
        self.file_operations = FileOperations(
            open=self.dcache_dir_open_wrapper,
            release=self.eventfs_release,
            iterate_shared=self.dcache_readdir_wrapper,
        )
        set_attr = self.eventfs_set_attr if saves_attributes else None
        lookup = self.eventfs_root_lookup
        self.dir_inode_operations = InodeOperations(lookup=lookup, setattr=set_attr)
        self.file_inode_operations = InodeOperations(setattr=set_attr)
        self.dentry_operations = dentry_iput(self.eventfs_set_ef_status_free)
        self.super_operations = SuperOperations()
        self.tree = EfTree(self)

    # Walking a list.

    async def _first(self, ei: EventfsInode) -> EventfsFile66 | None:
        files = ei.e_top_files
        held = self.srcu.read_lock_held()
        ef: EventfsFile66 | None = await (
            files.first_srcu(held) if self.srcu_iterator else files.first_rcu()
        )
        return ef

    async def _next(self, ei: EventfsInode, at: EventfsFile66) -> EventfsFile66 | None:
        ef: EventfsFile66 | None = await ei.e_top_files.next(at)
        return ef

    # Making dentries.

    async def eventfs_post_create_dir(self, ef: EventfsFile66) -> None:
        """Tell the children who their parent is.  The caller holds the mutex."""
        for ef_child in ef.ei.e_top_files.entries():
            await WRITE_ONCE(ef_child, "d_parent", ef.dentry)
        await WRITE_ONCE(get_tracefs(follow(ef.dentry.d_inode)), "private", ef.ei)

    async def _create(self, ef: EventfsFile66, parent: Dentry) -> Dentry:
        """The dentry and its inode: create_dir() or create_file().  No mutex."""
        if self.refuses_null_parent and is_null(parent):
            await self.warn(ef, "the parent of a new dentry is NULL")
            return ERR_PTR(Dentry, -EINVAL)
        if is_null(ef.ei):
            dentry = await create_file(self, ef, parent, quiet=self.single_links)
        else:
            dentry = await create_dir(
                self,
                ef,
                parent,
                fills_private=self.fills_private_first,
                quiet=self.single_links,
            )
        return dentry

    async def create_dentry(
        self, ef: EventfsFile66, parent: Dentry, dlist: DentryList | None = None
    ) -> Dentry:
        """The dentry of an ef, which may be there already; NULL if the ef is being removed.

        Lookup, without a `dlist`, has locked the parent, and wants no reference; open has not, and
        keeps one.  The making of the dentry goes through the VFS, whose lookup comes back here:
        for an open it is the inner call that makes it, and the outer one finds it made.
        """
        lookup = dlist is None
        await self.mutex.lock()
        if ef.is_freed:
            await self.mutex.unlock()
            return None  # type: ignore[return-value]  # NULL
        if not is_null(ef.dentry):
            dentry = ef.dentry
            if not lookup:
                await dget(dentry)
            await self.mutex.unlock()
            return dentry
        await self.mutex.unlock()

        if dlist is not None and not self.locks_whole_open:
            dlist.sections += 1
            await parent.d_inode.i_rwsem.down_write()
        dentry = await self._create(ef, parent)
        if dlist is not None and not self.locks_whole_open:
            await parent.d_inode.i_rwsem.up_write()

        await self.mutex.lock()
        if IS_ERR_OR_NULL(dentry):
            dentry = ef.dentry
            if not is_null(dentry) and not lookup:
                await dget(dentry)
            await self.mutex.unlock()
            return dentry
        return await self._publish(ef, dentry, lookup=lookup)

    async def _publish(self, ef: EventfsFile66, dentry: Dentry, *, lookup: bool) -> Dentry:
        """The end of create_dentry(): the ef gets its dentry, unless it has one or is freed.

        The caller holds the mutex, which is dropped.
        """
        invalidate = not is_null(ef.dentry) or ef.is_freed
        if not invalidate:
            ef.dentry = dentry
            if not is_null(ef.ei):
                await self.eventfs_post_create_dir(ef)
            dentry.d_fsdata = ef
        elif not ef.is_freed:
            await self.warn(ef, f"{dentry.path} has a dentry already")
        await self.mutex.unlock()
        if invalidate:
            await d_invalidate(dentry)
        if lookup or invalidate:
            await dput(dentry)
        return None if invalidate else dentry  # type: ignore[return-value]  # NULL

    async def match_event_file(self, ef: EventfsFile66, name: str) -> bool:
        """Has it this name, and is it not being removed?"""
        await self.mutex.lock()
        ret = not ef.is_freed and ef.filename == name
        await self.mutex.unlock()
        return ret

    # The VFS's calls.

    async def eventfs_root_lookup(self, dir: Inode, dentry: Dentry, flags: int) -> Dentry:
        """Find a name in a directory, and make its inode.  The caller holds dir's i_rwsem.

        What nobody is called stays unhashed: a miss is not cached.
        """
        ret: Dentry = None  # type: ignore[assignment]  # NULL
        ti = get_tracefs(dir)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return ret
        ei: EventfsInode = await READ_ONCE(ti, "private")
        idx = await self.srcu.read_lock()
        ef = await self._first(ei)
        while ef is not None:
            if await self.match_event_file(ef, dentry.d_name):
                ret = await simple_lookup(dir, dentry, flags)
                if not (self.lookup_returns_error and IS_ERR(ret)):
                    await self.create_dentry(ef, await READ_ONCE(ef, "d_parent"))
                break
            ef = await self._next(ei, ef)
        await self.srcu.read_unlock(idx)
        return ret

    async def dcache_dir_open_wrapper(self, inode: Inode, file: File) -> int:
        """Make what is in the directory, hold on to all of it, and remember that."""
        ti = get_tracefs(inode)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return -EINVAL
        if not is_null(file.private_data):
            await self.warn(file.f_dentry, "a directory is opened that has private data")
            return -EINVAL
        world = self.world
        dlist: DentryList = await kmalloc(
            world, lambda: DentryList(world, file.name), "dentry_list"
        )
        if is_null(dlist):
            return -ENOMEM
        ei: EventfsInode = await READ_ONCE(ti, "private")
        idx = await self.srcu.read_lock()
        if self.locks_whole_open:
            dlist.sections = 1
            await inode.i_rwsem.down_write()
        ef = await self._first(ei)
        while ef is not None:
            d = await self.create_dentry(ef, file.f_dentry, dlist)
            if not is_null(d) and not await self._remember(dlist, d):
                break
            ef = await self._next(ei, ef)
        if self.locks_whole_open:
            await inode.i_rwsem.up_write()
        await self.srcu.read_unlock(idx)
        ret = await dcache_dir_open(inode, file)
        dlist.cursor = file.private_data
        file.private_data = dlist
        return ret

    async def _remember(self, dlist: DentryList, d: Dentry) -> bool:
        """Add a dentry to the array, which krealloc() makes or lets grow; False without memory."""
        if not self.remembers_dentries:
            return True
        array = dlist.dentries
        if is_null(array):
            world = self.world
            array = await kmalloc(world, lambda: DentryArray(world, d.path), "dentries")
            if is_null(array):
                return False
            dlist.dentries = array
        elif not await memory_for(self.world, "dentries"):
            return False
        array.items = (*array.items, d)
        return True

    async def dcache_readdir_wrapper(self, file: File, ctx: DirContext) -> int:
        """List by the cursor, which the dentry_list stands in front of."""
        dlist = file.private_data
        if not isinstance(dlist, DentryList):
            await self.warn(file.f_dentry, "a directory is listed that has no private data")
            return -EINVAL
        file.private_data = dlist.cursor
        ret = await dcache_readdir(file, ctx)
        dlist.cursor = file.private_data
        file.private_data = dlist
        return ret

    async def eventfs_release(self, inode: Inode, file: File) -> int:
        """Let go of what the open has noted down, or else of whatever is in the directory now."""
        ti = get_tracefs(inode)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return -EINVAL
        dlist = file.private_data
        if not isinstance(dlist, DentryList):
            await self.warn(file.f_dentry, "a directory is closed that has no private data")
            return -EINVAL
        if self.remembers_dentries:
            await self._put_remembered(dlist)
        else:
            await self._put_what_is_there(await READ_ONCE(ti, "private"))
        file.private_data = dlist.cursor
        await kfree(dlist)
        return await dcache_dir_close(inode, file)

    async def _put_remembered(self, dlist: DentryList) -> None:
        array = dlist.dentries
        if self.tests_array and is_null(array):
            return
        for dentry in array.items:
            await dput(dentry)
        await kfree(array)

    async def _put_what_is_there(self, ei: EventfsInode) -> None:
        idx = await self.srcu.read_lock()
        ef = await self._first(ei)
        while ef is not None:
            await self.mutex.lock()
            dentry = ef.dentry
            await self.mutex.unlock()
            if not is_null(dentry):
                await dput(dentry)
            ef = await self._next(ei, ef)
        await self.srcu.read_unlock(idx)

    async def eventfs_set_attr(self, dentry: Dentry, attr: Iattr) -> int:
        """chmod() and chown(): set them, and remember it.  The caller holds the inode's i_rwsem.

        C: eventfs_set_attr(), 6.6.y.
        """
        await self.mutex.lock()
        ef = cast("EventfsFile66", dentry.d_fsdata)
        if not (self.setattr_tests_ef and is_null(ef)) and ef.is_freed:
            await self.mutex.unlock()
            return -ENODEV
        ret = await simple_setattr(dentry, attr)
        if not ret and not is_null(ef):
            _save(ef, attr)
        await self.mutex.unlock()
        return ret

    async def remount(
        self,
        sb: SuperBlock,
        *,
        uid: int | None = None,
        gid: int | None = None,
        mode: int | None = None,
    ) -> int:
        """Beside the root, which the caller has done: the group of what has an inode now."""
        if gid is not None:
            await set_gid(sb.s_root, gid)
        return 0


def _save(ef: EventfsFile66, attr: Iattr) -> None:
    """Remember what a user sets.  The caller holds the mutex."""
    if attr.mode is not None:
        ef.mode = (ef.mode & ~MODE_BITS) | (attr.mode & MODE_BITS)
    if attr.uid is not None:
        ef.uid = attr.uid
    if attr.gid is not None:
        ef.gid = attr.gid
