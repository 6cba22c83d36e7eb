"""Concurrent machines in somebody's pytest run: one process or several, and replay."""

from __future__ import annotations

import re

import pytest

# pytest inside pytest forgets what it has imported: what was there before stays
import lockwright.pytest_plugin.running
import lockwright.pytest_plugin.summary
import lockwright.testing.machine  # noqa: F401  # for the same reason

TESTS = """
    from hypothesis import settings
    from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
    from lockwright.kernel.variable import Variable
    from lockwright.testing.machine import ConcurrentStateMachine, invariant, rule

    QUIET = settings(derandomize=True, database=None, max_examples=50)


    class Word(Variable):
        __slots__ = ("asked",)

        def __init__(self, world):
            super().__init__(world, 0, "word")
            self.asked = 0


    class Adding(ConcurrentStateMachine):
        name = "word/adding"
        ground = Word

        @rule()
        async def add(self, at):
            value = await READ_ONCE(at)
            await WRITE_ONCE(at, value + 1)
            at.asked += 1

        @invariant()
        def all_is_there(self, at):
            assert at.value == at.asked, f"{at.value} of {at.asked}"


    class Reading(ConcurrentStateMachine):
        name = "word/reading"
        ground = Word

        @rule()
        async def read(self, at):
            await READ_ONCE(at)


    TestAdding = Adding.TestCase
    TestAdding.settings = QUIET
    TestReading = Reading.TestCase
    TestReading.settings = QUIET
"""
TOKEN = re.compile(r"replay: pytest --lockwright-replay '(lw1~[^']+)'")


@pytest.fixture
def theirs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider")
    pytester.makepyfile(test_words=TESTS)
    return pytester


def token_of(result: pytest.RunResult) -> str:
    found = TOKEN.findall(result.stdout.str())
    assert len(found) == 1
    return str(found[0])


def test_a_failing_machine_shows_its_failure_and_the_token_replays_it(
    theirs: pytest.Pytester,
) -> None:
    result = theirs.runpytest()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*broken promise: all_is_there: 1 of 2", "step  add-1*add-2"])
    result.stdout.no_fnmatch_line("*Traceback*")
    token = token_of(result)

    again = theirs.runpytest("--lockwright-replay", token)
    again.assert_outcomes(failed=1, skipped=1)
    assert token_of(again) == token


TWO = """
    from hypothesis import settings
    from lockwright.kernel.mutex import Mutex
    from lockwright.testing.machine import ConcurrentStateMachine, rule


    class Careless(ConcurrentStateMachine):
        def ground(world):
            return Mutex(world, "lock")

        @rule()
        async def forget(self, at):
            await at.unlock()

        @rule()
        async def fail(self, at):
            await at.lock()
            await at.unlock()
            assert False, "never"


    TestCareless = Careless.TestCase
    TestCareless.settings = settings(derandomize=True, database=None, max_examples=50)


    class Wrong(ConcurrentStateMachine):
        ground = Careless.ground

        @rule()
        def plain(self, at): ...


    TestWrong = Wrong.TestCase
"""


@pytest.mark.parametrize("ci", ["", "true"])  # there pytest's short summary cuts nothing off
def test_several_failures_of_one_machine_are_shown_without_a_traceback(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.delenv("BUILD_NUMBER", raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider")
    pytester.makepyfile(test_two=TWO)
    result = pytester.runpytest("--lockwright-report", "found")
    result.assert_outcomes(failed=2)
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*ExceptionGroup*")
    result.stdout.fnmatch_lines_random(["failure 1 of 2", "failure 2 of 2"])
    tokens = TOKEN.findall(result.stdout.str())
    assert len(tokens) == 2
    section = result.stdout.str().partition("= lockwright =")[2]
    assert all(token in section for token in tokens)
    assert "2 explorations, 2 findings" in section
    texts = [file.read_text() for file in pytester.path.joinpath("found").glob("*.txt")]
    assert sorted(TOKEN.findall("".join(texts))) == sorted(tokens)
    # the place is the machine's class, in the test's file
    result.stdout.fnmatch_lines(["test_two.py:6: *(and 1 more failure)"])
    result.stdout.fnmatch_lines(["test_two.py:25: Wrong.plain() is a plain function*"])


@pytest.mark.slow
def test_several_processes_find_the_same(theirs: pytest.Pytester) -> None:
    alone = theirs.runpytest_subprocess("-p", "no:xdist")
    together = theirs.runpytest_subprocess("-n", "2")
    for result in (alone, together):
        result.assert_outcomes(failed=1, passed=1)
    assert token_of(alone) == token_of(together)
