"""Two small designs of a counter, one that is careful: something for the table to be about."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from lockwright.calls import Call, Calls
from lockwright.core.errors import ModelError
from lockwright.core.world import World
from lockwright.kernel.context import cond_resched
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from reports.remote_deciding import Asked, Column
from stress.fsnotify.bound import Part
from stress.fsnotify.cases import Case


class Counter:
    """What is counted, and how often it was asked for."""

    def __init__(self, world: World, *, locks: bool, polite: bool) -> None:
        self.count = Variable(world, 0, "count")
        self.mutex = Mutex(world, "mutex")
        self.asked = 0
        self.locks = locks
        self.polite = polite


def ground(world: World, *, locks: bool, polite: bool, queues: int) -> Counter:
    world.state = at = Counter(world, locks=locks, polite=polite)
    return at


async def bump(at: Counter) -> int:
    """Count one more."""
    at.asked += 1
    if at.locks:
        await at.mutex.lock()
    await WRITE_ONCE(at.count, await READ_ONCE(at.count) + 1)
    if at.locks:
        await at.mutex.unlock()
    return 0


async def peek(at: Counter) -> int:
    """Look."""
    return int(await READ_ONCE(at.count))


async def counted(at: Counter, number: str) -> int:
    """Look again and again, until so many are counted."""
    while await READ_ONCE(at.count) != int(number):
        await cond_resched()
    return 0


async def keep(at: Counter) -> int:
    """Take the mutex for good."""
    await at.mutex.lock()
    return 0


async def fail(at: Counter) -> int:
    """The model is wrong."""
    raise ModelError("no such thing")


def all_are_counted(world: World) -> Iterator[str]:
    if world.state.count.value != world.state.asked:
        yield f"P1: {world.state.count.value} of {world.state.asked} are counted"


def nobody_counts_more_than_twice(world: World) -> Iterator[str]:
    if world.state.count.value > 2:
        yield f"P3: {world.state.count.value} is too much"


FUNCTIONS = {function.__name__: function for function in (bump, peek, counted, keep, fail)}
BUMP, PEEK = Call("bump"), Call("peek")


def counter(name: str, *, locks: bool) -> Calls:
    return Calls(
        f"counter/{name}",
        partial(ground),
        FUNCTIONS,
        at_end=(all_are_counted, nobody_counts_more_than_twice),
        parameters={"locks": locks, "polite": True, "queues": 1},
    )


HASTY = Column("reads, then writes", counter("hasty", locks=False))
CAREFUL = Column("takes a mutex", counter("careful", locks=True), ("locks",))
PAIRS = Part("pairs", (BUMP, PEEK), tasks=2)
LATER = Part("later", (BUMP,), (BUMP,), tasks=2)
CASES = (
    Case("once", "One.", "bump"),
    Case("twice", "Two.", "bump|bump"),
    Case("thrice", "Three, which is too much.", "bump;bump|bump"),
)
ENDINGS = (("P1", "bump|counted:1"), ("P1", "bump|bump|counted:2"))
ASKED = Asked((HASTY, CAREFUL), (LATER, PAIRS), CASES, 100, ENDINGS)
