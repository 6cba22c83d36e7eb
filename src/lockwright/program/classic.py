"""What the kernel's own validator says of a program: its search, and one run at a time.

Our validator learns over all executions of an exploration, and its search is complete.  The
kernel's begins with nothing in each boot, falls silent after its first report, and can miss a
cycle.  So it is asked once more: of runs of the program at random, each with a validator of its
own that searches as the kernel does.  What most of those that come to an end give is its verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lockwright.core.errors import ModelError
from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.schedule import Choice
from lockwright.core.world import World
from lockwright.explore.guided import guided_search
from lockwright.lockdep import Validator
from lockwright.lockorder import LockOrder, proves_raw_nesting
from lockwright.program.entry import OK
from lockwright.program.program import Program
from lockwright.scenario import Scenario
from lockwright.schedule.oracle import Oracle
from lockwright.schedule.random_walk import RandomWalk
from lockwright.schedule.replay import Replay

RUNS = 100
SEED = 0


class Classic(NamedTuple):
    """The kind of the kernel's report, or "ok"; a run that gives it by itself, and if that is the
    execution of one of our findings, which."""

    kind: str
    schedule: tuple[Choice, ...] = ()
    finding: int | None = None


def kernel_verdict(program: Program, findings: Sequence[Finding]) -> Classic:
    """What the kernel says.  `findings` are those of our validator, whose executions are tried
    first, as its search finds no more than ours."""
    if not findings:
        return Classic(OK)
    scenario = program.scenario()
    said: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}  # by whether it hangs
    first: dict[tuple[str, bool], Classic] = {}
    oracles: list[Oracle] = [Replay(finding.schedule) for finding in findings]
    for number, oracle in enumerate((*oracles, RandomWalk(SEED, RUNS))):
        try:
            for kind, blocked, schedule in _runs(scenario, oracle):
                if not kind:
                    continue
                said[blocked][kind] += 1
                ours = number < len(findings) and findings[number].kind == kind
                first.setdefault((kind, blocked), Classic(kind, schedule, number if ours else None))
        except ModelError:  # a run that goes round for ever; that is told where it is judged
            continue
    for blocked, kinds in said.items():
        if kinds:
            return first[kinds.most_common(1)[0][0], blocked]
    return Classic(OK)


def _runs(scenario: Scenario, oracle: Oracle) -> Iterator[tuple[str, bool, tuple[Choice, ...]]]:
    """Of each run, the kind of the kernel's report, if any, whether some task hangs, and its
    schedule."""
    orders: list[LockOrder] = []

    def make(names: Names) -> World:
        world = World(names)
        order = LockOrder(scenario.release)
        order.validator = Validator(
            first_report_only=True,
            kernel_search=True,
            raw_nesting=proves_raw_nesting(scenario.release),
        )
        order.begin(world)
        scenario.set_up(world)
        orders.append(order)
        return world

    for run in guided_search(make, oracle):
        world, order = run.world, orders.pop()
        blocked = bool(world.blocked())
        order.finish(world)
        reports = order.validator.reports
        yield (reports[0].kind if reports else ""), blocked, tuple(run.schedule)
        world.close()
