"""The fixture explore_trio, in somebody's test run."""

from __future__ import annotations

import re

import pytest

# pytest inside pytest forgets what it has imported: what was there before stays
import lockwright.pytest_plugin.summary
import lockwright.pytest_plugin.trio_explorer  # noqa: F401  # for the same reason

TESTS = """
import pytest
import trio

async def bank(locked):
    amount, lock = [0], trio.Lock()

    async def deposit():
        if locked:
            await lock.acquire()
        read = amount[0]
        await trio.lowlevel.checkpoint()
        amount[0] = read + 1
        if locked:
            lock.release()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(deposit)
        nursery.start_soon(deposit)
    assert amount[0] == 2, f"got {amount[0]}"
    return amount[0]

def test_unlocked(explore_trio):
    explore_trio(bank, False).assert_no_findings()

def test_locked(explore_trio):
    explored = explore_trio(bank, True, strategy="every").assert_verified()
    assert explored.outcomes == {"2": 6}

@pytest.mark.interleavings(strategy="every", keep_going=True)
def test_all(explore_trio):
    found = explore_trio(bank, False).assert_finds("exception", says="got 1")
    assert found.executions == 6

def test_plain():
    pass
"""


@pytest.fixture
def bank(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(test_bank=TESTS)
    return pytester


def run(bank: pytest.Pytester, *words: str) -> pytest.RunResult:
    return bank.runpytest_inprocess("-p", "no:cacheprovider", "--assert=plain", *words)


def test_a_failure_shows_the_report_and_a_line_that_replays(bank: pytest.Pytester) -> None:
    result = run(bank)
    result.assert_outcomes(passed=3, failed=1)
    text = result.stdout.str()
    assert "exception: AssertionError: got 1" in text
    found = re.search(
        r"replay: pytest test_bank.py::test_unlocked --lockwright-replay '(.*)'", text
    )
    assert found is not None
    assert "Traceback" not in text
    again = run(bank, "--lockwright-replay", found[1])
    # test_plain explores nothing; in test_locked the lock stops the task that the token is for
    assert "exception: AssertionError: got 1" in again.stdout.str()
    assert "1 deselected" in again.stdout.str()


def test_the_command_lines_seed_is_the_programs(bank: pytest.Pytester) -> None:
    tokens = [
        re.findall(r"lw1~\S+", run(bank, "--lockwright-seed", seed).stdout.str())
        for seed in ("1", "1", "2")
    ]
    assert tokens[0] == tokens[1]
    assert tokens[0]


def test_an_option_that_is_none_is_refused_with_the_right_spelling(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_bank=TESTS
        + """
def test_call(explore_trio):
    explore_trio(bank, False, executons=3)

@pytest.mark.interleavings(granularity="section")
def test_marker(explore_trio):
    pass

@pytest.mark.interleavings("every")
def test_position(explore_trio):
    pass
"""
    )
    text = run(pytester, "-k", "call or marker or position").stdout.str()
    assert "unknown option 'executons'; did you mean executions?" in text
    assert "unknown option of interleavings() for a trio program 'granularity'" in text
    assert "interleavings() takes options by name, as in interleavings(strategy='every')" in text


def test_the_report_of_a_run_has_what_was_explored(bank: pytest.Pytester) -> None:
    run(bank, "--lockwright-report", "out").assert_outcomes(passed=3, failed=1)
    texts = [path.read_text() for path in sorted((bank.path / "out").glob("*.txt"))]
    assert any("AssertionError: got 1" in text for text in texts)
