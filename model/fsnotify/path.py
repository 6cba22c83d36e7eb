"""Paths to the files of the mount, and what happens when the last one to an unlinked file goes.

Source: fs/namei.c (user_path_at(), path_put(), vfs_unlink()), fs/dcache.c (dentry_unlink_inode()),
include/linux/fsnotify.h (fsnotify_inoderemove()), 5.14.
A walk is one step here, and so is unlinking: what else they do is not what this is about.
Left out: names, hard links, and files that are looked up again after they were forgotten; the
FS_ATTRIB that unlinking tells before the last link goes (fsnotify_link_count()).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.fsnotify.fsnotify import fsnotify
from model.fsnotify.inode import iput_of_dentry
from model.fsnotify.ledger import LOCAL
from model.fsnotify.mark import fsnotify_destroy_marks
from model.fsnotify.objects import FS_DELETE_SELF, Client, Inode
from model.fsnotify.step import Together
from model.vfs.err import ENOENT

if TYPE_CHECKING:
    from lockwright.core.task import Task


async def user_path_at(client: Client, nodeid: int) -> Inode | None:
    """The inode at the end of a path, kept until path_put(); None: there is no such file."""
    cached = client.inodes[nodeid]

    def walk(task: Task, touched: list[int]) -> Inode | None:
        touched.append(cached.reading)
        inode: Inode | None = cached.value
        if inode is None or not inode.i_nlink:
            return None
        inode.d_count.get().run(task, touched)
        return inode

    found: Inode | None = await Together("user_path_at", f"i{nodeid}", walk)
    return found


async def path_put(inode: Inode) -> None:
    """Let go of it; the last one to let go of an unlinked file ends it."""
    if await inode.d_count.put():
        await dentry_unlink_inode(inode)


async def vfs_unlink(client: Client, nodeid: int, occurrence: int = 0) -> int:
    """The last link of a file goes, which was the occurrence of this number: 0, or -ENOENT."""
    cached = client.inodes[nodeid]

    def unlink(task: Task, touched: list[int]) -> tuple[Inode, bool] | None:
        touched.append(cached.reading)
        inode: Inode | None = cached.value
        if inode is None or not inode.i_nlink:
            return None
        inode.i_nlink = 0
        inode.deletion = occurrence
        return inode, bool(inode.d_count.kill().run(task, touched))

    found: tuple[Inode, bool] | None = await Together("vfs_unlink", f"i{nodeid}", unlink)
    if found is None:
        return -ENOENT
    inode, last = found
    if last:
        await dentry_unlink_inode(inode)
    return 0


async def dentry_unlink_inode(inode: Inode) -> None:
    """The dentry lets go of the inode; of one without a link, the watches hear of it before."""
    await fsnotify_inoderemove(inode)
    await iput_of_dentry(inode)


async def fsnotify_inoderemove(inode: Inode) -> None:
    """A file is gone: tell it, and remove its marks, unless they are to stay."""
    await fsnotify(inode, FS_DELETE_SELF, inode.deletion, LOCAL)
    if not await inode.client.remote.unlinked(inode):
        await fsnotify_destroy_marks(inode)
