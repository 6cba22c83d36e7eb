"""One finished execution, as every search hands it on."""

from __future__ import annotations

from collections.abc import Callable

from lockwright.core.errors import ModelError
from lockwright.core.location import Names
from lockwright.core.schedule import STEPS_MAX, Choice
from lockwright.core.task import Task
from lockwright.core.world import World

CHOICE_SHIFT = 16
TASK_MASK = (1 << CHOICE_SHIFT) - 1
"""A step's key is the task's number and, shifted, the value chosen."""

MakeWorld = Callable[[Names], World]
"""Builds a fresh world: listeners attached, scenario set up, tasks spawned."""


class Run:
    """One execution that came to its end.

    `schedule` lists (task, value) for each step, `touched[i]` the access codes of step i (see
    `World.step`), `numbers[i]` the task's number; the last two may be the search's own, to be read
    before it goes on.  `sleeping` tells that the reduction gave the execution up because every
    enabled task slept.  `plain_races` lists (first step, second step, location) of conflicts that
    only plain accesses make and nothing orders: data races.
    """

    __slots__ = ("_keys", "_schedule", "numbers", "plain_races", "sleeping", "touched", "world")

    def __init__(self, world: World, numbers: list[int], touched: list[list[int]]) -> None:
        self.world = world
        self.numbers = numbers
        self.touched = touched
        self.sleeping = False
        self.plain_races: list[tuple[int, int, int]] = []
        self._schedule: list[Choice] | None = []
        self._keys: list[int] = []

    @classmethod
    def of_keys(
        cls, world: World, keys: list[int], numbers: list[int], touched: list[list[int]]
    ) -> Run:
        """A run of a search that names its steps by keys (`wakeup.py`)."""
        run = cls(world, numbers, touched)
        run._schedule = None  # most runs are never asked for it
        run._keys = list(keys)
        return run

    @property
    def schedule(self) -> list[Choice]:
        """What makes this execution happen again."""
        if self._schedule is None:
            index = [task.index if task is not None else -1 for task in self.world.by_number]
            self._schedule = [(index[key & TASK_MASK], key >> CHOICE_SHIFT) for key in self._keys]
        return self._schedule


def trace_key(run: Run) -> tuple[object, ...]:
    """The Mazurkiewicz trace of a run: for each location the order of its conflicting accesses.

    Two runs have the same key if and only if one can be turned into the other by swapping
    neighbouring independent steps.  Reads between two writes have no order of their own.
    """
    nth: dict[int, int] = {}
    order: dict[int, list[object]] = {}
    labels: list[tuple[int, int, int]] = []
    for number, (_, choice), codes in zip(run.numbers, run.schedule, run.touched, strict=True):
        at = nth.get(number, 0)
        nth[number] = at + 1
        labels.append((number, at, choice))
        writes = {code >> 1 for code in codes if code >= 0 and code & 1}
        touched = {code >> 1 if code >= 0 else ~code for code in codes}
        for location in sorted(touched):
            entries = order.setdefault(location, [])
            if location in writes:
                entries.append((number, at))
            elif entries and isinstance(entries[-1], list):
                entries[-1].append((number, at))
                entries[-1].sort()
            else:
                entries.append([(number, at)])
    frozen = tuple(
        (location, tuple(tuple(e) if isinstance(e, list) else e for e in entries))
        for location, entries in sorted(order.items())
    )
    return tuple(sorted(labels)), frozen


def endless(task: Task | None) -> ModelError:
    """The error of an execution that is too long to end; `task` took its last step."""
    who = "a task"
    if task is not None:
        what = f" in {task.pending.describe()}" if task.pending is not None else ""
        who = f"{task.comm}{what}"
    return ModelError(
        f"an execution has more than {STEPS_MAX} steps, the last of {who}: is there a busy loop? "
        "A loop that polls must be modelled as a wait, say with wait_until(), wait_event() or "
        "the poll() of a semaphore"
    )
