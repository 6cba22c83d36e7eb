"""Interrupts: every place where one can come, each once; and nothing that cannot be."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from lockwright.core.location import Names
from lockwright.explore.bounded import bounded_search
from lockwright.explore.dpor import Dpor
from lockwright.explore.guided import guided_search
from lockwright.explore.lasso import LassoSearch, unfinished
from lockwright.explore.plain import plain_search
from lockwright.explore.run import trace_key
from lockwright.schedule.strategies import sampler
from tests.explore.interrupt_programs import Interrupt, Model, Program, outcome, random_program

PLAIN_MOST = 300
LOCKED = (("lock", "A"), ("set", "x"), ("unlock", "A"))
SAVED = (("save", "A"), ("set", "x"), ("restore", "A"))


def explored(program: Program, granularity: str) -> tuple[set[Any], list[Any], int]:
    """Outcomes, traces in order, and the number of executions that were blocked."""
    outcomes: set[Any] = set()
    traces: list[Any] = []
    blocked = 0
    for run in Dpor(program.make, granularity=granularity):
        if run.fresh:
            outcomes, traces, blocked = set(), [], 0
        if run.sleeping:
            blocked += 1
            continue
        outcomes.add(outcome(run.world))
        traces.append(trace_key(run))
    return outcomes, traces, blocked


def plain_traces(program: Program) -> set[Any] | None:
    """The traces of all interleavings; None if there are too many of these."""
    traces = set()
    for count, run in enumerate(plain_search(program.make)):
        if count == PLAIN_MOST:
            return None
        traces.add(trace_key(run))
        run.world.close()
    return traces


def check(program: Program) -> bool:
    """Both granularities see what the model sees; each trace is explored once.  Was it compared
    with all interleavings?"""
    expected = Model(program).outcomes()
    names = Names()
    by_operation = Dpor(lambda _: program.make(names))
    by_operation.names = names
    runs = [(trace_key(run), outcome(run.world), run.sleeping) for run in by_operation]
    assert not any(sleeping for _, _, sleeping in runs), program
    assert {told for _, told, _ in runs} == expected, program
    traces = [trace for trace, _, _ in runs]
    assert len(set(traces)) == len(traces), program
    assert explored(program, "section")[0] == expected, program
    plain = set()
    for count, run in enumerate(plain_search(lambda _: program.make(names))):
        if count == PLAIN_MOST:
            return False
        plain.add(trace_key(run))
        run.world.close()
    assert set(traces) == plain, program
    return True


@pytest.mark.parametrize("part", range(4))
def test_every_search_sees_what_a_model_of_stacks_sees(part: int) -> None:
    random = Random(f"interrupts {part}")
    compared = sum(check(random_program(random)) for _ in range(25))
    assert compared > 5


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_thousands_of_programs_with_interrupts(part: int) -> None:
    random = Random(f"more interrupts {part}")
    assert sum(check(random_program(random)) for _ in range(100)) > 20


@pytest.mark.parametrize("part", range(2))
def test_handlers_that_are_tasks_come_wherever_the_model_lets_them(part: int) -> None:
    random = Random(f"anywhere {part}")
    done = 0
    while done < 6:
        program = random_program(random, anywhere=1.0)
        if len(program.lines) == 1 and sum(map(len, program.tasks)) < 6:
            check(program)
            done += 1


def test_an_interrupt_comes_before_each_operation_or_at_the_end_or_not_at_all() -> None:
    for length in range(1, 5):
        program = Program(((("get", "y"),) * length,), (Interrupt((("set", "x"),), (0,)),))
        # before each operation, and before the end: length + 1 places; and never
        assert len(explored(program, "operation")[1]) == length + 2
        assert plain_traces(program) is not None


def test_an_idle_cpu_adds_one_trace_and_takes_away_that_it_never_comes() -> None:
    task = (("get", "y"),) * 3
    line = Interrupt((("set", "x"),), (0,), idle=True)
    outcomes, traces, _ = explored(Program((task,), (line,)), "operation")
    assert len(traces) == 4 + 1
    assert {flags for _, _, flags in outcomes} == {(11, 0)}


def test_where_two_tasks_share_nothing_an_interrupt_of_either_costs_the_sum_of_places() -> None:
    program = Program(
        ((("get", "x"),) * 2, (("get", "y"),) * 3), (Interrupt((("complete", "c"),), (0, 1)),)
    )
    assert len(explored(program, "operation")[1]) == 3 + 4 + 1


def stuck(outcomes: set[Any], unit: int, pc: int) -> bool:
    """Does a unit stop in an outcome after so many instructions?"""
    return any(dict(at).get(unit) == pc for at, _, _ in outcomes)


@pytest.mark.parametrize("granularity", ["operation", "section"])
def test_a_handler_spins_for_ever_for_the_lock_of_the_task_beneath(granularity: str) -> None:
    line = Interrupt((("lock", "A"), ("unlock", "A")), (0,))
    assert stuck(explored(Program((LOCKED,), (line,)), granularity)[0], 1, 0)
    assert not stuck(explored(Program((SAVED,), (line,)), granularity)[0], 1, 0)


def test_a_soft_interrupt_does_not_interrupt_a_hard_one_but_the_other_way_it_does() -> None:
    soft = Interrupt((("lock", "A"), ("get", "x"), ("unlock", "A")), (0,), hard=False)
    hard = Interrupt((("lock", "A"), ("unlock", "A")), (0,))
    both = explored(Program(((("get", "y"),),), (soft, hard)), "operation")[0]
    assert stuck(both, 2, 0)
    assert not stuck(both, 1, 0)


def test_safe_to_unsafe_order_deadlocks_with_two_tasks() -> None:
    # the one holds B with interrupts on; the other takes A, which the handler wants, and then B
    program = Program(
        (
            (("lock", "B"), ("unlock", "B")),
            (("save", "A"), ("lock", "B"), ("unlock", "B"), ("restore", "A")),
        ),
        (Interrupt((("lock", "A"), ("unlock", "A")), (0,)),),
    )
    outcomes, _, _ = explored(program, "section")
    assert any(dict(at) == {0: 1, 1: 1, 2: 0} for at, _, _ in outcomes)
    assert outcomes == Model(program).outcomes()


def test_bounded_counts_no_preemption_for_an_interrupt() -> None:
    program = Program((LOCKED,), (Interrupt((("lock", "A"), ("unlock", "A")), (0,)),))
    found = {outcome(run.world) for run in bounded_search(program.make, 0)}
    assert found == Model(program).outcomes()


@pytest.mark.parametrize("strategy", ["random", "pct", "pos", "urw", "surw"])
def test_random_strategies_see_late_interrupts_and_nothing_else(strategy: str) -> None:
    task = (*((("get", "y"),) * 20), *LOCKED)
    program = Program((task,), (Interrupt((("lock", "A"), ("unlock", "A")), (0,)),))
    oracle = sampler(strategy, 1, 1000)
    found = {outcome(run.world) for run in guided_search(program.make, oracle)}
    assert found <= Model(program).outcomes()
    assert stuck(found, 1, 0)


def test_the_search_by_states_sees_the_same_outcomes() -> None:
    random = Random("interrupts by states")
    for _ in range(12):
        program = random_program(random)
        if sum(map(len, program.tasks)) > 4:
            continue
        found = {outcome(run.world) for run in LassoSearch(program.make) if not unfinished(run)}
        assert found == Model(program).outcomes(), program
