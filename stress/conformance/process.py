"""The process that does the recorded steps: its variables, its paths, its flags."""

from __future__ import annotations

from functools import reduce

from model.vfs.namei import (
    O_CREAT,
    O_DIRECT,
    O_DIRECTORY,
    O_EXCL,
    O_PATH,
    O_RDWR,
    O_TMPFILE,
    O_WRONLY,
)
from model.vfs.process import MOUNT_POINT, Process
from stress.conformance.answers import Answer, answer

FLAGS = {
    "RDONLY": 0,
    "WRONLY": O_WRONLY,
    "RDWR": O_RDWR,
    "DIR": O_DIRECTORY,
    "PATH": O_PATH,
    "CREAT": O_CREAT,
    "EXCL": O_EXCL,
    "DIRECT": O_DIRECT,
    "TMPFILE": O_TMPFILE,
}


class NotPerformed(Exception):
    """The models cannot do this."""


class Session:
    """A process, and the variables of a sequence: descriptors by their names.

    `mounts` has the places outside tracefs where something of it is mounted too, each with a
    descriptor that has the reference of the mount.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.fds: dict[str, int] = {}
        self.mounts: dict[str, int] = {}

    def fd(self, name: str) -> int:
        """A descriptor; one that is not open for a name that was never given."""
        return self.fds.get(name, -1)

    def keep(self, name: str, fd: int) -> Answer:
        """Remember what an open gave."""
        if fd >= 0:
            self.fds[name] = fd
        return answer(fd)


def path_of(arg: str) -> str:
    """A recorded path with the mount point for $T."""
    return arg.replace("$T", MOUNT_POINT)


def place(at: Session, arg: str) -> tuple[str, int | None]:
    """A recorded path, and the descriptor of the directory where it begins, if that is mounted
    elsewhere, too."""
    path = path_of(arg)
    for mounted, fd in at.mounts.items():
        if path == mounted or path.startswith(f"{mounted}/"):
            return path[len(mounted) + 1 :] or ".", fd
    if path.startswith("/") and not path.startswith(MOUNT_POINT):
        raise NotPerformed(f"{path} is on another file system, and the models have one")
    return path, None


def flags_of(text: str) -> int:
    """`RDWR|CREAT`"""
    unknown = [name for name in text.split("|") if name not in FLAGS]
    if unknown:
        raise NotPerformed(f"the models have no O_{unknown[0]}")
    return reduce(int.__or__, (FLAGS[name] for name in text.split("|")))
