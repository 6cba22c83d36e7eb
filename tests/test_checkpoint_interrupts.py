"""A search with interrupts that is left and taken up again ends as one that nobody disturbed."""

from __future__ import annotations

from random import Random

import pytest

from lockwright.core.world import World
from lockwright.kernel.context import cpu_relax
from lockwright.kernel.irq import interrupt
from lockwright.kernel.spinlock import SpinLock
from lockwright.scenario import Scenario
from lockwright.session import Options, explore
from tests.check.racing import Box
from tests.explore.interrupt_programs import Interrupt, Program, outcome, random_program
from tests.test_checkpoint import STRATEGIES, disturbed

MOST = 150
INTERRUPTED = Program(
    (
        (("set", "x"), ("lock", "A"), ("get", "y"), ("unlock", "A")),
        (("lock", "A"), ("set", "y"), ("unlock", "A")),
    ),
    (
        Interrupt((("try", "A", 2), ("set", "y"), ("unlock", "A"), ("get", "x")), (0, 1)),
        Interrupt((("set", "x"),), None, hard=False, idle=True),
    ),
)
"""Both tasks can be interrupted, by either line; one may come on an idle CPU as well."""


def of(program: Program, name: str) -> Scenario:
    return Scenario(name, program.build, outcome=lambda world: repr(outcome(world)))


def compared(scenario: Scenario, options: Options, every: int) -> int:
    """How often the search was left; its result is that of an undisturbed one."""
    whole = explore(scenario, options)
    result, times = disturbed(scenario, options, every)
    assert result.to_text() == whole.to_text(), (scenario.name, options.strategy, every)
    assert times >= whole.executions // every - 1
    return times


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("granularity", ["operation", "section"])
def test_lines_that_come_on_several_tasks(strategy: str, granularity: str) -> None:
    scenario = of(INTERRUPTED, "irq/left:several")
    options = Options(strategy, 5, MOST, version="1", granularity=granularity)
    for every in (1, 7):
        assert compared(scenario, options, every) > 5


@pytest.mark.parametrize("granularity", ["operation", "section"])
def test_a_whole_search_is_the_same_wherever_it_was_left(granularity: str) -> None:
    """Also after the last race was planned, with wakeup sequences for interrupts still to run."""
    random = Random("left with interrupts")
    done = 0
    while done < 12:
        program = random_program(random)
        scenario = of(program, f"irq/left:random-{done}")
        options = Options(version="1", granularity=granularity)
        whole = explore(scenario, options)
        if not 4 <= whole.executions <= 60:
            continue
        assert whole.exhausted
        for every in (1, 3):
            compared(scenario, options, every)
        done += 1


@pytest.mark.parametrize("strategy", ["dpor", "random", "bounded"])
def test_handlers_that_come_anywhere(strategy: str) -> None:
    program = Program(
        ((("lock", "A"), ("set", "x"), ("unlock", "A")), (("get", "y"),)),
        (Interrupt((("set", "y"), ("get", "x")), None),),
        anywhere=True,
    )
    bound = 1 if strategy == "bounded" else None
    options = Options(strategy, 5, MOST, version="1", bound=bound)
    for every in (1, 5):
        assert compared(of(program, "irq/left:anywhere"), options, every) > 2


@pytest.mark.parametrize("strategy", ["dpor", "random"])
def test_a_race_with_a_handler_is_found_whenever_the_search_was_left(strategy: str) -> None:
    def build(world: World) -> None:
        box, lock = Box(world, "b"), SpinLock(world, "A")

        async def task() -> None:
            await cpu_relax()
            box.data = 1
            await lock.lock_irqsave()
            box.other = 1
            await lock.unlock_irqrestore()
            box.flag = 1

        async def handler() -> None:
            box.data = 2
            await lock.lock()
            box.other = 2
            await lock.unlock()
            box.flag = 2

        interrupt(world, handler, "eth0", on=(world.spawn(task(), "task"),))

    scenario = Scenario("irq/left:race", build)
    options = Options(strategy, 5, 40, version="1")
    signatures = {found.signature for found in explore(scenario, options).findings}
    assert signatures == {"box->data: handler / task", "box->flag: handler / task"}
    for every in (1, 2):
        compared(scenario, options, every)
