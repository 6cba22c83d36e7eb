"""The system calls: stat, open, getdents, read, write, lseek, chmod, chown, remount, close.

Source: fs/stat.c, fs/open.c, fs/namei.c, fs/readdir.c, fs/read_write.c, fs/namespace.c, 6.5.
A path is relative to `dfd`, a directory that the caller holds open.  Those that make or remove
names are in `create.py`; a whole process with its descriptors is in `process.py`.
"""

from __future__ import annotations

from model.vfs.attr import (
    MAY_WRITE,
    ROOT,
    Cred,
    Iattr,
    Stat,
    chmod_common,
    inode_permission,
    vfs_getattr,
)
from model.vfs.dcache import dput
from model.vfs.err import EBADF, EINVAL, EISDIR, IS_ERR, PTR_ERR, is_null
from model.vfs.namei import O_ACCMODE, O_PATH, O_WRONLY, filename_lookup, nameidata
from model.vfs.objects import Dentry, File, MountOptions, SuperBlock
from model.vfs.open import __fput, __x64_sys_close, do_dentry_open, path_openat, reopen
from model.vfs.readdir import (
    __x64_sys_getdents64,
    fdget_pos,
    fdput_pos,
    get_file,
    iterate_dir,
    vfs_llseek,
)

__all__ = [
    "__do_sys_newfstatat",
    "__fput",
    "__x64_sys_close",
    "__x64_sys_fchmod",
    "__x64_sys_fchmodat",
    "__x64_sys_fchown",
    "__x64_sys_fchownat",
    "__x64_sys_getdents64",
    "__x64_sys_openat",
    "__x64_sys_statx",
    "do_dentry_open",
    "do_faccessat",
    "do_remount",
    "do_sys_ftruncate",
    "do_sys_truncate",
    "do_utimes",
    "get_file",
    "iterate_dir",
    "path_openat",
    "reopen",
    "vfs_fstat",
    "vfs_llseek",
    "vfs_read",
    "vfs_write",
]


async def __do_sys_newfstatat(dfd: Dentry, path: str, cred: Cred = ROOT) -> int:
    """fstatat(): 0 or an errno.

    Left out: reading the attributes, which decides nothing; `__x64_sys_statx` gives them.
    """
    return await vfs_fstatat(dfd, path, cred)


async def vfs_fstatat(dfd: Dentry, path: str, cred: Cred = ROOT) -> int:
    """C: vfs_fstatat()."""
    return await vfs_statx(dfd, path, cred)


async def vfs_statx(dfd: Dentry, path: str, cred: Cred = ROOT) -> int:
    """Does the path lead somewhere?"""
    dentry = await filename_lookup(dfd, path, cred)
    if IS_ERR(dentry):
        return PTR_ERR(dentry)
    await dput(dentry)
    return 0


async def __x64_sys_statx(dfd: Dentry, path: str, cred: Cred = ROOT) -> Stat | int:
    """stat() with the attributes, or an errno."""
    dentry = await filename_lookup(dfd, path, cred)
    if IS_ERR(dentry):
        return PTR_ERR(dentry)
    stat = await vfs_getattr(dentry)
    await dput(dentry)
    return stat


async def vfs_fstat(file: File) -> Stat:
    """fstat(): without any walk."""
    return await vfs_getattr(file.f_dentry)


async def do_faccessat(dfd: Dentry, path: str, mask: int, cred: Cred = ROOT) -> int:
    """access(): 0 or an errno."""
    dentry = await filename_lookup(dfd, path, cred)
    if IS_ERR(dentry):
        return PTR_ERR(dentry)
    error = await inode_permission(dentry.d_inode, mask, cred)
    await dput(dentry)
    return error


async def __x64_sys_openat(dfd: Dentry, path: str, flags: int = 0, cred: Cred = ROOT) -> File:
    """openat(): an open file or an error pointer."""
    return await do_sys_openat2(dfd, path, flags, cred)


async def do_sys_openat2(dfd: Dentry, path: str, flags: int, cred: Cred) -> File:
    """Left out: the file descriptor."""
    return await do_filp_open(dfd, path, flags, cred)


async def do_filp_open(dfd: Dentry, path: str, flags: int, cred: Cred) -> File:
    """Left out: starting over with -ECHILD or -ESTALE."""
    return await path_openat(nameidata(dfd, path, cred), flags)


async def vfs_read(file: File, count: int | None = None) -> int | str:
    """read(): what the file's own code makes of it, from the position on.

    A text is made anew by each call, whatever the position; the C's seq_file keeps it.
    """
    if file.f_flags & O_PATH or file.f_flags & O_ACCMODE == O_WRONLY:
        return -EBADF
    if file.f_inode.i_dir:
        return -EISDIR
    read = None if is_null(file.f_inode.i_fop) else file.f_inode.i_fop.read
    if read is None:
        return -EINVAL
    await fdget_pos(file)
    got = await read(file)
    if isinstance(got, str):
        begin = file.f_pos
        got = got[begin:] if count is None else got[begin : begin + count]
        file.f_pos = begin + len(got)
    await fdput_pos(file)
    return got


async def vfs_write(file: File, data: str) -> int:
    """write(): what the file's own code makes of it."""
    if file.f_flags & O_PATH or not file.f_flags & O_ACCMODE:
        return -EBADF
    write = None if is_null(file.f_inode.i_fop) else file.f_inode.i_fop.write
    if write is None:
        return -EINVAL
    await fdget_pos(file)
    done = await write(file, data)
    if done > 0:
        file.f_pos += done
    await fdput_pos(file)
    return done


async def __x64_sys_fchmodat(dfd: Dentry, path: str, mode: int, cred: Cred = ROOT) -> int:
    """chmod(): 0 or an errno."""
    return await _change(dfd, path, Iattr(mode=mode, cred=cred))


async def __x64_sys_fchownat(
    dfd: Dentry, path: str, uid: int | None, gid: int | None, cred: Cred = ROOT
) -> int:
    """chown(); None leaves as it is."""
    return await _change(dfd, path, Iattr(uid=uid, gid=gid, cred=cred))


async def _change(dfd: Dentry, path: str, attr: Iattr) -> int:
    dentry = await filename_lookup(dfd, path, attr.cred)
    if IS_ERR(dentry):
        return PTR_ERR(dentry)
    error = await chmod_common(dentry, attr)
    await dput(dentry)
    return error


async def __x64_sys_fchmod(file: File, mode: int, cred: Cred = ROOT) -> int:
    """fchmod(): without any walk."""
    return await _fchange(file, Iattr(mode=mode, cred=cred))


async def __x64_sys_fchown(file: File, uid: int | None, gid: int | None, cred: Cred = ROOT) -> int:
    """fchown(): without any walk."""
    return await _fchange(file, Iattr(uid=uid, gid=gid, cred=cred))


async def _fchange(file: File, attr: Iattr) -> int:
    if file.f_flags & O_PATH:
        return -EBADF
    return await chmod_common(file.f_dentry, attr)


async def do_sys_truncate(dfd: Dentry, path: str, size: int, cred: Cred = ROOT) -> int:
    """truncate(): 0 or an errno; the size itself is left out."""
    dentry = await filename_lookup(dfd, path, cred)
    if IS_ERR(dentry):
        return PTR_ERR(dentry)
    error = -EISDIR
    if not dentry.d_inode.i_dir:
        error = await inode_permission(dentry.d_inode, MAY_WRITE, cred)
        error = error or await chmod_common(dentry, Iattr(size=size, cred=cred))
    await dput(dentry)
    return error


async def do_sys_ftruncate(file: File, size: int, cred: Cred = ROOT) -> int:
    """ftruncate(): 0 or an errno."""
    if file.f_flags & O_PATH:
        return -EBADF
    if file.f_inode.i_dir or not file.f_flags & O_ACCMODE:
        return -EINVAL
    return await chmod_common(file.f_dentry, Iattr(size=size, cred=cred))


async def do_utimes(dfd: Dentry, path: str, cred: Cred = ROOT) -> int:
    """utimensat(): the file system is asked, the times themselves are left out."""
    return await _change(dfd, path, Iattr(cred=cred))


def parse_options(options: str) -> MountOptions | int:
    """`gid=5,mode=0700`, or -EINVAL."""
    found: dict[str, int] = {}
    for option in options.split(","):
        name, _, value = option.partition("=")
        digits = "01234567" if name == "mode" else "0123456789"
        if name not in ("uid", "gid", "mode") or not value or value.strip(digits):
            return -EINVAL
        found[name] = int(value, 8 if name == "mode" else 10)
    return MountOptions(**found)


async def do_remount(sb: SuperBlock, options: str) -> int:
    """mount -o remount, and a mount of the same file system in a second place: 0 or an errno.

    C: do_remount(), or mount_single(): reconfigure_single().
    """
    await sb.s_umount.down_write()
    parsed = parse_options(options)
    if isinstance(parsed, int):
        error = parsed
    else:
        error = 0 if sb.s_op.remount is None else await sb.s_op.remount(sb, parsed)
    await sb.s_umount.up_write()
    return error
