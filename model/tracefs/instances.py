"""The directory `instances`: mkdir and rmdir in it are the tracing core's business.

Source: fs/tracefs/inode.c, tracefs_syscall_mkdir(), tracefs_syscall_rmdir(),
tracefs_create_instance_dir(), 6.5 to 7.3.

The core makes and removes the instance's files itself, and takes their directories' i_rwsem for
that: so what the VFS holds is dropped meanwhile.  The core copes with the races.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from model.tracefs.inode import create_dir
from model.vfs.create import I_MUTEX_PARENT
from model.vfs.libfs import simple_lookup
from model.vfs.objects import Dentry, Inode, InodeOperations

ByName = Callable[[str], Awaitable[int]]


async def tracefs_create_instance_dir(
    name: str, parent: Dentry, mkdir: ByName, rmdir: ByName
) -> Dentry:
    """Make the directory; NULL if that fails.  Left out: it can be made only once."""

    async def tracefs_syscall_mkdir(inode: Inode, dentry: Dentry, mode: int) -> int:
        await inode.i_rwsem.up_write()
        ret = await mkdir(dentry.d_name)
        await inode.i_rwsem.down_write()
        return ret

    async def tracefs_syscall_rmdir(inode: Inode, dentry: Dentry) -> int:
        victim = dentry.d_inode
        await inode.i_rwsem.up_write()
        await victim.i_rwsem.up_write()
        ret = await rmdir(dentry.d_name)
        await inode.i_rwsem.down_write_nested(I_MUTEX_PARENT)
        await victim.i_rwsem.down_write()
        return ret

    operations = InodeOperations(
        lookup=simple_lookup, mkdir=tracefs_syscall_mkdir, rmdir=tracefs_syscall_rmdir
    )
    return await create_dir(name, parent, operations)
