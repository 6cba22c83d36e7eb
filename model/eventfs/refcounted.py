"""What the reference-counted designs of eventfs (6.8 and later) share: structures, attributes.

Source: fs/tracefs/event_inode.c and internal.h, 6.8 to 7.3.

An eventfs_inode lives as long as somebody holds a reference on it: its place in the tree, which
removal gives up, and each dentry that points to it, its own or one of its files'.  No pointer
leads back from it to a dentry, but for the directory `events`, whose dentry is pinned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from lockwright.core.errors import KernelOops
from lockwright.core.operation import Operation
from lockwright.core.orders import PLAIN, RELAXED, STORE
from lockwright.kernel.rculist import NULL, Link, ListHead, touch
from lockwright.kernel.refcount import Kref
from lockwright.kernel.slab import Field, Slab
from model.vfs.attr import PERMISSIONS

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World
    from model.tracefs.entry import EventfsEntry
    from model.tracefs.inode import TracefsInode
    from model.vfs.attr import Iattr
    from model.vfs.objects import Dentry, Inode

EVENTFS_FILE_INODE_INO = 0x12C4E37
"""The inode number of every file."""

EVENTFS_SAVE_MODE = 1 << 16
EVENTFS_SAVE_UID = 1 << 17
EVENTFS_SAVE_GID = 1 << 18
EVENTFS_TOPLEVEL = 1 << 19
EVENTFS_MODE_MASK = EVENTFS_SAVE_MODE - 1

LEVEL_MAX = 3
"""0 events/, 1 events/group/, 2 events/group/event/, 3 events/group/event/file"""


class Attr(NamedTuple):
    """struct eventfs_attr: what a user has set, as the flags in `mode` say, and defaults."""

    mode: int = 0
    uid: int = 0
    gid: int = 0

    @property
    def saved_mode(self) -> int | None:
        """The mode that a user has set."""
        return self.mode & EVENTFS_MODE_MASK if self.mode & EVENTFS_SAVE_MODE else None

    @property
    def saved_uid(self) -> int | None:
        """The owner that a user has set."""
        return self.uid if self.mode & EVENTFS_SAVE_UID else None

    @property
    def saved_gid(self) -> int | None:
        """The group that a user has set."""
        return self.gid if self.mode & EVENTFS_SAVE_GID else None

    def reset(self, uid: int | None, gid: int | None) -> Attr:
        """With a new owner and group, where there is one, which no user has set."""
        mode, old_uid, old_gid = self
        if uid is not None:
            mode &= ~EVENTFS_SAVE_UID
            old_uid = uid
        if gid is not None:
            mode &= ~EVENTFS_SAVE_GID
            old_gid = gid
        return Attr(mode, old_uid, old_gid)


def update_attr(attr: Attr, iattr: Iattr) -> Attr:
    """Remember what a user sets."""
    mode, uid, gid = attr
    if iattr.mode is not None:
        mode = (mode & ~EVENTFS_MODE_MASK) | (iattr.mode & EVENTFS_MODE_MASK) | EVENTFS_SAVE_MODE
    if iattr.uid is not None:
        mode |= EVENTFS_SAVE_UID
        uid = iattr.uid
    if iattr.gid is not None:
        mode |= EVENTFS_SAVE_GID
        gid = iattr.gid
    return Attr(mode, uid, gid)


def give_attr(inode: Inode, mode: int, attr: Attr | None, events: Attr) -> None:
    """Set mode and owner of an inode that nobody else knows yet: as a user has set them, or else
    `mode` and the owner of all that is in the directory `events`."""
    if attr is None:
        attr = Attr()
    saved = attr.saved_mode
    inode.i_mode = mode if saved is None else (mode & ~PERMISSIONS) | (saved & PERMISSIONS)
    inode.i_uid = events.uid if attr.saved_uid is None else attr.saved_uid
    inode.i_gid = events.gid if attr.saved_gid is None else attr.saved_gid


class EventfsName(Slab):
    """The copy of a name.  C: kstrdup_const()."""

    cache = "eventfs_inode->name"
    size = 16

    text: Field[str] = Field("")

    __slots__ = ()


class EntryAttrs(Slab):
    """What a user has set for the files of a directory.  Guarded by eventfs_mutex.

    `attrs` has one for each entry of the directory.
    """

    cache = "entry_attrs"
    size = 96

    attrs: Field[tuple[Attr, ...]] = Field(())

    __slots__ = ()


class Children(ListHead["EventfsInode"]):
    """The list of an eventfs_inode's children, whose memory a queued callback may need."""

    __slots__ = ()

    def overwrite(self, node: EventfsInode) -> Operation:
        """call_srcu() clears the `next` of a rcu_head that lies over the link of a former child:
        a plain store."""
        return _Overwrite(self.links[node], PLAIN, node)

    def reuse(self) -> Operation:
        """The same, where the rcu_head lies over the head of the list: a store that readers may
        see, whom is_freed tells not to follow it."""
        return _Overwrite(self.head, STORE)


class _Overwrite(Operation):
    """Touches nothing but the link.  Invariant: `node`, whose link it is, is on no list."""

    __slots__ = ("loc", "node", "orders")

    kind = "overwrite next"
    loc: Link

    def __init__(self, loc: Link, orders: int, node: EventfsInode | None = None) -> None:
        self.loc = loc
        self.orders = orders  # type: ignore[misc]  # depends on whose link it is
        self.node = node

    def run(self, task: Task, touched: list[int]) -> None:
        link = self.loc
        if self.node is not None:
            touch(self.node, touched)
        touched.append(link.writing)
        link.value = NULL

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name})"


class EventfsInode(Slab):
    """struct eventfs_inode: what is known of a directory, and of the files in it.

    Invariant: `kref` counts the place in the tree and the dentries whose d_fsdata leads here.
    `name`, `entries`, `nr_entries`, `data` and `is_events` are written before anybody else knows
    the object.  eventfs_mutex guards changes of `children`, `is_freed`, `attr` and `entry_attrs`;
    whoever reads without it says so.  Nothing guards `ino`.
    `head` is the list that `list` links into; NULL if it is in none, and was in none.
    `d_name` stands for `name`, which is what people are told.
    """

    cache = "eventfs_inode"
    size = 96

    head: Field[Children] = Field(None)
    children: Field[Children] = Field(None)
    entries: Field[tuple[EventfsEntry, ...]] = Field(())
    d_name: Field[EventfsName] = Field(None)
    entry_attrs: Field[EntryAttrs] = Field(None)
    data: Field[object] = Field(None)
    attr: Field[Attr] = Field(Attr())
    kref: Field[Kref] = Field(None)
    is_freed: Field[bool] = Field(False)
    is_events: Field[bool] = Field(False)
    nr_entries: Field[int] = Field(0)
    ino: Field[int] = Field(0)
    events_dir: Field[Dentry] = Field(None)

    __slots__ = ()

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self._values[EventfsInode.children.index] = Children(world, f"{name}->children")
        self._values[EventfsInode.kref.index] = Kref(world, 1, f"{name}->kref", owner=self)


class SmallEventfsInode(EventfsInode):
    """The eventfs_inode of 6.9 and later: without `events_dir`."""

    size = 88

    __slots__ = ()


class EventfsRootInode(SmallEventfsInode):
    """struct eventfs_root_inode: the one of the directory `events`, which holds its dentry."""

    cache = "eventfs_root_inode"
    size = 96

    __slots__ = ()


class EventfsRootInode69(EventfsRootInode):
    """That of 6.9 and 6.10, which knows where the owner comes from.

    Nobody holds a reference on `parent_inode`, but the instance's directory stays as long as
    `events` does.
    """

    size = 104

    parent_inode: Field[Inode] = Field(None)

    __slots__ = ()


class WarnOn(Operation):
    """WARN_ON_ONCE() of something that is so: it is reported, and the task goes on."""

    __slots__ = ("what", "world")

    kind = "WARN_ON_ONCE"
    orders = RELAXED

    def __init__(self, world: World, what: str) -> None:
        self.world = world
        self.what = what

    def run(self, task: Task, touched: list[int]) -> None:
        self.world.warn(task, "WARN", f"WARN_ON_ONCE({self.what})")

    def describe(self) -> str:
        return f"{self.kind}({self.what})"


def reset_attrs(ei: EventfsInode, uid: int | None, gid: int | None) -> None:
    """Forget what users have set for a directory and its files."""
    ei.attr = ei.attr.reset(uid, gid)
    attrs = ei.entry_attrs
    if attrs is not None:
        attrs.attrs = tuple(attr.reset(uid, gid) for attr in attrs.attrs)


def ei_of(dentry: Dentry) -> EventfsInode:
    """What a dentry holds: its directory's eventfs_inode, or for a file that of its parent."""
    return cast("EventfsInode", dentry.d_fsdata)


def private_ei(ti: TracefsInode) -> EventfsInode | None:
    """The eventfs_inode that a directory's inode leads to; NULL for a file."""
    return cast("EventfsInode | None", ti.private)


def use(child: EventfsInode | str) -> EventfsInode:
    """Follow what a link gave; faults if the link had been overwritten."""
    if isinstance(child, str):
        raise KernelOops(
            "NULL pointer dereference",
            f"NULL pointer dereference: a link was {child}, and is followed",
            "an overwritten link is followed",
        )
    return child
