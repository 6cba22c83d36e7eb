"""`python -m stress.benchmarks`: speed against peers, releases and a floor; memory; a profile."""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
from pathlib import Path

import lockwright
from lockwright.core import world
from lockwright.core.errors import LockwrightError
from stress.benchmarks.cases import NAMES, case_of
from stress.benchmarks.history import baseline, cost_then, peers, peers_of, record
from stress.benchmarks.memory import growth
from stress.benchmarks.yardstick import Measured, measure, search

PROFILE_ROWS = 30
COMPILED = Path(world.__file__).suffix != ".py"
REMARKS = """\
bare: the cost of a search in bare loops over the same coroutines (floor: the most it may be).
steps: the cost of an execution in steps of a plain loop that is no part of this project; `then`
is what the last release took, `faster` how many times that is.
Nidhugg (optimal), GenMC: our executions a second over theirs, as recorded on another machine:
they only say something where the machines are alike.  ~ recorded for a larger program.
+ the first executions of a larger search."""


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for.  Exit status 1 if a floor is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m stress.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N", help="best of N")
    parser.add_argument("--memory", action="store_true", help="100,000 executions of one search")
    parser.add_argument("--profile", metavar="NAME", help="where the time of a search goes")
    parser.add_argument("--record", action="store_true", help="write this release's costs down")
    options = parser.parse_args(arguments)
    try:
        if options.memory:
            return _memory()
        if options.profile:
            return _profile(options.profile)
        found = _speed(options.names or list(NAMES), options.repetitions)
    except LockwrightError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    if options.record:
        record(lockwright.__version__, {each.name: round(each.cost, 1) for each in found})
    return 1 if any(each.over for each in found) else 0


def _speed(names: list[str], repetitions: int) -> list[Measured]:
    cases = [case_of(name) for name in names]
    known, releases = peers(), baseline()
    _say(f"lockwright {lockwright.__version__}, {'compiled' if COMPILED else 'plain Python'}\n")
    _say(
        f"{'program':26}{'executions':>11}{'a second':>10}{'steps/s':>11}{'bare':>6}{'floor':>6}"
        f"{'steps':>9}{'then':>9}{'faster':>8}{'Nidhugg':>9}{'GenMC':>8}"
    )
    found = []
    for case in cases:
        one = measure(case, max(repetitions, 1))
        found.append(one)
        then = cost_then(releases, one.name, lockwright.__version__)
        theirs = peers_of(known, one.name)
        like = "" if theirs is None or theirs.alike else "~"
        _say(
            f"{one.name:26}{one.executions:10,}{' ' if one.whole else '+'}{one.rate:10,.0f}"
            f"{1 / one.search:11,.0f}{one.ratio:6.1f}"
            f"{'' if one.floor is None else f'{one.floor:.0f}':>6}{one.cost:9,.0f}"
            f"{'' if then is None else f'{then:,.0f}':>9}"
            f"{'' if then is None else f'{then / one.cost:.2f}':>8}"
            f"{'' if theirs is None else f'{like}{one.rate / theirs.nidhugg:.2f}':>9}"
            f"{'' if theirs is None else f'{like}{one.rate / theirs.genmc:.2f}':>8}"
            f"{'  over' if one.over else ''}"
        )
    _say(f"\n{REMARKS}")
    return found


def _memory() -> int:
    _say(f"{'executions':>12}{'Python holds':>16}{'peak of process':>18}")
    for executions, held, peak in growth():
        _say(f"{executions:12,}{held / 1024:12,.0f} KiB{peak:14,} KiB")
    return 0


def _profile(name: str) -> int:
    case = case_of(name)
    profile = cProfile.Profile()
    profile.runcall(search, case)
    pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(PROFILE_ROWS)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
