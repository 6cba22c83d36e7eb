"""Schedules that are changed and followed as far as they can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.core.errors import UsageError
from lockwright.core.location import Names
from lockwright.core.schedule import Choice, parse_schedule, schedule_text
from lockwright.explore.guided import guided_search
from lockwright.explore.run import MakeWorld, Run
from lockwright.schedule.mutation import (
    CHANGES,
    Mutated,
    changed,
    delayed,
    dropped,
    hastened,
    joined,
    spliced,
)
from lockwright.schedule.pos import Pos
from lockwright.schedule.replay import Replay
from tests.campaign.guided import gates
from tests.explore.interrupt_programs import random_program as interrupted
from tests.explore.making import making
from tests.explore.small_programs import random_program
from tests.schedule.sampling import Shared, program, schedules, tasks_of

Change = Callable[[list[Choice], Random], list[Choice]]

GATES = making(gates(6).set_up)
INTO_THE_FIFTH = "0.1.2x0.1.2x0.1.2x0.1.5x0.1"
"""The runner is stopped by the fifth gate."""


def gates_passed(run: Run) -> int:
    return sum(operation.kind == "READ_ONCE" for _, operation, _, _ in run.log) - 1


async def four(at: Shared) -> None:
    """Four steps."""
    await at.write("w", 4)


async def two(at: Shared) -> None:
    """Two steps."""
    await at.write("w", 2)


FOUR_AND_TWO = program(four, two)
texts = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=12)


def all_of(change: Change, tasks: str) -> set[str]:
    """What a change can make of a schedule, given by its tasks."""
    schedule = [(int(task), 0) for task in tasks]
    made = (change(list(schedule), Random(seed)) for seed in range(400))
    return {"".join(str(task) for task, _ in schedule) for schedule in made}


def test_a_task_is_preempted() -> None:
    # one of the ones or both come one or two steps later; behind the twos there is nothing
    assert all_of(delayed, "1122") == {"1221", "1212", "2211", "2112", "1122"}


def test_a_task_preempts() -> None:
    assert all_of(hastened, "1122") == {"1212", "2112", "1221", "2211", "1122"}


def test_a_switch_is_left_out() -> None:
    assert all_of(joined, "1212") == {"1122", "1221", "1212"}


def test_steps_without_a_switch_are_left_out() -> None:
    assert all_of(dropped, "1122") == {"22", "122", "11", "112"}


@given(texts, st.integers(0, 1000))
@settings(deadline=None, max_examples=200)
def test_a_change_invents_no_step(schedule: list[Choice], seed: int) -> None:
    made = changed(list(schedule), Random(seed))
    assert not Counter(made) - Counter(schedule)
    for change in CHANGES[:3] if schedule else ():  # they leave nothing out
        assert Counter(change(list(schedule), Random(seed))) == Counter(schedule)


def test_of_two_parents_the_second_goes_on_where_each_task_is() -> None:
    one, other = [(0, 0), (0, 1), (1, 0), (1, 0)], [(1, 3), (0, 4), (0, 5), (1, 6), (0, 7), (2, 8)]
    assert spliced(one, other, 3) == [*one[:3], (1, 6), (0, 7), (2, 8)]
    assert spliced(one, other, 0) == other
    assert one == [(0, 0), (0, 1), (1, 0), (1, 0)]


@pytest.mark.parametrize(
    "make",
    [
        *(random_program(seed).make(Names()) for seed in range(300, 312)),
        *(interrupted(Random(seed)).make for seed in range(4)),
    ],
)
def test_every_execution_is_one(make: MakeWorld) -> None:
    seed = 1
    parents = [(schedule_text(run.schedule), 1) for run in guided_search(make, Pos(seed, 3))]
    for run in guided_search(make, Mutated(seed, 20, parents=parents)):
        assert not run.world.enabled()
        (again,) = guided_search(make, Replay(run.schedule))
        assert again.schedule == run.schedule


PARENTS = [(INTO_THE_FIFTH, 3), ("10x0.1", 1)]


def test_execution_i_depends_on_the_seed_and_i_and_the_parents() -> None:
    whole = schedules(GATES, Mutated(7, 60, parents=PARENTS))
    assert schedules(GATES, Mutated(7, 25, first=20, parents=PARENTS)) == whole[20:45]
    assert schedules(GATES, Mutated(8, 60, parents=PARENTS)) != whole
    assert schedules(GATES, Mutated(7, 60, parents=PARENTS[:1])) != whole


def test_what_lies_behind_a_parent_is_found_sooner_than_from_the_beginning() -> None:
    mutated = guided_search(GATES, Mutated(1, 400, parents=[(INTO_THE_FIFTH, 1)]))
    afresh = guided_search(GATES, Pos(1, 400))
    further = [sum(gates_passed(run) > 4 for run in runs) for runs in (mutated, afresh)]
    assert further[0] >= 10
    assert further[1] <= 1


def test_most_executions_are_no_copies_of_their_parent() -> None:
    seen = Counter(schedules(GATES, Mutated(1, 400, parents=[(INTO_THE_FIFTH, 1)])))
    assert seen[tuple(parse_schedule(INTO_THE_FIFTH))] < 100
    assert len(seen) > 40


def test_heavier_parents_are_taken_more_often() -> None:
    # of the first one nothing is left that begins with task 1, but where the first turn is moved
    def begun_by_one(*weights: int) -> int:
        parents = list(zip(("4x0.2x1", "2x1.4x0"), weights, strict=True))
        runs = guided_search(FOUR_AND_TWO, Mutated(1, 400, parents=parents))
        return sum(tasks_of(run)[0] == "1" for run in runs)

    assert begun_by_one(1, 9) > begun_by_one(5, 5) > begun_by_one(9, 1)


def test_tasks_that_cannot_run_yet_get_their_steps_later() -> None:
    oracle = Mutated(1, 1, parents=[("2x1.4x0", 1)])
    (run,) = guided_search(FOUR_AND_TWO, oracle)
    oracle.begin()
    oracle.started()
    oracle.wishes = {5: [(3, 0)], 1: [(4, 0), (2, 0)], 0: [(1, 0)]}
    tasks = run.world.tasks
    picked = [oracle.pick(enabled).index for enabled in ([tasks[1]], tasks, tasks)]
    assert picked == [1, 0, 1]
    assert oracle.value == 0
    oracle.pick(tasks)  # nobody's wish
    assert oracle.value == -1
    assert oracle.wishes == {5: [(3, 0)], 1: [], 0: []}


def test_outcomes_are_those_of_the_parent_as_far_as_there_are_so_many() -> None:
    oracle = Mutated(1, 1, parents=[("0/2", 1)])
    oracle.begin()
    oracle.stray, oracle.value = 0.0, 2
    assert [oracle.choose(options) for options in (3, 9, 2)] == [2, 2, 1]
    assert [oracle.arrives(step) for step in (0, 500)] == [1, 1]
    oracle.value = 0
    assert {oracle.choose(3) for _ in range(50)} == {0} == {oracle.arrives(0) for _ in range(50)}


def test_now_and_then_an_outcome_is_drawn_anew_and_those_of_no_parent_always() -> None:
    oracle = Mutated(1, 1, parents=[("0/2", 1)])
    oracle.begin()
    oracle.stray, oracle.value = 0.1, 2
    other = [oracle.choose(3) for _ in range(900)]
    assert 40 < other.count(0) + other.count(1) < 85  # two of three of one in ten
    assert 0 < [oracle.arrives(0) for _ in range(900)].count(0) < 90  # one of two of one in ten
    oracle.stray, oracle.value = 0.0, -1
    assert Counter(oracle.choose(3) for _ in range(900)).keys() == {0, 1, 2}
    assert sum(oracle.arrives(98) for _ in range(900)) < 30  # late ones seldom come


def test_in_half_of_the_executions_outcomes_are_the_parents_own() -> None:
    oracle = Mutated(1, 400, parents=[("0/2", 1)])
    straying = 0
    while oracle.begin():
        straying += oracle.stray > 0
    assert 150 < straying < 250


def test_it_needs_a_parent_of_some_weight() -> None:
    with pytest.raises(UsageError, match="corpus: there is no schedule to begin with"):
        Mutated(1, 10)
    with pytest.raises(UsageError, match="corpus: schedule 2x0 has weight 0, below 1"):
        Mutated(1, 10, parents=[("0", 1), ("2x0", 0)])
    with pytest.raises(UsageError, match="malformed schedule"):
        Mutated(1, 10, parents=[("zero", 1)])
    with pytest.raises(UsageError, match="corpus: executions -1 to 8"):
        Mutated(1, 10, first=-1, parents=[("0", 1)])
