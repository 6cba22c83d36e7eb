"""The server's kernel: its files, who watches them, and the inotify queue that the server reads.

Source: inotify(7); fs/notify/inotify/, of which the guest's half of this model has the inside.
Left out: merging of equal events; the IN_IGNORED that a removal asked for brings (the server knows
that watch no more); a reader that comes between two entries of one event, and so finds more room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lockwright.core.location import Location, Value
from lockwright.core.lockuse import LockKey
from lockwright.kernel.mailbox import Mailbox
from lockwright.kernel.spinlock import SpinLock
from model.fsnotify.objects import FS_DELETE_SELF, mask_text
from model.fsnotify.transport import EVENT, FLUSHED, IGNORED, OVERFLOW, Call
from model.vfs.err import ENOENT, ENOSPC

if TYPE_CHECKING:
    from model.fsnotify.objects import Client

HOST_LOCK = LockKey("host->lock", "virtiofsd")


class Watch(NamedTuple):
    """What the server watches a file for, under which key; `owner` is who asked."""

    key: int
    mask: int
    owner: int = 0


class File(NamedTuple):
    """A file of the host: is it there, and who watches it, in the order of their keys."""

    linked: bool = True
    watches: tuple[Watch, ...] = ()

    def watch(self, key: int) -> Watch | None:
        """The watch of this key."""
        return next((watch for watch in self.watches if watch.key == key), None)

    def without(self, key: int) -> tuple[Watch, ...]:
        """All others."""
        return tuple(watch for watch in self.watches if watch.key != key)


class Entry(NamedTuple):
    """One event as it lies in the queue; `call` is the FLUSH that a marker is of."""

    kind: str
    nodeid: int = 0
    mask: int = 0
    occurrence: int = 0
    call: Call | None = None

    def describe(self) -> str:
        """`event MODIFY on i1`."""
        mask = f" {mask_text(self.mask)} on" if self.mask else ""
        return f"{self.kind}{mask}{f' i{self.nodeid}' * (self.nodeid > 0)}"


class Batch(NamedTuple):
    """What one occurrence has queued, in an inotify `instance`; it is read as a whole."""

    instance: int
    entries: tuple[Entry, ...]

    def describe(self) -> str:
        """`event MODIFY on i1, ignored i1`."""
        return ", ".join(entry.describe() for entry in self.entries)


class Host:
    """The files, the watches, and the queue.

    `lock` guards all but `read`.  `files[nodeid]` is a `File`.  The queue has room for `capacity`
    entries that were not read; beyond that an overflow marker is queued, once until it is read
    (`overflowed`), and events are lost.  `queued` and `read` count the entries of the inotify
    instance, whose number `instance` is: a server that comes back has a new one, and what was in
    the old one's queue is lost with it.  With `seen` the ledger is told what happens here.
    """

    def __init__(self, client: Client, *, capacity: int, limit: int, seen: bool = True) -> None:
        world = client.world
        self.world = world
        self.ledger = client.ledger
        self.capacity = capacity
        self.limit = limit
        self.seen = seen
        self.lock = SpinLock(world, "host->lock", cls=HOST_LOCK)
        self.files = {
            nodeid: Location(world, File(), f"i{nodeid} at the host") for nodeid in client.inodes
        }
        self.queue = Mailbox(world, "inotify queue of the host")
        self.queued = Location(world, 0, "entries queued at the host")
        self.read = Location(world, 0, "entries read at the host")
        self.overflowed = Location(world, value=False, name="overflow of the host's queue")
        self.instance = Location(world, 0, "inotify instance of the host")

    async def touch(self, nodeid: int, mask: int) -> int:
        """Somebody does something to a file; the number of that occurrence, or -ENOENT."""
        await self.lock.lock()
        file = self.file(nodeid)
        if not file.linked:
            await self.lock.unlock()
            return -ENOENT
        number = self._happens(nodeid, mask)
        await self._tell(self._events(file, nodeid, mask, number))
        await self.lock.unlock()
        return number

    async def unlink(self, nodeid: int) -> int:
        """Somebody removes a file, which nobody has open; the number of that, or -ENOENT.

        Who watches it is told of it, and that the watch is gone.
        """
        await self.lock.lock()
        file = self.file(nodeid)
        if not file.linked:
            await self.lock.unlock()
            return -ENOENT
        number = self._happens(nodeid, FS_DELETE_SELF)
        events = self._events(file, nodeid, FS_DELETE_SELF, number)
        self.write(self.files[nodeid], File(linked=False))
        await self._tell([*events, *(Entry(IGNORED, nodeid) for _ in file.watches)])
        await self.lock.unlock()
        return number

    def masks(self) -> dict[tuple[int, int], int]:
        """What is watched, by key and file, unseen by the machine.  For rules."""
        return {
            (watch.key, nodeid): watch.mask
            for nodeid, file in self.files.items()
            for watch in file.value.watches
        }

    async def mark(self, call: Call) -> None:
        """Put a marker behind what is queued.  It is the server's own, and is never lost."""
        await self.lock.lock()
        await self.queue.send(Batch(self.load(self.instance), (Entry(FLUSHED, call=call),)))
        await self.lock.unlock()

    # Within a section of the lock's

    def file(self, nodeid: int) -> File:
        """What is known of a file."""
        found: File = self.load(self.files[nodeid])
        return found

    def add_watch(self, nodeid: int, watch: Watch) -> int:
        """inotify_add_watch(): make or replace a watch; 0, -ENOENT or -ENOSPC."""
        file = self.file(nodeid)
        if not file.linked:
            return -ENOENT
        if file.watch(watch.key) is None and self._is_full():
            return -ENOSPC
        watches = tuple(sorted((*file.without(watch.key), watch)))
        self.write(self.files[nodeid], file._replace(watches=watches))
        return 0

    def rm_watch(self, nodeid: int, key: int) -> None:
        """inotify_rm_watch(); nothing if there is no such watch."""
        file = self.file(nodeid)
        if file.watch(key) is not None:
            self.write(self.files[nodeid], file._replace(watches=file.without(key)))

    def renew(self) -> None:
        """A new inotify instance: no watches, and an empty queue."""
        for nodeid, location in self.files.items():
            file = self.file(nodeid)
            if file.watches:
                self.write(location, file._replace(watches=()))
        self.write(self.instance, self.load(self.instance) + 1)
        for location in (self.queued, self.read):
            self.write(location, 0)
        self.write(self.overflowed, value=False)

    # Within any step

    def taken(self, batch: Batch) -> bool:
        """The server has read these; False if they are those of an instance that is gone."""
        if batch.instance != self.load(self.instance):
            return False
        count = sum(entry.kind != FLUSHED for entry in batch.entries)
        if count:
            self.write(self.read, self.load(self.read) + count)
        if any(entry.kind == OVERFLOW for entry in batch.entries):
            self.write(self.overflowed, value=False)
        return True

    def _happens(self, nodeid: int, mask: int) -> int:
        """What happens here counts if the server could tell of it; what a guest does without such a
        server counts when the guest itself tells of it (`fsnotify.py`)."""
        return self.ledger.happens(nodeid, mask) if self.seen else 0

    def load(self, location: Location) -> Value:
        """Read a location in plain code."""
        self.world.acc.append(location.reading)
        return location.value

    def write(self, location: Location, value: Value) -> None:
        """Write one."""
        self.world.acc.append(location.writing)
        location.value = value

    def _events(self, file: File, nodeid: int, mask: int, number: int) -> list[Entry]:
        return [Entry(EVENT, nodeid, mask, number) for watch in file.watches if watch.mask & mask]

    async def _tell(self, entries: list[Entry]) -> None:
        """Queue entries, as far as there is room.  C: fsnotify_add_event().

        How many were read is looked at only where it matters.
        """
        if not entries:
            return
        before: int = self.load(self.queued)
        kept: list[Entry] = []
        for entry in entries:
            unread = before + len(kept)
            if unread >= self.capacity:
                unread -= self.load(self.read)
            if unread < self.capacity:
                kept.append(entry)
            elif not self.load(self.overflowed):
                self.write(self.overflowed, value=True)
                kept.append(Entry(OVERFLOW))
        if kept:
            self.write(self.queued, before + len(kept))
            await self.queue.send(Batch(self.load(self.instance), tuple(kept)))

    def _is_full(self) -> bool:
        """Are there as many watches as there may be?  Only a small limit can be reached."""
        if self.limit >= len(self.ledger.applied):
            return False
        return sum(len(self.file(nodeid).watches) for nodeid in self.files) >= self.limit
