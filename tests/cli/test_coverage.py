"""`lockwright check --coverage` as a process."""

from __future__ import annotations

import json
from pathlib import Path

from lockwright.core.coverage import Orders, Pair
from lockwright.core.result import Result
from tests.cli.process import lockwright_in

BOTH = "demo/abba:two: 2 of 2 racing pairs seen in both orders, 2 lock orders"
RANDOM = ("check", "demo/abba:two", "--coverage", "--strategy", "random", "--executions", "1")


def test_coverage_is_printed_only_when_asked_for(demo: Path) -> None:
    asked = lockwright_in(demo, "check", "demo/abba:two", "--coverage")
    plain = lockwright_in(demo, "check", "demo/abba:two")
    assert asked.status == plain.status == 1
    assert BOTH in asked.out
    assert "racing pair" not in plain.out


def test_what_was_seen_in_one_order_only_is_listed(demo: Path) -> None:
    done = lockwright_in(demo, *RANDOM)
    assert "these were seen in one order only:" in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines() if "replay" not in line)


def test_json_has_the_coverage_when_asked_for(demo: Path) -> None:
    done = lockwright_in(demo, "check", "demo/abba:two", "--coverage", "--format", "json")
    (told,) = json.loads(done.out)["results"]
    coverage = Result.from_json(told).coverage
    assert coverage is not None
    assert sorted(coverage.lock_orders) == ["A -> B (EN)", "B -> A (EN)"]
    worker = "worker() mutex_lock"
    assert set(coverage.pairs) == {Pair("A", worker, worker), Pair("B", worker, worker)}
    # who takes both first orders the acquires of the mutex that the other one takes first, and
    # with it all else; in the deadlock each holds the other off
    assert set(coverage.pairs.values()) == {Orders(1, 1)}
    plain = lockwright_in(demo, "check", "demo/abba:two", "--format", "json")
    assert "coverage" not in json.loads(plain.out)["results"][0]


def test_a_search_that_is_taken_up_again_still_says_what_was_covered(
    demo: Path, tmp_path: Path
) -> None:
    file = str(tmp_path / "kept")
    bounds = ("--strategy", "dfs", "--executions", "3")
    lockwright_in(demo, "check", "demo/abba:two", "--coverage", *bounds, "--checkpoint", file)
    done = lockwright_in(demo, "check", "--resume", file, "--format", "json")
    whole = ("check", "demo/abba:two", "--coverage", "--strategy", "dfs", "--format", "json")
    again = json.loads(done.out)["results"][0]["coverage"]
    assert again == json.loads(lockwright_in(demo, *whole).out)["results"][0]["coverage"]
