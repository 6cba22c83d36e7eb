"""What tasks do: one user's action each, with its outcome noted.

Each is a coroutine function of a `Tracing` and a path below `events`, or the empty path for that
directory.  Walks start at the root of tracefs, which its mount holds.
"""

from __future__ import annotations

from model.tracing.core import event_trace_del_tracer
from model.tracing.kprobe import create_dyn_event
from model.tracing.setup import Outcome, Result, Tracing
from model.vfs.err import IS_ERR, PTR_ERR
from model.vfs.objects import File
from model.vfs.syscalls import (
    __do_sys_newfstatat,
    __x64_sys_close,
    __x64_sys_getdents64,
    __x64_sys_openat,
    vfs_read,
)


def _note(at: Tracing, call: str, path: str, result: Result) -> Result:
    at.outcomes.append(Outcome(call, path, result))
    return result


def _full(path: str) -> str:
    return f"events/{path}" if path else "events"


async def stat(at: Tracing, path: str) -> Result:
    """stat PATH"""
    return _note(at, "stat", path, await __do_sys_newfstatat(at.sb.s_root, _full(path)))


async def hold_open(at: Tracing, path: str, flags: int = 0) -> File:
    """Open a file or directory, and leave it open."""
    file = await __x64_sys_openat(at.sb.s_root, _full(path), flags)
    _note(at, "open", path, PTR_ERR(file) if IS_ERR(file) else 0)
    return file


async def open_and_close(at: Tracing, path: str) -> None:
    """Open a file or directory and close it."""
    file = await hold_open(at, path)
    if not IS_ERR(file):
        await __x64_sys_close(file)


async def list_directory(at: Tracing, path: str) -> None:
    """ls PATH"""
    file = await hold_open(at, path)
    if not IS_ERR(file):
        _note(at, "list", path, tuple(await __x64_sys_getdents64(file)))
        await __x64_sys_close(file)


async def read_file(at: Tracing, path: str) -> None:
    """cat PATH"""
    file = await hold_open(at, path)
    if not IS_ERR(file):
        _note(at, "read", path, await vfs_read(file))
        await __x64_sys_close(file)


async def create_event(at: Tracing, name: str) -> Result:
    """echo 'p:NAME function' >> dynamic_events"""
    return _note(at, "create", f"kprobes/{name}", await create_dyn_event(at.tr, f"p:{name}"))


async def remove_event(at: Tracing, name: str) -> Result:
    """echo '-:NAME' >> dynamic_events"""
    return _note(at, "remove", f"kprobes/{name}", await create_dyn_event(at.tr, f"-:{name}"))


async def remove_instance(at: Tracing) -> None:
    """rmdir of a trace instance: its whole events directory goes."""
    await event_trace_del_tracer(at.tr)


async def remove_then_stat(at: Tracing, name: str) -> None:
    """Remove an event, and look whether its directory is gone."""
    if await remove_event(at, name) == 0:
        result = await __do_sys_newfstatat(at.sb.s_root, _full(f"kprobes/{name}"))
        _note(at, "stat after remove", f"kprobes/{name}", result)


async def reproduce(at: Tracing, name: str) -> None:
    """The steps of the mail thread: make a kprobe event, list its directory, remove it."""
    await create_event(at, name)
    await list_directory(at, f"kprobes/{name}")
    await remove_then_stat(at, name)
