"""`lockwright program`, from the files to the exit status."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lockwright.core.errors import UsageError
from lockwright.program.command import replay_program, run_program_files
from lockwright.token import parse_token
from tests.program.files import DATA, written

FIRST = [["lock", "a"], ["lock", "b"], ["unlock", "b"], ["unlock", "a"]]
SECOND = [["lock", "b"], ["lock", "a"], ["unlock", "a"], ["unlock", "b"]]
GOOD = {"name": "good", "tasks": {"one": FIRST, "two": FIRST}}
BAD = {"name": "bad~ 'one'", "tasks": {"one": FIRST, "two": SECOND}}
FIELDS = {
    *("name", "file", "verdict", "complete", "deadlocked", "sleep_set_blocked", "outcomes"),
    *("deadlocks", "lockdep", "kernel", "findings", "expected", "mismatches", "exhaustive"),
}
LOCKDEP = {
    *("kind", "task", "handler", "step", "text", "reality", "because", "proof", "token"),
}

TABLE = """\
program     verdict   complete  deadlocked  blocked  as expected
----------------------------------------------------------------
good        verified         2           0        0
bad~ 'one'  violated         2           1        0
    possible circular locking dependency (confirmed)
"""

DEADLOCK = """\
== bad~ 'one'

deadlock: 2 tasks wait for ever: one in mutex_lock(b); two in mutex_lock(a)
INFO: task one:840 blocked for ever in mutex_lock(b)
  one+0x1/0x4
  holds: a (mutex_lock)
INFO: task two:841 blocked for ever in mutex_lock(a)
  two+0x1/0x4
  holds: b (mutex_lock)

the schedule that deadlocks:
step  one              two
   0    mutex_lock(a)
   1                     mutex_lock(b)
      blocked:         blocked:
        mutex_lock(b)    mutex_lock(a)

replay: lockwright program """


def as_json(*paths: Path) -> tuple[dict[str, Any], int]:
    """What the command gives with --format json, and its exit status."""
    text, status = run_program_files(paths, fmt="json")
    return json.loads(text), status


def test_the_json_has_a_version_and_an_entry_for_each_program(tmp_path: Path) -> None:
    data, status = as_json(written(tmp_path, {"programs": [GOOD, BAD]}))
    assert set(data) == {"version", "programs"}
    assert data["version"] == 1
    assert [set(entry) for entry in data["programs"]] == [FIELDS, FIELDS]
    assert [entry["verdict"] for entry in data["programs"]] == ["verified", "violated"]
    lockdep = data["programs"][1]["lockdep"]
    assert set(lockdep) == LOCKDEP
    assert lockdep["proof"] == data["programs"][1]["deadlocks"][0]["token"]
    assert status == 1


def test_programs_stand_in_the_order_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = written(tmp_path / "other", GOOD)
    data, _ = as_json(written(tmp_path, BAD), other)
    assert [entry["name"] for entry in data["programs"]] == [BAD["name"], "good"]
    assert data["programs"][1]["file"] == str(other)


@pytest.mark.parametrize(
    ("program", "status"),
    [
        (GOOD, 0),
        (BAD, 1),
        ({**GOOD, "expect": {"complete": 2, "deadlocked": 0}}, 0),
        ({**GOOD, "expect": {"complete": 3}}, 1),
        ({**BAD, "expect": {"complete": 2, "deadlocked": 1}}, 1),
    ],
)
def test_the_exit_status_tells_whether_something_is_broken(
    tmp_path: Path, program: object, status: int
) -> None:
    assert as_json(written(tmp_path, program))[1] == status


def test_a_program_that_is_not_supported_breaks_nothing(tmp_path: Path) -> None:
    lock = {"a": {"type": "mutex", "cls": "a"}}
    program = {"locks": lock, "steps": [["lock", "a", "W", None]], "only_if": "PREEMPT_RT"}
    text, status = run_program_files([written(tmp_path, program)])
    assert status == 0
    assert "not supported: it is not for the kernel that is modelled" in text.replace("\n ", "")
    assert text.endswith("1 program: 1 not supported")


def test_the_text_has_a_table_a_schedule_and_the_splat(tmp_path: Path) -> None:
    text, _ = run_program_files([written(tmp_path, {"programs": [GOOD, BAD]})])
    assert text.startswith(TABLE)
    assert DEADLOCK in text
    assert "WARNING: possible circular locking dependency detected" in text
    assert "\nconfirmed: it happens: 2 tasks wait for ever" in text
    assert text.endswith("2 programs: 1 verified, 1 violated")


def test_proof_and_the_validators_execution_are_told_apart(tmp_path: Path) -> None:
    text, _ = run_program_files([written(tmp_path, BAD)])
    proof, report = text.split("\nconfirmed: it happens: 2 tasks wait for ever")
    assert proof.count("the schedule that deadlocks:\nstep  one") == 1
    said = " ".join(report.split())
    assert "for the proof see the schedule of the deadlock above the execution in" in said
    label = "the execution in which the lock validator reports (this one does not deadlock):\nstep "
    assert label in report
    assert "\n   5                       mutex_lock(a)\n" in report


def test_several_deadlocks_are_numbered(tmp_path: Path) -> None:
    third = [["lock", "b"], ["lock", "c"], ["unlock", "c"], ["unlock", "b"]]
    fourth = [["lock", "c"], ["lock", "b"], ["unlock", "b"], ["unlock", "c"]]
    tasks = {"one": FIRST, "two": SECOND, "three": third, "four": fourth}
    text, _ = run_program_files([written(tmp_path, {"tasks": tasks})])
    count = text.count("the schedule that deadlocks:")
    assert count > 1
    assert f"\ndeadlock {count} of {count}\n\ndeadlock: " in text
    said = " ".join(text.split())
    assert re.search(rf"see the schedule of deadlock \d of {count} above", said)


def test_a_refuted_report_of_one_trace_is_singular(tmp_path: Path) -> None:
    same = {"locks": {"a": "mutex", "b": "mutex"}, "classes": {"a": "c", "b": "c"}}
    text, _ = run_program_files([written(tmp_path, {**same, "threads": {"T": FIRST}})])
    assert "refuted: the program has only one trace, and it does not deadlock on this" in text
    text, _ = run_program_files([written(tmp_path, {**same, "threads": {"T": FIRST, "U": FIRST}})])
    assert "refuted: none of the program's 2 traces deadlocks on this" in text


def test_final_values_stand_under_the_row(tmp_path: Path) -> None:
    add = [["read", "x", "r"], ["write", "x", ["+", "r", 1]]]
    text, _ = run_program_files(
        [written(tmp_path, {"vars": {"x": 0}, "tasks": {"a": add, "b": add}})]
    )
    assert "verified         4           0        0\n    final values: x=1 (2), x=2 (2)\n" in text


def test_final_values_are_sorted_and_cut(tmp_path: Path) -> None:
    tasks = {f"t{n}": [["write", "x", 11 - n], ["write", "y", n]] for n in range(3)}
    text, _ = run_program_files([written(tmp_path, {"vars": {"x": 0, "y": 0}, "tasks": tasks})])
    assert "final values: x=9 y=0 (" in text
    assert text.count("x=") == 8
    assert re.search(r", and\s1\smore\n", text)
    alone = {"vars": {"x": 0}, "tasks": {"t": [["await", "x", "==", 1]]}}
    for program in (GOOD, alone):
        assert "final values" not in run_program_files([written(tmp_path, program)])[0]


def test_a_program_that_cannot_be_judged_does_not_stop_the_others(tmp_path: Path) -> None:
    spin = [["label", "l"], ["read", "x", "r"], ["if", ["==", "r", 0], "l"]]
    endless = {"name": "endless", "vars": {"x": 0}, "tasks": {"spinner": spin}}
    path = written(tmp_path, {"programs": [endless, BAD, GOOD]})
    data, status = as_json(path)
    assert [each["verdict"] for each in data["programs"]] == ["error", "violated", "verified"]
    assert status == 4
    text, status = run_program_files([path])
    assert status == 4
    said = " ".join(text.split())
    assert "error: " in said
    assert "program endless: task spinner: it still runs after 20000 steps" in said
    assert text.endswith("3 programs: 1 error, 1 violated, 1 verified")


def test_a_mismatch_is_told(tmp_path: Path) -> None:
    text, _ = run_program_files([written(tmp_path, {**GOOD, "expect": {"complete": 3}})])
    assert "not as expected: complete: expected 3, got 2" in text
    assert text.endswith("1 program: 1 verified, 1 not as expected")


def test_every_token_replays_its_deadlock() -> None:
    path = DATA / "lock_cycles.json"
    data, _ = as_json(path)
    replayed = 0
    for entry in data["programs"]:
        for deadlock in entry["deadlocks"]:
            text, status = replay_program([path], deadlock["token"], fmt="json")
            events = json.loads(text)["events"]
            blocked = {event["comm"]: event["text"] for event in events if event["step"] < 0}
            assert blocked == deadlock["tasks"]
            assert len(events) - len(blocked) == len(parse_token(deadlock["token"]).schedule)
            assert status == 1
            replayed += 1
    assert replayed >= 9


def test_the_token_of_a_lock_order_report_replays_its_report() -> None:
    path = DATA / "lock_cycles.json"
    data, _ = as_json(path)
    for entry in data["programs"]:
        if entry["lockdep"] is not None:
            text, _ = replay_program([path], entry["lockdep"]["token"], fmt="json")
            kinds = [finding["kind"] for finding in json.loads(text)["findings"]]
            assert entry["lockdep"]["kind"] in kinds, entry["name"]


def test_a_replay_prints_the_interleaving(tmp_path: Path) -> None:
    path = written(tmp_path, BAD)
    token = as_json(path)[0]["programs"][0]["deadlocks"][0]["token"]
    text, status = replay_program([path], token)
    assert status == 1
    assert text.startswith("bad~ 'one'\n\nstep  one              two\n   0    mutex_lock(a)\n")
    assert "deadlock: 2 tasks wait for ever" in text


def test_a_replay_of_an_execution_that_breaks_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, BAD)
    token = as_json(path)[0]["programs"][0]["deadlocks"][0]["token"]
    serial = str(type(parse_token(token))(*_parts(token), ((0, 0),) * 4 + ((1, 0),) * 4))
    text, status = replay_program([path], serial)
    # the two orders are seen in one execution, so the validator speaks, but nothing hangs
    assert "deadlock:" not in text
    assert status == 1


def _parts(token: str) -> tuple[str, tuple[tuple[str, str], ...], str]:
    parsed = parse_token(token)
    return parsed.scenario, parsed.parameters, parsed.version


def test_a_token_of_another_program_or_version_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, BAD)
    token = as_json(path)[0]["programs"][0]["deadlocks"][0]["token"]
    written(tmp_path, {**BAD, "vars": {"x": 0}})
    with pytest.raises(UsageError, match="token of another version of program/program:bad%7E"):
        replay_program([path], token)
    written(tmp_path, GOOD)
    expected = r"the token is of program/program:bad%7E%20%27one%27\nexpected: one of program/"
    with pytest.raises(UsageError, match=expected):
        replay_program([path], token)


def test_a_schedule_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, BAD)
    token = as_json(path)[0]["programs"][0]["deadlocks"][0]["token"]
    long = str(type(parse_token(token))(*_parts(token), ((0, 0),) * 9))
    with pytest.raises(UsageError, match="the schedule does not fit the model: step 4 is for task"):
        replay_program([path], long)


# As a process


def run(*arguments: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    """The command line."""
    command = [sys.executable, "-m", "lockwright", "program", *arguments]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_command_prints_one_message_for_a_fault(tmp_path: Path) -> None:
    path = written(tmp_path, {"tasks": {"one": [["lokc", "a"]]}})
    done = run(str(path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"lockwright: {path}: program program: task one: step 0 ")
    assert "Traceback" not in done.stderr


def test_the_command_replays_the_line_that_it_prints(tmp_path: Path) -> None:
    path = written(tmp_path, BAD)
    done = run(str(path))
    line = re.search(r"^replay: lockwright program (\S+) --replay (\S+)$", done.stdout, re.M)
    assert line is not None
    again = run(line[1], "--replay", line[2].strip("'"))
    assert again.returncode == 1
    assert "deadlock: 2 tasks wait for ever" in again.stdout


def test_the_output_does_not_depend_on_the_process() -> None:
    path = str(DATA / "lock_cycles.json")
    first, second = (run(path, "--format", "json", hash_seed=seed).stdout for seed in "12")
    assert first == second
    assert len(json.loads(first)["programs"]) == 18


def test_sections_can_be_steps_and_expectations_are_of_operations(tmp_path: Path) -> None:
    path = written(tmp_path, {**GOOD, "expect": {"complete": 2}})
    for granularity, complete in (("operation", 2), ("section", 1)):
        done = run(str(path), "--format", "json", "--granularity", granularity)
        assert done.returncode == 0
        (entry,) = json.loads(done.stdout)["programs"]
        # the two sections touch nothing in common, so that their order is left open
        assert (entry["complete"], entry["mismatches"]) == (complete, [])


# Bounds

TWICE = [["add", "x", 1, "r"], ["add", "x", 1, "r"]]
# two and two operations on one variable: 4! / (2! 2!) orders
SIX = {"name": "six", "vars": {"x": 0}, "tasks": {"one": TWICE, "two": TWICE}}


@pytest.mark.parametrize(
    ("arguments", "verdict", "status"),
    [
        ((), "verified", 0),
        (("--executions", "1"), "stopped", 3),
        (("--strategy", "bounded", "--bound", "0"), "verified within bound", 3),
        (("--strategy", "random", "--executions", "20"), "stopped", 3),
        (("--strategy", "random", "--seconds", "0.05"), "stopped", 3),
    ],
)
def test_a_bound_never_turns_into_a_pass(
    tmp_path: Path, arguments: tuple[str, ...], verdict: str, status: int
) -> None:
    path = written(tmp_path, {**SIX, "expect": {"complete": 6}})
    done = run(str(path), "--format", "json", *arguments)
    (entry,) = json.loads(done.stdout)["programs"]
    assert (entry["verdict"], done.returncode) == (verdict, status)
    assert entry["exhaustive"] is (status == 0)
    # the number that is expected is that of all executions
    assert entry["expected"] == ("ok" if status == 0 else "not said")
    assert ("explored" in entry) is (status == 3)


def test_a_prediction_within_a_bound_is_open_and_says_how_far_the_search_came(
    tmp_path: Path,
) -> None:
    done = run(str(written(tmp_path, BAD)), "--executions", "1")
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "possible circular locking dependency (open); 1 execution, not all inter" in said
    assert "open: 1 execution did not deadlock on it, and not all were explored" in said


def test_what_is_not_judged_is_not_compared(tmp_path: Path) -> None:
    program = {
        "locks": {"a": "mutex", "b": "mutex"},
        "threads": {"one": FIRST, "two": SECOND},
        "deadlock": True,
        "lockdep": "possible circular locking dependency",
    }
    path = written(tmp_path, program)
    for rules, lockdep in (("deadlock", False), ("lock-order", True)):
        done = run(str(path), "--format", "json", "--rules", rules)
        (entry,) = json.loads(done.stdout)["programs"]
        assert entry["mismatches"] == []
        assert (bool(entry["deadlocks"]), bool(entry["lockdep"])) == (not lockdep, lockdep)


def test_the_help_tells_of_the_granularity_that_holds_here() -> None:
    text = " ".join(run("--help").stdout.split())
    assert "--granularity [operation|section]" in text
    assert "[default: operation]" in text
