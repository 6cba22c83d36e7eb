"""Snapshots: equal where the future is the same, else different, and refused where unsure."""

from __future__ import annotations

import io
import random
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from typing import Any

import pytest

from lockwright.core.snapshot import Opaque, Snapshots
from lockwright.core.world import World
from lockwright.kernel.context import cpu_relax, preempt_disable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Field, Slab, kfree, kmalloc
from lockwright.kernel.srcu import Srcu

Body = Callable[[World], Coroutine[Any, Any, Any]]


class Box(Slab):
    """An object with one field."""

    cache = "box"
    content: Field[object] = Field(0)


def alone(body: Body) -> World:
    world = World()
    world.spawn(body(world), "t")
    return world


def keys(body: Body, steps: int) -> list[bytes]:
    """The keys of the states of a task, before its first step and after each."""
    snapshots, world = Snapshots(), alone(body)
    found = [snapshots.take(world)]
    for _ in range(steps):
        world.step(world.tasks[0])
        found.append(snapshots.take(world))
    world.close()
    return found


def same(one: Body, other: Body, steps: int = 1) -> bool:
    """Are two tasks in the same state after so many steps, but for their code?"""
    texts = []
    snapshots = Snapshots()
    for body in (one, other):
        world = alone(body)
        for _ in range(steps):
            world.step(world.tasks[0])
        texts.append(snapshots.take(world))
        world.close()
    return texts[0] == texts[1]


def holding(value: object) -> Body:
    """A task whose only difference is what it holds."""

    async def body(world: World) -> None:
        held = value
        await cpu_relax()
        await cpu_relax()
        del held

    return body


def test_a_loop_that_changes_nothing_comes_back_to_its_state() -> None:
    async def body(world: World) -> None:
        while True:
            await cpu_relax()

    assert len(set(keys(body, 5))) == 1


def test_a_loop_that_counts_does_not() -> None:
    async def body(world: World) -> None:
        count = 0
        while True:
            await cpu_relax()
            count += 1

    assert len(set(keys(body, 5))) == 6


def test_an_iterator_on_the_evaluation_stack_counts() -> None:
    async def body(world: World) -> None:
        for _ in [0, 0, 0, 0]:
            await cpu_relax()

    # the variable has no value in the first state, and the same one in all others
    assert len(set(keys(body, 4))) == 5


@pytest.mark.parametrize(
    "make",
    [
        lambda: iter((0, 0, 0)),
        lambda: iter({1: 0, 2: 0, 3: 0}.values()),
        lambda: map(abs, [0, 0, 0]),
        lambda: filter(None, [1, 1, 1]),
        lambda: zip([0, 0, 0], [1, 1, 1], strict=True),
        lambda: reversed([0, 0, 0]),
        lambda: iter("aaa"),
        lambda: (0 for _ in [0, 0, 0]),
    ],
)
def test_how_far_an_iterator_is_counts(make: Callable[[], Any]) -> None:
    async def body(world: World) -> None:
        for _ in make():
            await cpu_relax()

    assert len(set(keys(body, 3))) == 4


def test_a_value_on_the_evaluation_stack_counts() -> None:
    # after the first step the variable is 0 in both, and what was read is only on the stack
    def state(first: int) -> bytes:
        world = World()
        a = Variable(world, first, "a")

        async def body() -> int:
            total: int = (await READ_ONCE(a)) + (await READ_ONCE(a))
            return total

        world.spawn(body(), "t")
        world.step(world.tasks[0])
        a.value = 0
        key = snapshots.take(world)
        world.close()
        return key

    snapshots = Snapshots()
    assert state(1) == state(1)
    assert state(1) != state(0)


def test_what_a_coroutine_awaits_counts_down_to_the_operation() -> None:
    async def inner(times: int) -> None:
        for _ in range(times):
            await cpu_relax()

    def calling(times: int) -> Body:
        async def body(world: World) -> None:
            await inner(times)

        return body

    assert same(calling(2), calling(2))
    assert not same(calling(2), calling(3))


class Calls:
    """Awaits a coroutine in a method of its own, as an operation might."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def inner(self) -> None:
        for _ in [0] * self.times:
            await cpu_relax()

    def __await__(self) -> Generator[Any, None, None]:
        return self.inner().__await__()


def test_a_coroutine_that_is_awaited_by_hand_counts() -> None:
    async def body(world: World) -> None:
        await Calls(3)

    assert len(set(keys(body, 3))) == 4


def test_an_exception_that_is_being_handled_counts() -> None:
    def failing(message: str) -> Body:
        async def body(world: World) -> None:
            try:
                raise ValueError(message)
            except ValueError:
                await cpu_relax()
                await cpu_relax()

        return body

    assert same(failing("a"), failing("a"))
    # the closures differ in any case, so look at the text
    world = alone(failing("only here"))
    assert Snapshots().text(world).count("only here") == 2


def test_a_variable_without_value_is_told_from_another() -> None:
    def setting(which: bool) -> Body:  # one of two
        async def body(world: World) -> None:
            flag = [which]
            if flag.pop():
                a = 7
            else:
                b = 7
            await cpu_relax()
            await cpu_relax()
            del flag
            assert (a if which else b) == 7

        return body

    def variables(which: bool) -> str:
        text = Snapshots().text(alone(setting(which)))
        return next(line for line in text.splitlines() if line.startswith("@coroutine"))

    assert variables(True) != variables(False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [2, 1]),
        ((1,), [1]),
        (1, True),
        ("1", 1),
        ({1: 2, 3: 4}, {3: 4, 1: 2}),
        (range(3), range(4)),
        (frozenset({1}), {1}),
        (len, abs),
        ([].append, [1].append),
        (io.StringIO, io.BytesIO),
        (b"x", "x"),
        ([[0], [1]], [[1], [0]]),
        (defaultdict(list), defaultdict(int)),
        (defaultdict(int, {1: 2}), defaultdict(int, {1: 3})),
        (deque([1], 2), deque([1], 3)),
    ],
)
def test_what_is_different_has_different_keys(one: object, other: object) -> None:
    assert same(holding(one), holding(one))
    assert not same(holding(one), holding(other))


def test_sharing_counts() -> None:
    shared = [0]
    assert not same(holding([shared, shared]), holding([[0], [0]]))
    assert same(holding([shared, shared]), holding([shared, shared]))


def test_cycles_end() -> None:
    def ring() -> list[object]:
        items: list[object] = [1]
        items.append(items)
        return items

    assert same(holding(ring()), holding(ring()))
    assert not same(holding(ring()), holding([1, [1]]))


class Plain:
    """An object with attributes of all kinds."""

    __slots__ = ("__dict__", "__hidden", "seen")

    def __init__(self, seen: int, hidden: int, more: int) -> None:
        self.seen = seen
        self.__hidden = hidden
        self.more = more


def test_attributes_count_private_ones_and_slots_too() -> None:
    assert same(holding(Plain(1, 2, 3)), holding(Plain(1, 2, 3)))
    for other in (Plain(0, 2, 3), Plain(1, 0, 3), Plain(1, 2, 0)):
        assert not same(holding(Plain(1, 2, 3)), holding(other))


def test_what_a_function_holds_counts() -> None:
    def adding(by: int) -> Callable[[int], int]:
        return lambda value: value + by

    assert same(holding(adding(1)), holding(adding(1)))
    assert not same(holding(adding(1)), holding(adding(2)))


def test_a_class_that_a_function_makes_is_told_by_what_it_holds() -> None:
    def made(value: int) -> type:
        class Local:
            kept = value

        return Local

    assert same(holding(made(1)), holding(made(1)))
    assert not same(holding(made(1)), holding(made(2)))


class Random(random.Random):
    """State that only C sees, behind a class of Python."""


async def counted() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (random.Random(0), "random.Random"),
        (Random(0), "Random"),
        (io.StringIO(), "_io.StringIO"),
        ({object()}, "set, whose order is that of addresses"),
        (counted(), "async_generator"),
    ],
)
def test_what_cannot_be_captured_is_refused_and_named(value: object, what: str) -> None:
    world = alone(holding(value))
    with pytest.raises(Opaque, match="the state of task t cannot be captured: it leads to") as info:
        Snapshots().take(world)
    assert str(info.value).endswith(what)


def test_an_object_of_a_plain_class_is_no_object_of_c() -> None:
    Snapshots().take(alone(holding(object())))


def test_a_freed_object_that_nothing_refers_to_is_forgotten() -> None:
    async def body(world: World) -> None:
        while True:
            box = await kmalloc(world, lambda: Box(world, "b"), "box")
            await kfree(box)
            del box

    found = keys(body, 8)
    # allocated, and freed; before the first step the scenario's fault budget is there already
    assert found[2::2] == [found[2]] * 4
    assert found[1::2] == [found[1]] * 4
    assert found[1] != found[2]


def test_a_live_object_counts_though_nothing_refers_to_it() -> None:
    def making(content: int) -> bytes:
        world = World()
        Box(world, "b").content = content
        return Snapshots().take(world)

    assert making(1) == making(1)
    assert making(1) != making(2)


def test_of_addresses_only_the_order_counts() -> None:
    def locks(gap: int, *, swapped: bool) -> bytes:
        world = World()
        first = Mutex(world, "m")
        for _ in range(gap):
            world.address()
        second = Mutex(world, "m")
        world.state = [second, first] if swapped else [first, second]
        return Snapshots().take(world)

    assert locks(0, swapped=False) == locks(5, swapped=False)
    assert locks(0, swapped=False) != locks(0, swapped=True)


def repeating(once: Callable[[World], Callable[[], Awaitable[None]]]) -> Body:
    async def body(world: World) -> None:
        again = once(world)
        while True:
            await again()

    return body


def semaphore(world: World) -> Callable[[], Awaitable[None]]:
    sem = RwSem(world, "sem")

    async def again() -> None:
        await sem.down_read()
        await sem.up_read()

    return again


def section(world: World) -> Callable[[], Awaitable[None]]:
    srcu = Srcu(world, "srcu")

    async def again() -> None:
        idx = await srcu.read_lock()
        await srcu.read_unlock(idx)

    return again


def grace_period(world: World) -> Callable[[], Awaitable[None]]:
    srcu = Srcu(world, "srcu")

    async def again() -> None:
        idx = await srcu.read_lock()
        await srcu.read_unlock(idx)
        await srcu.synchronize_srcu()

    return again


@pytest.mark.parametrize(("once", "round_of"), [(semaphore, 2), (section, 2), (grace_period, 4)])
def test_the_books_that_a_primitive_keeps_do_not_count(
    once: Callable[[World], Callable[[], Awaitable[None]]], round_of: int
) -> None:
    found = keys(repeating(once), 3 * round_of)
    assert found[round_of::round_of] == [found[round_of]] * 3
    assert len(set(found[round_of : 2 * round_of])) == round_of


def test_what_a_pending_operation_need_not_wait_for_does_not_count() -> None:
    snapshots = Snapshots()

    def waiting(rounds: int) -> bytes:
        """The state in which somebody waits for an open section, some others being over."""
        world = World()
        srcu = Srcu(world, "srcu")

        async def holder() -> None:
            idx = await srcu.read_lock()
            await srcu.read_unlock(idx)

        async def waiter() -> None:
            await srcu.synchronize_srcu()

        world.spawn(repeating(lambda _: _round(srcu))(world), "reader")
        world.spawn(holder(), "holder")
        world.spawn(waiter(), "waiter")
        for index in (*(0,) * (2 * rounds), 1, 2):
            world.step(world.tasks[index])
        assert [task.comm for task in world.blocked()] == ["waiter"]
        key = snapshots.take(world)
        world.close()
        return key

    assert waiting(1) == waiting(2) == waiting(3)


def _round(srcu: Srcu) -> Callable[[], Awaitable[None]]:
    async def again() -> None:
        idx = await srcu.read_lock()
        await srcu.read_unlock(idx)

    return again


def test_the_counts_and_the_result_of_a_task_count() -> None:
    async def deeper(world: World) -> None:
        while True:
            await preempt_disable()

    assert len(set(keys(deeper, 4))) == 5

    def ended(result: int) -> bytes:
        async def body(world: World) -> int:
            await cpu_relax()
            return result

        world = alone(body)
        world.step(world.tasks[0])
        return Snapshots().take(world)

    assert ended(1) == ended(1)
    assert ended(1) != ended(2)


def test_what_the_caller_adds_counts() -> None:
    world = alone(holding(0))
    snapshots = Snapshots()
    assert snapshots.take(world, [1]) == snapshots.take(world, [1])
    assert snapshots.take(world, [1]) != snapshots.take(world, [2])


def test_the_same_schedule_gives_the_same_keys_in_another_world() -> None:
    snapshots = Snapshots()

    def run() -> list[bytes]:
        world = World()
        mutex, x = Mutex(world, "m"), Variable(world, 0, "x")

        async def task(value: int) -> None:
            await mutex.lock()
            await WRITE_ONCE(x, value)
            await mutex.unlock()

        for value in (1, 2):
            world.spawn(task(value), f"t{value}")
        found = []
        while enabled := world.enabled():
            world.step(enabled[-1])
            found.append(snapshots.take(world))
        return found

    assert run() == run()
    assert len(set(run())) == 6
