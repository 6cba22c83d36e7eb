"""The dentry cache: the hash, parallel lookup, attaching inodes, invalidation.

Source: fs/dcache.c, 6.5.  A function here is one step, unless it says more: it is what the C does
in one go under d_lock.  References and killing are in `refs.py`, reclaim is in `reclaim.py`.
Left out: renames; mounts on dentries and so detaching them; aliases, an inode here belongs to one
dentry.  lockref_get_not_dead() has no counterpart: who finds a dentry in the hash takes the
reference in the same step, and a dead one is not in the hash.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockwright.core.errors import KernelOops
from lockwright.core.location import Location
from model.vfs.err import ENOMEM, ERR_PTR, IS_ERR, is_null
from model.vfs.memory import memory_for
from model.vfs.objects import DEAD, Dentry, Inode, Section, SuperBlock
from model.vfs.refs import (
    Killed,
    __dentry_kill,
    _dentry_iput,
    dget,
    dput,
    drop_parents_reference,
    get,
    iput,
    slot_of,
    still_unused,
    unhash,
)

if TYPE_CHECKING:
    from lockwright.core.task import Task

__all__ = [
    "d_add",
    "d_alloc_parallel",
    "d_delete",
    "d_drop",
    "d_instantiate",
    "d_invalidate",
    "d_lookup",
    "d_lookup_done",
    "d_make_root",
    "d_path",
    "d_splice_alias",
    "d_unlinked",
    "dget",
    "dput",
    "find",
    "get",
    "iput",
    "shrink_dcache_parent",
    "simple_positive",
    "slot_of",
    "unhash",
]

MOUNTED_AT = "/sys/kernel/tracing"


async def d_drop(dentry: Dentry) -> None:
    """Unhash."""
    await Section("d_drop", dentry, lambda task: unhash(dentry))


def d_unlinked(dentry: Dentry) -> bool:
    """Does its name not lead to the dentry any more?  Within a step; the root is always there."""
    return not dentry.d_hashed and not is_null(dentry.d_parent)


async def d_path(dentry: Dentry) -> str:
    """The path of a dentry from the root of all, with " (deleted)" if it is unlinked."""

    def path(task: Task) -> str:
        below = dentry.path.partition("/")[2]
        deleted = " (deleted)" if d_unlinked(dentry) else ""
        return f"{MOUNTED_AT}/{below}".rstrip("/") + deleted

    said: str = await Section("d_path", dentry, path)
    return said


def simple_positive(dentry: Dentry) -> bool:
    """Is it hashed, and not negative?  Within a step."""
    return dentry.d_hashed and not is_null(dentry.d_inode)


def d_make_root(sb: SuperBlock, name: str, inode: Inode) -> Dentry:
    """The root of a file system, with the reference of its mount.  For set-up.

    The C's root is not hashed; the model's is, so that "hashed" means "alive" all over.
    """
    sb.declare(name)
    root = Dentry(sb, None, name)
    root.d_inode = inode
    root.d_hashed = True
    sb.s_root = root
    return root


def find(sb: SuperBlock, parent: Dentry, name: str) -> tuple[Dentry, bool] | None:
    """The hashed or in-lookup dentry of a name, within a step; hashed ones first."""
    entries = [
        entry
        for entry in sb.slot(f"{parent.path}/{name}").get()
        if entry[0].d_name == name and entry[0].d_parent is parent
    ]
    return min(entries, key=lambda entry: entry[1]) if entries else None


async def d_lookup(parent: Dentry, name: str) -> Dentry | None:
    """The hashed dentry of a name, with a reference, or None."""

    def look(task: Task) -> Dentry | None:
        found = find(parent.d_sb, parent, name)
        return get(found[0]) if found is not None and not found[1] else None

    dentry: Dentry | None = await Section("d_lookup", f"{parent.path}/{name}", look)
    return dentry


async def d_alloc_parallel(parent: Dentry, name: str) -> Dentry:
    """The dentry of a name, with a reference: a hashed one, or a new one in lookup.  Several steps.

    An error pointer without memory, whether a new one is needed or not.

    Another task's lookup of the same name is waited for.  Allocation, the parent's reference and
    the search are one step: an allocation that turns out not to be needed is undone in the C,
    unseen by anybody.
    """
    if not await memory_for(parent.world, "dentry"):
        return ERR_PTR(Dentry, -ENOMEM)
    while True:
        dentry, in_lookup = await Section(
            "d_alloc_parallel", f"{parent.path}/{name}", lambda task: _search(parent, name)
        )
        if not in_lookup:
            break
        if await _d_wait_lookup(dentry):
            break
        await dput(dentry)
    found: Dentry = dentry
    return found


def _search(parent: Dentry, name: str) -> tuple[Dentry, bool]:
    """Get the dentry found, and tell if it is in somebody's lookup; or insert a new one."""
    found = find(parent.d_sb, parent, name)
    if found is not None:
        return get(found[0]), found[1]
    dentry = Dentry(parent.d_sb, parent, name)
    dentry.d_parent = get(parent)
    dentry.d_in_lookup = True
    parent.d_children = (dentry, *parent.d_children)
    slot = slot_of(dentry)
    slot.put((*slot.get(), (dentry, True)))
    return dentry, False


class _WaitLookup(Section):
    """Waits until a dentry has left the in-lookup state, and looks whether it was hashed.

    One step, because the C holds d_lock from the wake-up to the check.
    """

    __slots__ = ("after", "dentry")

    blocking = True
    after: tuple[Location, ...]

    def __init__(self, dentry: Dentry) -> None:
        super().__init__("d_wait_lookup", dentry, self.hashed)
        self.dentry = dentry
        self.after = (dentry.looked_up,)

    def hashed(self, task: Task) -> bool:
        """Is it found under its name now?"""
        self.dentry.world.acc.append(~self.dentry.looked_up.number)
        return self.dentry.d_hashed


async def _d_wait_lookup(dentry: Dentry) -> bool:
    hashed: bool = await _WaitLookup(dentry)
    return hashed


async def d_lookup_done(dentry: Dentry) -> None:
    """End the in-lookup state, if d_add() has not done so, and wake whoever waits."""
    if dentry.d_in_lookup:
        await Section("d_lookup_done", dentry, lambda task: _end_lookup(dentry))


def _end_lookup(dentry: Dentry) -> None:
    looked_up(dentry)
    slot = slot_of(dentry)
    slot.put(tuple(entry for entry in slot.get() if entry[0] is not dentry))


def looked_up(dentry: Dentry) -> None:
    """End the in-lookup state within a step."""
    if dentry.d_in_lookup:
        dentry.d_in_lookup = False
        dentry.looked_up.value = True
        dentry.world.acc.append(dentry.looked_up.writing)


async def d_add(dentry: Dentry, inode: Inode | None) -> None:
    """Attach the inode, or none, and hash; ends the in-lookup state.

    Hashing what is hashed already would tie the hash chain into a loop: an oops here.
    """

    def add(task: Task) -> None:
        if dentry.d_hashed:
            raise KernelOops("BUG", f"d_add() of {dentry.describe()}, which is hashed", "d_add")
        slot = slot_of(dentry)
        others = tuple(entry for entry in slot.get() if entry[0] is not dentry)
        looked_up(dentry)
        dentry.d_hashed = True
        dentry.d_inode = inode  # type: ignore[assignment]  # NULL: a negative dentry
        slot.put((*others, (dentry, False)))

    await Section("d_add", dentry, add)


async def d_splice_alias(inode: Inode, dentry: Dentry) -> Dentry:
    """d_add() for a lookup that may give an error pointer.  NULL, or the error.

    Left out: another dentry of the same directory inode, as there are no aliases.
    """
    if IS_ERR(inode):
        return inode  # type: ignore[return-value]  # C: ERR_CAST()
    await d_add(dentry, inode)
    return None  # type: ignore[return-value]  # NULL


async def d_instantiate(dentry: Dentry, inode: Inode) -> None:
    """Attach an inode to a negative dentry."""

    def instantiate(task: Task) -> None:
        if not is_null(dentry.d_inode):
            raise KernelOops(
                "BUG",
                f"d_instantiate() of {dentry.describe()}, which has an inode",
                "d_instantiate",
            )
        dentry.d_inode = inode

    await Section("d_instantiate", dentry, instantiate)


async def d_delete(dentry: Dentry) -> None:
    """The name is gone: who is its only user leaves a negative dentry, else it is unhashed.

    Takes no reference and consumes none.  Several steps.
    """

    def delete(task: Task) -> Inode | None:
        if dentry.d_count != 1:
            unhash(dentry)
            return None
        inode = dentry.d_inode
        dentry.d_inode = None  # type: ignore[assignment]  # NULL
        return inode

    inode: Inode | None = await Section("d_delete", dentry, delete)
    if inode is not None:
        await _dentry_iput(dentry, inode)


async def d_invalidate(dentry: Dentry) -> None:
    """Unhash, and kill all descendants that nobody uses.  Several steps.

    Takes no reference and consumes none: without one of the caller's own the dentry itself dies,
    where its children were all that held it.
    """

    def drop(task: Task) -> bool:
        if not dentry.d_hashed:
            return False
        unhash(dentry)
        return not is_null(dentry.d_inode)

    if await Section("d_invalidate", dentry, drop):
        await shrink_dcache_parent(dentry)


async def shrink_dcache_parent(parent: Dentry) -> None:
    """Kill the descendants whose count is 0, and ancestors whose count becomes 0 by that.

    C: shrink_dcache_parent(), shrink_dentry_list(), __dput_to_list().  One step finds a victim
    and marks it dead.  In the C collecting and killing are two, but what has been collected and
    is in use again is left alone: the same as if it had not been collected.
    `parent` itself may be among the ancestors.
    """
    dispose: list[Dentry] = []
    while killed := await Section(
        "shrink_dcache_parent", parent, partial(_next_victim, parent, dispose)
    ):
        await __dentry_kill(killed)


def _next_victim(start: Dentry, dispose: list[Dentry], task: Task) -> Killed | None:
    victim = _disposable(dispose) or _unused_below(start)
    if victim is None:
        return None
    if drop_parents_reference(victim, task):
        dispose.append(victim.d_parent)
    return Killed(victim)


def _disposable(dispose: list[Dentry]) -> Dentry | None:
    while dispose:
        dentry = dispose.pop()
        if still_unused(dentry):
            return dentry
    return None


def _unused_below(parent: Dentry) -> Dentry | None:
    if parent.d_count == DEAD:
        return None
    for child in parent.d_children:
        if child.d_count == 0:
            return child
        below = _unused_below(child)
        if below is not None:
            return below
    return None
