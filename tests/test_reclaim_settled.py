"""Predictions by way of memory reclaim: what allocations under locks really do."""

from __future__ import annotations

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.prediction import Prediction
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.reclaim import (
    GFP_KERNEL,
    GFP_NOFS,
    Reclaim,
    kswapd_acquire,
    kswapd_release,
    might_alloc,
)
from lockwright.kernel.slab import Slab, kmalloc
from lockwright.options import Options
from lockwright.predict import Explored, Predictor
from lockwright.scenario import Scenario, scenario
from lockwright.session import Session, explore
from lockwright.token import parse_token

CIRCULAR = "possible circular locking dependency"
GFP = {"GFP_KERNEL": GFP_KERNEL, "GFP_NOFS": GFP_NOFS}
NOT_TAKEN = "no shrinker of this world takes M"


class Thing(Slab):
    """Something to allocate."""

    size = 0x40


class Place:
    """A world with a shrinker that takes the lock `shrinks`, if there is one of that name."""

    def __init__(self, world: World, shrinks: str) -> None:
        self.world = world
        self.locks = {name: Mutex(world, name) for name in "MN"}
        self.reclaim = Reclaim(world)
        if shrinks:
            self.shrinks = self.locks[shrinks]
            self.reclaim.register(self.shrink)

    async def shrink(self) -> None:
        await self.shrinks.lock()
        await self.shrinks.unlock()

    async def allocates(self, gfp: str, how: str = "kmalloc") -> None:
        mutex = self.locks["M"]
        await mutex.lock()
        if how == "kmalloc":
            await kmalloc(self.world, lambda: Thing(self.world, "t"), "thing", gfp=GFP[gfp])
        else:
            await might_alloc(GFP[gfp])
        await mutex.unlock()

    async def other_reclaim(self) -> None:
        """kswapd takes M, by way of something that is no shrinker."""
        mutex = self.locks["M"]
        await kswapd_acquire()
        await mutex.lock()
        await mutex.unlock()
        await kswapd_release()


def place(world: World, *, shrinks: str) -> Place:
    """The ground."""
    return Place(world, shrinks)


def both(shrinks: str, gfp: str = "GFP_KERNEL", how: str = "kmalloc") -> Scenario:
    """An allocation under M, and kswapd, which takes M in one way or another."""

    @scenario("made/reclaim:both", ground=place, shrinks=shrinks)
    def act(at: Place) -> None:
        at.world.spawn(at.allocates(gfp, how), "mkdir")
        reclaims = at.reclaim.balance_pgdat() if shrinks == "M" else at.other_reclaim()
        at.world.spawn(reclaims, "kswapd0")

    return act


def circular(build: Scenario, granularity: str = "section") -> list[Finding]:
    result = explore(build, Options(granularity=granularity))
    return [each for each in result.findings if each.kind == CIRCULAR]


@pytest.mark.parametrize("how", ["kmalloc", "might_alloc"])
@pytest.mark.parametrize("granularity", ["operation", "section"])
def test_reclaim_under_a_lock_that_the_shrinker_takes_is_confirmed(
    how: str, granularity: str
) -> None:
    build = both("M", how=how)
    (found,) = circular(build, granularity)
    assert set(found.classes) == {"fs_reclaim", "M"}
    assert found.reality == "confirmed"
    assert found.because.startswith("it happens: ")
    assert "mkdir in mutex_lock(M)" in found.because
    token = parse_token(found.because.rpartition(" ")[2])
    assert dict(token.parameters) == {"reclaim": "1"}
    _, again = Session(build.with_parameters(dict(token.parameters)), Options()).run_once(
        token.schedule
    )
    assert "deadlock" in {each.kind for each in again}


def test_an_allocation_that_enters_no_file_system_predicts_nothing() -> None:
    assert circular(both("M", "GFP_NOFS")) == []


@pytest.mark.parametrize("shrinks", ["", "N"])
def test_where_no_shrinker_takes_the_lock_that_is_said(shrinks: str) -> None:
    (found,) = circular(both(shrinks))
    assert found.reality == "refuted"
    assert found.because == f"within this scenario: {NOT_TAKEN}"


def test_a_shrinker_that_only_tries_refutes_with_the_traces() -> None:

    @scenario("made/reclaim:trylock", ground=place, shrinks="")
    def act(at: Place) -> None:
        mutex = at.locks["M"]

        async def shrink() -> None:
            if await mutex.trylock():
                await mutex.unlock()

        async def allocates() -> None:
            await might_alloc(GFP_KERNEL)

        at.reclaim.register(shrink)
        at.world.spawn(at.allocates("GFP_KERNEL"), "mkdir")
        at.world.spawn(at.other_reclaim(), "kswapd0")
        at.world.spawn(allocates(), "stat")

    (found,) = circular(act)
    assert found.reality == "refuted"
    assert found.because.startswith(
        "within this scenario, an allocation finding memory short: none of its "
    )


def test_without_the_deadlock_rule_it_stays_open() -> None:
    result = explore(both("M"), Options(rules=("lock-order",)))
    (found,) = result.findings
    assert (found.reality, found.because) == ("open", "no allocation found memory short")


def test_a_lock_that_has_only_the_name_of_the_map_is_a_lock() -> None:
    @scenario("made/reclaim:name")
    def build(world: World) -> None:
        gate, map_, lock = (Mutex(world, name) for name in ("gate", "fs_reclaim", "M"))

        async def nested(one: Mutex, two: Mutex) -> None:
            for each in (gate, one, two):
                await each.lock()
            for each in (two, one, gate):
                await each.unlock()

        world.spawn(nested(map_, lock), "one")
        world.spawn(nested(lock, map_), "two")

    (found,) = circular(build)
    assert found.reality == "refuted"
    assert found.because.startswith("within this scenario: none of its ")


@scenario("made/reclaim:mkdir", ground=place, shrinks="M")
def mkdir(at: Place) -> None:
    """Allocates under M."""
    at.world.spawn(at.allocates("GFP_KERNEL"), "mkdir")


@scenario("made/reclaim:mkdir_nofs", ground=place, shrinks="M")
def mkdir_nofs(at: Place) -> None:
    """The same with GFP_NOFS."""
    at.world.spawn(at.allocates("GFP_NOFS"), "mkdir")


@scenario("made/reclaim:kswapd", ground=place, shrinks="M")
def kswapd(at: Place) -> None:
    """Reclaim takes M."""
    at.world.spawn(at.reclaim.balance_pgdat(), "kswapd0")


@scenario("made/reclaim:other", ground=place, shrinks="M")
def other(at: Place) -> None:
    """Reclaim takes M in another way."""
    at.world.spawn(at.other_reclaim(), "kswapd0")


def predicted(*chosen: Scenario) -> list[Prediction]:
    """What is predicted over these, tried out."""
    explored = []
    for one in chosen:
        session = Session(one, Options())
        result = session.explore()
        lessons = tuple(lesson for part in session.judge.lessons for lesson in part)
        explored.append(Explored(one, result, lessons))
    known = {one.name: one for one in chosen}
    predictor = Predictor(explored, known, Options(executions=3000, rules=("deadlock",)))
    found = predictor.predictions()
    for prediction in found:
        predictor.settle(prediction)
    return found


def test_over_scenarios_it_is_confirmed_with_memory_short() -> None:
    (found,) = predicted(mkdir, kswapd)
    assert found.reality == "confirmed"
    token = parse_token(found.token)
    assert dict(token.parameters) == {"reclaim": "1"}
    assert predicted(mkdir_nofs, kswapd) == []


def test_over_scenarios_it_is_refuted_where_no_shrinker_takes_the_lock() -> None:
    given = [each.with_parameters({"shrinks": "N"}) for each in (mkdir, other)]
    (found,) = predicted(*given)
    assert found.reality == "refuted"
    assert found.because.endswith(f"deadlocks on it: {NOT_TAKEN}")


def test_every_scenario_can_be_explored_with_memory_short() -> None:
    """Alone it deadlocks with itself: the second task of the prediction is not needed."""
    assert "deadlock" not in {each.kind for each in explore(mkdir).findings}
    result = explore(mkdir.with_parameters({"reclaim": "1"}))
    assert "deadlock" in {each.kind for each in result.findings}
    assert mkdir.with_parameters({"reclaim": "1"}).with_parameters({"reclaim": "0"}).given == {}


@pytest.mark.parametrize("text", ["-1", "x", "", "1.5", "²"])
def test_how_often_memory_is_short_is_a_number(text: str) -> None:
    with pytest.raises(UsageError, match=r"reclaim is how many allocations .*, 0 or more, not '"):
        mkdir.with_parameters({"reclaim": text})


def test_a_budget_of_the_scenario_is_not_made_smaller() -> None:
    @scenario("made/reclaim:own")
    def build(world: World) -> None:
        world.state = Reclaim(world, 3)

        async def task() -> None:
            await might_alloc(GFP_KERNEL)

        world.spawn(task(), "task")

    for given, left in (("1", 3), ("5", 5)):
        world = World()
        build.with_parameters({"reclaim": given}).set_up(world)
        assert (world.reclaim, world.reclaim.left.value) == (world.state, left)
