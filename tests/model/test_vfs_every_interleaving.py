"""The VFS under each and every interleaving, against the reduced search: the same outcomes.

What a step did not say that it touched would be missed by the reduction, and show here.
"""

from collections.abc import Callable

import pytest

from lockwright.core.boot import boot
from lockwright.core.location import Names, Value
from lockwright.core.world import World
from lockwright.explore.plain import plain_search
from model.vfs.dcache import d_drop, d_invalidate, dget, dput
from model.vfs.libfs import simple_recursive_removal
from model.vfs.reclaim import drop_caches, prune_one
from model.vfs.syscalls import (
    __do_sys_newfstatat as fstatat,
)
from model.vfs.syscalls import (
    __x64_sys_getdents64 as getdents,
)
from model.vfs.syscalls import (
    __x64_sys_openat as openat,
)
from tests.model.disk import Disk, Read, begin, explore


def outcome(disk: Disk) -> Read:
    """Results, what the file system was asked, and which dentries are left."""
    return lambda world: (
        tuple(str(task.result) for task in world.tasks),
        tuple(sorted(disk.asked)),
        tuple(sorted(disk.counts().items())),
    )


def two_lookups(world: World) -> Read:
    disk = Disk({"a": None}, world=world, caches_misses=False)
    for who in ("one", "two"):
        world.spawn(fstatat(disk.root, "a"), who)
    return outcome(disk)


def lookup_and_reclaim(world: World) -> Read:
    disk = Disk({"a": None}, world=world)
    boot(world, fstatat(disk.root, "a"))
    world.spawn(fstatat(disk.root, "a"), "stat")
    world.spawn(drop_caches(disk.sb), "drop")
    return outcome(disk)


def lookup_and_removal(world: World) -> Read:
    disk = Disk({"a": None}, world=world)
    boot(world, fstatat(disk.root, "a"))
    a = disk.dentry("r/a")
    a.d_count += 1
    world.spawn(fstatat(disk.root, "a"), "stat")
    world.spawn(simple_recursive_removal(a), "rm")
    return outcome(disk)


def stale_lookup_and_shrinker(world: World) -> Read:
    disk = Disk({"a": None}, world=world, revalidates=True)
    boot(world, fstatat(disk.root, "a"))
    disk.stale = {"r/a"}
    world.spawn(fstatat(disk.root, "a"), "stat")
    world.spawn(prune_one(disk.sb, "a"), "shrinker")
    return outcome(disk)


def invalidation_and_shrinker(world: World) -> Read:
    disk = Disk({"a": {"b": None}}, world=world)
    boot(world, fstatat(disk.root, "a/b"))
    a = disk.dentry("r/a")
    boot(world, dget(a))

    async def invalidate() -> None:
        await d_invalidate(a)
        await dput(a)

    world.spawn(invalidate(), "invalidate")
    world.spawn(prune_one(disk.sb, "a/b"), "shrinker")
    return outcome(disk)


def listing_and_unhashing(world: World) -> Read:
    disk = Disk({"a": None, "b": None}, world=world)
    for name in ("b", "a"):
        boot(world, fstatat(disk.root, name))
    file = boot(world, openat(disk.root, "."))
    a = disk.dentry("r/a")
    boot(world, dget(a))

    async def unhash() -> None:
        await d_drop(a)
        await dput(a)

    file.f_pos = 2
    world.spawn(begin(getdents(file, 1)), "ls")
    world.spawn(unhash(), "rm")
    return outcome(disk)


@pytest.mark.parametrize(
    ("make", "outcomes"),
    [
        (two_lookups, 1),
        (lookup_and_reclaim, 3),
        (lookup_and_removal, 2),
        (stale_lookup_and_shrinker, 3),
        (invalidation_and_shrinker, 2),
        (listing_and_unhashing, 2),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_reduced_search_misses_no_outcome(make: Callable[[World], Read], outcomes: int) -> None:
    def build(names: Names) -> World:
        world = World(names)
        world.state = make(world)
        return world

    every: set[Value] = set()
    for count, run in enumerate(plain_search(build)):
        every.add(run.world.state(run.world))
        assert count < 60_000
    reduced, _ = explore(make)
    assert reduced == every
    assert len(every) == outcomes
