"""How a concurrent machine runs: what Hypothesis does with it, and what it says."""

from __future__ import annotations

import re
import unittest
from typing import ClassVar

import pytest
from hypothesis import Phase, reproduce_failure, seed, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.errors import DidNotReproduce, InvalidDefinition
from hypothesis.stateful import Bundle, consumes, multiple, precondition, run_state_machine_as_test

from lockwright.calls import Call, Calls, parse_program
from lockwright.core.errors import ModelError, UsageError
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.variable import Variable
from lockwright.scenario import scenario
from lockwright.testing import profiles
from lockwright.testing.failure import Failure
from lockwright.testing.machine import (
    ConcurrentStateMachine,
    initialize,
    invariant,
    rule,
    run_concurrently,
)
from lockwright.testing.machine_drawing import Drawn, Example
from lockwright.testing.machine_running import Broken, Known, run_example
from lockwright.testing.schedules import run_under

QUIET = settings(derandomize=True, database=None, max_examples=100)


class Word(Variable):
    """What the machines here are about; `asked` is what it should be."""

    __slots__ = ("asked", "lock")

    def __init__(self, world: World, *, start: int = 0) -> None:
        super().__init__(world, start, "word")
        self.lock = Mutex(world, "lock")
        self.asked = start


async def add(at: Word, by: int) -> int:
    """A lost update."""
    value: int = await READ_ONCE(at)
    await WRITE_ONCE(at, value + by)
    at.asked += by
    return value


class Adding(ConcurrentStateMachine):
    """Loses updates."""

    name = "word/adding"
    ground = Word
    ran: ClassVar[list[object]] = []

    @rule(by=st.integers(1, 9))
    async def add(self, at: Word, by: int) -> None:
        await add(at, by)

    @invariant()
    def all_is_there(self, at: Word) -> None:
        assert at.value == at.asked, f"{at.value} of {at.asked}"


class Reading(ConcurrentStateMachine):
    """Nothing is wrong with it."""

    ground = Word
    examples: ClassVar[list[ConcurrentStateMachine]] = []

    def __init__(self) -> None:
        super().__init__()
        self.examples.append(self)

    @rule()
    async def read(self, at: Word) -> None:
        await READ_ONCE(at)

    @classmethod
    def playing(cls) -> ConcurrentStateMachine:
        return cls.__new__(cls)


def failure_of(machine: type[ConcurrentStateMachine], how: settings = QUIET) -> Failure:
    with pytest.raises(Failure, match="replay: ") as caught:
        run_concurrently(machine, settings=how)
    return caught.value


TEXT = """\
broken promise: all_is_there: 1 of 2

step  add-1                  add-2
                             add:
   0                           READ_ONCE(word) = 0
      add:
   1    READ_ONCE(word) = 0
   2    WRITE_ONCE(word, 1)
   3                           WRITE_ONCE(word, 1)

replay: pytest --lockwright-replay '"""


def test_a_failure_says_the_program_and_shows_the_interleaving() -> None:
    failure = failure_of(Adding)
    assert failure.text.startswith(TEXT)
    said = "\n".join(failure.__notes__)
    assert "task 0 (add-1): add(1)\ntask 1 (add-2): add(1)" in said
    assert re.search(
        r"replay: .*'lw1~word/adding:calls\(add:=1\|add:=1\)~~\w*~[^']+'$", failure.text
    )


def test_a_failing_example_comes_back_first() -> None:
    database = InMemoryExampleDatabase()
    first = failure_of(Adding, settings(QUIET, database=database, derandomize=False))
    again = settings(QUIET, database=database, derandomize=False, phases=[Phase.reuse])
    assert failure_of(Adding, again).text == first.text


def test_machines_do_not_take_each_others_examples() -> None:
    database = InMemoryExampleDatabase()
    how = settings(QUIET, database=database, derandomize=False)

    class Another(Adding):
        name = "word/another"

    failure_of(Adding, how)
    with pytest.raises(unittest.SkipTest, match="told to run no test cases"):
        run_concurrently(Another, settings=settings(how, phases=[Phase.reuse]))


def test_reproduce_failure_reproduces_it() -> None:
    failure = failure_of(Adding, settings(QUIET, print_blob=True))
    found = re.search(r"@reproduce_failure\('([^']+)', (b'[^']+')\)", "\n".join(failure.__notes__))
    assert found is not None
    blob = found[2][2:-1].encode()

    @reproduce_failure(found[1], blob)
    class Again(Adding):
        pass

    assert failure_of(Again).text == failure.text

    @reproduce_failure(found[1], blob)
    class Right(Adding):
        @rule(by=st.integers(1, 9))
        async def add(self, at: Word, by: int) -> None:
            await READ_ONCE(at)

    with pytest.raises(DidNotReproduce, match="Expected the test to raise"):
        run_concurrently(Right, settings=QUIET)


def test_schedules_with_few_preemptions_are_tried_in_order_for_a_small_program() -> None:
    calls = [Drawn(place, Call("add", (1,)), (), initial=False) for place in (1, 2)]
    alone = profiles.Profile("alone", 1, 1.0, 1, 2, 1)  # no random schedules
    known: Known = {}
    with pytest.raises(Broken, match="1 of 2"):
        run_example(Adding, Example(calls), alone, known, final=False)
    assert [finding is not None for finding in known.values()] == [True]


@pytest.mark.parametrize(
    "number", [1, *(pytest.param(number, marks=pytest.mark.slow) for number in range(2, 8))]
)
def test_a_seed_gives_the_same_again_and_every_seed_the_same_smallest(number: int) -> None:
    how = settings(database=None, max_examples=100)

    @seed(number)
    class Seeded(Adding):
        pass

    assert failure_of(Seeded, how).text.startswith(TEXT)


def test_it_runs_as_a_test_case_with_the_settings_of_its_class() -> None:
    @settings(max_examples=7, database=None, derandomize=True)
    class Few(Reading):
        examples: ClassVar[list[ConcurrentStateMachine]] = []

    result = unittest.TestResult()
    Few.TestCase().run(result)
    assert result.wasSuccessful()
    assert result.testsRun == 1
    assert 0 < len(Few.examples) <= 7 * 2  # some that Hypothesis tries give no example


def test_without_settings_the_profile_says_how_many_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Many(Reading):
        examples: ClassVar[list[ConcurrentStateMachine]] = []

        @rule(number=st.integers(0, 1 << 30))
        async def look(self, at: Word, number: int) -> None:
            await READ_ONCE(at)

    monkeypatch.setattr(profiles, "current", lambda: profiles.Profile("few", 1, 1.0, 30, 2, 1))
    run_concurrently(Many)
    assert 30 <= len(Many.examples) <= 40
    assert max(len(machine.drawn) for machine in Many.examples) == 2


def test_hypothesis_own_runner_is_told_who_runs_it() -> None:
    with pytest.raises(InvalidDefinition, match=r"run it with run_concurrently\(Adding\)"):
        run_state_machine_as_test(Adding, settings=settings(database=None, phases=[Phase.generate]))


def test_what_initializes_comes_first_once_and_before_the_tasks() -> None:
    class Beginning(Reading):
        examples: ClassVar[list[ConcurrentStateMachine]] = []
        words = Bundle("words")

        @initialize(target=words, value=st.integers(5, 9))
        async def begin(self, at: Word, value: int) -> int:
            await WRITE_ONCE(at, value)
            return value

        @rule(word=words)
        async def check(self, at: Word, word: int) -> None:
            assert await READ_ONCE(at) == word

    run_concurrently(Beginning, settings=settings(QUIET, max_examples=20))
    for machine in Beginning.examples:
        assert [call.name for call in machine.drawn].count("begin") == 1
        assert machine.drawn[0].name == "begin"


class Account:
    """A reference: what is in it, with one user."""

    def __init__(self) -> None:
        self.money = 0

    def pay(self, much: int) -> None:
        self.money += much

    def take(self) -> None:
        self.money -= 1


def test_preconditions_see_what_was_drawn_and_the_reference_after_it() -> None:
    seen: list[tuple[int, int]] = []

    def holds(machine: ConcurrentStateMachine) -> bool:
        paid = sum(int(str(call.arguments[0])) for call in machine.drawn if call.name == "pay")
        taken = sum(call.name == "take" for call in machine.drawn)
        seen.append((machine.model.money, paid - taken))
        return bool(machine.model.money > 0)

    class Paying(ConcurrentStateMachine):
        ground = Word
        reference = Account

        @rule(much=st.integers(1, 3))
        async def pay(self, at: Word, much: int) -> None:
            await at.lock.lock()
            await at.lock.unlock()

        @precondition(holds)
        @rule()
        async def take(self, at: Word) -> None:
            await at.lock.lock()
            await at.lock.unlock()

    run_concurrently(Paying, settings=settings(QUIET, max_examples=20))
    assert any(money > 3 for money, _ in seen)
    assert all(money == drawn >= 0 for money, drawn in seen)


class Handles(ConcurrentStateMachine):
    """Counts what it hands out in the word."""

    ground = Word
    handles = Bundle("handles")

    @rule(target=handles)
    async def open(self, at: Word) -> int:
        return await add(at, 1)

    @rule(several=st.lists(handles, min_size=1, max_size=3), one=consumes(handles))
    async def use(self, at: Word, several: list[int], one: int) -> None:
        assert all(type(each) is int for each in (*several, one))
        await at.lock.lock()
        await at.lock.unlock()


def test_a_call_takes_what_other_tasks_gave_and_waits_for_it() -> None:
    run_concurrently(Handles, settings=settings(QUIET, max_examples=60))


def test_a_program_can_say_a_list_of_what_calls_gave() -> None:
    program = parse_program("calls(open|use:+[call0,%20call0]:&0)")
    ran = run_under(Handles.calls.scenario(program), ((0, 0),))
    assert not ran.findings
    # the second task cannot begin before the first one has returned: there is nothing to choose
    assert [task for task, _ in ran.schedule] == [0, 0, 0, 1, 1, 1]


def test_calls_that_would_take_nothing_are_not_made() -> None:
    class Nobody(Handles):
        @rule(target=Handles.handles)
        async def open(self, at: Word) -> int:
            await READ_ONCE(at)
            return multiple()  # type: ignore[return-value]  # stands for no result

        @rule(several=st.lists(Handles.handles, min_size=1))
        async def use_all(self, at: Word, several: list[int]) -> None:
            raise AssertionError

    program = "calls(open;use:+[call0]:&0;use_all:+[call0]|open)"
    ran = run_under(Nobody.calls.scenario(program), ())
    assert not ran.findings
    assert len(ran.schedule) == 2


def test_an_assertion_in_a_rule_is_a_finding_with_its_source() -> None:
    class Asserting(ConcurrentStateMachine):
        ground = Word

        @rule()
        async def change(self, at: Word) -> None:
            before = await READ_ONCE(at)
            await WRITE_ONCE(at, before + 1)
            after = await READ_ONCE(at)
            if after != before + 1:
                raise AssertionError

    failure = failure_of(Asserting)
    (finding,) = failure.findings
    assert finding.kind == "assertion failed"
    assert finding.message == "assertion failed in change(): raise AssertionError"
    assert [frame.function for frame in finding.chain] == ["change"]
    assert finding.preemptions == 1


def test_another_error_is_raised_as_it_is_with_the_program() -> None:
    class Failing(Adding):
        @rule()
        async def fail(self, at: Word) -> None:
            await READ_ONCE(at)
            raise KeyError("lost")

    with pytest.raises(KeyError, match="lost") as caught:
        run_concurrently(Failing, settings=settings(QUIET, max_examples=20))
    said = "\n".join(caught.value.__notes__)
    assert "task 0 (fail): fail()" in said
    assert "in word/adding:calls(fail), after the schedule 0" in said


def test_what_one_user_alone_can_break_takes_one_task() -> None:
    class Sequential(ConcurrentStateMachine):
        ground = Word

        @rule()
        async def add(self, at: Word) -> None:
            assert await add(at, 1) < 2

    failure = failure_of(Sequential)
    assert failure.result is not None
    assert failure.result.scenario.endswith(":calls(add;add;add)")


async def take(at: Word) -> int:
    """What `add` may lose."""
    return await add(at, -1)


def no_less(world: World) -> list[str]:
    return [] if world.state.value == world.state.asked else ["the word is wrong"]


def ground(world: World) -> Word:
    world.state = Word(world)
    return world.state  # type: ignore[no-any-return]  # what it was just set to


CALLS = Calls(
    "word/calls",
    ground,
    {"add": add, "take": take},
    alphabet=(Call("add", (1,)), Call("add", (2,)), Call("take")),
    at_end=(no_less,),
)


def test_a_vocabulary_makes_a_machine_of_its_alphabet() -> None:
    machine = ConcurrentStateMachine.of(CALLS)
    assert machine.calls is CALLS
    failure = failure_of(machine)
    assert failure.result is not None
    assert re.fullmatch(
        r"word/calls:calls\((add:=1|take)\|(add:=1|take)\)", failure.result.scenario
    )
    with pytest.raises(Failure, match="the word is wrong"):
        machine.replay(failure.findings[0].token)


def test_a_vocabulary_makes_a_machine_with_strategies_and_bundles() -> None:
    words = Bundle[int]("words")
    machine = ConcurrentStateMachine.of(CALLS, {"take": (), "add": (words,)}, {"take": words})
    failure = failure_of(machine)
    assert failure.result is not None
    # of the two that it takes, one gives what the other adds
    assert failure.result.scenario == "word/calls:calls(take|take)"


def test_a_vocabulary_has_no_other_calls() -> None:
    with pytest.raises(UsageError, match="unknown call 'ad'; did you mean add"):
        ConcurrentStateMachine.of(CALLS, {"ad": ()})
    bare = Calls("word/bare", ground, {"take": take})
    with pytest.raises(UsageError, match="word/bare has no alphabet"):
        ConcurrentStateMachine.of(bare)


def test_coverage_steers_it() -> None:
    class Steered(Adding):
        steered = True

    assert failure_of(Steered).text.startswith(TEXT)


def test_a_token_of_something_else_is_refused() -> None:
    token = failure_of(Adding).findings[0].token

    class Other(Adding):
        name = "word/other"

    with pytest.raises(UsageError, match="a token of word/adding: expected one of word/other"):
        Other.replay(token)


def wrong(**members: object) -> type[ConcurrentStateMachine]:
    return type("Wrong", (ConcurrentStateMachine,), members)


async def fine(self: object, at: Word) -> None:
    await READ_ONCE(at)


def plain(self: object, at: Word) -> None: ...


async def narrow(self: object, key: str) -> None: ...


async def late(self: object, at: Word) -> None: ...


async def holding(self: object, at: Word, key: int) -> None: ...


def method(self: object, world: World) -> Word:
    return Word(world)


async def slowly(world: World) -> Word:
    return Word(world)


FINE = rule()(fine)
HELD = Bundle[int]("held")


@pytest.mark.parametrize(
    ("machine", "says"),
    [
        (wrong(fine=FINE), "Wrong has no ground: expected, say, `ground = make_table`"),
        (wrong(ground=Word), "Wrong defines no rules"),
        (wrong(ground=Word, plain=rule()(plain)), "Wrong.plain() is a plain function"),
        (wrong(ground=Word, narrow=rule(key=st.text())(narrow)), "takes (self, key): expected"),
        (wrong(ground=Word, fine=rule(key=st.text())(fine)), "has no argument 'key'"),
        (wrong(ground=Word, fine=FINE, late=invariant()(late)), "is a plain `def`"),
        (wrong(ground=Word, fine=FINE, teardown=plain), "teardown() would never be called"),
        (
            wrong(ground=Word, fine=rule(key=HELD.filter(bool))(holding)),
            "Wrong.holding() filters or maps the bundle of 'key'",
        ),
        (wrong(ground=Word, fine=rule(key=HELD)(holding)), "Wrong can make no first call"),
        (wrong(ground=Word, holding=rule()(holding)), "Wrong.holding() needs the argument 'key'"),
        (wrong(ground=5, fine=FINE), "Wrong.ground is no plain function or class"),
        (wrong(ground=slowly, fine=FINE), "Wrong.ground is no plain function or class"),
        (wrong(ground=method, fine=FINE), "Wrong.ground takes (self, world): expected a fresh"),
        (wrong(ground=Word, fine=FINE, tasks_max=0), "Wrong.tasks_max is 0: expected a number"),
        (wrong(ground=Word, fine=FINE, at_end=plain), "Wrong.at_end is a function: expected a"),
        (wrong(ground=Word, fine=FINE, checks="leak"), "Wrong.checks is a str: expected a tuple"),
    ],
)
def test_what_is_no_machine_is_refused(machine: type[ConcurrentStateMachine], says: str) -> None:
    with pytest.raises(InvalidDefinition, match=re.escape(says)):
        run_concurrently(machine, settings=settings(QUIET, max_examples=1))


def test_a_rule_gives_one_result_or_none() -> None:
    class Two(Handles):
        @rule(target=Handles.handles)
        async def open(self, at: Word) -> int:
            await READ_ONCE(at)
            return multiple(1, 2)  # type: ignore[return-value]  # stands for two results

    with pytest.raises(ModelError, match=r"the rule open\(\) gave 2 results"):
        run_concurrently(Two, settings=settings(QUIET, max_examples=5))


@scenario("word/plain:one")
def one(world: World) -> None:
    """One task."""
    world.spawn(add(Word(world), 1), "adds")


def test_one_task_has_one_schedule() -> None:
    assert run_under(one, ((0, 0), (1, 1))) == run_under(one, ())
