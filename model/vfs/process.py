"""A process: who it is, where it stands, and what it has open.

Source: fs/open.c (chdir()), fs/d_path.c (getcwd()), fs/file.c, 6.5.
Its calls are those of `syscalls.py` and `create.py`, with paths from the working directory and
files by descriptor.  Left out: sharing descriptors or the working directory between tasks.
"""

from __future__ import annotations

from model.vfs.attr import MAY_EXEC, Cred, Stat, inode_permission
from model.vfs.create import (
    __x64_sys_linkat as _linkat,
)
from model.vfs.create import (
    __x64_sys_mkdirat as _mkdirat,
)
from model.vfs.create import (
    __x64_sys_mknodat as _mknodat,
)
from model.vfs.create import (
    __x64_sys_renameat as _renameat,
)
from model.vfs.create import (
    __x64_sys_rmdir as _rmdir,
)
from model.vfs.create import (
    __x64_sys_symlinkat as _symlinkat,
)
from model.vfs.create import (
    __x64_sys_unlink as _unlink,
)
from model.vfs.dcache import d_path, dget, dput
from model.vfs.err import EBADF, ENOENT, ENOTDIR, EXDEV, IS_ERR, PTR_ERR
from model.vfs.namei import can_lookup, filename_lookup, getname
from model.vfs.objects import Dentry, File, SuperBlock
from model.vfs.readdir import Dirent, get_file
from model.vfs.syscalls import (
    __x64_sys_close as _close,
)
from model.vfs.syscalls import (
    __x64_sys_fchmod as _fchmod,
)
from model.vfs.syscalls import (
    __x64_sys_fchmodat as _fchmodat,
)
from model.vfs.syscalls import (
    __x64_sys_fchown as _fchown,
)
from model.vfs.syscalls import (
    __x64_sys_fchownat as _fchownat,
)
from model.vfs.syscalls import (
    __x64_sys_getdents64 as _getdents64,
)
from model.vfs.syscalls import (
    __x64_sys_openat as _openat,
)
from model.vfs.syscalls import (
    __x64_sys_statx as _statx,
)
from model.vfs.syscalls import (
    do_faccessat,
    do_remount,
    do_sys_ftruncate,
    do_sys_truncate,
    do_utimes,
    reopen,
    vfs_fstat,
    vfs_llseek,
    vfs_read,
    vfs_write,
)

MOUNT_POINT = "/sys/kernel/tracing"
DELETED = " (deleted)"


def _beyond(path: str, error: int) -> int:
    """The error of a name to be made or moved: a path outside of the mount is on another one."""
    return -EXDEV if path.startswith("/") else error


class Process:
    """The state of one process on one mount, and its system calls: results or errnos (negative).

    An absolute path begins with the mount point; `dirfd` is where a relative one begins.
    Invariant: `cwd` carries a reference once `start()` has run, and each of `files` is open.
    """

    def __init__(self, sb: SuperBlock) -> None:
        self.sb = sb
        self.cred = Cred()
        self.cwd: Dentry = sb.s_root
        self.files: dict[int, File] = {}

    async def start(self) -> None:
        """Stand at the root of the mount."""
        await dget(self.cwd)

    async def exit(self) -> None:
        """Close all files, and leave the working directory."""
        for fd in list(self.files):
            await self.close(fd)
        await dput(self.cwd)

    def seteuid(self, uid: int, gid: int) -> None:
        """Be somebody else."""
        self.cred = Cred(uid, gid)

    def _at(self, path: str, dirfd: int | None = None) -> tuple[Dentry, str] | int:
        """Where a walk starts, and the rest of the path, or an errno."""
        error = getname(path)
        if error:
            return error
        if path.startswith("/"):
            if path != MOUNT_POINT and not path.startswith(f"{MOUNT_POINT}/"):
                return -ENOENT
            return self.sb.s_root, path[len(MOUNT_POINT) + 1 :] or "."
        if dirfd is None:
            return self.cwd, path
        file = self.files.get(dirfd)
        if file is None:
            return -EBADF
        return (file.f_dentry, path) if can_lookup(file.f_inode) else -ENOTDIR

    def _install(self, file: File) -> int:
        if IS_ERR(file):
            return PTR_ERR(file)
        fd = 3
        while fd in self.files:
            fd += 1
        self.files[fd] = file
        return fd

    async def open(self, path: str, flags: int = 0, *, dirfd: int | None = None) -> int:
        """A descriptor."""
        at = self._at(path, dirfd)
        if isinstance(at, int):
            return at
        return self._install(await _openat(*at, flags, self.cred))

    async def reopen(self, fd: int, flags: int = 0) -> int:
        """open("/proc/self/fd/N")"""
        file = self.files.get(fd)
        return -ENOENT if file is None else self._install(await reopen(file, flags, self.cred))

    async def dup(self, fd: int) -> int:
        """Another descriptor of the same open file."""
        file = self.files.get(fd)
        return -EBADF if file is None else self._install(get_file(file))

    async def close(self, fd: int) -> int:
        """0, or -EBADF."""
        file = self.files.pop(fd, None)
        if file is None:
            return -EBADF
        await _close(file)
        return 0

    async def stat(self, path: str, *, dirfd: int | None = None) -> Stat | int:
        """fstatat()"""
        at = self._at(path, dirfd)
        return at if isinstance(at, int) else await _statx(*at, self.cred)

    async def fstat(self, fd: int) -> Stat | int:
        """fstat(), of an O_PATH descriptor as well"""
        file = self.files.get(fd)
        return -EBADF if file is None else await vfs_fstat(file)

    async def access(self, path: str, mask: int) -> int:
        """access()"""
        at = self._at(path)
        return at if isinstance(at, int) else await do_faccessat(*at, mask, self.cred)

    async def getdents(
        self, fd: int, *, size: int | None = None, limit: int | None = None
    ) -> list[Dirent] | int:
        """One getdents64()"""
        file = self.files.get(fd)
        return -EBADF if file is None else await _getdents64(file, limit, size)

    async def lseek(self, fd: int, offset: int, whence: int = 0) -> int:
        """The new position"""
        file = self.files.get(fd)
        return -EBADF if file is None else await vfs_llseek(file, offset, whence)

    async def read(self, fd: int, count: int | None = None) -> int | str:
        """read()"""
        file = self.files.get(fd)
        return -EBADF if file is None else await vfs_read(file, count)

    async def write(self, fd: int, data: str) -> int:
        """write()"""
        file = self.files.get(fd)
        return -EBADF if file is None else await vfs_write(file, data)

    async def chmod(self, path: str, mode: int) -> int:
        """chmod()"""
        at = self._at(path)
        return at if isinstance(at, int) else await _fchmodat(*at, mode, self.cred)

    async def chown(self, path: str, uid: int, gid: int) -> int:
        """chown()"""
        at = self._at(path)
        return at if isinstance(at, int) else await _fchownat(*at, uid, gid, self.cred)

    async def fchmod(self, fd: int, mode: int) -> int:
        """fchmod()"""
        file = self.files.get(fd)
        return -EBADF if file is None else await _fchmod(file, mode, self.cred)

    async def fchown(self, fd: int, uid: int, gid: int) -> int:
        """fchown()"""
        file = self.files.get(fd)
        return -EBADF if file is None else await _fchown(file, uid, gid, self.cred)

    async def truncate(self, path: str, size: int) -> int:
        """truncate()"""
        at = self._at(path)
        return at if isinstance(at, int) else await do_sys_truncate(*at, size, self.cred)

    async def ftruncate(self, fd: int, size: int) -> int:
        """ftruncate()"""
        file = self.files.get(fd)
        return -EBADF if file is None else await do_sys_ftruncate(file, size, self.cred)

    async def utime(self, path: str) -> int:
        """utimensat()"""
        at = self._at(path)
        return at if isinstance(at, int) else await do_utimes(*at, self.cred)

    async def mkdir(self, path: str, mode: int = 0o777, *, dirfd: int | None = None) -> int:
        """mkdirat()"""
        at = self._at(path, dirfd)
        return at if isinstance(at, int) else await _mkdirat(*at, mode, self.cred)

    async def rmdir(self, path: str) -> int:
        """rmdir()"""
        at = self._at(path)
        return at if isinstance(at, int) else await _rmdir(*at, self.cred)

    async def unlink(self, path: str, *, dirfd: int | None = None) -> int:
        """unlinkat()"""
        at = self._at(path, dirfd)
        return at if isinstance(at, int) else await _unlink(*at, self.cred)

    async def symlink(self, path: str) -> int:
        """symlink() of anything to a path"""
        at = self._at(path)
        return at if isinstance(at, int) else await _symlinkat(*at, self.cred)

    async def mknod(self, path: str) -> int:
        """mknod() of a plain file"""
        at = self._at(path)
        return at if isinstance(at, int) else await _mknodat(*at, self.cred)

    async def link(self, old: str, new: str) -> int:
        """link(); what is outside of the mount is taken to be there.

        Left out: two relative paths that begin at different directories.
        """
        source, target = self._at(old), self._at(new)
        if isinstance(source, int):
            return source
        if isinstance(target, int):
            found = await self.stat(old)
            return found if isinstance(found, int) else _beyond(new, target)
        return await _linkat(source[0], source[1], target[1], self.cred)

    async def rename(self, old: str, new: str) -> int:
        """rename(), with the same left out"""
        source, target = self._at(old), self._at(new)
        if isinstance(source, int):
            return _beyond(old, source)
        if isinstance(target, int):
            return _beyond(new, target)
        return await _renameat(source[0], source[1], target[1], self.cred)

    async def remount(self, options: str) -> int:
        """mount -o remount,OPTIONS"""
        return await do_remount(self.sb, options)

    async def chdir(self, path: str) -> int:
        """chdir()"""
        at = self._at(path)
        if isinstance(at, int):
            return at
        dentry = await filename_lookup(*at, self.cred, directory=True)
        if IS_ERR(dentry):
            return PTR_ERR(dentry)
        return await self._set_fs_pwd(dentry)

    async def fchdir(self, fd: int) -> int:
        """fchdir()"""
        file = self.files.get(fd)
        if file is None:
            return -EBADF
        if not can_lookup(file.f_inode):
            return -ENOTDIR
        return await self._set_fs_pwd(await dget(file.f_dentry))

    async def _set_fs_pwd(self, dentry: Dentry) -> int:
        """Go to a directory whose reference is the caller's, and now ours."""
        error = await inode_permission(dentry.d_inode, MAY_EXEC, self.cred)
        if error:
            await dput(dentry)
            return error
        old, self.cwd = self.cwd, dentry
        await dput(old)
        return 0

    async def getcwd(self) -> str | int:
        """The path of the working directory; -ENOENT once its name is gone."""
        path = await d_path(self.cwd)
        return -ENOENT if path.endswith(DELETED) else path

    async def readlink_fd(self, fd: int) -> str | int:
        """readlink("/proc/self/fd/N"), with " (deleted)" once the name is gone"""
        file = self.files.get(fd)
        return -ENOENT if file is None else await d_path(file.f_dentry)
