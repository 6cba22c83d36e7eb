"""What tasks do: one user's action each, with its outcome noted.

Each is a coroutine function of a `Tracing` and a path: below `events`, where the empty path is that
directory itself; or from the root of tracefs, if it begins with a slash.  Walks start at the root
of tracefs, which its mount holds.  What is given an open file begins with a step of its own: it
reads the file before it comes to anything that others can see.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from lockwright.core.promise import always
from lockwright.kernel.context import cond_resched
from model.tracing.dynevent import create_dyn_event, probes_open
from model.tracing.instance import instance_rmdir
from model.tracing.setup import Outcome, Result, Tracing
from model.vfs import reclaim
from model.vfs.attr import Stat
from model.vfs.create import __x64_sys_mkdirat, __x64_sys_rmdir
from model.vfs.err import IS_ERR, PTR_ERR
from model.vfs.namei import O_RDWR
from model.vfs.objects import File
from model.vfs.readdir import Dirent, vfs_llseek
from model.vfs.syscalls import (
    __do_sys_newfstatat,
    __x64_sys_close,
    __x64_sys_fchmod,
    __x64_sys_fchmodat,
    __x64_sys_fchownat,
    __x64_sys_getdents64,
    __x64_sys_openat,
    __x64_sys_statx,
    do_remount,
    reopen,
    vfs_read,
    vfs_write,
)

T = TypeVar("T")
DOTS = (".", "..")


def _note(at: Tracing, call: str, path: str, result: Result) -> Result:
    at.outcomes.append(Outcome(call, path, result))
    return result


def full(path: str) -> str:
    """A path as the VFS is given it, from the root of tracefs."""
    if path.startswith("/"):
        return path[1:]
    return f"events/{path}" if path else "events"


async def gives(at: Tracing, call: Coroutine[Any, Any, T], *allowed: object) -> T:
    """Make a call, and promise what it gives: `await gives(at, stat(at, path), 0, -ENOENT)`."""
    name, path = call.__name__, call.cr_frame.f_locals  # type: ignore[attr-defined]
    what = next((f"{path[key]}" for key in ("path", "name") if key in path), "")
    got = await call
    said = " or ".join(f"{one}" for one in allowed)
    always(at.sb.world, f"{name} {what} gives {said}, not {got}", got in allowed)
    return got


def warm(at: Tracing, path: str) -> None:
    """Let a path have been looked up before the first task, and not be in use any more."""
    result = at.boot(__do_sys_newfstatat(at.sb.s_root, full(path)))
    assert result == 0, f"{path} is there: {result}"


def held(at: Tracing, path: str, flags: int = 0) -> File:
    """A file or directory that has been open since before the first task."""
    file: File = at.boot(__x64_sys_openat(at.sb.s_root, full(path), flags))
    assert not IS_ERR(file), f"{path} is there: {file}"
    return file


async def stat(at: Tracing, path: str) -> Result:
    """stat PATH"""
    return _note(at, "stat", path, await __do_sys_newfstatat(at.sb.s_root, full(path)))


async def stat_from(at: Tracing, directory: File, path: str) -> Result:
    """stat PATH, from an open directory; not noted, for the directory's path may lead elsewhere."""
    await cond_resched()
    return await __do_sys_newfstatat(directory.f_dentry, path)


async def read_from(at: Tracing, directory: File, path: str) -> Result:
    """cat PATH, from an open directory"""
    await cond_resched()
    file = await __x64_sys_openat(directory.f_dentry, path)
    if IS_ERR(file):
        return PTR_ERR(file)
    got = await vfs_read(file)
    await __x64_sys_close(file)
    return got


async def attributes(at: Tracing, path: str) -> Stat | int:
    """stat PATH, with what it shows."""
    got = await __x64_sys_statx(at.sb.s_root, full(path))
    if isinstance(got, Stat):
        _note(at, "number", path, got.ino)
    _note(at, "stat", path, 0 if isinstance(got, Stat) else got)
    return got


async def shown(at: Tracing, path: str) -> tuple[bool, int, int, int, int] | int:
    """What stat PATH shows: whether it is a directory, mode, owner, group, and links."""
    got = await attributes(at, path)
    if isinstance(got, int):
        return got
    return got.directory, got.mode, got.uid, got.gid, got.nlink


async def mode_of(at: Tracing, path: str) -> int:
    """The mode that stat PATH shows."""
    got = await attributes(at, path)
    return got.mode if isinstance(got, Stat) else got


async def links_of(at: Tracing, path: str) -> int:
    """The link count that stat PATH shows."""
    got = await attributes(at, path)
    return got.nlink if isinstance(got, Stat) else got


async def owner_of(at: Tracing, path: str) -> tuple[int, int] | int:
    """The owner and group that stat PATH shows."""
    got = await attributes(at, path)
    return (got.uid, got.gid) if isinstance(got, Stat) else got


async def hold_open(at: Tracing, path: str, flags: int = 0) -> File:
    """Open a file or directory, and leave it open."""
    file = await __x64_sys_openat(at.sb.s_root, full(path), flags)
    _note(at, "open", path, PTR_ERR(file) if IS_ERR(file) else 0)
    return file


async def opens(at: Tracing, path: str, flags: int = 0) -> int:
    """Open a file or directory and close it; 0 or an errno."""
    file = await hold_open(at, path, flags)
    if IS_ERR(file):
        return PTR_ERR(file)
    await __x64_sys_close(file)
    return 0


async def opens_from(at: Tracing, directory: File, path: str, flags: int = 0) -> int:
    """Open PATH from an open directory, and close it; 0 or an errno."""
    await cond_resched()
    file = await __x64_sys_openat(directory.f_dentry, path, flags)
    if IS_ERR(file):
        return PTR_ERR(file)
    await __x64_sys_close(file)
    return 0


async def reopens(at: Tracing, file: File, flags: int = 0) -> int:
    """Open an open file again, through /proc/self/fd, and close that; 0 or an errno."""
    await cond_resched()
    again = await reopen(file, flags)
    if IS_ERR(again):
        return PTR_ERR(again)
    await __x64_sys_close(again)
    return 0


async def open_and_close(at: Tracing, path: str) -> None:
    """Open a file or directory and close it."""
    await opens(at, path)


async def close(at: Tracing, file: File) -> None:
    """Close an open file, if it is one."""
    await cond_resched()
    if not IS_ERR(file):
        await __x64_sys_close(file)


async def list_open(
    at: Tracing, directory: File, *, limit: int | None = None, once: bool = False
) -> tuple[str, ...] | int:
    """The names that an open directory gives, dots and all, by calls until there are none more.

    `limit` is how many fit into the buffer of a call; with `once` there is one call.
    """
    await cond_resched()
    names: list[str] = []
    while True:
        entries = await __x64_sys_getdents64(directory, limit)
        if isinstance(entries, int):
            return entries
        names += [entry.name for entry in entries]
        if once or not entries:
            return tuple(names)


async def list_directory(at: Tracing, path: str, limit: int | None = None) -> Result:
    """ls PATH: the names without the dots, or an errno."""
    file = await hold_open(at, path)
    if IS_ERR(file):
        return PTR_ERR(file)
    found: list[Dirent] = []
    error = 0
    while True:
        entries = await __x64_sys_getdents64(file, limit)
        if isinstance(entries, int):
            error = entries
            break
        if not entries:
            break
        found += entries
    for entry in found:
        if entry.name not in DOTS:
            _note(at, "number", f"{path}/{entry.name}".lstrip("/"), entry.ino)
    names = tuple(entry.name for entry in found if entry.name not in DOTS)
    result: Result = error or names
    _note(at, "list", path, result)
    await __x64_sys_close(file)
    return result


async def rewind(at: Tracing, file: File) -> int:
    """Go back to the beginning of an open file."""
    await cond_resched()
    return await vfs_llseek(file, 0)


async def read_open(at: Tracing, file: File) -> Result:
    """Read an open file: its text, or an errno."""
    await cond_resched()
    got = await vfs_read(file)
    return got


async def write_open(at: Tracing, file: File, text: str) -> int:
    """Write to an open file."""
    await cond_resched()
    return await vfs_write(file, text)


async def read_file(at: Tracing, path: str) -> Result:
    """cat PATH: the text, or an errno."""
    file = await hold_open(at, path)
    if IS_ERR(file):
        return PTR_ERR(file)
    got = _note(at, "read", path, await vfs_read(file))
    await __x64_sys_close(file)
    return got


async def write_file(at: Tracing, path: str, text: str) -> int:
    """echo TEXT > PATH; 0 or an errno."""
    file = await hold_open(at, path, O_RDWR)
    if IS_ERR(file):
        return PTR_ERR(file)
    done = await vfs_write(file, text)
    result = done if done < 0 else 0
    _note(at, "write", path, result)
    await __x64_sys_close(file)
    return result


async def set_enabled(at: Tracing, path: str, *, on: bool) -> int:
    """echo 1 > PATH, where PATH is an event's `enable`; or 0"""
    return await write_file(at, path, "1" if on else "0")


async def chmod(at: Tracing, path: str, mode: int) -> int:
    """chmod MODE PATH"""
    result = await __x64_sys_fchmodat(at.sb.s_root, full(path), mode)
    _note(at, "chmod", path, result)
    return result


async def chown(at: Tracing, path: str, uid: int | None, gid: int | None) -> int:
    """chown UID:GID PATH"""
    result = await __x64_sys_fchownat(at.sb.s_root, full(path), uid, gid)
    _note(at, "chown", path, result)
    return result


async def set_mode(at: Tracing, file: File, mode: int) -> int:
    """fchmod() of an open file or directory."""
    await cond_resched()
    return await __x64_sys_fchmod(file, mode)


async def remount(at: Tracing, options: str) -> int:
    """mount -o remount,OPTIONS"""
    result = await do_remount(at.sb, options)
    _note(at, "remount", options, result)
    return result


async def drop_caches(at: Tracing) -> None:
    """echo 2 > /proc/sys/vm/drop_caches"""
    await reclaim.drop_caches(at.sb)


async def reclaim_one(at: Tracing, path: str) -> None:
    """The shrinker takes one dentry, if it is unused then."""
    await reclaim.kswapd_prune_one(at.sb, full(path))


async def make_directory(at: Tracing, directory: File, name: str) -> int:
    """mkdir NAME, from an open directory"""
    await cond_resched()
    return await __x64_sys_mkdirat(directory.f_dentry, name)


async def make_instance(at: Tracing, name: str) -> int:
    """mkdir instances/NAME"""
    path = f"/instances/{name}"
    result = await __x64_sys_mkdirat(at.sb.s_root, full(path))
    _note(at, "mkdir", path, result)
    return result


async def remove_instance(at: Tracing, name: str) -> int:
    """rmdir instances/NAME"""
    path = f"/instances/{name}"
    result = await __x64_sys_rmdir(at.sb.s_root, full(path))
    _note(at, "rmdir", path, result)
    return result


async def forget_instance(at: Tracing, name: str) -> int:
    """What rmdir instances/NAME comes to when the VFS has let go of its locks."""
    result = await instance_rmdir(at.core, name)
    _note(at, "rmdir", f"/instances/{name}", result)
    return result


async def create_event(at: Tracing, name: str) -> Result:
    """echo 'p:NAME vfs_read' >> dynamic_events"""
    return _note(
        at, "create", f"kprobes/{name}", await create_dyn_event(at.core, f"p:{name} vfs_read")
    )


async def remove_event(at: Tracing, name: str) -> Result:
    """echo '-:NAME' >> dynamic_events"""
    return _note(at, "remove", f"kprobes/{name}", await create_dyn_event(at.core, f"-:{name}"))


async def clear_events(at: Tracing) -> int:
    """: > kprobe_events"""
    result = await probes_open(at.core, truncate=True)
    _note(at, "clear", "kprobes", result)
    return result


async def remove_then_stat(at: Tracing, name: str) -> None:
    """Remove an event, and look whether its directory is gone."""
    if await remove_event(at, name) == 0:
        result = await __do_sys_newfstatat(at.sb.s_root, full(f"kprobes/{name}"))
        _note(at, "stat after remove", f"kprobes/{name}", result)


async def reproduce(at: Tracing, name: str) -> None:
    """The steps of the mail thread: make a kprobe event, list its directory, remove it."""
    await create_event(at, name)
    await list_directory(at, f"kprobes/{name}")
    await remove_then_stat(at, name)
