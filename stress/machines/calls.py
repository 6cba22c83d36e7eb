"""The calls of the vocabulary: one function each, of a `Desk` and of text or numbers.

A path is as in `stress/workloads.py`: below `events`, where the empty path is that directory, or
from the root of tracefs if it begins with a slash.  What a call gives is what its user would get:
0 or a negative errno, a text, or names.  `NUMBER` is that of a descriptor: one of 3 to 9.

What a call says in `Tracing.outcomes` is what the invariants judge; a call that is about an open
directory is not noted, for its path may lead elsewhere by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from model.tracing.setup import Outcome, Tracing
from model.vfs.attr import Stat
from model.vfs.create import __x64_sys_mkdirat as _mkdirat
from model.vfs.create import __x64_sys_rmdir as _rmdir
from model.vfs.create import __x64_sys_unlink as _unlink
from model.vfs.err import (
    EBADF,
    EINVAL,
    EISDIR,
    ENAMETOOLONG,
    ENOTDIR,
    IS_ERR,
    PTR_ERR,
)
from model.vfs.namei import (
    O_CREAT,
    O_DIRECTORY,
    O_PATH,
    O_RDWR,
    O_TRUNC,
    O_WRONLY,
    can_lookup,
)
from model.vfs.objects import File
from model.vfs.syscalls import (
    __do_sys_newfstatat as _fstatat,
)
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
    vfs_llseek,
    vfs_read,
    vfs_write,
)
from stress import workloads
from stress.machines.descriptors import Descriptors
from stress.workloads import DOTS, full

R = TypeVar("R", int, str | int, tuple[str, ...] | int)
Shown: TypeAlias = tuple[str, int, int, int]
"""What `show` gives: "dir" or "file", mode, owner, group."""
Names: TypeAlias = tuple[str, ...]
FLAGS = {
    "r": 0,
    "w": O_WRONLY,
    "rw": O_RDWR,
    "trunc": O_RDWR | O_TRUNC,
    "creat": O_RDWR | O_CREAT,
    "dir": O_DIRECTORY,
    "path": O_PATH,
}
"""How a file can be opened."""
INSTANCES = "/instances/"


@dataclass(frozen=True, slots=True)
class Desk:
    """What users sit at: a mounted tracefs, and the descriptors of the process they run in."""

    at: Tracing
    files: Descriptors


MISTAKES = (-EBADF, -EISDIR, -EINVAL, -ENAMETOOLONG, -ENOTDIR)
"""What a user is told who asks for what makes no sense: nothing for the invariants to judge."""


def _noted(desk: Desk, call: str, path: str, result: R) -> R:
    if result not in MISTAKES and _is_known(path):
        desk.at.outcomes.append(Outcome(call, path, result))
    return result


def _is_known(path: str) -> bool:
    """Is it the path by which the invariants know something in a directory `events`?"""
    if {"", *DOTS} & set(path.removeprefix("/").split("/")):
        return not path
    return not path.startswith("/") or path.split("/")[1:4:2] == ["instances", "events"]


def _noted_instance(desk: Desk, call: str, path: str, result: int) -> int:
    """Something was done in the directory `instances`, if it was that."""
    if path.startswith(INSTANCES) and "/" not in path[len(INSTANCES) :] and result not in MISTAKES:
        desk.at.outcomes.append(Outcome(call, path, result))
    return result


async def _opened(desk: Desk, path: str, flags: int = 0) -> File | int:
    file: File = await _openat(desk.at.sb.s_root, full(path), flags)
    error = _noted(desk, "open", path, PTR_ERR(file) if IS_ERR(file) else 0)
    return error or file


# By path.


async def stat(desk: Desk, path: str) -> int:
    """stat PATH: 0 or an errno."""
    return _noted(desk, "stat", path, await _fstatat(desk.at.sb.s_root, full(path)))


async def show(desk: Desk, path: str) -> Shown | int:
    """stat PATH, with what it shows."""
    got = await _statx(desk.at.sb.s_root, full(path))
    if not isinstance(got, Stat):
        return _noted(desk, "stat", path, got)
    _noted(desk, "number", path, got.ino)
    return "dir" if got.directory else "file", got.mode, got.uid, got.gid


async def cat(desk: Desk, path: str) -> str | int:
    """cat PATH: its text or an errno."""
    file = await _opened(desk, path)
    if isinstance(file, int):
        return file
    got = _noted(desk, "read", path, await vfs_read(file))
    await _close(file)
    return got


async def echo(desk: Desk, text: str, path: str) -> int:
    """echo TEXT > PATH: 0 or an errno."""
    file = await _opened(desk, path, O_RDWR)
    if isinstance(file, int):
        return file
    done = await vfs_write(file, text)
    await _close(file)
    return _noted(desk, "write", path, min(done, 0))


async def ls(desk: Desk, path: str, limit: int | None = None) -> Names | int:
    """ls PATH with a buffer for so many names; without the dots, in the order they come."""
    file = await _opened(desk, path)
    if isinstance(file, int):
        return file
    found: list[str] = []
    while entries := await _getdents64(file, limit):
        if isinstance(entries, int):
            await _close(file)
            return _noted(desk, "list", path, entries)
        for entry in entries:
            if entry.name not in DOTS:
                _noted(desk, "number", f"{path}/{entry.name}".lstrip("/"), entry.ino)
                found.append(entry.name)
    await _close(file)
    return _noted(desk, "list", path, tuple(found))


async def has(desk: Desk, path: str, name: str, limit: int | None = None) -> bool | int:
    """ls PATH | grep NAME, with a buffer for so many names: is it among them?

    What a listing says of one name, it says of one moment; of two names it may be two.
    """
    got = await ls(desk, path, limit)
    return got if isinstance(got, int) else name in got


async def chmod(desk: Desk, mode: int, path: str) -> int:
    """chmod MODE PATH"""
    error = await _fchmodat(desk.at.sb.s_root, full(path), mode)
    return _noted(desk, "chmod", path, error)


async def chown(desk: Desk, uid: int | None, gid: int | None, path: str) -> int:
    """chown UID:GID PATH; null leaves as it is."""
    error = await _fchownat(desk.at.sb.s_root, full(path), uid, gid)
    return _noted(desk, "chown", path, error)


async def mkdir(desk: Desk, path: str) -> int:
    """mkdir PATH; below `instances` it makes an instance."""
    result = await _mkdirat(desk.at.sb.s_root, full(path))
    return _noted_instance(desk, "mkdir", path, result)


async def rmdir(desk: Desk, path: str) -> int:
    """rmdir PATH; below `instances` it removes an instance."""
    return _noted_instance(desk, "rmdir", path, await _rmdir(desk.at.sb.s_root, full(path)))


async def unlink(desk: Desk, path: str) -> int:
    """rm PATH"""
    return await _unlink(desk.at.sb.s_root, full(path))


async def reclaim(desk: Desk, path: str) -> int:
    """The shrinker takes the dentry of a path, if it is unused then; always 0."""
    await workloads.reclaim_one(desk.at, path)
    return 0


# Events, and the whole mount.


async def create(desk: Desk, name: str) -> int:
    """echo 'p:NAME vfs_read' >> dynamic_events"""
    result = await workloads.create_event(desk.at, name)
    assert isinstance(result, int), "0 or an errno"
    return result


async def remove(desk: Desk, name: str) -> int:
    """echo '-:NAME' >> dynamic_events"""
    result = await workloads.remove_event(desk.at, name)
    assert isinstance(result, int), "0 or an errno"
    return result


async def clear(desk: Desk) -> int:
    """: > kprobe_events"""
    return await workloads.clear_events(desk.at)


async def drop_caches(desk: Desk) -> int:
    """echo 2 > /proc/sys/vm/drop_caches; always 0."""
    await workloads.drop_caches(desk.at)
    return 0


async def remount(desk: Desk, options: str) -> int:
    """mount -o remount,OPTIONS"""
    return await workloads.remount(desk.at, options)


# By descriptor.


async def open(desk: Desk, number: str, path: str, flags: str = "r") -> int:
    """exec NUMBER< PATH: 0 or an errno; a file that the number led to before is closed."""
    if flags not in FLAGS:
        return -EINVAL
    file = await _opened(desk, path, FLAGS[flags])
    return file if isinstance(file, int) else await desk.files.install(number, file)


async def close(desk: Desk, number: str) -> int:
    """close(): 0 or -EBADF."""
    return await desk.files.close(number)


async def getdents(desk: Desk, number: str, limit: int | None = None) -> Names | int:
    """One getdents64() with a buffer for so many names, dots and all."""

    async def call(file: File) -> Names | int:
        got = await _getdents64(file, limit)
        return got if isinstance(got, int) else tuple(entry.name for entry in got)

    return await desk.files.use(number, call)


async def rewind(desk: Desk, number: str) -> int:
    """lseek(NUMBER, 0, SEEK_SET): 0 or an errno."""
    return await desk.files.use(number, lambda file: vfs_llseek(file, 0))


async def read(desk: Desk, number: str) -> str | int:
    """read(): the text from the position on, or an errno."""
    return await desk.files.use(number, vfs_read)


async def write(desk: Desk, number: str, text: str) -> int:
    """write(): how much was written, or an errno."""
    return await desk.files.use(number, lambda file: vfs_write(file, text))


async def fchmod(desk: Desk, mode: int, number: str) -> int:
    """fchmod(): 0 or an errno."""
    return await desk.files.use(number, lambda file: _fchmod(file, mode))


async def fchown(desk: Desk, uid: int | None, gid: int | None, number: str) -> int:
    """fchown(): 0 or an errno; null leaves as it is."""
    return await desk.files.use(number, lambda file: _fchown(file, uid, gid))


async def stat_at(desk: Desk, number: str, path: str) -> int:
    """fstatat(): a path from an open directory; 0 or an errno."""

    async def call(file: File) -> int:
        return await _fstatat(file.f_dentry, path) if _is_dir(file) else -ENOTDIR

    return await desk.files.use(number, call)


def _is_dir(file: File) -> bool:
    return can_lookup(file.f_inode)


FUNCTIONS = {
    function.__name__: function
    for function in (
        *(stat, show, cat, echo, ls, has, chmod, chown, mkdir, rmdir, unlink, reclaim),
        *(create, remove, clear, drop_caches, remount),
        *(open, close, getdents, rewind, read, write, fchmod, fchown, stat_at),
    )
}
"""Every call by its name."""
