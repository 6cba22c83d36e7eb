"""The system calls: stat, open, getdents, read, close.

Source: fs/stat.c, fs/open.c, fs/namei.c, fs/readdir.c, fs/file_table.c, 6.5.
A path is relative to `dfd`, a directory that the caller holds open.
"""

from __future__ import annotations

from lockwright.kernel.slab import kfree, kmalloc
from model.vfs.dcache import dput
from model.vfs.err import EINVAL, ENOMEM, ENOTDIR, ERR_PTR, IS_ERR, PTR_ERR, is_null
from model.vfs.namei import (
    O_CREAT,
    Nameidata,
    _rcu_walk,
    _terminate_walk,
    filename_lookup,
    nameidata,
    open_last_lookups,
    walk_component,
)
from model.vfs.objects import Dentry, File, Inode


async def __do_sys_newfstatat(dfd: Dentry, path: str) -> int:
    """fstatat(): 0 or an errno."""
    return await vfs_fstatat(dfd, path)


async def vfs_fstatat(dfd: Dentry, path: str) -> int:
    """C: vfs_fstatat()."""
    return await vfs_statx(dfd, path)


async def vfs_statx(dfd: Dentry, path: str) -> int:
    """Left out: ->getattr, which takes no lock here."""
    dentry = await filename_lookup(dfd, path)
    if IS_ERR(dentry):
        return PTR_ERR(dentry)
    await dput(dentry)
    return 0


async def __x64_sys_openat(dfd: Dentry, path: str, flags: int = 0) -> File:
    """openat(): an open file or an error pointer."""
    return await do_sys_openat2(dfd, path, flags)


async def do_sys_openat2(dfd: Dentry, path: str, flags: int) -> File:
    """Left out: the file descriptor."""
    return await do_filp_open(dfd, path, flags)


async def do_filp_open(dfd: Dentry, path: str, flags: int) -> File:
    """Left out: starting over with -ECHILD or -ESTALE."""
    return await path_openat(nameidata(dfd, path), flags)


async def path_openat(nd: Nameidata, flags: int) -> File:
    """Walk, then open.  C: path_openat(), link_path_walk(), do_open(), vfs_open().

    The walk's reference on the dentry becomes the file's: the C takes a second one for the file
    and then drops the first, which nobody can tell from this.
    """
    file: File = await kmalloc(
        nd.path.world, lambda: File(nd.path.world, "/".join(nd.rest)), "filp"
    )
    if is_null(file):
        return ERR_PTR(File, -ENOMEM)
    leave = 1 if flags & O_CREAT else 0
    error = await _rcu_walk(nd, leave=leave)
    while not error and len(nd.rest) > 1:
        error = await walk_component(nd)
    if not error and nd.rest:
        error = await open_last_lookups(nd, flags)
    if not error:
        error = await do_dentry_open(file, nd.path, nd.inode)
    if error:
        await kfree(file)
        await _terminate_walk(nd, error)
        return ERR_PTR(File, error)
    nd.path.d_sb.files.append(file)
    return file


async def do_dentry_open(file: File, dentry: Dentry, inode: Inode) -> int:
    """Call the file system's open().  The C reads the inode again; the walk has just done so."""
    file.f_dentry = dentry
    file.f_inode = inode
    fop = inode.i_fop
    if is_null(fop) or fop.open is None:
        return 0
    return await fop.open(inode, file)


async def __x64_sys_getdents64(file: File) -> list[str]:
    """getdents64() until its end: the names."""
    return await iterate_dir(file)


async def iterate_dir(file: File) -> list[str]:
    """List a directory with its i_rwsem shared."""
    inode = file.f_inode
    iterate = inode.i_fop.iterate_shared
    if iterate is None:
        return ERR_PTR(list, -ENOTDIR)
    await inode.i_rwsem.down_read()
    names = await iterate(file)
    await inode.i_rwsem.up_read()
    return names


async def vfs_read(file: File) -> int:
    """read(): what the file's own code makes of it."""
    read = file.f_inode.i_fop.read
    return await read(file) if read is not None else -EINVAL


async def __x64_sys_close(file: File) -> None:
    """close()"""
    await __fput(file)


async def __fput(file: File) -> None:
    """The last reference to an open file is gone."""
    dentry, inode = file.f_dentry, file.f_inode
    fop = inode.i_fop
    if not is_null(fop) and fop.release is not None:
        await fop.release(inode, file)
    dentry.d_sb.files.remove(file)
    await dput(dentry)
    await kfree(file)
