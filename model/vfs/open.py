"""Opening and closing files.

Source: fs/open.c, fs/namei.c (do_open()), fs/file_table.c, 6.5.
Left out: O_CREAT that creates: no directory here has a ->create; leases, and write access to
mounts.
"""

from __future__ import annotations

from lockwright.kernel.once import atomic_fetch_add
from lockwright.kernel.slab import kfree, kmalloc
from model.vfs.attr import (
    MAY_EXEC,
    MAY_READ,
    MAY_WRITE,
    ROOT,
    Cred,
    Iattr,
    chmod_common,
    inode_permission,
)
from model.vfs.dcache import dget, dput
from model.vfs.err import (
    EEXIST,
    EINVAL,
    EISDIR,
    ENOMEM,
    ENOTDIR,
    EOPNOTSUPP,
    ERR_PTR,
    IS_ERR,
    PTR_ERR,
    follow,
    is_null,
)
from model.vfs.namei import (
    O_ACCMODE,
    O_CREAT,
    O_DIRECT,
    O_DIRECTORY,
    O_EXCL,
    O_PATH,
    O_RDWR,
    O_TMPFILE,
    O_TRUNC,
    O_WRONLY,
    Nameidata,
    _rcu_walk,
    _terminate_walk,
    can_lookup,
    open_last_lookups,
    path_lookupat,
    walk_component,
)
from model.vfs.objects import Dentry, File, Inode


def acc_mode(flags: int) -> int:
    """What an open asks the permission for.  C: ACC_MODE(), and MAY_WRITE for O_TRUNC."""
    mode = {O_WRONLY: MAY_WRITE, O_RDWR: MAY_READ | MAY_WRITE}.get(flags & O_ACCMODE, MAY_READ)
    return mode | MAY_WRITE if flags & O_TRUNC else mode


async def path_openat(nd: Nameidata, flags: int) -> File:
    """Walk, then open.  C: path_openat(), link_path_walk(), do_open(), do_o_path().

    The walk's reference on the dentry becomes the file's: the C takes a second one for the file
    and then drops the first, which nobody can tell from this.
    """
    if flags & O_PATH:
        flags &= O_PATH | O_DIRECTORY
    if flags & O_TMPFILE == O_TMPFILE:
        return ERR_PTR(File, await _do_tmpfile(nd, flags))
    nd.directory = nd.directory or bool(flags & O_DIRECTORY)
    file = await _alloc_file(nd.path, "/".join(nd.rest), flags)
    if is_null(file):
        return ERR_PTR(File, -ENOMEM)
    leave = 1 if flags & O_CREAT else 0
    error = await _rcu_walk(nd, leave=leave)
    while not error and len(nd.rest) > 1:
        error = await walk_component(nd)
    if not error and nd.rest:
        error = await open_last_lookups(nd, flags)
    if not error:
        error = await _do_open(file, nd.path, nd.inode, nd.cred, directory=nd.directory)
    if error:
        await kfree(file)
        await _terminate_walk(nd, error)
        return ERR_PTR(File, error)
    return await _opened(file, nd.cred)


async def _do_tmpfile(nd: Nameidata, flags: int) -> int:
    """An errno: no directory here has a ->tmpfile."""
    if not acc_mode(flags) & MAY_WRITE:
        return -EINVAL
    nd.directory = True
    dentry = await path_lookupat(nd)
    if IS_ERR(dentry):
        return PTR_ERR(dentry)
    error = await inode_permission(nd.inode, MAY_WRITE | MAY_EXEC, nd.cred)
    await dput(dentry)
    return error or -EOPNOTSUPP


async def reopen(file: File, flags: int, cred: Cred = ROOT) -> File:
    """open("/proc/self/fd/N"): the file's own dentry, without a lookup or a revalidation.

    C: proc_pid_get_link(), nd_jump_link(), do_open().
    """
    dentry = file.f_dentry
    again = await _alloc_file(dentry, file.name, flags)
    if is_null(again):
        return ERR_PTR(File, -ENOMEM)
    await dget(dentry)
    directory = bool(flags & O_DIRECTORY)
    error = await _do_open(again, dentry, follow(dentry.d_inode), cred, directory=directory)
    if error:
        await kfree(again)
        await dput(dentry)
        return ERR_PTR(File, error)
    return await _opened(again, cred)


async def _alloc_file(dentry: Dentry, name: str, flags: int) -> File:
    world = dentry.world
    file: File = await kmalloc(world, lambda: File(world, name), "filp")
    if not is_null(file):
        file.f_flags = flags
    return file


async def _opened(file: File, cred: Cred) -> File:
    """What comes after ->open: an error from here on is one of an open file, which is closed."""
    file.f_dentry.d_sb.files.append(file)
    flags, error = file.f_flags, 0
    if flags & O_DIRECT:
        error = -EINVAL  # nothing in tracefs has a direct I/O
    elif flags & O_TRUNC and not file.f_inode.i_dir:
        error = await chmod_common(file.f_dentry, Iattr(size=0, cred=cred))
    if not error:
        return file
    await __fput(file)
    return ERR_PTR(File, error)


async def _do_open(
    file: File, dentry: Dentry, inode: Inode, cred: Cred, *, directory: bool = False
) -> int:
    """Is what the walk found what was asked for, and may it be opened?  Then open it."""
    flags = file.f_flags
    if flags & O_CREAT and flags & O_EXCL:
        return -EEXIST
    if flags & O_CREAT and inode.i_dir:
        return -EISDIR
    if directory and not can_lookup(inode):
        return -ENOTDIR
    if not flags & O_PATH:
        if inode.i_dir and acc_mode(flags) & MAY_WRITE:
            return -EISDIR
        error = await inode_permission(inode, acc_mode(flags), cred)
        if error:
            return error
    return await do_dentry_open(file, dentry, inode)


async def do_dentry_open(file: File, dentry: Dentry, inode: Inode) -> int:
    """Call the file system's open(), unless only a path is opened; no i_rwsem is held.

    The C reads the inode again; the walk has just done so.
    """
    file.f_dentry = dentry
    file.f_inode = inode
    fop = inode.i_fop
    if file.f_flags & O_PATH or is_null(fop) or fop.open is None:
        return 0
    return await fop.open(inode, file)


async def __x64_sys_close(file: File) -> None:
    """close(): the last descriptor releases the file."""
    if not is_null(file.f_pos_lock) and await atomic_fetch_add(file, "f_count", -1) > 1:
        return
    await __fput(file)


async def __fput(file: File) -> None:
    """The last reference to an open file is gone."""
    dentry, inode = file.f_dentry, file.f_inode
    fop = inode.i_fop
    if not file.f_flags & O_PATH and not is_null(fop) and fop.release is not None:
        await fop.release(inode, file)
    dentry.d_sb.files.remove(file)
    await dput(dentry)
    await kfree(file)
