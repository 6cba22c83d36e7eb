"""Reclaim: which dentries go, in which order, and in whose context."""

import pytest

from lockwright.core.boot import boot
from lockwright.core.world import World
from lockwright.kernel.slab import Slab
from model.vfs.dcache import d_drop, dget, dput
from model.vfs.err import ENOENT
from model.vfs.libfs import simple_pin_fs, simple_recursive_removal, simple_release_fs
from model.vfs.objects import Dentry, DentryOperations
from model.vfs.reclaim import (
    GFP_KERNEL,
    GFP_NOFS,
    drop_caches,
    kmalloc_reclaim,
    memory_is_short,
    prune_dcache_sb,
    prune_one,
)
from model.vfs.syscalls import (
    __do_sys_newfstatat as fstatat,
)
from model.vfs.syscalls import (
    __x64_sys_close as close,
)
from model.vfs.syscalls import (
    __x64_sys_openat as openat,
)
from tests.model.disk import Disk, begin, explore

TREE = {"a": {"b": {"c": None, "d": None}}, "e": None}


def cached(world: World | None = None) -> Disk:
    """A disk with all of its names cached and unused."""
    disk = Disk(TREE, world=world)
    for path in ("a/b/c", "a/b/d", "e"):
        disk.run(fstatat(disk.root, path))
    return disk


def test_dropping_caches_kills_all_that_is_unused_leaves_first() -> None:
    disk = cached()
    died: list[str] = []

    async def d_release(dentry: Dentry) -> None:
        died.append(dentry.path)

    for dentry in disk.sb.dentries:
        dentry.d_op = DentryOperations(d_release=d_release)
    assert disk.run(drop_caches(disk.sb)) == 5
    assert disk.counts() == {"r": 1}
    assert died == ["r/e", "r/a/b/d", "r/a/b/c", "r/a/b", "r/a"]


def test_dropping_caches_leaves_what_is_open_and_what_is_above_it() -> None:
    disk = cached()
    file = disk.run(openat(disk.root, "a/b/c"))
    assert disk.run(drop_caches(disk.sb)) == 2
    assert disk.counts() == {"r": 2, "r/a": 1, "r/a/b": 1, "r/a/b/c": 1}
    disk.run(close(file))
    assert disk.run(drop_caches(disk.sb)) == 3


def test_negative_dentries_go_too() -> None:
    disk = cached()
    disk.run(fstatat(disk.root, "x"))
    assert disk.run(drop_caches(disk.sb)) == 6


def test_a_cursor_is_no_unused_dentry() -> None:
    disk = cached()
    disk.run(openat(disk.root, "a"))
    disk.run(drop_caches(disk.sb))
    assert disk.counts() == {"r": 2, "r/a": 1, "r/a/<cursor>": 1}


def test_a_pass_can_be_kept_to_one_directory() -> None:
    disk = cached()
    assert disk.run(prune_dcache_sb(disk.sb, disk.dentry("r/a/b"))) == 2
    assert disk.counts() == {"r": 3, "r/a": 1, "r/a/b": 0, "r/e": 0}


def test_the_shrinker_takes_one_dentry_and_what_becomes_unused_by_it() -> None:
    disk = cached()
    assert disk.run(prune_one(disk.sb, "a/b/d"))
    assert disk.counts() == {"r": 3, "r/a": 1, "r/a/b": 1, "r/a/b/c": 0, "r/e": 0}
    assert disk.run(prune_one(disk.sb, "a/b/c"))
    assert disk.counts() == {"r": 2, "r/e": 0}


def test_the_shrinker_leaves_what_is_used_or_not_there() -> None:
    disk = cached()
    disk.run(dget(disk.dentry("r/e")))
    before = disk.counts()
    assert [disk.run(prune_one(disk.sb, path)) for path in ("e", "a/b", "a/b/d/x", "")] == [
        False,
        False,
        False,
        False,
    ]
    assert disk.counts() == before


def test_an_ancestor_that_is_used_again_is_left() -> None:
    disk = cached()
    disk.run(prune_one(disk.sb, "a/b/d"))
    disk.run(dget(disk.dentry("r/a/b")))
    assert disk.run(prune_one(disk.sb, "a/b/c"))
    assert disk.counts() == {"r": 3, "r/a": 1, "r/a/b": 1, "r/e": 0}


def allocating(sb, gfp: int):  # type: ignore[no-untyped-def]  # a coroutine
    return kmalloc_reclaim(sb.world, lambda: Slab(sb.world, "x"), "x", sb=sb, gfp=gfp)


@pytest.mark.parametrize(
    ("pressure", "gfp", "left"),
    [
        (0, GFP_KERNEL, {1}),
        (1, GFP_NOFS, {1}),
        (1, GFP_KERNEL, {0, 1}),
    ],
)
def test_an_allocation_may_run_the_shrinker_only_under_pressure_and_with_gfp_kernel(
    pressure: int, gfp: int, left: set[int]
) -> None:
    def make(world: World):  # type: ignore[no-untyped-def]  # told by explore()
        disk = booted(world)
        disk.sb.pressure = pressure
        world.spawn(begin(allocating(disk.sb, gfp)), "alloc")

        def read(world: World) -> int:
            assert world.tasks[0].result.alive
            return len(disk.counts()) - 1

        return read

    outcomes, executions = explore(make)
    assert outcomes == left
    assert executions == len(left)


def booted(world: World) -> Disk:
    """One cached name."""
    disk = Disk({"a": None}, world=world)
    boot(world, fstatat(disk.root, "a"))
    return disk


def test_the_budget_is_spent_once() -> None:
    def make(world: World):  # type: ignore[no-untyped-def]
        disk = booted(world)
        disk.sb.pressure = 1

        async def user() -> tuple[bool, bool]:
            return await memory_is_short(disk.sb), await memory_is_short(disk.sb)

        world.spawn(user(), "user")
        return lambda world: (*world.tasks[0].result, disk.sb.pressure)

    outcomes, _ = explore(make)
    assert outcomes == {(False, False, 1), (True, False, 0), (False, True, 0)}


def test_a_lookup_beside_reclaim_finds_the_name_and_leaves_it_cached_or_gone() -> None:
    """Cached first: the walk finds the dentry, or looks it up again after it went."""

    def make(world: World):  # type: ignore[no-untyped-def]
        disk = booted(world)
        world.spawn(fstatat(disk.root, "a"), "stat")
        world.spawn(drop_caches(disk.sb), "drop")
        return lambda world: (
            *(task.result for task in world.tasks),
            len(disk.asked),
            tuple(disk.counts().items()),
        )

    outcomes, _ = explore(make)
    one, none = (("r", 2), ("r/a", 0)), (("r", 1),)
    assert outcomes == {
        (0, 1, 1, none),  # found, put, dropped
        (0, 0, 1, one),  # found, and held while the shrinker looked
        (0, 1, 2, one),  # dropped, and looked up again
    }


def test_a_killed_dentry_may_still_be_on_its_way_out_when_its_name_is_back() -> None:
    """d_release() of the old one runs after a new lookup has found the name free."""

    def make(world: World):  # type: ignore[no-untyped-def]
        disk = booted(world)
        order: list[str] = []

        async def d_release(dentry: Dentry) -> None:
            await dget(disk.root)
            order.append("release")
            await dput(disk.root)

        old = disk.dentry("r/a")
        old.d_op = DentryOperations(d_release=d_release)

        async def stat() -> None:
            await fstatat(disk.root, "a")
            await dget(disk.root)
            order.append("found")
            await dput(disk.root)

        world.spawn(stat(), "stat")
        world.spawn(prune_one(disk.sb, "a"), "shrinker")
        return lambda world: (old.alive, tuple(order))

    outcomes, _ = explore(make)
    assert outcomes == {
        (True, ("found",)),
        (False, ("found", "release")),
        (False, ("release", "found")),
    }


def pinned(world: World, *paths: str) -> Disk:
    """A tree whose dentries are all pinned, as tracefs does with what it makes."""
    disk = Disk({"a": {"b": None, "c": None}}, world=world)
    for path in paths:
        boot(world, fstatat(disk.root, path))
    for path in paths:
        disk.dentry(f"r/{path}").d_count += 1
    return disk


def test_a_tree_is_removed_children_first_each_once() -> None:
    disk = pinned(World(), "a", "a/b", "a/c")
    told: list[str] = []

    async def callback(dentry: Dentry) -> None:
        told.append(dentry.path)

    a = disk.dentry("r/a")
    inode = a.peek("d_inode")
    disk.run(simple_recursive_removal(a, callback))
    assert told == ["r/a/c", "r/a/b", "r/a"]
    assert disk.sb.notified == [("unlink", "r/a/c"), ("unlink", "r/a/b"), ("rmdir", "r/a")]
    assert disk.counts() == {"r": 1}
    assert not inode.alive
    assert disk.root.peek("d_inode").peek("i_nlink") == 0


def test_each_object_pins_the_mount_until_it_is_removed() -> None:
    disk = pinned(World(), "a", "a/b")

    async def pin() -> None:
        assert await simple_pin_fs(disk.sb) == await simple_pin_fs(disk.sb) == 0

    async def release(dentry: Dentry) -> None:
        await simple_release_fs(disk.sb)

    disk.run(pin())
    assert disk.sb.pins == 2
    disk.run(simple_recursive_removal(disk.dentry("r/a"), release))
    assert disk.sb.pins == 0


def test_what_is_open_outlives_its_removal_unhashed_and_dead() -> None:
    disk = pinned(World(), "a", "a/b")
    a = disk.dentry("r/a")
    file = disk.run(openat(disk.root, "a"))
    disk.run(simple_recursive_removal(a))
    assert (a.alive, a.peek("d_hashed"), a.peek("d_count")) == (True, False, 1)
    assert a.peek("d_inode").peek("i_dead")
    assert a.peek("d_inode").peek("i_nlink") == 0
    disk.run(close(file))
    assert not a.alive


def test_what_was_unhashed_before_is_not_unpinned_again() -> None:
    disk = pinned(World(), "a", "a/b")
    b = disk.dentry("r/a/b")
    disk.run(d_drop(b))
    disk.run(simple_recursive_removal(disk.dentry("r/a")))
    assert b.alive
    assert b.peek("d_count") == 1


def test_a_child_that_nobody_pinned_is_put_once_too_often() -> None:
    disk = pinned(World(), "a")
    disk.run(fstatat(disk.root, "a/b"))
    disk.world.spawn(simple_recursive_removal(disk.dentry("r/a")), "rm")
    while enabled := disk.world.enabled():
        disk.world.step(enabled[0])
    (finding,) = disk.world.findings
    assert finding.signature == "read of dentry->d_count"
    assert [frame.function for frame in finding.chain] == [
        "find_next_child",
        "simple_recursive_removal",
    ]


def test_negative_children_go_with_their_directory() -> None:
    disk = pinned(World(), "a")
    disk.run(fstatat(disk.root, "a/x"))
    disk.run(simple_recursive_removal(disk.dentry("r/a")))
    assert disk.counts() == {"r": 1}


def test_a_lookup_beside_a_removal_finds_the_name_or_not_and_leaves_nothing_behind() -> None:
    """The name is cached: a walk that comes first holds it, one that comes later asks again, and
    finds it, for this file system does not know of the removal."""

    def make(world: World):  # type: ignore[no-untyped-def]
        disk = pinned(world, "a")
        old = disk.dentry("r/a")
        world.spawn(fstatat(disk.root, "a"), "stat")
        world.spawn(simple_recursive_removal(old), "rm")
        return lambda world: (world.tasks[0].result, len(disk.asked), old.alive)

    outcomes, _ = explore(make)
    assert outcomes == {(0, 1, False), (0, 2, False)}


def test_in_a_directory_that_is_being_removed_nothing_new_appears() -> None:
    """S_DEAD is set before the children are looked for: a lookup comes before, and the dentry of
    the missing name dies with its directory, or after, and does not get to the file system."""

    def make(world: World):  # type: ignore[no-untyped-def]
        disk = pinned(world, "a")
        a = disk.dentry("r/a")
        boot_hold(world, a)

        async def stat() -> int:
            found = await fstatat(a, "x")
            await dput(a)
            return found

        world.spawn(begin(stat()), "stat")
        world.spawn(simple_recursive_removal(a), "rm")
        return lambda world: (
            world.tasks[0].result,
            len(disk.asked),
            tuple(disk.counts().items()),
        )

    outcomes, _ = explore(make)
    left_to_reclaim = (("r", 2), ("r/a", 1), ("r/a/x", 0))
    assert outcomes == {
        (-ENOENT, 1, (("r", 1),)),
        (-ENOENT, 2, (("r", 1),)),
        (-ENOENT, 2, left_to_reclaim),  # held while the directory was invalidated
    }


def boot_hold(world: World, dentry: Dentry) -> None:
    """A reference of the set-up."""
    boot(world, dget(dentry))
