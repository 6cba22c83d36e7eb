"""Super block, dentry, inode, open file: their fields and what guards them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lockwright.core.errors import KernelOops, ModelError
from lockwright.core.location import Location
from lockwright.core.lockuse import LockKey
from lockwright.core.operation import Operation
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import Variable
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Field, Slab

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World
    from model.vfs.attr import Iattr
    from model.vfs.readdir import DirContext

DEAD = -128
"""d_lockref.count of a dentry that is being killed.  C: lockref_mark_dead()."""

I_MUTEX_KEY = LockKey("&sb->s_type->i_mutex_key", "fs/inode.c")
"""One class for files and directories: new_inode() without unlock_new_inode()."""

S_IFDIR = 0o040000
S_IFREG = 0o100000
FIRST_INO = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DentryOperations:
    """C: struct dentry_operations.

    `d_revalidate_rcu(dentry)` is what d_revalidate() answers in RCU-walk: 1, 0 or -ECHILD; it runs
    within the walk's step.  Without it, but with a `d_revalidate`, RCU-walk gives up (-ECHILD).
    `d_delete(dentry)` runs within the step of the last dput(): True means kill it now.
    """

    d_revalidate: Callable[[Dentry], Awaitable[int]] | None = None
    d_revalidate_rcu: Callable[[Dentry], int] | None = None
    d_delete: Callable[[Dentry], bool] | None = None
    d_iput: Callable[[Dentry, Inode], Awaitable[None]] | None = None
    d_release: Callable[[Dentry], Awaitable[None]] | None = None


SIMPLE_DENTRY_OPERATIONS = DentryOperations(d_delete=lambda dentry: True)
"""C: simple_dentry_operations, always_delete_dentry()."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperOperations:
    """C: struct super_operations.

    `alloc_inode` is called when an inode has been allocated, before anybody else knows it;
    `drop_inode` is called when the last reference is dropped, before the inode is evicted,
    `destroy_inode` when nothing leads to it any more; what destroy_inode leaves is freed.
    `remount` gets the options that the caller gave, and runs with s_umount held for writing.
    """

    alloc_inode: Callable[[Inode], Awaitable[None]] | None = None
    drop_inode: Callable[[Inode], Awaitable[None]] | None = None
    destroy_inode: Callable[[Inode], Awaitable[None]] | None = None
    remount: Callable[[SuperBlock, MountOptions], Awaitable[int]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MountOptions:
    """`-o uid=..,gid=..,mode=..`; None is an option that was not given."""

    uid: int | None = None
    gid: int | None = None
    mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InodeOperations:
    """C: struct inode_operations.

    `permission(inode)` is what a file system does before generic_permission(); it may run within
    the step of an RCU-walk.  `getattr(dentry)` is what it does before generic_fillattr().
    """

    lookup: Callable[[Inode, Dentry, int], Awaitable[Dentry]] | None = None
    setattr: Callable[[Dentry, Iattr], Awaitable[int]] | None = None
    mkdir: Callable[[Inode, Dentry, int], Awaitable[int]] | None = None
    rmdir: Callable[[Inode, Dentry], Awaitable[int]] | None = None
    permission: Callable[[Inode], None] | None = None
    getattr: Callable[[Dentry], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOperations:
    """C: struct file_operations.  `read` and `write` give an errno or what a user would get.

    Without `llseek` a position is whatever the user says (generic_file_llseek()).
    """

    open: Callable[[Inode, File], Awaitable[int]] | None = None
    release: Callable[[Inode, File], Awaitable[int]] | None = None
    iterate_shared: Callable[[File, DirContext], Awaitable[int]] | None = None
    read: Callable[[File], Awaitable[int | str]] | None = None
    write: Callable[[File, str], Awaitable[int]] | None = None
    llseek: Callable[[File, int, int], Awaitable[int]] | None = None


class NameSlot(Variable):
    """The dcache hash chain, and the in-lookup chain, of one path.

    `value` holds the dentries on either, each with "is it in lookup".  A slot a path, so that
    different names are independent; in the C they share buckets by chance only.
    """

    __slots__ = ()

    def get(self) -> tuple[tuple[Dentry, bool], ...]:
        """Read the chains, within a step."""
        self.world.acc.append(self.reading)
        return self.value  # type: ignore[no-any-return]  # a Location's value is of any type

    def put(self, value: tuple[tuple[Dentry, bool], ...]) -> None:
        """Change the chains, within a step."""
        self.world.acc.append(self.writing)
        self.value = value


class SuperBlock:
    """One mounted file system: its root, its hooks, and the hash slots of all paths there can be.

    Paths are declared at set-up, because a location must have the same number in every execution;
    while no task runs they declare themselves.  What is not declared shares one slot.
    With `rcu_late` the memory of dead dentries and inodes outlives the run, as if no RCU grace
    period ended; otherwise it ends at once, and a stale pointer is a use-after-free.  The lists
    are for checks: all dentries, open files, and inodes that wait for a grace period, what was
    told to fsnotify, in no order that means anything, and how many references pin the mount.
    `s_umount` guards the mount options `uid`, `gid` and `mode`.
    `pressure` is how many allocations may still find memory short and run the shrinker.
    """

    def __init__(self, world: World, *, rcu_late: bool = False) -> None:
        self.world = world
        self.rcu_late = rcu_late
        self.s_d_op: DentryOperations | None = None
        self.s_op = SuperOperations()
        self.lockdown: Variable | None = None
        self.s_umount = RwSem(world, "s_umount", cls=LockKey("&type->s_umount_key"))
        self.s_root: Dentry
        self.uid = 0
        self.gid = 0
        self.slots: dict[str, NameSlot] = {}
        self.elsewhere = NameSlot(world, (), "undeclared names")
        self.rcu_pending: list[Inode] = []
        self.dentries: list[Dentry] = []
        self.files: list[File] = []
        self.notified: list[tuple[str, str]] = []
        self.pins = 0
        self.last_ino = FIRST_INO - 1
        self.s_vfs_rename_mutex = Mutex(world, "s_vfs_rename_mutex")
        self.short = Location(world, 0, "memory pressure")
        self.presses = False

    @property
    def pressure(self) -> int:
        """How many allocations may still run the shrinker."""
        left: int = self.short.value
        return left

    @pressure.setter
    def pressure(self, budget: int) -> None:
        self.short.value = budget
        self.presses = budget > 0

    def declare(self, path: str) -> None:
        """Make the slots of a path and of all directories above it."""
        world = self.world
        if world.tasks and not world.booting:
            raise ModelError(f"path {path!r} is declared after the first task was made")
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            name = "/".join(parts[:end])
            if name not in self.slots:
                self.slots[name] = NameSlot(self.world, (), name)

    def slot(self, path: str) -> NameSlot:
        """Where the dentries of a path are hashed or in lookup."""
        if self.world.booting:
            self.declare(path)
        return self.slots.get(path, self.elsewhere)

    def next_ino(self) -> int:
        """A number that no other inode has.  C: get_next_ino().

        Unseen by the machine: numbers are compared with each other, and never ordered.
        """
        self.last_ino += 1
        return self.last_ino


class Dentry(Slab):
    """A name in a directory.

    Invariant: `d_count` is the number of references, or DEAD; each child counts as one.
    `d_count`, `d_hashed`, `d_children` and the dentry's place in its slot are guarded by d_lock,
    which the model does not have: every section under d_lock is one step (`Section`).  That is
    safe because nothing sleeps under d_lock and no section needs what another is holding.
    `d_parent`, `d_name` and `path` never change (no rename).  `d_fsdata` and `d_time` are the file
    system's.
    `d_op` is written while only its maker knows the dentry.  A dentry with a count of 0 is on the
    LRU: that is not written down twice.
    `looked_up` is set when the dentry leaves the in-lookup state; it never goes back there.
    `d_children` begins with the youngest: d_alloc() adds at the head.
    A `d_cursor` is the mark of an open listing between its parent's children: it has no name, no
    inode, and is never hashed (DCACHE_DENTRY_CURSOR).
    """

    cache = "dentry"
    size = 192

    d_parent: Field[Dentry] = Field(None)
    d_inode: Field[Inode] = Field(None)
    d_fsdata: Field[Slab] = Field(None)
    d_time: Field[int] = Field(0)
    d_count: Field[int] = Field(1)
    d_hashed: Field[bool] = Field(False)
    d_in_lookup: Field[bool] = Field(False)
    d_children: Field[tuple[Dentry, ...]] = Field(())

    __slots__ = ("d_name", "d_op", "d_sb", "looked_up", "path")

    d_cursor: ClassVar[bool] = False
    d_name: str
    d_op: DentryOperations | None
    d_sb: SuperBlock
    path: str

    def __init__(self, sb: SuperBlock, parent: Dentry | None, name: str) -> None:
        self.path = f"{parent.path}/{name}" if parent is not None else name
        super().__init__(sb.world, self.path)
        self.d_sb = sb
        self.d_name = name
        self.d_op = sb.s_d_op
        self.looked_up = Location(sb.world, value=False, name=f"{self.path} looked up")
        sb.dentries.append(self)


class Inode(Slab):
    """A file or directory.

    `i_rwsem` guards a directory's entries, `i_dead` (S_DEAD) and the attributes of any inode;
    stat() reads those without it.  Operations and the kind (`i_dir`) are written before the inode
    is published and not changed afterwards.
    """

    cache = "inode_cache"
    size = 624

    i_rwsem: Field[RwSem] = Field(None)
    i_op: Field[InodeOperations] = Field(None)
    i_fop: Field[FileOperations] = Field(None)
    i_private: Field[object] = Field(None)
    i_nlink: Field[int] = Field(1)
    i_dir: Field[bool] = Field(False)
    i_ino: Field[int] = Field(0)
    i_mode: Field[int] = Field(0)
    i_uid: Field[int] = Field(0)
    i_gid: Field[int] = Field(0)
    i_dead: Field[bool] = Field(False)

    __slots__ = ("i_sb",)

    def __init__(self, sb: SuperBlock, name: str) -> None:
        super().__init__(sb.world, name)
        self.i_sb = sb
        self._values[Inode.i_rwsem.index] = RwSem(sb.world, f"i_rwsem of {name}", cls=I_MUTEX_KEY)


class File(Slab):
    """An open file.  It holds a reference on its dentry.

    `f_count` is how many descriptors lead to it.  While that is one, the file is private to the
    task that opened it; `f_pos_lock`, which is there from the first dup() on, guards `f_pos`, the
    position in a listing or a file, when there are more.  `f_flags` is what open() was given.
    """

    cache = "filp"
    size = 256

    f_dentry: Field[Dentry] = Field(None)
    f_inode: Field[Inode] = Field(None)
    f_pos: Field[int] = Field(0)
    f_flags: Field[int] = Field(0)
    f_count: Field[int] = Field(1)
    f_pos_lock: Field[Mutex] = Field(None)
    private_data: Field[object] = Field(None)

    __slots__ = ()


class Section(Operation):
    """A short section under d_lock (of a dentry, its parent, a hash chain): one step.

    `body(task)` runs within the step.  It acquires and releases all that it touches, as an
    operation does that says nothing of memory ordering: d_lock does that for what it guards, and
    for d_inode the release of d_flags that ends __d_set_inode_and_type().
    """

    __slots__ = ("body", "kind", "what")

    stable = False

    def __init__(self, kind: str, what: object, body: Callable[[Task], object]) -> None:
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.what = what
        self.body = body

    def run(self, task: Task, touched: list[int]) -> object:
        try:
            return self.body(task)
        except AttributeError as error:
            if error.obj is not None:
                raise
            raise KernelOops(
                "NULL pointer dereference",
                f"NULL pointer dereference: {error.name} of a NULL pointer",
                str(error.name),
            ) from None

    def describe(self) -> str:
        return f"{self.kind}({self.what})"
