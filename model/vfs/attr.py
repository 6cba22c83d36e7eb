"""Attributes: who may what, stat(), chmod() and chown().

Source: fs/attr.c, fs/stat.c, fs/namei.c (generic_permission()), 6.5.

i_rwsem of the inode guards its attributes against other writers.  stat() and the permission
checks read them without it, and link counts are changed under the directory's lock: races that
the C accepts.  So each is one step that reads or writes marked and orders nothing (`Relaxed`).
Left out: times, sizes and blocks, ACLs, set-id bits that chown() clears, capabilities other than
all of root's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lockwright.core.errors import KernelOops
from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from model.vfs.err import EACCES, EPERM, follow, is_null
from model.vfs.objects import Dentry, Inode

if TYPE_CHECKING:
    from lockwright.core.task import Task

MAY_EXEC = 1
MAY_WRITE = 2
MAY_READ = 4
PERMISSIONS = 0o7777


@dataclass(frozen=True, slots=True)
class Cred:
    """Who asks.  Root may do all, but execute what nobody may execute."""

    uid: int = 0
    gid: int = 0


ROOT = Cred()


@dataclass(frozen=True, slots=True)
class Iattr:
    """struct iattr: what is to change, None is what stays; `size` is set by O_TRUNC.

    `cred` is whoever asks, which the C finds in the task.
    """

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    cred: Cred = ROOT


class Stat(NamedTuple):
    """What stat() gives.  `mode` has the permission bits only."""

    ino: int
    mode: int
    nlink: int
    uid: int
    gid: int
    directory: bool


class Relaxed(Operation):
    """A few marked accesses to the fields of one inode, in one step, that order nothing."""

    __slots__ = ("body", "inode", "kind")

    stable = False
    orders = RELAXED

    def __init__(self, kind: str, inode: Inode, body: Callable[[], Value]) -> None:
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.inode = inode
        self.body = body

    def run(self, task: Task, touched: list[int]) -> Value:
        return self.body()

    def describe(self) -> str:
        return f"{self.kind}({self.inode.describe()})"


def generic_permission(inode: Inode, mask: int, cred: Cred) -> int:
    """Within a step: 0 or -EACCES."""
    mode = inode.i_mode
    if cred.uid == 0:
        executable = inode.i_dir or mode & 0o111
        return 0 if executable or not mask & MAY_EXEC else -EACCES
    if cred.uid == inode.i_uid:
        mode >>= 6
    elif cred.gid == inode.i_gid:
        mode >>= 3
    return -EACCES if mask & ~mode else 0


def may_enter(inode: Inode, cred: Cred) -> int:
    """C: may_lookup(): may a walk go through the directory?  Within a step of the walk."""
    own = inode.i_op.permission
    if own is not None:
        own(inode)
    return 0 if cred.uid == 0 else generic_permission(inode, MAY_EXEC, cred)


async def inode_permission(inode: Inode, mask: int, cred: Cred) -> int:
    """May somebody read, write or execute?  0 or -EACCES.

    No step for root, who may always read and write and walk through any directory, unless the
    file system wants to be asked.
    """
    own = None if is_null(inode.i_op) else inode.i_op.permission
    if own is None and cred.uid == 0 and (inode.i_dir or not mask & MAY_EXEC):
        return 0

    def check() -> int:
        if own is not None:
            own(inode)
        return generic_permission(inode, mask, cred)

    error: int = await Relaxed("inode_permission", inode, check)
    return error


async def vfs_getattr(dentry: Dentry) -> Stat:
    """The attributes, read without any lock; the caller has a reference.  C: generic_fillattr()."""
    inode = follow(dentry.d_inode)
    if not is_null(inode.i_op) and inode.i_op.getattr is not None:
        await inode.i_op.getattr(dentry)

    def fill() -> Stat:
        mode = inode.i_mode & PERMISSIONS
        return Stat(inode.i_ino, mode, inode.i_nlink, inode.i_uid, inode.i_gid, inode.i_dir)

    stat: Stat = await Relaxed("generic_fillattr", inode, fill)
    return stat


async def notify_change(dentry: Dentry, attr: Iattr) -> int:
    """Change attributes: 0 or an errno.  The caller holds the inode's i_rwsem for writing."""
    inode = dentry.d_inode
    setattr_ = None if is_null(inode.i_op) else inode.i_op.setattr
    if setattr_ is not None:
        return await setattr_(dentry, attr)
    return await simple_setattr(dentry, attr)


async def simple_setattr(dentry: Dentry, attr: Iattr) -> int:
    """Check who asks, then write.  The caller holds the inode's i_rwsem for writing."""
    inode = dentry.d_inode
    error = setattr_prepare(inode, attr)
    if error:
        return error
    await setattr_copy(inode, attr)
    return 0


def setattr_prepare(inode: Inode, attr: Iattr) -> int:
    """0 or -EPERM.  Only the owner changes the mode, and only root the owner."""
    if attr.cred.uid == 0:
        return 0
    if attr.uid is not None or attr.gid is not None:
        return -EPERM
    return -EPERM if attr.mode is not None and attr.cred.uid != inode.i_uid else 0


async def setattr_copy(inode: Inode, attr: Iattr) -> None:
    """Write what is to change; the kind of the file stays."""

    def copy() -> None:
        if attr.uid is not None:
            inode.i_uid = attr.uid
        if attr.gid is not None:
            inode.i_gid = attr.gid
        if attr.mode is not None:
            inode.i_mode = (inode.i_mode & ~PERMISSIONS) | (attr.mode & PERMISSIONS)

    await Relaxed("setattr_copy", inode, copy)


async def inc_nlink(inode: Inode) -> None:
    """One name more.  The caller holds the directory's lock."""
    await Relaxed("inc_nlink", inode, lambda: _add_links(inode, 1))


async def drop_nlink(inode: Inode) -> None:
    """One name less; below 0 the C warns, and here it is an oops."""
    await Relaxed("drop_nlink", inode, lambda: _add_links(inode, -1))


async def clear_nlink(inode: Inode) -> None:
    """No name any more."""

    def clear() -> None:
        inode.i_nlink = 0

    await Relaxed("clear_nlink", inode, clear)


def _add_links(inode: Inode, by: int) -> None:
    links = inode.i_nlink + by
    if links < 0:
        raise KernelOops("BUG", f"link count of {inode.describe()} falls below 0", "drop_nlink")
    inode.i_nlink = links


async def chmod_common(dentry: Dentry, attr: Iattr) -> int:
    """chmod() and chown() of a dentry that the caller has a reference on."""
    inode = follow(dentry.d_inode)
    await inode.i_rwsem.down_write()
    error = await notify_change(dentry, attr)
    await inode.i_rwsem.up_write()
    return error
