"""Schedules that covered something new, each changed a little: what a fuzzer does with its corpus.

An execution takes one of the parents, by weight, and makes a few changes to it, on the level of
preemptions: a task's steps wait until others have had their turn, or come before them; a switch
between tasks is left out; the beginning of one parent goes on as another one does; the end is cut
off.  The result is followed as `Wishes` has it: what cannot run yet comes later, what never can is
passed over.  Now and then a step's outcome is drawn anew.  Where the wishes end, the execution goes
on by random priorities, as `pos` has them.

Source: Zalewski, "american fuzzy lop", technical details, sections 5 and 6 (stacked changes, and
splicing); Wolff, Shi, Duck, Mathur, Roychoudhury, "Greybox Fuzzing for Concurrency Testing" (ASPLOS
2024), section 4 (schedules as what is mutated).

Order of reading: `Mutated`, `changed`, the changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from lockwright.core.errors import UsageError
from lockwright.core.schedule import Choice, parse_schedule
from lockwright.core.task import Task
from lockwright.schedule.pos import Pos

MORE = 0.5
"""How likely one more change is to be made to the same schedule."""
CHANGES_MAX = 8
SPLICED = 0.15
"""The share of executions that have two parents."""
CUT = 0.5
"""The share of executions whose parent's end is cut off."""
STRAYING = 0.5
"""The share of executions in which outcomes are drawn anew."""
STRAY = 0.1
"""How likely each outcome of such an execution is to be drawn anew."""

Schedule = list[Choice]


class Mutated(Pos):
    """Execution i depends on the seed, on i, and on the parents: (schedule, weight) each.

    Invariant: in this execution, `wishes` has by task what is wished of it, the next one last, as
    (place among all wishes, outcome); `value` is the outcome that goes with the step, -1 for any;
    `stray` says how likely it is to be drawn anew.
    """

    name = "corpus"

    def __init__(
        self,
        seed: int,
        executions: int,
        *,
        first: int = 0,
        parents: Sequence[tuple[str, int]] = (),
    ) -> None:
        super().__init__(seed, executions, first=first)
        if not parents:
            raise UsageError("strategy corpus: there is no schedule to begin with")
        for text, weight in parents:
            if weight < 1:
                raise UsageError(f"strategy corpus: schedule {text} has weight {weight}, below 1")
        self.parents = [parse_schedule(text) for text, _ in parents]
        self.weights = [weight for _, weight in parents]
        self.wishes: dict[int, list[tuple[int, int]]] = {}
        self.value = -1
        self.stray = 0.0

    def started(self) -> None:
        super().started()
        random = self.random
        schedule = self._parent()
        if random.random() < SPLICED:
            schedule = spliced(schedule, self._parent(), random.randint(0, len(schedule)))
        schedule = changed(schedule, random)
        self.wishes = {}
        for at in range(len(schedule) - 1, -1, -1):
            task, value = schedule[at]
            self.wishes.setdefault(task, []).append((at, value))
        self.stray = STRAY if random.random() < STRAYING else 0.0

    def _parent(self) -> Schedule:
        return self.random.choices(self.parents, self.weights)[0]

    def pick(self, enabled: list[Task]) -> Task:
        wished, first = None, 0
        for task in enabled:
            wishes = self.wishes.get(task.index)
            if wishes and (wished is None or wishes[-1][0] < first):
                wished, first = task, wishes[-1][0]
        if wished is None:
            self.value = -1
            return super().pick(enabled)
        _, self.value = self.wishes[wished.index].pop()
        return wished

    def choose(self, options: int) -> int:
        if self._anew():
            return super().choose(options)
        return min(self.value, options - 1)

    def arrives(self, step: int) -> int:
        return super().arrives(step) if self._anew() else min(self.value, 1)

    def _anew(self) -> bool:
        return self.value < 0 or (self.stray > 0 and self.random.random() < self.stray)


def changed(schedule: Schedule, random: Random) -> Schedule:
    """The schedule with its end cut off, or with a few changes, one at least if one can be made."""
    if random.random() < CUT:
        return schedule[: random.randrange(len(schedule))] if schedule else []
    made = schedule
    for _ in range(CHANGES_MAX):
        if not made or (made != schedule and random.random() >= MORE):
            break
        made = random.choice(CHANGES)(made, random)
    return made


def delayed(schedule: Schedule, random: Random) -> Schedule:
    """A task is preempted: the rest of what it did without a switch comes later."""
    at = random.randrange(len(schedule))
    end = _end(schedule, at)
    to = end + _far(len(schedule) - end, random)
    return [*schedule[:at], *schedule[end:to], *schedule[at:end], *schedule[to:]]


def hastened(schedule: Schedule, random: Random) -> Schedule:
    """A task preempts: the first steps of what it did without a switch come earlier."""
    at = random.randrange(len(schedule))
    begin = at
    while begin and schedule[begin - 1][0] == schedule[at][0]:
        begin -= 1
    to = begin - _far(begin, random)
    return [*schedule[:to], *schedule[begin : at + 1], *schedule[to:begin], *schedule[at + 1 :]]


def joined(schedule: Schedule, random: Random) -> Schedule:
    """A task goes on: its next steps after a switch away from it come before the switch."""
    at = random.randrange(len(schedule))
    task, end = schedule[at][0], _end(schedule, at)
    begin = next((n for n in range(end, len(schedule)) if schedule[n][0] == task), len(schedule))
    after = _end(schedule, begin)
    return [*schedule[:end], *schedule[begin:after], *schedule[end:begin], *schedule[after:]]


def dropped(schedule: Schedule, random: Random) -> Schedule:
    """What a task does without a switch is left out: whatever it has left to do comes so much
    later."""
    at = random.randrange(len(schedule))
    return [*schedule[:at], *schedule[_end(schedule, at) :]]


CHANGES: tuple[Callable[[Schedule, Random], Schedule], ...] = (delayed, hastened, joined, dropped)


def spliced(schedule: Schedule, other: Schedule, at: int) -> Schedule:
    """The first steps of one schedule, up to before `at`; then each task goes on from where it is,
    in the order of the other one."""
    head = schedule[:at]
    taken: dict[int, int] = {}
    for task, _ in head:
        taken[task] = taken.get(task, 0) + 1
    for task, value in other:
        if taken.get(task, 0) > 0:
            taken[task] -= 1
        else:
            head.append((task, value))
    return head


def _end(schedule: Schedule, at: int) -> int:
    """Where another task's turn comes, or the schedule ends."""
    end = at
    while end < len(schedule) and schedule[end][0] == schedule[at][0]:
        end += 1
    return end


def _far(most: int, random: Random) -> int:
    """A number of steps up to the most there are; 1 as likely as 2 or 3, or as 4 to 7."""
    return min(int(2 ** (random.random() * (most + 1).bit_length())), most)
