"""Schedules as data, for tests of one's own with Hypothesis.

    @given(schedules())
    def test_two_writers(schedule: Schedule) -> None:
        assert not run_under(two_writers, schedule).findings

A schedule is a list of detours.  Without one the task that runs goes on until it ends or has to
wait, and then the first that can run does; of an operation's outcomes the first is taken, and no
interrupt comes.  A detour `(gap, other)` goes that way at the next `gap` places where there was
something to choose, and there takes another of the choices.  So every list of detours is a
schedule of every scenario, every schedule is one of some list, and the fewer and the smaller its
numbers, the fewer preemptions it has: that is what Hypothesis shrinks towards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hypothesis import strategies as st

from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.result import Result
from lockwright.core.schedule import Choice
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.covering import Covering
from lockwright.explore.bounded import Bounded
from lockwright.explore.guided import follow
from lockwright.explore.run import Run
from lockwright.judge import Judge, merged
from lockwright.options import RULES, check_name
from lockwright.scenario import Scenario
from lockwright.schedule.oracle import Oracle

DETOURS_MAX = 6
GAP_MAX = 24


class Detour(NamedTuple):
    """After `gap` places with a choice, another than the first: number `other` of these, which
    counts around."""

    gap: int
    other: int


Schedule = tuple[Detour, ...]


class Detours:
    """One execution along a schedule of detours.

    Places where there is but one choice are no places; `places` counts those that there were.
    """

    def __init__(self, schedule: Iterable[tuple[int, int]]) -> None:
        self.left = [Detour(*detour) for detour in schedule]
        self.left.reverse()
        self.gap = self.left[-1].gap if self.left else -1
        self.last = -1
        self.places = 0
        self.begun = False

    def begin(self) -> bool:
        """There is one execution."""
        first = not self.begun
        self.begun = True
        return first

    def pick(self, enabled: list[Task]) -> Task:
        """The task that runs already, or the first that can; elsewhere where a detour says so."""
        task = next((task for task in enabled if task.index == self.last), enabled[0])
        other = self._other(len(enabled))
        if other >= 0:
            task = [each for each in enabled if each is not task][other]
        self.last = task.index
        return task

    def choose(self, options: int) -> int:
        """The first outcome, or another where a detour says so."""
        return 1 + self._other(options)

    def arrives(self, step: int) -> int:
        """No interrupt comes but where a detour says so."""
        return self.choose(2)

    def _other(self, options: int) -> int:
        """Which of the other choices is taken here; -1 if none of them."""
        if options < 2:
            return -1
        self.places += 1
        if not self.left:
            return -1
        if self.gap:
            self.gap -= 1
            return -1
        detour = self.left.pop()
        self.gap = self.left[-1].gap if self.left else -1
        return detour.other % (options - 1)


def schedules(
    detours_max: int = DETOURS_MAX, gap_max: int = GAP_MAX
) -> st.SearchStrategy[Schedule]:
    """A schedule for `run_under`: at most so many detours, each at most so far from the one before.

    Each preemption is a detour, and so are an interrupt that comes and an operation that fails.
    """
    for what, count in (("detours_max", detours_max), ("gap_max", gap_max)):
        if type(count) is not int or count < 0:
            raise UsageError(f"schedules(): {what} is a number of 0 or more, not {count!r}")
    detour = st.builds(Detour, st.integers(0, gap_max), st.integers(0, 3))
    return st.lists(detour, max_size=detours_max).map(tuple)


@dataclass(slots=True)
class Ran:
    """What came of one execution: its schedule step for step, what it broke, how it ended.

    `outcome` is the scenario's, empty where it has none or where a task died or waits for ever;
    `blocked` and `died` name such tasks.
    """

    schedule: tuple[Choice, ...]
    findings: list[Finding] = field(default_factory=list)
    outcome: str = ""
    blocked: tuple[str, ...] = ()
    died: tuple[str, ...] = ()


def run_under(
    scenario: Scenario, schedule: Iterable[tuple[int, int]], *, rules: Sequence[str] = RULES
) -> Ran:
    """Run a scenario once, along a schedule, under rules that have seen no other execution.

    Raises UsageError for an unknown rule, and whatever the model raises.
    """
    return Trials(scenario, rules).under(Detours(schedule))


class Trials:
    """Runs executions of one scenario, each under rules that have seen no other.

    `ready` tells that the world of the last one was set up; `run` is that execution.  `covering`
    gathers what they cover, if somebody wants to know.
    """

    def __init__(self, scenario: Scenario, rules: Sequence[str] = RULES) -> None:
        for name in rules:
            check_name("rule", name, RULES)
        self.scenario = scenario
        self.rules = rules
        self.names = Names()
        self.judge: Judge | None = None
        self.ready = False
        self.run: Run | None = None
        self.covering: Covering | None = None

    def make(self, names: Names) -> World:
        """A fresh world with fresh rules."""
        nothing = Result(self.scenario.name, self.scenario.title, {}, "detours")
        self.judge = judge = Judge(self.scenario, self.rules, nothing)
        world = World(names) if self.covering is None else self.covering.world(names)
        judge.begin(world)
        self.ready = False
        self.run = None
        self.scenario.set_up(world)
        self.ready = True
        return world

    def under(self, oracle: Oracle) -> Ran:
        """One execution as an oracle wants it."""
        oracle.begin()
        self.run = run = Run(self.make(self.names))
        follow(run, oracle)
        return self.ended(run)

    def ended(self, run: Run) -> Ran:
        """What came of an execution that has ended."""
        judge, world = self.judge, run.world
        assert judge is not None
        world.acc = []  # what the rules read belongs to no step
        races = judge.races_of(run)
        if self.covering is not None:
            self.covering.judge(run)
            edges = dict.fromkeys(judge.order.edges())
            self.covering.coverage.lock_orders.update(edges)
        blocked = tuple(task.comm for task in world.blocked())
        died = tuple(task.comm for task in world.tasks if task.died)
        outcome = self.scenario.outcome
        said = outcome(world) if outcome is not None and not (blocked or world.oopsed) else ""
        judge.finish(world)
        ran = Ran(tuple(run.schedule), [*merged(world.findings), *races], said, blocked, died)
        for finding in ran.findings:
            finding.schedule = finding.schedule or ran.schedule
        world.discard()
        return ran

    def systematic(self, count: int) -> Iterable[Ran]:
        """The executions with the fewest preemptions, at most so many."""
        for _, run in zip(range(count), Bounded(self.make), strict=False):
            yield self.ended(run)
