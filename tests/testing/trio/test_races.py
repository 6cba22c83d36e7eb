"""Programs with known races: each is found, replayed elsewhere, and gone where it is mended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lockwright.core.result import Verdict
from lockwright.testing.trio import check, replay, report
from tests.testing.trio import racy

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Race:
    """A program, what is found in it, and with how many preemptions at least; `mended` is the
    program without the race, which has so many orders in all."""

    program: racy.Program
    kind: str
    says: str
    preemptions: int
    mended: racy.Program
    orders: int


RACES = [
    # How many orders a mended program has is derived where it is small.  pool_that_counts_first:
    # who comes first takes two steps, the other one, before or after the second of these; 2 * 2.
    # barrier_by_round: the same.
    Race(
        racy.lost_update, "exception", "AssertionError: a deposit was lost: 1", 1,
        racy.lost_update_fixed, 6,
    ),
    Race(
        racy.two_locks, "deadlock", "transfer:2 waits for a Lock that transfer:3 holds", 1,
        racy.two_locks_fixed, 6,
    ),
    Race(
        racy.condition_without_loop, "exception", "IndexError: pop from empty list", 0,
        racy.condition_with_loop, 46,
    ),
    Race(
        racy.notify_before_wait, "lost wakeup",
        "lost wakeup: consume waits in Condition.wait", 0,
        racy.notify_and_look, 4,
    ),
    Race(
        racy.missed_event, "lost wakeup", "the Event that stood in its place was set at step 3", 1,
        racy.met_event, 6,
    ),
    Race(
        racy.closed_while_sending, "exception", "ClosedResourceError", 0,
        racy.closed_after_sending, 20,
    ),
    Race(
        racy.semaphore_released_twice, "exception", "AssertionError: 2 are inside", 1,
        racy.semaphore_released_once, 168,
    ),
    Race(
        racy.cancelled_while_holding, "exception", "AssertionError: 0 and 0 are left of 1", 1,
        racy.shielded_while_holding, 10,
    ),
    Race(
        racy.leaked_consumer, "nursery leak",
        "waits for a nursery that does not end; consume waits in channel.receive", 1,
        racy.closed_by_the_last, 96,
    ),
    Race(
        racy.pool_too_large, "exception", "AssertionError: 2 connections of at most 1", 1,
        racy.pool_that_counts_first, 4,
    ),
    Race(
        racy.barrier_that_closes_too_soon, "lost wakeup",
        "the Event that stood in its place was set at step 2", 1,
        racy.barrier_by_round, 4,
    ),
]  # fmt: skip
NAMES = [race.program.__name__ for race in RACES]


@pytest.fixture(params=RACES, ids=NAMES)
def race(request: pytest.FixtureRequest) -> Race:
    assert isinstance(request.param, Race)
    return request.param


@pytest.mark.parametrize("strategy", ["random", "pct", "every"])
def test_each_race_is_found_and_shrunk_to_the_fewest_preemptions(race: Race, strategy: str) -> None:
    result = check(race.program, strategy=strategy, seed=1, executions=200)
    assert result.verdict == Verdict.VIOLATED
    (finding,) = result.findings
    assert finding.kind == race.kind
    assert race.says in finding.message
    assert (finding.preemptions, finding.minimal) == (race.preemptions, True)


def test_each_mended_program_is_verified_under_every_order(race: Race) -> None:
    result = check(race.mended, strategy="every")
    assert result.findings == [], report(result)
    assert (result.verdict, result.executions) == (Verdict.VERIFIED, race.orders)


def test_a_token_replays_with_the_same_message_and_interleaving(race: Race) -> None:
    (finding,) = check(race.program, seed=2, executions=200).findings
    (again,) = replay(race.program, finding.token).findings
    assert (again.kind, again.message, again.lines) == (
        finding.kind,
        finding.message,
        finding.lines,
    )
    assert again.events == finding.events
    assert again.token == finding.token


REPLAYS = """
import json, sys
from lockwright.testing.trio import replay
from lockwright.testing.trio.naming import function_named
from lockwright.token import parse_token
found = []
for token in json.load(sys.stdin):
    result = replay(function_named(parse_token(token).scenario), token)
    found.append([[finding.message, *finding.lines] for finding in result.findings])
print(json.dumps(found))
"""


def test_tokens_replay_in_another_process_with_other_hashes() -> None:
    findings = [check(race.program, seed=3, executions=200).findings[0] for race in RACES]
    done = subprocess.run(
        [sys.executable, "-c", REPLAYS],
        input=json.dumps([finding.token for finding in findings]),
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [[[finding.message, *finding.lines]] for finding in findings]


def test_only_free_time_finds_a_timeout_on_a_slow_machine() -> None:
    assert check(racy.timed_out_while_holding, strategy="every").complete
    (finding,) = check(racy.timed_out_while_holding, clock="free", executions=50).findings
    assert finding.message == "AssertionError: 0 and 0 are left of 1"
    assert "~clock=free~" in finding.token
    # the clock goes on once while the task could; that it went on before is no preemption
    assert (finding.preemptions, finding.minimal) == (1, True)
    assert replay(racy.timed_out_while_holding, finding.token).findings[0].events == finding.events
    mended = check(racy.shielded_from_the_timeout, strategy="every", clock="free")
    assert (mended.findings, mended.complete) == ([], True)


def test_of_all_that_show_a_finding_the_cheapest_execution_is_kept() -> None:
    # One preemption is the fewest; that of the other orders which fail is two.
    for seed in range(8):
        result = check(racy.lost_update, seed=seed, executions=40, keep_going=True, attempts=0)
        (finding,) = result.findings
        tasks = [task for task, _ in finding.schedule]
        assert tasks in ([1, 2, 3, 3, 2, 1], [1, 3, 2, 2, 3, 1])
        assert finding.executions + result.outcomes["2"] == 40
