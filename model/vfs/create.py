"""Making and removing names: mkdir, rmdir, unlink, rename, symlink, link, mknod.

Source: fs/namei.c, 6.5.
Where a directory has no operation for it (all of eventfs), the call ends where the C finds that
out, with the errors that come before that.  Left out: other file systems, so -EXDEV, and limits
on link counts; what is mounted on a victim.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model.vfs.attr import MAY_EXEC, MAY_WRITE, ROOT, Cred, inode_permission
from model.vfs.dcache import d_delete, dget, dput, shrink_dcache_parent
from model.vfs.err import (
    EACCES,
    EBUSY,
    EEXIST,
    EINVAL,
    EISDIR,
    ENOENT,
    ENOTDIR,
    ENOTEMPTY,
    EPERM,
    ERR_PTR,
    IS_ERR,
    PTR_ERR,
    is_null,
)
from model.vfs.libfs import fsnotify
from model.vfs.namei import (
    Nameidata,
    filename_lookup,
    filename_parentat,
    lookup_one_len,
    nameidata,
)
from model.vfs.objects import Dentry, Inode

if TYPE_CHECKING:
    pass

I_MUTEX_NORMAL, I_MUTEX_PARENT, I_MUTEX_CHILD = 0, 1, 2
I_MUTEX_PARENT2 = 5


@dataclass(slots=True)
class Name:
    """A last name in its directory, which is locked for writing, and its dentry; both held."""

    nd: Nameidata
    dir: Inode
    dentry: Dentry


def last_of(path: str) -> str:
    """The last component: a name, or "", "." or ".."."""
    return path.rstrip("/").rpartition("/")[2]


async def filename_create(dfd: Dentry, path: str, cred: Cred, *, directory: bool) -> Name | int:
    """Lock the directory of a name that is to be made, and look it up; -EEXIST if it is there.

    A trailing slash is for directories only.
    """
    if last_of(path) in ("", ".", ".."):
        error = await _only_walk(dfd, path, cred)
        return error or -EEXIST
    found = await _lock_and_look_up(dfd, path, cred)
    if isinstance(found, int):
        return found
    if not is_null(found.dentry.d_inode):
        return await done_path_create(found, -EEXIST)
    if path.endswith("/") and not directory:
        return await done_path_create(found, -ENOENT)
    return found


async def _only_walk(dfd: Dentry, path: str, cred: Cred) -> int:
    """For a path that ends in no name: what its walk comes to."""
    dentry = await filename_lookup(dfd, path, cred)
    if IS_ERR(dentry):
        return PTR_ERR(dentry)
    await dput(dentry)
    return 0


async def _lock_and_look_up(dfd: Dentry, path: str, cred: Cred) -> Name | int:
    nd = nameidata(dfd, path, cred)
    error = await filename_parentat(nd)
    if error:
        return error
    dir = nd.inode
    await dir.i_rwsem.down_write_nested(I_MUTEX_PARENT)
    dentry = await lookup_one_len(nd.rest[0], nd.path)
    found = Name(nd, dir, dentry)
    if IS_ERR(dentry):
        found.dentry = None  # type: ignore[assignment]  # NULL: dput() takes it
        return await done_path_create(found, PTR_ERR(dentry))
    return found


async def done_path_create(name: Name, error: int) -> int:
    """Unlock, and let go of name and directory; gives the error."""
    await dput(name.dentry)
    await name.dir.i_rwsem.up_write()
    if name.nd.held:
        await dput(name.nd.path)
    return error


async def may_create(dir: Inode, cred: Cred) -> int:
    """May a name be made?  The caller holds dir's i_rwsem and has found the name free."""
    if dir.i_dead:
        return -ENOENT
    return await inode_permission(dir, MAY_WRITE | MAY_EXEC, cred)


async def may_delete(dir: Inode, victim: Dentry, cred: Cred, *, directory: bool) -> int:
    """May a name be removed?  The caller holds dir's i_rwsem."""
    inode = victim.d_inode
    if is_null(inode):
        return -ENOENT
    error = await inode_permission(dir, MAY_WRITE | MAY_EXEC, cred)
    if error:
        return error
    if directory:
        if not inode.i_dir:
            return -ENOTDIR
    elif inode.i_dir:
        return -EISDIR
    return -ENOENT if dir.i_dead else 0


async def vfs_mkdir(dir: Inode, dentry: Dentry, mode: int, cred: Cred = ROOT) -> int:
    """Make a directory.  The caller holds dir's i_rwsem; the file system may drop it inside."""
    error = await may_create(dir, cred)
    if error:
        return error
    if is_null(dir.i_op) or dir.i_op.mkdir is None:
        return -EPERM
    error = await dir.i_op.mkdir(dir, dentry, mode)
    if not error:
        fsnotify(dentry, "mkdir")
    return error


async def __x64_sys_mkdirat(dfd: Dentry, path: str, mode: int = 0o777, cred: Cred = ROOT) -> int:
    """mkdir(): 0 or an errno."""
    name = await filename_create(dfd, path, cred, directory=True)
    if isinstance(name, int):
        return name
    return await done_path_create(name, await vfs_mkdir(name.dir, name.dentry, mode, cred))


async def vfs_rmdir(dir: Inode, dentry: Dentry, cred: Cred = ROOT) -> int:
    """Remove a directory.  The caller holds dir's i_rwsem; the victim's is taken inside it.

    The file system's ->rmdir may drop both and take them again.
    """
    error = await may_delete(dir, dentry, cred, directory=True)
    if error:
        return error
    if is_null(dir.i_op) or dir.i_op.rmdir is None:
        return -EPERM
    await dget(dentry)
    inode = dentry.d_inode
    await inode.i_rwsem.down_write()
    error = await dir.i_op.rmdir(dir, dentry)
    if not error:
        await shrink_dcache_parent(dentry)
        inode.i_dead = True
    await inode.i_rwsem.up_write()
    await dput(dentry)
    if not error:
        fsnotify(dentry, "rmdir")
        await d_delete(dentry)
    return error


async def __x64_sys_rmdir(dfd: Dentry, path: str, cred: Cred = ROOT) -> int:
    """rmdir(): 0 or an errno."""
    wrong = {"": -EBUSY, ".": -EINVAL, "..": -ENOTEMPTY}.get(last_of(path))
    if wrong is not None:
        return await _only_walk(dfd, path, cred) or wrong
    name = await _lock_and_look_up(dfd, path, cred)
    if isinstance(name, int):
        return name
    error = -ENOENT
    if not is_null(name.dentry.d_inode):
        error = await vfs_rmdir(name.dir, name.dentry, cred)
    return await done_path_create(name, error)


async def __x64_sys_unlink(dfd: Dentry, path: str, cred: Cred = ROOT) -> int:
    """unlink(): an errno.  No directory here has an ->unlink."""
    if last_of(path) in ("", ".", ".."):
        return await _only_walk(dfd, path, cred) or -EISDIR
    name = await _lock_and_look_up(dfd, path, cred)
    if isinstance(name, int):
        return name
    inode = name.dentry.d_inode
    if is_null(inode):
        error = -ENOENT
    elif path.endswith("/"):
        error = -EISDIR if inode.i_dir else -ENOTDIR
    else:
        error = await may_delete(name.dir, name.dentry, cred, directory=False)
    return await done_path_create(name, error or -EPERM)


async def _refused(dfd: Dentry, path: str, cred: Cred, refusal: int) -> int:
    """A name is to be made by an operation that no directory here has."""
    name = await filename_create(dfd, path, cred, directory=False)
    if isinstance(name, int):
        return name
    error = await may_create(name.dir, cred)
    return await done_path_create(name, error or refusal)


async def __x64_sys_symlinkat(dfd: Dentry, path: str, cred: Cred = ROOT) -> int:
    """symlink(): an errno.  No directory here has a ->symlink."""
    return await _refused(dfd, path, cred, -EPERM)


async def __x64_sys_mknodat(dfd: Dentry, path: str, cred: Cred = ROOT) -> int:
    """mknod() of a plain file: an errno.  No directory here has a ->create."""
    return await _refused(dfd, path, cred, -EACCES)


async def __x64_sys_linkat(dfd: Dentry, old: str, new: str, cred: Cred = ROOT) -> int:
    """link(): an errno.  No directory here has a ->link."""
    dentry = await filename_lookup(dfd, old, cred)
    if IS_ERR(dentry):
        return PTR_ERR(dentry)
    error = await _refused(dfd, new, cred, -EPERM)
    await dput(dentry)
    return error


async def __x64_sys_renameat(dfd: Dentry, old: str, new: str, cred: Cred = ROOT) -> int:
    """rename(): an errno.  No directory here has a ->rename."""
    if last_of(old) in ("", ".", "..") or last_of(new) in ("", ".", ".."):
        return -EBUSY
    from_, to = nameidata(dfd, old, cred), nameidata(dfd, new, cred)
    error = await filename_parentat(from_)
    if error:
        return error
    error = await filename_parentat(to)
    if not error:
        await lock_rename(from_, to)
        error = await _rename_locked(from_, to, cred)
        await unlock_rename(from_, to)
        await _put(to)
    await _put(from_)
    return error


async def _put(nd: Nameidata) -> None:
    if nd.held:
        await dput(nd.path)


async def lock_rename(old: Nameidata, new: Nameidata) -> None:
    """Lock two directories: an ancestor before what is below it."""
    if old.path is new.path:
        await old.inode.i_rwsem.down_write_nested(I_MUTEX_PARENT)
        return
    await old.path.d_sb.s_vfs_rename_mutex.lock()
    first, second = (new, old) if _is_below(old.path, new.path) else (old, new)
    await first.inode.i_rwsem.down_write_nested(I_MUTEX_PARENT)
    await second.inode.i_rwsem.down_write_nested(I_MUTEX_PARENT2)


async def unlock_rename(old: Nameidata, new: Nameidata) -> None:
    """The reverse."""
    await old.inode.i_rwsem.up_write()
    if old.path is not new.path:
        await new.inode.i_rwsem.up_write()
        await old.path.d_sb.s_vfs_rename_mutex.unlock()


def _is_below(dentry: Dentry, above: Dentry) -> bool:
    """C: d_ancestor().  Parents never change, and are held by their children."""
    at = dentry
    while not is_null(at):
        if at is above:
            return True
        at = at.d_parent
    return False


async def _rename_locked(old: Nameidata, new: Nameidata, cred: Cred) -> int:
    """What vfs_rename() finds wrong before it would ask the file system."""
    source = await lookup_one_len(old.rest[0], old.path)
    if IS_ERR(source):
        return PTR_ERR(source)
    inode = source.d_inode
    target = await lookup_one_len(new.rest[0], new.path) if not is_null(inode) else _missing()
    if IS_ERR(target):
        error = PTR_ERR(target)
    elif _is_below(new.path, source):
        error = -EINVAL
    elif _is_below(old.path, target):
        error = -ENOTEMPTY
    elif source is target:
        error = 0
    else:
        error = await may_delete(old.inode, source, cred, directory=inode.i_dir)
        if not error and is_null(target.d_inode):
            error = await may_create(new.inode, cred)
        elif not error:
            error = await may_delete(new.inode, target, cred, directory=inode.i_dir)
        error = error or -EPERM
    if not IS_ERR(target):
        await dput(target)
    await dput(source)
    return error


def _missing() -> Dentry:
    return ERR_PTR(Dentry, -ENOENT)
