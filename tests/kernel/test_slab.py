"""Fields are seen when touched, lives end once, allocations may fail."""

from __future__ import annotations

import pytest

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.kernel.once import (
    READ_ONCE,
    WRITE_ONCE,
    atomic_add,
    cmpxchg,
    rcu_assign_pointer,
    rcu_dereference,
    smp_load_acquire,
    smp_store_release,
    xchg,
)
from lockwright.kernel.slab import Faults, Field, Slab, kfree, kmalloc


class Node(Slab):
    """Two fields."""

    cache = "node"
    count: Field[int] = Field(0)
    flag: Field[bool] = Field(False)


def test_a_field_is_numbered_by_who_made_its_object_not_by_when() -> None:
    """Two tasks make an object each; whoever goes first, the same locations get the same number."""

    def make(names: Names) -> World:
        world = World(names)
        world.state = {}

        async def maker(name: str) -> None:
            node = await kmalloc(world, lambda: Node(world, name), "node")
            await WRITE_ONCE(node, "count", 1)
            world.state[name] = (node.life.number, node._codes[0])

        world.spawn(maker("a"), "a")
        world.spawn(maker("b"), "b")
        return world

    numbers = {tuple(sorted(run.world.state.items())) for run in plain_search(make)}
    assert len(numbers) == 1


def test_two_tasks_with_objects_of_their_own_are_independent() -> None:
    def make(names: Names) -> World:
        world = World(names)

        async def maker(name: str) -> None:
            node = await kmalloc(world, lambda: Node(world, name), "node")
            node.count = 1
            await WRITE_ONCE(node, "flag", True)
            await kfree(node)

        world.spawn(maker("a"), "a")
        world.spawn(maker("b"), "b")
        return world

    assert len(list(Dpor(make))) == 1


def test_marked_accesses_read_and_write_the_field() -> None:
    world = World()
    node = Node(world, "n")
    seen: list[object] = []

    async def task() -> None:
        await WRITE_ONCE(node, "count", 5)
        seen.append(await READ_ONCE(node, "count"))
        seen.append(await xchg(node, "count", 6))
        seen.append(await cmpxchg(node, "count", 6, 7))
        seen.append(await cmpxchg(node, "count", 6, 8))
        seen.append(await atomic_add(node, "count", 3))
        await smp_store_release(node, "flag", True)
        seen.append(await smp_load_acquire(node, "flag"))
        await rcu_assign_pointer(node, "count", 1)
        seen.append(await rcu_dereference(node, "count"))

    world.spawn(task(), "t")
    while enabled := world.enabled():
        world.step(enabled[0])
    assert seen == [5, 5, 6, 7, 7, True, 1]
    assert node.peek("count") == 1


@pytest.mark.parametrize(("faults", "expected"), [(0, 1), (1, 3), (2, 4)])
def test_every_choice_of_failing_allocations_is_explored(faults: int, expected: int) -> None:
    """Two allocations in one task: none, either, or both may fail, as the budget allows."""

    def make(names: Names) -> World:
        world = World(names)
        world.faults = Faults(world, faults)

        async def task() -> tuple[bool, bool]:
            first = await kmalloc(world, lambda: Node(world, "a"), "node")
            second = await kmalloc(world, lambda: Node(world, "b"), "node")
            return first is None, second is None

        world.spawn(task(), "t")
        return world

    runs = [run.world.tasks[0].result for run in Dpor(make)]
    assert len(runs) == len(set(runs)) == expected
    assert set(runs) == {run.world.tasks[0].result for run in plain_search(make)}


@pytest.mark.parametrize("how", ["read", "write", "READ_ONCE", "WRITE_ONCE"])
def test_every_kind_of_access_after_the_free_is_found(how: str) -> None:
    world = World()
    node = Node(world, "n")

    async def task() -> None:
        await kfree(node)
        if how == "read":
            _ = node.count
        elif how == "write":
            node.count = 1
        elif how == "READ_ONCE":
            await READ_ONCE(node, "count")
        else:
            await WRITE_ONCE(node, "count", 1)

    world.spawn(task(), "t")
    while enabled := world.enabled():
        world.step(enabled[0])
    (finding,) = world.findings
    assert finding.kind == "use-after-free"
    assert "node n->count, freed by t in task()" in finding.message
    assert [frame.function for frame in finding.chain] == ["task"]
