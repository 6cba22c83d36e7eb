"""References on dentries, and what happens when the last one goes.

Source: fs/dcache.c, fs/inode.c, 6.5.  A function here is one step, unless it says more: it is
what the C does in one go under d_lock.  Killing is not: d_iput() and d_release() run without
d_lock, when the dentry is already unhashed and marked dead, so other tasks run before and after.
Left out: DCACHE_DONTCACHE, which nothing in tracefs sets; i_count, since an inode here belongs to
one dentry, which holds its only reference.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockwright.core.errors import KernelOops
from lockwright.kernel.slab import kfree
from model.vfs.err import is_null
from model.vfs.objects import DEAD, Dentry, Inode, NameSlot, Section

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
    if count > 1 or retain(dentry):
        dentry.d_count = count - 1
        return None
    return Killed(dentry)


def retain(dentry: Dentry) -> bool:
    """Does a dentry that loses its last reference stay cached?  C: retain_dentry()."""
    if not dentry.d_hashed:
        return False
    d_op = dentry.d_op
    return d_op is None or d_op.d_delete is None or not d_op.d_delete(dentry)


def underflow(dentry: Dentry, task: Task) -> None:
    """Report a reference that nobody owned; the kernel goes on, and so does the task."""
    dentry.world.warn(
        task,
        "refcount",
        f"reference dropped on {dentry.describe()}, which has none",
        signature="reference dropped on a dentry that has none",
    )


def drop_parents_reference(dentry: Dentry, task: Task) -> bool:
    """A dentry that is about to be killed by a shrinker lets go of its parent, within a step.

    True if that was the parent's last reference: then it is the shrinker's to kill, too, whatever
    retain_dentry() would say.  C: __dput_to_list().
    """
    parent = dentry.d_parent
    if is_null(parent):
        return False
    count = parent.d_count
    if count <= 0:
        underflow(parent, task)
    parent.d_count = count - 1
    return count == 1


def still_unused(dentry: Dentry) -> bool:
    """Is a dentry that a shrinker has collected alive and unused now?  Within a step.

    If somebody else kills it meanwhile, its memory is the shrinker's to free (DCACHE_MAY_FREE),
    so that the look at it is no use after free.
    """
    dentry.world.acc.append(dentry.life.reading)
    return dentry.alive and dentry.d_count == 0


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
    """The rest of killing a dentry, without any lock: d_iput(), d_release(), then its memory.

    Several steps.
    """
    dentry = killed.dentry
    if not is_null(killed.inode):
        await _dentry_iput(dentry, killed.inode)
    d_op = dentry.d_op
    if d_op is not None and d_op.d_release is not None:
        await d_op.d_release(dentry)
    if not dentry.d_sb.rcu_late:
        await kfree(dentry)


async def _dentry_iput(dentry: Dentry, inode: Inode) -> None:
    """What dentry_unlink_inode() ends with, without any lock.  Several steps."""
    d_op = dentry.d_op
    if d_op is not None and d_op.d_iput is not None:
        await d_op.d_iput(dentry, inode)
    else:
        await iput(inode)


async def iput(inode: Inode) -> None:
    """Drop the dentry's reference on an inode: it is the only one, since i_count is left out.

    C: iput(), evict(), destroy_inode().
    """
    sb = inode.i_sb
    if sb.s_op.drop_inode is not None:
        await sb.s_op.drop_inode(inode)
    if sb.s_op.destroy_inode is not None:
        await sb.s_op.destroy_inode(inode)
    if sb.rcu_late:
        sb.rcu_pending.append(inode)
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
