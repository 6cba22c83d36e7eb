"""The calls of `inotify_calls.py` on the model.

A watch is named by its file there, so the file of a watch descriptor is looked up in the idr first.
unlink() tells FS_ATTRIB before the last link goes, which the model's vfs_unlink() leaves out.
"""

from __future__ import annotations

from lockwright.core.boot import boot
from lockwright.core.world import World
from model.fsnotify.fsnotify import fsnotify
from model.fsnotify.inotify import __x64_sys_close as close
from model.fsnotify.inotify import __x64_sys_inotify_add_watch as inotify_add_watch
from model.fsnotify.inotify import __x64_sys_inotify_init as inotify_init
from model.fsnotify.inotify import __x64_sys_inotify_rm_watch as inotify_rm_watch
from model.fsnotify.inotify import __x64_sys_read as read
from model.fsnotify.ledger import LOCAL
from model.fsnotify.objects import ALL_EVENTS, FS_ATTRIB, Client, Group, Inode
from model.fsnotify.path import path_put, user_path_at, vfs_unlink
from model.fsnotify.setup import client
from model.vfs.err import ENOENT
from stress.conformance.answers import NAMES
from stress.conformance.inotify_calls import FILLERS, GROUPS, Result, Sequence, mask_of, mask_text

GROUPS_MAX = 16
EVENTS = ("access", "modify", "attrib")
NOWHERE = 9
"""A file that nobody watches: what is given for a watch descriptor that is not there."""


def result_of(value: int) -> Result:
    """An errno by its name."""
    return NAMES[-value] if value < 0 else value


class Model:
    """A client, and the files that are held open.

    `watched` are the files by the group and the watch descriptor, from when calls are made at once.
    """

    def __init__(self, at: Client) -> None:
        self.at = at
        self.held: dict[str, Inode] = {}
        self.watched: dict[tuple[str, int], int] | None = None

    def at_once(self) -> None:
        """From now on calls are made at once: watch descriptors are for the watches there are."""
        self.watched = self._numbers()

    def _numbers(self) -> dict[tuple[str, int], int]:
        groups = {name: self._group(name) for name in self.at.fds}
        return {
            (name, wd): mark.watched.nodeid
            for name, group in groups.items()
            if group is not None
            for wd, mark in group.peek("idr")
        }

    async def do(self, call: str) -> Result:
        """What a call gives."""
        op, first, *rest = call.split()
        if first in self.at.fds:
            return await self._by_group(op, first, rest)
        if op == "open":
            return await self._open(first)
        if op == "release":
            return await self._release(first)
        if op == "unlink":
            return await self._unlink(first)
        return await self._event(first, mask_of(op.upper()))

    async def _by_group(self, op: str, name: str, rest: list[str]) -> Result:
        at = self.at
        if op == "init":
            return result_of(await inotify_init(at, name))
        if op == "close":
            return result_of(await close(at, name))
        if op == "add":
            nodeid = number_of(rest[0])
            return result_of(await inotify_add_watch(at, name, nodeid, mask_of(rest[1])))
        if op == "rm":
            watched = self._numbers() if self.watched is None else self.watched
            nodeid = watched.get((name, int(rest[0])), NOWHERE)
            return result_of(await inotify_rm_watch(at, name, nodeid))
        if op == "watches":
            return self._watches(name)
        return await self._read(name, alone=op == "read")

    def _group(self, name: str) -> Group | None:
        group: Group | None = self.at.fds[name].value
        return group

    async def _read(self, name: str, *, alone: bool) -> Result:
        """`alone`: nobody else is at work with the queue, so its events can be looked at before."""
        group = self._group(name)
        queue = group.peek("notification_list") if group is not None else ()
        told = await read(self.at, name)
        if isinstance(told, int):
            return result_of(told)
        masks = [mask_text(mask) for mask, _ in told]
        if not alone:
            return masks
        assert masks == [mask_text(event.mask) for event in queue], "it reads what is there"
        return [f"{mask_text(event.mask)} {event.wd}" for event in queue]

    def _watches(self, name: str) -> Result:
        group = self._group(name)
        if group is None:
            return "EBADF"
        return [
            f"{mark.peek('wd')} f{mark.watched.nodeid} {mask_text(mark.peek('mask') & ALL_EVENTS)}"
            for mark in group.peek("marks_list")
            if f"f{mark.watched.nodeid}" not in FILLERS.values()
        ]

    async def _open(self, file: str) -> Result:
        inode = await user_path_at(self.at, number_of(file))
        if inode is None:
            return result_of(-ENOENT)
        self.held[file] = inode
        return 0

    async def _release(self, file: str) -> Result:
        inode = self.held.pop(file, None)
        if inode is None:
            return "EBADF"
        await path_put(inode)
        return 0

    async def _event(self, file: str, mask: int) -> Result:
        held = self.held.get(file)
        inode = held or await user_path_at(self.at, number_of(file))
        if inode is None:
            return result_of(-ENOENT)
        await fsnotify(inode, mask, 0, LOCAL)
        if held is None:
            await path_put(inode)
        return 0

    async def _unlink(self, file: str) -> Result:
        """The walk that finds the name keeps it until the end."""
        inode = await user_path_at(self.at, number_of(file))
        if inode is None:
            return result_of(-ENOENT)
        await fsnotify(inode, FS_ATTRIB, 0, LOCAL)
        result = await vfs_unlink(self.at, number_of(file))
        await path_put(inode)
        return result_of(result)


def number_of(file: str) -> int:
    """f2 has the number 2."""
    return int(file.removeprefix("f"))


class Machine:
    """A world in which one call is done after the other."""

    def __init__(self, *, room: int = 0) -> None:
        self.world = World()
        self.room = room
        fillers = FILLERS.values() if room else ()
        self.model = Model(
            client(
                self.world,
                nodeids=(1, 2, NOWHERE, *map(number_of, fillers)),
                groups=GROUPS,
                groups_max=GROUPS_MAX,
                max_events=room or 1 << 14,
            )
        )
        for name in GROUPS:
            self._filler(name)

    def _filler(self, name: str) -> None:
        if self.room:
            boot(self.world, self.model.do(f"add {name} {FILLERS[name]} ACCESS|MODIFY"))

    def do(self, call: str) -> Result:
        """What a call gives."""
        result: Result = boot(self.world, self.model.do(call))
        if call.startswith("init "):
            self._filler(call.split()[1])
        return result


def differences(sequence: Sequence) -> list[str]:
    """Where the model answers otherwise: the first such call, with those before it."""
    machine = Machine(room=sequence.room)
    before: list[str] = []
    for call, expected in sequence.steps:
        got = machine.do(call)
        if got != expected:
            return [*before, f"{call}: kernel {expected}, model {got}"]
        before.append(f"{call}: {got}")
    return []
