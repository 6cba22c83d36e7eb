"""The generic operations that a file system made of dentries uses.

Source: fs/libfs.c, 6.5.
Left out: the cursor dentry that dcache_dir_open() allocates: a listing here is one call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.vfs.dcache import d_add
from model.vfs.err import ENAMETOOLONG, ERR_PTR, NAME_MAX, is_null
from model.vfs.objects import Dentry, File, Inode, Section

if TYPE_CHECKING:
    from lockwright.core.task import Task


async def simple_lookup(dir: Inode, dentry: Dentry, flags: int) -> Dentry:
    """Hash the dentry as a negative one.  NULL, or an error pointer."""
    if len(dentry.d_name) > NAME_MAX:
        return ERR_PTR(Dentry, -ENAMETOOLONG)
    await d_add(dentry, None)
    return None  # type: ignore[return-value]  # NULL


async def dcache_dir_open(inode: Inode, file: File) -> int:
    """Left out: the cursor."""
    return 0


async def dcache_dir_close(inode: Inode, file: File) -> int:
    """Left out: the cursor."""
    return 0


async def dcache_readdir(file: File) -> list[str]:
    """The names of the children that are hashed and positive.  The caller holds i_rwsem shared.

    One step: the C walks the children under the directory's d_lock, which it drops only to copy
    a name out.
    """
    directory = file.f_dentry

    def names(task: Task) -> list[str]:
        return [
            child.d_name
            for child in directory.d_children
            if child.d_hashed and not is_null(child.d_inode)
        ]

    found: list[str] = await Section("dcache_readdir", directory, names)
    return found
