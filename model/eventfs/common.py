"""What the designs of eventfs share: their structures, and how a dentry is made.

Source: fs/tracefs/event_inode.c, v3 (1 June 2023) and v4 (13 July 2023).
"""

from __future__ import annotations

from typing import Protocol

from lockwright.core.world import World
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.rculist import ListHead
from lockwright.kernel.slab import Field, Slab, kmalloc
from model.tracefs.inode import (
    TRACEFS_EVENT_INODE,
    eventfs_failed_creating,
    eventfs_start_creating,
    get_tracefs,
    tracefs_get_inode,
)
from model.vfs.dcache import d_instantiate
from model.vfs.err import ENOMEM, ERR_PTR, IS_ERR, is_null
from model.vfs.objects import Dentry, FileOperations, InodeOperations, SuperBlock


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
    `dentry` carries no reference, and `created` is meant to say that `dentry` is set.  Which lock
    guards which field differs by design, and is where the designs fail.  The name's memory, which
    the C allocates apart, lives as long as the object.
    """

    cache = "eventfs_file"
    size = 104

    filename: Field[str] = Field("")
    d_parent: Field[Dentry] = Field(None)
    dentry: Field[Dentry] = Field(None)
    head: Field[ListHead[EventfsFile]] = Field(None)
    ei: Field[EventfsInode] = Field(None)
    fop: Field[FileOperations] = Field(None)
    iop: Field[InodeOperations] = Field(None)
    data: Field[object] = Field(None)
    created: Field[bool] = Field(False)

    __slots__ = ()


class Eventfs(Protocol):
    """What the tracing core needs of a design."""

    file_operations: FileOperations
    dir_inode_operations: InodeOperations

    async def eventfs_add_subsystem_dir(self, name: str, parent: Dentry) -> EventfsFile: ...

    async def eventfs_add_dir(self, name: str, ef_parent: EventfsFile) -> EventfsFile: ...

    async def eventfs_add_file(
        self, name: str, ef_parent: EventfsFile, data: object, fop: FileOperations
    ) -> int: ...

    async def eventfs_remove(self, ef: EventfsFile) -> None: ...

    async def eventfs_remove_events_dir(self, dentry: Dentry) -> None: ...

    async def eventfs_set_ef_status_free(self, dentry: Dentry) -> None: ...

    def directory_data(self) -> object:
        """What a directory's `data`, and its inode's i_private, is."""
        ...


async def eventfs_prepare_ef(
    world: World, name: str, fop: FileOperations, iop: InodeOperations | None, data: object
) -> EventfsFile:
    """Allocate and fill an eventfs_file; with `iop` it is a directory and gets an ei.

    Left out: that an ef whose ei cannot be allocated is freed again, unseen by anybody.
    """
    ef: EventfsFile = await kmalloc(world, lambda: EventfsFile(world, name), "eventfs_file")
    if is_null(ef):
        return ERR_PTR(EventfsFile, -ENOMEM)
    ei: EventfsInode | None = None
    if iop is not None:
        ei = await kmalloc(world, lambda: EventfsInode(world, name), "eventfs_inode")
        if ei is None:
            return ERR_PTR(EventfsFile, -ENOMEM)
    fill(ef, ei, fop, iop, data)
    return ef


def fill(
    ef: EventfsFile,
    ei: EventfsInode | None,
    fop: FileOperations,
    iop: InodeOperations | None,
    data: object,
) -> None:
    """Set the fields that never change."""
    ef.filename = ef.name
    if ei is not None:
        ef.ei = ei
    if iop is not None:
        ef.iop = iop
    ef.fop = fop
    ef.data = data


async def create_file(sb: SuperBlock, ef: EventfsFile, parent: Dentry) -> Dentry:
    """Make dentry and inode of a file; the dentry comes with a reference.

    The caller holds parent's i_rwsem.  C: create_file() (v4), eventfs_create_file() (v3).
    """
    dentry = await eventfs_start_creating(sb, ef.filename, parent)
    if IS_ERR(dentry):
        return dentry
    inode = await tracefs_get_inode(dentry.d_sb, dentry.path)
    if is_null(inode):
        return await eventfs_failed_creating(dentry)
    inode.i_fop = ef.fop
    inode.i_private = ef.data
    get_tracefs(inode).flags = TRACEFS_EVENT_INODE
    await d_instantiate(dentry, inode)
    return dentry


async def create_dir(sb: SuperBlock, ef: EventfsFile, parent: Dentry) -> Dentry:
    """Make dentry and inode of a directory; the dentry comes with a reference.

    The caller holds parent's i_rwsem.  C: create_dir() (v4), eventfs_create_dir() (v3).
    """
    dentry = await eventfs_start_creating(sb, ef.filename, parent)
    if IS_ERR(dentry):
        return dentry
    inode = await tracefs_get_inode(dentry.d_sb, dentry.path)
    if is_null(inode):
        return await eventfs_failed_creating(dentry)
    inode.i_dir = True
    inode.i_op = ef.iop
    inode.i_fop = ef.fop
    inode.i_private = ef.data
    get_tracefs(inode).flags = TRACEFS_EVENT_INODE
    inode.i_nlink = 2
    await d_instantiate(dentry, inode)
    dentry.d_parent.d_inode.i_nlink += 1
    return dentry


async def _set_ef_status_free(dentry: Dentry) -> None:
    """The body of eventfs_set_ef_status_free() in v3 and v4.

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
    await WRITE_ONCE(ef, "created", False)
    await WRITE_ONCE(ef, "dentry", None)
