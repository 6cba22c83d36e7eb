"""What a failing test shows: the report, the interleaving, the replay line, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from tests.testing.pytest.sample import DEADLOCK

TOKEN = re.compile(r"replay: lockwright replay '(lw1~[^']+)'")
SECTION = re.compile(r"^_+ (?P<name>\S+) _+$\n(?P<body>.*?)(?=^_+ \S+ _+$|^=+ \S)", re.M | re.S)
SUMMARY = "demo/abba:two: deadlock: 2 tasks wait for ever: one in mutex_lock(B); two in "


def shown(result: pytest.RunResult) -> dict[str, str]:
    """What stands under the name of each test that failed."""
    return {m["name"]: m["body"] for m in SECTION.finditer("\n".join(result.outlines))}


def token_in(text: str) -> str:
    found = TOKEN.search(text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("options", ["", "--tb=short", "--tb=long", "--tb=native", "-vv", "-x"])
def test_a_failure_is_the_report_the_columns_and_the_replay_line(
    theirs: pytest.Pytester, options: str
) -> None:
    result = theirs.runpytest("-k", "test_two", *options.split())
    result.assert_outcomes(failed=1, deselected=3)
    body = shown(result)["test_two"]
    where = f"\n\ntest_shelf.py:8: {SUMMARY}mutex_lock(A)\n"
    assert body == DEADLOCK.format(token=token_in(body)) + where


def test_one_line_is_one_line(theirs: pytest.Pytester) -> None:
    result = theirs.runpytest("-k", "test_two", "--tb=line")
    at = next(n for n, line in enumerate(result.outlines) if "= FAILURES =" in line)
    assert result.outlines[at + 1] == f"test_shelf.py:8: {SUMMARY}mutex_lock(A)"
    assert result.outlines[at + 2].startswith("=")


def test_the_whole_trace_is_there_for_who_asks(theirs: pytest.Pytester) -> None:
    result = theirs.runpytest("-k", "test_two", "--full-trace")
    assert "assertions.py" in shown(result)["test_two"]


def test_the_summary_names_findings_with_their_tokens(theirs: pytest.Pytester) -> None:
    result = theirs.runpytest()
    result.assert_outcomes(failed=1, passed=3)
    token = token_in(result.stdout.str())
    at = next(n for n, line in enumerate(result.outlines) if "= lockwright =" in line)
    assert result.outlines[at + 1 : at + 4] == [
        "test_shelf.py::test_two",
        f"  {SUMMARY.removeprefix('demo/abba:two: ')}mutex_lock(A)",
        f"    {token}",
    ]
    assert result.outlines[at + 4].startswith("=")


def test_junit_has_the_same_text(theirs: pytest.Pytester) -> None:
    theirs.runpytest("--junitxml=junit.xml")
    (failure,) = ElementTree.parse(theirs.path / "junit.xml").iter("failure")
    assert failure.get("message") == f"{SUMMARY}mutex_lock(A)"
    text = failure.text or ""
    assert text.startswith(DEADLOCK.format(token=token_in(text)))


def test_the_debugger_stands_in_the_test(theirs: pytest.Pytester) -> None:
    command = [sys.executable, "-m", "pytest", "-k", "test_two", "--pdb"]
    done = subprocess.run(
        command, cwd=theirs.path, input="q\n", capture_output=True, text=True, check=False
    )
    assert "test_shelf.py(8)test_two()\n-> explore(two).assert_verified()" in done.stdout


def test_two_findings_are_numbered_and_one_interleaving_is_printed_once(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        from lockwright.kernel.mutex import Mutex

        def test_again(explore):
            def again(world):
                a = Mutex(world, "A")

                async def worker():
                    await a.lock()
                    await a.lock()

                world.spawn(worker(), "one")
            explore(again).assert_verified()
        """
    )
    body = shown(pytester.runpytest())["test_again"]
    assert "finding 1 of 2: deadlock\n" in body
    assert "finding 2 of 2: possible recursive locking\n" in body
    assert body.count("step  one") == 1
    assert "interleaving: as in finding 1\n" in body


def test_a_scenario_that_the_project_has_not_is_replayed_by_its_test(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
        import pytest
        from lockwright.kernel.mutex import Mutex

        @pytest.mark.parametrize("times", [1, 2])
        def test_again(explore, times):
            def again(world):
                a = Mutex(world, "A")

                async def worker():
                    for _ in range(times):
                        await a.lock()

                world.spawn(worker(), "one")
            explore(again, rules=["deadlock"]).assert_verified()
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1, passed=1)
    line = next(line for line in result.outlines if line.startswith("replay: "))
    name, _, token = line.removeprefix("replay: pytest ").partition(" --lockwright-replay ")
    assert name.endswith("::test_again[2]'")
    assert ":test_again[2].again~" in token
    again = pytester.runpytest("--lockwright-replay", token.strip("'"))
    again.assert_outcomes(failed=1, skipped=1)
    assert "deadlock: 1 task waits for ever" in shown(again)["test_again[2]"]


MARKED = """
import pytest


@pytest.mark.interleavings(stratgy="pct")
def test_it(explore):
    explore("demo/abba:two")
"""
UNKNOWN = (
    "interleavings() of test_it.py::test_it: unknown option 'stratgy'; did you mean strategy? "
    "there are: strategy, executions, seconds, granularity, seed, rules, depth, bound, mix, "
    "attempts, jobs, coverage, slow, memory, parameters"
)
NO_SCENARIO = (
    "no scenario 'demo/abba:tow'; did you mean demo/abba:two or demo/abba or demo/abba:fixed? "
    "there are: demo/abba:two, demo/abba:fixed"
)
NO_SUBJECT = "explore() takes a scenario, the name of one, or a function that builds a world, not 7"


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("def test_it(explore):\n    explore('demo/abba:tow')\n", NO_SCENARIO),
        (MARKED, UNKNOWN),
        ("def test_it(explore):\n    explore(7)\n", NO_SUBJECT),
        (
            "def test_it(explore):\n    explore('demo/abba:two', parameters={'sorted': True})\n",
            "demo/abba:two has no parameter 'sorted'; it has: sorted_locks",
        ),
    ],
    ids=["no scenario", "no option", "no subject", "no parameter"],
)
def test_what_cannot_be_explored_is_one_message_at_the_line_of_the_test(
    theirs: pytest.Pytester, test: str, said: str
) -> None:
    theirs.makepyfile(test_it=test.strip())
    body = shown(theirs.runpytest("test_it.py"))["test_it"]
    line = test.strip().count("\n") + 1
    assert body == f"{said}\n\ntest_it.py:{line}: {said}\n"


def test_an_option_by_position_is_refused(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(test_it=MARKED.replace("stratgy=", ""))
    result = theirs.runpytest("test_it.py")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*: options are given by name, as in interleavings(strategy=*"])


def test_a_model_that_raises_is_shown_by_its_own_lines(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(
        test_it="""
        from lockwright.kernel.mutex import Mutex

        def test_it(explore):
            def build(world):
                a = Mutex(world, "A")

                async def worker():
                    await a.lock()
                    [][1]

                world.spawn(worker(), "one")
            explore(build)
        """
    )
    body = shown(theirs.runpytest("test_it.py"))["test_it"]
    assert body.startswith(
        "test_it:test_it.build: the model raised IndexError: list index out of range\n"
        "  in step 0, of one\n"
        "  test_it.py:9, in worker: [][1]\n"
        "replay: pytest test_it.py::test_it --lockwright-replay 'lw1~"
    )
    assert "lockwright/" not in body.replace("lockwright-replay", "")


def test_a_project_that_cannot_be_imported_says_so(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(shelf="1 / 0")
    theirs.makepyfile(test_it="def test_it(explore):\n    explore('demo/abba:two')\n")
    body = shown(theirs.runpytest("test_it.py"))["test_it"]
    assert body.startswith("cannot import shelf: ZeroDivisionError: division by zero (shelf.py, li")


def test_the_example_of_hypothesis_stands_below(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(
        test_it="""
        from hypothesis import HealthCheck, given, settings, strategies as st

        @settings(
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )
        @given(sorted_locks=st.booleans())
        def test_it(explore, sorted_locks):
            given = {"sorted_locks": sorted_locks}
            explore("demo/abba:two", rules=["deadlock"], parameters=given).assert_verified()
        """
    )
    body = shown(theirs.runpytest("test_it.py"))["test_it"]
    text = DEADLOCK.format(token=token_in(body))
    assert body.startswith(f"{text}\n\n")
    example = body.removeprefix(text)
    assert "    sorted_locks=False,\n" in example
    assert f"test_it.py:12: {SUMMARY}" in example


def test_a_failure_outside_the_fixture_is_shown_alike(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(
        test_it="""
        from lockwright.options import Options
        from lockwright.session import explore
        from lockwright.testing.assertions import assert_verified
        from shelf import two

        def test_it():
            assert_verified(explore(two, Options(rules=("deadlock",))))
        """
    )
    result = theirs.runpytest("test_it.py")
    body = shown(result)["test_it"]
    assert body.startswith(DEADLOCK.format(token=token_in(body)))
    assert "test_it.py:7: " in body
    result.stdout.fnmatch_lines(["*= lockwright =*", "test_it.py::test_it"])


def test_other_failures_are_left_to_pytest(theirs: pytest.Pytester) -> None:
    theirs.makepyfile(
        test_it="""
        def test_it(explore):
            assert explore("demo/abba:fixed").executions == -1
        """
    )
    said = "E        +  where 1 = <demo/abba:fixed: verified, 1 execution, 0 findings>.executions"
    theirs.runpytest("test_it.py").stdout.fnmatch_lines(
        ["E       AssertionError: assert 1 ==*", said]
    )
