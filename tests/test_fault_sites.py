"""Where faults can strike in a scenario, found by running it."""

from __future__ import annotations

import re

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.world import World
from lockwright.fault_sites import check_fails, seen_sites, signal_targets, sites_of
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.signal import Signals
from lockwright.kernel.slab import Field, Slab, kmalloc
from lockwright.options import Options
from lockwright.pytest_plugin.explorer import Explore
from lockwright.scenario import Scenario
from lockwright.session import explore as explored


class Node(Slab):
    cache = "node"
    count: Field[int] = Field(0)


def _make(world: World, what: str) -> Node:
    return Node(world, what)


async def falls_back(world: World) -> Node | None:
    node: Node | None = await kmalloc(world, lambda: _make(world, "big"), "big")
    if node is None:
        node = await kmalloc(world, lambda: _make(world, "small"), "small")
    return node


async def falls_back_never(world: World) -> Node | None:
    node: Node | None = await kmalloc(world, lambda: _make(world, "chained"), "chained")
    return node


async def at_last(world: World) -> Node | None:
    node: Node | None = await kmalloc(world, lambda: _make(world, "late"), "late")
    return node


def _deep(world: World, *, rounds: int) -> None:
    """The writer allocates only if each of its looks comes between two steps of the other's."""
    word = Variable(world, 0, "word")

    async def counter() -> None:
        for round_ in range(rounds):
            await WRITE_ONCE(word, round_ + 1)

    async def writer() -> None:
        for round_ in range(rounds):
            if await READ_ONCE(word) != round_:
                return
        await at_last(world)

    async def allocator() -> None:
        await falls_back(world)

    world.spawn(counter(), "counter")
    world.spawn(writer(), "writer")
    world.spawn(allocator(), "allocator")


def deep(rounds: int) -> Scenario:
    return Scenario("test/sites:deep", _deep, parameters={"rounds": rounds})


ALONE = ["at_last:late", "falls_back:big"]
BEHIND = ["falls_back:small"]
ALL = [*ALONE, *BEHIND]


def test_all_sites_are_found_those_of_error_paths_apart() -> None:
    seen = seen_sites(deep(2))
    assert ([*seen.names], [*seen.behind], seen.complete) == (ALONE, BEHIND, True)


def test_a_site_of_an_error_path_is_one_only_where_another_allocation_may_fail() -> None:
    assert sites_of(deep(2)) == ALONE
    assert sites_of(deep(2).with_parameters({"failures": "1"})) == ALL


def test_no_execution_is_run_twice_for_a_small_scenario() -> None:
    """One task that allocates once, and again where that fails: with one failure or none."""

    def alone(world: World) -> None:
        async def task() -> None:
            await falls_back(world)

        world.spawn(task(), "t")

    assert seen_sites(Scenario("test/sites:alone", alone)).executions == 2


def test_a_search_that_was_cut_short_says_so_and_tries_random_ones_too() -> None:
    seen = seen_sites(deep(6), 20)
    assert not seen.complete
    assert seen.executions == 20
    assert "falls_back:big" in seen.names


def test_what_many_allocations_come_before_is_found_by_chance_too() -> None:
    """The exhaustive search turns the last steps round first, and a failure that is drawn is one of
    the first allocations: only without one the chain is come to the end of, in another order."""

    def build(world: World) -> None:
        word = Variable(world, 0, "word")

        async def chain() -> None:
            first = await READ_ONCE(word)
            for _ in range(8):
                if await falls_back_never(world) is None:
                    return
            if first:
                await at_last(world)

        async def writer() -> None:
            await WRITE_ONCE(word, 1)

        async def noise() -> None:
            for _ in range(6):
                await WRITE_ONCE(word, await READ_ONCE(word) or 0)

        for coro, comm in ((chain(), "chain"), (noise(), "noise"), (noise(), "more")):
            world.spawn(coro, comm)
        world.spawn(writer(), "writer")

    seen = seen_sites(Scenario("test/sites:chain", build), 200)
    assert list(seen.names) == ["at_last:late", "falls_back_never:chained"]
    assert not seen.complete


def test_the_same_search_finds_the_same() -> None:
    assert seen_sites(deep(5), 100) == seen_sites(deep(5), 100)


def test_what_fails_by_the_scenarios_own_parameters_is_no_matter() -> None:
    made = deep(2).with_parameters({"fails": "falls_back:big", "failures": "2"})
    assert sites_of(made) == ALL


@pytest.mark.parametrize("failures", ["0", "1"])
def test_each_site_that_is_found_can_fail(failures: str) -> None:
    made = deep(1).with_parameters({"failures": failures})
    for site in sites_of(made):
        (goal,) = explored(made.with_parameters({"fails": site}), Options(rules=("goals",))).goals
        assert goal.executions > 0


def test_a_site_of_an_error_path_is_refused_where_nothing_else_can_fail() -> None:
    alone = deep(2).with_parameters({"fails": "falls_back:small"})
    said = (
        "test/sites:deep allocates at falls_back:small only after another allocation has failed: "
        "give failures=1, too"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(said)}$"):
        check_fails(alone)
    check_fails(alone.with_parameters({"failures": "1"}))


def test_a_search_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="0 executions to look at: expected 1 or more"):
        sites_of(deep(1), 0)


def test_a_site_that_is_not_there_is_named_with_those_that_are() -> None:
    said = (
        "test/sites:deep has no allocation site 'falls_back:bag'; did you mean falls_back:big? "
        "there are: at_last:late, falls_back:big, falls_back:small"
    )
    with pytest.raises(UsageError, match=f"^{re.escape(said)}$"):
        check_fails(deep(2).with_parameters({"fails": "falls_back:bag"}))


def test_an_incomplete_search_says_so_where_it_refuses() -> None:
    said = r"has no allocation site 'a:b'; there .* \(in 20 executions, which are not all\)$"
    with pytest.raises(UsageError, match=said):
        check_fails(deep(6).with_parameters({"fails": "a:b"}), 20)


def test_a_site_that_is_there_is_taken_as_is_a_scenario_without_one() -> None:
    check_fails(deep(2).with_parameters({"fails": "at_last:late"}))
    check_fails(deep(2))


def test_what_the_model_raises_is_left_to_its_exploration() -> None:
    def broken(world: World) -> None:
        raise ZeroDivisionError

    check_fails(Scenario("test/sites:broken", broken).with_parameters({"fails": "a:b"}))


def test_a_test_that_asks_for_a_site_that_is_not_there_is_told(explore: Explore) -> None:
    explore(deep(2), parameters={"fails": "falls_back:big"}, rules=["goals"]).assert_verified()
    with pytest.raises(UsageError, match="test/sites:deep has no allocation site 'a:b'"):
        explore(deep(2), parameters={"fails": "a:b"})


def _waits(world: World, *, own: bool = False) -> None:
    """One sleeps so that a signal ends it, one so that SIGKILL does, one asks, and one does not
    care; a fifth, which another makes, sleeps too."""
    if own:
        Signals(world)
    lock = Mutex(world, "m")

    async def holder() -> None:
        await lock.lock()
        await lock.unlock()

    async def sleeper() -> None:
        if await lock.lock_interruptible() == 0:
            await lock.unlock()

    async def killable() -> None:
        if await lock.lock_killable() == 0:
            await lock.unlock()

    async def asks() -> None:
        await world.signals.signal_pending()
        world.spawn(sleeper(), "child")

    for name, coro in (
        ("holder", holder()),
        ("sleeper", sleeper()),
        ("killable", killable()),
        ("asks", asks()),
        ("cannot be said", sleeper()),
    ):
        world.spawn(coro, name)


@pytest.mark.parametrize("own", [False, True])
def test_whose_sleeps_a_signal_can_end_is_found(own: bool) -> None:
    made = Scenario("test/sites:waits", _waits, parameters={"own": own})
    assert signal_targets(made, 600) == ["asks", "sleeper"]
    assert signal_targets(made.with_parameters({"signals": "holder"}), 600) == ["asks", "sleeper"]


def test_nobody_sleeps_where_nobody_waits() -> None:
    assert signal_targets(deep(1)) == []
