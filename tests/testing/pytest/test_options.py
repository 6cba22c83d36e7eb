"""The options of the command line, and what a run costs that uses none of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lockwright.core.result import Result
from lockwright.testing import profiles
from tests.cli.process import lockwright_in
from tests.testing.pytest.sample import DEADLOCK

TOKEN = re.compile(r"lw1~demo/abba:two~[^'\s]+")
PCT = """
import pytest


@pytest.mark.interleavings(strategy="pct", executions=50)
def test_pct(explore):
    explored = explore("demo/abba:two")
    print("seed", explored.result.seed)
    explored.assert_no_findings()
"""


def token_of(theirs: pytest.Pytester) -> str:
    """The token of the deadlock that their test finds."""
    found = TOKEN.search(theirs.runpytest("-k", "test_two").stdout.str())
    assert found is not None
    return found[0]


def bytes_in(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_replay_is_of_one_schedule_in_the_tests_of_its_scenario(
    theirs: pytest.Pytester,
) -> None:
    token = token_of(theirs)
    result = theirs.runpytest("--lockwright-replay", token, "-rs")
    # the test that wants no finding fails, the one that wants this one passes
    result.assert_outcomes(failed=1, passed=1, skipped=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            f"lockwright: replay {token}",
            "SKIPPED*the token is of demo/abba:two; this test explores demo/abba:fixed",
        ]
    )
    text = result.stdout.str()
    assert DEADLOCK.format(token=token) in text
    assert "test_shelf.py::test_expected\n\ndemo/abba:two\n\nstep  one   " in text
    assert lockwright_in(theirs.path, "replay", token).status == 1


def test_a_replay_that_breaks_nothing_passes_and_says_so(theirs: pytest.Pytester) -> None:
    token = token_of(theirs)
    shelf = theirs.path / "shelf.py"
    shelf.write_text(shelf.read_text().replace("else worker(b, a)", "else worker(a, b)"))
    refused = theirs.runpytest("--lockwright-replay", token)
    refused.assert_outcomes(failed=2, skipped=1, deselected=1)
    refused.stdout.fnmatch_lines(["token of another model version: *, as --lockwright-force does"])
    forced = theirs.runpytest("--lockwright-replay", token, "--lockwright-force", "-k", "test_two")
    forced.assert_outcomes(failed=1, deselected=3)
    forced.stdout.fnmatch_lines(["the schedule does not fit the model: step 1 is for task 1*"])


def test_a_schedule_without_a_fault_is_shown(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(
        test_it="""
        from lockwright.core.schedule import parse_schedule
        from lockwright.token import Token

        def test_it(explore):
            explored = explore("demo/abba:fixed").assert_verified()
            version = explored.result.model_version
            print("token", Token("demo/abba:fixed", (), version, ((0, 0),)))
        """
    )
    out = theirs.runpytest("test_it.py", "-s").stdout.str()
    token = out.partition("token ")[2].split()[0]
    result = theirs.runpytest("test_it.py", "test_shelf.py", "--lockwright-replay", token)
    assert result.parseoutcomes()["skipped"] == 2
    result.stdout.fnmatch_lines(
        ["test_shelf.py::test_fixed", "no rule is broken in this execution", "(an exploration ju*"]
    )


def test_a_token_that_no_test_explores_is_no_success(theirs: pytest.Pytester) -> None:
    token = token_of(theirs)
    result = theirs.runpytest("--lockwright-replay", token, "-k", "test_fixed")
    result.assert_outcomes(skipped=1, deselected=3)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--lockwright-replay=lw1~demo", "ERROR: malformed token: expected lw1~DESIGN:CASE~PAR*"),
        ("--lockwright-replay=", "ERROR: malformed token: expected lw1~DESIGN:CASE~PAR*"),
        ("--lockwright-profile=fast", "*invalid choice: 'fast' (choose from *dev*, *ci*, *thor*"),
        ("--lockwright-seed=x", "*argument --lockwright-seed: invalid int value: 'x'"),
        ("--lockwright-report=shelf.py", "ERROR: cannot write a report in *shelf.py: File exists"),
    ],
)
def test_an_option_that_is_none_is_one_line_and_status_4(
    theirs: pytest.Pytester, option: str, said: str
) -> None:
    result = theirs.runpytest(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])
    assert "Traceback" not in result.stderr.str()


def test_the_seed_is_that_of_random_strategies_unless_a_test_says_its_own(
    theirs: pytest.Pytester,
) -> None:
    theirs.makepyfile(test_pct=PCT, test_own=PCT.replace("executions=50", "executions=50, seed=3"))
    result = theirs.runpytest("test_own.py", "test_pct.py", "-s", "--lockwright-seed=7")
    result.stdout.fnmatch_lines(["lockwright: seed 7", "*seed 3", "*seed 7"])


def test_a_profile_bounds_explorations_and_ends_with_the_run(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(
        test_it="""
        from lockwright.testing import profiles

        def test_it():
            print("profile", profiles.current().name)
        """
    )
    before = profiles.current()
    theirs.runpytest("test_it.py", "-s").stdout.fnmatch_lines(["*profile dev"])
    (theirs.path / "pytest.ini").write_text("[pytest]\nlockwright_profile = ci\n")
    theirs.runpytest("test_it.py", "-s").stdout.fnmatch_lines(["*profile ci"])
    given = theirs.runpytest("test_it.py", "-s", "--lockwright-profile=thorough")
    given.stdout.fnmatch_lines(["lockwright: profile thorough", "*profile thorough"])
    (theirs.path / "pytest.ini").write_text("[pytest]\nlockwright_profile = fast\n")
    refused = theirs.runpytest("test_it.py")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    refused.stderr.fnmatch_lines(["ERROR: lockwright_profile = fast: expected dev, ci, thorough"])
    assert profiles.current() is before


def test_a_project_may_stand_in_another_directory(theirs: pytest.Pytester) -> None:
    inner = theirs.mkdir("inner")
    for name in ("pyproject.toml", "shelf.py"):
        (theirs.path / name).rename(inner / name)
    (theirs.path / "pytest.ini").write_text("[pytest]\nlockwright_project = inner\n")
    theirs.makepyfile(test_it="def test_it(explore):\n    explore('demo/abba:fixed')\n")
    theirs.runpytest("test_it.py").assert_outcomes(passed=1)


def test_a_report_has_an_index_the_results_and_the_findings(theirs: pytest.Pytester) -> None:
    result = theirs.runpytest("--lockwright-report", "out/report")
    result.stdout.fnmatch_lines(["3 explorations, 2 findings: *report/index.json"])
    directory = theirs.path / "out" / "report"
    index = json.loads((directory / "index.json").read_text())
    assert index["version"] == 1
    entries = index["explorations"]
    assert [(each["test"], each["scenario"], each["verdict"]) for each in entries] == [
        ("test_shelf.py::test_expected", "demo/abba:two", "violated"),
        ("test_shelf.py::test_fixed", "demo/abba:fixed", "verified"),
        ("test_shelf.py::test_two", "demo/abba:two", "violated"),
    ]
    (finding,) = entries[2]["findings"]
    assert finding["kind"] == "deadlock"
    assert (directory / finding["text"]).read_text() == (
        DEADLOCK.format(token=finding["token"]) + "\n"
    )
    read = Result.from_json(json.loads((directory / entries[2]["result"]).read_text()))
    assert [each.token for each in read.findings] == [finding["token"]]
    listed = {name for each in entries for name in (each["result"], *texts(each))}
    assert {path.name for path in directory.iterdir()} == {"index.json", *listed}


def texts(entry: dict[str, list[dict[str, str]]]) -> list[str]:
    return [finding["text"] for finding in entry["findings"]]


def test_a_report_replaces_the_one_before_and_nothing_else(theirs: pytest.Pytester) -> None:
    theirs.runpytest("--lockwright-report", "report")
    directory = theirs.path / "report"
    (directory / "notes.txt").write_text("mine")
    before = bytes_in(directory)
    theirs.runpytest("--lockwright-report", "report", "-k", "test_fixed")
    assert len(bytes_in(directory)) == 3
    theirs.runpytest("--lockwright-report", "report")
    assert bytes_in(directory) == before
    index = json.loads((directory / "index.json").read_text())
    index["explorations"][0]["result"] = "../shelf.py"
    (directory / "index.json").write_text(json.dumps(index))
    theirs.runpytest("--lockwright-report", "report")
    assert (theirs.path / "shelf.py").exists()


def test_workers_find_the_same_and_write_the_same_report(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(test_pct=PCT, test_it="def test_it(explore):\n    explore('nothing')\n")
    outs = []
    for where, options in (("alone", ("-p", "no:xdist")), ("two", ("-n", "2"))):
        done = theirs.runpytest_subprocess(
            *options, "--lockwright-report", where, f"--junitxml={where}.xml"
        )
        done.assert_outcomes(failed=3, passed=3)
        outs.append(done.stdout.str().partition("= FAILURES =")[2])
    assert bytes_in(theirs.path / "alone") == bytes_in(theirs.path / "two")
    assert len(bytes_in(theirs.path / "alone")) > 8
    alone, two = (sorted(set(TOKEN.findall(out))) for out in outs)
    assert alone == two
    assert len(alone) == 2
    section = [out.partition("= lockwright =")[2].split("\n")[1:9] for out in outs]
    assert section[0] == section[1]
    for name in ("alone", "two"):
        assert TOKEN.search((theirs.path / f"{name}.xml").read_text())


def test_workers_replay_a_token(theirs: pytest.Pytester) -> None:
    token = token_of(theirs)
    done = theirs.runpytest_subprocess("-n", "2", "--lockwright-replay", token)
    done.assert_outcomes(failed=1, passed=1, skipped=1)
    assert "no rule is broken" not in done.stdout.str()


@pytest.mark.slow
def test_a_token_that_no_worker_explores_is_no_success(theirs: pytest.Pytester) -> None:
    token = token_of(theirs)
    done = theirs.runpytest_subprocess("-n", "1", "--lockwright-replay", token, "-k", "fixed")
    assert done.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_help_and_markers_say_what_there_is(theirs: pytest.Pytester) -> None:
    helped = theirs.runpytest("--help").stdout.str()
    for option in ("profile", "seed", "replay", "force", "report"):
        assert f"--lockwright-{option}" in helped
    assert "lockwright_profile" in helped
    assert "lockwright_project" in helped
    theirs.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.interleavings(*strategy*"])
    theirs.runpytest("--fixtures").stdout.fnmatch_lines(["explore*", "*Explore the interleavings*"])


def test_a_run_that_uses_nothing_loads_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it="def test_it():\n    pass\n")
    pytester.makeconftest(
        """
        import sys

        def pytest_unconfigure():
            ours = [name for name in sys.modules if name.split(".")[0] == "lockwright"]
            print("\\nloaded", *sorted(ours))
        """
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-s"],
        cwd=pytester.path,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "lockwright:" not in done.stdout
    (loaded,) = [line for line in done.stdout.split("\n") if line.startswith("loaded ")]
    assert loaded.split()[1:] == ["lockwright", "lockwright.pytest_plugin"]
