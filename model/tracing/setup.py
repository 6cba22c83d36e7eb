"""A mounted tracefs with events, built before the first task runs.

Everything here is plain code of the set-up; what it leaves is what the calls of the kernel would
have left (a test compares the two).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

from lockwright.core.world import World
from model.eventfs.common import Eventfs, EventfsFile, EventfsInode, fill
from model.tracefs.inode import TRACEFS_EVENT_INODE, TracefsInode, dentry_iput
from model.tracing.core import TraceArray, TraceEventCall, TraceEventFile, TraceSubsystemDir
from model.tracing.kprobe import TraceKprobe
from model.vfs.dcache import slot_of
from model.vfs.libfs import simple_lookup
from model.vfs.objects import Dentry, InodeOperations, SuperBlock

if TYPE_CHECKING:
    from lockwright.core.task import Task

Result: TypeAlias = int | tuple[str, ...]
"""An errno or 0, or the names that a listing gave."""


class Outcome(NamedTuple):
    """What a call of some task came to: `("stat", "kprobes/kp1", 0)`."""

    call: str
    path: str
    result: Result


@dataclass(slots=True)
class Tracing:
    """The handles of one world; `world.state` of every eventfs scenario.

    `top` is the directory `events`, which the tracing core holds.  `outcomes` has what the tasks'
    calls gave, in no order that means anything.
    """

    sb: SuperBlock
    eventfs: Eventfs
    tr: TraceArray
    top: Dentry
    top_ei: EventfsInode
    efs: dict[str, EventfsFile] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    def add_event(self, name: str) -> None:
        """A kprobe event that is there from the start, with its directory and files; all cold."""
        world, tr = self.sb.world, self.tr
        call, file = TraceEventCall(world, name), TraceEventFile(world, name)
        file.event_call = call
        file.system = tr.system
        tk = TraceKprobe(world, name)
        tk.call = call
        tr.events[name] = file
        tr.kprobes[name] = tk
        tr.system.nr_events += 1
        file.ef = self._place(f"kprobes/{name}", None)
        for leaf in tr.event_files:
            self._place(f"kprobes/{name}/{leaf}", file)

    def expect(self, name: str) -> None:
        """An event of this name may be made by a task."""
        self.sb.declare(f"tracing/events/kprobes/{name}")
        for leaf in self.tr.event_files:
            self.sb.declare(f"tracing/events/kprobes/{name}/{leaf}")

    def _place(self, path: str, file: TraceEventFile | None) -> EventfsFile:
        """Put an ef on its parent's list; a directory unless it has a trace_event_file."""
        world, eventfs = self.sb.world, self.eventfs
        above, _, name = path.rpartition("/")
        ef = EventfsFile(world, name)
        if file is None:
            ei = EventfsInode(world, name)
            iop = eventfs.dir_inode_operations
            fill(ef, ei, eventfs.file_operations, iop, eventfs.directory_data())
        else:
            fill(ef, None, self.tr.event_fops, None, file)
        ef.head = (self.efs[above].ei if above else self.top_ei).e_top_files
        nobody = cast("Task", None)  # there is none yet, and a good list_add() asks for none
        ef.head.add_tail(ef).run(nobody, world.acc)
        above_ef = self.efs.get(above)
        ef.d_parent = self.top if above_ef is None else above_ef.dentry
        self.efs[path] = ef
        self.sb.declare(f"tracing/events/{path}")
        return ef

    def warm(self, path: str) -> Dentry:
        """Let a path have been looked up, and not be in use any more: its dentry is cached."""
        above, _, name = path.rpartition("/")
        ef = self.efs[path]
        known = ef.peek("dentry")
        if isinstance(known, Dentry):
            return known
        parent = self.warm(above) if above else self.top
        inode = TracefsInode(self.sb, f"{parent.path}/{name}")
        dentry = hang(self.sb, parent, name, inode)
        inode.i_fop = ef.fop
        inode.i_private = ef.data
        if ef.peek("ei") is not None:
            as_directory(inode, self.eventfs, ef.ei)
            parent.d_inode.i_nlink += 1
            for child in ef.ei.e_top_files.entries():
                child.d_parent = dentry
        ef.created = True
        ef.dentry = dentry
        dentry.d_fsdata = ef
        return dentry


def hang(sb: SuperBlock, parent: Dentry, name: str, inode: TracefsInode) -> Dentry:
    """A cached dentry without users."""
    dentry = Dentry(sb, parent, name)
    dentry.d_parent = parent
    dentry.d_inode = inode
    dentry.d_count = 0
    dentry.d_hashed = True
    parent.d_count += 1
    parent.d_children = (*parent.d_children, dentry)
    slot_of(dentry).put(((dentry, False),))
    inode.flags = TRACEFS_EVENT_INODE
    return dentry


def _root(sb: SuperBlock) -> Dentry:
    """The root of tracefs, an ordinary directory, which its mount holds."""
    root = Dentry(sb, None, "tracing")
    root.d_inode = inode = TracefsInode(sb, "tracing")
    root.d_hashed = True
    inode.i_dir = True
    inode.i_nlink = 2
    inode.i_op = InodeOperations(lookup=simple_lookup)
    return root


def as_directory(inode: TracefsInode, eventfs: Eventfs, ei: EventfsInode) -> None:
    """Make an inode a directory of eventfs."""
    inode.i_dir = True
    inode.i_nlink = 2
    inode.i_op = eventfs.dir_inode_operations
    inode.i_fop = eventfs.file_operations
    inode.i_private = eventfs.directory_data()
    inode.private = ei


def tracing(
    world: World,
    eventfs: Eventfs,
    *,
    events: tuple[str, ...] = ("kp1",),
    files: tuple[str, ...] = ("enable",),
    open_is_busy: bool = False,
    rcu_late: bool = False,
) -> Tracing:
    """Mount tracefs, with kprobe events.  The directory `kprobes` has one event more than these,
    so that it stays when they go; `kprobes` is cached, what is below it is not."""
    sb = SuperBlock(world, rcu_late=rcu_late)
    sb.d_iput = dentry_iput(eventfs.eventfs_set_ef_status_free)
    sb.declare("tracing/events")
    for leaf in files:
        sb.declare(f"tracing/{leaf}")
    sb.s_root = _root(sb)
    top_ei = EventfsInode(world, "events")
    inode = TracefsInode(sb, "events")
    top = hang(sb, sb.s_root, "events", inode)
    top.d_count = 1
    as_directory(inode, eventfs, top_ei)
    tr = TraceArray(world, eventfs, files, open_is_busy=open_is_busy)
    tr.event_dir = top
    tr.system = TraceSubsystemDir(world, "kprobes")
    tr.system.nr_events = 1
    made = Tracing(sb, eventfs, tr, top, top_ei)
    tr.system.ef = made._place("kprobes", None)
    made.warm("kprobes")
    for name in events:
        made.add_event(name)
    world.state = made
    return made
