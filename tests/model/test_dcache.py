"""Dentries: references, killing, invalidation, parallel lookup.  One task unless it says more."""

from collections.abc import Coroutine
from typing import Any

from lockwright.core.location import Names, Value
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from model.vfs.dcache import (
    d_add,
    d_alloc_parallel,
    d_delete,
    d_drop,
    d_instantiate,
    d_invalidate,
    d_lookup,
    d_make_root,
    d_path,
    d_splice_alias,
    d_unlinked,
    dget,
    dput,
    shrink_dcache_parent,
    slot_of,
)
from model.vfs.err import EINVAL, ERR_PTR, PTR_ERR
from model.vfs.objects import (
    DEAD,
    SIMPLE_DENTRY_OPERATIONS,
    Dentry,
    DentryOperations,
    Inode,
    SuperBlock,
    SuperOperations,
)


def hang(sb: SuperBlock, parent: Dentry, name: str, inode: Inode) -> Dentry:
    """A cached dentry without users."""
    dentry = Dentry(sb, parent, name)
    dentry.d_parent = parent
    dentry.d_inode = inode
    dentry.d_count = 0
    dentry.d_hashed = True
    parent.d_count += 1
    parent.d_children = (dentry, *parent.d_children)
    slot_of(dentry).put(((dentry, False),))
    return dentry


def disk(world: World, *paths: str) -> tuple[SuperBlock, dict[str, Dentry]]:
    """A file system with cached dentries, parents first; the root is `r` and is held."""
    sb = SuperBlock(world)
    made = {"r": d_make_root(sb, "r", Inode(sb, "r"))}
    for path in paths:
        sb.declare(path)
        above, _, name = path.rpartition("/")
        made[path] = hang(sb, made[above], name, Inode(sb, path))
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
    run(world, d_instantiate(at["r/a"], Inode(sb, "other")))
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


def test_a_name_that_is_hashed_already_is_not_hashed_again() -> None:
    world = World()
    _, at = disk(world, "r/a")
    run(world, d_add(at["r/a"], None))
    assert [(f.kind, f.message) for f in world.findings] == [
        ("BUG", "d_add() of dentry r/a, which is hashed")
    ]


def test_a_dentry_that_is_to_be_deleted_always_dies_with_its_last_reference() -> None:
    world = World()
    _, at = disk(world, "r/a", "r/b")
    at["r/a"].d_op = SIMPLE_DENTRY_OPERATIONS
    at["r/b"].d_op = DentryOperations(d_delete=lambda dentry: False)
    for path in ("r/a", "r/b"):
        run(world, dget(at[path]), dget(at[path]), dput(at[path]))
        assert at[path].alive
        run(world, dput(at[path]))
    assert [path for path in at if at[path].alive] == ["r", "r/b"]


def test_the_hooks_of_a_dying_dentry_come_in_the_order_of_the_kernel() -> None:
    world = World()
    sb, at = disk(world, "r/a")
    called: list[str] = []

    def hook(name: str) -> Value:
        async def call(obj: Dentry | Inode, *rest: Inode) -> None:
            called.append(name)
            assert at["r/a"].peek("d_count") == DEAD
            assert not at["r/a"].peek("d_hashed")
            assert at["r/a"].peek("d_inode") is None
            assert obj.alive

        return call

    sb.s_op = SuperOperations(drop_inode=hook("drop_inode"), destroy_inode=hook("destroy_inode"))
    at["r/a"].d_op = DentryOperations(d_release=hook("d_release"))
    run(world, d_drop(at["r/a"]), dget(at["r/a"]), dput(at["r/a"]))
    assert called == ["drop_inode", "destroy_inode", "d_release"]
    assert not at["r/a"].alive


def test_d_iput_stands_for_iput() -> None:
    world = World()
    _, at = disk(world, "r/a")
    inode = at["r/a"].peek("d_inode")
    called: list[Inode] = []

    async def d_iput(dentry: Dentry, inode: Inode) -> None:
        called.append(inode)

    at["r/a"].d_op = DentryOperations(d_iput=d_iput)
    run(world, d_drop(at["r/a"]), dget(at["r/a"]), dput(at["r/a"]))
    assert called == [inode]
    assert inode.alive


def test_deleting_the_name_of_the_only_user_leaves_it_negative() -> None:
    world = World()
    _, at = disk(world, "r/a")
    inode = at["r/a"].peek("d_inode")
    run(world, dget(at["r/a"]), d_delete(at["r/a"]))
    assert (at["r/a"].peek("d_hashed"), at["r/a"].peek("d_inode")) == (True, None)
    assert not inode.alive
    assert not d_unlinked(at["r/a"])


def test_deleting_the_name_of_something_in_use_unhashes_it() -> None:
    world = World()
    _, at = disk(world, "r/a")
    inode = at["r/a"].peek("d_inode")
    run(world, dget(at["r/a"]), dget(at["r/a"]), d_delete(at["r/a"]))
    assert (at["r/a"].peek("d_hashed"), at["r/a"].peek("d_inode")) == (False, inode)
    assert d_unlinked(at["r/a"])


def test_a_path_says_deleted_once_the_name_is_gone() -> None:
    world = World()
    _, at = disk(world, "r/a", "r/a/b")
    before, _, above, after, root = run(
        world,
        d_path(at["r/a/b"]),
        d_drop(at["r/a"]),
        d_path(at["r/a"]),
        d_path(at["r/a/b"]),
        d_path(at["r"]),
    )
    assert before == after == "/sys/kernel/tracing/a/b"
    assert above == "/sys/kernel/tracing/a (deleted)"
    assert root == "/sys/kernel/tracing"


def test_splicing_hashes_an_inode_none_or_hands_the_error_on() -> None:
    world = World()
    sb, at = disk(world)
    sb.declare("r/x")
    inode = Inode(sb, "x")

    async def look(found: Inode) -> Value:
        dentry = await d_alloc_parallel(at["r"], "x")
        return dentry, await d_splice_alias(found, dentry)

    ((dentry, res),) = run(world, look(inode))
    assert (res, dentry.peek("d_hashed"), dentry.peek("d_inode")) == (None, True, inode)
    run(world, d_drop(dentry))
    ((dentry, res),) = run(world, look(ERR_PTR(Inode, -EINVAL)))
    assert (PTR_ERR(res), dentry.peek("d_hashed")) == (-EINVAL, False)


def test_what_another_kills_while_a_shrinker_has_collected_it_is_no_use_after_free() -> None:
    """DCACHE_MAY_FREE: in every interleaving of two shrinkers of one tree nothing is touched that
    is freed, and all is gone."""

    def make(names: Names) -> World:
        world = World(names)
        _, at = disk(world, "r/a", "r/a/b", "r/a/c")
        world.state = at
        for who in ("one", "two"):
            world.spawn(shrink_dcache_parent(at["r"]), who)
        return world

    runs = list(Dpor(make))
    assert len(runs) > 1
    for run_ in runs:
        assert not run_.world.findings
        assert [path for path, d in run_.world.state.items() if d.alive] == ["r"]


def test_children_come_youngest_first() -> None:
    world = World()
    sb, at = disk(world)
    for name in ("x", "y"):
        sb.declare(f"r/{name}")
    run(world, d_alloc_parallel(at["r"], "x"), d_alloc_parallel(at["r"], "y"))
    assert [child.d_name for child in at["r"].peek("d_children")] == ["y", "x"]


def test_names_that_nobody_declared_share_a_slot_and_do_not_mix() -> None:
    world = World()
    sb, at = disk(world)

    async def look(name: str) -> Dentry:
        dentry = await d_alloc_parallel(at["r"], name)
        await d_add(dentry, None)
        return dentry

    x, y, found, missed = run(
        world, look("x"), look("y"), d_lookup(at["r"], "y"), d_lookup(at["r"], "z")
    )
    assert (found, missed) == (y, None)
    assert sb.slot("r/x") is sb.slot("r/y") is sb.elsewhere
    assert x is not y
