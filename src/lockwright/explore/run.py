"""One finished execution, as every search hands it on."""

from __future__ import annotations

from collections.abc import Callable

from lockwright.core.errors import ModelError
from lockwright.core.location import Names
from lockwright.core.operation import Operation
from lockwright.core.schedule import STEPS_MAX, Choice
from lockwright.core.task import Task
from lockwright.core.world import World

CHOICE_SHIFT = 16
TASK_MASK = (1 << CHOICE_SHIFT) - 1
"""A step's key is the task's number and, shifted, the value chosen."""

MakeWorld = Callable[[Names], World]
"""Builds a fresh world: listeners attached, scenario set up, tasks spawned."""


OpStep = tuple[int, Operation, int, list[int]]
"""One operation that was run: (the task's number, the operation, how many of the access codes are
the operation's own, all access codes as `World.step` gives them)."""


class Run:
    """One execution that came to its end.

    `log` has an entry for each operation and `keys` its key (task number and value chosen); they
    may be the search's own, to be read before it goes on.  The first `shared` of them are those of
    the run before.  `sleeping` tells that the reduction gave the execution up because every
    enabled task slept.  `fresh` tells that the search began anew with this run: what it gave
    before does not count; `begins` that it is the first of a piece of the search, which has to
    come out the same whoever explores it.  `ordered(i, j)` says whether entry i happens before
    entry j in the exploration; None where all orders of the log count.
    `races` has the steps that race in it, as (first, second), where the search finds these out;
    `held_off` has (first, task's number) for each step that keeps a task waiting for ever.  These
    steps end before the entries `ends`; None: each is one entry.
    """

    __slots__ = (
        "_schedule",
        "begins",
        "ends",
        "fresh",
        "held_off",
        "keys",
        "log",
        "ordered",
        "races",
        "shared",
        "sleeping",
        "world",
    )

    def __init__(
        self,
        world: World,
        keys: list[int] | None = None,
        log: list[OpStep] | None = None,
        shared: int = 0,
    ) -> None:
        self.world = world
        self.keys: list[int] = [] if keys is None else keys
        self.log: list[OpStep] = [] if log is None else log
        world.log = self.log
        self.shared = shared
        self.sleeping = False
        self.fresh = False
        self.begins = False
        self.ordered: Callable[[int, int], bool] | None = None
        self.races: list[tuple[int, int]] | None = None
        self.held_off: list[tuple[int, int]] = []
        self.ends: list[int] | None = None
        self._schedule: list[Choice] = []

    def take(self, task: Task, choice: int) -> list[int]:
        """Let a task take its next step, and write it down; returns its access codes."""
        op = task.pending
        assert op is not None, task.comm
        self.keys.append(task.number | choice << CHOICE_SHIFT)
        codes = self.world.step(task, choice)
        self.log.append((task.number, op, self.world.marked, codes))
        return codes

    @property
    def schedule(self) -> list[Choice]:
        """What makes this execution happen again: (task, value) for each operation."""
        if len(self._schedule) != len(self.keys):
            index = [task.index if task is not None else -1 for task in self.world.by_number]
            self._schedule = [(index[key & TASK_MASK], key >> CHOICE_SHIFT) for key in self.keys]
        return self._schedule

    @property
    def numbers(self) -> list[int]:
        """The task's number for each operation."""
        return [entry[0] for entry in self.log]

    @property
    def touched(self) -> list[list[int]]:
        """The access codes of each operation."""
        return [entry[3] for entry in self.log]


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
        "the poll() of a semaphore, or explored by states, with --strategy liveness"
    )
