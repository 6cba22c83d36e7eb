"""What the designs that know each file share: their structures, and how a dentry is made.

Source: fs/tracefs/event_inode.c, v3 (1 June 2023), v4 (13 July 2023) and 6.6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from lockwright.core.world import World
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.rculist import ListHead
from lockwright.kernel.slab import Field, Slab, kfree, kmalloc
from model.tracefs.inode import (
    TRACEFS_EVENT_INODE,
    TracefsInode,
    eventfs_failed_creating,
    eventfs_start_creating,
    get_tracefs,
    security_locked_down,
    tracefs_end_creating,
    tracefs_failed_creating,
    tracefs_get_inode,
    tracefs_start_creating,
)
from model.vfs.attr import inc_nlink
from model.vfs.dcache import d_instantiate, iput
from model.vfs.err import ENOMEM, ERR_PTR, IS_ERR, is_null
from model.vfs.libfs import fsnotify
from model.vfs.memory import memory_for
from model.vfs.objects import (
    S_IFDIR,
    S_IFREG,
    Dentry,
    DentryOperations,
    FileOperations,
    Inode,
    InodeOperations,
    Section,
    SuperBlock,
)

if TYPE_CHECKING:
    from lockwright.core.task import Task


DIR_MODE = S_IFDIR | 0o755


class EventfsInode(Slab):
    """The list of what is in a directory."""

    cache = "eventfs_inode"
    size = 16

    e_top_files: Field[ListHead[EventfsFile]] = Field(None)

    __slots__ = ()

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self._values[EventfsInode.e_top_files.index] = ListHead[EventfsFile](
            world, f"{name}->e_top_files"
        )


class EventfsFile(Slab):
    """What is known of a file or directory; dentry and inode are made of it on demand.

    `ei` is NULL for a file; `data` is the user's.  `head` is the list that `list` links into.
    `dentry` carries no reference, and `created`, which 6.6 has not, is meant to say that `dentry`
    is set.  Which lock guards which field differs by design, and is where the designs fail.  The
    name's memory, which the C allocates apart, lives as long as the object.
    """

    cache = "eventfs_file"
    size = 96

    filename: Field[str] = Field("")
    d_parent: Field[Dentry] = Field(None)
    dentry: Field[Dentry] = Field(None)
    head: Field[ListHead[EventfsFile]] = Field(None)
    ei: Field[EventfsInode] = Field(None)
    fop: Field[FileOperations] = Field(None)
    iop: Field[InodeOperations] = Field(None)
    data: Field[object] = Field(None)
    mode: Field[int] = Field(0)
    created: Field[bool] = Field(False)

    __slots__ = ()

    def fill(self, inode: TracefsInode) -> None:
        """What the inode of a file or a directory gets before it is published."""
        inode.i_mode = self.mode
        inode.i_op = self.iop
        inode.i_fop = self.fop
        inode.i_private = self.data
        inode.flags = TRACEFS_EVENT_INODE


class EventfsStatics(Protocol):
    """What the functions here need of a design.

    `sb` is known from the first events directory on.
    """

    world: World
    sb: SuperBlock
    file_operations: FileOperations
    dir_inode_operations: InodeOperations
    file_inode_operations: InodeOperations | None


Ef = TypeVar("Ef", bound=EventfsFile)


async def eventfs_prepare_ef(
    kind: Callable[[World, str], Ef],
    fs: EventfsStatics,
    name: str,
    *,
    fop: FileOperations | None = None,
    data: object = None,
    mode: int,
) -> Ef:
    """Allocate and fill an eventfs_file; a directory, without `fop`, gets an ei."""
    world = fs.world
    ef: Ef = await kmalloc(world, lambda: kind(world, name), "eventfs_file")
    if is_null(ef):
        return ERR_PTR(EventfsFile, -ENOMEM)  # type: ignore[return-value]  # of any kind
    if not await memory_for(world, "eventfs_file->name"):
        await kfree(ef)
        return ERR_PTR(EventfsFile, -ENOMEM)  # type: ignore[return-value]  # of any kind
    ef.iop = fs.file_inode_operations  # type: ignore[assignment]  # NULL
    if fop is None:
        ei: EventfsInode = await kmalloc(world, lambda: EventfsInode(world, name), "eventfs_inode")
        if is_null(ei):
            await kfree(ef)
            return ERR_PTR(EventfsFile, -ENOMEM)  # type: ignore[return-value]  # of any kind
        ef.ei = ei
        ef.iop = fs.dir_inode_operations
    ef.filename = name
    ef.fop = fs.file_operations if fop is None else fop
    ef.data = data
    ef.mode = mode if fop is None else S_IFREG | mode
    return ef


async def create_file(
    fs: EventfsStatics, ef: EventfsFile, parent: Dentry, *, quiet: bool = False
) -> Dentry:
    """Make dentry and inode of a file; the dentry comes with a reference.

    The caller holds parent's i_rwsem.  C: create_file() (v4), eventfs_create_file() (v3).
    """
    dentry = await eventfs_start_creating(fs.sb, ef.filename, parent)
    if IS_ERR(dentry):
        return dentry
    inode = await tracefs_get_inode(dentry.d_sb, dentry.path)
    if is_null(inode):
        return await eventfs_failed_creating(dentry)
    ef.fill(inode)
    await d_instantiate(dentry, inode)
    if not quiet:
        fsnotify(dentry, "create")
    return dentry


async def create_dir(
    fs: EventfsStatics,
    ef: EventfsFile,
    parent: Dentry,
    *,
    fills_private: bool = False,
    quiet: bool = False,
) -> Dentry:
    """Make dentry and inode of a directory; the dentry comes with a reference.

    The caller holds parent's i_rwsem.  C: create_dir() (v4), eventfs_create_dir() (v3).
    With `quiet` the directory has one link, and its parent gets none.
    """
    dentry = await eventfs_start_creating(fs.sb, ef.filename, parent)
    if IS_ERR(dentry):
        return dentry
    inode = await tracefs_get_inode(dentry.d_sb, dentry.path)
    if is_null(inode):
        return await eventfs_failed_creating(dentry)
    ef.fill(inode)
    inode.i_dir = True
    if fills_private:
        inode.private = ef.ei
    if not quiet:
        inode.i_nlink = 2
    await d_instantiate(dentry, inode)
    if not quiet:
        await inc_nlink(dentry.d_parent.d_inode)
        fsnotify(dentry, "mkdir")
    return dentry


async def create_events_dir(
    fs: EventfsStatics,
    name: str,
    parent: Dentry,
    *,
    data: object = None,
    flags: int = TRACEFS_EVENT_INODE,
    lockdown_first: bool = False,
) -> Dentry:
    """The directory `events` of an instance, with its dentry, which is the caller's.

    NULL under lockdown, which is asked for while the parent is locked, unless `lockdown_first`.
    C: eventfs_create_events_dir().
    """
    fs.sb = parent.d_sb
    if lockdown_first and await security_locked_down(fs.sb):
        return None  # type: ignore[return-value]  # NULL
    dentry = await tracefs_start_creating(name, parent)
    if not lockdown_first and await security_locked_down(fs.sb):
        return None  # type: ignore[return-value]  # NULL
    if IS_ERR(dentry):
        return dentry
    world = fs.world
    ei: EventfsInode = await kmalloc(world, lambda: EventfsInode(world, name), "eventfs_inode")
    if is_null(ei):
        return ERR_PTR(Dentry, -ENOMEM)
    inode = await tracefs_get_inode(dentry.d_sb, dentry.path)
    if is_null(inode):
        await kfree(ei)
        await tracefs_failed_creating(dentry)
        return ERR_PTR(Dentry, -ENOMEM)
    inode.i_mode = DIR_MODE
    inode.i_op = fs.dir_inode_operations
    inode.i_fop = fs.file_operations
    inode.i_private = data
    inode.i_dir = True
    inode.i_nlink = 2
    inode.flags = flags
    inode.private = ei
    await d_instantiate(dentry, inode)
    await inc_nlink(dentry.d_parent.d_inode)
    fsnotify(dentry, "mkdir")
    return await tracefs_end_creating(dentry)


def dentry_iput(
    set_ef_status_free: Callable[[TracefsInode, Dentry], Awaitable[None]],
) -> DentryOperations:
    """The dentry operations of tracefs: a dentry that dies tells eventfs.

    C: tracefs_dentry_iput().
    """

    async def tracefs_dentry_iput(dentry: Dentry, inode: Inode) -> None:
        ti = get_tracefs(inode)
        if ti.flags & TRACEFS_EVENT_INODE:
            await set_ef_status_free(ti, dentry)
        await iput(inode)

    return DentryOperations(d_iput=tracefs_dentry_iput)


async def _set_ef_status_free(dentry: Dentry, *, marked: bool = True) -> None:
    """The body of eventfs_set_ef_status_free() in v3 and v4.

    Unless `marked`, what it writes it writes plainly, as the C does.

    The parent's inode is read for its flag; where the parent is dead, too, that is a NULL
    pointer, which get_tracefs() turns into one that is not NULL, and the C's test for NULL
    after it never holds.
    """
    ti_parent = get_tracefs(await READ_ONCE(dentry.d_parent, "d_inode"))
    if not ti_parent.flags & TRACEFS_EVENT_INODE:
        return
    ef = await READ_ONCE(dentry, "d_fsdata")
    if is_null(ef):
        return
    if not marked:
        ef.created = False
        ef.dentry = None
        return
    await WRITE_ONCE(ef, "created", False)
    await WRITE_ONCE(ef, "dentry", None)


async def set_gid(parent: Dentry, gid: int) -> None:
    """Give a group to every inode that there is below a dentry, and to its own.

    One step: the C goes from dentry to dentry under d_lock, that of the parent included, and
    what comes or goes meanwhile it may see or not.
    """

    def walk(task: Task) -> None:
        todo = [parent]
        while todo:
            dentry = todo.pop()
            if not is_null(dentry.d_inode):
                dentry.d_inode.i_gid = gid
            todo.extend(dentry.d_children)

    await Section("set_gid", parent, walk)
