"""What 6.7 and 6.8-rc1 know of a directory: the eventfs_inode, whom it points to, who owns files.

Source: fs/tracefs/event_inode.c and internal.h, 6.7 (5790b1fb3d67 and later).

An eventfs_inode stands for a directory and for the files in it, which have nothing of their own
but a place in `d_children` and, once somebody has set their attributes, in `entry_attrs`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, ClassVar, NoReturn, cast

from lockwright.core.errors import KernelOops
from lockwright.kernel.rculist import ListHead
from lockwright.kernel.slab import Field, Slab, kmalloc
from lockwright.kernel.variable import Variable, VariableUpdate
from model.eventfs.layout import sizeof, with_is_events
from model.eventfs.refcounted import Attr, EntryAttrs, WarnOn
from model.tracefs.inode import get_tracefs
from model.vfs.err import is_null
from model.vfs.objects import SuperOperations

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lockwright.core.world import World
    from lockwright.kernel.mutex import Mutex
    from lockwright.kernel.srcu import Srcu
    from model.tracefs.entry import EventfsEntry
    from model.vfs.objects import Dentry, Inode

LEVEL_MAX = 3
"""0 events/, 1 events/group/, 2 events/group/event/, 3 events/group/event/file"""

Entries = tuple["EventfsEntry", ...]


class EventfsInode(Slab):
    """struct eventfs_inode: a directory.

    `entries` is one of the three static arrays; `data` goes to its callbacks.  `head` is the list
    that `list` links into, NULL for the directory `events`.

    `eventfs_mutex` guards `dentry`, `d_children`, `d_parent`, `is_freed`, `attr`, the pointer
    `entry_attrs`, and changes of `children`, which eventfs_srcu lets readers walk.  None of the
    pointers to dentries carries a reference.  Memory: no sooner than a grace period after the
    removal, and not before the last dput() of `dentry`.

    `pointer` is the size of one, by which the struct is laid out.

    Left out: that name and d_children are allocations of their own; they live as long as the ei.
    """

    cache = "eventfs_inode"
    pointer: ClassVar[int] = 8
    size = sizeof(with_is_events(nr_entries=30), pointer)

    entries: Field[Entries] = Field(())
    children: Field[ListHead[EventfsInode]] = Field(None)
    head: Field[ListHead[EventfsInode]] = Field(None)
    dentry: Field[Dentry] = Field(None)
    d_parent: Field[Dentry] = Field(None)
    d_children: Field[tuple[DentrySlot, ...]] = Field(())
    entry_attrs: Field[EntryAttrs] = Field(None)
    attr: Field[Attr] = Field(Attr())
    data: Field[object] = Field(None)
    is_freed: Field[bool] = Field(False)
    is_events: Field[bool] = Field(False)
    ino: Field[int] = Field(0)

    __slots__ = ()

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self._values[EventfsInode.children.index] = ListHead[EventfsInode](
            world, f"{name}->children"
        )

    def fill(self, entries: Entries, data: object) -> None:
        """Set the fields that never change.  Nobody else knows the ei yet."""
        self.entries = entries
        self.data = data
        self.d_children = tuple(
            DentrySlot(self.world, None, f"{self.name}->d_children[{nth}]")
            for nth in range(len(entries))
        )


class DentrySlot(Variable):
    """One of an ei's d_children: the dentry of the file of that index, or NULL."""

    __slots__ = ()

    def __init__(self, world: World, value: Dentry | None, name: str) -> None:
        super().__init__(world, value, name)
        world.names.fields[self.number] = "eventfs_inode->d_children"

    def get(self) -> Dentry | None:
        """Read it within a step."""
        self.world.acc.append(self.reading)
        dentry: Dentry | None = self.value
        return dentry

    def put(self, dentry: Dentry | None) -> None:
        """Write it within a step."""
        self.world.acc.append(self.writing)
        self.value = dentry


@cache
def laid_out(nr_entries: int, pointer: int) -> type[EventfsInode]:
    """The struct with `nr_entries` of so many bits, where a pointer has so many bytes."""
    size = sizeof(with_is_events(nr_entries), pointer)
    given = {"pointer": pointer, "size": size, "__slots__": ()}
    return type("EventfsInode", (EventfsInode,), given)


def alloc_ei(
    world: World, name: str, struct: type[EventfsInode] = EventfsInode
) -> Awaitable[EventfsInode]:
    """kzalloc() of an eventfs_inode; NULL if that fails."""
    return kmalloc(world, lambda: struct(world, name), "eventfs_inode")


class DentryList(Slab):
    """struct dentry_list: an open directory's own data.  Private to the open file.

    `dentries` is a second allocation, NULL as long as nothing was pinned.  `sections` is for
    checks: how often the open may have locked the directory to make what is in it.
    """

    cache = "dentry_list"
    size = 16

    cursor: Field[object] = Field(None)
    dentries: Field[DentryArray] = Field(None)
    sections: Field[int] = Field(0)

    __slots__ = ()


class DentryArray(Slab):
    """The dentries that an open directory holds a reference on each of."""

    cache = "dentry_list->dentries"
    size = 64

    pinned: Field[tuple[Dentry, ...]] = Field(())

    __slots__ = ()


async def add_dentries(dlist: DentryList, dentry: Dentry) -> int:
    """Append a dentry, whose reference it takes over; -1 if there is no memory for it.

    C: add_dentries(), krealloc().  The array that grows stays the same object here.
    """
    array = dlist.dentries
    world = dlist.world
    grown: DentryArray = await kmalloc(
        world, lambda: DentryArray(world, dlist.name) if is_null(array) else array, "dentries"
    )
    if is_null(grown):
        return -1
    grown.pinned = (*grown.pinned, dentry)
    dlist.dentries = grown
    return 0


class HookedDentry:
    """d_fsdata of a dentry on the way to removal: the dentry hooked before it, with bit 0 set.

    Whoever takes it for the eventfs_inode that it was reads from an odd address.
    """

    __slots__ = ("before",)

    def __init__(self, before: Dentry | None) -> None:
        self.before = before

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name, obj=self)
        raise KernelOops(
            "invalid pointer",
            f"page fault: {name} of a d_fsdata that links dentries to be removed",
            f"{name} of a hooked d_fsdata",
        )

    def describe(self) -> str:
        """For event lists."""
        return "a hooked dentry"

    __repr__ = describe


def hooked(before: Dentry | None) -> Slab:
    """What d_fsdata of a hooked dentry is set to."""
    return cast("Slab", HookedDentry(before))


class Recycled:
    """The slab cache of tracefs inodes, of which the last one freed is the next one given out.

    Its constructor runs when the slab is made, not for each object; `flags` is set to 0 for each,
    `private` is not, unless `zeroes`.  C: tracefs_alloc_inode(), tracefs_free_inode().
    """

    def __init__(self, world: World, *, zeroes: bool) -> None:
        self.zeroes = zeroes
        self.free: Variable = Variable(world, (), "free objects of tracefs_inode_cache")
        self.operations = SuperOperations(
            alloc_inode=self.tracefs_alloc_inode, destroy_inode=self.tracefs_free_inode
        )

    async def tracefs_alloc_inode(self, inode: Inode) -> None:
        """Take the last one freed; what it held, the new one holds."""
        free: tuple[Slab, ...] = await VariableUpdate(self.free, lambda old: old[:-1], "slab_alloc")
        if free and not self.zeroes:
            get_tracefs(inode).private = free[-1]

    async def tracefs_free_inode(self, inode: Inode) -> None:
        """Give an inode back."""
        private = get_tracefs(inode).private
        await VariableUpdate(self.free, lambda old: (*old, private), "slab_free")


class Statics:
    """The statics of event_inode.c, and what all parts of it do."""

    world: World
    mutex: Mutex
    srcu: Srcu

    async def warn_on(self, condition: object, text: str) -> bool:
        """WARN_ON_ONCE(); gives the condition."""
        if condition:
            await WarnOn(self.world, text)
        return bool(condition)
