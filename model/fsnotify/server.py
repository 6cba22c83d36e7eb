"""The server: a loop that answers requests, and one that forwards what its host tells.

C (of the patches, for virtiofsd): one inotify watch of the host's for each that the guest asks for.
A server that is restarted finds the requests that were not answered still in their queues.
Left out: rename cookies and names of children; a watch on a whole file system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.location import Location
from lockwright.core.promise import always
from model.fsnotify.host import Batch, Entry, Host, Watch
from model.fsnotify.objects import FS_MODIFY
from model.fsnotify.transport import (
    EVENT,
    FLUSH,
    FLUSHED,
    FSNOTIFY,
    IGNORED,
    OVERFLOW,
    RESTARTED,
    WRITE,
    Call,
    FuseConn,
    Notification,
    Request,
)
from model.vfs.err import ENOSYS

if TYPE_CHECKING:
    from lockwright.kernel.mailbox import Mailbox
    from model.fsnotify.objects import Client

NOT_ANOTHERS = "P4: what is said of one group is not done to the watch of another"


class Server:
    """virtiofsd.

    It knows watches if it has `support`; its host lets it have `limit` of them at once, and keeps
    `queue` events that it has not read.  With `reports_overflow` it tells the guest when some were
    lost; with `rechecks` it looks then which of the files that it was to watch are gone, and says
    so of these.  For that it has `table[nodeid]`, the keys under which it was asked, guarded by the
    host's lock, as it changes together with the watches.
    """

    conn: FuseConn

    def __init__(
        self,
        client: Client,
        *,
        support: bool = True,
        limit: int = 16,
        queue: int = 16,
        reports_overflow: bool = False,
        rechecks: bool = False,
    ) -> None:
        self.world = client.world
        self.ledger = client.ledger
        self.support = support
        self.reports_overflow = reports_overflow
        self.rechecks = rechecks
        self.host = Host(client, capacity=queue, limit=limit, seen=support)
        self.table: dict[int, Location] = {
            nodeid: Location(self.world, (), f"watches asked for on i{nodeid}")
            for nodeid in self.host.files
        }

    async def virtiofsd(self, queue: Mailbox) -> None:
        """The loop of one request queue."""
        while True:
            call: Call = await queue.receive()
            if call.request.opcode == FLUSH and self.support:
                await self.host.mark(call)  # which is answered when it has come round
                continue
            call.ret = await self._answer(call.request)
            if call.done is not None:
                await call.done.complete()

    async def virtiofsd_events(self) -> None:
        """The loop that reads the host's inotify queue, and tells the guest."""
        while True:
            batch: Batch = await self.host.queue.receive()
            if not self.host.taken(batch):
                batch = batch._replace(entries=tuple(e for e in batch.entries if e.kind == FLUSHED))
            for entry in batch.entries:
                if entry.kind == FLUSHED:
                    await self.conn.notifications.send(Notification(FLUSHED, token=entry.call))
                elif entry.kind == OVERFLOW:
                    await self._lost(batch.instance)
                else:
                    await self._forward(entry, batch.instance)

    async def restart(self) -> None:
        """The server dies and comes back: it has no watches, and nothing to tell of the past.

        The guest notices that the connection came anew, as what it reads first.  All of this is one
        section of the host's lock, under which whatever is forwarded is, too: what the old server
        had in hand is lost with it.
        """
        host = self.host
        await host.lock.lock()
        host.renew()
        for keys in self.table.values() if self.rechecks else ():
            host.write(keys, ())
        await self.conn.notifications.send(Notification(RESTARTED))
        await host.lock.unlock()

    async def _answer(self, request: Request) -> int:
        """Do what a request says; its reply.  That of what has happened to a file is the number of
        the occurrence, 0 if nobody but the guest can see it."""
        if request.opcode in (FSNOTIFY, FLUSH):
            return await self._watch(request) if self.support else -ENOSYS
        if request.opcode == WRITE:
            return await self.host.touch(request.nodeid, FS_MODIFY)
        return await self.host.unlink(request.nodeid)

    async def _watch(self, request: Request) -> int:
        """FUSE_FSNOTIFY: make, change or remove a watch."""
        host, nodeid, key, owner = self.host, request.nodeid, request.key, request.owner
        await host.lock.lock()
        before = host.file(nodeid).watch(key)
        if before is not None:
            always(self.world, NOT_ANOTHERS, before.owner == owner)
        ret = 0
        if request.mask:
            ret = host.add_watch(nodeid, Watch(key, request.mask, owner))
        else:
            host.rm_watch(nodeid, key)
        if ret < 0:
            self.ledger.refused.add(nodeid)
        else:
            self.ledger.applies(owner, nodeid, request.version)
            if self.rechecks:
                self._note(nodeid, key, asked=request.mask != 0)
        await host.lock.unlock()
        return ret

    def _note(self, nodeid: int, key: int, *, asked: bool) -> None:
        """Keep the table, within a section."""
        keys: tuple[int, ...] = self.host.load(self.table[nodeid])
        others = tuple(other for other in keys if other != key)
        self.host.write(self.table[nodeid], tuple(sorted((*others, key))) if asked else others)

    async def _forward(self, entry: Entry, instance: int) -> None:
        """Tell the guest of one event, unless the server that has read it is gone."""
        host = self.host
        await host.lock.lock()
        if host.load(host.instance) == instance:
            if entry.kind == IGNORED and self.rechecks:
                host.write(self.table[entry.nodeid], ())
            await self.conn.notifications.send(
                Notification(entry.kind, entry.nodeid, entry.mask, entry.occurrence)
            )
            if entry.kind == EVENT:
                self.ledger.crosses(entry.occurrence)
        await host.lock.unlock()

    async def _lost(self, instance: int) -> None:
        """Events were lost: say so, and look what else was."""
        if self.reports_overflow:
            await self._forward(Entry(OVERFLOW), instance)
        if not self.rechecks:
            return
        host = self.host
        await host.lock.lock()
        gone = [
            nodeid
            for nodeid, keys in self.table.items()
            if host.load(host.instance) == instance
            and host.load(keys)
            and not host.file(nodeid).linked
        ]
        await host.lock.unlock()
        for nodeid in gone:
            await self._forward(Entry(IGNORED, nodeid), instance)
