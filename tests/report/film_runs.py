"""Explored findings whose timelines have everything in them, and what is so after each step."""

from __future__ import annotations

import inspect
from functools import cache

from lockwright.core.timeline import NEVER, Timeline
from lockwright.core.world import World
from lockwright.kernel.irq import interrupt
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Field, Slab, kfree
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.options import Options
from lockwright.report.document import Document
from lockwright.scenario import Scenario
from lockwright.session import explore


class Inode(Slab):
    """An object with two fields."""

    cache = "inode"
    nlink: Field[int] = Field(0)
    dead: Field[bool] = Field(False)


def abba(world: World) -> None:
    """Two locks in two orders, one of them shared."""
    a, b = Mutex(world, "A"), RwSem(world, "B")

    async def one() -> None:
        await a.lock()
        await b.down_read()
        await b.up_read()
        await a.unlock()

    async def two() -> None:
        await b.down_write()
        await a.lock()
        await a.unlock()
        await b.up_write()

    world.spawn(one(), "one")
    world.spawn(two(), "two")


def freed_early(world: World) -> None:
    """A reader goes on with an object after the section that has kept it alive."""
    srcu, inode, lock = Srcu(world, "fs_srcu"), Inode(world, "kp1"), Mutex(world, "list_mutex")

    async def reader() -> None:
        idx = await srcu.read_lock()
        inode.nlink = 1
        await srcu.read_unlock(idx)
        inode.nlink = 2

    async def remover() -> None:
        await lock.lock()
        inode.dead = True
        await lock.unlock()
        await srcu.synchronize_srcu()
        await kfree(inode)

    world.spawn(reader(), "reader")
    world.spawn(remover(), "remover")


def never_over(world: World) -> None:
    """A grace period that waits for a reader that waits for who waits for the grace period."""
    srcu, lock = Srcu(world, "fs_srcu"), Mutex(world, "list_mutex")

    async def reader() -> None:
        idx = await srcu.read_lock()
        await lock.lock()
        await lock.unlock()
        await srcu.read_unlock(idx)

    async def remover() -> None:
        await lock.lock()
        await srcu.synchronize_srcu()
        await lock.unlock()

    world.spawn(reader(), "reader")
    world.spawn(remover(), "remover")


def interrupted(world: World) -> None:
    """A handler takes the lock of what it interrupts."""
    lock, count = SpinLock(world, "&dev->lock"), Variable(world, 0, "dev->count")

    async def dev_xmit() -> None:
        await lock.lock()
        await WRITE_ONCE(count, await READ_ONCE(count) + 1)
        await lock.unlock()

    task = world.spawn(dev_xmit(), "xmit")
    interrupt(world, dev_xmit, "eth0", on=(task,))


def stored(world: World) -> None:
    """Store buffering."""
    x, y = Variable(world, 0, "x"), Variable(world, 0, "y")

    async def sb(mine: Variable, other: Variable) -> None:
        await WRITE_ONCE(mine, 1)
        await READ_ONCE(other)

    world.spawn(sb(x, y), "P0")
    world.spawn(sb(y, x), "P1")


SCENARIOS = (
    Scenario("film:abba", abba, "Two locks."),
    Scenario("film:freed_early", freed_early, "An object."),
    Scenario("film:never_over", never_over, "A deadlock."),
    Scenario("film:interrupted", interrupted, "An interrupt."),
    Scenario(
        "film:stored", stored, "A flush.", at_end=(lambda world: ["at the end"],)
    ).with_parameters({"memory": "tso"}),
)


@cache
def film_document() -> Document:
    """All findings of these scenarios, with the source of this file."""
    document = Document("film", results=[explore(each, Options()) for each in SCENARIOS])
    source = inspect.getsource(inspect.getmodule(abba) or abba)
    for run in document.all_runs():
        for place in run.timeline.places if run.timeline else ():
            if place.path.endswith("film_runs.py"):
                document.sources[place.path] = source
    return document


def held_after(told: Timeline, step: int) -> list[tuple[int, int, str, int]]:
    """Who holds what, how, since when."""
    return sorted(
        (each.task, each.lock, each.how, each.begin)
        for each in told.holds
        if each.begin <= step and (each.end == NEVER or step < each.end)
    )


def waiting_after(told: Timeline, step: int) -> list[tuple[int, int, int]]:
    """Who waits for what, since when."""
    return sorted(
        (each.task, each.lock, each.begin)
        for each in told.waits
        if each.begin <= step and (each.end == NEVER or step < each.end)
    )


def values_after(told: Timeline, step: int) -> list[dict[str, str]]:
    """The fields of each thing."""
    values: list[dict[str, str]] = [{} for _ in told.things]
    for change in told.changes:
        if change.step <= step:
            values[change.thing][told.things[change.thing].fields[change.field]] = change.value
    return values


def lives_after(told: Timeline, step: int) -> list[str]:
    """Whether each thing is there."""
    return [
        "unborn"
        if each.born > step
        else "freed"
        if each.freed != NEVER and each.freed <= step
        else "alive"
        for each in told.things
    ]
