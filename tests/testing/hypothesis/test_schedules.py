"""Schedules as data: what a list of detours means, and that it can say every schedule."""

from __future__ import annotations

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from lockwright.core.errors import UsageError
from lockwright.core.schedule import schedule_text
from lockwright.core.world import World
from lockwright.explore.plain import PlainSearch
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.slab import Faults, Slab, kmalloc
from lockwright.kernel.variable import Variable
from lockwright.scenario import scenario
from lockwright.testing.schedules import Detour, Ran, Schedule, Trials, run_under, schedules


def final(world: World) -> str:
    return str(world.state.value)


def add(total: Variable, by: int) -> object:
    async def adds() -> None:
        seen = await READ_ONCE(total)
        await WRITE_ONCE(total, seen + by)

    return adds()


@scenario("detours/adding:three")
def adding(world: World) -> None:
    """Three tasks add to a word, each with a read and a write."""
    world.state = Variable(world, 0, "total")
    for by in (1, 2, 4):
        world.spawn(add(world.state, by), f"add-{by}")  # type: ignore[arg-type]  # a coroutine


@scenario("detours/crossing:two")
def crossing(world: World) -> None:
    """Two locks in two orders."""
    a, b = Mutex(world, "a"), Mutex(world, "b")

    async def both(first: Mutex, second: Mutex) -> None:
        await first.lock()
        await second.lock()
        await second.unlock()
        await first.unlock()

    world.spawn(both(a, b), "there")
    world.spawn(both(b, a), "back")


@scenario("detours/memory:short")
def failing(world: World) -> None:
    """An allocation that may fail."""
    world.faults = Faults(world, 1)
    world.state = Slab(world, "root")

    async def allocates() -> None:
        got = await kmalloc(world, lambda: Slab(world, "thing"), "thing")
        _ = got.alive

    world.spawn(allocates(), "allocates")


def text(ran: Ran) -> str:
    return schedule_text(ran.schedule)


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [
        ((), "2x0.2x1.2x2"),
        (((0, 0),), "2x1.2x0.2x2"),  # at the first place the first of the others
        (((0, 1),), "2x2.2x0.2x1"),
        (((0, 2),), "2x1.2x0.2x2"),  # which count around
        (((1, 0),), "0.2x1.0.2x2"),  # where the first task could go on
        (((2, 0),), "2x0.2x2.2x1"),  # where it has ended, and the second one would begin
        (((1, 0), (0, 1)), "0.1.2x2.0.1"),
        (((4, 0), (9, 3)), "2x0.2x1.2x2"),  # with one task left there is no choice any more
    ],
)
def test_a_detour_is_another_choice_after_so_many(
    schedule: tuple[tuple[int, int], ...], steps: str
) -> None:
    assert text(run_under(adding, schedule)) == steps


def every_list(places: int, others: int) -> set[Schedule]:
    """All lists of detours for so many places with so many other choices each."""
    found: set[Schedule] = {()}
    for gap in range(places):
        for other in range(others):
            rest = every_list(places - gap - 1, others)
            found |= {(Detour(gap, other), *more) for more in rest}
    return found


def test_the_lists_of_detours_are_all_schedules() -> None:
    # in six steps there are at most five places; 6! / (2! 2! 2!) orders of the steps
    reached = {text(run_under(adding, schedule)) for schedule in every_list(5, 2)}
    assert reached == {schedule_text(run.schedule) for run in PlainSearch(Trials(adding).make)}
    assert len(reached) == 90


@given(schedules())
@settings(deadline=None, max_examples=50)
def test_a_schedule_gives_the_same_execution_again(schedule: Schedule) -> None:
    assert run_under(crossing, schedule) == run_under(crossing, schedule)


def test_the_smallest_schedule_for_a_deadlock_has_one_preemption() -> None:
    deadlock = find(
        schedules(),
        lambda schedule: bool(run_under(crossing, schedule, rules=("deadlock",)).findings),
        settings=settings(database=None, derandomize=True),
    )
    # by one detour from the first task, or by two, of which one is to begin with the other task
    assert deadlock in ((Detour(1, 0),), (Detour(0, 0), Detour(0, 0)))
    ran = run_under(crossing, deadlock, rules=("deadlock",))
    assert ran.blocked == ("there", "back")
    assert len(ran.schedule) == 2
    assert [finding.kind for finding in ran.findings] == ["deadlock"]


def test_a_detour_lets_an_allocation_fail() -> None:
    assert run_under(failing, (), rules=()).died == ()
    assert run_under(failing, ((0, 0),), rules=()).died == ("allocates",)


def test_no_detours_at_all_can_be_asked_for() -> None:
    @given(schedules(0))
    @settings(max_examples=5)
    def drawn(schedule: Schedule) -> None:
        assert schedule == ()

    drawn()


@given(st.data())
@settings(max_examples=20)
def test_a_schedule_keeps_within_its_bounds(data: st.DataObject) -> None:
    drawn = data.draw(schedules(2, 3))
    assert len(drawn) <= 2
    assert all(0 <= detour.gap <= 3 for detour in drawn)


@pytest.mark.parametrize("wrong", [-1, True, "2"])
def test_a_bound_that_is_none_is_refused(wrong: int) -> None:
    with pytest.raises(UsageError, match=r"schedules\(\): detours_max is a number of 0 or more"):
        schedules(wrong)


def test_a_rule_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown rule 'deadlok'; did you mean deadlock"):
        run_under(adding, (), rules=("deadlok",))
