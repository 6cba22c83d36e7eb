"""The bounded search against a filter over every schedule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

import pytest

from lockwright.core.errors import ModelError, NondeterminismError, UsageError
from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.bounded import Bounded, bounded_search
from lockwright.explore.estimate import estimated
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from tests.explore.making import making
from tests.explore.small_programs import final_state, random_program
from tests.schedule.sampling import Schedule

PLAIN_MAX = 300
CHUNKS = 4
PROGRAMS = 30


def preemptions(make: MakeWorld, schedule: Schedule) -> int:
    """How often a schedule leaves a task that could have gone on."""
    world, last, count = make(Names()), None, 0
    for index, value in schedule:
        task = world.tasks[index]
        count += last is not None and last is not task and last in world.enabled()
        world.step(task, value)
        last = task
    world.close()
    return count


def programs(chunk: int) -> Iterator[tuple[MakeWorld, dict[Schedule, int]]]:
    """Programs with all their schedules, and how many preemptions each has."""
    for seed in range(70_000 + chunk * PROGRAMS, 70_000 + (chunk + 1) * PROGRAMS):
        make = making(random_program(seed).build)
        runs = list(islice(plain_search(make), PLAIN_MAX + 1))
        if len(runs) <= PLAIN_MAX:
            taken = [tuple(run.schedule) for run in runs]
            yield make, {schedule: preemptions(make, schedule) for schedule in taken}


def taken(search: Bounded) -> list[Schedule]:
    return [tuple(run.schedule) for run in search]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_it_takes_each_schedule_within_the_bound_once_and_no_other(chunk: int) -> None:
    compared = beyond = 0
    for make, everything in programs(chunk):
        most = max(everything.values())
        for bound in (0, 1, 2, 3, None):
            search = bounded_search(make, bound)
            schedules = taken(search)
            wanted = {
                schedule
                for schedule, count in everything.items()
                if bound is None or count <= bound
            }
            assert set(schedules) == wanted
            assert len(schedules) == len(wanted)
            assert [everything[schedule] for schedule in schedules] == sorted(
                everything[schedule] for schedule in wanted
            )
            assert search.cut_off == (len(wanted) < len(everything))
            assert search.bound == (most if bound is None else min(bound, most))
            beyond += search.cut_off
        compared += 1
    assert compared >= 15
    assert beyond >= 20


def test_without_preemptions_the_tasks_run_one_after_the_other() -> None:
    def build(world: World) -> None:
        x = Variable(world, 0, "x")

        async def task() -> None:
            await READ_ONCE(x)
            await WRITE_ONCE(x, 1)

        for name in "abc":
            world.spawn(task(), name)

    assert len(taken(bounded_search(making(build), 0))) == 6
    # With one, the task that comes first (3) is broken off for one of the two others, which ends,
    # and then its rest and the third task come in either order: 3 * 2 * 2.  Or the second one is
    # broken off for the third: 3 * 2.
    assert len(taken(bounded_search(making(build), 1))) == 6 + 12 + 6


def test_a_switch_from_a_task_that_waits_is_no_preemption() -> None:
    def build(world: World) -> None:
        mutex, x = Mutex(world, "m"), Variable(world, 0, "x")

        async def holder() -> None:
            await mutex.lock()
            await WRITE_ONCE(x, 1)
            await mutex.unlock()

        async def waiter() -> None:
            await READ_ONCE(x)
            await mutex.lock()
            await mutex.unlock()

        world.spawn(holder(), "holder")
        world.spawn(waiter(), "waiter")

    # One preemption, of the holder: the waiter reads, waits, and the holder goes on for nothing.
    schedules = taken(bounded_search(making(build), 1))
    assert ((0, 0), (1, 0), (0, 0), (0, 0), (1, 0), (1, 0)) in schedules


# Its state


def test_it_can_be_taken_up_again_after_any_run() -> None:
    compared = 0
    for make, everything in islice(programs(0), 5):
        for bound in (1, None):
            whole = taken(bounded_search(make, bound))
            for at in range(1, len(whole) + 1, max(1, len(everything) // 7)):
                search = bounded_search(make, bound)
                begun = [tuple(run.schedule) for run in islice(search, at)]
                state = json.loads(json.dumps(search.export()))
                again = Bounded.restore(make, state, bound)
                assert begun + taken(again) == whole
                undisturbed = bounded_search(make, bound)
                taken(undisturbed)
                assert (again.bound, again.cut_off) == (undisturbed.bound, undisturbed.cut_off)
                compared += 1
    assert compared > 30


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"bound": 1, "cut_off": True, "given": 1, "before": 0, "left": [[[0, 0]]], "known": [0]},
        {"bound": 1, "cut_off": True, "given": 1, "before": 0, "left": [[[0, 0]]], "known": []},
        {"bound": 1, "cut_off": True, "given": 1, "before": 0, "left": [7], "known": [1]},
        {"bound": 3, "cut_off": True, "given": 1, "before": 0, "left": [], "known": []},
    ],
)
def test_a_state_that_is_none_is_refused(state: dict[str, object]) -> None:
    make = making(random_program(3).build)
    with pytest.raises((KeyError, TypeError, ValueError)):  # the caller's to say
        Bounded.restore(make, state, 2)


def test_the_estimate_is_exact_at_the_end_and_never_less_than_what_was_seen() -> None:
    for make, everything in islice(programs(1), 10):
        search = bounded_search(make)
        for count, _ in enumerate(search, 1):
            assert search.given == count
            assert search.before == sum(had < search.bound for had in everything.values())
            rest = estimated(count - search.before, search.branching())
            assert search.before + rest >= count
        assert search.given == len(everything)
        assert search.branching() == []


def test_a_bound_below_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="a bound of -1 preemptions: expected 0 or more"):
        bounded_search(making(random_program(3).build), -1)


def test_every_final_state_is_reached_in_the_end() -> None:
    for make, _ in islice(programs(2), 10):
        wanted = {final_state(run.world) for run in plain_search(make)}
        assert {final_state(run.world) for run in bounded_search(make)} == wanted


def test_a_model_that_is_not_deterministic_is_an_error() -> None:
    executions: list[None] = []

    def build(world: World) -> None:
        executions.append(None)
        x, lock = Variable(world, 0, "x"), Mutex(world, "m")
        changed = len(executions) > 3

        async def task() -> None:
            if changed:
                await lock.lock()
            await READ_ONCE(x)
            await WRITE_ONCE(x, 1)

        world.spawn(task(), "one")
        world.spawn(task(), "two")

    with pytest.raises(NondeterminismError, match="is not deterministic: step 1 is not what it"):
        list(bounded_search(making(build), 2))


def test_an_endless_execution_is_an_error() -> None:
    def build(world: World) -> None:
        x = Variable(world, 0, "x")

        async def spin() -> None:
            while not await READ_ONCE(x):
                pass

        world.spawn(spin(), "spinner")

    with pytest.raises(ModelError, match="more than 20000 steps, the last of spinner in "):
        list(bounded_search(making(build), 0))
