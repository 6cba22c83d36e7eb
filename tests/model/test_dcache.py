"""Dentries: references, killing, invalidation, parallel lookup.  One task unless it says more."""

from collections.abc import Coroutine
from typing import Any

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from model.tracefs.inode import TracefsInode
from model.tracing.setup import hang
from model.vfs.dcache import (
    d_add,
    d_alloc_parallel,
    d_drop,
    d_instantiate,
    d_invalidate,
    d_lookup,
    dget,
    dput,
)
from model.vfs.objects import DEAD, Dentry, SuperBlock


def disk(world: World, *paths: str) -> tuple[SuperBlock, dict[str, Dentry]]:
    """A file system with cached dentries, parents first; the root is `r` and is held."""
    sb = SuperBlock(world)
    sb.declare("r")
    made = {"r": Dentry(sb, None, "r")}
    made["r"].d_hashed = True
    made["r"].d_inode = TracefsInode(sb, "r")
    for path in paths:
        sb.declare(path)
        above, _, name = path.rpartition("/")
        made[path] = hang(sb, made[above], name, TracefsInode(sb, path))
    return sb, made


def run(world: World, *coros: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run tasks one after another; their results."""
    results = []
    for nth, coro in enumerate(coros):
        task = world.spawn(coro, f"task{nth}")
        while task.pending is not None:
            world.step(task)
        results.append(task.result)
    return results


def test_the_last_reference_leaves_a_hashed_dentry_cached() -> None:
    world = World()
    _, at = disk(world, "r/a")
    run(world, dget(at["r/a"]), dput(at["r/a"]))
    assert (at["r/a"].peek("d_count"), at["r/a"].alive) == (0, True)


def test_the_last_reference_of_an_unhashed_dentry_kills_it_and_drops_its_parent() -> None:
    world = World()
    _, at = disk(world, "r/a", "r/a/b")
    inode = at["r/a/b"].peek("d_inode")
    run(world, dget(at["r/a/b"]), d_drop(at["r/a/b"]), dput(at["r/a/b"]))
    assert not at["r/a/b"].alive
    assert not inode.alive
    assert at["r/a"].peek("d_count") == 0
    assert at["r/a"].peek("d_children") == ()


def test_killing_goes_up_as_long_as_nothing_holds_an_ancestor() -> None:
    world = World()
    _, at = disk(world, "r/a", "r/a/b")
    run(world, d_drop(at["r/a"]), dget(at["r/a/b"]), d_drop(at["r/a/b"]), dput(at["r/a/b"]))
    assert [path for path in at if not at[path].alive] == ["r/a", "r/a/b"]
    assert at["r"].peek("d_count") == 1


def test_a_reference_that_nobody_owned_is_reported_and_the_kernel_goes_on() -> None:
    world = World()
    _, at = disk(world, "r/a")
    run(world, dput(at["r/a"]), dget(at["r/a"]))
    assert [finding.message for finding in world.findings] == [
        "reference dropped on dentry r/a, which has none"
    ]
    assert at["r/a"].peek("d_count") == 0


def test_dropping_a_reference_too_many_kills_an_unhashed_dentry() -> None:
    world = World()
    _, at = disk(world, "r/a")
    run(world, d_drop(at["r/a"]), dput(at["r/a"]))
    assert not at["r/a"].alive


def test_a_reference_on_a_dying_dentry_is_an_oops() -> None:
    world = World()
    sb, at = disk(world, "r/a")
    sb.rcu_late = True
    run(world, d_drop(at["r/a"]), dget(at["r/a"]), dput(at["r/a"]), dget(at["r/a"]))
    assert at["r/a"].peek("d_count") == DEAD
    assert [(finding.kind, finding.message) for finding in world.findings] == [
        ("refcount", "reference taken on dentry r/a, which is being killed")
    ]


def test_invalidation_kills_unused_descendants_and_the_directory_with_them() -> None:
    """r/a has only its children's references: when they die it dies, too."""
    world = World()
    _, at = disk(world, "r/a", "r/a/b", "r/a/b/c", "r/a/d")
    run(world, d_invalidate(at["r/a"]))
    assert [path for path in at if at[path].alive] == ["r"]
    assert at["r"].peek("d_count") == 1


def test_invalidation_leaves_what_is_used_and_unhashes_only_the_top() -> None:
    world = World()
    _, at = disk(world, "r/a", "r/a/b", "r/a/c")
    run(world, dget(at["r/a/b"]), d_invalidate(at["r/a"]))
    assert [path for path in at if at[path].alive] == ["r", "r/a", "r/a/b"]
    assert [at[path].peek("d_hashed") for path in ("r/a", "r/a/b")] == [False, True]
    assert at["r/a"].peek("d_count") == 1


def test_invalidating_an_unhashed_dentry_does_nothing() -> None:
    world = World()
    _, at = disk(world, "r/a", "r/a/b")
    run(world, d_drop(at["r/a"]), d_invalidate(at["r/a"]))
    assert at["r/a/b"].alive


def test_instantiating_a_positive_dentry_is_a_bug() -> None:
    world = World()
    sb, at = disk(world, "r/a")
    run(world, d_instantiate(at["r/a"], TracefsInode(sb, "other")))
    assert [finding.kind for finding in world.findings] == ["BUG"]


def test_two_lookups_of_one_name_give_one_dentry_and_one_goes_to_the_file_system() -> None:
    """In every interleaving: who comes second waits, or finds the name hashed.

    Traces: the second task comes before d_add() (it waits; then its own two steps, and both
    puts, in either order) or after.
    """
    asked: list[list[str]] = []

    def make(names: Names) -> World:
        world = World(names)
        sb, at = disk(world)
        sb.declare("r/x")
        asked.append([])
        mine = asked[-1]

        async def look(who: str) -> Dentry:
            dentry = await d_alloc_parallel(at["r"], "x")
            if dentry.d_in_lookup:
                mine.append(who)
                await d_add(dentry, None)
            return dentry

        for who in ("one", "two"):
            world.spawn(look(who), who)
        return world

    runs = list(Dpor(make))
    assert len(runs) == 4
    for run_ in runs:
        one, two = run_.world.tasks
        assert one.result is two.result
        assert one.result.peek("d_count") == 2
        assert not run_.world.findings
    assert all(len(mine) == 1 for mine in asked)


def test_a_name_in_lookup_is_not_found_yet() -> None:
    world = World()
    sb, at = disk(world)
    sb.declare("r/x")
    in_lookup, missed = run(world, d_alloc_parallel(at["r"], "x"), d_lookup(at["r"], "x"))
    assert in_lookup.peek("d_in_lookup")
    assert missed is None
