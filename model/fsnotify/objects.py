"""Inodes, marks, connectors, groups, events: their fields and what guards them.

Source: include/linux/fsnotify_backend.h, fs/notify/mark.c, 5.14.

Locks, outermost first: group->mark_mutex, mark->lock, connector->lock.  Whoever delivers an event
takes none of them: fsnotify_mark_srcu keeps what it walks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from lockwright.core.location import Location
from lockwright.core.lockuse import LockKey
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import Variable
from lockwright.kernel.percpu_ref import PercpuRef
from lockwright.kernel.rculist import ListHead
from lockwright.kernel.refcount import Refcount
from lockwright.kernel.slab import Field, Slab
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.waitqueue import WaitQueue

if TYPE_CHECKING:
    from lockwright.core.world import World
    from lockwright.kernel.work import Work, WorkQueue
    from model.fsnotify.ledger import Ledger
    from model.fsnotify.remote import Remote
    from model.fsnotify.transport import FuseConn

FS_ACCESS = 0x0001
FS_MODIFY = 0x0002
FS_ATTRIB = 0x0004
FS_DELETE_SELF = 0x0400
FS_UNMOUNT = 0x2000
FS_Q_OVERFLOW = 0x4000
FS_IN_IGNORED = 0x8000
IN_MASK_CREATE = 0x10000000
IN_MASK_ADD = 0x20000000
ALL_EVENTS = FS_ACCESS | FS_MODIFY | FS_ATTRIB | FS_DELETE_SELF
"""Of IN_ALL_EVENTS what a file of the model can tell."""

FSNOTIFY_MARK_FLAG_ATTACHED = 0x02

SINGLE_DEPTH_NESTING = 1

MARK_MUTEX = LockKey("&group->mark_mutex", "fs/notify/group.c")
MARK_LOCK = LockKey("&mark->lock", "fs/notify/mark.c")
CONN_LOCK = LockKey("&conn->lock", "fs/notify/mark.c")
NOTIFICATION_LOCK = LockKey("&group->notification_lock", "fs/notify/group.c")
IDR_LOCK = LockKey("&group->inotify_data.idr_lock", "fs/notify/inotify/inotify_user.c")
REMOTE_MUTEX = LockKey("&fi->fsnotify_mutex", "fs/fuse/fsnotify.c")

NAMES = {FS_ACCESS: "ACCESS", FS_MODIFY: "MODIFY", FS_ATTRIB: "ATTRIB"}
NAMES |= {FS_DELETE_SELF: "DELETE_SELF", FS_Q_OVERFLOW: "Q_OVERFLOW", FS_IN_IGNORED: "IGNORED"}


def mask_text(mask: int) -> str:
    """`MODIFY|ACCESS`, in the order of NAMES; `0` if there is none."""
    return "|".join(name for bit, name in NAMES.items() if mask & bit) or "0"


class Inode(Slab):
    """A file of the mount, as the guest has it in its cache.

    `i_count` keeps the inode: the dcache has one of it, a connector that is attached another.
    `d_count` stands for its one dentry: the dcache has one, each path walk that has arrived one;
    with the last, if the file is unlinked, its marks go (`path.py`).
    `i_fsnotify_marks` is read under fsnotify_mark_srcu, set by cmpxchg and cleared under the
    connector's lock; `i_fsnotify_mask` is written under that lock and read without it, marked.
    `i_nlink` is 0 once the file is unlinked; only sections that are one step touch it.
    `deletion` is the occurrence that its unlink was.
    `fsnotify_mutex` and `armed` belong to the variants that have them: the mask that the server is
    known to have, guarded by that mutex.
    """

    cache = "fuse_inode"
    size = 832

    i_fsnotify_mask: Field[int] = Field(0)
    i_fsnotify_marks: Field[Connector | None] = Field(None)
    i_nlink: Field[int] = Field(1)
    deletion: Field[int] = Field(0)
    armed: Field[int] = Field(0)

    __slots__ = ("client", "d_count", "fsnotify_mutex", "i_count", "nodeid")

    def __init__(self, client: Client, nodeid: int) -> None:
        super().__init__(client.world, f"i{nodeid}")
        world = client.world
        self.client = client
        self.nodeid = nodeid
        self.i_count = PercpuRef(world, f"i_count of {self.name}", owner=self)
        self.d_count = PercpuRef(world, f"d_count of {self.name}", owner=self)
        self.fsnotify_mutex = Mutex(world, f"fsnotify_mutex of {self.name}", cls=REMOTE_MUTEX)


class Connector(Slab):
    """fsnotify_mark_connector: the marks of one object.

    `list` and `obj` are guarded by `lock`; who delivers an event walks the list without it.  `obj`
    is None once it is detached from its inode.  Freed after a grace period of fsnotify_mark_srcu.
    """

    cache = "fsnotify_mark_connector"
    size = 40

    obj: Field[Inode | None] = Field(None)

    __slots__ = ("list", "lock")

    def __init__(self, client: Client, inode: Inode) -> None:
        super().__init__(client.world, f"conn of {inode.name}")
        self.lock = SpinLock(client.world, f"lock of {self.name}", cls=CONN_LOCK)
        self.list: ListHead[Mark] = ListHead(client.world, f"{self.name}->list")
        self._values[Connector.obj.index] = inode


class Mark(Slab):
    """fsnotify_mark, within an inotify_inode_mark: one watch of a group on an inode.

    `lock` guards `mask`, `flags` (FSNOTIFY_MARK_FLAG_ATTACHED) and `is_alive` (in the C another bit
    of the flags); group->mark_mutex its place in the group's `marks_list`; connector->lock its
    place in the connector's list.  `mask` and `flags` are read without `lock`, too: under
    connector->lock, where the masks are added up, and the mask where an event is delivered.
    `connector` is set under both `lock` and connector->lock, before anybody else can drop a
    reference, and cleared with the last one.
    `wd` is guarded by the group's idr_lock, and read by events without.
    `version` is the ledger's: of the state that `mask` and `flags` are in.  `watched` is what it is
    on, for names and the ledger: no reference.
    """

    cache = "inotify_inode_mark"
    size = 80

    mask: Field[int] = Field(0)
    flags: Field[int] = Field(0)
    is_alive: Field[bool] = Field(False)
    connector: Field[Connector | None] = Field(None)
    wd: Field[int] = Field(-1)

    __slots__ = ("group", "lock", "refcnt", "version", "watched")

    def __init__(self, group: Group, inode: Inode, mask: int) -> None:
        super().__init__(group.world, f"{group.name} on {inode.name}")
        self.group = group
        self.refcnt = Refcount(group.world, 1, f"refcnt of {self.name}", owner=self)
        self.lock = SpinLock(group.world, f"lock of {self.name}", cls=MARK_LOCK)
        self.version = 0
        self.watched = inode
        self._values[Mark.mask.index] = mask


class Event(Slab):
    """inotify_event_info: what is told to a group of an inode, until it is read.

    `of` are the occurrences that it tells of (`ledger.py`): more than one where events were merged.
    Its fields never change but `of`, which group->notification_lock guards.
    """

    cache = "inotify_event_info"
    size = 56

    of: Field[tuple[int, ...]] = Field(())

    __slots__ = ("inode", "mask", "wd")

    def __init__(self, world: World, inode: str, mask: int, wd: int) -> None:
        super().__init__(world, f"{mask_text(mask)} on {inode}")
        self.inode = inode
        self.mask = mask
        self.wd = wd


class Group(Slab):
    """fsnotify_group: one inotify file descriptor.

    `mark_mutex` guards `marks_list`; `notification_lock` guards the queue (`notification_list`,
    `q_len`, `overflow`: is the overflow event queued, `shutdown`, which is read without, too);
    `idr_lock` guards `idr`, the marks by their watch descriptors, and `last_wd`.
    `user_waits` counts the marks that are pinned for somebody who waits for a user.
    `refcnt`: one for the file, one for each mark.
    `f_count` is that of the file: the descriptor's, and one for each system call that is at work
    with it; the last one closes the group (inotify_release()).
    `at` is where in memory it lies: what is freed is given out again.
    """

    cache = "fsnotify_group"
    size = 384

    marks_list: Field[tuple[Mark, ...]] = Field(())
    notification_list: Field[tuple[Event, ...]] = Field(())
    q_len: Field[int] = Field(0)
    overflow: Field[bool] = Field(False)
    shutdown: Field[bool] = Field(False)
    user_waits: Field[int] = Field(0)
    idr: Field[tuple[tuple[int, Mark], ...]] = Field(())
    last_wd: Field[int] = Field(0)

    __slots__ = (
        "at",
        "client",
        "f_count",
        "idr_lock",
        "mark_mutex",
        "max_events",
        "notification_lock",
        "notification_waitq",
        "number",
        "refcnt",
    )

    def __init__(self, client: Client, name: str, *, max_events: int) -> None:
        super().__init__(client.world, name)
        world = client.world
        self.client = client
        self.max_events = max_events
        self.number = 0
        self.at = 0
        self.refcnt = Refcount(world, 1, f"refcnt of {name}", owner=self)
        self.f_count = PercpuRef(world, f"f_count of {name}", owner=self)
        self.mark_mutex = Mutex(world, f"mark_mutex of {name}", cls=MARK_MUTEX)
        self.notification_lock = SpinLock(
            world, f"notification_lock of {name}", cls=NOTIFICATION_LOCK
        )
        self.notification_waitq = WaitQueue(world, f"notification_waitq of {name}")
        self.idr_lock = SpinLock(world, f"idr_lock of {name}", cls=IDR_LOCK)


class Operations(NamedTuple):
    """fsnotify_ops: what inotify does with its marks."""

    handle_inode_event: Callable[[Mark, int, int, int, str], Awaitable[None]]
    freeing_mark: Callable[[Mark], Awaitable[None]]


class Client:
    """The guest: the statics of fs/notify, one FUSE mount and one process with its descriptors.

    `inodes[nodeid]` is what the inode hash has (None once it is evicted), `fds[name]` the group of
    a descriptor (None while it is closed).  With `frees`, what is off its lists is freed after a
    grace period by the reaper works; without, that memory outlives the run, which is what a grace
    period that does not end looks like.
    With `recalc_split` the masks of an inode's marks are added up in one step and the sum is
    written in a later one, as the C does; without, in one (`mark.py` says what that leaves out).
    With `recalc_always` a call that changes a mark always adds up anew, which the C does only if
    a bit was dropped or the inode's mask has not got one.
    `memory` has the places of groups that were freed, the newest last.
    """

    ops: Operations
    conn: FuseConn
    remote: Remote
    ledger: Ledger
    reaper_work: Work
    connector_reaper_work: Work
    system_unbound_wq: WorkQueue

    def __init__(
        self,
        world: World,
        *,
        frees: bool = True,
        max_events: int = 16,
        recalc_split: bool = False,
        recalc_always: bool = False,
    ) -> None:
        self.world = world
        self.frees = frees
        self.max_events = max_events
        self.recalc_split = recalc_split
        self.recalc_always = recalc_always
        self.mark_srcu = Srcu(world, "fsnotify_mark_srcu")
        self.destroy_lock = SpinLock(world, "destroy_lock")
        self.destroy_list: Location = Location(world, (), "destroy_list")
        self.connector_destroy_list: Location = Location(world, (), "connector_destroy_list")
        self.memory: Location = Location(world, (), "freed groups")
        self.inodes: dict[int, Variable] = {}
        self.fds: dict[str, Variable] = {}
