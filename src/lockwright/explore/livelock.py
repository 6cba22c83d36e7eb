"""What there is to say of a cycle that lasts: who goes round, on what, and who could end it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.location import Location
from lockwright.core.task import Task
from lockwright.core.world import World

LIVELOCK = "livelock"
STARVATION = "starvation"
LASTING = (LIVELOCK, STARVATION)
"""Kinds of findings that no single execution shows: only that its state comes again does."""


@dataclass(slots=True)
class Turn:
    """One step of a cycle: who takes it, what is done and where, and what it touches."""

    task: Task
    text: str
    chain: tuple[Frame, ...]
    codes: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, task: Task) -> Turn:
        """The step that a task is about to take."""
        return cls(task, _does(task), task.call_chain())


class _Names:
    """What locations are called."""

    def __init__(self, world: World, locations: Mapping[int, Location]) -> None:
        self.fields = world.names.fields
        self.locations = locations

    def of(self, turns: Sequence[Turn], *, written: bool) -> list[str]:
        """Those that steps write, or read, in the order of the steps; without repetition."""
        names: dict[str, None] = {}
        for turn in turns:
            for code in turn.codes:
                if code >= 0 and bool(code & 1) == written:
                    names[self._name(code >> 1)] = None
        return [name for name in names if name]

    def _name(self, number: int) -> str:
        location = self.locations.get(number)
        return self.fields.get(number, location.name if location is not None else "")


def lasso_finding(
    world: World,
    turns: Sequence[Turn],
    starved: Sequence[int],
    held: Mapping[int, Sequence[str]],
    locations: Mapping[int, Location],
) -> Finding:
    """The finding of an execution that has come to the end of its cycle for the first time.

    `starved` are the tasks that can go on at some time in the cycle and never do; `held` says for
    each task which locks it holds, `locations` which of them have which number.
    """
    names = _Names(world, locations)
    rounds: dict[int, list[Turn]] = {}
    for turn in turns:
        rounds.setdefault(turn.task.index, []).append(turn)
    movers = [world.tasks[index] for index in sorted(rounds)]
    lines: list[str] = []
    for task in movers:
        lines += _mover(task, rounds[task.index], names)
        lines.append(_holds(task, held))
    for task in world.tasks:
        if task.index not in rounds and task.pending is not None:
            how = "can go on again and again, and never does" * (task.index in starved)
            stands = "is idle" if task.pending.idle else "is blocked"
            lines.append(f"INFO: task {task.comm}:{task.pid} {how or stands}, in {_does(task)}")
            lines += [f"  {frame}" for frame in task.call_chain()]
            lines.append(_holds(task, held))
    lines += _prospects(world, rounds, starved, names)
    kind = STARVATION if starved else LIVELOCK
    message = _message(world, rounds, starved)
    first = movers[0]
    sites = sorted(f"{task.comm}: {', '.join(_texts(rounds[task.index]))}" for task in movers)
    waits = [f"{world.tasks[index].comm}: {_does(world.tasks[index])}" for index in starved]
    return Finding(
        kind,
        message,
        "; ".join(sites + waits),
        first.index,
        first.comm,
        rounds[first.index][0].chain,
        tuple(lines),
        fatal=False,
    )


def _message(world: World, rounds: Mapping[int, Sequence[Turn]], starved: Sequence[int]) -> str:
    movers = [world.tasks[index] for index in sorted(rounds)]
    round_of = "; ".join(
        f"{task.comm} in {', '.join(_texts(rounds[task.index]))}" for task in movers
    )
    if starved:
        who = [world.tasks[index] for index in starved]
        waits = "; ".join(f"{task.comm} in {_does(task)}" for task in who)
        some = "waits" if len(who) == 1 else "wait"
        return f"{waits} {some} for ever while others go round: {round_of}"
    count = f"{len(movers)} task{'s' * (len(movers) > 1)} go{'es' * (len(movers) == 1)}"
    return f"{count} round for ever: {round_of}"


def _mover(task: Task, turns: Sequence[Turn], names: _Names) -> list[str]:
    lines = [f"INFO: task {task.comm}:{task.pid} goes round for ever: {', '.join(_texts(turns))}"]
    lines += [f"  {frame}" for frame in turns[0].chain]
    reads, writes = names.of(turns, written=False), names.of(turns, written=True)
    if reads:
        lines.append(f"  reads: {', '.join(reads)}")
    if writes:
        lines.append(f"  writes: {', '.join(writes)}")
    return lines


def _prospects(
    world: World, rounds: Mapping[int, Sequence[Turn]], starved: Sequence[int], names: _Names
) -> list[str]:
    """Who could change what the cycle looks at, and what is assumed of the scheduler."""
    turns = [turn for each in rounds.values() for turn in each]
    written = names.of(turns, written=True)
    fixed = [name for name in names.of(turns, written=False) if name not in written]
    lines: list[str] = []
    if fixed:
        others = [t.comm for t in world.tasks if t.index not in rounds and t.pending is not None]
        who = f"only {' or '.join(others)} could, if at all" if others else "nobody else is left"
        lines.append(f"{', '.join(fixed)}: nobody in the cycle changes it, and {who}.")
    if written and len(rounds) > 1:
        lines.append(f"{', '.join(written)}: changed in the cycle, and changed back.")
    if starved:
        lines.append(
            "Every task that could go on all the time takes its turn (weak fairness).  One that "
            "can go on only now and then need not; a lock handed over in order would let it."
        )
    else:
        lines.append("Every task that can go on at some time in the cycle takes its turn in it.")
    return lines


def _holds(task: Task, held: Mapping[int, Sequence[str]]) -> str:
    return f"  holds: {', '.join(held.get(task.index, ())) or 'no lock'}"


def _texts(turns: Sequence[Turn]) -> list[str]:
    return list(dict.fromkeys(turn.text for turn in turns))


def _does(task: Task) -> str:
    return task.pending.describe() if task.pending is not None else "nothing"
