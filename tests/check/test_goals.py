"""Goals that some execution has to reach, and promises that a model makes where it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from lockwright.check.goals import Goals
from lockwright.core.errors import ModelError, UsageError
from lockwright.core.finding import Finding
from lockwright.core.goal import Reached
from lockwright.core.location import Names
from lockwright.core.promise import Goal, always, reached, sometimes
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld, Run
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.scenario import Scenario, scenario

SEES = "the reader sees the write"
MISSES = "the reader comes too early"
TWICE = "x is 2 in the end"


def read_and_write(world: World) -> None:
    """A reader that says what it sees, and a writer of two values."""
    x = Variable(world, 0, "x")
    world.state = x

    async def reader() -> None:
        seen = await READ_ONCE(x)
        sometimes(world, SEES, seen)
        if not seen:
            reached(world, MISSES)

    async def writer() -> None:
        await WRITE_ONCE(x, 1)
        await WRITE_ONCE(x, 2)

    world.spawn(reader(), "reader")
    world.spawn(writer(), "writer")


def x_is(value: int) -> Callable[[World], bool]:
    return lambda world: bool(world.state.value == value)


def judged(
    goals: Goals,
    build: Callable[[World], None],
    search: Callable[[MakeWorld], object] = plain_search,
) -> Goals:
    """Under all interleavings."""

    def make(names: Names) -> World:
        world = World(names)
        goals.begin(world)
        build(world)
        return world

    runs = search(make)
    for run in runs:  # type: ignore[attr-defined]  # both searches are iterated
        assert isinstance(run, Run)
        goals.finish(run.world)
        if goals.shorter:
            goals.keep(run.schedule)
        run.world.close()
    return goals


def test_the_executions_that_reach_a_goal_are_counted() -> None:
    # The read comes before both writes, between them or after them.
    goals = judged(Goals((SEES, MISSES, (TWICE, x_is(2)))), read_and_write)
    assert {name: goal.executions for name, goal in goals.reached.items()} == {
        SEES: 2,
        MISSES: 1,
        TWICE: 3,
    }
    assert goals.reached[MISSES].schedule == ((0, 0), (1, 0), (1, 0))
    assert goals.reached[TWICE].schedule == ((0, 0), (1, 0), (1, 0))  # of three, all as long
    assert goals.never(3) == []


def test_a_goal_that_no_execution_reaches_is_a_finding_without_a_schedule() -> None:
    goals = judged(Goals((SEES, "the reader sees a ghost", ("x is 3", x_is(3)))), read_and_write)
    ghost, three = goals.never(3)
    assert (ghost.kind, ghost.message) == ("goal never reached", "the reader sees a ghost")
    assert ghost.lines == ("none of the 3 executions that there are reaches it",)
    assert (ghost.schedule, ghost.token, ghost.executions, ghost.fatal) == ((), "", 0, False)
    assert three.message == "x is 3"
    assert three.signature != ghost.signature
    assert goals.never(1)[0].lines == ("the one execution that there is does not reach it",)
    assert Finding.from_json(ghost.as_json()) == ghost


def test_a_reduced_search_reaches_the_same_goals() -> None:
    def reachable(search: Callable[[MakeWorld], object]) -> dict[str, bool]:
        goals = Goals((SEES, MISSES, ("x is 1", x_is(1)), (TWICE, x_is(2))))
        judged(goals, read_and_write, search)
        return {name: goal.executions > 0 for name, goal in goals.reached.items()}

    assert reachable(Dpor) == reachable(plain_search)
    assert reachable(Dpor) == {SEES: True, MISSES: True, "x is 1": False, TWICE: True}


def test_the_example_is_the_shortest_execution_and_of_these_the_first() -> None:
    def build(world: World) -> None:
        x = Variable(world, 0, "x")

        async def task() -> None:
            for _ in range(3 - 2 * await READ_ONCE(x)):
                await READ_ONCE(x)

        async def writer() -> None:
            await WRITE_ONCE(x, 1)

        world.spawn(task(), "task")
        world.spawn(writer(), "writer")

    (goal,) = judged(Goals((("it ends", lambda world: True),)), build).reached.values()
    # the task first: 4 steps of its own, the write in any of the 4 places after the first of them
    assert goal.executions == 5
    assert (goal.steps, goal.schedule) == (3, ((1, 0), (0, 0), (0, 0)))


def test_conditions_are_asked_only_where_an_execution_ended_well() -> None:
    def build(world: World) -> None:
        a, b = Mutex(world, "a"), Mutex(world, "b")

        async def task(first: Mutex, second: Mutex) -> None:
            await first.lock()
            reached(world, "somebody has a lock")
            await second.lock()
            await second.unlock()
            await first.unlock()

        world.spawn(task(a, b), "one")
        world.spawn(task(b, a), "two")

    def all_ended(world: World) -> bool:
        assert all(task.ended for task in world.tasks)
        return True

    goals = judged(Goals((("all end", all_ended), "somebody has a lock")), build)
    ends, holds = goals.reached.values()
    assert 0 < ends.executions < holds.executions  # a goal counts even where a deadlock follows


def test_a_goal_that_the_scenario_does_not_name_is_not_kept() -> None:
    goals = judged(Goals((SEES,)), read_and_write)
    assert list(goals.reached) == [SEES]


def test_without_goals_nothing_is_kept() -> None:
    assert judged(Goals(()), read_and_write).never(3) == []


def test_what_others_counted_is_added() -> None:
    whole = judged(Goals((SEES, MISSES)), read_and_write)
    parts = Goals((SEES, MISSES))
    parts.merge([Reached(SEES, 1, 9, ((1, 0),)), Reached(MISSES)])
    parts.merge(whole.reached.values())
    parts.merge([Reached(SEES, 2, 3, ((5, 5),)), Reached(MISSES, 1, 3, ((5, 5),))])
    assert list(parts.reached.values()) == [
        Reached(SEES, 5, 3, whole.reached[SEES].schedule),
        Reached(MISSES, 2, 3, whole.reached[MISSES].schedule),
    ]
    parts.restore(whole.reached.values())
    assert parts.reached == whole.reached


@pytest.mark.parametrize("goal", [Reached("a"), Reached("b", 3, 2, ((0, 0), (1, 2)), "t")])
def test_what_was_reached_reads_back(goal: Reached) -> None:
    assert Reached.from_json(goal.as_json()) == goal


def test_a_scenario_has_goals_and_its_variants_have_them_too() -> None:
    @scenario("test/goals:case", sometimes=(SEES,))
    def case(world: World) -> None:
        read_and_write(world)

    assert isinstance(case, Scenario)
    assert case.sometimes == (SEES,)
    assert case.variant("other").sometimes == (SEES,)
    assert case.variant("other", sometimes=(MISSES,)).sometimes == (MISSES,)


@pytest.mark.parametrize(
    ("goals", "message"),
    [
        ("a sentence", "sometimes is a tuple of goals, not a str"),
        (7, "sometimes is a tuple of goals, not a int"),
        ((7,), "7 is no goal: expected a sentence, or a sentence with a function"),
        (("",), "'' is no goal: expected"),
        (((SEES, True),), " is no goal: expected"),
        (((x_is(1), SEES),), " is no goal: expected"),
        ((SEES, (SEES, x_is(1))), f"two goals of one scenario say '{SEES}'"),
    ],
)
def test_what_is_no_goal_is_refused(goals: tuple[Goal, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Goals(goals)


def test_a_condition_that_gives_no_answer_is_an_error() -> None:
    def forgets(world: World) -> bool:
        return None  # type: ignore[return-value]  # that is the point

    with pytest.raises(ModelError, match=r"the goal 'it ends' gives no answer\n.*\ngot: None"):
        judged(Goals((("it ends", forgets),)), read_and_write)


# Promises in the middle


def broken(build: Callable[[World], None]) -> set[tuple[str, str, str, bool]]:
    return {
        (finding.kind, finding.message, finding.comm, finding.fatal)
        for run in plain_search(lambda names: _built(build, names))
        for finding in run.world.findings
    }


def _built(build: Callable[[World], None], names: Names) -> World:
    world = World(names)
    build(world)
    return world


def test_what_always_holds_is_a_finding_where_it_does_not() -> None:
    def build(world: World) -> None:
        x = Variable(world, 0, "x")

        async def reader() -> None:
            always(world, "x is not 1 when it is read", await READ_ONCE(x) != 1)
            await WRITE_ONCE(x, 5)  # it goes on

        async def writer() -> None:
            await WRITE_ONCE(x, 1)
            await WRITE_ONCE(x, 2)

        world.spawn(reader(), "reader")
        world.spawn(writer(), "writer")

    assert broken(build) == {("broken promise", "x is not 1 when it is read", "reader", False)}


def test_a_promise_can_be_broken_while_the_scenario_is_set_up() -> None:
    def build(world: World) -> None:
        always(world, "there is an inode", None)
        read_and_write(world)

    assert broken(build) == {("broken promise", "there is an inode", "", False)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda world: always(world, cast(str, True), "x"), "always\\(\\) wants a sentence"),
        (lambda world: sometimes(world, "", True), "sometimes\\(\\) wants a sentence"),
        (
            lambda world: reached(world, cast(str, None)),
            "reached\\(\\) wants a sentence",
        ),
    ],
)
def test_a_promise_without_a_sentence_is_an_error(
    call: Callable[[World], None], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        call(World())
