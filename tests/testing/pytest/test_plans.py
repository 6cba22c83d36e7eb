"""A campaign's plan as tests: which there are, what they show, and what a bad plan says."""

from __future__ import annotations

import re

import pytest

import lockwright.pytest_plugin.plans  # noqa: F401  # pytest inside pytest forgets what it imports
from tests.testing.pytest.sample import DEADLOCK
from tests.testing.pytest.test_options import TOKEN, bytes_in

PLAN = """
[campaign]
name = "abba"

[[explore]]
scenarios = ["demo/abba:two", "demo/abba:fixed"]
rules = ["deadlock"]
strategies = ["dpor", "random"]
executions = 20
"""
EXPECTED = """
[[expect]]
scenario = "demo/abba:two"
findings = ["deadlock"]
"""
CRASH = """
from lockwright.kernel.once import WRITE_ONCE, Variable
from lockwright.scenario import scenario


@scenario("demo/crash:late")
def late(world):
    word = Variable(world, 0, "word")

    async def run():
        await WRITE_ONCE(word, 1)
        raise ValueError("no such thing")

    world.spawn(run(), "one")
"""


@pytest.fixture
def planned(theirs: pytest.Pytester) -> pytest.Pytester:
    """Their project, with a plan and no other tests."""
    (theirs.path / "test_shelf.py").unlink()
    (theirs.path / "abba.plan.toml").write_text(PLAN)
    return theirs


def plan(planned: pytest.Pytester, text: str) -> None:
    (planned.path / "abba.plan.toml").write_text(text)


def test_each_item_is_a_test_of_its_name_in_the_order_of_the_plan(planned: pytest.Pytester) -> None:
    result = planned.runpytest("--collect-only", "-q")
    assert result.outlines[:4] == [
        "abba.plan.toml::demo/abba:two dpor",
        "abba.plan.toml::demo/abba:two random+corpus",
        "abba.plan.toml::demo/abba:fixed dpor",
        "abba.plan.toml::demo/abba:fixed random+corpus",
    ]


def test_an_item_with_a_finding_fails_unless_it_is_expected(planned: pytest.Pytester) -> None:
    planned.runpytest().assert_outcomes(passed=2, failed=2)
    plan(planned, PLAN + EXPECTED)
    planned.runpytest().assert_outcomes(passed=4)


def test_a_failure_is_shown_as_explore_shows_it(planned: pytest.Pytester) -> None:
    result = planned.runpytest("-k", "two and dpor")
    text = result.stdout.str()
    (token,) = set(TOKEN.findall(text))
    assert DEADLOCK.format(token=token) in text
    assert "Traceback" not in text
    result.stdout.fnmatch_lines(
        [
            "abba.plan.toml:6: demo/abba:two: deadlock: 2 tasks wait for ever: *",
            "abba.plan.toml::demo/abba:two dpor",
            "  deadlock: 2 tasks wait for ever: *",
            "FAILED abba.plan.toml::demo/abba:two dpor - demo/abba:two: *",
        ]
    )


def test_what_is_not_as_expected_is_said_first(planned: pytest.Pytester) -> None:
    said = '[[expect]]\nscenario = "demo/abba:two"\nstrategy = "dpor"\n'
    plan(planned, f'{PLAN}{said}verdict = "verified"\nexecutions = 7\n')
    text = planned.runpytest("-k", "two and dpor").stdout.str()
    (token,) = set(TOKEN.findall(text))
    first = "expected the verdict verified, got violated\nexpected 7 executions, got 3\n\n"
    assert f"{first}{DEADLOCK.format(token=token)}" in text


def test_a_finding_that_is_expected_is_not_shown(planned: pytest.Pytester) -> None:
    plan(planned, f"{PLAN}{EXPECTED}executions = 7\n".replace('["dpor", "random"]', '"dpor"'))
    result = planned.runpytest("-k", "two")
    result.assert_outcomes(failed=1, deselected=1)
    assert "lw1~" not in result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            "abba.plan.toml:6: demo/abba:two dpor: expected 7 executions, got 3",
            "FAILED abba.plan.toml::demo/abba:two dpor - demo/abba:two dpor: expected 7*",
        ]
    )


def test_an_expectation_that_is_not_met_without_any_finding_fails(
    planned: pytest.Pytester,
) -> None:
    plan(planned, f'{PLAN}[[expect]]\nscenario = "demo/abba:fixed"\nfindings = ["leak"]\n')
    result = planned.runpytest("-k", "fixed")
    result.assert_outcomes(failed=2, deselected=2)
    result.stdout.fnmatch_lines(["expected the finding leak, got no finding"])


def test_keywords_marker_and_a_first_failure_choose_among_items(planned: pytest.Pytester) -> None:
    planned.makepyfile(test_it="def test_it():\n    pass\n")
    planned.runpytest("-k", "fixed and not random").assert_outcomes(passed=1, deselected=4)
    planned.runpytest("-m", "lockwright_plan", "-x").assert_outcomes(failed=1, deselected=1)
    planned.runpytest("-m", "not lockwright_plan").assert_outcomes(passed=1, deselected=4)
    name = "abba.plan.toml::demo/abba:fixed dpor"
    planned.runpytest(name).assert_outcomes(passed=1)
    planned.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.lockwright_plan: *"])


def test_only_what_is_called_a_plan_is_one(planned: pytest.Pytester) -> None:
    (planned.path / "abba.plan.toml").rename(planned.path / "night.toml")
    assert planned.runpytest().ret == pytest.ExitCode.NO_TESTS_COLLECTED
    planned.runpytest("night.toml").assert_outcomes(passed=2, failed=2)
    (planned.path / "pytest.ini").write_text("[pytest]\nlockwright_plans = day*.toml ni*.toml\n")
    planned.runpytest().assert_outcomes(passed=2, failed=2)
    (planned.path / "pytest.ini").write_text("[pytest]\nlockwright_plans =\n")
    assert planned.runpytest().ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[campaign", ["abba.plan.toml: not TOML: Expected ']' at the end of a table*"]),
        (
            PLAN.replace("dpor", "dpro").replace("20", "0"),
            [
                "abba.plan.toml: 2 faults",
                "  explore?0?.strategies?0?: unknown*",
                "  explore?0?.ex*",
            ],
        ),
        (PLAN.replace("fixed", "fixt"), ["plan abba: explore?0?.scenarios?1?: no scenario or*"]),
    ],
)
def test_a_bad_plan_is_one_error_with_one_message(
    planned: pytest.Pytester, text: str, said: list[str]
) -> None:
    plan(planned, text)
    result = planned.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ERROR collecting abba.plan.toml*", *said])
    assert "Traceback" not in result.stdout.str()
    assert ".py:" not in result.stdout.str()


def test_a_plan_that_is_no_text_and_one_without_a_project_say_so(planned: pytest.Pytester) -> None:
    (planned.path / "abba.plan.toml").write_bytes(b"\xff\xfe")
    planned.runpytest().stdout.fnmatch_lines(["abba.plan.toml cannot be read: *"])
    plan(planned, PLAN)
    (planned.path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    result = planned.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["pyproject.toml has no ?tool.lockwright? table: *"])


def test_a_model_that_raises_is_told_with_its_place_and_token(planned: pytest.Pytester) -> None:
    planned.makepyfile(shelf=CRASH)
    plan(planned, PLAN.replace('["demo/abba:two", "demo/abba:fixed"]', '"demo/crash"'))
    result = planned.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "demo/crash:late: the model raised ValueError: no such thing",
            "  in step 0, of one",
            "  shelf.py:*, in run: raise ValueError(*",
            "replay: lockwright replay 'lw1~demo/crash:late*",
        ]
    )


@pytest.mark.slow
def test_workers_find_the_same_and_write_the_same_report(planned: pytest.Pytester) -> None:
    outs = []
    for where, options in (("alone", ("-p", "no:xdist")), ("two", ("-n", "2"))):
        done = planned.runpytest_subprocess(*options, "--lockwright-report", where)
        done.assert_outcomes(passed=2, failed=2)
        outs.append(sorted(set(TOKEN.findall(done.stdout.str()))))
    assert outs[0] == outs[1]
    files = bytes_in(planned.path / "alone")
    assert files == bytes_in(planned.path / "two")
    results = [name for name in files if re.search(r"-1-[0-9a-f]{8}\.json", name)]
    assert len(results) == 4
