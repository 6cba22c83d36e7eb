"""Designs with bugs that need a program of a known size, and no smaller one."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.calls import Call, Calls, Function, Given
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.slab import Field, Slab


class Bank(Slab):
    """Three mutexes, and a sum that the second of them guards."""

    total: Field[int] = Field(0)

    def __init__(self, world: World) -> None:
        super().__init__(world, "bank")
        self.a, self.b, self.c = (Mutex(world, name) for name in "ABC")
        world.state = self


async def _both(first: Mutex, second: Mutex) -> None:
    await first.lock()
    await second.lock()
    await second.unlock()
    await first.unlock()


async def ab(at: Bank) -> None:
    await _both(at.a, at.b)


async def bc(at: Bank) -> None:
    await _both(at.b, at.c)


async def ca(at: Bank) -> None:
    await _both(at.c, at.a)


async def ba(at: Bank) -> None:
    await _both(at.b, at.a)


async def add(at: Bank, amount: int) -> None:
    await at.b.lock()
    at.total += amount
    await at.b.unlock()


def at_most_two(world: World) -> Iterator[str]:
    """Only three calls can break it."""
    if world.state.peek("total") > 2:
        yield "the sum is more than 2"


FUNCTIONS: dict[str, Function] = {
    "ab": ab,
    "bc": bc,
    "ca": ca,
    "ba": ba,
    "add": add,
}
PAIR = Calls("bank/pair", Bank, FUNCTIONS, alphabet=(Call("ab"), Call("ba")))
"""A deadlock of two tasks with one call each."""
RING = Calls("bank/ring", Bank, FUNCTIONS, alphabet=(Call("ab"), Call("bc"), Call("ca")))
"""A deadlock of three tasks with one call each."""
SUM = Calls("bank/sum", Bank, FUNCTIONS, alphabet=(Call("add", (1,)),), at_end=(at_most_two,))
"""Three calls break a promise, whoever makes them."""
FINE = Calls("bank/fine", Bank, FUNCTIONS, alphabet=(Call("ab"), Call("bc"), Call("add", (1,))))
"""Nothing breaks."""


class Door(Slab):
    """A flag that tells who came in; entering is wrong while it is set by somebody else."""

    inside: Field[int] = Field(0)
    rushed: Field[int] = Field(0)

    def __init__(self, world: World) -> None:
        super().__init__(world, "door")
        self.lock = Mutex(world, "lock")
        world.state = self


async def enter(at: Door) -> None:
    await at.lock.lock()
    at.inside += 1
    await at.lock.unlock()


async def leave(at: Door) -> None:
    await at.lock.lock()
    if at.inside > 1:
        at.rushed = 1
    at.inside -= 1
    await at.lock.unlock()


def nobody_rushed(world: World) -> Iterator[str]:
    if world.state.peek("rushed"):
        yield "two were inside when one left"


async def visit(at: Door) -> int:
    """Enter, and get the ticket that is needed to go."""
    await enter(at)
    return 1


async def go(at: Door, ticket: int) -> None:
    assert ticket == 1
    await leave(at)


DOOR = Calls(
    "bank/door",
    Door,
    {"visit": visit, "go": go},
    alphabet=(Call("visit"), Call("go", (Given(0),))),
    at_end=(nobody_rushed,),
)
"""One who goes while another is inside: two tasks, one of them with two calls."""


async def crash(at: Bank) -> None:
    await at.a.lock()
    raise ValueError("the model has a bug")


CRASHING = Calls(
    "bank/crashing",
    Bank,
    {**FUNCTIONS, "crash": crash},
    alphabet=(Call("ab"), Call("crash")),
)
"""Programs that cannot be judged."""
