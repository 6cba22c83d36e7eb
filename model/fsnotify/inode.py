"""Inodes of the mount: references on them, and their end.

Source: fs/inode.c, 5.14: igrab(), ilookup5(), iput(), evict().
A function is one step, as the C does it under i_lock and the hash lock; only the memory goes later.
Left out: an inode that nobody uses and that stays cached: the dcache keeps it until it is unlinked,
or forgotten (`path.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.kernel.slab import kfree
from model.fsnotify.objects import Client, Inode
from model.fsnotify.step import Together

if TYPE_CHECKING:
    from lockwright.core.operation import Operation
    from lockwright.core.task import Task


async def igrab(inode: Inode) -> None:
    """Another reference, by somebody who has one."""
    await inode.i_count.get()


async def ilookup(client: Client, nodeid: int) -> Inode | None:
    """The inode of this number with a reference, or None if it is not cached.

    C: fuse_ilookup().
    """
    cached = client.inodes[nodeid]

    def look(task: Task, touched: list[int]) -> Inode | None:
        touched.append(cached.reading)
        inode: Inode | None = cached.value
        if inode is None or not inode.i_count.tryget().run(task, touched):
            return None
        return inode

    found: Inode | None = await Together("ilookup", f"i{nodeid}", look)
    return found


async def iput(inode: Inode) -> None:
    """Drop a reference; with the last one the inode is evicted.

    Its marks are gone by then: a connector that is attached has a reference.
    """
    await _drop(inode, inode.i_count.put())


async def iput_of_dentry(inode: Inode) -> None:
    """The same, of the dentry's reference.  C: iput() in dentry_unlink_inode()."""
    await _drop(inode, inode.i_count.kill())


async def _drop(inode: Inode, drop: Operation) -> None:
    if await Together("iput", inode.name, lambda task, touched: _put(inode, drop, task, touched)):
        await evicted(inode)


def _put(inode: Inode, drop: Operation, task: Task, touched: list[int]) -> bool:
    """Drop a reference within a step; True if it was the last one: then nobody finds it any more.

    C: iput_final(), evict() up to remove_inode_hash().
    """
    if not drop.run(task, touched):
        return False
    cached = inode.client.inodes[inode.nodeid]
    if cached.value is inode:
        touched.append(cached.writing)
        cached.value = None
    return True


async def evicted(inode: Inode) -> None:
    """The memory of an inode that put() has unhashed.  C: destroy_inode()."""
    if inode.client.frees:
        await kfree(inode)
