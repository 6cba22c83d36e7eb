"""Executions as an oracle wants them: random strategies, replay."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.location import Names
from lockwright.core.schedule import STEPS_MAX
from lockwright.explore.run import MakeWorld, Run, endless
from lockwright.schedule.oracle import Oracle, Ranged, arrival


def guided_search(
    make: MakeWorld,
    oracle: Oracle,
    bare: MakeWorld | None = None,
    *,
    names: Names | None = None,
) -> Iterator[Run]:
    """Yield a run for each execution that the oracle begins.

    Those that are not of its range, which it needs to measure the program, are not yielded; `bare`
    builds their worlds, without listeners.  `names` are those of another search whose runs are to
    be compared with these.
    """
    names = names if names is not None else Names()
    ranged = oracle if isinstance(oracle, Ranged) else None
    while oracle.begin():
        owned = ranged is None or ranged.owned
        run = Run((make if owned else bare or make)(names))
        follow(run, oracle)
        if owned:
            yield run
        else:
            run.world.close()


def follow(run: Run, oracle: Oracle) -> None:
    """Run an execution to its end; `run` has its steps as soon as they are taken."""
    world = run.world
    while enabled := world.enabled():
        task = oracle.pick(enabled)
        op = task.pending
        choice = 0
        if op is not None and op.chooses and (options := op.options()) > 1:
            choice = oracle.choose(options) if not op.arrives else arrival(oracle, world.steps)
        run.take(task, choice)
        if len(run.log) > STEPS_MAX:
            raise endless(task)
