"""The references of kernfs nodes: on their memory, and of the operations at work in them.

Source: fs/kernfs/dir.c, 6.8.
"""

from __future__ import annotations

from lockwright.core.promise import always
from lockwright.kernel.refcount import refcount_dec_and_test, refcount_inc
from lockwright.kernel.slab import kfree
from model.kernfs.node import KN_DEACTIVATED_BIAS, KernfsNode
from model.vfs.err import is_null


async def kernfs_get(kn: KernfsNode) -> None:
    """Keep the node's memory."""
    if not is_null(kn):
        await refcount_inc(kn.count)


async def kernfs_put(kn: KernfsNode) -> None:
    """Let go of it; the last reference of a node lets go of its parent.

    C: also WARN_ONCE() if the node is still active.
    """
    while not is_null(kn) and await refcount_dec_and_test(kn.count):
        always(
            kn.world,
            f"kernfs node {kn.name} is deactivated when it is freed",
            await kn.active.read() == KN_DEACTIVATED_BIAS,
        )
        parent = kn.parent
        await kfree(kn)
        kn = parent


def kernfs_active(kn: KernfsNode) -> bool:
    """May operations begin?  The caller holds kernfs_rwsem, under which that changes."""
    return not kn.deactivated


async def deactivate(kn: KernfsNode) -> None:
    """No operation begins any more.  The caller holds kernfs_rwsem for writing."""
    kn.deactivated = True
    await kn.active.add(KN_DEACTIVATED_BIAS)


async def activate(kn: KernfsNode) -> None:
    """Operations may begin.  The caller holds kernfs_rwsem for writing."""
    kn.deactivated = False
    await kn.active.add(-KN_DEACTIVATED_BIAS)


async def kernfs_get_active(kn: KernfsNode) -> bool:
    """Begin an operation.  False if the node is deactivated."""
    begun: bool = await kn.active.inc_unless_negative()
    if begun:
        always(kn.world, f"nothing begins in {kn.name} after its removal", not kn.gone)
    return begun


async def kernfs_put_active(kn: KernfsNode) -> None:
    """End an operation; the last one of a deactivated node wakes who waits for that."""
    root = kn.root
    if await kn.active.dec_return() == KN_DEACTIVATED_BIAS:
        await root.deactivate_waitq.wake_up_all()


async def kernfs_break_active_protection(kn: KernfsNode) -> None:
    """Leave the operation that one is in, so that its node can be removed from here."""
    await kernfs_put_active(kn)


async def kernfs_unbreak_active_protection(kn: KernfsNode) -> None:
    """Back into it, in whatever state the node is: the operation is about to end."""
    await kn.active.inc()
