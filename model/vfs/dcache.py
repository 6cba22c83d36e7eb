"""The dentry cache: references, the hash, killing, invalidation.

Source: fs/dcache.c, 6.5.  A function here is one step, unless it says more: it is what the C does
in one go under d_lock.  Killing is not: d_iput() runs without d_lock, when the dentry is already
unhashed and marked dead, and so other tasks run before and after it.
Left out: the LRU and its shrinker, aliases, renames, mounts, d_delete().
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockwright.core.errors import KernelOops
from lockwright.core.location import Location
from lockwright.kernel.slab import kfree
from model.vfs.err import is_null
from model.vfs.objects import DEAD, Dentry, Inode, NameSlot, Section, SuperBlock

if TYPE_CHECKING:
    from lockwright.core.task import Task


async def dget(dentry: Dentry) -> Dentry:
    """Take a reference.  C: dget(): no check at all, the caller must know that it lives."""
    if not is_null(dentry):
        await Section("dget", dentry, lambda task: get(dentry))
    return dentry


def get(dentry: Dentry) -> Dentry:
    """Count one reference more, within a step."""
    count = dentry.d_count
    if count == DEAD:
        raise KernelOops(
            "refcount",
            f"reference taken on {dentry.describe()}, which is being killed",
            "reference taken on a dying dentry",
        )
    dentry.d_count = count + 1
    return dentry


async def dput(dentry: Dentry) -> None:
    """Drop a reference; the last one of an unhashed dentry kills it, and drops its parent's.

    C: dput(), fast_dput(), retain_dentry(), dentry_kill().  With a count of 0 the C does what it
    does with the last reference, and says nothing; the model says so.
    """
    while not is_null(dentry):
        killed: Killed | None = await Section("dput", dentry, partial(_put, dentry))
        if killed is None:
            return
        await __dentry_kill(killed)
        dentry = killed.parent


def _put(dentry: Dentry, task: Task) -> Killed | None:
    count = dentry.d_count
    if count == DEAD:
        raise KernelOops(
            "refcount",
            f"reference dropped on {dentry.describe()}, which is being killed",
            "reference dropped on a dying dentry",
        )
    if count <= 0:
        underflow(dentry, task)
    if count > 1 or dentry.d_hashed:
        dentry.d_count = count - 1
        return None
    return Killed(dentry)


def underflow(dentry: Dentry, task: Task) -> None:
    """Report a reference that nobody owned; the kernel goes on, and so does the task."""
    dentry.world.warn(
        task,
        "refcount",
        f"reference dropped on {dentry.describe()}, which has none",
        signature="reference dropped on a dentry that has none",
    )


class Killed:
    """What is left to do for a dentry that has just been marked dead, within a step.

    C: __dentry_kill() up to dentry_unlink_inode(), all under the d_lock of dentry and parent.
    """

    __slots__ = ("dentry", "inode", "parent")

    def __init__(self, dentry: Dentry) -> None:
        self.dentry = dentry
        self.parent = parent = dentry.d_parent
        self.inode = dentry.d_inode
        dentry.d_count = DEAD
        unhash(dentry)
        dentry.d_inode = None  # type: ignore[assignment]  # NULL
        if not is_null(parent):
            parent.d_children = tuple(d for d in parent.d_children if d is not dentry)


async def __dentry_kill(killed: Killed) -> None:
    """The rest of killing a dentry, without any lock: d_iput(), then its memory.  Several steps.

    Left out: d_release(), which no design here has.
    """
    dentry, inode = killed.dentry, killed.inode
    sb = dentry.d_sb
    if not is_null(inode):
        if sb.d_iput is not None:
            await sb.d_iput(dentry, inode)
        else:
            await iput(inode)
    if not sb.rcu_late:
        await kfree(dentry)


async def iput(inode: Inode) -> None:
    """Drop the dentry's reference on an inode: it is the only one, since i_count is left out."""
    if inode.i_sb.rcu_late:
        inode.i_sb.rcu_pending.append(inode)
    else:
        await kfree(inode)


def slot_of(dentry: Dentry) -> NameSlot:
    """Where a dentry is hashed or in lookup."""
    return dentry.d_sb.slot(dentry.path)


def unhash(dentry: Dentry) -> None:
    """C: __d_drop(), within a step."""
    if dentry.d_hashed:
        dentry.d_hashed = False
        slot = slot_of(dentry)
        slot.put(tuple(entry for entry in slot.get() if entry[0] is not dentry))


async def d_drop(dentry: Dentry) -> None:
    """Unhash."""
    await Section("d_drop", dentry, lambda task: unhash(dentry))


def find(sb: SuperBlock, parent: Dentry, name: str) -> tuple[Dentry, bool] | None:
    """The hashed or in-lookup dentry of a name, within a step; hashed ones first."""
    entries = [
        entry for entry in sb.slot(f"{parent.path}/{name}").get() if entry[0].d_parent is parent
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

    Another task's lookup of the same name is waited for.  Allocation, the parent's reference and
    the search are one step: an allocation that turns out not to be needed is undone in the C,
    unseen by anybody.
    """
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
    parent.d_children = (*parent.d_children, dentry)
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
    """Attach the inode, or none, and hash; ends the in-lookup state."""

    def add(task: Task) -> None:
        slot = slot_of(dentry)
        others = tuple(entry for entry in slot.get() if entry[0] is not dentry)
        looked_up(dentry)
        dentry.d_hashed = True
        dentry.d_inode = inode  # type: ignore[assignment]  # NULL: a negative dentry
        slot.put((*others, (dentry, False)))

    await Section("d_add", dentry, add)


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


async def d_invalidate(dentry: Dentry) -> None:
    """Unhash, and kill all descendants that nobody uses.  Several steps.

    Takes no reference and consumes none.  Left out: detaching mounts.
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
    parent = victim.d_parent
    if not is_null(parent):
        count = parent.d_count
        if count <= 0:
            underflow(parent, task)
        parent.d_count = count - 1
        if count == 1:
            dispose.append(parent)
    return Killed(victim)


def _disposable(dispose: list[Dentry]) -> Dentry | None:
    while dispose:
        dentry = dispose.pop()
        if dentry.d_count == 0:
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
