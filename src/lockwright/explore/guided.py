"""Executions as an oracle wants them: random walks, PCT, replay."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.location import Names
from lockwright.core.schedule import STEPS_MAX
from lockwright.explore.run import MakeWorld, Run, endless
from lockwright.schedule.oracle import Oracle


def guided_search(make: MakeWorld, oracle: Oracle) -> Iterator[Run]:
    """Yield a run for each execution that the oracle begins."""
    names = Names()
    while oracle.begin():
        run = Run(make(names), [], [])
        _follow(run, oracle)
        yield run


def _follow(run: Run, oracle: Oracle) -> None:
    world = run.world
    while enabled := world.enabled():
        task = oracle.pick(enabled)
        op = task.pending
        choice = 0
        if op is not None and op.chooses and (options := op.options()) > 1:
            choice = oracle.choose(options)
        run.schedule.append((task.index, choice))
        run.numbers.append(task.number)
        run.touched.append(world.step(task, choice))
        if len(run.schedule) > STEPS_MAX:
            raise endless(task)
