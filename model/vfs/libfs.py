"""The generic operations that a file system made of dentries uses.

Source: fs/libfs.c, 6.5 to 6.7.  Listing is in `readdir.py`, and importable from here as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from model.vfs.attr import clear_nlink, drop_nlink, simple_setattr
from model.vfs.dcache import d_add, d_invalidate, dget, dput, get, simple_positive
from model.vfs.err import ENAMETOOLONG, ERR_PTR, NAME_MAX, follow
from model.vfs.objects import (
    DEAD,
    SIMPLE_DENTRY_OPERATIONS,
    Dentry,
    Inode,
    InodeOperations,
    Section,
    SuperBlock,
)
from model.vfs.readdir import (
    SIMPLE_DIR_OPERATIONS,
    dcache_dir_close,
    dcache_dir_lseek,
    dcache_dir_open,
    dcache_readdir,
    dir_emit_dots,
)

if TYPE_CHECKING:
    from lockwright.core.task import Task

__all__ = [
    "SIMPLE_DIR_INODE_OPERATIONS",
    "SIMPLE_DIR_OPERATIONS",
    "dcache_dir_close",
    "dcache_dir_lseek",
    "dcache_dir_open",
    "dcache_readdir",
    "dir_emit_dots",
    "fsnotify",
    "simple_lookup",
    "simple_pin_fs",
    "simple_recursive_removal",
    "simple_release_fs",
    "simple_setattr",
]

Callback = Callable[[Dentry], Awaitable[None]]


async def simple_lookup(dir: Inode, dentry: Dentry, flags: int) -> Dentry:
    """Hash the dentry as a negative one.  NULL, or an error pointer.

    Where the file system has no operations of its own, the dentry dies at its last dput().
    """
    if len(dentry.d_name) > NAME_MAX:
        return ERR_PTR(Dentry, -ENAMETOOLONG)
    if dentry.d_sb.s_d_op is None:
        dentry.d_op = SIMPLE_DENTRY_OPERATIONS
    await d_add(dentry, None)
    return None  # type: ignore[return-value]  # NULL


SIMPLE_DIR_INODE_OPERATIONS = InodeOperations(lookup=simple_lookup)
"""C: simple_dir_inode_operations."""


def fsnotify(dentry: Dentry, event: str) -> None:
    """Tell whoever watches.  Unseen by the machine: nobody in a model reads it."""
    dentry.d_sb.notified.append((event, dentry.path))


async def simple_pin_fs(sb: SuperBlock) -> int:
    """One reference on the mount for each object made.

    No step: additions under a spinlock of their own, whose sum nobody asks for before the end.
    """
    sb.pins += 1
    return 0


async def simple_release_fs(sb: SuperBlock) -> None:
    """Give such a reference back."""
    sb.pins -= 1


async def simple_recursive_removal(dentry: Dentry, callback: Callback | None = None) -> None:
    """Remove a tree, children first; each victim's name, and the reference that pinned it.

    Never holds two i_rwsem at once.  The caller has pinned every positive dentry of the tree by
    a reference; a reference of its own keeps `dentry` until the end.
    """
    this = await dget(dentry)
    directory = follow(dentry.d_inode).i_dir
    inode = await _lock_dying(this)
    victim: Dentry | None = None
    while True:
        child = await find_next_child(this, victim)
        if child is not None:
            await inode.i_rwsem.up_write()
            this, victim = child, None
            inode = await _lock_dying(this)
            continue
        await clear_nlink(inode)
        await inode.i_rwsem.up_write()
        victim, this = this, this.d_parent
        inode = follow(this.d_inode)
        await inode.i_rwsem.down_write()
        await _unpin(victim, callback)
        if victim is dentry:
            break
    if directory:
        await drop_nlink(inode)
    await inode.i_rwsem.up_write()
    await dput(dentry)


async def _lock_dying(dentry: Dentry) -> Inode:
    inode = follow(dentry.d_inode)
    await inode.i_rwsem.down_write()
    if inode.i_dir:
        inode.i_dead = True
    return inode


async def find_next_child(parent: Dentry, prev: Dentry | None) -> Dentry | None:
    """The first positive child, or the next one after `prev`, with a reference; puts `prev`.

    The caller holds parent's i_rwsem.  Two steps, as in the C.
    """

    def look(task: Task) -> Dentry | None:
        children = parent.d_children
        begin = 0
        if prev is not None:
            if prev.d_count == DEAD:
                return None  # its links lead nowhere
            begin = children.index(prev) + 1
        return next((get(child) for child in children[begin:] if simple_positive(child)), None)

    child: Dentry | None = await Section("find_next_child", parent, look)
    if prev is not None:
        await dput(prev)
    return child


async def _unpin(victim: Dentry, callback: Callback | None) -> None:
    """Take a victim's name away, and the reference that pinned it, if nobody has before."""
    if await Section("simple_positive", victim, lambda task: simple_positive(victim)):
        directory = victim.d_inode.i_dir
        await d_invalidate(victim)
        fsnotify(victim, "rmdir" if directory else "unlink")
        if callback is not None:
            await callback(victim)
        await dput(victim)
