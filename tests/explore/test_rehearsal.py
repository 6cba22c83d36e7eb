"""What makes a model impossible to explore is named before anything is believed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from lockwright.core.errors import ModelError, NondeterminismError
from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.rehearsal import rehearse
from lockwright.explore.run import MakeWorld
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import Variable, VariableRead
from lockwright.kernel.slab import Faults, Field, Slab, kmalloc

Body = Callable[[Mutex, Mutex], Coroutine[Any, Any, None]]


def making(body: Body) -> MakeWorld:
    def make(names: Names) -> World:
        world = World(names)
        first, second = Mutex(world, "first"), Mutex(world, "second")
        world.spawn(body(first, second), "t0")
        world.spawn(body(first, second), "t1")
        return world

    return make


def rehearsed(body: Body) -> None:
    make = making(body)
    run = next(iter(Dpor(make)))
    rehearse(make, run)


def test_a_sound_model_passes() -> None:
    async def body(first: Mutex, second: Mutex) -> None:
        await first.lock()
        await first.unlock()

    rehearsed(body)


def test_a_task_that_waits_for_ever_has_forgotten_nothing() -> None:
    async def body(first: Mutex, second: Mutex) -> None:
        await first.lock()
        await first.lock()

    rehearsed(body)


def test_what_another_outcome_touches_first_is_no_difference() -> None:
    """The search numbers what a failed allocation leads to, which the rehearsal never meets."""

    class Thing(Slab):
        used: Field[int] = Field(0)
        unused: Field[int] = Field(0)

        __slots__ = ()

    def make(names: Names) -> World:
        world = World(names)
        world.faults = Faults(world, 1)
        old = Thing(world, "old")

        async def user() -> None:
            made = await kmalloc(world, lambda: Thing(world, "new"), "thing")
            if made is None:
                old.unused = 1
            await kmalloc(world, lambda: Thing(world, "newer"), "thing")
            old.used = 1

        world.spawn(user(), "user")
        return world

    runs = iter(Dpor(make))
    rehearse(make, next(runs))


def test_a_forgotten_await_is_named_with_its_line() -> None:
    async def body(first: Mutex, second: Mutex) -> None:
        first.lock()
        await second.lock()
        await second.unlock()

    with pytest.raises(ModelError, match=r"mutex_lock\(first\) \(body\(\), .*\) was made"):
        rehearsed(body)


def test_chance_in_a_model_is_noticed() -> None:
    coins = itertools.cycle([True, True, False])

    async def body(first: Mutex, second: Mutex) -> None:
        mutex = first if next(coins) else second
        await mutex.lock()
        await mutex.unlock()

    with pytest.raises(NondeterminismError, match="the first execution, run again, is another one"):
        rehearsed(body)


async def nothing_of_ours() -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("first", [True, False])
def test_what_is_no_operation_cannot_be_awaited(first: bool) -> None:
    async def body(mutex: Mutex, _: Mutex) -> None:
        steps: list[Callable[[], Awaitable[object]]] = [mutex.lock, nothing_of_ours]
        for step in reversed(steps) if first else steps:
            await step()

    with pytest.raises(ModelError, match="task t0 awaited something that is no operation"):
        list(Dpor(making(body)))


def test_spawn_wants_a_coroutine() -> None:
    async def body() -> None:
        pass

    with pytest.raises(ModelError, match="wants a coroutine and got a function; call the async"):
        World().spawn(body, "t")  # type: ignore[arg-type]  # the mistake under test


class Box(Slab):
    """One field."""

    cache = "box"
    content: Field[int] = Field(0)


def test_state_that_is_touched_before_the_first_operation_is_named() -> None:
    world = World()
    box = Box(world, "b")

    async def hasty() -> None:
        box.content = 1

    with pytest.raises(ModelError, match=r"task t touched box->content before its first operation"):
        world.spawn(hasty(), "t")


@pytest.mark.parametrize("search", [Dpor, plain_search])
def test_a_loop_that_polls_is_told_what_to_do(search: Callable[[MakeWorld], Any]) -> None:
    def make(names: Names) -> World:
        world = World(names)
        flag = Variable(world, 0, "flag")

        async def poller() -> None:
            while not await VariableRead(flag):
                pass

        world.spawn(poller(), "poller")
        return world

    with pytest.raises(ModelError, match=r"the last of poller in READ_ONCE\(flag\).*as a wait"):
        list(search(make))
