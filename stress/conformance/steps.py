"""What a recorded step does, on a process of the model.

`perform` gives an answer in the recording's form.  Variables of a sequence (`open F ...`) are kept
in a `Session`.  What the models have no way to do raises `NotPerformed`, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from model.vfs.namei import O_APPEND, O_DIRECTORY, O_PATH, O_TRUNC, O_WRONLY
from model.vfs.process import MOUNT_POINT, Process
from model.vfs.readdir import reclen
from model.vfs.reclaim import drop_caches
from stress.conformance.answers import OK, Answer, answer, entry, stat_answer, text_answer
from stress.conformance.process import NotPerformed, Session, flags_of, path_of, place

if TYPE_CHECKING:
    from lockwright.core.task import Task

LISTING = 32768
"""The buffer of `ls`."""
BIND = re.compile(r"mkdir -p (?P<to>\S+); mount -o bind (?P<what>\S+) (?P=to); ls (?P=to)")
UNBIND = re.compile(r"grep -c (?P<to>\S+) /proc/mounts; umount (?P=to)")
"""The scripts of the recording that the models can do."""


class _Enter(Operation):
    """The user calls the kernel: a step of its own, which touches nothing."""

    __slots__ = ("op",)

    kind = "syscall"
    orders = RELAXED

    def __init__(self, op: str) -> None:
        self.op = op

    def run(self, task: Task, touched: list[int]) -> None:
        """Nothing yet."""

    def describe(self) -> str:
        return f"syscall({self.op})"


async def listing(process: Process, fd: int, size: int, *, whole: bool) -> Answer:
    """One getdents64(), or as many as there are until the end or an error."""
    entries: list[Answer] = []
    calls, error, last = 0, 0, 0
    while True:
        got = await process.getdents(fd, size=size)
        calls += 1
        if isinstance(got, int):
            error = got
            break
        last = sum(reclen(each.name) for each in got)
        entries += [entry(each) for each in got]
        if not got or not whole:
            break
    return {
        **answer(error),
        "entries": entries,
        "calls": calls,
        "last_ret": None if error else last,
    }


async def ls(at: Session, path: str) -> Answer:
    """Open a directory, list it, close it."""
    process = at.process
    name, dirfd = place(at, path)
    fd = await process.open(name, O_DIRECTORY, dirfd=dirfd)
    if fd < 0:
        return {**answer(fd), "stage": "open"}
    found = await listing(process, fd, LISTING, whole=True)
    await process.close(fd)
    return found


async def write_line(at: Session, flags: int, path: str, text: str) -> Answer:
    """What a shell does for `echo TEXT > PATH`."""
    process = at.process
    fd = await process.open(path_of(path), flags)
    if fd < 0:
        return {**answer(fd), "stage": "open"}
    done = await process.write(fd, f"{text}\n")
    await process.close(fd)
    return {**answer(done), "stage": "write"} if done < 0 else answer(done)


async def cat(at: Session, path: str) -> Answer:
    """Open a file, read it to its end, close it."""
    process = at.process
    name, dirfd = place(at, path)
    fd = await process.open(name, dirfd=dirfd)
    if fd < 0:
        return {**answer(fd), "stage": "open"}
    text = ""
    while True:
        got = await process.read(fd)
        if isinstance(got, int):
            break
        text += got
        if not got:
            break
    await process.close(fd)
    return answer(got) if isinstance(got, int) else text_answer(text)


async def pread(at: Session, fd: int, count: int, offset: int) -> Answer:
    """pread64(): a read elsewhere that leaves the position alone.

    The model's read() goes by the position, which no other task knows of.
    """
    process = at.process
    file = process.files.get(fd)
    if file is None:
        return answer(await process.read(fd, count))
    position, file.f_pos = file.f_pos, offset
    got = await process.read(fd, count)
    file.f_pos = position
    return text_answer(got)


async def _open(at: Session, name: str, path: str, flags: str) -> Answer:
    return at.keep(name, await at.process.open(path_of(path), flags_of(flags)))


async def _openat(at: Session, name: str, base: str, path: str, flags: str) -> Answer:
    fd = await at.process.open(path, flags_of(flags), dirfd=at.fd(base))
    return at.keep(name, fd)


async def _reopen(at: Session, name: str, base: str, flags: str) -> Answer:
    return at.keep(name, await at.process.reopen(at.fd(base), flags_of(flags)))


async def _dup(at: Session, name: str, base: str) -> Answer:
    return at.keep(name, await at.process.dup(at.fd(base)))


async def _close(at: Session, name: str) -> Answer:
    return answer(await at.process.close(at.fd(name)))


async def _getdents(at: Session, name: str, size: str, *rest: str) -> Answer:
    return await listing(at.process, at.fd(name), int(size), whole=rest == ("all",))


async def _lseek(at: Session, name: str, offset: str, whence: str) -> Answer:
    to = await at.process.lseek(at.fd(name), int(offset), int(whence))
    return answer(to) if to < 0 else {"errno": OK, "pos": to}


async def _stat(at: Session, path: str) -> Answer:
    name, dirfd = place(at, path)
    return stat_answer(await at.process.stat(name, dirfd=dirfd))


async def _fstat(at: Session, name: str) -> Answer:
    return stat_answer(await at.process.fstat(at.fd(name)))


async def _fstatat(at: Session, base: str, path: str) -> Answer:
    return stat_answer(await at.process.stat(path, dirfd=at.fd(base)))


async def _read(at: Session, name: str, count: str) -> Answer:
    return text_answer(await at.process.read(at.fd(name), int(count)))


async def _pread(at: Session, name: str, count: str, offset: str) -> Answer:
    return await pread(at, at.fd(name), int(count), int(offset))


async def _write(at: Session, name: str, text: str) -> Answer:
    return answer(await at.process.write(at.fd(name), text))


async def _w(at: Session, path: str, text: str = "") -> Answer:
    return await write_line(at, O_WRONLY | O_TRUNC, path, text)


async def _w_append(at: Session, path: str, text: str = "") -> Answer:
    return await write_line(at, O_WRONLY | O_APPEND, path, text)


async def _mkdir(at: Session, path: str) -> Answer:
    return answer(await at.process.mkdir(path_of(path)))


async def _mkdirat(at: Session, base: str, path: str) -> Answer:
    return answer(await at.process.mkdir(path, dirfd=at.fd(base)))


async def _rmdir(at: Session, path: str) -> Answer:
    return answer(await at.process.rmdir(path_of(path)))


async def _unlink(at: Session, path: str) -> Answer:
    return answer(await at.process.unlink(path_of(path)))


async def _unlinkat(at: Session, base: str, path: str) -> Answer:
    return answer(await at.process.unlink(path, dirfd=at.fd(base)))


async def _rename(at: Session, old: str, new: str) -> Answer:
    return answer(await at.process.rename(path_of(old), path_of(new)))


async def _link(at: Session, old: str, new: str) -> Answer:
    return answer(await at.process.link(path_of(old), path_of(new)))


async def _symlink(at: Session, target: str, path: str) -> Answer:
    return answer(await at.process.symlink(path_of(path)))


async def _mknod(at: Session, path: str) -> Answer:
    return answer(await at.process.mknod(path_of(path)))


async def _access(at: Session, path: str, mask: str) -> Answer:
    return answer(await at.process.access(path_of(path), int(mask)))


async def _chmod(at: Session, path: str, mode: str) -> Answer:
    return answer(await at.process.chmod(path_of(path), int(mode, 8)))


async def _fchmod(at: Session, name: str, mode: str) -> Answer:
    return answer(await at.process.fchmod(at.fd(name), int(mode, 8)))


async def _chown(at: Session, path: str, uid: str, gid: str) -> Answer:
    return answer(await at.process.chown(path_of(path), int(uid), int(gid)))


async def _fchown(at: Session, name: str, uid: str, gid: str) -> Answer:
    return answer(await at.process.fchown(at.fd(name), int(uid), int(gid)))


async def _remount(at: Session, options: str) -> Answer:
    return answer(await at.process.remount(options))


async def _truncate(at: Session, path: str, size: str) -> Answer:
    return answer(await at.process.truncate(path_of(path), int(size)))


async def _ftruncate(at: Session, name: str, size: str) -> Answer:
    return answer(await at.process.ftruncate(at.fd(name), int(size)))


async def _utime(at: Session, path: str) -> Answer:
    return answer(await at.process.utime(path_of(path)))


async def _mount(at: Session, path: str, options: str) -> Answer:
    """Mount tracefs once more: there is one super block, which gets the options.

    C: tracefs_get_tree(), get_tree_single(), reconfigure_super().
    """
    error = await at.process.remount(options)
    if not error:
        await _bind(at, MOUNT_POINT, path)
    return answer(error)


async def _bind(at: Session, path: str, to: str) -> None:
    """mount -o bind: the mount holds the dentry, and walks begin at it without revalidation."""
    fd = await at.process.open(path, O_PATH | O_DIRECTORY)
    if fd < 0:
        raise NotPerformed(f"{path} is not there, and cannot be mounted")
    at.mounts[to] = fd


async def _umount(at: Session, path: str) -> Answer:
    return answer(await at.process.close(at.mounts.pop(path)))


async def _sh(at: Session, script: str) -> Answer:
    """The scripts that mount a directory elsewhere and take that away again."""
    if bind := BIND.fullmatch(script):
        await _bind(at, path_of(bind["what"]), bind["to"])
        listed = await ls(at, bind["to"])
        names = sorted(e["name"] for e in listed["entries"] if not e["name"].startswith("."))
        return {**answer(0), "rc": 0, "out": "".join(f"{name}\n" for name in names)}
    if unbind := UNBIND.fullmatch(script):
        mounted = [to for to in at.mounts if to == unbind["to"]]
        await _umount(at, unbind["to"])
        return {**answer(0), "rc": 0, "out": f"{len(mounted)}\n"}
    raise NotPerformed("the models have no shell")


async def _drop(at: Session, what: str) -> Answer:
    await drop_caches(at.process.sb)
    return answer(0)


async def _chdir(at: Session, path: str) -> Answer:
    return answer(await at.process.chdir(path_of(path)))


async def _getcwd(at: Session) -> Answer:
    return text_answer(await at.process.getcwd())


async def _readlinkfd(at: Session, name: str) -> Answer:
    return text_answer(await at.process.readlink_fd(at.fd(name)))


async def _euid(at: Session, uid: str, gid: str) -> Answer:
    at.process.seteuid(int(uid), int(gid))
    return answer(0)


async def _sleep(at: Session, milliseconds: str) -> Answer:
    """Whatever else there is to do is done anyway."""
    return answer(0)


PERFORMERS: dict[str, Callable[..., Awaitable[Answer]]] = {
    "access": _access,
    "cat": cat,
    "chdir": _chdir,
    "chmod": _chmod,
    "chown": _chown,
    "close": _close,
    "drop": _drop,
    "dup": _dup,
    "euid": _euid,
    "fchmod": _fchmod,
    "fchown": _fchown,
    "fstat": _fstat,
    "fstatat": _fstatat,
    "ftruncate": _ftruncate,
    "getcwd": _getcwd,
    "getdents": _getdents,
    "link": _link,
    "ls": ls,
    "lseek": _lseek,
    "lsn": ls,
    "mkdir": _mkdir,
    "mkdirat": _mkdirat,
    "mknod": _mknod,
    "mount": _mount,
    "open": _open,
    "openat": _openat,
    "pread": _pread,
    "read": _read,
    "readlinkfd": _readlinkfd,
    "remount": _remount,
    "rename": _rename,
    "reopen": _reopen,
    "rmdir": _rmdir,
    "sh": _sh,
    "sleep": _sleep,
    "stat": _stat,
    "symlink": _symlink,
    "truncate": _truncate,
    "umount": _umount,
    "unlink": _unlink,
    "unlinkat": _unlinkat,
    "utime": _utime,
    "w": _w,
    "w+": _w_append,
    "write": _write,
}
"""How each operation of the recording is done."""


async def perform(at: Session, op: str, args: tuple[str, ...]) -> Answer:
    """Do a step.  Raises NotPerformed for one that the models have no way to do."""
    if op not in PERFORMERS:
        raise NotPerformed(f"the models have no {op}")
    await _Enter(op)
    return await PERFORMERS[op](at, *args)
