"""What a pending operation says that it is about to touch, against what it then touches."""

from __future__ import annotations

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.slab import Field, Slab, kmalloc
from lockwright.program.machine import CompareSwap
from lockwright.schedule.aim import aim, races
from tests.explore.small_programs import random_program


class Box(Slab):
    """An object with two fields."""

    cache = "box"
    content: Field[int] = Field(0)
    other: Field[int] = Field(0)


def test_it_touches_what_it_aims_at() -> None:
    seen = written = 0
    for seed in range(300):
        world = World(Names())
        random_program(seed).build(world)
        while enabled := world.enabled():
            task = enabled[-1]
            location, writes = aim(task)
            kind = task.pending.kind if task.pending else ""
            codes = [code for code in world.step(task)[: world.marked] if code >= 0]
            if location < 0 or kind == "srcu_read_unlock":  # which leaves what its reader entered
                continue
            seen += 1
            assert location in {code >> 1 for code in codes}
            if not writes:
                assert 2 * location + 1 not in codes
            written += 2 * location + 1 in codes
        world.close()
    assert seen > 1000
    assert written > 300


def test_the_fields_of_one_object_are_different_locations() -> None:
    world = World()

    async def one(box: Box) -> None:
        await READ_ONCE(box, "content")

    async def two(box: Box) -> None:
        await WRITE_ONCE(box, "content", 1)

    async def three(box: Box) -> None:
        await WRITE_ONCE(box, "other", 1)

    box = Box(world, "box")
    reader, writer, other, second = (
        aim(world.spawn(body(box), body.__name__)) for body in (one, two, three, one)
    )
    assert [kind for _, kind in (reader, writer, other)] == [False, True, True]
    assert races(reader, writer)
    assert races(writer, reader)
    assert not races(writer, other)
    assert not races(reader, second)
    assert reader[0] == second[0]


def test_an_update_that_would_fail_only_reads() -> None:
    world = World()
    x = Variable(world, 0, "x")

    async def swap(old: int) -> None:
        await CompareSwap(x, old, 5)

    assert [aim(world.spawn(swap(old), "t"))[1] for old in (0, 1)] == [True, False]


def test_what_tells_nothing_races_with_nothing() -> None:
    world = World()
    nothing = None

    async def dies() -> None:
        await READ_ONCE(nothing, "content")  # type: ignore[arg-type]  # as wrong as the C

    async def allocates() -> None:
        await kmalloc(world, lambda: Box(world, "made"), "box")

    async def locks(mutex: Mutex) -> None:
        await mutex.lock()

    tasks = [world.spawn(body, "t") for body in (dies(), allocates(), locks(Mutex(world, "m")))]
    aims = [aim(task) for task in tasks]
    assert [location < 0 for location, _ in aims] == [True, True, False]
    assert not any(races(a, b) for a in aims[:2] for b in aims)
    world.step(tasks[0])
    assert [finding.kind for finding in world.findings] == ["NULL pointer dereference"]
    assert aim(tasks[0])[0] < 0
    world.close()
