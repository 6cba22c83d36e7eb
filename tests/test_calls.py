"""Programs of calls: their names, and the scenarios that they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockwright.calls import Argument, Call, Calls, Given, Program, comms, parse_program
from lockwright.core.errors import UsageError
from lockwright.core.result import Verdict
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.slab import Field, Slab
from lockwright.session import explore


class Account(Slab):
    """A ground."""

    total: Field[int] = Field(0)

    def __init__(self, world: World, *, start: int = 0) -> None:
        super().__init__(world, "account")
        self.lock = Mutex(world, "lock")
        self.total = start
        world.state = self


async def pay(at: Account, amount: int) -> int:
    await at.lock.lock()
    at.total += amount
    total = at.total
    await at.lock.unlock()
    return total


async def check(at: Account, total: int) -> None:
    await at.lock.lock()
    assert at.total >= total
    await at.lock.unlock()


def at_end(world: World) -> Iterator[str]:
    total = world.state.peek("total")
    if total > 9:
        yield f"no more than 9 is paid, not {total}"


CALLS = Calls(
    "bank/account",
    Account,
    {"pay": pay, "check": check},
    alphabet=(Call("pay", (1,)),),
    at_end=(at_end,),
    parameters={"start": 0},
)

arguments: st.SearchStrategy[Argument] = st.one_of(
    st.booleans(), st.integers(), st.text(), st.none(), st.builds(Given, st.integers(0, 99))
)
calls = st.builds(Call, st.text(min_size=1), st.lists(arguments, max_size=3).map(tuple))
tasks = st.lists(calls, min_size=1, max_size=3).map(tuple)
programs = st.builds(
    Program, st.lists(tasks, min_size=1, max_size=3).map(tuple), st.lists(calls).map(tuple)
)


@given(programs)
def test_the_name_of_a_program_says_it(program: Program) -> None:
    name = str(program)
    assert parse_program(name) == program
    assert not set(name) & set(" ~,?*\n")


def test_a_name_is_as_it_is_documented() -> None:
    program = Program(
        ((Call("pay", (5,)), Call("check", (Given(1),))), (Call("pay", ("a b/c",)),)),
        (Call("pay", (None, True)),),
    )
    assert str(program) == "calls(pay:=null:=true!pay:=5;check:&1|pay:a%20b/c)"
    assert list(comms(program)) == ["pay-1", "pay-2"]


def test_what_a_call_gave_can_be_given_to_another() -> None:
    result = explore(CALLS.scenario("calls(pay:=2!pay:=3;check:&1|pay:=1)"))
    assert (result.verdict, result.complete) == (Verdict.VERIFIED, True)
    # Where the second task pays: before, between or after the first one's two calls.
    assert result.executions == 3


def test_the_ground_takes_parameters_and_the_promises_hold_for_every_program() -> None:
    scenario = CALLS.scenario("calls(pay:=4|pay:=4)")
    assert explore(scenario).verdict is Verdict.VERIFIED
    result = explore(scenario.with_parameters({"start": "2"}))
    assert [finding.message for finding in result.findings] == ["no more than 9 is paid, not 10"]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("pay", "expected calls"),
        ("calls()", "expected at least one call for each task"),
        ("calls(pay:=1|)", "expected at least one call for each task"),
        ("calls(steal:=1)", "bank/account has no call 'steal'; it has: pay, check"),
        ("calls(pay)", "pay does not fit pay(): missing a required argument: 'amount'"),
        ("calls(pay:=1:=2)", "pay:=1:=2 does not fit pay(): too many positional arguments"),
        ("calls(:=1)", "':=1' is no call"),
        ("calls(pay:=)", "'=' is no argument"),
        ("calls(pay:=[1])", "is no argument"),
        ("calls(pay:=1.5)", "is no argument"),
        ("calls(pay:&0)", "&0 is no call before pay"),
        ("calls(pay:=1!pay:&x)", "is no argument"),
    ],
)
def test_a_name_that_is_no_program_is_refused(case: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"expected|has no|no call|is no|does not fit") as raised:
        CALLS.scenario(case)
    assert said in str(raised.value)
