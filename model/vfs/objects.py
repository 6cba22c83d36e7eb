"""Super block, dentry, inode, open file: their fields and what guards them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockwright.core.errors import KernelOops, ModelError
from lockwright.core.location import Location
from lockwright.core.lockuse import LockKey
from lockwright.core.operation import Operation
from lockwright.kernel.once import Variable
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Field, Slab

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

DEAD = -128
"""d_lockref.count of a dentry that is being killed.  C: lockref_mark_dead()."""

I_MUTEX_KEY = LockKey("&sb->s_type->i_mutex_key", "fs/inode.c", 0, 3)
"""One class for files and directories: new_inode() without unlock_new_inode()."""


@dataclass(frozen=True, slots=True)
class InodeOperations:
    """C: struct inode_operations."""

    lookup: Callable[[Inode, Dentry, int], Awaitable[Dentry]]


@dataclass(frozen=True, slots=True)
class FileOperations:
    """C: struct file_operations.  `read` stands for whatever uses the file's data."""

    open: Callable[[Inode, File], Awaitable[int]] | None = None
    release: Callable[[Inode, File], Awaitable[int]] | None = None
    iterate_shared: Callable[[File], Awaitable[list[str]]] | None = None
    read: Callable[[File], Awaitable[int]] | None = None


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

    Paths are declared at set-up, because a location must have the same number in every execution.
    With `rcu_late` the memory of dead dentries and inodes outlives the run, as if no RCU grace
    period ended; otherwise it ends at once, and a stale pointer is a use-after-free.  The lists
    are for checks: all dentries, open files, and inodes that wait for a grace period.
    """

    def __init__(self, world: World, *, rcu_late: bool = False) -> None:
        self.world = world
        self.rcu_late = rcu_late
        self.d_iput: Callable[[Dentry, Inode], Awaitable[None]] | None = None
        self.s_root: Dentry
        self.slots: dict[str, NameSlot] = {}
        self.rcu_pending: list[Inode] = []
        self.dentries: list[Dentry] = []
        self.files: list[File] = []

    def declare(self, path: str) -> None:
        """Make the slots of a path and of all directories above it."""
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            name = "/".join(parts[:end])
            if name not in self.slots:
                self.slots[name] = NameSlot(self.world, (), name)

    def slot(self, path: str) -> NameSlot:
        """Raises ModelError for a path that the scenario did not declare."""
        found = self.slots.get(path)
        if found is None:
            raise ModelError(f"path {path!r} is looked up, but the scenario did not declare it")
        return found


class Dentry(Slab):
    """A name in a directory.

    Invariant: `d_count` is the number of references, or DEAD; each child counts as one.
    `d_count`, `d_hashed`, `d_children` and the dentry's place in its slot are guarded by d_lock,
    which the model does not have: every section under d_lock is one step (`Section`).  That is
    safe because nothing sleeps under d_lock and no section needs what another is holding.
    `d_parent`, `d_name` and `path` never change (no rename).  `d_fsdata` is the file system's.
    `looked_up` is set when the dentry leaves the in-lookup state; it never goes back there.
    """

    cache = "dentry"
    size = 192

    d_parent: Field[Dentry] = Field(None)
    d_inode: Field[Inode] = Field(None)
    d_fsdata: Field[Slab] = Field(None)
    d_count: Field[int] = Field(1)
    d_hashed: Field[bool] = Field(False)
    d_in_lookup: Field[bool] = Field(False)
    d_children: Field[tuple[Dentry, ...]] = Field(())

    __slots__ = ("d_name", "d_sb", "looked_up", "path")

    d_name: str
    d_sb: SuperBlock
    path: str

    def __init__(self, sb: SuperBlock, parent: Dentry | None, name: str) -> None:
        self.path = f"{parent.path}/{name}" if parent is not None else name
        super().__init__(sb.world, self.path)
        self.d_sb = sb
        self.d_name = name
        self.looked_up = Location(sb.world, value=False, name=f"{self.path} looked up")
        sb.dentries.append(self)


class Inode(Slab):
    """A file or directory.  `i_rwsem` guards a directory's entries; the C's operations and modes
    are written before the inode is published and not changed afterwards."""

    cache = "inode_cache"
    size = 600

    i_rwsem: Field[RwSem] = Field(None)
    i_op: Field[InodeOperations] = Field(None)
    i_fop: Field[FileOperations] = Field(None)
    i_private: Field[object] = Field(None)
    i_nlink: Field[int] = Field(1)
    i_dir: Field[bool] = Field(False)

    __slots__ = ("i_sb",)

    def __init__(self, sb: SuperBlock, name: str) -> None:
        super().__init__(sb.world, name)
        self.i_sb = sb
        self._values[Inode.i_rwsem.index] = RwSem(sb.world, f"i_rwsem of {name}", cls=I_MUTEX_KEY)


class File(Slab):
    """An open file.  Private to the task that opened it; it holds a reference on its dentry."""

    cache = "filp"
    size = 256

    f_dentry: Field[Dentry] = Field(None)
    f_inode: Field[Inode] = Field(None)
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
