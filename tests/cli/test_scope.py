"""`lockwright check --scope` as a process: what it prints, and what a kill leaves."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.process import Done, environment, lockwright_in, make_project
from tests.scope import designs

SMALL = ("--scope", "tasks=2,operations=1")
LARGE = ("bank/pair", "--scope", "tasks=2,operations=2")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has calls, and no scenario."""
    text = Path(str(designs.__file__)).read_text(encoding="utf-8")
    return make_project(tmp_path_factory.mktemp("bank") / "project", designs=text)


@pytest.fixture(scope="module")
def whole(bank: Path) -> Done:
    """What comes of the large scope when nothing disturbs it."""
    return check(bank, *LARGE, "--format", "json")


def check(project: Path, *arguments: str) -> Done:
    return lockwright_in(project, "check", *arguments)


def test_a_row_for_each_scope_and_each_finding_once(bank: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    done = check(bank, "bank/pair", "bank/fine", *SMALL, "--report", str(report))
    assert done.status == 1
    text = report.read_text(encoding="utf-8")
    assert 'tests="2" failures="1" errors="0"' in text
    assert "in 1 program, the smallest: bank/pair:calls(ab|ba)" in text
    said, _, table = done.out.partition("\nscope  ")
    assert said.startswith("bank/pair tasks=2,operations=1\nfinding 1 of 2: deadlock\n")
    assert said.count("\nin 1 program, the smallest: bank/pair:calls(ab|ba)\n") == 2
    assert "scope  " + table == (
        "scope                           verdict   programs  executions  deadlocked\n"
        "--------------------------------------------------------------------------\n"
        "bank/pair tasks=2,operations=1  violated         5           7           1\n"
        "    deadlock; possible circular locking dependency (confirmed)\n"
        "bank/fine tasks=2,operations=1  verified         9          10           0\n"
        "\n"
        "confirmed: some schedule of the scenario deadlocks on it\n"
        "\n"
        "Where nothing broke in bank/fine tasks=2,operations=1, this was assumed:\n"
        "- at most 2 tasks, with at most 1 call each, and no calls but: ab bc add:=1\n"
        "- sequential consistency: no store is delayed\n"
        "- only operations are scheduling points: plain accesses need none where nothing\n"
        "  races\n"
        "- a critical section that cannot block inside is one step, and the order of two\n"
        "  that touch nothing in common is left open\n"
    )
    assert done.err == (
        "bank/pair tasks=2,operations=1: violated, 5 programs, 7 executions\n"
        "bank/fine tasks=2,operations=1: verified, 9 programs, 10 executions\n"
    )
    token = re.findall(r"lockwright replay '(.*)'", said)[0]
    again = lockwright_in(bank, "replay", token)
    assert (again.status, "deadlock: 2 tasks wait for ever" in again.out) == (1, True)


def test_quiet_is_the_table_alone(bank: Path) -> None:
    done = check(bank, "bank/door", "--scope", "tasks=2,operations=2", "--quiet")
    assert (done.status, done.err) == (1, "")
    assert done.out.splitlines()[2:] == [
        "bank/door tasks=2,operations=2  violated         9          29           0",
        "    broken promise",
    ]


def test_a_bound_that_came_first_is_no_pass(bank: Path) -> None:
    done = check(bank, "bank/fine", *SMALL, "--executions", "1", "--quiet")
    assert done.status == 3
    assert done.out.splitlines()[2:] == [
        "bank/fine tasks=2,operations=1  stopped         9           9           0",
        "    not complete: 1 program not to the end, first",
        "    bank/fine:calls(add:=1|add:=1): 1 execution, not all interleavings: about 2",
        "    in all, an estimate",
    ]


def test_programs_that_cannot_be_judged_leave_the_others(bank: Path) -> None:
    done = check(bank, "bank/crash*", *SMALL)
    assert done.status == 4
    assert "bank/crashing:calls(crash): the model raised ValueError: the model has" in done.err
    assert "\nand so 2 other programs\n" in done.err
    assert "Traceback" not in done.err
    assert "\nbank/crashing tasks=2,operations=1  error           5           2" in done.out
    assert "\n    3 programs could not be judged\n" in done.out


def test_several_processes_print_the_same(bank: Path, whole: Done) -> None:
    done = check(bank, *LARGE, "--format", "json", "--jobs", "2")
    assert (done.status, done.out) == (whole.status, whole.out)
    [scope] = json.loads(done.out)["scopes"]
    assert (scope["programs"], scope["explored"], scope["executions"]) == (27, 27, 111)


def started(bank: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "lockwright", "check", *arguments, "--format", "json"],
        cwd=bank,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def lines_of(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def wait_for(file: Path, lines: int, process: subprocess.Popen[bytes]) -> None:
    """Until so many lines are written, or the process has ended."""
    while lines_of(file) < lines and process.poll() is None:
        time.sleep(0.002)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_kill_loses_no_program_that_was_done(
    bank: Path, tmp_path: Path, whole: Done, jobs: str
) -> None:
    file = tmp_path / "state"
    process = started(bank, *LARGE, "--checkpoint", str(file), "--jobs", jobs)
    wait_for(file, 6, process)
    process.kill()
    assert process.wait(timeout=30) == -signal.SIGKILL
    before = lines_of(file)
    assert 6 <= before < 28
    done = check(bank, "--resume", str(file), "--format", "json")
    assert (done.status, done.out) == (whole.status, whole.out)
    text = file.read_text(encoding="utf-8").splitlines()
    programs = [json.loads(line.partition(" ")[2])["program"] for line in text[1:]]
    assert len(programs) == len(dict.fromkeys(programs)) == 27


def test_an_interrupt_tells_what_was_done_and_goes_on_later(
    bank: Path, tmp_path: Path, whole: Done
) -> None:
    file, part = tmp_path / "state", tmp_path / "part.json"
    process = started(bank, *LARGE, "--checkpoint", str(file), "-o", str(part))
    wait_for(file, 4, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    [scope] = json.loads(part.read_text(encoding="utf-8"))["scopes"]
    assert 3 <= scope["explored"] == lines_of(file) - 1 < 27
    assert scope["complete"] is False
    done = check(bank, "--resume", str(file), "--format", "json", "--jobs", "2")
    assert (done.status, done.out) == (whole.status, whole.out)


def test_time_that_ran_out_goes_on_later(bank: Path, tmp_path: Path, whole: Done) -> None:
    file = str(tmp_path / "state")
    first = check(bank, *LARGE, "--seconds", "0.05", "--checkpoint", file, "--quiet")
    assert "not complete: " in first.out
    done = check(bank, "--resume", file, "--format", "json")
    assert (done.status, done.out) == (whole.status, whole.out)


@pytest.fixture(scope="module")
def state(bank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a scope that was explored."""
    file = tmp_path_factory.mktemp("scope") / "state"
    check(bank, "bank/pair", *SMALL, "--checkpoint", str(file))
    return file


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--scope", "tasks=3,operations=1"],
            "of another scope\nexpected: tasks=3,operations=1\ngot: tasks=2,operations=1\n",
        ),
        (["bank/fine"], "the checkpoint is of another design\nexpected: bank/fine\ngot: bank/pair"),
        (["bank/fine", "bank/pair"], "a checkpoint is of one design: these are 2\n"),
        (["--memory", "tso"], "of another parameter memory\nexpected: tso\ngot: none\n"),
    ],
)
def test_another_scope_is_refused(
    bank: Path, state: Path, arguments: list[str], message: str
) -> None:
    before = state.read_bytes()
    done = check(bank, *arguments, "--resume", str(state))
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err
    assert state.read_bytes() == before


def test_what_is_written_already_is_not_overwritten(bank: Path, state: Path) -> None:
    done = check(bank, "bank/pair", *SMALL, "--checkpoint", str(state))
    assert (done.status, done.out) == (2, "")
    assert f"{state} is there already: go on with --resume {state}" in done.err


def test_a_checkpoint_of_one_exploration_is_none_of_a_scope(demo: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "state")
    check(demo, "demo/abba:two", "--checkpoint", file, "--executions", "1")
    done = check(demo, *SMALL, "--resume", file)
    assert (done.status, done.out) == (2, "")
    assert f"cannot resume from {file}: it is no checkpoint of a scope" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scope", "2x2"], "'2x2' is no scope: expected tasks=N,operations=N, each 1 or more\n"),
        (["bank/par", *SMALL], "unknown design 'bank/par'; did you mean bank/pair? there are: "),
        (["none/*", *SMALL], "unknown design 'none/*'; there are: bank/"),
        (["--scope", "tasks=300,operations=1"], "tasks=300,operations=1: expected programs of at"),
        (
            ["bank/pair:calls(ab)", *SMALL],
            "--scope is of a design, bank/pair, not of a scenario, bank/pair:calls(ab)\n",
        ),
        (["bank/pair", *SMALL, "--param", "x=1"], "bank/pair:calls(ab) has no parameter 'x'"),
        ([], "this project has no scenario; it has calls: --scope of bank/pair, "),
        (["bank/fine", *SMALL, "--resume", "nowhere"], "cannot resume from nowhere: No such file"),
    ],
)
def test_what_cannot_be_done_is_one_message(bank: Path, arguments: list[str], message: str) -> None:
    done = check(bank, *arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("lockwright: ")
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_project_without_calls_says_so(demo: Path) -> None:
    done = check(demo, *SMALL)
    assert (done.status, done.out) == (2, "")
    assert "no design of this project says what small scopes are made of" in done.err


def test_a_terminal_shows_how_many_programs_are_done(bank: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "lockwright", "check", "bank/fine"),
            *("--scope", "tasks=2,operations=3"),
        ],
        cwd=bank,
        env=environment(TERM="xterm", COLUMNS="150"),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown, deadline = "", time.monotonic() + 20
    while "left" not in shown and time.monotonic() < deadline:
        shown += os.read(ours, 65536).decode()
    process.send_signal(signal.SIGINT)
    with suppress(OSError):  # Linux: the other end is closed
        while os.read(ours, 65536):
            pass
    os.close(ours)
    assert process.wait(timeout=20) == 130
    # 3 + 9 + 27 tasks, and 39 * 40 / 2 programs of two
    pattern = r"bank/fine tasks=2,operations=3: \d+ of 819 programs, \d+ executions?, about \d+ "
    assert re.search(pattern + r"\w+ left, 0 findings", shown)
