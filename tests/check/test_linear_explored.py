"""Histories of executions: what is written down of calls, and what explorations find in it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lockwright.calls import Call, Calls, Function, Given, Program
from lockwright.check.linearizability import (
    NOT_LINEARIZABLE,
    Entry,
    Linearization,
    Made,
    Thing,
    in_turns,
    linearize,
    reference_of,
)
from lockwright.core.errors import KernelOops, UsageError
from lockwright.core.location import Names
from lockwright.core.result import Result, Verdict
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.slab import Field, Slab
from lockwright.kernel.variable import VariableUpdate
from lockwright.session import Options, Session, explore


class Cell(Slab):
    """A number, with whatever else its wrong versions need."""

    plain: Field[int] = Field(0)

    def __init__(self, world: World) -> None:
        super().__init__(world, "cell")
        self.world = world
        self.lock = Mutex(world, "lock")
        self.other = Mutex(world, "other")
        self.value = Variable(world, 0, "value")
        self.copy = Variable(world, 0, "copy")


class Number:
    """What a cell is."""

    def __init__(self) -> None:
        self.value = 0

    def write(self, value: int) -> None:
        self.value = value

    def read(self) -> int:
        return self.value

    def increment(self) -> int:
        self.value += 1
        return self.value


async def write(at: Cell, value: int) -> None:
    await WRITE_ONCE(at.value, value)


async def read(at: Cell) -> int:
    value: int = await READ_ONCE(at.value)
    return value


async def increment(at: Cell) -> int:
    old: int = await VariableUpdate(at.value, lambda value: value + 1, "increment")
    return old + 1


async def increment_in_two(at: Cell) -> int:
    value: int = await READ_ONCE(at.value)
    await WRITE_ONCE(at.value, value + 1)
    return value + 1


async def write_locked(at: Cell, value: int) -> None:
    await at.lock.lock()
    at.plain = value
    await at.lock.unlock()


async def read_locked(at: Cell) -> int:
    await at.lock.lock()
    value = at.plain
    await at.lock.unlock()
    return value


async def increment_locked(at: Cell) -> int:
    await at.lock.lock()
    at.plain += 1
    value = at.plain
    await at.lock.unlock()
    return value


async def increment_unlocked_between(at: Cell) -> int:
    await at.lock.lock()
    value = at.plain
    await at.lock.unlock()
    await at.lock.lock()
    at.plain = value + 1
    await at.lock.unlock()
    return value + 1


async def read_copy(at: Cell) -> int:
    value: int = await READ_ONCE(at.copy)
    return value


async def write_then_copy(at: Cell, value: int) -> None:
    await WRITE_ONCE(at.value, value)
    await WRITE_ONCE(at.copy, value)


RIGHT: dict[str, Function] = {"write": write, "read": read, "increment": increment}
LOCKED: dict[str, Function] = {
    "write": write_locked,
    "read": read_locked,
    "increment": increment_locked,
}
KINDS: dict[str, dict[str, Function]] = {
    "right": RIGHT,
    "locked": LOCKED,
    "lost update": {**RIGHT, "increment": increment_in_two},
    "unlocked between": {**LOCKED, "increment": increment_unlocked_between},
    "stale": {**RIGHT, "read": read_copy},
    "copied late": {**RIGHT, "write": write_then_copy, "read": read_copy},
}


def cell(**functions: Function) -> Calls:
    return Calls("tests/cell", Cell, functions, reference=reference_of(Number))


def kinds(result: Result) -> list[str]:
    return [finding.kind for finding in result.findings]


def history_text(world: World) -> str:
    """A history, as far as the order of its moments counts."""
    told = in_turns(world.history.entries())
    return "; ".join(f"{e.task} {e} {e.invoked}-{e.returned} {e.result}" for e in told)


def test_only_the_order_in_real_time_shows_that_a_read_was_too_late() -> None:
    # each call is one step, and none touches what the other does: only time orders them
    scenario = cell(**KINDS["stale"]).scenario("calls(read|write:=1)")
    for options in (
        Options(),
        Options(granularity="operation"),
        Options(strategy="dfs"),
        Options(strategy="random", executions=20),
    ):
        result = explore(scenario, options)
        assert kinds(result) == [NOT_LINEARIZABLE], options
        assert result.executions == (2 if options.executions is None else 20)
        finding = result.findings[0]
        assert finding.message == "no order of the calls explains that read() gave 0"
        assert finding.lines[:2] == (
            "  write  write(1)  |--|        gave nothing",
            "  read   read()          |--|  gave 0",
        ) or finding.lines[:2] == (
            "  read   read()          |--|  gave 0",
            "  write  write(1)  |--|        gave nothing",
        )


def test_calls_of_one_step_are_explored_in_every_order_and_no_more() -> None:
    """(2 + 2)! / (2! 2!) = 6 and 3! = 6 orders of calls, each of which is one operation."""
    for name in ("right", "locked"):
        for program in ("calls(increment;read|read;increment)", "calls(read|read|increment)"):
            result = explore(cell(**KINDS[name]).scenario(program))
            assert (result.verdict, result.executions) == (Verdict.VERIFIED, 6), name


def test_without_a_reference_nothing_is_written_down() -> None:
    calls = Calls("tests/cell", Cell, RIGHT)
    world = World(Names())
    calls.scenario("calls(read|read)").set_up(world)
    assert world.history is None
    assert world.on_step == ()
    assert explore(calls.scenario("calls(read|read)")).executions == 1


def programs(made: random.Random, calls_max: int = 3) -> Program:
    """Two or three tasks, with so many calls at most."""
    sizes = [(1, 1), (2, 1), (1, 1, 1), (2, 2), (1, 1, 2)]
    counts = made.choice([each for each in sizes if sum(each) <= calls_max])
    alphabet = [Call("write", (7,)), Call("write", (8,)), Call("read")] + 3 * [Call("increment")]
    return Program(tuple(tuple(made.choice(alphabet) for _ in range(n)) for n in counts))


def same_histories(kind: str, program: Program) -> bool:
    """Every strategy sees the histories that there are, and judges them as they are."""
    scenario = replace(cell(**KINDS[kind]).scenario(program), outcome=history_text)
    every = explore(scenario, Options(strategy="dfs"))
    for granularity in ("operation", "section"):
        reduced = explore(scenario, Options(granularity=granularity))
        assert reduced.complete
        assert set(reduced.outcomes) == set(every.outcomes), (kind, str(program), granularity)
        assert kinds(reduced) == kinds(every)
        assert reduced.executions <= every.executions
    some = explore(scenario, Options(strategy="random", executions=20))
    assert set(some.outcomes) <= set(every.outcomes)
    return bool(every.findings)


def test_every_strategy_sees_the_same_histories() -> None:
    broken = {
        kind: sum(same_histories(kind, programs(random.Random(f"{kind} {n}"))) for n in range(6))
        for kind in KINDS
    }
    assert broken["right"] == broken["locked"] == 0
    assert all(count for kind, count in broken.items() if kind not in ("right", "locked")), broken


@pytest.mark.slow
def test_every_strategy_sees_the_same_histories_of_many_programs() -> None:
    for kind in KINDS:
        for number in range(25):
            same_histories(kind, programs(random.Random(f"{kind} {number}"), calls_max=4))


def test_a_finding_is_shrunk_and_its_token_shows_it_again() -> None:
    scenario = cell(**KINDS["lost update"]).scenario("calls(increment;read|increment;read)")
    session = Session(scenario, Options(attempts=300))
    [finding] = session.explore().findings
    assert (finding.kind, finding.preemptions, finding.minimal) == (NOT_LINEARIZABLE, 1, True)
    done, findings = Session(scenario, Options()).run_once(finding.schedule)
    assert not done.misfit
    assert [(found.kind, found.lines) for found in findings] == [(finding.kind, finding.lines)]


async def hang(at: Cell, value: int) -> None:
    """Takes effect, and then waits for ever."""
    await WRITE_ONCE(at.value, value)
    await at.lock.lock()
    await at.lock.lock()


async def hang_before(at: Cell, value: int) -> None:
    """Waits for ever for what somebody holds at the end."""
    await at.lock.lock()
    await WRITE_ONCE(at.value, value)


@pytest.mark.parametrize("program", ["calls(write:=1|read;read)", "calls(write:=1|write:=2;read)"])
def test_a_call_that_hangs_is_pending(program: str) -> None:
    result = explore(cell(read=read, write=hang).scenario(program))
    assert "deadlock" in kinds(result) or "self-deadlock" in " ".join(kinds(result))
    assert NOT_LINEARIZABLE not in kinds(result)
    stale = explore(cell(read=read_copy, write=hang).scenario(program))
    assert NOT_LINEARIZABLE not in kinds(stale), "it need not have taken effect"


def test_what_returned_beside_a_call_that_hangs_is_judged() -> None:
    result = explore(cell(read=read, write=hang, increment=increment_in_two).scenario(
        "calls(write:=9|increment|increment)"
    ))  # fmt: skip
    assert NOT_LINEARIZABLE in kinds(result)


async def dies(at: Cell, value: int) -> None:
    await WRITE_ONCE(at.value, 5)
    raise KernelOops("BUG", "kernel BUG")


async def halfway(at: Cell) -> int:
    """Reads what whoever died has left."""
    value: int = await READ_ONCE(at.value)
    return value


def test_after_an_oops_what_returns_may_be_its_consequence() -> None:
    result = explore(cell(write=dies, read=halfway).scenario("calls(write:=1|read)"))
    assert kinds(result) == ["BUG"]
    earlier = cell(write=dies, increment=increment_in_two)
    found = explore(earlier.scenario("calls(write:=1|increment|increment)"))
    assert set(kinds(found)) == {"BUG", NOT_LINEARIZABLE}


async def nothing(at: Cell) -> int:
    """Does nothing that could be seen."""
    return 0


def test_a_call_without_an_operation_happens_in_a_step_of_its_own() -> None:
    scenario = cell(read=nothing, write=write).scenario("calls(read;read|write:=1)")
    result = explore(scenario)
    # the write comes before, between or after the two reads
    assert result.executions == 3
    assert kinds(result) == [NOT_LINEARIZABLE]
    assert [event.text for event in result.findings[0].events].count("read()") >= 1


def test_what_was_called_before_the_tasks_is_in_the_history() -> None:
    calls = cell(**RIGHT)
    assert explore(calls.scenario("calls(write:=3!read|increment)")).verdict is Verdict.VERIFIED
    wrong = cell(**KINDS["stale"]).scenario("calls(write:=3!read|increment)")
    assert kinds(explore(wrong)) == [NOT_LINEARIZABLE]


class File(Slab):
    """An open file."""

    title: Field[str] = Field("")

    def __init__(self, world: World, title: str) -> None:
        super().__init__(world, f"file {title}")
        self.title = title


async def open_file(at: Cell, name: str) -> File:
    await at.lock.lock()
    file = File(at.world, name)
    await at.lock.unlock()
    return file


async def name_of(at: Cell, file: File) -> str:
    await at.lock.lock()
    name = file.title
    await at.lock.unlock()
    return name


async def first_name(at: Cell, file: File) -> str:
    await at.lock.lock()
    await at.lock.unlock()
    return "a"


class Opened:
    """Files that are open."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def open(self, name: str) -> Made:
        self.files.append(name)
        return Made(len(self.files) - 1)

    def name_of(self, file: int) -> str:
        return self.files[file]


def test_objects_that_calls_give_are_handed_on() -> None:
    program = Program(
        (
            (Call("open", ("a",)), Call("name_of", (Given(0),))),
            (Call("open", ("b",)), Call("name_of", (Given(2),))),
        )
    )
    for function, found in ((name_of, []), (first_name, [NOT_LINEARIZABLE])):
        functions: dict[str, Function] = {"open": open_file, "name_of": function}
        calls = Calls("tests/file", Cell, functions, reference=reference_of(Opened))
        result = explore(calls.scenario(program), Options(rules=("linearizability",)))
        assert kinds(result) == found
        assert result.executions == 6


def test_a_vocabulary_has_no_call_that_its_reference_does_not_know() -> None:
    with pytest.raises(UsageError, match=r"^the reference Number has no method 'open'; it has: "):
        cell(read=read, open=open_file)


def test_the_history_of_an_execution_can_be_had() -> None:
    seen: list[list[Entry]] = []

    def keep(world: World) -> Iterator[str]:
        seen.append(world.history.entries())
        yield from ()

    scenario = replace(cell(**RIGHT).scenario("calls(write:=1|read)"), at_end=(keep,))
    explore(scenario)
    assert len(seen) == 2
    for entries in seen:
        assert [(entry.task, entry.comm) for entry in entries] == [(0, "write"), (1, "read")]
        assert isinstance(linearize(entries, reference_of(Number)), Linearization)


def test_a_value_of_a_history_says_the_same_in_every_execution() -> None:
    world = World(Names())
    cell(**RIGHT).scenario("calls(read|read)").set_up(world)
    one, two = object(), object()
    for nth, value in enumerate((one, [1, two], one, {"k": {2, 3}}, None)):
        world.history.owners = (-1,) * 5
        world.history.happened(nth, "read", (), value)
    assert [entry.result for entry in world.history.entries()][-5:] == [
        Thing(0),
        (1, Thing(1)),
        Thing(0),
        frozenset({("k", frozenset({2, 3}))}),
        None,
    ]
