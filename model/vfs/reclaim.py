"""Reclaim: unused dentries go, at any time.

Source: fs/dcache.c (prune_dcache_sb(), shrink_dentry_list()), fs/drop_caches.c, mm/vmscan.c, 6.5.

A dentry whose count is 0 is on the LRU, and any walk over it may kill it.  Left out: the second
chance of a dentry that was used twice (DCACHE_REFERENCED).  It decides which unused dentries one
walk takes; here a walk takes what is asked for, and a scenario or the explorer asks for one
dentry, for all, or for none at any step, which covers whatever second chances leave over.
Left out: s_umount, which the shrinker tries to take and does without what it does not get.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from lockwright.core.location import Location, Value
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from lockwright.core.world import World
from lockwright.kernel.reclaim import (
    FS,
    GFP_KERNEL,
    GFP_NOFS,
    Reclaim,
    fs_reclaim_acquire,
    fs_reclaim_release,
    kswapd_acquire,
    kswapd_release,
    memalloc_noreclaim_restore,
    memalloc_noreclaim_save,
)
from lockwright.kernel.slab import Slab, kmalloc
from model.vfs.objects import Dentry, Section, SuperBlock
from model.vfs.refs import Killed, __dentry_kill, drop_parents_reference, still_unused

if TYPE_CHECKING:
    from lockwright.core.task import Task

__all__ = [
    "GFP_KERNEL",
    "GFP_NOFS",
    "drop_caches",
    "kmalloc_reclaim",
    "kswapd_prune_one",
    "memory_is_short",
    "prune_dcache_sb",
    "prune_one",
    "register_shrinker",
]

S = TypeVar("S", bound=Slab)
Victim: TypeAlias = tuple[Killed, bool]
"""A dentry marked dead, and whether its parent has lost its last reference by that."""


def register_shrinker(sb: SuperBlock) -> None:
    """Whoever reclaims looks at this file system's dentries, too.  C: alloc_super()."""
    reclaim = sb.world.reclaim or Reclaim(sb.world)
    reclaim.register(partial(prune_dcache_sb, sb))


async def drop_caches(sb: SuperBlock) -> int:
    """echo 2 > drop_caches: kill every unused dentry, leaf first; gives how many went.

    A pass walks over the dentries that are there when it begins; as long as passes find enough,
    another one follows.  C: drop_slab(), shrink_slab(), prune_dcache_sb().
    """
    total = shift = 0
    while True:
        freed = await prune_dcache_sb(sb)
        total += freed
        if freed >> shift <= 1:
            return total
        shift += 1


async def prune_dcache_sb(sb: SuperBlock, below: Dentry | None = None) -> int:
    """One pass over all unused dentries, or those below one; gives how many went.

    One step finds the dentries that there are; then each is looked at, and killed, in a step of
    its own, children before their directory: that becomes unused by it.
    """
    start = sb.s_root if below is None else below
    found: list[Dentry] = await Section("dentry_lru", start, lambda task: _leaves_first(start))
    freed = 0
    for dentry in found:
        victim = await _shrink(dentry)
        if victim is not None:
            await __dentry_kill(victim[0])
            freed += 1
    return freed


def _leaves_first(directory: Dentry) -> list[Dentry]:
    found: list[Dentry] = []
    for child in directory.d_children:
        found += [*_leaves_first(child), child]
    return found


async def _shrink(dentry: Dentry) -> Victim | None:
    """Mark a dentry dead if it is unused now."""
    victim: Victim | None = await Section(
        "shrink_dentry_list", dentry, lambda task: _mark(dentry, task)
    )
    return victim


def _mark(dentry: Dentry, task: Task) -> Victim | None:
    if not still_unused(dentry):
        return None
    last = drop_parents_reference(dentry, task)
    return Killed(dentry), last


async def prune_one(sb: SuperBlock, path: str) -> bool:
    """The shrinker takes one dentry, by its path below the root, if it is unused now.

    Its directory goes as well, if this was its last reference, and so on: what shrink_dentry_list()
    kills gives its parent to the same list.
    """
    full = f"{sb.s_root.d_name}/{path}" if path else sb.s_root.d_name
    victim: Victim | None = await Section("prune_dcache_sb", full, partial(_take, sb, full))
    if victim is None:
        return False
    while victim is not None:
        killed, last = victim
        await __dentry_kill(killed)
        victim = await _shrink(killed.parent) if last else None
    return True


async def kswapd_prune_one(sb: SuperBlock, path: str) -> bool:
    """The same by kswapd, as the lock validator sees it.  C: balance_pgdat()."""
    await kswapd_acquire()
    taken = await prune_one(sb, path)
    await kswapd_release()
    return taken


def _take(sb: SuperBlock, path: str, task: Task) -> Victim | None:
    for dentry, in_lookup in sb.slot(path).get():
        if dentry.path == path and not in_lookup:
            return _mark(dentry, task)
    return None


class _Short(Operation):
    """Is memory short now?  The explorer says, as often as the budget allows."""

    __slots__ = ("left",)

    kind = "memory_pressure"
    chooses = True
    orders = RELAXED

    def __init__(self, left: Location) -> None:
        self.left = left

    def options(self) -> int:
        return 2 if self.left.value > 0 else 1

    def announce(self, choice: int) -> list[int]:
        return [self.left.writing if choice else self.left.reading]

    def run(self, task: Task, touched: list[int]) -> bool:
        left = self.left
        touched.append(left.reading)
        if left.world.choice:
            touched.append(left.writing)
            left.value -= 1
            return True
        return False

    def describe(self) -> str:
        return self.kind


async def kmalloc_reclaim(
    world: World, make: Callable[[], S], what: str, *, sb: SuperBlock, gfp: int
) -> Value:
    """kmalloc() that may find memory short: then the shrinker runs first, in the caller's context.

    With `GFP_NOFS` it never does.  `sb.pressure` says how often it can happen in an execution.
    """
    if gfp & FS and await memory_is_short(sb):
        await fs_reclaim_acquire(gfp)
        flags = await memalloc_noreclaim_save()
        await prune_dcache_sb(sb)
        await memalloc_noreclaim_restore(flags)
        await fs_reclaim_release(gfp)
    return await kmalloc(world, make, what, gfp=gfp)


async def memory_is_short(sb: SuperBlock) -> bool:
    """Does an allocation now have to reclaim?  Without a budget this is no step."""
    if not sb.presses:
        return False
    short: bool = await _Short(sb.short)
    return short
