"""`python -m lockwright.trio_runtime` as a process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lockwright.commands.running import run_command
from lockwright.core.result import Result
from lockwright.trio_runtime import run
from lockwright.trio_runtime.__main__ import NAME, command
from tests.cli.process import BROKEN_MODELS, SCENARIOS, environment, lockwright_in, make_project
from tests.testing.trio_runtime.worlds import ABBA

LINE = re.compile(r" *[0-9]+\.[0-9]{3} +[0-9]+  (one|two) ")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("demo"), stress=SCENARIOS + BROKEN_MODELS)


def played(
    directory: Path, *arguments: str, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    env = environment()
    if path is not None:
        env["PYTHONPATH"] = f"{path}:{env['PYTHONPATH']}"
    return subprocess.run(
        [sys.executable, "-m", "lockwright.trio_runtime", *arguments],
        cwd=directory,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_stress_finds_the_deadlock_and_its_token_replays(demo: Path) -> None:
    done = played(demo, "demo/abba:two", "--executions", "50", "--seed", "3")
    assert done.returncode == 1
    assert "deadlock: 2 tasks wait for ever: " in done.stdout
    assert not LINE.search(done.stdout)
    assert re.fullmatch(
        r"demo/abba:two: 50 executions, [0-9]+ steps in [0-9.]+ s: [0-9]+ executions and [0-9]+ "
        r"steps a second\n",
        done.stderr,
    )
    tokens = re.findall(r"replay: lockwright replay '(.*)'", done.stdout)
    assert tokens
    for token in tokens:
        assert lockwright_in(demo, "replay", token).status == 1


def test_a_demonstration_tells_each_step_as_it_happens(demo: Path) -> None:
    done = played(demo, "fine/mutex:two", "--pace", "0.001")
    assert done.returncode == 3
    name, head, *lines = done.stdout.splitlines()
    assert (name, head.split()) == ("fine/mutex:two", ["time", "step", "task"])
    steps = [line.split()[1:] for line in lines if LINE.match(line) and "(" in line]
    # two tasks lock and unlock one mutex: four steps, one task after the other
    assert [step[0] for step in steps] == ["0", "1", "2", "3"]
    assert [step[2] for step in steps] == ["mutex_lock(A)", "mutex_unlock(A)"] * 2
    assert "4 steps, and nobody can go on" in done.stdout


def test_who_waits_and_who_waits_for_ever_is_told(demo: Path) -> None:
    seed = next(seed for seed in range(50) if run(ABBA, seed=seed, executions=1).deadlocked)
    done = played(demo, "demo/abba:two", "--executions", "1", "--seed", str(seed))
    assert re.search(r"one +waits in mutex_lock\(B\)", done.stdout)
    assert re.search(r"two +blocked: mutex_lock\(A\)", done.stdout)
    assert done.returncode == 1


def test_json_is_that_of_check(demo: Path) -> None:
    arguments = ("demo/abba:two", "--executions", "20", "--format", "json")
    done, again = played(demo, *arguments), played(demo, *arguments)
    assert done.stdout == again.stdout
    (data,) = json.loads(done.stdout)["results"]
    result = Result.from_json(data)
    assert (result.strategy, result.seed, result.executions) == ("trio", 0, 20)
    assert result.verdict == "violated"
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "missing argument 'TARGET...'"),
        (("a", "--timeout", "one"), "timeout 'one' is not of the form TASK=SECONDS"),
        (("a", "--timeout", "one=-1"), "timeout 'one=-1' is not of the form"),
        (("a", "--timeout", "one=nan"), "timeout 'one=nan' is not of the form"),
        (("a", "--timeout", "=1"), "timeout '=1' is not of the form"),
        (("a", "--timeout", "one=1", "--timeout", "one=2"), "two timeouts for task 'one'"),
        (("a", "--pace", "-1"), "-1"),
        (("a", "--pace", "inf"), "inf is no length of time"),
        (("a", "--executions", "0"), "0 is not in the range x>=1"),
        (("a", "--rules", "deadlok"), "unknown rule 'deadlok'; did you mean deadlock?"),
    ],
)
def test_misuse_is_one_message_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert run_command(command, list(arguments), NAME) == 2
    err = capsys.readouterr().err
    assert said.lower() in err.lower()
    assert err.startswith("lockwright: ")
    assert len(err.splitlines()) == 1, err


def test_a_name_that_is_wrong_is_told(demo: Path) -> None:
    done = played(demo, "demo/abba:tow")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "lockwright: no scenario or design 'demo/abba:tow'; did you mean demo/abba:two"
    )
    done = played(demo, "demo/abba:two", "--timeout", "none=1")
    assert done.returncode == 2
    assert "no task 'none' to signal; at the beginning there are: one, two" in done.stderr


def test_a_model_that_cannot_be_judged_exits_with_4_and_the_others_are_played(demo: Path) -> None:
    done = played(demo, "bad/raises:two", "fine/mutex:two", "--executions", "20")
    assert done.returncode == 4
    assert "the model raised IndexError" in done.stderr
    assert "replay: lockwright replay 'lw1~bad/raises:two~" in done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(r"bad/raises:two +error", done.stdout)
    assert re.search(r"fine/mutex:two +stopped +20", done.stdout)


def test_a_model_that_is_not_deterministic_is_told(demo: Path) -> None:
    done = played(demo, "bad/flips:two", "--executions", "20")
    assert done.returncode == 4
    assert "the model is not deterministic" in done.stderr


def test_ctrl_c_ends_a_slow_demonstration_at_once(demo: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lockwright.trio_runtime", "fine/mutex:two", "--pace", "100"],
        cwd=demo,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.split() == ["time", "step", "task"]:
            break
    time.sleep(0.2)  # the loop is about to sleep; a signal any earlier ends it as well
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "lockwright: interrupted; this is what was done so far" in err
    assert "Traceback" not in err
