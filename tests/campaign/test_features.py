"""What an execution has covered, as numbers."""

from __future__ import annotations

from random import Random

import pytest

from lockwright.campaign.features import Novelty, features_of, gained
from lockwright.core.coverage import Coverage, Orders, Pair
from lockwright.core.location import Names
from lockwright.core.result import Result
from lockwright.core.schedule import parse_schedule
from lockwright.core.world import World
from lockwright.explore.guided import guided_search
from lockwright.judge import Judge
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.rwsem import RwSem
from lockwright.options import RULES
from lockwright.scenario import Scenario
from lockwright.schedule.pos import Pos
from lockwright.schedule.random_walk import RandomWalk
from lockwright.schedule.wishes import Wishes
from tests.explore.small_programs import random_program

PAIR = Pair("x", "f() read", "g() write")


def turning(world: World) -> None:
    """Two locks, in an order that depends on who comes first."""
    a, b, turn = Mutex(world, "A"), Mutex(world, "B"), [0]

    async def both() -> None:
        one, other = (a, b) if not turn else (b, a)
        await one.lock()
        turn.clear()
        if await other.trylock():
            await other.unlock()
        await one.unlock()

    for nth in range(2):
        world.spawn(both(), f"t{nth}")


def combined(world: World) -> None:
    """Whether and how one lock is taken inside the other depends on two flags together: that is
    new where each of them alone is not."""
    a, b = RwSem(world, "A"), Mutex(world, "B")
    flags = [Variable(world, 0, name) for name in "xy"]

    async def sets(flag: Variable) -> None:
        await WRITE_ONCE(flag, 1)

    async def nests() -> None:
        seen = [await READ_ONCE(flag) for flag in flags]
        if seen == [1, 1]:
            await a.down_read()
            await b.lock()
            await b.unlock()
            await a.up_read()
        elif seen == [0, 0]:
            await a.down_write()
            await b.lock()
            await b.unlock()
            await a.up_write()

    world.spawn(nests(), "nests")
    for flag in flags:
        world.spawn(sets(flag), f"sets_{flag.name}")


def programs() -> list[Scenario]:
    made = [Scenario("test/turning:two", turning), Scenario("test/combined:two", combined)]
    made += [
        Scenario(f"test/program:p{seed}", random_program(seed).build) for seed in range(400, 412)
    ]
    return made


def judged(scenario: Scenario) -> Judge:
    blank = Result(scenario.name, "", {}, "random")
    return Judge(scenario, RULES[:2], blank, coverage=True)


def test_a_feature_is_the_same_number_everywhere() -> None:
    coverage = Coverage(2, {PAIR: Orders(1, 0)}, {"A -> B (EN)": None}, {"x": {"0": 2}})
    # zlib's crc32 of the words joined by "\0": order, x, f() read, g() write, the one first;
    # lock order, A -> B, EN; state, x, 0
    assert set(features_of(coverage)) == {1896441071, 2392384848, 2544274731}


def test_each_order_each_kind_of_edge_and_each_value_is_a_feature() -> None:
    coverage = Coverage(5, {PAIR: Orders(2, 3)}, {"A -> B (EN, ER)": None}, {"x": {"0": 2, "1": 1}})
    features = features_of(coverage)
    assert len(features) == 6
    assert features == sorted(set(features))
    coverage.add(coverage)  # how often says nothing
    assert features_of(coverage) == features
    fewer = Coverage(1, {PAIR: Orders(0, 1)}, {"A -> B (ER)": None}, {"x": {"1": 1}})
    assert len(features_of(fewer)) == 3
    assert set(features_of(fewer)) < set(features)
    assert features_of(Coverage()) == []


@pytest.mark.parametrize("scenario", programs(), ids=lambda made: made.name)
def test_novelty_tells_of_each_execution_what_a_judge_of_its_own_would(
    scenario: Scenario,
) -> None:
    judge = judged(scenario)
    novelty = Novelty(judge, ())
    known: set[int] = set()
    quiet = 0

    def make_for(one: Judge):  # type: ignore[no-untyped-def]  # a MakeWorld
        def make(names: Names) -> World:
            world = one.world(names)
            one.begin(world)
            scenario.set_up(world)
            return world

        return make

    apart: list[list[int]] = []
    for at in range(40):
        alone = judged(scenario)
        (run,) = guided_search(make_for(alone), RandomWalk(1, 1, first=at))
        alone.judge(run)
        covered = alone.covered()
        assert covered is not None
        apart.append(features_of(covered))
    for run, own in zip(guided_search(make_for(judge), RandomWalk(1, 40)), apart, strict=True):
        judge.judge(run)
        fresh = novelty.fresh()
        assert bool(fresh) == bool(set(own) - known)
        # of the lock graph, what it has taught; of all else, everything
        assert set(own) - known <= set(fresh) <= set(own) or not fresh
        quiet += not fresh
        known.update(own)
    whole = judge.covered()
    assert whole is not None
    assert novelty.seen == known == set(features_of(whole))
    assert quiet > 10


def test_a_lock_order_alone_is_new_and_of_each_kind_once() -> None:
    scenario = Scenario("test/combined:two", combined)
    judge = judged(scenario)
    novelty = Novelty(judge, ())

    def make(names: Names) -> World:
        world = judge.world(names)
        judge.begin(world)
        scenario.set_up(world)
        return world

    fresh = []
    for schedule in ("1.2x0.2", "2.2x0.1", "6x0.1.2", "1.2.6x0", "1.2.6x0", "2x0.1.2.4x0"):
        (run,) = guided_search(make, Wishes(parse_schedule(schedule)))
        judge.judge(run)
        fresh.append(novelty.fresh())
    kinds = [features_of(Coverage(1, {}, {f"A -> B ({kind})": None})) for kind in ("EN", "SN")]
    told = [[set(kind) <= set(features) for kind in kinds] for features in fresh]
    # neither flag is set: A is taken to write; both are: to read; each alone was seen before
    assert told == [
        [False] * 2,
        [False] * 2,
        [True, False],
        [False, True],
        [False] * 2,
        [False] * 2,
    ]
    assert [bool(features) for features in fresh] == [True, True, True, True, False, False]


def test_what_others_know_is_not_new() -> None:
    scenario = programs()[5]
    first = judged(scenario)

    def make(names: Names) -> World:
        world = current.world(names)
        current.begin(world)
        scenario.set_up(world)
        return world

    current = first
    for run in guided_search(make, Pos(1, 20)):
        first.judge(run)
    covered = first.covered()
    assert covered is not None
    known = features_of(covered)
    assert len(known) > 5
    for missing in (None, Random(1).choice(known)):
        current = judged(scenario)
        novelty = Novelty(current, [feature for feature in known if feature != missing])
        fresh: list[list[int]] = []
        for run in guided_search(make, Pos(1, 20)):
            current.judge(run)
            fresh.append(novelty.fresh())
        told = [features for features in fresh if features]
        assert len(told) == (missing is not None)
        assert all(missing in features for features in told)


def test_it_needs_a_judge_that_was_asked_for_coverage() -> None:
    scenario = programs()[0]
    judge = Judge(scenario, RULES, Result(scenario.name, "", {}, "random"))
    with pytest.raises(ValueError, match="not asked for coverage"):
        Novelty(judge, ())


def test_what_a_piece_gained_is_what_nobody_knew_when_it_was_given_out() -> None:
    assert gained([("0", [1, 2, 3]), ("1", [2, 4])], [1, 9]) == 3
    assert gained([], [1]) == 0
