"""`lockwright check` as a process: what it prints, where, and its exit status."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lockwright.core.result import Result, Verdict
from tests.cli.process import environment, lockwright_in

CYCLE = "possible circular locking dependency"
# Two tasks with thirty sections each, in 60! / (30! * 30!) orders.
MANY = ("fine/mutex:two", "--param", "rounds=30", "--granularity", "operation")


def results_of(text: str) -> list[Result]:
    data = json.loads(text)
    assert data["version"] == 1
    return [Result.from_json(result) for result in data["results"]]


def test_a_scenario_without_a_fault_is_verified_and_says_what_it_assumed(demo: Path) -> None:
    done = lockwright_in(demo, "check", "fine/mutex:two")
    assert done.status == 0
    table, assumed = done.out.split("\n\n")
    assert table.splitlines()[-1].split() == ["fine/mutex:two", "verified", "1", "0"]
    assert assumed.startswith("Where nothing broke, this was assumed:\n- the scenario's tasks")
    assert "- a critical section that cannot block inside is one step, and" in assumed
    assert done.err == "fine/mutex:two: verified, 1 execution\n"


def test_operations_are_steps_where_that_is_asked_for(demo: Path) -> None:
    done = lockwright_in(
        demo, "check", "fine/mutex:two", "--granularity", "operation", "--format", "json"
    )
    (result,) = results_of(done.out)
    assert (result.granularity, result.executions) == ("operation", 2)  # who is first
    assert not any("critical section" in said for said in result.assumptions)
    other = lockwright_in(demo, "check", "fine/mutex:two", "--strategy", "dfs", "--format", "json")
    assert results_of(other.out)[0].granularity == "operation"


def test_a_deadlock_is_printed_with_splat_columns_and_token(demo: Path) -> None:
    done = lockwright_in(demo, "check", "demo/abba:two")
    assert done.status == 1
    assert done.out.startswith("demo/abba:two: Two mutexes in two orders.\nfinding 1 of 2: ")
    assert f"\nWARNING: {CYCLE} detected\n6.5.0 #1 Not tainted\n" in done.out
    assert (
        "\nconfirmed: it happens: 2 tasks wait for ever: one in mutex_lock(B); two in" in done.out
    )
    assert "\nINFO: task one:840 blocked for ever in mutex_lock(B)\n" in done.out
    columns = [
        "step  one              two",
        "      worker:",
        "   0    mutex_lock(A)",
        "                       worker:",
        "   1                     mutex_lock(B)",
        "      blocked:         blocked:",
        "        mutex_lock(B)    mutex_lock(A)",
        "",
        "replay: lockwright replay 'lw1~demo/abba:two~",
    ]
    assert "\n".join(columns) in done.out
    assert "Where nothing broke" not in done.out


def test_text_fits_eighty_columns_but_for_splats_and_tokens(demo: Path) -> None:
    done = lockwright_in(demo, "check")
    wide = [line for line in done.out.splitlines() if len(line) > 80]
    assert wide
    labels = {line.partition(": lockwright replay 'lw1~")[0] for line in wide}
    assert labels <= {"the deadlock", "this run", "replay"}
    assert "\x1b" not in done.out


def test_a_finding_of_two_scenarios_is_printed_in_full_once(demo: Path) -> None:
    done = lockwright_in(demo, "check")
    assert done.status == 1
    assert done.out.count(f"WARNING: {CYCLE} detected") == 1
    again = f"{CYCLE}: A -> B -> A: as in demo/abba:two; here\n  refuted\n"
    assert again in done.out
    verdicts = [line.split()[:2] for line in done.out.splitlines()]
    assert ["demo/abba:two", "violated"] in verdicts
    assert ["demo/abba:gated", "violated"] in verdicts
    assert ["fine/mutex:two", "verified"] in verdicts


def test_json_reads_back_and_nothing_else_is_on_stdout(demo: Path) -> None:
    done = lockwright_in(demo, "check", "demo/abba", "fine/mutex:two", "--format", "json")
    assert done.status == 1
    abba, gated, fine = results_of(done.out)
    assert [abba.scenario, gated.scenario] == ["demo/abba:two", "demo/abba:gated"]
    assert (abba.executions, abba.deadlocked) == (3, 1)
    assert {f.kind: f.reality for f in abba.findings} == {CYCLE: "confirmed", "deadlock": None}
    assert [(f.kind, f.reality) for f in gated.findings] == [(CYCLE, "refuted")]
    assert (fine.verdict, fine.complete, fine.findings) == (Verdict.VERIFIED, True, [])
    assert len(fine.model_version) == 8


def test_a_parameter_makes_another_scenario(demo: Path) -> None:
    operations = ("--granularity", "operation", "--format", "json")
    done = lockwright_in(demo, "check", "fine/mutex", "--param", "rounds=2", *operations)
    (result,) = results_of(done.out)
    assert result.parameters == {"rounds": 2}
    assert result.executions == 6  # the orders of two and two sections: 4! / (2! * 2!)


def test_rules_that_are_not_asked_for_find_nothing(demo: Path) -> None:
    done = lockwright_in(
        demo, "check", "demo/abba:gated", "--rules", "deadlock,leak", "--format", "json"
    )
    assert done.status == 0
    assert [result.findings for result in results_of(done.out)] == [[]]


def test_a_bound_that_comes_first_is_no_pass(demo: Path) -> None:
    done = lockwright_in(demo, "check", *MANY, "--executions", "2")
    assert done.status == 3
    assert "stopped" in done.out
    said = r"^- 2 executions, not all interleavings: about \d+ in all, an estimate$"
    assert re.search(said, done.out, re.MULTILINE)


def test_seconds_bound_an_exploration(demo: Path) -> None:
    done = lockwright_in(demo, "check", *MANY, "--seconds", "0.2", "--quiet")
    assert done.status == 3
    assert done.err == ""
    assert "assumed" not in done.out


def test_a_random_strategy_has_a_bound_of_its_own_and_is_reproducible(demo: Path) -> None:
    random = ("check", "demo/abba:two", "--strategy", "random", "--format", "json")
    first = lockwright_in(demo, *random, "--seed", "7", PYTHONHASHSEED="1")
    again = lockwright_in(demo, *random, "--seed", "7", PYTHONHASHSEED="2")
    other = lockwright_in(demo, *random, "--seed", "8")
    assert first.status == 1
    assert first.out == again.out
    (result,) = results_of(first.out)
    assert (result.executions, result.seed) == (1000, 7)
    assert results_of(other.out)[0].deadlocked != result.deadlocked


def test_pct_and_dfs_are_strategies(demo: Path) -> None:
    pct = lockwright_in(
        demo, "check", "fine/mutex", "--strategy", "pct", "--depth", "2", "--executions", "9"
    )
    assert (pct.status, "stopped" in pct.out) == (3, True)
    dfs = lockwright_in(demo, "check", "fine/mutex", "--strategy", "dfs", "--format", "json")
    assert (dfs.status, results_of(dfs.out)[0].complete) == (0, True)


def test_a_bound_of_preemptions_is_no_pass_unless_it_cut_nothing_off(demo: Path) -> None:
    bounded = ("check", "fine/mutex", "--param", "rounds=3", "--strategy", "bounded")
    within = lockwright_in(demo, *bounded, "--bound", "1")
    assert within.status == 3
    assert "  verified within bound  " in within.out
    assert "- 6 executions: every schedule with at most 1 preemption\n" in within.out
    (result,) = results_of(lockwright_in(demo, *bounded, "--bound", "1", "--format", "json").out)
    assert (result.verdict, result.bound) == (Verdict.WITHIN_BOUND, 1)
    assert (result.complete, result.exhausted, result.estimated) == (False, True, None)
    every = lockwright_in(demo, *bounded)
    assert every.status == 0
    assert "  verified  " in every.out
    deadlock = lockwright_in(
        demo, "check", "demo/abba:two", "--strategy", "bounded", "--bound", "0"
    )
    assert deadlock.status == 1  # the order is predicted, the deadlock needs a preemption
    assert "\nopen: " in deadlock.out


def test_a_mix_takes_random_strategies_in_turn(demo: Path) -> None:
    mix = ("check", "demo/abba:two", "--strategy", "mix", "--executions", "60", "--format", "json")
    (all_of_them,) = results_of(lockwright_in(demo, *mix).out)
    (walks,) = results_of(lockwright_in(demo, *mix, "--mix", "random,urw:2").out)
    assert all_of_them.executions == walks.executions == 60
    assert all_of_them.deadlocked != walks.deadlocked


def test_output_goes_to_a_file_as_a_whole(demo: Path, tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    target.write_text("old", encoding="utf-8")
    target.chmod(0o640)
    done = lockwright_in(demo, "check", "fine/mutex", "--format", "json", "--output", str(target))
    assert (done.status, done.out) == (0, "")
    assert results_of(target.read_text(encoding="utf-8"))[0].scenario == "fine/mutex:two"
    assert target.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_file_that_cannot_be_written_is_refused_before_exploring(
    demo: Path, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing" / "out.txt")
    done = lockwright_in(demo, "check", "-o", missing)
    assert (done.status, done.out) == (2, "")
    assert (
        done.err
        == f"lockwright: cannot write {missing}: there is no directory {tmp_path}/missing\n"
    )
    done = lockwright_in(demo, "check", "-o", str(tmp_path))
    assert (done.status, done.out) == (2, "")
    assert done.err == f"lockwright: cannot write {tmp_path}: it is a directory\n"


def test_a_device_is_written_to_and_not_replaced(demo: Path) -> None:
    done = lockwright_in(demo, "check", "fine/mutex", "-o", os.devnull)
    assert (done.status, done.out) == (0, "")
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["demo/abab:two"],
            (
                "lockwright: no scenario or design 'demo/abab:two'; did you mean demo/abba:two or "
                "demo/abba or demo/abba:gated? there are: demo/abba:two, demo/abba:gated, "
                "fine/mutex:two\n"
            ),
        ),
        (["other/*"], "lockwright: no scenario or design 'other/*'; there are: demo/abba:two, "),
        (
            ["--rules", "deadlok"],
            "lockwright: unknown rule 'deadlok'; did you mean deadlock? there are: deadlock, ",
        ),
        (["fine/mutex", "--param", "round=2"], "fine/mutex:two has no parameter 'round'; it has: "),
        (["fine/mutex", "--param", "rounds=x"], "rounds is a number, not 'x'"),
        (["--param", "rounds"], "parameter 'rounds' is not of the form NAME=VALUE"),
        (["--strategy", "luck"], "'luck' is not one of 'dpor', 'dfs', 'bounded', 'random', "),
        (["--granularity", "line"], "'line' is not one of 'operation', 'section'"),
        (["--bound", "-1"], "-1 is not in the range x>=0"),
        (
            ["--strategy", "mix", "--mix", "randon"],
            "unknown random strategy 'randon'; did you mean ",
        ),
        (["--strategy", "mix", "--mix", "pct:x"], "malformed mix: 'pct:x' is not of the form NAME"),
        (["--checkpoint-every", "-1", "--checkpoint", "f"], "-1.0 is not in the range x>=0"),
        (["--format", "xml"], "'xml' is not one of 'text', 'json'"),
        (["--executions", "0"], "0 is not in the range x>=1"),
        (["--seconds", "0"], "0.0 is not in the range x>0"),
        (["--colour"], "No such option"),
    ],
)
def test_bad_input_is_refused(demo: Path, arguments: list[str], message: str) -> None:
    done = lockwright_in(demo, "check", *arguments)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err


def test_models_that_cannot_be_judged_are_named_and_do_not_stop_the_others(bad: Path) -> None:
    done = lockwright_in(bad, "check", "bad/*", "fine/mutex:two")
    assert done.status == 4
    for said in (
        "lockwright: bad/flips:two: the model is not deterministic: the first execution, run again",
        "got: step 0, of one, touches something else",
        (
            "lockwright: bad/raises:two: the model raised IndexError: list index out of range\n"
            "  in step 2, of reader\n  stress/broken.py:"
        ),
        ", in reader: [][len(seen)]\nreplay: lockwright replay 'lw1~bad/raises:two~",
        "lockwright: bad/endless:one: an execution has more than 20000 steps",
        (
            "lockwright: bad/check:one: the model raised ValueError: the check has a bug\n"
            "  in a check at the end of an execution\n  stress/broken.py:"
        ),
        (
            "lockwright: bad/setup:one: the model raised KeyError: 'no such thing'\n"
            "  while the scenario was set up\n  stress/broken.py:"
        ),
    ):
        assert said in done.err
    assert "Traceback" not in done.err
    rows = [line.split()[:2] for line in done.out.splitlines()]
    assert ["bad/flips:two", "error"] in rows
    assert ["fine/mutex:two", "verified"] in rows


def test_errors_are_in_the_json_and_a_print_of_the_model_is_not(bad: Path) -> None:
    done = lockwright_in(bad, "check", "bad/raises:two", "fine/mutex", "--format", "json")
    assert done.status == 4
    data = json.loads(done.out)
    assert [error["scenario"] for error in data["errors"]] == ["bad/raises:two"]
    assert [result["scenario"] for result in data["results"]] == ["fine/mutex:two"]
    assert "the model prints\n" in done.err


def test_a_finding_that_does_not_come_again_is_no_finding(bad: Path) -> None:
    done = lockwright_in(
        bad, "check", "bad/parity:one", "--strategy", "random", "--rules", "deadlock"
    )
    assert done.status == 4
    assert done.err == (
        "lockwright: bad/parity:one: the model is not deterministic: schedule 0 gave deadlock, "
        "and cannot be followed again: it has 1 step, and 2 were taken\n"
    )


def test_an_interrupt_shows_and_reports_what_was_done_so_far(demo: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    arguments = ["check", MANY[0], "demo/abba:two", *MANY[1:], "--report", str(report)]
    process = subprocess.Popen(
        [sys.executable, "-m", "lockwright", *arguments],
        cwd=demo,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(3)  # until Python has begun and the search runs
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out.startswith("scenario ")
    assert "stopped" in out
    assert " in all, an estimate\nlockwright: interrupted" in err
    assert err.endswith("lockwright: interrupted; this is what was done so far\n")
    assert "Traceback" not in err
    told = report.read_text(encoding="utf-8")
    assert 'type="budget ran out"' in told
    assert "not begun: the check was interrupted" in told
    assert 'tests="2" failures="0" errors="2"' in told


def test_a_reader_that_goes_away_is_no_error(demo: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lockwright", "check", "--quiet"],
        cwd=demo,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=20) == 141
    assert err == b""


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_is_for_terminals(demo: Path, no_color: str, *, coloured: bool) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "lockwright", "check", "fine/mutex", "--quiet"],
        cwd=demo,
        env=environment(NO_COLOR=no_color, TERM="xterm"),
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(theirs)
    out = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "verified" in out
    assert ("\x1b[32m" in out) is coloured
