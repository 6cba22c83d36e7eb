"""`lockwright replay` as a process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.result import Result
from lockwright.core.schedule import mark
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
        "lockwright: the schedule does not fit the model: step 1 is for task 0 (one), which waits "
        "in mutex_lock(gate); only 1 (two) can run\n"
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
        ("nonsense", "malformed token: expected lw1~DESIGN:CASE~PARAMETERS~VERSION~SCHEDULE[~"),
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


# A token whose model has changed


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """The project with one more lock before the second of the two."""
    text = SCENARIOS.replace(
        "            await second.lock()\n",
        "            await g.lock()\n            await second.lock()\n",
    ).replace(
        "            await second.unlock()\n",
        "            await second.unlock()\n            await g.unlock()\n",
    )
    assert text.count("await g.") == 4
    return make_project(tmp_path / "changed", scenarios=text)


def token_of(deadlock: Finding, schedule: tuple[tuple[int, int], ...], marks: str = "") -> str:
    old = parse_token(deadlock.token)
    return str(Token(old.scenario, old.parameters, old.version, schedule, marks))


SERIAL = ((0, 0),) * 4 + ((1, 0),) * 4


def test_a_token_has_marks_for_what_each_step_does(deadlock: Finding) -> None:
    token = parse_token(deadlock.token)
    assert token.marks == mark("mutex_lock(A)") + mark("mutex_lock(B)")


def test_a_changed_model_is_told_at_the_first_step_that_does_something_else(
    demo: Path, changed: Path, deadlock: Finding
) -> None:
    token = token_of(deadlock, SERIAL)
    full = json.loads(lockwright_in(demo, "replay", token, "--format", "json").out)
    marked = full["findings"][0]["token"]
    done = lockwright_in(changed, "replay", marked, "--force")
    # after four steps one holds the gate, which two wants after its first
    assert done.status == 2
    assert done.err == (
        "lockwright: the schedule does not fit the model: step 5 is for task 1 (two), which waits "
        "in mutex_lock(gate); only 0 (one) can run\n"
        "step 1, of one, is mutex_lock(gate) now; it was something else when the token was made\n"
    )


def test_the_search_goes_on_from_the_last_step_that_is_what_it_was(
    demo: Path, changed: Path, deadlock: Finding
) -> None:
    done = lockwright_in(changed, "replay", deadlock.token, "--force", "--then", "dpor")
    assert done.status == 1
    assert done.err.startswith("lockwright: demo/abba:two: ")
    assert " then dpor" in done.err
    assert "\nviolated: " in done.out
    assert done.out.rstrip().endswith(" of the token, all there are")


def test_a_search_from_the_middle_takes_schedules_that_begin_so(
    demo: Path, deadlock: Finding
) -> None:
    token = token_of(deadlock, ((0, 0), (1, 0)))
    for strategy, more in (("dfs", ()), ("dpor", ()), ("random", ("--executions", "5"))):
        arguments = ("--then", strategy, *more, "--at", "1", "--format", "json")
        done = lockwright_in(demo, "replay", token, *arguments)
        data = json.loads(done.out)
        assert (done.status, data["version"], data["prefix"]) == (1, 1, "0")
        result = Result.from_json(data["result"])
        assert (result.strategy, result.complete) == (strategy, False)
        assert {finding.schedule[0] for finding in result.findings} == {(0, 0)}
        assert "only what can follow the first 1 step of the schedule" in result.assumptions
        for finding in result.findings:
            assert lockwright_in(demo, "replay", finding.token).status in (0, 1)


def test_nothing_broken_in_what_can_follow_is_no_pass(demo: Path, deadlock: Finding) -> None:
    version = parse_token(deadlock.token).version
    token = str(Token("fine/mutex:two", (), version, ((0, 0),)))
    done = lockwright_in(demo, "replay", token, "--then", "dpor")
    assert done.status == 3
    assert done.out == (
        "verified within bound: 1 execution after 1 step of the token, all there are\n"
    )


def test_options_of_a_search_without_one_are_refused(demo: Path, deadlock: Finding) -> None:
    for option in ("--at", "--executions", "--seconds"):
        done = lockwright_in(demo, "replay", deadlock.token, option, "1")
        assert (done.status, done.out) == (2, "")
        assert done.err == f"lockwright: {option} belongs to --then STRATEGY\n"
    done = lockwright_in(demo, "replay", deadlock.token, "--then", "dpor", "--at", "9")
    assert (done.status, done.out) == (2, "")
    assert done.err == "lockwright: --at 9: of the token, only 2 steps can be kept\n"
