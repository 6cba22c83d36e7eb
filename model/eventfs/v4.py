"""eventfs v4 (13 July 2023): one mutex for writers, SRCU for readers, a work item that frees.

Source: fs/tracefs/event_inode.c of the v4 series, the whole file.

`eventfs_mutex` guards changes of the lists, and what lookup and open write to `created`, `dentry`
and `d_parent`; d_iput() writes `created` and `dentry` without it, and lookup, open and release
read them without it.  `eventfs_srcu` keeps an eventfs_file in memory, but not its dentry, which
nobody holds a reference on, nor the ei of the events directory, which is freed at once.
"""

from __future__ import annotations

from functools import partial

from lockwright.core.world import World
from lockwright.kernel.llist import LList
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.slab import kfree
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.workqueue import Work, WorkQueue
from model.eventfs.common import (
    DIR_MODE,
    EventfsFile,
    EventfsInode,
    _set_ef_status_free,
    create_dir,
    create_events_dir,
    create_file,
    dentry_iput,
    eventfs_prepare_ef,
    set_gid,
)
from model.tracefs.inode import TRACEFS_EVENT_INODE, TracefsInode, get_tracefs
from model.tracing.ef_tree import EfTree
from model.vfs.dcache import d_invalidate, dget, dput
from model.vfs.err import EINVAL, ENOMEM, ERR_PTR, IS_ERR, IS_ERR_OR_NULL, follow, is_null
from model.vfs.libfs import dcache_dir_close, dcache_dir_open, dcache_readdir, simple_lookup
from model.vfs.objects import (
    Dentry,
    File,
    FileOperations,
    Inode,
    InodeOperations,
    SuperBlock,
    SuperOperations,
)

LEVEL_MAX = 3
"""0 events/, 1 events/group/, 2 events/group/event/, 3 events/group/event/file"""


class Eventfs4:
    """The statics of event_inode.c, and its functions.

    With `iput_locks` d_iput() takes the mutex, as the table of who guards what would have it, and
    without `iput_marks` it writes plainly what others read without the mutex, as the C does.
    Without `worker_puts` the work item frees only; with `worker_invalidates` it is the work item
    that unhashes what was removed, as in a version that was tried.  With `list_add_rcu` what is
    put on a list is complete before a reader can see it.
    """

    sb: SuperBlock
    file_inode_operations: InodeOperations | None = None

    def __init__(
        self,
        world: World,
        *,
        iput_locks: bool = False,
        iput_marks: bool = True,
        worker_puts: bool = True,
        worker_invalidates: bool = False,
        list_add_rcu: bool = False,
    ) -> None:
        self.world = world
        self.mutex = Mutex(world, "eventfs_mutex")
        self.srcu = Srcu(world, "eventfs_srcu")
        self.free_list: LList[EventfsFile] = LList(world, "free_list")
        self.system_unbound_wq = WorkQueue(world, "events_unbound")
        self.eventfs_work = Work(world, "eventfs_work", self.eventfs_workfn)
        self.file_operations = FileOperations(
            open=self.dcache_dir_open_wrapper,
            release=self.eventfs_release,
            iterate_shared=dcache_readdir,
        )
        self.dir_inode_operations = InodeOperations(lookup=self.eventfs_root_lookup)
        self.dentry_operations = dentry_iput(self.eventfs_set_ef_status_free)
        self.super_operations = SuperOperations()
        self.tree = EfTree(self)
        self.iput_locks = iput_locks
        self.iput_marks = iput_marks
        self.worker_puts = worker_puts
        self.worker_invalidates = worker_invalidates
        self.list_add_rcu = list_add_rcu

    async def eventfs_set_ef_status_free(self, ti: TracefsInode, dentry: Dentry) -> None:
        """A dentry dies: its ef forgets it."""
        if self.iput_locks:
            await self.mutex.lock()
        await _set_ef_status_free(dentry, marked=self.iput_marks)
        if self.iput_locks:
            await self.mutex.unlock()

    async def eventfs_post_create_dir(self, ef: EventfsFile) -> None:
        """Tell the children who their parent is.  The caller holds the mutex.

        The children are walked by links in the C; the mutex keeps the list as it is, so that
        walking them in one step is the same.
        """
        dentry: Dentry = await READ_ONCE(ef, "dentry")
        for ef_child in ef.ei.e_top_files.entries():
            ef_child.d_parent = dentry
        await WRITE_ONCE(get_tracefs(follow(dentry.d_inode)), "private", ef.ei)

    async def _create(self, ef: EventfsFile, parent: Dentry) -> Dentry:
        if is_null(ef.ei):
            dentry = await create_file(self, ef, parent)
        else:
            dentry = await create_dir(self, ef, parent)
        await WRITE_ONCE(ef, "dentry", dentry)
        return dentry

    async def eventfs_root_lookup(self, dir: Inode, dentry: Dentry, flags: int) -> Dentry:
        """Find a name in a directory, and create its inode.  The caller holds dir's i_rwsem.

        `created` is tested before the mutex is taken, and not again after.
        """
        ret: Dentry = None  # type: ignore[assignment]  # NULL
        ti = get_tracefs(dir)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return ret
        ei: EventfsInode = await READ_ONCE(ti, "private")
        idx = await self.srcu.read_lock()
        ef: EventfsFile | None = await ei.e_top_files.first_srcu(self.srcu.read_lock_held())
        while ef is not None:
            if ef.filename == dentry.d_name:
                ret = await simple_lookup(dir, dentry, flags)
                if not await READ_ONCE(ef, "created"):
                    await self._lookup_create(ef)
                    break
            ef = await ei.e_top_files.next(ef)
        await self.srcu.read_unlock(idx)
        return ret

    async def _lookup_create(self, ef: EventfsFile) -> None:
        await self.mutex.lock()
        await WRITE_ONCE(ef, "created", True)
        made = await self._create(ef, ef.d_parent)
        if IS_ERR_OR_NULL(made):
            await WRITE_ONCE(ef, "created", False)
            await self.mutex.unlock()
            return
        if not is_null(ef.ei):
            await self.eventfs_post_create_dir(ef)
        await WRITE_ONCE(follow(await READ_ONCE(ef, "dentry")), "d_fsdata", ef)
        await self.mutex.unlock()
        await dput(await READ_ONCE(ef, "dentry"))

    async def dcache_dir_open_wrapper(self, inode: Inode, file: File) -> int:
        """Create what is in the directory and not there yet, and hold on to all of it.

        Takes the directory's i_rwsem under the mutex; lookup takes the mutex under i_rwsem.
        """
        ti = get_tracefs(inode)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return -EINVAL
        ei: EventfsInode = await READ_ONCE(ti, "private")
        idx = await self.srcu.read_lock()
        ef: EventfsFile | None = await ei.e_top_files.first_srcu(self.srcu.read_lock_held())
        while ef is not None:
            if await READ_ONCE(ef, "created"):
                await dget(await READ_ONCE(ef, "dentry"))
            else:
                await self.mutex.lock()
                await WRITE_ONCE(ef, "created", True)
                await inode.i_rwsem.down_write()
                made = await self._create(ef, file.f_dentry)
                await inode.i_rwsem.up_write()
                if IS_ERR_OR_NULL(made):
                    await WRITE_ONCE(ef, "created", False)
                else:
                    if not is_null(ef.ei):
                        await self.eventfs_post_create_dir(ef)
                    await WRITE_ONCE(follow(await READ_ONCE(ef, "dentry")), "d_fsdata", ef)
                await self.mutex.unlock()
            ef = await ei.e_top_files.next(ef)
        await self.srcu.read_unlock(idx)
        return await dcache_dir_open(inode, file)

    async def eventfs_release(self, inode: Inode, file: File) -> int:
        """Let go of whatever is in the directory now, whether the open held it or not."""
        ti = get_tracefs(inode)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return -EINVAL
        ei: EventfsInode = await READ_ONCE(ti, "private")
        idx = await self.srcu.read_lock()
        ef: EventfsFile | None = await ei.e_top_files.first_srcu(self.srcu.read_lock_held())
        while ef is not None:
            if await READ_ONCE(ef, "created"):
                await dput(await READ_ONCE(ef, "dentry"))
            ef = await ei.e_top_files.next(ef)
        await self.srcu.read_unlock(idx)
        return await dcache_dir_close(inode, file)

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

    async def eventfs_create_events_dir(self, name: str, parent: Dentry) -> Dentry:
        """The directory `events` of an instance."""
        return await create_events_dir(self, name, parent)

    async def _link(self, ef: EventfsFile, ei: EventfsInode) -> None:
        """Put it on its directory's list.  The caller holds the mutex."""
        ef.head = ei.e_top_files
        if self.list_add_rcu:
            await ef.head.add_tail_rcu(ef)
        else:
            await ef.head.add_tail(ef)

    async def _add_top(self, ef: EventfsFile, parent: Dentry) -> None:
        """Put it into the events directory."""
        ei: EventfsInode = await READ_ONCE(get_tracefs(follow(parent.d_inode)), "private")
        await self.mutex.lock()
        await self._link(ef, ei)
        ef.d_parent = parent
        await self.mutex.unlock()

    async def _add(self, ef: EventfsFile, ef_parent: EventfsFile) -> None:
        """What add_dir and add_file end with.  The parent's dentry may be dying meanwhile."""
        await self.mutex.lock()
        await self._link(ef, ef_parent.ei)
        ef.d_parent = await READ_ONCE(ef_parent, "dentry")
        await self.mutex.unlock()

    async def eventfs_add_subsystem_dir(self, name: str, parent: Dentry) -> EventfsFile:
        """Add a directory below the events directory."""
        if is_null(parent):
            return ERR_PTR(EventfsFile, -EINVAL)
        ef = await eventfs_prepare_ef(EventfsFile, self, name, mode=DIR_MODE)
        if not IS_ERR(ef):
            await self._add_top(ef, parent)
        return ef

    async def eventfs_add_dir(self, name: str, ef_parent: EventfsFile) -> EventfsFile:
        """Add a directory; its parent's dentry, if there is one now, is remembered."""
        if is_null(ef_parent):
            return ERR_PTR(EventfsFile, -EINVAL)
        ef = await eventfs_prepare_ef(EventfsFile, self, name, mode=DIR_MODE)
        if not IS_ERR(ef):
            await self._add(ef, ef_parent)
        return ef

    async def eventfs_add_events_file(
        self, name: str, parent: Dentry, data: object, fop: FileOperations, *, mode: int
    ) -> int:
        """Add a file to the events directory; 0 or an errno.  C: eventfs_add_top_file()."""
        if is_null(parent):
            return -EINVAL
        ef = await eventfs_prepare_ef(EventfsFile, self, name, fop=fop, data=data, mode=mode)
        if IS_ERR(ef):
            return -ENOMEM
        await self._add_top(ef, parent)
        return 0

    async def eventfs_add_file(
        self, name: str, ef_parent: EventfsFile, data: object, fop: FileOperations, *, mode: int
    ) -> int:
        """Add a file; 0 or an errno."""
        if is_null(ef_parent):
            return -EINVAL
        ef = await eventfs_prepare_ef(EventfsFile, self, name, fop=fop, data=data, mode=mode)
        if IS_ERR(ef):
            return -ENOMEM
        await self._add(ef, ef_parent)
        return 0

    async def eventfs_workfn(self) -> None:
        """Drop a reference on the dentry of each removed ef, if it has one by now, and free it."""
        for ef in await self.free_list.del_all():
            if self.worker_puts and await READ_ONCE(ef, "created"):
                dentry: Dentry = await READ_ONCE(ef, "dentry")
                if not is_null(dentry):
                    if self.worker_invalidates:
                        await d_invalidate(dentry)
                    await dput(dentry)
            if not is_null(ef.ei):
                await kfree(ef.ei)
            await kfree(ef)

    async def free_ef(self, ef: EventfsFile) -> None:
        """The SRCU callback: it may not sleep, and so leaves the dput() to a work item."""
        if not await self.free_list.add(ef):
            return
        await self.system_unbound_wq.queue_work(self.eventfs_work)

    async def eventfs_remove_rec(self, ef: EventfsFile, level: int) -> None:
        """Unlink an ef and what is below it, children first.  The caller holds the mutex.

        d_invalidate() is called without a reference of our own.
        """
        if is_null(ef):
            return
        if level > LEVEL_MAX:
            return
        if not is_null(ef.ei):
            for ef_child in ef.ei.e_top_files.entries():
                await self.eventfs_remove_rec(ef_child, level + 1)
        if not self.worker_invalidates and await READ_ONCE(ef, "created"):
            dentry: Dentry = await READ_ONCE(ef, "dentry")
            if not is_null(dentry):
                await d_invalidate(dentry)
        await ef.head.del_rcu(ef)
        await self.srcu.call_srcu(partial(self.free_ef, ef), "free_ef")

    async def eventfs_remove(self, ef: EventfsFile) -> None:
        """Remove a file or directory with all that is in it."""
        if is_null(ef):
            return
        await self.mutex.lock()
        await self.eventfs_remove_rec(ef, 0)
        await self.mutex.unlock()

    async def eventfs_remove_events_dir(self, dentry: Dentry) -> None:
        """Remove the events directory itself; its ei is freed at once."""
        if is_null(dentry) or is_null(dentry.d_inode):
            return
        ti = get_tracefs(dentry.d_inode)
        ei: EventfsInode = await READ_ONCE(ti, "private")
        await d_invalidate(dentry)
        await dput(dentry)
        if not is_null(ei):
            await kfree(ei)
