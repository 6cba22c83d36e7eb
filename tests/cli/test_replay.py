"""`lockwright replay` as a process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.result import Result
from lockwright.token import Token, parse_token
from tests.cli.process import SCENARIOS, lockwright_in, make_project


@pytest.fixture(scope="session")
def deadlock(demo: Path) -> Finding:
    """The deadlock of demo/abba:two, as check finds it."""
    done = lockwright_in(demo, "check", "demo/abba:two", "--format", "json")
    (result,) = [Result.from_json(data) for data in json.loads(done.out)["results"]]
    (found,) = [finding for finding in result.findings if finding.kind == "deadlock"]
    return found


def test_a_token_gives_the_same_finding_again(demo: Path, deadlock: Finding) -> None:
    done = lockwright_in(demo, "replay", deadlock.token, "--format", "json")
    assert (done.status, done.err) == (1, "")
    data = json.loads(done.out)
    assert (data["version"], data["scenario"]) == (1, "demo/abba:two")
    assert tuple(Event.from_json(event) for event in data["events"]) == deadlock.events
    findings = [Finding.from_json(finding) for finding in data["findings"]]
    (again,) = [finding for finding in findings if finding.kind == "deadlock"]
    assert again.message == deadlock.message
    assert (again.schedule, again.token) == (deadlock.schedule, deadlock.token)


def test_the_json_is_the_same_in_every_process(demo: Path, deadlock: Finding) -> None:
    outs = [
        lockwright_in(demo, "replay", deadlock.token, "--format", "json", PYTHONHASHSEED=seed).out
        for seed in ("0", "1", "random")
    ]
    assert outs[0] == outs[1] == outs[2] != ""


def test_the_text_is_columns_and_then_what_is_broken(demo: Path, deadlock: Finding) -> None:
    done = lockwright_in(demo, "replay", deadlock.token)
    assert (done.status, done.err) == (1, "")
    title, columns, said, *_ = done.out.split("\n\n")
    assert title == "demo/abba:two: Two mutexes in two orders."
    assert columns.splitlines()[0] == "step  one              two"
    assert columns.splitlines()[-2:] == [
        "      blocked:         blocked:",
        "        mutex_lock(B)    mutex_lock(A)",
    ]
    assert said.startswith("deadlock: 2 tasks wait for ever: one in mutex_lock(B);")


def test_an_execution_that_breaks_nothing_exits_with_0(demo: Path, deadlock: Finding) -> None:
    version = parse_token(deadlock.token).version
    token = str(Token("fine/mutex:two", (), version, ((1, 0), (1, 0), (0, 0), (0, 0))))
    done = lockwright_in(demo, "replay", token)
    assert (done.status, done.err) == (0, "")
    assert "\n\nno rule is broken in this execution\n" in done.out


def test_a_token_carries_parameters(demo: Path, deadlock: Finding) -> None:
    version = parse_token(deadlock.token).version
    token = str(Token("demo/abba:two", (("gate", "true"),), version, ((1, 0), (0, 0))))
    done = lockwright_in(demo, "replay", token, "--force")
    assert done.status == 2
    assert done.err == (
        "lockwright: the schedule does not fit the model: step 1 is for task 0, and only "
        "1 (two) can run\n"
    )
    assert "\n   0                        mutex_lock(gate)\n" in done.out


def test_a_schedule_that_is_too_long_does_not_fit(demo: Path, deadlock: Finding) -> None:
    version = parse_token(deadlock.token).version
    token = str(Token("demo/abba:two", (), version, ((0, 0), (1, 0), (0, 0))))
    done = lockwright_in(demo, "replay", token, "--format", "json")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "lockwright: the schedule does not fit the model: it has 3 steps, and the execution "
        "ended after 2\n"
    )


def test_malformed_tokens_are_refused(demo: Path, deadlock: Finding) -> None:
    for token, message in (
        ("nonsense", "malformed token: expected lw1~DESIGN:CASE~PARAMETERS~VERSION~SCHEDULE~CHECK"),
        (deadlock.token[:-3], "malformed token: its check '"),
        (deadlock.token.replace("two", "tow"), "malformed token: its check '"),
    ):
        done = lockwright_in(demo, "replay", token)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith(f"lockwright: {message}")


def test_a_token_of_a_scenario_that_is_not_there_is_refused(demo: Path) -> None:
    done = lockwright_in(demo, "replay", str(Token("gone:case", (), "00000000", ((0, 0),))))
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("lockwright: no scenario 'gone:case'; there are: demo/abba:two, ")


def test_a_token_of_another_model_is_refused_unless_forced(
    tmp_path: Path, deadlock: Finding
) -> None:
    changed = make_project(tmp_path / "changed", scenarios=SCENARIOS + "\n# changed\n")
    done = lockwright_in(changed, "replay", deadlock.token)
    made_with = parse_token(deadlock.token).version
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(
        f"lockwright: token of another model version: it was made with {made_with}, the model "
    )
    assert lockwright_in(changed, "replay", deadlock.token, "--force").status == 1


def test_a_model_that_raises_says_where(bad: Path) -> None:
    found = lockwright_in(bad, "check", "bad/raises:two")
    token = found.err.partition("replay: lockwright replay '")[2].partition("'")[0]
    done = lockwright_in(bad, "replay", token)
    assert (done.status, done.out) == (4, "")
    assert "lockwright: bad/raises:two: the model raised IndexError: list index out" in done.err
    assert "  in step 2, of reader\n  stress/broken.py:" in done.err
