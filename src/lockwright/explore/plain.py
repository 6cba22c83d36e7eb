"""Plain depth-first search: every interleaving, no reduction.  The reference for all others."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.errors import NondeterminismError
from lockwright.core.location import Names
from lockwright.core.schedule import STEPS_MAX
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.run import MakeWorld, Run, endless


def plain_search(make: MakeWorld) -> Iterator[Run]:
    """Yield a run for every schedule, in lexicographic order of (task, value).

    Each run starts from a fresh world and replays the prefix that it shares with the one before.
    """
    names = Names()
    stack: list[list[tuple[int, int]]] = []
    while True:
        run = _execute(make(names), stack)
        yield run
        while stack and len(stack[-1]) == 1:
            stack.pop()
        if not stack:
            return
        stack[-1].pop()


def _execute(world: World, stack: list[list[tuple[int, int]]]) -> Run:
    """Run along `stack` (alternatives left at each depth, the current one last), then on."""
    run = Run(world, [], [])
    depth = 0
    while enabled := world.enabled():
        if depth == len(stack):
            stack.append(_alternatives(enabled))
        index, value = stack[depth][-1]
        task = world.tasks[index] if index < len(world.tasks) else None
        if task is None or task not in enabled:
            raise NondeterminismError(
                f"the model is not deterministic: step {depth} is not what it was under the same "
                f"schedule\nexpected: task {index} can run\ngot: it cannot"
            )
        run.schedule.append((index, value))
        run.numbers.append(task.number)
        run.touched.append(world.step(task, value))
        depth += 1
        if depth > STEPS_MAX:
            raise endless(task)
    return run


def _alternatives(enabled: list[Task]) -> list[tuple[int, int]]:
    choices: list[tuple[int, int]] = []
    for task in reversed(enabled):
        op = task.pending
        options = op.options() if op is not None and op.chooses else 1
        choices.extend((task.index, value) for value in reversed(range(options)))
    return choices
