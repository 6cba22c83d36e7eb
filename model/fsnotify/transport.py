"""The FUSE connection: requests to the server, replies, and notifications from it.

    user, work item --requests, one queue or several--> virtiofsd (a loop for each queue)
    virtiofsd-event --notifications, one queue-------> virtiofs (the guest's worker)

A reply goes straight to who waits for it, so that it and a notification can overtake each other;
requests in different queues can, too.  Nothing is lost on the way.

C: fs/fuse/dev.c, fuse_simple_request(); fs/fuse/virtio_fs.c; the notification queue is that of the
patches (facts 5.2).
Left out: a queue that is full (the caller would sleep, or the request stay in a list behind it),
requests that are interrupted, abort of the connection, and of a request all but what it is about.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from lockwright.core.promise import always, reached
from lockwright.core.task import Task
from lockwright.kernel.completion import Completion
from lockwright.kernel.context import sleepable
from lockwright.kernel.mailbox import Mailbox
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from model.fsnotify.fsnotify import fsnotify
from model.fsnotify.inode import ilookup, iput
from model.fsnotify.ledger import REMOTE
from model.fsnotify.objects import mask_text
from model.vfs.err import ENOSYS

if TYPE_CHECKING:
    from model.fsnotify.objects import Client
    from model.fsnotify.server import Server

FSNOTIFY, FLUSH, WRITE, UNLINK = "FSNOTIFY", "FLUSH", "WRITE", "UNLINK"
EVENT, IGNORED, OVERFLOW, RESTARTED, FLUSHED = (
    *("event", "ignored", "overflow", "restarted", "flushed"),
)
DROPPED = "an event comes for a file that the guest has forgotten"
NO_ADDRESS = "P4: no kernel address is part of the protocol"


class Request(NamedTuple):
    """What the guest asks.

    FSNOTIFY: have this mask on a file, for the watch that `key` names (0 if there is one for all
    groups); a mask of 0 removes it.  `named` says what the key is; `owner` and `version` are the
    ledger's: which group's state it tells of, and which of these states.
    """

    opcode: str
    nodeid: int = 0
    key: int = 0
    mask: int = 0
    named: str = ""
    owner: int = 0
    version: int = 0

    def describe(self) -> str:
        """`FSNOTIFY i1 MODIFY`; `FLUSH`."""
        mask = f" {mask_text(self.mask)}" if self.opcode == FSNOTIFY else ""
        named = f" for {self.named} {self.key}" if self.named else ""
        return f"{self.opcode}{f' i{self.nodeid}' * (self.nodeid > 0)}{mask}{named}"


class Call:
    """A request on its way.  `ret` is the reply, which whoever waits for `done` reads after that;
    nobody waits for one without."""

    __slots__ = ("done", "request", "ret")

    def __init__(self, request: Request, done: Completion | None = None) -> None:
        self.request = request
        self.done = done
        self.ret = 0

    def describe(self) -> str:
        """As the request."""
        return self.request.describe()


class Notification(NamedTuple):
    """What the server tells: an event, that it watches a file no more (`ignored`), that it has
    missed events, that it was restarted, or that everything before a FLUSH was sent: `token` is
    that call."""

    kind: str
    nodeid: int = 0
    mask: int = 0
    occurrence: int = 0
    token: Call | None = None

    def describe(self) -> str:
        """`event MODIFY on i1`; `flushed`."""
        mask = f" {mask_text(self.mask)} on" if self.kind == EVENT else ""
        return f"{self.kind}{mask}{f' i{self.nodeid}' * (self.nodeid > 0)}"


class FuseConn:
    """fuse_conn, the guest's end.  `queues` are its request queues, one for each CPU.

    `no_fsnotify` is set for good when the server says that it knows no watches; read without a
    lock, marked.
    """

    def __init__(self, client: Client, server: Server, *, queues: int = 1) -> None:
        world = client.world
        self.client = client
        self.world = world
        self.server = server
        self.no_fsnotify = Variable(world, value=False, name="no_fsnotify")
        self.queues = [
            Mailbox(world, f"requests.{at}" if queues > 1 else "requests") for at in range(queues)
        ]
        self.notifications = Mailbox(world, "notifications")
        for queue in self.queues:
            world.daemon(partial(server.virtiofsd, queue), "virtiofsd")
        world.daemon(server.virtiofsd_events, "virtiofsd-event")
        world.daemon(partial(virtio_fs_notify, self), "virtiofs")
        server.conn = self

    async def send(self, request: Request) -> int:
        """fuse_simple_request(): may sleep; what the server has answered, an errno if below 0.

        A server that knows no FSNOTIFY is not asked again, and the caller is told that all is well.
        """
        if self._is_atomic():
            await sleepable("fuse_simple_request")
        if request.opcode == FSNOTIFY and await READ_ONCE(self.no_fsnotify):
            return 0
        call = Call(request, Completion(self.world, f"reply to {request.describe()}"))
        return await self._simple_request(call)

    async def flush(self) -> int:
        """Have the server send all events of the past, and wait until they have come.

        The notification behind them is the reply.
        """
        if self._is_atomic():
            await sleepable("fuse_flush_notify")
        if await READ_ONCE(self.no_fsnotify):
            return 0
        return await self._simple_request(Call(Request(FLUSH), Completion(self.world, "flushed")))

    async def post(self, request: Request) -> None:
        """Queue a request that nobody waits for, as a FUSE_FORGET; does not sleep."""
        if request.opcode == FSNOTIFY and await READ_ONCE(self.no_fsnotify):
            return
        await self._queue(Call(request))

    async def _simple_request(self, call: Call) -> int:
        assert call.done is not None, "somebody waits"
        await self._queue(call)
        await call.done.wait_for_completion()
        if call.ret == -ENOSYS and call.request.opcode in (FSNOTIFY, FLUSH):
            await WRITE_ONCE(self.no_fsnotify, True)
            return 0
        return call.ret

    async def _queue(self, call: Call) -> None:
        request = call.request
        if request.key and not self.world.booting:  # a promise is broken by who is watched
            always(self.world, NO_ADDRESS, request.named != "address")
        await self.queues[self._cpu() % len(self.queues)].send(call)

    def _cpu(self) -> int:
        """Where the task runs: each of the scenario's tasks has a CPU, and what it puts off runs
        there."""
        return int(self._task().name.label.partition(".")[0])

    def _task(self) -> Task:
        task = self.world.creator
        assert isinstance(task, Task), "only a task sends"
        return task

    def _is_atomic(self) -> bool:
        return self._task().atomic > 0


async def virtio_fs_notify(conn: FuseConn) -> None:
    """The worker of the notification queue: one notification after the other.

    C (of the patches): virtio_fs_notification_work(), fuse_notify_fsnotify().
    """
    client = conn.client
    while True:
        told: Notification = await conn.notifications.receive()
        if told.kind == EVENT:
            inode = await ilookup(client, told.nodeid)
            if inode is None:
                reached(conn.world, DROPPED)
                continue
            await fsnotify(inode, told.mask, told.occurrence, REMOTE)
            await iput(inode)
        elif told.token is not None:
            assert told.token.done is not None, "a flush is waited for"
            await told.token.done.complete()
        else:
            await client.remote.received(told)
