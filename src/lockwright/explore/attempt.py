"""One execution that is tried out: what was taken, what else could have been, what broke."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.schedule import Choice
from lockwright.core.task import Task
from lockwright.explore.guided import follow
from lockwright.explore.run import MakeWorld, Run
from lockwright.schedule.oracle import Oracle

Key = tuple[str, str]
"""Kind and signature: what makes two findings one."""

Cost = tuple[int, int, int]
"""Preemptions, steps, tasks that take a step."""

Finish = Callable[[Run], Sequence[Finding]]
"""What the rules say of an execution; one that still has tasks that can run was not ended."""

Fresh = Callable[[], tuple[MakeWorld, Finish]]
"""Makes rules that have seen no execution yet, so that what they find is in one alone."""


@dataclass(slots=True)
class Taken:
    """An execution, perhaps given up before its end.

    `could[i]` lists the choices there were at step i, `tasks` the number of each task in order of
    creation; `numbers` and `touched` are as in `Run`.  `step` is where the wanted finding showed:
    the number of a step, or that of all steps if it took the end to show; -1 if it did not.
    """

    schedule: list[Choice] = field(default_factory=list)
    could: list[list[Choice]] = field(default_factory=list)
    tasks: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    touched: list[list[int]] = field(default_factory=list)
    findings: Sequence[Finding] = ()
    step: int = -1
    complete: bool = False

    @property
    def shown(self) -> list[Choice]:
        """The schedule up to the step that shows the wanted finding."""
        return self.schedule[: self.step + 1]

    @property
    def cost(self) -> Cost:
        """What it takes to show the wanted finding; the less the better."""
        shown = self.shown
        return self.preemptions(len(shown)), len(shown), len({task for task, _ in shown})

    def preemptive(self, step: int, choice: Choice) -> bool:
        """Would `choice` at `step` preempt: take the turn from a task that can go on?"""
        if not step:
            return False
        last = self.schedule[step - 1][0]
        return choice[0] != last and any(task == last for task, _ in self.could[step])

    def preemptions(self, steps: int) -> int:
        """How many of the first `steps` choices preempt."""
        return sum(self.preemptive(at, choice) for at, choice in enumerate(self.schedule[:steps]))


class Attempts:
    """Runs executions of one scenario under oracles, each with fresh rules, and counts them.

    An execution in which the model fails shows nothing: it was nobody's wish to explore it.
    """

    def __init__(self, fresh: Fresh) -> None:
        self.fresh = fresh
        self.names = Names()
        self.count = 0

    def run(self, oracle: Oracle, wanted: Key | None = None, steps_max: int | None = None) -> Taken:
        """One execution, up to the step that shows `wanted`, `steps_max` steps or its end."""
        self.count += 1
        oracle.begin()
        taken = Taken()
        make, finish = self.fresh()
        run = None
        try:
            run = Run(make(self.names))
            follow(run, _Watch(oracle, run, taken, _Until(wanted, steps_max)))
            taken.findings = finish(run)
            taken.complete = True
        except _Stopped:
            taken.findings = finish(run) if run is not None else ()
        except Exception:  # whatever a model raises
            taken.findings = ()
        if run is not None:
            taken.schedule = list(run.schedule)
            taken.numbers, taken.touched = run.numbers, run.touched
            taken.numbers, taken.touched = run.numbers, run.touched
            taken.tasks = [task.number for task in run.world.tasks]
            run.world.close()
        taken.step = _step_of(wanted, taken)
        return taken


def _step_of(wanted: Key | None, taken: Taken) -> int:
    steps = [
        min(finding.step, len(taken.schedule))
        for finding in taken.findings
        if (finding.kind, finding.signature) == wanted
    ]
    return min(steps, default=-1)


class _Stopped(Exception):
    """Enough of this execution."""


@dataclass(frozen=True, slots=True)
class _Until:
    wanted: Key | None
    steps_max: int | None

    def reached(self, run: Run, seen: int) -> bool:
        """Is there no need to go on?  Findings before `seen` are known not to be wanted."""
        if self.steps_max is not None and len(run.keys) >= self.steps_max:
            return True
        return any(
            (finding.kind, finding.signature) == self.wanted
            for finding in run.world.findings[seen:]
        )


class _Watch:
    """Another oracle, and a note of what else it could have said."""

    def __init__(self, oracle: Oracle, run: Run, taken: Taken, until: _Until) -> None:
        self.oracle = oracle
        self.run = run
        self.taken = taken
        self.until = until
        self.seen = 0

    def begin(self) -> bool:
        return self.oracle.begin()

    def pick(self, enabled: list[Task]) -> Task:
        if self.until.reached(self.run, self.seen):
            raise _Stopped
        self.seen = len(self.run.world.findings)
        self.taken.could.append([choice for task in enabled for choice in choices_of(task)])
        return self.oracle.pick(enabled)

    def choose(self, options: int) -> int:
        return self.oracle.choose(options)


def choices_of(task: Task) -> list[Choice]:
    """What a task can be told to do in its next step."""
    op = task.pending
    options = op.options() if op is not None and op.chooses else 1
    return [(task.index, value) for value in range(options)]
