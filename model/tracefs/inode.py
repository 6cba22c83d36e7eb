"""tracefs inodes, and the calls that eventfs makes to hang dentries into the tree.

Source: fs/tracefs/inode.c, fs/tracefs/internal.h, eventfs v3 and v4 (2023).
Left out: pinning the mount (simple_pin_fs), lockdown, fsnotify, modes and owners.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from lockwright.kernel.slab import Field, Slab, kmalloc
from model.vfs.dcache import dput, iput
from model.vfs.err import EEXIST, ERR_PTR, IS_ERR, is_null
from model.vfs.namei import lookup_one_len
from model.vfs.objects import Dentry, Inode, SuperBlock

TRACEFS_EVENT_INODE = 1 << 1


class TracefsInode(Inode):
    """struct tracefs_inode, which contains the VFS inode.

    `flags` is set before the inode is published.  `private` is the eventfs_inode of a directory;
    v3 and v4 set it after that, without a lock that readers take.
    """

    cache = "tracefs_inode_cache"
    size = 640

    flags: Field[int] = Field(0)
    private: Field[Slab] = Field(None)

    __slots__ = ()


def get_tracefs(inode: Inode) -> TracefsInode:
    """The container of a VFS inode.  Of a NULL pointer it gives one that faults when followed."""
    return cast("TracefsInode", inode)


async def tracefs_get_inode(sb: SuperBlock, name: str) -> TracefsInode:
    """Allocate an inode; NULL if that fails.  C: tracefs_get_inode(), new_inode()."""
    inode: TracefsInode = await kmalloc(sb.world, lambda: TracefsInode(sb, name), "tracefs_inode")
    return inode


def dentry_iput(
    set_ef_status_free: Callable[[Dentry], Awaitable[None]],
) -> Callable[[Dentry, Inode], Awaitable[None]]:
    """The d_iput() of tracefs, for one eventfs.  C: tracefs_dentry_operations."""

    async def tracefs_dentry_iput(dentry: Dentry, inode: Inode) -> None:
        ti = get_tracefs(inode)
        if ti.flags & TRACEFS_EVENT_INODE:
            await set_ef_status_free(dentry)
        await iput(inode)

    return tracefs_dentry_iput


async def eventfs_start_creating(sb: SuperBlock, name: str, parent: Dentry) -> Dentry:
    """The negative dentry to create at.  The caller holds parent's i_rwsem.

    A NULL parent means the root of tracefs, whose i_rwsem the caller then does not hold.
    """
    if is_null(parent):
        parent = sb.s_root
    dentry = await lookup_one_len(name, parent)
    if not IS_ERR(dentry) and not is_null(dentry.d_inode):
        await dput(dentry)
        dentry = ERR_PTR(Dentry, -EEXIST)
    return dentry


async def eventfs_failed_creating(dentry: Dentry) -> Dentry:
    """Drop the dentry; NULL."""
    await dput(dentry)
    return None  # type: ignore[return-value]  # NULL
