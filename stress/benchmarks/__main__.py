"""`python -m stress.benchmarks`: speed against the yardstick, memory, or a profile."""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys

from lockwright.core.errors import LockwrightError
from stress.benchmarks.cases import NAMES, case_of
from stress.benchmarks.memory import growth
from stress.benchmarks.yardstick import measure, search

PROFILE_ROWS = 30


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for.  Exit status 1 if a floor is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m stress.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N", help="best of N")
    parser.add_argument("--memory", action="store_true", help="100,000 executions of one search")
    parser.add_argument("--profile", metavar="NAME", help="where the time of a search goes")
    options = parser.parse_args(arguments)
    try:
        if options.memory:
            return _memory()
        if options.profile:
            return _profile(options.profile)
        return _speed(options.names or list(NAMES), options.repetitions)
    except LockwrightError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status


def _speed(names: list[str], repetitions: int) -> int:
    _say(f"{'case':28}{'executions/s':>14}{'steps/s':>12}{'ratio':>8}{'floor':>8}")
    over = False
    for name in names:
        found = measure(case_of(name), max(repetitions, 1))
        floor = "" if found.floor is None else f"{found.floor:.0f}"
        verdict = "" if found.floor is None else "  over" if found.over else "  ok"
        over = over or found.over
        _say(
            f"{found.name:28}{found.executions / found.search:14,.0f}"
            f"{found.steps / found.search:12,.0f}{found.ratio:8.1f}{floor:>8}{verdict}"
        )
    return 1 if over else 0


def _memory() -> int:
    _say(f"{'executions':>12}{'Python holds':>16}{'peak of process':>18}")
    for executions, held, peak in growth():
        _say(f"{executions:12,}{held / 1024:12,.0f} KiB{peak:14,} KiB")
    return 0


def _profile(name: str) -> int:
    case = case_of(name)
    profile = cProfile.Profile()
    profile.runcall(search, case.make)
    pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(PROFILE_ROWS)
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
