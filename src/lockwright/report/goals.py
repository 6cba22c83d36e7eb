"""What became of a scenario's goals, in words."""

from __future__ import annotations

from lockwright.core.goal import NEVER
from lockwright.core.result import Result
from lockwright.report.columns import counted


def goal_lines(result: Result) -> list[str]:
    """A line for each goal, but for those that are findings: those never reached at all."""
    found = [finding.message for finding in result.findings if finding.kind == NEVER]
    done = counted(result.executions, "execution")
    return [
        f"goal reached in {goal.executions} of {done}: {goal.sentence}"
        if goal.executions
        else f"goal not reached so far: {goal.sentence}"
        for goal in result.goals
        if goal.sentence not in found
    ]
