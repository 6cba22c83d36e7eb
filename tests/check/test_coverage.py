"""What an exploration covers: races in both orders, lock orders, states of objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from lockwright.checkpoint import checkpoint_text, read_checkpoint, resumed
from lockwright.core.boot import boot
from lockwright.core.coverage import Coverage, Orders, Pair, merged
from lockwright.core.errors import UsageError
from lockwright.core.location import Names
from lockwright.core.result import Progress, Result
from lockwright.core.world import World
from lockwright.covering import Covering
from lockwright.explore.dpor import Dpor
from lockwright.explore.guided import guided_search
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld, Run
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable, wait_until
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.refcount import Refcount, refcount_dec_and_test, refcount_inc
from lockwright.kernel.slab import Field, Slab, kfree
from lockwright.options import Options
from lockwright.report.coverage import coverage_text
from lockwright.scenario import Scenario
from lockwright.schedule.strategies import SAMPLERS, sampler
from lockwright.session import Session, explore
from tests.explore.contended_programs import contended_program
from tests.explore.small_programs import random_program

Build = Callable[[World], None]
Search = Callable[[MakeWorld], Iterable[Run]]
PLAIN_MAX = 400
FAIR = (459, 860)
"""Sections under locks whose acquire does not wait itself: it queues, and another step waits."""


def covered(search: Search, build: Build, most: int | None = None) -> Coverage | None:
    """What a search covers; None if it has more executions than that."""
    covering = Covering()

    def make(names: Names) -> World:
        world = covering.world(names)
        build(world)
        return world

    for executions, run in enumerate(search(make)):
        if executions == most:
            return None
        covering.judge(run)
        run.world.close()
    return covering.coverage


def orders(coverage: Coverage) -> set[tuple[Pair, bool]]:
    """The orders that were seen: each pair, with which of the two came first."""
    return {
        (pair, first)
        for pair, seen in coverage.pairs.items()
        for first, count in zip((True, False), seen, strict=True)
        if count
    }


def by_sections(make: MakeWorld) -> Iterable[Run]:
    return Dpor(make, granularity="section")


# Against brute force


def few(seed: int) -> Build:
    return random_program(seed).build


def many(seed: int) -> Build:
    return contended_program(seed).build


@pytest.mark.parametrize(
    ("program", "seeds", "compared_min"),
    [
        pytest.param(few, (*range(0, 60, 3), *FAIR), 14, id="few"),
        pytest.param(few, range(1000, 1600), 500, id="few-more", marks=pytest.mark.slow),
        pytest.param(many, range(150), 30, id="many", marks=pytest.mark.slow),
    ],
)
def test_a_search_of_every_trace_covers_what_one_of_all_interleavings_does(
    program: Callable[[int], Build], seeds: Sequence[int], compared_min: int
) -> None:
    compared = several = 0
    for seed in seeds:
        build = program(seed)
        every = covered(plain_search, build, PLAIN_MAX)
        if every is None:
            continue
        reduced, sections = covered(Dpor, build), covered(by_sections, build)
        assert reduced is not None
        assert sections is not None
        assert orders(reduced) == orders(every), seed
        assert states(reduced) == states(every), seed
        assert orders(sections) <= orders(every), seed
        for name in SAMPLERS:
            some = covered(partial(sampled, name), build)
            assert some is not None
            assert orders(some) <= orders(every), (name, seed)
        compared += 1
        several += len(every.pairs) > 1
    assert compared >= compared_min
    assert several >= compared / 3


def sampled(name: str, make: MakeWorld) -> Iterable[Run]:
    return guided_search(make, sampler(name, 1, 8))


def states(coverage: Coverage) -> dict[str, set[str]]:
    """The states that were seen, without how often."""
    return {what: set(values) for what, values in coverage.states.items()}


# By hand


def counters(world: World) -> None:
    """One task writes x, another reads it, and both count y in the same function."""
    x, y = Variable(world, 0, "x"), Variable(world, 0, "y")

    async def count() -> None:
        await WRITE_ONCE(y, 1)

    async def writer() -> None:
        await WRITE_ONCE(x, 1)
        await count()

    async def reader() -> None:
        await READ_ONCE(x)
        await count()

    world.spawn(writer(), "writer")
    world.spawn(reader(), "reader")


def test_each_pair_is_counted_by_the_executions_that_have_it_in_each_order() -> None:
    # x is written or read first, y is counted by the one or by the other first: 4 traces, of which
    # one is impossible: who comes to y first has done x before, and the other's x may come first
    # or later all the same.  (w r W R), (w r R W), (r w W R), (r w R W); each has both races.
    coverage = explored(counters).coverage
    assert coverage is not None
    assert coverage.executions == 4
    assert coverage.pairs == {
        Pair("x", "reader() READ_ONCE", "writer() WRITE_ONCE"): Orders(2, 2),
        Pair("y", "count() WRITE_ONCE", "count() WRITE_ONCE"): Orders(2, 2),
    }
    assert coverage.both() == sorted(coverage.pairs)
    # two orders of each of two pairs; x and y are 0 or 1, as READ_ONCE and WRITE_ONCE left them
    assert coverage.states == {"x": {"0": 2, "1": 4}, "y": {"1": 4}}
    assert coverage.score() == 2 * 2 + 0 + 3


def explored(build: Build, **options: object) -> Result:
    """The result of a scenario with its coverage."""
    scenario = Scenario("test/coverage:one", build)
    return explore(scenario, replace(Options(coverage=True), **options))  # type: ignore[arg-type]  # by name


def test_the_first_execution_alone_has_every_pair_in_one_order() -> None:
    coverage = explored(counters, strategy="dfs", executions=1).coverage
    assert coverage is not None
    assert coverage.both() == []
    assert coverage.pairs == {
        Pair("x", "reader() READ_ONCE", "writer() WRITE_ONCE"): Orders(0, 1),
        Pair("y", "count() WRITE_ONCE", "count() WRITE_ONCE"): Orders(1, 0),
    }


def abba(world: World) -> None:
    a, b = Mutex(world, "A"), Mutex(world, "B")

    async def ab() -> None:
        await a.lock()
        await b.lock()
        await b.unlock()
        await a.unlock()

    async def ba() -> None:
        await b.lock()
        await a.lock()
        await a.unlock()
        await b.unlock()

    world.spawn(ab(), "one")
    world.spawn(ba(), "two")


@pytest.mark.parametrize("strategy", ["dpor", "dfs"])
def test_of_locks_acquires_race_and_so_does_what_waits_for_ever(strategy: str) -> None:
    coverage = explored(abba, strategy=strategy).coverage
    assert coverage is not None
    locks = {
        Pair("A", "ab() mutex_lock", "ba() mutex_lock"),
        Pair("B", "ab() mutex_lock", "ba() mutex_lock"),
    }
    assert set(coverage.pairs) == locks
    assert set(coverage.both()) == locks
    assert sorted(coverage.lock_orders) == ["A -> B (EN)", "B -> A (EN)"]


def test_in_a_deadlock_each_side_holds_the_other_off() -> None:
    scenario = Scenario("test/coverage:abba", abba)
    session = Session(scenario, Options(strategy="dfs", coverage=True))
    session.begin()
    assert session.search is not None
    for run in session.search:
        if run.world.blocked():
            alone = Covering()
            alone.judge(run)
            assert alone.coverage.pairs == {
                Pair("A", "ab() mutex_lock", "ba() mutex_lock"): Orders(1, 0),
                Pair("B", "ab() mutex_lock", "ba() mutex_lock"): Orders(0, 1),
            }
            return
    raise AssertionError("no deadlock")


class Box(Slab):
    """What lives and is freed."""

    cache = "box"
    dead: Field[bool] = Field(False)
    text: Field[str] = Field("")


class Table(Slab):
    """What boxes are kept in."""

    cache = "table"
    slot: Field[Box | None] = Field(None)


def one_way(world: World) -> None:
    """The reader looks at the box only when the writer has said that it may."""
    box, ready = Box(world, "b3"), Variable(world, 0, "ready")

    async def writer() -> None:
        await WRITE_ONCE(ready, 1)
        box.dead = True

    async def reader() -> None:
        if await READ_ONCE(ready):
            _ = box.dead

    world.spawn(writer(), "writer")
    world.spawn(reader(), "reader")


def test_a_complete_search_says_what_never_comes_the_other_way_round() -> None:
    result = explored(one_way, rules=("deadlock",))
    assert result.complete
    assert coverage_text(result).splitlines() == [
        "test/coverage:one: 1 of 2 racing pairs seen in both orders, 0 lock orders, 5",
        "  states of 3 things",
        "  these never come the other way round, in no schedule:",
        "    box->dead: writer() write before reader() read",
    ]


def lives(world: World) -> None:
    """A box is published, looked at, taken out, and freed after a grace period."""
    table, rcu = Table(world, "t"), Rcu(world)
    lock = Mutex(world, "lock")

    async def keeper() -> None:
        await lock.lock()
        box = Box(world, "b1")
        count = Refcount(world, 1, owner=box)
        table.slot = box
        await refcount_inc(count)
        box.dead = True
        table.slot = None
        await refcount_dec_and_test(count)
        await lock.unlock()
        await rcu.kfree_rcu(box)

    world.spawn(keeper(), "keeper")


def test_the_states_of_an_objects_life_are_told() -> None:
    coverage = explored(lives).coverage
    assert coverage is not None
    assert coverage.pairs == {}
    assert coverage.states == {
        "box->dead": {"False": 1, "True": 1},
        "box.count": {"1": 1, "2": 1},
        "box: life": {"freed": 1, "in table->slot": 1, "live": 1, "waiting for a grace period": 1},
        "table->slot": {"NULL": 1, "set": 1},
        "table: life": {"live": 1},
    }


def woken(world: World) -> None:
    """Two tasks wait for the same flag, which nobody uses up, and touch the same box."""
    box, flag = Box(world, "b4"), Variable(world, 0, "flag")

    async def sleeper() -> None:
        await wait_until(flag, bool)
        box.dead = True

    async def waker() -> None:
        await WRITE_ONCE(flag, 1)

    world.spawn(sleeper(), "one")
    world.spawn(sleeper(), "two")
    world.spawn(waker(), "waker")


def test_who_waits_for_one_thing_without_using_it_up_races_for_another() -> None:
    # the waits come after the wakeup, whichever is first; that they do cannot be reversed
    coverage = explored(woken, rules=("deadlock",)).coverage
    assert coverage is not None
    assert coverage.pairs == {Pair("box->dead", "sleeper() write", "sleeper() write"): Orders(1, 1)}


def booted(world: World) -> None:
    """What is set up by code that runs before the tasks; each of these reads and then writes."""
    box, flag = Box(world, "b5"), Variable(world, 0, "flag")

    async def first_of_all() -> None:
        await WRITE_ONCE(flag, 1)
        await WRITE_ONCE(flag, 2)

    async def other() -> None:
        await READ_ONCE(flag)
        box.dead = not box.dead

    async def turn() -> None:
        await READ_ONCE(flag)
        box.dead = not box.dead

    boot(world, first_of_all())
    world.spawn(turn(), "one")
    world.spawn(other(), "two")


def test_steps_before_the_tasks_are_none_and_a_write_counts_for_more_than_a_read() -> None:
    coverage = explored(booted, rules=("deadlock",)).coverage
    assert coverage is not None
    assert coverage.pairs == {Pair("box->dead", "other() write", "turn() write"): Orders(1, 1)}


def late(world: World) -> None:
    """A box is freed while somebody may look at it."""
    box, lock = Box(world, "b2"), Mutex(world, "lock 7")

    async def look() -> None:
        await lock.lock()
        _ = box.dead
        await lock.unlock()

    async def free() -> None:
        await kfree(box)

    world.spawn(look(), "look")
    world.spawn(free(), "free")


def test_plain_code_is_told_by_the_operation_before_it() -> None:
    coverage = explored(late).coverage
    assert coverage is not None
    assert set(coverage.pairs) == {Pair("box: life", "free() kfree", "look() read")}
    assert coverage.pairs.popitem()[1].both


# Adding up, comparing, reading back

ONE, OTHER = Pair("x", "a() w", "b() r"), Pair("y", "a() w", "b() r")


def example() -> Coverage:
    return Coverage(
        3,
        {ONE: Orders(2, 1), OTHER: Orders(3, 0)},
        {"A -> B (EN)": None},
        {"box: life": {"live": 3, "freed": 1}},
    )


def test_two_explorations_add_up() -> None:
    other = Coverage(2, {OTHER: Orders(0, 2)}, {"B -> A (EN)": None}, {"box: life": {"live": 2}})
    whole = merged([example(), other])
    assert whole.executions == 5
    assert whole.pairs == {ONE: Orders(2, 1), OTHER: Orders(3, 2)}
    assert list(whole.lock_orders) == ["A -> B (EN)", "B -> A (EN)"]
    assert whole.states == {"box: life": {"live": 5, "freed": 1}}
    assert merged([other, example()]).as_json() == whole.as_json()
    assert merged([]).score() == 0


def test_the_difference_is_what_the_other_has_not_seen() -> None:
    other = Coverage(9, {ONE: Orders(9, 0)}, {"A -> B (EN)": None}, {"box: life": {"live": 9}})
    left = example().beyond(other)
    assert left.pairs == {ONE: Orders(0, 1), OTHER: Orders(3, 0)}
    assert left.lock_orders == {}
    assert left.states == {"box: life": {"freed": 1}}
    assert other.beyond(example()).score() == 0
    assert example().beyond(Coverage()).as_json() == example().as_json()


def test_coverage_reads_back_and_the_result_with_it() -> None:
    made = explored(abba, version="0123abcd")
    again = Result.from_json(json.loads(made.to_text()))
    assert again.coverage == made.coverage
    assert again.to_text() == made.to_text()


def test_a_result_without_coverage_is_as_it_was_before_there_was_any() -> None:
    result = explored(abba, coverage=False)
    assert result.coverage is None
    assert "coverage" not in result.as_json()
    assert Result.from_json(result.as_json()).coverage is None


@pytest.mark.parametrize(
    "spoilt",
    [
        3,
        {},
        {"executions": -1, "pairs": [], "lock_orders": [], "states": {}},
        {"executions": 1, "pairs": [{"location": "x"}], "lock_orders": [], "states": {}},
        {"executions": 1, "pairs": [], "lock_orders": [1], "states": {}},
        {"executions": 1, "pairs": [], "lock_orders": [], "states": {"x": {"0": "1"}}},
        {"executions": 1, "pairs": [], "lock_orders": [], "states": {"x": 1}},
        {"executions": 1, "pairs": [], "lock_orders": [], "states": [3]},
    ],
)
def test_what_is_no_coverage_is_refused(spoilt: object) -> None:
    data = {**explored(abba).as_json(), "coverage": spoilt}
    with pytest.raises(UsageError, match="malformed result"):
        Result.from_json(data)


# The same whoever explores it, and without influence on what is explored


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"granularity": "operation"},
        {"strategy": "bounded", "bound": 1},
        {"strategy": "liveness"},
        {"strategy": "coverage", "executions": 30},
        {"prefix": ((0, 0), (0, 0))},
    ],
    ids=str,
)
def test_asking_for_coverage_changes_nothing_else(options: dict[str, object]) -> None:
    asked, plain = explored(abba, **options), explored(abba, coverage=False, **options)
    assert asked.coverage is not None
    assert asked.coverage.executions == asked.executions
    assert replace(asked, coverage=None).to_text() == plain.to_text()


@pytest.mark.parametrize("granularity", ["operation", "section"])
def test_below_a_prefix_is_covered_what_can_follow_it(granularity: str) -> None:
    whole = explored(counters, granularity=granularity).coverage
    below = explored(counters, granularity=granularity, prefix=((1, 0),)).coverage
    assert whole is not None
    assert below is not None
    reader_first = Pair("x", "reader() READ_ONCE", "writer() WRITE_ONCE")
    # what comes after the read is the same as in the two executions of `whole` that begin so
    assert below.pairs[reader_first] == (below.executions, 0)
    assert orders(below) == orders(whole) - {(reader_first, False)}
    locked = explored(abba, granularity=granularity, prefix=((0, 0), (1, 0))).coverage
    assert locked is not None
    worker = ("ab() mutex_lock", "ba() mutex_lock")
    assert locked.pairs == {Pair("A", *worker): Orders(1, 0), Pair("B", *worker): Orders(0, 1)}


def busy(world: World) -> None:
    """Three tasks that write two words, and read them."""
    x, y = Variable(world, 0, "x"), Variable(world, 0, "y")

    async def turn() -> None:
        await WRITE_ONCE(x, 1)
        await READ_ONCE(y)
        await WRITE_ONCE(y, 1)
        await READ_ONCE(x)

    for nth in range(3):
        world.spawn(turn(), f"turn-{nth}")


@pytest.mark.parametrize("options", [{}, {"strategy": "coverage", "executions": 300}], ids=str)
def test_two_processes_cover_what_one_does(options: dict[str, object]) -> None:
    alone, together = explored(busy, **options), explored(busy, jobs=2, **options)
    assert alone.executions > 256
    assert alone.coverage is not None
    assert len(alone.coverage.pairs) > 1
    assert together.coverage == alone.coverage
    assert together.to_text() == alone.to_text()


class Left(Exception):
    """Somebody stops looking."""


def test_an_exploration_that_is_taken_up_again_covers_what_it_would_have() -> None:
    scenario = Scenario("test/coverage:kept", busy)
    options = Options(strategy="coverage", executions=40, coverage=True)
    session = Session(scenario, options)
    session.begin()

    def leave(progress: Progress) -> None:
        if progress.executions == 25:
            raise Left("25 are enough")

    with pytest.raises(Left, match="enough"):
        session.explore(leave)
    text = checkpoint_text(session)
    again = resumed(scenario, options, read_checkpoint(text)).explore()
    assert again.to_text() == explore(scenario, options).to_text()
    with pytest.raises(UsageError, match="the checkpoint is of another option coverage"):
        resumed(scenario, replace(options, coverage=False), read_checkpoint(text))


# In words


def test_the_text_says_what_was_not_seen_in_both_orders() -> None:
    result = Result("test/coverage:text", "", {}, "random", coverage=example())
    same = Pair(
        "eventfs_mutex", "eventfs_remove_rec() mutex_lock", "eventfs_remove_rec() mutex_lock"
    )
    assert result.coverage is not None
    result.coverage.pairs[same] = Orders(0, 4)
    assert coverage_text(result).splitlines() == [
        "test/coverage:text: 1 of 3 racing pairs seen in both orders, 1 lock order, 2",
        "  states of 1 thing",
        "  these were seen in one order only:",
        "    eventfs_mutex: eventfs_remove_rec() mutex_lock of both tasks, the later task",
        "      first",
        "    y: a() w before b() r",
    ]
    result.complete = True
    assert "  these never come the other way round, in no schedule:" in coverage_text(result)
    assert coverage_text(Result("test/coverage:none", "", {}, "random")) == ""
