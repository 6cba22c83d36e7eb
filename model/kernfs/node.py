"""Nodes, roots, open files of kernfs: their fields and what guards them; the active count.

Source: include/linux/kernfs.h, fs/kernfs/kernfs-internal.h, fs/kernfs/dir.c, 6.8.

Of a node two things are counted.  `count` keeps its memory.  `active` counts the operations that
are at work in it, and goes below 0 when the node is deactivated: then no operation begins any
more, and who removes the node waits until the last one has ended.  To the lock validator `active`
is a lock, "kn->active", which operations hold for reading and removal takes for writing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.lockuse import LockKey, LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import ATOMIC, LOAD_ACQUIRE, RELAXED
from lockwright.core.task import Task
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.refcount import Refcount
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Field, Slab, check_alive
from lockwright.kernel.waitqueue import Schedule, WaitQueue
from model.vfs.objects import File, FileOperations, Inode

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockwright.core.world import World
    from model.vfs.objects import Dentry

KN_DEACTIVATED_BIAS = -(1 << 31) + 1

KERNFS_ACTIVATED = 0x0010
KERNFS_SUICIDAL = 0x0200
KERNFS_SUICIDED = 0x0400
KERNFS_EMPTY_DIR = 0x1000
KERNFS_REMOVING = 0x4000

KN_ACTIVE = LockKey("kn->active", "fs/kernfs/dir.c", 0, 0)
"""One class: the C has one for each attribute that is declared, and here one place declares all."""

INT_MAX = (1 << 31) - 1
GOLDEN_RATIO_64 = 0x61C8864680B583EB
WORD = (1 << 64) - 1


class KernfsNode(Slab):
    """struct kernfs_node: a file or directory, whether or not anybody has looked at it.

    `children` (sorted by hash, then name; the C's rb tree), `linked` (is it in its parent's?),
    `rev`, `subdirs` and `flags` are guarded by kernfs_rwsem; `mode`, `uid`, `gid` (the C's iattr)
    too.  `open` has the kernfs_open_node while somebody has the file open; `open_file_mutex`
    guards it (the C hashes nodes to a few mutexes, which are shared by chance only).
    `parent`, `hash`, `dir`, `ops`, `i_private` and `has_release` (KERNFS_HAS_RELEASE) never
    change (no rename); `parent` is counted, so that it outlives its children.
    `i_private` is kn->priv, under the name by which the user's operations ask an inode for it:
    they get the node in the place of the inode.
    `deactivated` is the sign of `active`, which changes under kernfs_rwsem only: so whoever holds
    that need not look at the count.
    `gone` is the model's: removal has come to this node.  Invariant: no operation is active in a
    node that is gone.
    """

    cache = "kernfs_node_cache"
    size = 136

    parent: Field[KernfsNode] = Field(None)
    children: Field[tuple[KernfsNode, ...]] = Field(())
    linked: Field[bool] = Field(False)
    rev: Field[int] = Field(0)
    subdirs: Field[int] = Field(0)
    flags: Field[int] = Field(0)
    mode: Field[int] = Field(0)
    uid: Field[int] = Field(0)
    gid: Field[int] = Field(0)
    i_private: Field[object] = Field(None)
    open: Field[KernfsOpenNode] = Field(None)
    deactivated: Field[bool] = Field(True)
    gone: Field[bool] = Field(False)

    __slots__ = (
        "active",
        "count",
        "dir",
        "has_release",
        "hash",
        "id",
        "open_file_mutex",
        "ops",
        "root",
    )

    def __init__(
        self, root: KernfsRoot, name: str, *, mode: int = 0, ops: FileOperations | None = None
    ) -> None:
        super().__init__(root.world, name)
        self.root = root
        self.dir = ops is None
        self.ops = ops
        self.hash = kernfs_name_hash(name)
        self.id = root.next_id()
        self.count = Refcount(root.world, 1, f"count of {name}", owner=self)
        self.active = Active(self)
        self.open_file_mutex = Mutex(root.world, f"open_file_mutex of {name}", cls=OPEN_FILE_MUTEX)
        self.has_release = ops is not None and ops.release is not None
        self._values[KernfsNode.mode.index] = mode


OPEN_FILE_MUTEX = LockKey("&kernfs_locks->open_file_mutex[count]", "fs/kernfs/mount.c")
OF_MUTEX = LockKey("&of->mutex", "fs/kernfs/file.c")


class KernfsRoot:
    """struct kernfs_root: a tree, its rwsem, and the queue of those who wait for a drain.

    With `create_deactivated` (KERNFS_ROOT_CREATE_DEACTIVATED) new nodes wait to be activated.
    With `orders_release`, which the C has not, who removes a node is ordered after the release()
    of files that were closed before.
    `mountpoint` is the dentry that leads to the root node, where the tree is part of another file
    system.
    Left out: its memory (one a tree), the list of super blocks, the idr (`next_id` counts).
    """

    mountpoint: Dentry

    def __init__(self, world: World, *, create_deactivated: bool = False) -> None:
        self.world = world
        self.create_deactivated = create_deactivated
        self.orders_release = False
        self.kernfs_rwsem = RwSem(world, "&root->kernfs_rwsem")
        self.deactivate_waitq = DeactivateWaitq(world, "deactivate_waitq")
        self.last_id = 0
        self.kn = KernfsNode(self, "", mode=0o755)

    def next_id(self) -> int:
        """The inode number of a new node.  Unseen by the machine: numbers are only compared."""
        self.last_id += 1
        return self.last_id


class KernfsInode(Inode):
    """An inode of kernfs.  Its i_private is the node, and counted; the data is the node's."""

    __slots__ = ()

    @property
    def kn(self) -> KernfsNode:
        """What i_private is."""
        return self.i_private  # type: ignore[return-value]  # set when it was made


class KernfsOpenNode(Slab):
    """struct kernfs_open_node: a node's open files.  Guarded by open_file_mutex."""

    cache = "kernfs_open_node"
    size = 64

    files: Field[tuple[KernfsOpenFile, ...]] = Field(())
    nr_to_release: Field[int] = Field(0)

    __slots__ = ()


class KernfsOpenFile(File):
    """struct kernfs_open_file: what the user's operations get as the open file.

    `private_data` is theirs (of->priv); `mutex` keeps two of them on one open file apart;
    `released` is guarded by open_file_mutex.
    """

    cache = "kernfs_open_file"
    size = 160

    released: Field[bool] = Field(False)

    __slots__ = ("kn", "mutex")

    def __init__(self, kn: KernfsNode) -> None:
        super().__init__(kn.world, kn.name)
        self.kn = kn
        self.mutex = Mutex(kn.world, f"mutex of {kn.name}", cls=OF_MUTEX)


class Active(Lock):
    """kn->active: how many operations are at work, with KN_DEACTIVATED_BIAS added when none may
    begin.  It is part of the node: whoever touches it touches the node."""

    __slots__ = ("owner",)

    def __init__(self, kn: KernfsNode) -> None:
        super().__init__(
            kn.world, f"kn->active of {kn.name}", value=KN_DEACTIVATED_BIAS, cls=KN_ACTIVE
        )
        self.owner = kn

    def holders(self) -> list[int]:
        return []  # a count: who they are is not written down

    def inc_unless_negative(self) -> Operation:
        """Begin an operation; False if the node is deactivated.  Tells of a trylock."""
        return _Change(self, _inc_unless_negative, "atomic_inc_unless_negative", ATOMIC)

    def inc(self) -> Operation:
        """Count an operation again, whatever the state.  Tells of a trylock."""
        return _Change(self, lambda old: (old + 1, None), "atomic_inc", RELAXED)

    def dec_return(self) -> Operation:
        """End an operation; gives what is left."""
        return _Change(self, lambda old: (old - 1, old - 1), "atomic_dec_return", ATOMIC)

    def add(self, by: int) -> Operation:
        """Deactivate, or activate."""
        return _Change(self, lambda old: (old + by, None), "atomic_add", RELAXED)

    def read(self) -> Operation:
        """How many are at work?

        It acquires: who waits for a drain is ordered after what was drained, in the C by the
        barrier in prepare_to_wait(), or as all that follows depends on what was read.
        """
        return _Change(self, lambda old: (old, old), "atomic_read", LOAD_ACQUIRE)

    def drained(self) -> Operation:
        """Tell the validator that all others have gone, and that this is over.

        In the C the acquire is told before the wait; here after it, or for one who waits for
        ever at the end.
        """
        return _Drained(self)


TAKES = ("atomic_inc_unless_negative", "atomic_inc")
DROPS = ("atomic_dec_return",)


def _inc_unless_negative(old: int) -> tuple[int, bool]:
    return (old, False) if old < 0 else (old + 1, True)


class _Change(Operation):
    """An atomic operation on the count; one that changes nothing is a read.

    The validator hears of it for files (KERNFS_LOCKDEP); directories tell it nothing.
    """

    __slots__ = ("change", "kind", "loc", "orders")

    conditional = True
    loc: Active

    def __init__(
        self,
        loc: Active,
        change: Callable[[int], tuple[int, int | bool | None]],
        kind: str,
        orders: int,
    ) -> None:
        self.loc = loc
        self.change = change
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.orders = orders  # type: ignore[misc]  # as above

    def writes_at(self, value: int) -> bool:
        return self.change(value)[0] != value

    def run(self, task: Task, touched: list[int]) -> int | bool | None:
        active = self.loc
        kn = active.owner
        old = active.value
        new, result = self.change(old)
        changes = new != old
        touched.append(active.writing if changes else active.reading)
        touched.append(kn.life.reading)
        check_alive(kn, "active")
        active.value = new
        if self.kind in TAKES and changes and not kn.dir and active.world.on_acquire:
            active.taken(task, "kernfs_get_active", read=1, trylock=True)
        if self.kind in DROPS and not kn.dir and active.world.on_release:
            active.released(task)
        return result

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name})"


class _Drained(Operation):
    """The lock annotation of kernfs_drain(): touches nothing."""

    __slots__ = ("active",)

    orders = RELAXED
    kind = "rwsem_acquire"

    def __init__(self, active: Active) -> None:
        self.active = active

    def run(self, task: Task, touched: list[int]) -> None:
        active = self.active
        if active.world.on_acquire:
            active.taken(task, "kernfs_drain")
        if active.world.on_release:
            active.released(task)

    def describe(self) -> str:
        return f"{self.kind}({self.active.name})"


class DeactivateWaitq(WaitQueue):
    """The wait queue of a root, on which removers sleep until a node is drained."""

    __slots__ = ()

    def schedule_for(self, kn: KernfsNode) -> Operation:
        """Sleep until woken, for the sake of this node."""
        task = self.world.creator
        assert isinstance(task, Task), "set-up does not sleep"
        return _DrainWait(self, self.entries[task.index], kn)


class _DrainWait(Schedule):
    """schedule() in kernfs_drain(): a deadlock report names the active reference it waits for."""

    __slots__ = ("kn",)

    def __init__(self, queue: DeactivateWaitq, entry: object, kn: KernfsNode) -> None:
        super().__init__(queue, entry)  # type: ignore[arg-type]  # the queue's own entry
        self.kn = kn

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told of one who waits for ever."""
        active = self.kn.active
        return LockUse(active.cls, 0, active.address, 0, False, "kernfs_drain")

    def describe(self) -> str:
        return f"schedule() until {self.kn.active.name} is drained"


def kernfs_name_hash(name: str) -> int:
    """The position of a name in a listing.  C: kernfs_name_hash(), end_name_hash(), 64 bit."""
    value = 0
    for char in name.encode():
        value = (value + (char << 4) + (char >> 4)) * 11 & WORD
    value = (value * GOLDEN_RATIO_64 & WORD) >> 32
    value &= INT_MAX
    if value < 2:
        value += 2
    return min(value, INT_MAX - 1)
