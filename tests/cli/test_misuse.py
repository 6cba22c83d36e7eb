"""Scenarios that are written wrongly, and command lines that are: each is told in few words."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.process import SCENARIOS, environment, lockwright_in, make_project

MISTAKES = '''
"""Scenarios that are written wrongly."""
import sys
from lockwright.kernel.mutex import Mutex
from lockwright.scenario import scenario


def spawn_one(world, then=None):
    a = Mutex(world, "A")

    async def worker():
        await a.lock()
        if then is not None:
            then()
        await a.unlock()

    world.spawn(worker(), "one")


def exits(world):
    sys.exit(0)


def nothing(world):
    return None


def one_sentence(world):
    return "all is lost"


def numbers(world):
    yield 1


def no_world():
    return ()


@scenario("exit/task:one")
def exit_task(world):
    spawn_one(world, lambda: sys.exit(0))


@scenario("exit/setup:one")
def exit_setup(world):
    sys.exit("no more")


@scenario("exit/check:one", at_end=(exits,))
def exit_check(world):
    spawn_one(world)


@scenario("call/extra:one")
def extra(world, more):
    spawn_one(world)


@scenario("call/none:one")
def none():
    pass


@scenario("call/parameter:one", rounds=1)
def parameter(world):
    spawn_one(world)


@scenario("call/check:one", at_end=(no_world,))
def check(world):
    spawn_one(world)


@scenario("call/tuple:one", at_end=nothing)
def no_tuple(world):
    spawn_one(world)


@scenario("call/async:one")
async def awaited(world):
    spawn_one(world)


@scenario("end/nothing:one", at_end=(nothing,))
def end_nothing(world):
    spawn_one(world)


@scenario("end/string:one", at_end=(one_sentence,))
def end_string(world):
    spawn_one(world)


@scenario("end/numbers:one", at_end=(numbers,))
def end_numbers(world):
    spawn_one(world)


def again():
    return again()


@scenario("deep/recursion:one")
def recursion(world):
    spawn_one(world, again)


@scenario("unlock/mutex:one")
def unlock(world):
    a, b = Mutex(world, "A"), Mutex(world, "B")

    async def worker():
        await b.lock()
        await b.unlock()
        await a.unlock()

    world.spawn(worker(), "one")
    world.spawn(spinner(b), "two")


async def spinner(b):
    await b.lock()
    await b.unlock()
'''


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("wrong") / "project"
    return make_project(made, mistakes=MISTAKES, scenarios=SCENARIOS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("exit/task:one", "SystemExit: 0\n  in step 0, of one\n  stress/mistakes.py:"),
        ("exit/setup:one", "SystemExit: no more\n  while the scenario was set up\n  stress/"),
        ("exit/check:one", "SystemExit: 0\n  in a check at the end of an execution\n  stress/"),
    ],
)
def test_a_model_that_exits_does_not_end_the_check(wrong: Path, name: str, message: str) -> None:
    done = lockwright_in(wrong, "check", name, "fine/mutex:two")
    assert done.status == 4
    assert f"lockwright: {name}: the model raised {message}" in done.err
    rows = [line.split()[:2] for line in done.out.splitlines()]
    assert [name, "error"] in rows
    assert ["fine/mutex:two", "verified"] in rows


def test_a_replayed_model_that_exits_says_where(wrong: Path) -> None:
    found = lockwright_in(wrong, "check", "exit/task:one")
    token = found.err.partition("replay: lockwright replay '")[2].partition("'")[0]
    done = lockwright_in(wrong, "replay", token)
    assert (done.status, done.out) == (4, "")
    assert "the model raised SystemExit: 0\n  in step 0, of one\n" in done.err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("extra", "function extra() (stress/mistakes.py, line @) cannot be called with the world"),
        ("none", "function none() (stress/mistakes.py, line @) cannot be called with the world"),
        ("parameter", "function parameter() (stress/mistakes.py, line @) cannot be called with"),
        ("check", "check at the end no_world() (stress/mistakes.py, line @) cannot be called with"),
        ("async", "function awaited() (stress/mistakes.py, line @) is async"),
    ],
)
def test_a_function_that_cannot_be_called_is_one_line(wrong: Path, name: str, message: str) -> None:
    done = lockwright_in(wrong, "check", f"call/{name}:one", "fine/mutex:two", "--quiet")
    assert done.status == 2
    assert re.sub(r"line \d+", "line @", done.err).startswith(
        f"lockwright: call/{name}:one: its {message}"
    )
    assert done.err.count("\n") == 1
    assert re.search(r"^fine/mutex:two +verified ", done.out, flags=re.M)


def test_the_check_at_the_end_must_be_a_tuple(wrong: Path) -> None:
    done = lockwright_in(wrong, "check", "call/tuple:one", "--quiet")
    assert done.status == 2
    assert done.err == (
        "lockwright: call/tuple:one: at_end is a tuple of functions, not a function\n"
    )


@pytest.mark.parametrize(
    ("name", "check", "got"),
    [
        ("nothing", "nothing", "None"),
        ("string", "one_sentence", "a value of type str"),
        ("numbers", "numbers", "an item of type int"),
    ],
)
def test_a_check_that_gives_no_sentences_is_the_models_error(
    wrong: Path, name: str, check: str, got: str
) -> None:
    done = lockwright_in(wrong, "check", f"end/{name}:one", "--quiet")
    assert done.status == 4
    assert done.err == (
        f"lockwright: end/{name}:one: the check stress.mistakes.{check}() gives no iterable of "
        "sentences at the end of an execution\n"
        "expected: say, an empty tuple, or strings that are yielded\n"
        f"got: {got}\n"
    )


def test_a_recursion_is_shown_once(wrong: Path) -> None:
    done = lockwright_in(wrong, "check", "deep/recursion:one", "--quiet")
    assert done.status == 4
    assert len(re.findall(r"in again: return again\(\) \(\d+ times\)\n", done.err)) == 1
    assert done.err.count("in again:") == 1


def test_an_unlock_of_what_is_not_held_is_one_finding(wrong: Path) -> None:
    done = lockwright_in(wrong, "check", "unlock/mutex:one", "--format", "json")
    assert done.status == 1
    (result,) = json.loads(done.out)["results"]
    (finding,) = result["findings"]
    assert (finding["kind"], finding["fatal"]) == ("bad unlock balance", True)
    assert finding["message"] == "one releases A, which it does not hold"
    assert "WARNING: bad unlock balance detected!" in finding["text"]
    assert result["executions"] == finding["executions"] == 1
    again = lockwright_in(wrong, "replay", finding["token"])
    assert again.status == 1
    assert again.out.count("bad unlock balance detected!") == 1


NOT_COMPLETE = (
    "not complete: 2 executions, not all interleavings: about 3 in all, an estimate;\n",
    "  other findings may be missing\n",
)


def test_a_violated_run_that_was_cut_short_says_so(demo: Path) -> None:
    done = lockwright_in(demo, "check", "demo/abba:two", "--executions", "2")
    assert done.status == 1
    title, *said = done.out.splitlines(keepends=True)
    assert title.startswith("demo/abba:two: ")
    assert tuple(said[:2]) == NOT_COMPLETE
    table = done.out[done.out.index("scenario ") :]
    below = " ".join(table.split())
    assert "violated 2 1 deadlock; possible" in below
    assert " ".join(line.strip() for line in NOT_COMPLETE) in below
    whole = lockwright_in(demo, "check", "demo/abba:two")
    assert "not complete" not in whole.out


def test_an_interrupted_violated_run_says_so_in_its_file(demo: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    arguments = ["check", "demo/abba:two", "--param", "rounds=60", "-o", str(target)]
    process = subprocess.Popen(
        [sys.executable, "-m", "lockwright", *arguments],
        cwd=demo,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    said = target.read_text(encoding="utf-8")
    assert "violated" in said
    assert len(re.findall(r"not complete: \d+ executions?, not all interleavings", said)) == 2


def closed(directory: Path, redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            "sh",
            "-c",
            f'exec "$@" {redirection}',
            "sh",
            sys.executable,
            "-m",
            "lockwright",
            *arguments,
        ],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_closed_standard_output_is_one_line(demo: Path, tmp_path: Path) -> None:
    for command in ("list", "check"):
        done = closed(demo, ">&-", command)
        assert done.returncode == 2
        assert done.stderr == "lockwright: cannot write to standard output: it is closed\n"
    target = tmp_path / "out.txt"
    done = closed(demo, ">&-", "check", "fine/mutex", "--quiet", "-o", str(target))
    assert (done.returncode, done.stderr) == (0, "")
    assert "verified" in target.read_text(encoding="utf-8")


def test_a_closed_standard_error_is_no_error(demo: Path) -> None:
    done = closed(demo, "2>&-", "check", "fine/mutex")
    assert done.returncode == 0
    assert "verified" in done.stdout


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "1e999", "0", "-1"])
def test_seconds_are_a_length_of_time(demo: Path, seconds: str) -> None:
    done = lockwright_in(demo, "check", "fine/mutex", f"--seconds={seconds}")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("lockwright: Invalid value for '--seconds': ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--executons", "3"], "No such option '--executons'"),
        (["chekc"], "No such command 'chekc'"),
        (["check", "--executions", "many"], "'many' is not a valid integer range"),
        (["replay"], "Missing argument 'TOKEN'"),
        (["check", "-o", ""], "cannot write the result: the name of the file is empty"),
        (["program", "x.json", "-o", ""], "cannot write the result: the name of the file is"),
        (["new", ""], "cannot make a project: the name of the directory is empty"),
    ],
)
def test_a_wrong_command_line_is_one_line(demo: Path, arguments: list[str], message: str) -> None:
    done = lockwright_in(demo, *arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("lockwright: ")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_misspelt_option_is_told_with_the_right_one(demo: Path) -> None:
    done = lockwright_in(demo, "check", "--executons", "3")
    assert "--executions" in done.err


def test_no_command_shows_the_help(tmp_path: Path) -> None:
    done = lockwright_in(tmp_path)
    assert done.status == 2
    assert "Usage: lockwright" in done.err + done.out


def test_the_next_command_can_be_pasted(tmp_path: Path) -> None:
    done = lockwright_in(tmp_path, "new", "my-demo 1")
    assert done.status == 0
    assert done.out.endswith("next: cd 'my-demo 1' && lockwright check\n")


def test_a_confirmed_prediction_has_two_labelled_tokens(demo: Path) -> None:
    done = lockwright_in(demo, "check", "demo/abba:two")
    first, second = re.split(r"^finding \d of 2: .*$", done.out, flags=re.M)[1:]
    found = re.findall(r"^(\w[\w ]*): lockwright replay '(.*)'$", first, flags=re.M)
    assert [label for label, _ in found] == ["the deadlock", "this run"]
    assert len({token for _, token in found}) == 2
    assert f"\nreplay: lockwright replay '{found[0][1]}'\n" in second


def test_the_words_behind_predictions_are_explained(demo: Path) -> None:
    done = lockwright_in(demo, "check")
    said = " ".join(done.out.split())
    assert (
        "confirmed: some schedule of the scenario deadlocks on it; "
        "refuted: no schedule of the scenario deadlocks on it"
    ) in said
    assert "open: none that was explored" not in said
    fine = lockwright_in(demo, "check", "fine/mutex")
    assert "schedule of the scenario" not in fine.out


@pytest.mark.parametrize(
    ("columns", "width"), [("88", 88), ("60", 60), ("7", 80), ("x", 80), ("9999", 80)]
)
def test_a_pipe_is_as_wide_as_columns_says(demo: Path, columns: str, width: int) -> None:
    done = lockwright_in(demo, "check", "demo/abba:two", COLUMNS=columns)
    texts = [
        line for line in done.out.splitlines() if "deadlock is" in line or "it happens" in line
    ]
    assert texts
    assert max(map(len, texts)) <= width
    assert max(map(len, texts)) > width - 30


def test_one_is_singular(demo: Path) -> None:
    random = ("--strategy", "random", "--executions", "1")
    done = lockwright_in(demo, "check", "fine/mutex", *random)
    assert done.status == 3
    assert done.err == "fine/mutex:two: stopped, 1 execution\n"
    assert "- 1 execution, not all interleavings\n" in done.out


def test_what_there_is_has_a_number(tmp_path: Path) -> None:
    text = "from lockwright.scenario import scenario\n@scenario('mine/a:b')\ndef one(world): ...\n"
    project = make_project(tmp_path / "project", only=text)
    done = lockwright_in(project, "check", "other/thing")
    assert done.err == "lockwright: no scenario or design 'other/thing'; there is: mine/a:b\n"
