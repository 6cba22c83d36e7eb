"""The calls of `inotify_calls.py` on the kernel that runs this.

Watch descriptors are counted from `bases`, so that a group that was used before looks new; `last`
has the highest ones that were given.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from stress.conformance.inotify_calls import FILLERS, Result, mask_of, mask_text

EVENT = struct.Struct("iIII")
DESCRIPTORS = 700
"""From here on the descriptors of groups: nobody else is given one of these when it is closed."""
MAX_QUEUED_EVENTS = Path("/proc/sys/fs/inotify/max_queued_events")
TOLD = sum((0x1, 0x2, 0x4, 0x400, 0x2000, 0x4000, 0x8000))


def available() -> bool:
    """Is there an inotify here?"""
    return sys.platform == "linux" and MAX_QUEUED_EVENTS.exists()


class Kernel:
    """Files in a directory, and inotify descriptors that the calls name.

    With `room`, a queue is filled up to so many events whenever it is empty, with what it is not
    asked about (`inotify_calls.Sequence`).
    """

    def __init__(self, directory: Path, groups: tuple[str, ...], *, room: int = 0) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.directory = directory
        self.room = room
        self.fds = {name: DESCRIPTORS + nth for nth, name in enumerate(groups)}
        self.bases = dict.fromkeys(groups, 0)
        self.last = dict.fromkeys(groups, 0)
        self.held: dict[str, int] = {}
        self.inodes: dict[int, str] = {}
        self.fillers: dict[str, int] = {}
        for file in ("f1", "f2", *(FILLERS.values() if room else ())):
            self.create(file)
        for name in groups:
            self.init(name)

    def create(self, file: str) -> None:
        """Make a file."""
        path = self.directory / file
        path.write_text("what is read and written", encoding="ascii")
        self.inodes[path.stat().st_ino] = file

    def do(self, call: str) -> Result:
        """What a call gives; an errno by its name."""
        op, *args = call.split()
        does: Callable[..., Result] = getattr(self, op)
        try:
            return does(*args)
        except OSError as error:
            return errno.errorcode[error.errno or 0]

    def ended(self) -> None:
        """Close everything."""
        for fd in (*self.held.values(), *self.fillers.values(), *self.fds.values()):
            try:
                os.close(fd)
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise

    def _called(self, result: int) -> int:
        if result < 0:
            raise OSError(ctypes.get_errno(), "")
        return result

    def init(self, name: str) -> int:
        """inotify_init1()."""
        fd = self._called(self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        os.dup2(fd, self.fds[name], inheritable=False)
        os.close(fd)
        self.bases[name] = self.last[name] = 0
        if self.room:
            self.add(name, FILLERS[name], "ACCESS|MODIFY")
            self._fill(name)
        return 0

    def _fill(self, name: str) -> None:
        path = self.directory / FILLERS[name]
        if name not in self.fillers:
            self.fillers[name] = os.open(path, os.O_RDWR)
        fd = self.fillers[name]
        for nth in range(int(MAX_QUEUED_EVENTS.read_text(encoding="ascii")) - self.room):
            if nth % 2:
                os.pread(fd, 1, 0)
            else:
                os.pwrite(fd, b"w", 0)

    def close(self, name: str) -> int:
        """close()."""
        os.close(self.fds[name])
        return 0

    def add(self, name: str, file: str, mask: str) -> int:
        """inotify_add_watch()."""
        path = os.fsencode(self.directory / file)
        wd = self.libc.inotify_add_watch(self.fds[name], path, ctypes.c_uint32(mask_of(mask)))
        self.last[name] = max(self.last[name], self._called(wd))
        return int(wd) - self.bases[name]

    def rm(self, name: str, wd: str) -> int:
        """inotify_rm_watch()."""
        number = int(wd) + self.bases[name] if int(wd) > 0 else int(wd)
        return self._called(self.libc.inotify_rm_watch(self.fds[name], number))

    def _events(self, name: str) -> Iterator[tuple[int, int]]:
        fd = self.fds[name]
        got = os.read(fd, 1 << 20)
        try:
            while True:
                for wd, mask, _, _ in EVENT.iter_unpack(got):
                    yield wd, mask
                got = os.read(fd, 1 << 20)
        except BlockingIOError:
            return

    def read(self, name: str) -> list[str] | str:
        """read() until there is nothing more, each event with its watch."""
        events = []
        emptied = False
        for wd, mask in self._events(name):
            emptied = True
            if not (self.room and wd == 1):
                number = wd - self.bases[name] if wd > 0 else wd
                events.append(f"{mask_text(mask)} {number}")
        if self.room and emptied:
            self._fill(name)
        return events or "EAGAIN"

    def told(self, name: str) -> list[str] | str:
        """The same without watches."""
        return [mask_text(mask) for _, mask in self._events(name)] or "EAGAIN"

    def watches(self, name: str) -> list[str] | str:
        """What /proc has of a group."""
        try:
            text = Path(f"/proc/self/fdinfo/{self.fds[name]}").read_text(encoding="ascii")
        except FileNotFoundError:
            return "EBADF"
        watches = []
        for line in text.splitlines():
            if line.startswith("inotify "):
                values = dict(word.split(":", 1) for word in line.split()[1:] if ":" in word)
                file = self.inodes[int(values["ino"], 16)]
                if file not in FILLERS.values():
                    wd = int(values["wd"], 16) - self.bases[name]
                    watches.append(f"{wd} {file} {mask_text(int(values['mask'], 16))}")
        return watches

    def open(self, file: str) -> int:
        """open(), to be held."""
        self.held[file] = os.open(self.directory / file, os.O_RDWR)
        return 0

    def release(self, file: str) -> int | str:
        """close() of what is held."""
        if file not in self.held:
            return "EBADF"
        os.close(self.held.pop(file))
        return 0

    def _at(self, file: str, what: Callable[[int], object]) -> int:
        fd = self.held.get(file, -1)
        opened = fd < 0
        if opened:
            fd = os.open(self.directory / file, os.O_RDWR)
        try:
            what(fd)
        finally:
            if opened:
                os.close(fd)
        return 0

    def modify(self, file: str) -> int:
        """pwrite()."""
        return self._at(file, lambda fd: os.pwrite(fd, b"w", 0))

    def access(self, file: str) -> int:
        """pread()."""
        return self._at(file, lambda fd: os.pread(fd, 1, 0))

    def attrib(self, file: str) -> int:
        """fchmod()."""
        return self._at(file, lambda fd: os.fchmod(fd, 0o600))

    def unlink(self, file: str) -> int:
        """unlink()."""
        (self.directory / file).unlink()
        return 0
