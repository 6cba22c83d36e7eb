"""`python -m stress.benchmarks.plugin`: what the pytest plugin costs a run that does not use it.

500 empty tests are run in turn with and without it (`-p no:lockwright`), each run in a process of
its own; what is compared is the processor time of the fastest runs, which others on the machine
disturb least.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

TESTS = 500
RATIO_MAX = 1.03
WITHOUT = ("-p", "no:lockwright")
OTHERS = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest")


def main(arguments: list[str] | None = None) -> int:
    """Print the ratio.  Exit status 1 if it is too large."""
    parser = argparse.ArgumentParser(prog="python -m stress.benchmarks.plugin", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=25, metavar="N")
    repetitions = parser.parse_args(arguments).repetitions
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        tests = "".join(f"def test_{number}():\n    pass\n\n\n" for number in range(TESTS))
        (directory / "test_empty.py").write_text(tests, encoding="utf-8")
        for options in ((), WITHOUT):
            seconds_of(directory, options)  # the first run of either writes bytecode
        pairs = [pair_of(directory, nth) for nth in range(repetitions)]
    used, unused = (min(times) for times in zip(*pairs, strict=True))
    middle = median(one / other for one, other in pairs)
    sys.stdout.write(
        f"{TESTS} empty tests, {repetitions} runs each: {used:.3f} s with the plugin, "
        f"{unused:.3f} s without; ratio {used / unused:.4f} (median of pairs {middle:.4f})\n"
    )
    return 1 if used / unused > RATIO_MAX else 0


def pair_of(directory: Path, nth: int) -> tuple[float, float]:
    """One run with it and one without; which comes first, changes."""
    if nth % 2:
        without = seconds_of(directory, WITHOUT)
        return seconds_of(directory, ()), without
    return seconds_of(directory, ()), seconds_of(directory, WITHOUT)


def seconds_of(directory: Path, options: tuple[str, ...]) -> float:
    """The processor time of one run of the tests."""
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "pytest", *OTHERS, *options],
        cwd=directory,
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
        capture_output=True,
        check=True,
    )
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
