"""Random strategies against exhaustive ones, and schedules against what they make happen again."""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import Any

import pytest

from lockwright.core.errors import ModelError, NondeterminismError
from lockwright.core.location import Names
from lockwright.core.operation import Operation
from lockwright.core.schedule import parse_schedule, schedule_text
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.guided import guided_search
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.schedule.oracle import Oracle
from lockwright.schedule.random_walk import RandomWalk
from lockwright.schedule.replay import Replay
from lockwright.schedule.strategies import MIX, SAMPLERS, mix, sampler
from tests.explore.making import making
from tests.explore.small_programs import Program, final_state, random_program

SEEDS = range(300, 360)
STRATEGIES = (*SAMPLERS, "mix")
PLAIN_MAX = 800


def oracle_of(name: str, seed: int, executions: int) -> Oracle:
    """A random strategy."""
    return mix(MIX, seed, executions) if name == "mix" else sampler(name, seed, executions)


def schedules(make: MakeWorld, oracle: Oracle) -> list[list[tuple[int, int]]]:
    """The schedules that a strategy takes."""
    return [run.schedule for run in guided_search(make, oracle)]


@cache
def small_programs() -> list[tuple[MakeWorld, set[tuple[Any, ...]]]]:
    """Programs with the final states of all their interleavings."""
    programs = []
    for seed in SEEDS:
        make = random_program(seed).make(Names())
        runs = list(islice(plain_search(make), PLAIN_MAX + 1))
        if len(runs) <= PLAIN_MAX:
            programs.append((make, {final_state(run.world) for run in runs}))
    return programs


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_a_random_strategy_reaches_is_among_what_all_interleavings_reach(name: str) -> None:
    compared = 0
    for make, reachable in small_programs():
        walked = guided_search(make, oracle_of(name, 1, 40))
        assert {final_state(run.world) for run in walked} <= reachable
        compared += len(reachable) > 1
    assert compared >= 30


@pytest.mark.parametrize("name", STRATEGIES)
def test_one_seed_gives_one_list_of_schedules(name: str) -> None:
    make = making(random_program(300).build)
    first = schedules(make, oracle_of(name, 7, 30))
    assert schedules(make, oracle_of(name, 7, 30)) == first
    assert schedules(make, oracle_of(name, 8, 30)) != first
    assert len(first) == 30


def test_a_random_walk_finds_every_final_state_of_a_small_program() -> None:
    # Two tasks of two steps: 6 interleavings, each with a probability of at least 1/8.
    program = Program([[("read", 0), ("write", 0, 1)], [("read", 0), ("write", 0, 2)]], [[]])
    make = making(program.build)
    walked = {final_state(run.world) for run in guided_search(make, RandomWalk(1, 200))}
    assert walked == {final_state(run.world) for run in plain_search(make)}


def test_replaying_a_schedule_touches_the_same() -> None:
    for seed in SEEDS:
        program, names = random_program(seed), Names()
        make = program.make(names)
        dpor = Dpor(make)
        dpor.names = names
        for run in islice(dpor, 20):
            text = schedule_text(run.schedule)
            (again,) = guided_search(make, Replay(parse_schedule(text)))
            assert again.schedule == run.schedule
            assert again.touched == run.touched
            assert final_state(again.world) == final_state(run.world)


def test_every_strategy_runs_each_execution_to_its_end() -> None:
    make = making(random_program(303).build)
    runs = [*plain_search(make), *Dpor(make)]
    for name in STRATEGIES:
        runs += guided_search(make, oracle_of(name, 1, 20))
    assert all(not run.world.enabled() for run in runs)


# Models that cannot be explored


class Impostor(Operation):
    """An operation of another model than the execution before."""

    __slots__ = ("variable",)

    def __init__(self, variable: Variable) -> None:
        self.variable = variable

    def run(self, task: object, touched: list[int]) -> None:
        touched.append(self.variable.writing)


def forgetful(*, blocks: bool) -> MakeWorld:
    """A model that counts its executions, and so does something else from the third one on."""
    executions: list[None] = []

    def build(world: World) -> None:
        executions.append(None)
        x, lock = Variable(world, 0, "x"), Mutex(world, "m")
        changed = len(executions) > 2

        async def task(value: int) -> None:
            if changed and blocks:
                await lock.lock()
            await (Impostor(x) if changed and not blocks else READ_ONCE(x))
            await WRITE_ONCE(x, value)

        world.spawn(task(1), "one")
        world.spawn(task(2), "two")

    return making(build)


def test_a_step_that_touches_something_else_than_before_is_an_error() -> None:
    with pytest.raises(NondeterminismError, match="is not deterministic: step 0 of one") as error:
        list(Dpor(forgetful(blocks=False)))
    assert "\nexpected: another operation, or the same one on other objects" in str(error.value)
    assert "\ngot: " in str(error.value)


def test_an_operation_that_was_not_there_before_is_an_error() -> None:
    with pytest.raises(NondeterminismError, match="is not deterministic"):
        list(Dpor(forgetful(blocks=True)))


def test_an_endless_execution_is_an_error() -> None:
    def build(world: World) -> None:
        x = Variable(world, 0, "x")

        async def spin() -> None:
            while not await READ_ONCE(x):
                pass

        world.spawn(spin(), "spinner")

    with pytest.raises(ModelError, match="more than 20000 steps, the last of spinner in "):
        list(Dpor(making(build)))
