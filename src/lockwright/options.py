"""What to explore with, and by which rules: the options of one exploration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from lockwright.core.errors import UsageError
from lockwright.core.schedule import Choice
from lockwright.schedule.slow import SLOW
from lockwright.schedule.strategies import MIX, mix_text, parse_mix

RULES = (
    *("deadlock", "lock-order", "sections", "leak", "promises", "linearizability", "goals"),
    "data-race",
)
OPERATION, SECTION = GRANULARITIES = ("operation", "section")


@dataclass(frozen=True, slots=True)
class Options:
    """How to explore.  `executions` and `seconds` bound the search; None means no bound, which a
    random strategy does not accept for executions.

    `granularity` is what one step may be for the strategy dpor: a whole critical section where
    that loses nothing, or one operation; every other strategy goes by operations.  `bound` is the
    number of preemptions that the strategy bounded allows itself, `mix` the parts of a mix with
    their shares, `depth` that of the bugs that pct aims at.  `prefix` is a schedule's beginning:
    only what can follow it is explored.  Each finding's schedule is shrunk and compared with runs
    that pass by at most `attempts` executions, after the search and whatever its bounds; 0 leaves
    it as it was found.  `jobs` processes explore, with the same result whatever their number.
    With `coverage` the result says what was covered.  `slow` names what a random strategy lets end
    as late as it can: "grace periods", "work".
    """

    strategy: str = "dpor"
    seed: int = 0
    executions: int | None = None
    seconds: float | None = None
    rules: tuple[str, ...] = RULES
    depth: int = 3
    version: str = ""
    events: bool = True
    granularity: str = SECTION
    bound: int | None = None
    mix: str = mix_text(MIX)
    prefix: tuple[Choice, ...] = ()
    attempts: int = 0
    jobs: int = 1
    coverage: bool = False
    slow: tuple[str, ...] = ()


def check_options(options: Options) -> None:
    """Raise UsageError for what no exploration can be made with; the strategy's name and what it
    needs are for `searches.search` to check."""
    for name in options.rules:
        check_name("rule", name, RULES)
    check_name("granularity", options.granularity, GRANULARITIES)
    parse_mix(options.mix)
    for name in options.slow:
        check_name("delay", name, SLOW)
    if options.bound is not None and options.bound < 0:
        raise UsageError(f"a bound of {options.bound} preemptions: expected 0 or more")
    if options.attempts < 0:
        raise UsageError(f"{options.attempts} attempts at a finding: expected 0 or more")


def check_name(what: str, name: str, known: Iterable[str]) -> None:
    """Raise UsageError, with the right spelling, for a name that is not known."""
    names = list(known)
    if name in names:
        return
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UsageError(f"unknown {what} {name!r}; {hint}there are: {', '.join(names)}")
