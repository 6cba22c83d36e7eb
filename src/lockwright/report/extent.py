"""How far a search came, in words."""

from __future__ import annotations

from lockwright.core.result import ESTIMATE_MAX, Result
from lockwright.report.columns import counted

DIGITS = 2
SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def how_far(result: Result) -> str:
    """What a search that left something out has covered."""
    done = counted(result.executions, "execution")
    if result.unshown:
        places = ", ".join(result.unshown)
        return (
            f"{done}: a data race is predicted, and none of the schedules tried shows it: {places}"
        )
    if result.exhausted and result.bound is not None:
        return f"{done}: every schedule with at most {counted(result.bound, 'preemption')}"
    if result.estimated is None:
        return f"{done}, not all interleavings"
    return f"{done}, not all interleavings: {in_all(result.estimated)}"


def in_all(estimated: int) -> str:
    """The estimate of a search's executions, to two digits."""
    if estimated >= ESTIMATE_MAX:
        return f"more than {ESTIMATE_MAX:,} in all, an estimate"
    rest = max(len(str(estimated)) - DIGITS, 0)
    return f"about {round(estimated, -rest):,} in all, an estimate"


def time_left(seconds: float) -> str:
    """A span of time in one unit: `about 3 minutes left`."""
    for length, unit in SPANS:
        if seconds >= length:
            return f"about {counted(round(seconds / length), unit)} left"
    return f"about {counted(round(seconds), 'second')} left"
