"""Reclaim beside the tasks, by the parameter `shrinkers` that every scenario has."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.reclaim import Reclaim
from lockwright.kernel.slab import Field, Slab, kmalloc
from lockwright.options import Options
from lockwright.scenario import Scenario
from lockwright.session import Session, explore
from lockwright.token import parse_token
from stress.corpus.entry import project


class Node(Slab):
    cache = "node"
    count: Field[int] = Field(0)


def _cached(world: World, *, shrinkers_of_it: int) -> None:
    """Shrinkers empty a cache, each its own half, which a task reads twice."""
    reclaim = Reclaim(world)
    cache = [Variable(world, 1, f"cache{half}") for half in range(shrinkers_of_it)]

    async def shrink(half: int) -> None:
        await WRITE_ONCE(cache[half], 0)

    for half in range(shrinkers_of_it):
        reclaim.register(partial(shrink, half))

    async def task() -> str:
        seen = [await READ_ONCE(half) for half in cache]
        return "".join(str(one) for one in seen)

    world.spawn(task(), "task")


CACHED = replace(
    Scenario("test/reclaim:cached", _cached, parameters={"shrinkers_of_it": 2}),
    outcome=lambda world: str(world.tasks[0].result),
)


@pytest.mark.parametrize("strategy", ["dpor", "dfs"])
def test_all_shrinkers_run_in_their_order_at_any_moment(strategy: str) -> None:
    """Both look at the first half first: whichever of the two is ahead there, either may be ahead
    at the second."""
    made = CACHED.with_parameters({"shrinkers": "1"})
    result = explore(made, Options(strategy=strategy, rules=()))
    assert result.complete
    assert set(result.outcomes) == {"11", "10", "01", "00"}


def test_without_it_nothing_is_reclaimed() -> None:
    for given in ({}, {"shrinkers": "0"}):
        assert set(explore(CACHED.with_parameters(given), Options(rules=())).outcomes) == {"11"}


def test_one_task_makes_all_passes() -> None:
    """Each is an acquire of the map, two shrinkers of a step, and its release."""
    for passes in (1, 3):
        world = World()
        CACHED.with_parameters({"shrinkers": str(passes)}).set_up(world)
        assert [task.comm for task in world.tasks] == ["task", "kswapd0"]
        steps = 0
        while world.tasks[1].pending is not None:
            world.step(world.tasks[1])
            steps += 1
        assert steps == 4 * passes


def test_a_world_without_shrinkers_says_that_there_is_nothing_to_run() -> None:
    said = "test/reclaim:cached registers no shrinker: there is nothing that shrinkers=2 could run"
    bare = CACHED.with_parameters({"shrinkers_of_it": "0", "shrinkers": "2"})
    with pytest.raises(UsageError, match=f"^{re.escape(said)}$"):
        explore(bare)
    none = Scenario("test/reclaim:cached", lambda world: None)
    with pytest.raises(UsageError, match=f"^{re.escape(said)}$"):
        none.with_parameters({"shrinkers": "2"}).set_up(World())


def _locks(world: World, *, under_lock: bool) -> None:
    mutex, reclaim = Mutex(world, "m"), Reclaim(world)
    world.state = []

    async def shrink() -> None:
        await mutex.lock()
        await mutex.unlock()

    reclaim.register(shrink)

    async def allocates() -> None:
        if under_lock:
            await mutex.lock()
        world.state.append(await kmalloc(world, lambda: Node(world, "n"), "node"))
        if under_lock:
            await mutex.unlock()

    world.spawn(allocates(), "allocates")


def test_kswapd_shows_the_validator_what_an_allocation_under_the_lock_can_come_to() -> None:
    made = Scenario("test/reclaim:locks", _locks, parameters={"under_lock": True})
    kinds = {found.kind for found in explore(made.with_parameters({"shrinkers": "1"})).findings}
    assert kinds == {"possible circular locking dependency"}
    assert not explore(made).findings
    free = made.with_parameters({"shrinkers": "1", "under_lock": "false"})
    assert not explore(free).findings


def test_it_goes_together_with_allocations_that_find_memory_short() -> None:
    made = CACHED.with_parameters({"shrinkers": "1", "reclaim": "1"})
    assert dict(made.parameters) == {"shrinkers_of_it": 2, "shrinkers": 1, "reclaim": 1}
    world = World()
    made.set_up(world)
    assert (world.reclaim.armed, len(world.reclaim.shrinkers)) == (True, 2)


def test_what_reclaim_does_to_the_file_systems_is_found_without_a_scenario_of_it() -> None:
    """E43: a scenario in which a cached dentry keeps a removed event alive, and reclaim that takes
    it; the finding's token replays."""
    made = project().scenario("eventfs/linux_6_12:list_above_vs_remove_cached")
    rules = Options(executions=1500, rules=("deadlock",))
    assert not explore(made, rules).findings
    found = explore(made.with_parameters({"shrinkers": "1"}), rules).findings
    assert [finding.kind for finding in found] == ["NULL pointer dereference"]
    token = parse_token(found[0].token)
    assert dict(token.parameters) == {"shrinkers": "1"}
    again = Session(made.with_parameters(dict(token.parameters)), rules)
    _, broken = again.run_once(token.schedule)
    assert [finding.message for finding in broken] == [found[0].message]
