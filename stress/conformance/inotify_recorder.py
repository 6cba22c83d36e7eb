"""Records what the inotify of the kernel that runs this answers.

`python -m stress.conformance.inotify_recorder` writes `inotify_vectors.json`, random sequences of
calls with their results, and `inotify_outcomes.json`, what comes of two processes at once.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from stress.conformance.inotify_calls import DATA, GROUPS, VECTORS, Sequence, calls, write
from stress.conformance.inotify_kernel import Kernel, available
from stress.conformance.inotify_races import OUTCOMES, RACES
from stress.conformance.inotify_races import write as write_outcomes
from stress.conformance.inotify_racing import race_on_kernel

SEQUENCES = 400
ONE_IN = 5
"""Of so many sequences one has small queues."""
ROOM = 2
ROUNDS_MAX = 20_000


def record(seed: str, *, room: int = 0) -> Sequence:
    """A random sequence, as this kernel answers it."""
    with tempfile.TemporaryDirectory() as directory:
        kernel = Kernel(Path(directory), GROUPS, room=room)
        try:
            steps = tuple((call, kernel.do(call)) for call in calls(seed, room=room))
        finally:
            kernel.ended()
    return Sequence(seed, room, steps)


def record_sequences(path: Path, count: int) -> None:
    """So many sequences, to a file."""
    sequences = [record(f"inotify {nth}", room=0 if nth % ONE_IN else ROOM) for nth in range(count)]
    write(path, os.uname().release, sequences)


def record_races(path: Path, rounds_max: int) -> None:
    """What comes of each race, to a file."""
    seen = {}
    for race in RACES:
        rounds = min(race.rounds, rounds_max)
        seen[race.name] = rounds, dict(race_on_kernel(race, rounds))
    write_outcomes(path, os.uname().release, seen)


def main(argv: list[str] | None = None) -> int:
    """Record, and write."""
    parser = argparse.ArgumentParser(prog="python -m stress.conformance.inotify_recorder")
    parser.add_argument("--only", choices=["sequences", "races"], help="and not the other file")
    parser.add_argument("-d", "--directory", type=Path, default=DATA, help="where to write it")
    parser.add_argument("-n", "--sequences", type=_count, default=SEQUENCES, help="how many")
    parser.add_argument("-r", "--rounds", type=_count, default=ROUNDS_MAX, help="at most, a race")
    given = parser.parse_args(argv)
    if not available():
        parser.error("there is no inotify here")
    if not given.directory.is_dir():
        parser.error(f"{given.directory} is no directory")
    if given.only != "races":
        record_sequences(given.directory / VECTORS.name, given.sequences)
    if given.only != "sequences":
        record_races(given.directory / OUTCOMES.name, given.rounds)
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: expected 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
