"""The goals of a scenario: what some execution of it has to reach.

An invariant over nothing passes.  `sometimes` is the twin of `always`: a goal that a complete
exploration never reaches is a finding, without a schedule, because all of them show it.  Where not
everything was explored it is only said which goals were not reached so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lockwright.check.rule import Rule
from lockwright.core.errors import ModelError, UsageError
from lockwright.core.finding import Finding
from lockwright.core.goal import NEVER, Reached
from lockwright.core.promise import Condition, Goal
from lockwright.core.schedule import Choice
from lockwright.core.world import World


class Goals(Rule):
    """Counts the executions that reach each goal.

    After `finish` it has to be told the execution's schedule, by `keep`, if `shorter` is not
    empty: this is the first or the shortest execution to reach those.
    """

    name = "goals"

    def __init__(self, goals: Sequence[Goal]) -> None:
        self.conditions = dict(_pairs(goals))
        self.reached = {sentence: Reached(sentence) for sentence in self.conditions}
        self.shorter: list[Reached] = []

    def begin(self, world: World) -> None:
        self.shorter = []

    def finish(self, world: World) -> None:
        self.shorter = []
        if not self.reached:
            return
        for sentence in self._reached(world):
            goal = self.reached[sentence]
            goal.executions += 1
            if goal.executions == 1 or world.steps < goal.steps:
                goal.steps = world.steps
                self.shorter.append(goal)

    def _reached(self, world: World) -> list[str]:
        """The goals that the execution came to; conditions are asked if it has ended well."""
        well = not (world.oopsed or world.blocked() or world.enabled())
        return [
            sentence
            for sentence, condition in self.conditions.items()
            if sentence in world.reached
            or (condition is not None and well and _asked(sentence, condition, world))
        ]

    def keep(self, schedule: Iterable[Choice]) -> None:
        """The schedule of the execution that has finished."""
        kept = tuple(schedule)
        for goal in self.shorter:
            goal.schedule = kept
        self.shorter = []

    def restore(self, others: Iterable[Reached]) -> None:
        """Take these counts for its own."""
        self.reached = {sentence: Reached(sentence) for sentence in self.conditions}
        self.merge(others)

    def merge(self, others: Iterable[Reached]) -> None:
        """Add what was counted of later executions."""
        for other in others:
            goal = self.reached[other.sentence]
            if other.executions and (not goal.executions or other.steps < goal.steps):
                goal.steps, goal.schedule = other.steps, other.schedule
            goal.executions += other.executions

    def never(self, traces: int) -> list[Finding]:
        """The goals that a complete exploration of so many traces never reached."""
        return [
            Finding(
                NEVER,
                sentence,
                sentence,
                0,
                "",
                lines=(f"none of the {traces} executions that there are reaches it",)
                if traces != 1
                else ("the one execution that there is does not reach it",),
                fatal=False,
                executions=0,
            )
            for sentence, goal in self.reached.items()
            if not goal.executions
        ]


def _pairs(goals: Sequence[Goal]) -> Iterable[tuple[str, Condition | None]]:
    """Sentences with their conditions.  Raises UsageError for what is no goal."""
    if isinstance(goals, str) or not isinstance(goals, Sequence):
        raise UsageError(f"sometimes is a tuple of goals, not a {type(goals).__name__}")
    seen = []
    for goal in goals:
        sentence, condition = _pair(goal)
        if not sentence:
            raise UsageError(
                f"{goal!r} is no goal: expected a sentence, or a sentence with a function that "
                "gives True of a world in which it was reached"
            )
        if sentence in seen:
            raise UsageError(f"two goals of one scenario say {sentence!r}")
        seen.append(sentence)
        yield sentence, condition


def _pair(goal: object) -> tuple[str, Condition | None]:
    """What a goal says, empty if it is none, and its condition."""
    if isinstance(goal, str):
        return goal, None
    match goal:
        case (str(sentence), condition) if callable(condition):
            return sentence, condition
    return "", None


def _asked(sentence: str, condition: Condition, world: World) -> bool:
    answer: object = condition(world)
    if not isinstance(answer, bool):
        raise ModelError(
            f"the condition of the goal {sentence!r} gives no answer\nexpected: True or False\n"
            f"got: {'None' if answer is None else f'a {type(answer).__name__}'}"
        )
    return answer
