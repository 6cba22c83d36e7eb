"""PCT keeps its theorem's promise: exactly on small programs, and over seeds on planted bugs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations, permutations
from types import SimpleNamespace
from typing import Any

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.task import Task
from lockwright.explore.guided import guided_search
from lockwright.explore.run import MakeWorld
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.schedule.pct import MEASURES, Pct
from tests.schedule.sampling import (
    Shared,
    deviation,
    frequencies,
    limit,
    program,
    schedules,
    tasks_of,
    told,
)

SEEDS = 1000

# The theorem, counted: every initial order of the tasks, every choice of change points

Event = tuple[int, int]
"""(task, which of its events)."""


class Scripted(Pct):
    """One execution with given priorities and change points."""

    def __init__(self, priorities: tuple[int, ...], changes: tuple[int, ...]) -> None:
        super().__init__(0, 1, depth=len(changes) + 1, horizon=1)
        self.given = (priorities, changes)

    def started(self) -> None:
        priorities, changes = self.given
        super().started()
        self.priority = [float(self.depth + priority) for priority in priorities]
        self.waiting = [False] * len(priorities)
        self.changes = {event: float(low) for low, event in enumerate(changes, 1)}


def execution(shape: tuple[int, ...], oracle: Pct) -> tuple[Event, ...]:
    """What an oracle makes of tasks that have so many events each and never wait."""
    tasks: list[Any] = [SimpleNamespace(index=index) for index in range(len(shape))]
    done = [0] * len(shape)
    events: list[Event] = []
    oracle.begin()
    while enabled := [task for task in tasks if done[task.index] < shape[task.index]]:
        index = oracle.pick(enabled).index
        events.append((index, done[index]))
        done[index] += 1
    return tuple(events)


def constraints_of(
    shape: tuple[int, ...], executions: list[tuple[Event, ...]], depth: int
) -> Iterator[int]:
    """Each set of executions that `depth` constraints force, as a bit mask, if there are any."""
    events = [(task, nth) for task, length in enumerate(shape) for nth in range(length)]
    single = [
        sum(1 << bit for bit, run in enumerate(executions) if run.index(a) < run.index(b))
        for a in events
        for b in events
        if a[0] != b[0]
    ]
    seen = set()
    for chosen in combinations(single, depth):
        forced = -1
        for mask in chosen:
            forced &= mask
        if forced and forced not in seen:
            seen.add(forced)
            yield forced


@pytest.mark.parametrize(
    ("shape", "depth"),
    [
        *(((2, 2), depth) for depth in (1, 2, 3)),
        *(((2, 2, 1), depth) for depth in (1, 2, 3, 4)),
        ((2, 1, 1), 3),
        ((3, 3), 3),
        ((2, 2, 2), 4),
    ],
)
def test_every_bug_of_a_depth_is_as_likely_as_promised(shape: tuple[int, ...], depth: int) -> None:
    tasks, length = len(shape), sum(shape)
    taken: Counter[tuple[Event, ...]] = Counter()
    for priorities in permutations(range(tasks)):
        for changes in permutations(range(1, length + 1), depth - 1):
            taken[execution(shape, Scripted(priorities, changes))] += 1
    everything = list(_interleavings(shape, (), [0] * tasks))
    bugs = list(constraints_of(shape, everything, depth))
    assert len(bugs) > 5
    for bug in bugs:
        hits = sum(taken[run] for bit, run in enumerate(everything) if bug >> bit & 1)
        # hits / draws >= 1 / (n * k ** (d - 1))
        assert hits * tasks * length ** (depth - 1) >= taken.total()


def _interleavings(
    shape: tuple[int, ...], before: tuple[Event, ...], done: list[int]
) -> Iterator[tuple[Event, ...]]:
    if done == list(shape):
        yield before
    for task, length in enumerate(shape):
        if done[task] < length:
            after = [count + (at == task) for at, count in enumerate(done)]
            yield from _interleavings(shape, (*before, (task, done[task])), after)


class Watched(Pct):
    """Keeps the initial order of the tasks, lowest first."""

    order: tuple[int, ...] = ()

    def pick(self, enabled: list[Task]) -> Task:
        first = not self.priority
        if first:
            changes, self.changes = self.changes, {}
            super().pick(enabled)  # draws
            self.order = tuple(sorted(range(3), key=self.priority.__getitem__))
            self.changes, self.events, self.waiting = changes, 0, [False] * 3
        return super().pick(enabled)


def test_priorities_and_change_points_are_drawn_evenly() -> None:
    # Nothing is left to the draws but the order of three tasks and two of the six events, in
    # order: 6 * 30 draws, each as likely as any other.
    make = program(*(lambda shared: shared.alone(2) for _ in range(3)))
    drawn: Counter[Any] = Counter()
    oracle = Watched(1, 9000, depth=3, horizon=6)
    for _ in guided_search(make, oracle):
        changes = tuple(sorted(oracle.changes, key=oracle.changes.__getitem__))
        assert sorted(oracle.changes.values()) == [1.0, 2.0]
        drawn[oracle.order, changes] += 1
    wanted = [(o, c) for o in permutations(range(3)) for c in permutations(range(1, 7), 2)]
    assert deviation(drawn, wanted) < limit(180)


# Planted bugs


async def _sees_after_two(shared: Shared) -> None:
    await shared.alone(2)
    first = await READ_ONCE(shared.x)
    await shared.alone(1)
    second = await READ_ONCE(shared.x)
    shared.seen.append(f"{first}{second}")


async def _writes_twice(shared: Shared) -> None:
    await shared.alone(1)
    await WRITE_ONCE(shared.x, 1)
    await shared.alone(1)
    await WRITE_ONCE(shared.x, 2)
    await shared.alone(1)


BUGS: dict[int, Callable[[str], bool]] = {
    1: lambda seen: seen.startswith("0"),  # one read comes before the first write
    2: lambda seen: seen.startswith("1"),  # ... between the two writes: two constraints
    3: lambda seen: seen == "12",  # ... and the other after them: three
}


def planted(bystanders: int) -> MakeWorld:
    """Bugs of depth 1, 2 and 3 between two tasks, and tasks that have nothing to do with it."""
    others = [lambda shared: shared.alone(2)] * bystanders
    return program(*others[:1], _sees_after_two, _writes_twice, *others[1:])


def found(make: MakeWorld, depth: int, bug: int, *, horizon: int = 0) -> int:
    """How many of the seeds find a bug in their first execution after those that measure."""
    hits = 0
    for seed in range(SEEDS):
        measures = 0 if horizon else MEASURES
        oracle = Pct(seed, 1, depth=depth, horizon=horizon, first=measures)
        (run,) = guided_search(make, oracle)
        hits += BUGS[bug](told(run))
    return hits


@pytest.mark.parametrize("bystanders", [0, 2])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_planted_bug_is_found_as_often_as_promised(depth: int, bystanders: int) -> None:
    tasks, length = 2 + bystanders, 10 + 2 * bystanders
    make = planted(bystanders)
    assert found(make, depth, depth) >= SEEDS / (tasks * length ** (depth - 1))


def test_a_bug_of_depth_3_is_beyond_fewer_change_points() -> None:
    make = planted(0)
    assert [found(make, depth, 3, horizon=10) for depth in (1, 2)] == [0, 0]
    assert found(make, 1, 2, horizon=10) == 0


def test_a_horizon_that_is_too_short_finds_less() -> None:
    make = planted(0)
    assert found(make, 3, 3, horizon=4) < found(make, 3, 3, horizon=10) / 2


# Its horizon, and tasks that come late


async def _short_or_long(shared: Shared) -> None:
    if await READ_ONCE(shared.x):
        await shared.alone(20)


async def _sets(shared: Shared) -> None:
    await WRITE_ONCE(shared.x, 1)


def test_the_horizon_is_the_longest_measured_execution() -> None:
    # 2 steps if the reader comes first, 22 if the writer does: one execution would not do.
    make = program(_short_or_long, _sets)
    lengths, horizons = [], []
    for seed in range(20):
        oracle = Pct(seed, MEASURES + 5, depth=3)
        runs = schedules(make, oracle)
        lengths.append({len(schedule) for schedule in runs[:MEASURES]})
        horizons.append(oracle.horizon)
        assert oracle.horizon == max(len(schedule) for schedule in runs[:MEASURES])
    assert {2, 22} in lengths
    assert horizons.count(22) >= 18


def test_measuring_has_no_change_points() -> None:
    # Without one, a task that runs goes on as long as it can.
    make = program(*(lambda shared: shared.alone(3) for _ in range(3)))
    oracle = Pct(5, 40, depth=3)
    orders = [tasks_of(run) for run in guided_search(make, oracle)]
    whole = {"".join(str(task) * 3 for task in order) for order in permutations(range(3))}
    assert set(orders[:MEASURES]) <= whole
    assert not set(orders[MEASURES:]) <= whole


async def _parent(shared: Shared) -> None:
    await shared.alone(1)
    shared.world.spawn(shared.alone(1), "first child")
    shared.world.spawn(shared.alone(1), "second child")


def test_a_task_that_comes_late_gets_a_place_like_any_other() -> None:
    # Tasks 0 (the parent), 1, and the children 2 and 3, by priority: in 12 of 24 orders 1 is above
    # the parent and runs first; else the parent does, and then the three others run in their order.
    make = program(_parent, lambda shared: shared.alone(1))
    seen = frequencies(make, Pct(3, 4800, depth=1), tasks_of)
    expected: Counter[str] = Counter()
    for order in permutations(range(4)):
        first = "10" if order.index(1) < order.index(0) else "0"
        expected[first + "".join(str(task) for task in order if str(task) not in first)] += 200
    chi_square = sum((seen[run] - many) ** 2 / many for run, many in expected.items())
    assert set(seen) == set(expected)
    assert chi_square < limit(len(expected))


def test_a_depth_or_a_horizon_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="pct: a depth of 0 and a horizon of 0; expected"):
        Pct(1, 10, depth=0)
    with pytest.raises(UsageError, match="pct: a depth of 3 and a horizon of -1; expected"):
        Pct(1, 10, horizon=-1)


def test_a_program_shorter_than_its_change_points_runs_all_the_same() -> None:
    make = program(lambda shared: shared.alone(1))
    assert schedules(make, Pct(1, MEASURES + 3, depth=9)) == [((0, 0),)] * (MEASURES + 3)
