"""eventfs v3 (1 June 2023): one rw_semaphore, read sides that nest, writers that poll.

Source: fs/tracefs/event_inode.c of the v3 series; `eventfs_rwsem` lives in the trace_array, and
directories carry a pointer to it in i_private.

What the semaphore guards: the lists e_top_files.  What it does not: `created`, `dentry` and
`d_parent` of an eventfs_file, which lookup and open write under the read lock and d_iput() under
none; they are read and written here with READ_ONCE and WRITE_ONCE.
"""

from __future__ import annotations

from lockwright.core.lockuse import LockKey
from lockwright.core.operation import Operation
from lockwright.core.world import World
from lockwright.kernel.fairlock import QueuedAcquire
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import kfree
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

EVENTFS_RWSEM = LockKey("eventfs_rwsem", "kernel/trace/trace.c")
SINGLE_DEPTH_NESTING = 1


class EventfsRwsem(RwSem):
    """The semaphore, and a record of who was served out of turn, for the fairness rule.

    With `writer_queues` a writer waits in the queue, as any other would; as posted it tries, and
    sleeps for 10 ms when it fails, so that a task that reads twice never meets a queued writer.
    `waiting` counts the writers that poll; `overtakes` counts the readers that asked after some
    writer had, and were served first.  Both follow from the order of the semaphore's own steps.
    """

    __slots__ = ("overtakes", "waiting", "writer_queues")

    def __init__(self, world: World, *, writer_queues: bool) -> None:
        super().__init__(world, "eventfs_rwsem", cls=EVENTFS_RWSEM)
        self.writer_queues = writer_queues
        self.waiting = 0
        self.overtakes = 0


async def _eventfs_down_read(sem: EventfsRwsem) -> None:
    """C: eventfs_down_read(), inlined."""
    op: Operation = sem.down_read_nested(SINGLE_DEPTH_NESTING)
    await op
    queued = isinstance(op, QueuedAcquire) and op.waiting is not None
    if not queued and (sem.writer_queued or sem.waiting > 0):
        sem.overtakes += 1


async def _eventfs_down_write(sem: EventfsRwsem) -> None:
    """C: eventfs_down_write(), inlined."""
    if sem.writer_queues:
        await sem.down_write()
        return
    asked = False
    while not await sem.down_write_trylock():
        if not asked:
            asked = True
            sem.waiting += 1
        await sem.poll(10)
    sem.waiting -= asked


class Eventfs3:
    """The statics of event_inode.c, and its functions."""

    sb: SuperBlock
    file_inode_operations: InodeOperations | None = None

    def __init__(self, world: World, *, writer_queues: bool = False) -> None:
        self.world = world
        self.rwsem = EventfsRwsem(world, writer_queues=writer_queues)
        self.file_operations = FileOperations(
            open=self.dcache_dir_open_wrapper,
            release=self.eventfs_release,
            iterate_shared=dcache_readdir,
        )
        self.dir_inode_operations = InodeOperations(lookup=self.eventfs_root_lookup)
        self.dentry_operations = dentry_iput(self.eventfs_set_ef_status_free)
        self.super_operations = SuperOperations()
        self.tree = EfTree(self)

    async def eventfs_set_ef_status_free(self, ti: TracefsInode, dentry: Dentry) -> None:
        """A dentry dies: its ef forgets it.  No lock at all."""
        await _set_ef_status_free(dentry)

    async def eventfs_post_create_dir(self, ef: EventfsFile, dentry: Dentry) -> None:
        """Tell the children who their parent is.  The caller holds the semaphore for reading.

        `dentry` is ef->dentry, which the C reads again: with our reference on it, it stays.
        """
        sem = ef.data
        assert isinstance(sem, EventfsRwsem), "a directory's data is the semaphore"
        await _eventfs_down_read(sem)
        for ef_child in ef.ei.e_top_files.entries():
            await WRITE_ONCE(ef_child, "d_parent", dentry)
        await sem.up_read()
        await WRITE_ONCE(get_tracefs(follow(dentry.d_inode)), "private", ef.ei)

    async def _create(self, ef: EventfsFile, parent: Dentry) -> Dentry:
        if is_null(ef.ei):
            return await create_file(self, ef, parent)
        return await create_dir(self, ef, parent)

    async def _created(self, ef: EventfsFile, dentry: Dentry) -> bool:
        """What lookup and open do with what they have created; False if that is nothing."""
        await WRITE_ONCE(ef, "dentry", dentry)
        if IS_ERR_OR_NULL(dentry):
            await WRITE_ONCE(ef, "created", False)
            return False
        if not is_null(ef.ei):
            await self.eventfs_post_create_dir(ef, dentry)
        await WRITE_ONCE(dentry, "d_fsdata", ef)
        return True

    async def eventfs_root_lookup(self, dir: Inode, dentry: Dentry, flags: int) -> Dentry:
        """Find a name in a directory, and create its inode.  The caller holds dir's i_rwsem.

        An error of simple_lookup() does not stop it, and a name that is created already gets a
        negative dentry.
        """
        ret: Dentry = None  # type: ignore[assignment]  # NULL
        ti = get_tracefs(dir)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return ret
        ei: EventfsInode = await READ_ONCE(ti, "private")
        sem = dir.i_private
        assert isinstance(sem, EventfsRwsem), "a directory's i_private is the semaphore"
        await _eventfs_down_read(sem)
        for ef in ei.e_top_files.entries():
            if ef.filename != dentry.d_name:
                continue
            ret = await simple_lookup(dir, dentry, flags)
            if await READ_ONCE(ef, "created"):
                continue
            await WRITE_ONCE(ef, "created", True)
            made = await self._create(ef, await READ_ONCE(ef, "d_parent"))
            if await self._created(ef, made):
                await dput(made)
            break
        await sem.up_read()
        return ret

    async def dcache_dir_open_wrapper(self, inode: Inode, file: File) -> int:
        """Create what is in the directory and not there yet, and hold on to all of it."""
        dentry = file.f_dentry
        ti = get_tracefs(inode)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return -EINVAL
        ei: EventfsInode = await READ_ONCE(ti, "private")
        sem = inode.i_private
        assert isinstance(sem, EventfsRwsem), "a directory's i_private is the semaphore"
        await _eventfs_down_read(sem)
        for ef in ei.e_top_files.entries():
            if await READ_ONCE(ef, "created"):
                await dget(await READ_ONCE(ef, "dentry"))
                continue
            await WRITE_ONCE(ef, "created", True)
            await inode.i_rwsem.down_write()
            made = await self._create(ef, dentry)
            await inode.i_rwsem.up_write()
            await self._created(ef, made)
        await sem.up_read()
        return await dcache_dir_open(inode, file)

    async def eventfs_release(self, inode: Inode, file: File) -> int:
        """Let go of whatever is in the directory now, whether the open held it or not."""
        ti = get_tracefs(inode)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return -EINVAL
        ei: EventfsInode = await READ_ONCE(ti, "private")
        sem = inode.i_private
        assert isinstance(sem, EventfsRwsem), "a directory's i_private is the semaphore"
        await _eventfs_down_read(sem)
        for ef in ei.e_top_files.entries():
            if await READ_ONCE(ef, "created"):
                await dput(await READ_ONCE(ef, "dentry"))
        await sem.up_read()
        return await dcache_dir_close(inode, file)

    async def _add(self, ef: EventfsFile, ei: EventfsInode, parent: Dentry) -> None:
        if not is_null(parent):
            ef.d_parent = parent
        await _eventfs_down_write(self.rwsem)
        ef.head = ei.e_top_files
        await ei.e_top_files.add_tail(ef)
        await self.rwsem.up_write()

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
        return await create_events_dir(self, name, parent, data=self.rwsem)

    async def eventfs_add_subsystem_dir(self, name: str, parent: Dentry) -> EventfsFile:
        """Add a directory below the events directory."""
        if is_null(parent):
            return ERR_PTR(EventfsFile, -EINVAL)
        ei: EventfsInode = await READ_ONCE(get_tracefs(follow(parent.d_inode)), "private")
        ef = await eventfs_prepare_ef(EventfsFile, self, name, data=self.rwsem, mode=DIR_MODE)
        if not IS_ERR(ef):
            await self._add(ef, ei, parent)
        return ef

    async def eventfs_add_dir(self, name: str, ef_parent: EventfsFile) -> EventfsFile:
        """Add a directory; its parent's dentry, if there is one now, is remembered."""
        if is_null(ef_parent):
            return ERR_PTR(EventfsFile, -EINVAL)
        ef = await eventfs_prepare_ef(EventfsFile, self, name, data=self.rwsem, mode=DIR_MODE)
        if not IS_ERR(ef):
            await self._add(ef, ef_parent.ei, await READ_ONCE(ef_parent, "dentry"))
        return ef

    async def eventfs_add_events_file(
        self, name: str, parent: Dentry, data: object, fop: FileOperations, *, mode: int
    ) -> int:
        """Add a file to the events directory; 0 or an errno.  C: eventfs_add_top_file()."""
        if is_null(parent):
            return -EINVAL
        ei: EventfsInode = await READ_ONCE(get_tracefs(follow(parent.d_inode)), "private")
        ef = await eventfs_prepare_ef(EventfsFile, self, name, fop=fop, data=data, mode=mode)
        if IS_ERR(ef):
            return -ENOMEM
        await self._add(ef, ei, parent)
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
        await self._add(ef, ef_parent.ei, await READ_ONCE(ef_parent, "dentry"))
        return 0

    async def eventfs_remove_rec(self, ef: EventfsFile) -> None:
        """Remove an ef and what is below it, and free them at once.

        Drops a reference on each dentry that there is, whoever may have taken one.
        The caller holds the semaphore for writing.
        """
        if is_null(ef):
            return
        if not is_null(ef.ei):
            for ef_child in ef.ei.e_top_files.entries():
                await self.eventfs_remove_rec(ef_child)
            await kfree(ef.ei)
        if await READ_ONCE(ef, "created"):
            dentry: Dentry = await READ_ONCE(ef, "dentry")
            if not is_null(dentry):
                await d_invalidate(dentry)
                await dput(dentry)
        await ef.head.del_(ef)
        await kfree(ef)

    async def eventfs_remove(self, ef: EventfsFile) -> None:
        """Remove a file or directory with all that is in it.

        Left out: the way from a file to the semaphore by its parent's inode.
        """
        if is_null(ef):
            return
        await _eventfs_down_write(self.rwsem)
        await self.eventfs_remove_rec(ef)
        await self.rwsem.up_write()

    async def eventfs_remove_events_dir(self, dentry: Dentry) -> None:
        """Remove the events directory itself."""
        if is_null(dentry) or is_null(dentry.d_inode):
            return
        ti = get_tracefs(dentry.d_inode)
        ei: EventfsInode = await READ_ONCE(ti, "private")
        await d_invalidate(dentry)
        await dput(dentry)
        if not is_null(ei):
            await kfree(ei)
