"""`lockwright check --jobs` as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.process import environment, lockwright_in

LONG = ("fine/mutex:two", "--granularity", "operation", "--param", "rounds=7")


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(word) for word in text.split()]


def alive(pid: int) -> bool:
    """Is there still such a process, and no mere zombie?"""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def gone(pids: list[int]) -> bool:
    """Have all of them ended, or do so within some seconds?"""
    for _ in range(500):
        if not any(map(alive, pids)):
            return True
        time.sleep(0.02)
    return False


def test_several_jobs_print_what_one_does(demo: Path) -> None:
    for command in (["check", "--format", "json"], ["check", "--strategy", "pct", "--quiet"]):
        one = lockwright_in(demo, *command)
        two = lockwright_in(demo, *command, "--jobs", "2")
        many = lockwright_in(demo, *command, "-j", "auto")
        assert two.status == many.status == one.status
        if "json" in command:
            assert two.out == many.out == one.out


def test_a_model_that_fails_is_reported_as_by_one(bad: Path) -> None:
    for name in ("bad/raises:two", "bad/check:one", "bad/setup:one"):
        one, two = (lockwright_in(bad, "check", name, "-j", jobs) for jobs in "12")
        assert (two.status, two.err.replace("the model prints\n", "")) == (
            one.status,
            one.err.replace("the model prints\n", ""),
        )


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1.5", ""])
def test_what_is_no_number_of_jobs_is_refused(demo: Path, jobs: str) -> None:
    done = lockwright_in(demo, "check", f"--jobs={jobs}")
    assert (done.status, done.out) == (2, "")
    assert f"{jobs!r} is no number of processes: expected 1 or more, or auto" in done.err
    assert done.err.count("\n") == 1


def test_a_strategy_of_one_process_refuses_several(demo: Path) -> None:
    done = lockwright_in(demo, "check", "--strategy", "dfs", "--jobs", "2")
    assert (done.status, done.out) == (2, "")
    assert done.err == ("lockwright: strategy dfs explores in one process: leave out the jobs\n")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("signalled", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_no_process_is_left(demo: Path, tmp_path: Path, signalled: signal.Signals) -> None:
    part = tmp_path / "part.json"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "lockwright", "check", *LONG, "--jobs", "2"),
            *("--format", "json", "--output", str(part)),
        ],
        cwd=demo,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    crew: list[int] = []
    while len(crew) < 2:
        assert process.poll() is None
        time.sleep(0.01)
        crew = children(process.pid)
    if signalled == signal.SIGINT:
        os.killpg(process.pid, signalled)  # as a terminal does
    else:
        process.send_signal(signalled)
    _, err = process.communicate(timeout=30)
    assert gone(crew)
    assert "Traceback" not in err
    if signalled == signal.SIGINT:
        assert process.returncode == 130
        assert json.loads(part.read_text(encoding="utf-8"))["results"][0]["verdict"] == "stopped"
    else:
        assert process.returncode == -signalled


def test_a_search_that_is_killed_goes_on_with_another_number_of_jobs(
    demo: Path, tmp_path: Path
) -> None:
    file = tmp_path / "state"
    whole = lockwright_in(demo, "check", *LONG, "--format", "json")
    for jobs in ("2", "1", "2"):
        begun = ["--resume", str(file)] if file.exists() else [*LONG, "--checkpoint", str(file)]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "lockwright", "check", *begun),
                *("--jobs", jobs, "--checkpoint-every", "0"),
            ],
            cwd=demo,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before = file.stat().st_mtime_ns if file.exists() else 0
        while process.poll() is None and (not file.exists() or file.stat().st_mtime_ns == before):
            time.sleep(0.005)
        process.kill()
        process.wait(timeout=30)
    done = lockwright_in(demo, "check", "--resume", str(file), "-j", "2", "--format", "json")
    assert (done.status, done.out) == (whole.status, whole.out)


def test_seconds_end_several_jobs(demo: Path) -> None:
    done = lockwright_in(demo, "check", *LONG, "--jobs", "2", "--seconds", "0.2")
    assert done.status == 3
