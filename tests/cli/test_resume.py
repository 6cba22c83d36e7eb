"""`lockwright check --checkpoint` and `--resume` as processes that are left, and killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from lockwright.checkpoint import read_checkpoint
from tests.cli.process import Done, environment, lockwright_in

# Two tasks with seven sections each: 14! / (7! * 7!) orders of these.
LONG = ("fine/mutex:two", "--strategy", "dfs", "--param", "rounds=7")
ORDERS = 3432
KILLS = 6


def check(demo: Path, *arguments: str) -> Done:
    return lockwright_in(demo, "check", *arguments, "--format", "json")


def started(demo: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "lockwright", "check", *arguments, "--format", "json"],
        cwd=demo,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for(file: Path, process: subprocess.Popen[bytes], before: int = 0) -> None:
    """Until a search has written itself down, after a time in nanoseconds, or has ended."""
    while process.poll() is None:
        if file.exists() and file.stat().st_mtime_ns > before:
            return
        time.sleep(0.005)


@pytest.mark.parametrize("seed", range(2))
def test_a_search_that_is_killed_at_any_moment_loses_nothing(
    demo: Path, tmp_path: Path, seed: int
) -> None:
    whole = check(demo, *LONG)
    assert json.loads(whole.out)["results"][0]["executions"] == ORDERS
    file, random, killed = tmp_path / "state", Random(seed), 0
    for _ in range(KILLS):
        arguments = ("--resume", str(file)) if file.exists() else (*LONG, "--checkpoint", str(file))
        before = file.stat().st_mtime_ns if file.exists() else 0
        process = started(demo, *arguments, "--checkpoint-every", "0")
        wait_for(file, process, before)
        time.sleep(random.uniform(0, 0.05))
        process.kill()
        killed += process.wait(timeout=30) == -signal.SIGKILL
    assert killed > 0
    assert file.exists()
    done = check(demo, "--resume", str(file))
    assert (done.status, done.out) == (whole.status, whole.out)


@pytest.mark.parametrize(
    "search",
    [LONG, ("fine/mutex:two", "--strategy", "random", "--executions", "6000", "--seed", "2")],
)
def test_an_interrupt_writes_the_search_down(
    demo: Path, tmp_path: Path, search: tuple[str, ...]
) -> None:
    file = tmp_path / "state"
    part = tmp_path / "part.json"
    every = ("--checkpoint", str(file), "--checkpoint-every", "0.02")
    process = started(demo, *search, *every, "--output", str(part))
    wait_for(file, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    result = json.loads(part.read_text(encoding="utf-8"))["results"][0]
    counts = read_checkpoint(file.read_text(encoding="utf-8")).data["counts"]
    assert counts["executions"] == result["executions"]
    done = check(demo, "--resume", str(file))
    assert done.out == check(demo, *search).out


@pytest.mark.parametrize("strategy", ["dfs", "bounded", "random", "pct", "urw", "mix"])
def test_a_search_that_came_to_its_bound_goes_on(demo: Path, tmp_path: Path, strategy: str) -> None:
    one = ("demo/abba:two", "--param", "rounds=2", "--strategy", strategy, "--seed", "5")
    file = str(tmp_path / "state")
    first = check(demo, *one, "--executions", "20", "--checkpoint", file)
    assert json.loads(first.out)["results"][0]["executions"] == 20
    again = check(demo, "--resume", file, "--executions", "35")
    whole = check(demo, *one, "--executions", "35")
    assert (again.status, again.out) == (whole.status, whole.out)
    last = check(demo, "--resume", file, "--executions", "10")  # it has more already
    assert json.loads(last.out)["results"][0]["executions"] == 35


def test_seconds_end_a_search_that_goes_on_later(demo: Path, tmp_path: Path) -> None:
    file = str(tmp_path / "state")
    first = check(demo, *LONG, "--seconds", "0.2", "--checkpoint", file)
    assert first.status == 3
    again = check(demo, "--resume", file)
    assert again.out == check(demo, *LONG).out


@pytest.fixture
def state(demo: Path, tmp_path: Path) -> Path:
    """A checkpoint of a search that was bounded."""
    file = tmp_path / "state"
    check(demo, *LONG, "--executions", "9", "--checkpoint", str(file))
    return file


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo/abba:two"], "the checkpoint is of another scenario\nexpected: demo/abba:two\ngot:"),
        (["--param", "rounds=8"], "of another parameter rounds\nexpected: 8\ngot: 7\n"),
        (["--strategy", "bounded"], "of another option strategy\nexpected: bounded\ngot: dfs\n"),
        (["--rules", "deadlock"], "of another option rules\nexpected: deadlock\ngot: deadlock,"),
        (["fine/mutex", "demo/abba"], "a checkpoint is of one scenario: these are 3\n"),
    ],
)
def test_another_search_is_refused(
    demo: Path, state: Path, arguments: list[str], message: str
) -> None:
    before = state.read_text(encoding="utf-8")
    done = check(demo, *arguments, "--resume", str(state))
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err
    assert state.read_text(encoding="utf-8") == before


def test_another_model_is_refused(demo: Path, state: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "stress").mkdir(parents=True)
    (other / "pyproject.toml").write_bytes((demo / "pyproject.toml").read_bytes())
    for file in (demo / "stress").glob("*.py"):
        (other / "stress" / file.name).write_bytes(file.read_bytes() + b"# changed\n")
    done = check(other, "--resume", str(state))
    assert (done.status, done.out) == (2, "")
    assert "the checkpoint is of another version of the model\nexpected: " in done.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file or directory\n"),
        ("", "it is no checkpoint: expected a first line `lockwright checkpoint ...`\n"),
        ("[project]\nname = 'mine'\n", "it is no checkpoint: expected a first line"),
        ("lockwright checkpoint 9 00000000\n{}\n", "checkpoint of version '9': this lockwright "),
        ("lockwright checkpoint 1 00000000\n{}\n", "its check does not fit; was it cut short?\n"),
    ],
)
def test_what_is_no_checkpoint_is_refused(
    demo: Path, tmp_path: Path, text: str | None, message: str
) -> None:
    file = tmp_path / "state"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    done = check(demo, "--resume", str(file))
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"lockwright: cannot resume from {file}: ")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_bytes_are_no_checkpoint(demo: Path, tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.write_bytes(b"\xff\xfe\x00")
    done = check(demo, "--resume", str(file))
    assert (done.status, done.err) == (
        2,
        f"lockwright: cannot resume from {file}: it is no text\n",
    )


def test_a_file_that_is_there_is_not_overwritten(demo: Path, state: Path, tmp_path: Path) -> None:
    before = state.read_text(encoding="utf-8")
    done = check(demo, *LONG, "--checkpoint", str(state))
    assert done.status == 2
    assert done.err == (
        f"lockwright: {state} is there already: go on with --resume {state}, or remove it to "
        "begin anew\n"
    )
    assert state.read_text(encoding="utf-8") == before
    other = tmp_path / "other"
    assert check(demo, "--resume", str(state), "--checkpoint", str(other)).status == 0
    assert state.read_text(encoding="utf-8") == before


def test_a_checkpoint_that_cannot_be_written_is_refused_before_exploring(
    demo: Path, tmp_path: Path
) -> None:
    for name, message in (
        (str(tmp_path / "missing" / "state"), "there is no directory"),
        (str(tmp_path), "it is a directory"),
        ("", "the name of the file is empty"),
    ):
        done = check(demo, *LONG, "--checkpoint", name)
        assert (done.status, done.out) == (2, "")
        assert message in done.err


def test_a_disk_that_is_full_does_not_end_the_search(demo: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "lockwright", "check", *LONG, "--format", "json"),
            *("--checkpoint", str(place / "state"), "--checkpoint-every", "0"),
        ],
        cwd=demo,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (place / "state").exists():
        assert process.poll() is None
        time.sleep(0.005)
    place.rename(tmp_path / "moved")
    out, err = process.communicate(timeout=60)
    assert out == check(demo, *LONG).out
    assert err.count("; the exploration goes on\n") == 1
    assert (tmp_path / "moved" / "state").exists()
