"""`lockwright campaign` as a process: from a plan to its answers, stopped on the way."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lockwright.cli import run
from tests.cli.process import (
    BROKEN_MODELS,
    PYPROJECT,
    SCENARIOS,
    Done,
    environment,
    lockwright_in,
    make_project,
)

PLAN = """
[campaign]
name = "demo"

[[explore]]
scenarios = ["demo/abba:*", "bad/raises:two"]

[[explore]]
scenarios = ["demo/abba:two", "fine/mutex:two"]
parameters = { rounds = 2 }
strategies = ["random", "pct"]
executions = 600

[[explore]]
scenarios = ["fine/mutex:two"]
strategies = ["dfs"]

[[expect]]
scenario = "demo/abba:gated"
verdict = "verified"

[[expect]]
scenario = "fine/mutex:two"
strategy = "dfs"
executions = 2
"""
LONG = """
[campaign]
name = "long"

[[explore]]
scenarios = ["demo/abba:two", "fine/mutex:two"]
parameters = { rounds = 2 }
strategies = ["random"]
executions = 10000000
"""
FINE = """
[campaign]
name = "fine"
guidance = "none"

[[explore]]
scenarios = ["fine/mutex:two"]
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with plans, and campaigns that have ended: `demo.campaign`, which printed
    `demo.txt`, and `fine.campaign`."""
    made = tmp_path_factory.mktemp("campaigns") / "project"
    make_project(made, PYPROJECT, scenarios=SCENARIOS, broken=BROKEN_MODELS)
    for name, text in (("demo", PLAN), ("long", LONG), ("fine", FINE)):
        (made / f"{name}.plan.toml").write_text(text, encoding="utf-8")
    done = campaign(made, "run", "demo.plan.toml", "-j", "2", "-o", "demo.txt")
    assert (done.status, done.out) == (4, ""), done.err
    assert campaign(made, "run", "fine.plan.toml", "-j", "1").status == 0
    return made


def campaign(project: Path, *arguments: str, **more: str) -> Done:
    """Run `lockwright campaign` in the project."""
    return lockwright_in(project, "campaign", *arguments, **more)


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, in which this process is."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "80")
    return project


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit status of a command that loads no project, and what it prints."""
    status = run(["campaign", *arguments])
    caught = capsys.readouterr()
    assert caught.err == ""
    return status, caught.out


def row(text: str, name: str) -> list[str]:
    """The cells beside an item's name in the table."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name}  ")]
    return line.removeprefix(name).split()


def test_a_campaign_ends_in_answers(project: Path) -> None:
    text = (project / "demo.txt").read_text(encoding="utf-8")
    assert text.startswith("finding 1 of 2: possible circular locking dependency\n")
    assert "\nreplay: lockwright replay 'lw1~demo/abba:two~~" in text
    assert "campaign demo: 5 of 6 items done, 1 failed; " in text
    assert row(text, "bad/raises:two dpor") == ["error", "0", "0", "0"]
    assert "not as expected: expected the verdict verified, got violated" in text
    assert row(text, "fine/mutex:two dfs")[:3] == ["verified", "2", "0"]
    assert "    as expected\n" in text
    assert "\nWhere nothing broke, this was assumed:\n" in text


def test_the_token_of_an_answer_replays(project: Path) -> None:
    text = (project / "demo.txt").read_text(encoding="utf-8")
    _, _, rest = text.partition("finding 2 of 2: deadlock")
    token = rest.partition("lockwright replay '")[2].partition("'")[0]
    replayed = lockwright_in(project, "replay", token)
    assert replayed.status == 1
    assert "deadlock: 2 tasks wait for ever" in replayed.out


def test_the_same_campaign_prints_the_same_whatever_its_workers_and_sessions(
    project: Path, tmp_path: Path
) -> None:
    store = str(tmp_path / "again.campaign")
    whole = (project / "demo.txt").read_text(encoding="utf-8")
    begun = ("run", "demo.plan.toml", "-j", "1", "--store", store, "--seconds", "0.7")
    first = campaign(project, *begun)
    assert "campaign demo: " in first.out
    last = campaign(project, "resume", store, "-j", "1")
    assert (last.status, last.out) == (4, whole)


def test_status_prints_what_the_campaign_printed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (here / "demo.txt").read_text(encoding="utf-8")
    assert said(capsys, "status", "demo.campaign") == (4, whole)
    status, table = said(capsys, "status", "demo.campaign", "--quiet")
    assert status == 4
    assert table.startswith("campaign demo: 5 of 6 items done")
    assert table in whole


def test_answers_have_a_form_for_programs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(capsys, "status", "demo.campaign", "--format", "json")
    told = json.loads(text)
    assert (told["version"], told["campaign"], told["status"], status) == (1, "demo", 4, 4)
    items = {item["item"]: item for item in told["items"]}
    assert items["demo/abba:gated dpor"]["unmet"] == ["expected the verdict verified, got violated"]
    assert items["fine/mutex:two dfs"]["as_expected"] is True
    assert items["bad/raises:two dpor"]["standing"] == "error"
    guided = items["demo/abba:two rounds=2 random+pct+corpus"]
    assert sum(arm["executions"] for arm in guided["arms"]) == guided["executions"] == 1200
    deadlock = next(each for each in told["findings"] if each["finding"]["kind"] == "deadlock")
    assert deadlock["executions"] == sum(deadlock["items"].values())
    assert deadlock["finding"]["token"].startswith("lw1~demo/abba:two~")


def test_a_dry_run_says_what_would_be_explored_and_explores_nothing(project: Path) -> None:
    done = campaign(project, "run", "long.plan.toml", "--dry-run")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("campaign long: 2 items; at most 20,000,000 executions\n")
    assert "demo/abba:two rounds=2 random+corpus   10,000,000     2\n" in done.out
    assert not (project / "long.campaign").exists()


def test_a_campaign_that_is_fine_says_so(project: Path, tmp_path: Path) -> None:
    store = tmp_path / "fine.campaign"
    shutil.copy(project / "fine.campaign", store)
    done = campaign(project, "resume", str(store), "--quiet", "-j", "1")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-1].split() == ["fine/mutex:two", "dpor", "verified", "1", "0"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_campaign_that_can_be_resumed(
    project: Path, tmp_path: Path, number: signal.Signals
) -> None:
    store = tmp_path / "long one.campaign"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "lockwright", "campaign", "run", "long.plan.toml"),
            *("--store", str(store), "--jobs", "1"),
        ],
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = [process.stderr.readline()]
    while not lines[-1].startswith("found in demo/abba:two rounds=2 random+corpus: "):
        assert lines[-1]
        lines.append(process.stderr.readline())
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1] == (
        "lockwright: interrupted; what was explored is kept: go on with "
        f"`lockwright campaign resume '{store}'`"
    )
    assert "campaign long: 0 of 2 items done" in out
    on = campaign(project, "resume", str(store), "-j", "1", "--seconds", "0.2")
    assert on.status == 1
    assert on.err.startswith("campaign long goes on: 0 of 2 items done, 1 worker (local)\n")


def test_a_terminal_shows_the_campaign_while_it_runs(project: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    store = str(tmp_path / "long.campaign")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "lockwright", "campaign", "run", "long.plan.toml"),
            *("--store", store, "--jobs", "1"),
        ],
        cwd=project,
        env=environment(TERM="xterm", COLUMNS="100", LINES="20"),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown, deadline = "", time.monotonic() + 30
    while "fine/mutex:two rounds=2 random+corpus" not in shown and time.monotonic() < deadline:
        shown += os.read(ours, 65536).decode()
    process.send_signal(signal.SIGINT)
    with suppress(OSError):  # Linux: the other end is closed
        while more := os.read(ours, 65536):
            shown += more.decode()
    os.close(ours)
    assert process.wait(timeout=30) == 130
    assert re.search(r"long: 0 of 2 items done, generation 0, 1 worker \(local\), 0:00:\d\d", shown)
    assert re.search(r"[\d,]+ executions, [\d,]+ a second, \d findings, ", shown)
    assert re.search(r"fine/mutex:two rounds=2 random\+corpus +[\d,]+ of 10,000,000 ", shown)
    assert "lockwright: interrupted; what was explored is kept" in shown


def test_two_campaigns_are_compared(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(capsys, "compare", "demo.campaign", "demo.campaign")
    assert status == 0
    assert text.endswith("6 items are as they were; 2 findings are still there\nnothing changed\n")
    status, text = said(capsys, "compare", "demo.campaign", "fine.campaign")
    assert status == 1
    assert "\nonly in the second:\n  fine/mutex:two dpor\n" in text
    assert "\ngone: deadlock: 2 tasks wait for ever" in text
    status, text = said(capsys, "compare", "demo.campaign", "fine.campaign", "--format", "json")
    assert status == 1
    assert json.loads(text)["only_other"] == ["fine/mutex:two dpor"]


def test_a_campaign_is_exported(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tmp_path / "demo.jsonl"
    assert said(capsys, "export", "demo.campaign", "-o", str(lines)) == (0, "")
    status, text = said(capsys, "export", "demo.campaign", "-o", "-")
    assert (status, text) == (0, lines.read_text(encoding="utf-8"))
    types = [json.loads(line)["type"] for line in text.splitlines()]
    assert (types[0], types.count("item"), types.count("finding")) == ("campaign", 6, 2)
    tables = tmp_path / "tables"
    arguments = ("export", "demo.campaign", "-o", str(tables), "--format", "parquet")
    assert said(capsys, *arguments) == (0, "")
    assert (tables / "items.parquet").stat().st_size > 0


def test_a_campaign_is_minimised(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "small.campaign")
    shutil.copy("demo.campaign", store)
    done = campaign(here, "minimise", store, "--attempts", "50")
    assert done.status == 0
    assert "corpus of demo/abba:two rounds=2 random+pct+corpus: " in done.out
    assert done.err.startswith("minimising: ")
    status, text = said(capsys, "compare", "demo.campaign", store)
    assert (status, text.splitlines()[-1]) == (0, "nothing changed")


def test_only_its_own_commands_load_what_a_campaign_takes() -> None:
    code = (
        "import sys, lockwright.cli as cli\n"
        "assert cli.run(['campaign', 'run', '--help']) == 0\n"
        "names = ('trio', 'pydantic', 'filelock', 'sqlite3', 'distributed', 'pyarrow')\n"
        "sys.exit(str([name for name in names if name in sys.modules]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stderr == "[]\n"
    assert "Exit status: 0 all as expected" in done.stdout


def test_a_store_says_how_far_it_is_while_another_process_writes_it(
    project: Path, tmp_path: Path
) -> None:
    store = tmp_path / "long.campaign"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "lockwright", "campaign", "run", "long.plan.toml"),
            *("--store", str(store), "--jobs", "1"),
        ],
        cwd=project,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if line.startswith("found in "):
                break
        asked = campaign(project, "status", str(store))
        assert (asked.status, asked.err) == (1, "")
        assert "finding 1 of " in asked.out
        verdict, on, executions, *_ = row(asked.out, "demo/abba:two rounds=2 random+corpus")
        assert (verdict, on) == ("going", "on")
        assert int(executions) > 0
        assert "replay: lockwright replay 'lw1~demo/abba:two~rounds=2~" in asked.out
        second = campaign(project, "resume", str(store))
        assert second.status == 2
        assert second.err.startswith("lockwright: ")
        assert second.err.count("\n") == 1
        assert str(store) in second.err
    finally:
        process.kill()
        process.communicate(timeout=30)
