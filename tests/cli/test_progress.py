"""How far an exploration is: what the meter says, and that it says it on a terminal."""

from __future__ import annotations

import math
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lockwright.commands.progress import meter_text
from lockwright.core.result import ESTIMATE_MAX, Progress, Result, Verdict
from lockwright.report.extent import how_far, in_all, time_left
from tests.cli.process import environment


def text(
    estimate: int | None, rate: float, bound: int | None = None, seconds: float = math.inf
) -> str:
    return meter_text(Progress(600, 9000, 1, lambda: estimate), rate, bound, seconds)


def test_the_meter_says_how_far_how_fast_and_how_long() -> None:
    assert text(3600, 100.0) == (
        "600 executions, about 3,600 in all, an estimate, 100 a second, about 30 seconds left, "
        "1 finding"
    )


def test_without_an_estimate_there_is_no_time_left() -> None:
    assert text(None, 100.0) == "600 executions, 100 a second, 1 finding"
    assert text(ESTIMATE_MAX, 100.0) == (
        "600 executions, more than 1,000,000,000,000,000 in all, an estimate, 100 a second, "
        "1 finding"
    )


def test_the_bound_that_comes_first_is_the_end() -> None:
    assert "about 4 seconds left" in text(3600, 100.0, 1000)
    assert "about 30 seconds left" in text(3600, 100.0, 100_000)
    assert "about 2 seconds left" in text(3600, 100.0, 1000, 2.0)
    assert "about 4 seconds left" in text(None, 100.0, 1000)
    assert "about 0 seconds left" in text(None, 100.0, None, -0.1)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "about 0 seconds left"),
        (1.0, "about 1 second left"),
        (59, "about 59 seconds left"),
        (90, "about 2 minutes left"),
        (3600, "about 1 hour left"),
        (86_400 * 12, "about 12 days left"),
    ],
)
def test_a_span_of_time_has_one_unit(seconds: float, said: str) -> None:
    assert time_left(seconds) == said


@pytest.mark.parametrize(
    ("estimated", "said"),
    [(7, "7"), (99, "99"), (101, "100"), (1549, "1,500"), (123_456_789, "120,000,000")],
)
def test_an_estimate_has_two_digits(estimated: int, said: str) -> None:
    assert in_all(estimated) == f"about {said} in all, an estimate"


def test_how_far_a_search_came_says_what_it_covered() -> None:
    result = Result("d:c", "", {}, "bounded", Verdict.STOPPED, executions=1)
    assert how_far(result) == "1 execution, not all interleavings"
    result.estimated = 12_345
    assert how_far(result) == (
        "1 execution, not all interleavings: about 12,000 in all, an estimate"
    )
    result.exhausted, result.bound = True, 2
    assert how_far(result) == "1 execution: every schedule with at most 2 preemptions"


def test_a_terminal_shows_the_estimate_while_it_runs(demo: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "lockwright", "check", "fine/mutex"),
            *("--param", "rounds=12", "--strategy", "dfs", "--checkpoint-every", "1"),
        ],
        cwd=demo,
        env=environment(TERM="xterm", COLUMNS="150"),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown, deadline = "", time.monotonic() + 20
    while "left" not in shown and time.monotonic() < deadline:
        shown += os.read(ours, 65536).decode()
    process.send_signal(signal.SIGINT)
    while True:
        try:
            if not os.read(ours, 65536):
                break
        except OSError:  # Linux: the other end is closed
            break
    os.close(ours)
    assert process.wait(timeout=20) == 130
    pattern = r"fine/mutex:two: \d+ executions, about [\d,]+ in all, an estimate, \d+ a second, "
    assert re.search(pattern + r"about \d+ \w+ left, 0 findings", shown)
