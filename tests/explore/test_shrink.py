"""Shrinking against brute force, and on bugs whose least cost is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import pytest

from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.schedule import Choice
from lockwright.core.world import World
from lockwright.explore.attempt import Attempts, Cost, Finish, Fresh, Key, Taken
from lockwright.explore.contexts import Contexts, Frontiers
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld, Run, trace_key
from lockwright.explore.shrink import Shrunk, shrink
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.program.machine import CompareSwap
from lockwright.schedule.wishes import Wishes
from tests.explore.making import making
from tests.explore.planting import Planted, costs, dice, planted
from tests.explore.small_programs import random_program

SEEDS = range(300, 345)
PLAIN_MAX = 400
ENOUGH = 100_000


@cache
def planted_programs() -> list[tuple[Planted, dict[Key, list[tuple[Cost, list[Choice]]]]]]:
    """Small programs, with all schedules of each finding."""
    found = []
    for seed in SEEDS:
        planting = Planted(random_program(seed))
        known = costs(planting, PLAIN_MAX)
        if known is not None:
            found.append((planting, known))
    assert len(found) > 20
    return found


def bugs() -> Iterator[tuple[Planted, Key, Cost, list[Choice]]]:
    """Each finding, what it costs at least, and the worst schedule for it."""
    for planting, known in planted_programs():
        for key, schedules in known.items():
            yield planting, key, min(cost for cost, _ in schedules), max(schedules)[1]


def cost(shrunk: Shrunk) -> Cost:
    return shrunk.preemptions, shrunk.steps, shrunk.tasks


def test_a_finding_ends_with_the_least_cost_of_all_its_schedules() -> None:
    improved = 0
    for planting, key, least, schedule in bugs():
        shrunk = shrink(planting.fresh, key, schedule, ENOUGH)
        assert cost(shrunk)[0] == least[0]
        assert shrunk.minimal
        improved += least[0] < max(planted_costs(planting, key))[0][0]
    assert improved > 100


def planted_costs(planting: Planted, key: Key) -> list[tuple[Cost, list[Choice]]]:
    return next(known[key] for other, known in planted_programs() if other is planting)


def test_with_enough_executions_steps_and_tasks_are_the_fewest_too() -> None:
    for planting, key, least, schedule in bugs():
        shrunk = shrink(planting.fresh, key, schedule, ENOUGH)
        assert shrunk.shortest
        assert cost(shrunk) == least


def test_the_enumeration_alone_ends_with_the_least_cost() -> None:
    longer = 0
    for planting, key, least, _ in bugs():
        # the shortest schedule: those with fewer preemptions may be longer
        shortest = min(planted_costs(planting, key), key=lambda each: (each[0][1], -each[0][0]))
        attempts = Attempts(planting.fresh)
        first = attempts.run(Wishes(shortest[1]), key)
        contexts = Contexts(attempts, key, first, ordered=False)
        assert contexts.search(ENOUGH, ENOUGH) == (True, True)
        assert contexts.best.cost == contexts.cost == least
        longer += least[1] > shortest[0][1]
    assert longer > 3


def test_if_the_order_of_independent_steps_counts_the_answer_is_the_same() -> None:
    for number, (planting, key, least, schedule) in enumerate(bugs()):
        if number % 4 == 0:
            shrunk = shrink(planting.fresh, key, schedule, ENOUGH, ordered=True)
            assert (cost(shrunk), shrunk.shortest) == (least, True)


@pytest.mark.parametrize("budget", [1, 2, 5, 12, 30])
def test_a_budget_is_kept_and_what_is_claimed_is_true(budget: int) -> None:
    proved = 0
    for planting, key, least, schedule in bugs():
        shrunk = shrink(planting.fresh, key, schedule, budget)
        before = next(c for c, s in planted_costs(planting, key) if s == schedule)
        assert shrunk.attempts <= budget
        assert least <= cost(shrunk) <= before
        if shrunk.minimal:
            assert shrunk.preemptions == least[0]
        if shrunk.shortest:
            assert cost(shrunk) == least
        proved += shrunk.minimal and before[0] > 0
    assert (proved == 0) == (budget == 1)


def test_the_schedule_shows_the_finding_in_its_last_step() -> None:
    for planting, key, _, schedule in bugs():
        shrunk = shrink(planting.fresh, key, schedule, ENOUGH)
        (make, finish), names = planting.fresh(), Names()
        world = make(names)
        for task, value in shrunk.schedule:
            assert key not in {(found.kind, found.signature) for found in world.findings}
            world.step(world.tasks[task], value)
        found = [each for each in finish(Run(world)) if (each.kind, each.signature) == key]
        assert [each.kind for each in found] == [key[0]]
        assert shrunk.finding is not None
        assert (shrunk.finding.kind, shrunk.finding.signature) == key


def test_the_same_finding_is_shrunk_in_the_same_way() -> None:
    for planting, key, _, schedule in bugs():
        once = shrink(planting.fresh, key, schedule, 20)
        again = shrink(planting.fresh, key, schedule, 20)
        assert (once.schedule, once.attempts) == (again.schedule, again.attempts)


def test_two_executions_have_one_name_if_and_only_if_they_are_one_trace() -> None:
    for planting, _ in planted_programs():
        frontiers = Frontiers()
        names, traces = [], []
        for run in plain_search(planting.make):
            taken = Taken(list(run.schedule), [], [], list(run.numbers), list(run.touched))
            names.append(frontiers.of(taken)[-1])
            traces.append(trace_key(run))
        pairs = set(zip(names, traces, strict=True))
        assert len(pairs) == len(set(names)) == len(set(traces))


# Known bugs


def fresh_of(make: MakeWorld, finish: Finish) -> Fresh:
    return lambda: (make, finish)


def lost_update(world: World) -> None:
    """Two tasks add 1 without a lock, after some steps of their own."""
    x = Variable(world, 0, "x")
    world.state = x

    async def add(own: Variable) -> None:
        await WRITE_ONCE(own, 1)
        old = await READ_ONCE(x)
        await WRITE_ONCE(x, old + 1)
        await WRITE_ONCE(own, 2)

    for name in ("one", "two"):
        world.spawn(add(Variable(world, 0, name)), name)


def lost(run: Run) -> Sequence[Finding]:
    if run.world.enabled() or run.world.state.value == 2:
        return []
    run.world.report(planted("lost", "update"))
    return run.world.findings


LOST = ("lost", "update")


def test_a_lost_update_needs_one_preemption() -> None:
    # Every switch that can be made is made; the last, after one has ended, is no preemption.
    schedule = [(0, 0), (1, 0)] * 4
    shrunk = shrink(fresh_of(making(lost_update), lost), LOST, schedule)
    assert cost(shrunk) == (1, 8, 2)
    assert (shrunk.minimal, shrunk.shortest) == (True, True)


def test_with_few_executions_moving_blocks_does_what_enumerating_does_not() -> None:
    def build(world: World) -> None:
        x, y = Variable(world, 0, "x"), Variable(world, 0, "y")

        async def reads() -> None:
            seen = []
            for _ in range(3):
                seen.append(await READ_ONCE(x))
                for _ in range(4):
                    await WRITE_ONCE(y, 1)
            if seen == [0, 1, 2]:
                world.report(planted("all", "seen"))

        async def writes() -> None:
            for value in range(3):
                await WRITE_ONCE(x, value)
                for _ in range(4):
                    await WRITE_ONCE(y, 2)

        world.spawn(reads(), "reads")
        world.spawn(writes(), "writes")

    fresh, key, budget = (
        fresh_of(making(build), lambda run: run.world.findings),
        ("all", "seen"),
        60,
    )
    # both go on step by step, the writes first
    schedule: list[Choice] = [(1, 0), (0, 0)] * 15
    attempts = Attempts(fresh)
    contexts = Contexts(attempts, key, attempts.run(Wishes(schedule), key), ordered=False)
    contexts.search(budget, budget)
    shrunk = shrink(fresh, key, schedule, budget)
    # the enumeration alone is still among the schedules with few preemptions, none of which will do
    assert contexts.cost[0] == 28
    assert shrunk.preemptions <= 10
    # reads | writes 0 and 1 | reads | writes 2, to the end; reads, to the end
    best = shrink(fresh, key, schedule, ENOUGH)
    assert (best.preemptions, best.minimal) == (3, True)


def test_a_bug_that_needs_no_preemption_ends_without_one() -> None:
    def build(world: World) -> None:
        x = Variable(world, 0, "x")

        async def first() -> None:
            await WRITE_ONCE(x, 1)
            await WRITE_ONCE(x, 2)

        async def second() -> None:
            if await READ_ONCE(x) == 0:
                world.report(planted("early", "read"))
            await READ_ONCE(x)

        world.spawn(first(), "first")
        world.spawn(second(), "second")

    shrunk = shrink(
        fresh_of(making(build), lambda run: run.world.findings),
        ("early", "read"),
        [(1, 0), (0, 0), (1, 0), (0, 0)],
    )
    # the read alone shows it, and there the schedule ends
    assert (shrunk.schedule, cost(shrunk)) == (((1, 0),), (0, 1, 1))


def test_a_schedule_is_cut_at_the_step_of_a_finding_that_was_made_at_the_end() -> None:
    def judged(run: Run) -> Sequence[Finding]:
        late = planted("late", "found")
        run.world.report(late)
        late.step = 2
        return run.world.findings

    shrunk = shrink(fresh_of(making(lost_update), judged), ("late", "found"), [(0, 0), (1, 0)] * 4)
    assert (shrunk.schedule, cost(shrunk)) == (((0, 0),) * 3, (0, 3, 1))


def test_two_mutexes_in_two_orders_need_one_preemption() -> None:
    def build(world: World) -> None:
        a, b, c = (Mutex(world, name) for name in "ABC")

        async def worker(first: Mutex, second: Mutex) -> None:
            await c.lock()
            await c.unlock()
            await first.lock()
            await second.lock()
            await second.unlock()
            await first.unlock()

        world.spawn(worker(a, b), "one")
        world.spawn(worker(b, a), "two")

    def stuck(run: Run) -> Sequence[Finding]:
        if run.world.blocked() and not run.world.enabled():
            run.world.report(planted("dead", "lock"))
        return run.world.findings

    schedule = [(0, 0), (0, 0), (1, 0), (1, 0), (0, 0), (1, 0)]
    shrunk = shrink(fresh_of(making(build), stuck), ("dead", "lock"), schedule)
    # one runs until it holds A, two until it waits for A: no step is left out
    assert cost(shrunk) == (1, 6, 2)
    assert (shrunk.minimal, shrunk.shortest) == (True, True)


def test_a_longer_schedule_with_fewer_preemptions_is_found_by_a_late_choice() -> None:
    def build(world: World) -> None:
        x = Variable(world, 0, "x")

        async def resets() -> None:
            await WRITE_ONCE(x, 2)

        async def reads() -> None:
            if await READ_ONCE(x) == 1:
                world.report(planted("x", "set"))

        async def sets() -> None:
            await CompareSwap(x, 0, 1)
            for _ in range(5):
                await READ_ONCE(x)

        for name, coro in (("resets", resets()), ("reads", reads()), ("sets", sets())):
            world.spawn(coro, name)

    attempts = Attempts(fresh_of(making(build), lambda run: run.world.findings))
    first = attempts.run(Wishes([(2, 0), (1, 0)]), ("x", "set"))
    assert first.cost == (1, 2, 2)
    # all of "sets", then "reads", though "resets" is the first that can run
    contexts = Contexts(attempts, ("x", "set"), first, ordered=False)
    assert contexts.search(ENOUGH, ENOUGH) == (True, True)
    assert contexts.cost == (0, 7, 2)


def test_a_finding_that_one_execution_does_not_show_is_left_alone() -> None:
    schedule = [(0, 0), (1, 0)] * 4
    shrunk = shrink(fresh_of(making(lost_update), lambda run: ()), LOST, schedule)
    same = Shrunk(tuple(schedule), 6, 8, 2, 1, minimal=False, shortest=False, finding=None)
    assert shrunk == same


def test_executions_in_which_the_model_fails_are_passed_over() -> None:
    def build(world: World) -> None:
        x = Variable(world, 0, "x")
        world.state = x

        async def add(number: int) -> None:
            old = await READ_ONCE(x)
            await WRITE_ONCE(x, old + 1)
            if number and await READ_ONCE(x) == 2:
                raise IndexError("of the model")

        world.spawn(add(0), "one")
        world.spawn(add(1), "two")

    schedule = [(1, 0), (0, 0), (1, 0), (0, 0), (1, 0)]
    shrunk = shrink(fresh_of(making(build), lost), LOST, schedule)
    assert (shrunk.preemptions, shrunk.minimal) == (1, True)


def test_a_choice_of_outcomes_is_no_preemption() -> None:
    shrunk = shrink(
        fresh_of(making(dice), lambda run: run.world.findings),
        ("four", "thrown"),
        [(0, 4), (1, 0), (0, 0)],
    )
    assert shrunk.schedule == ((0, 4), (0, 0))
    assert (cost(shrunk), shrunk.shortest) == ((0, 2, 1), True)
