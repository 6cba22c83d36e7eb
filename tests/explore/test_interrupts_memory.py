"""Interrupts that come anywhere, on machines whose stores wait in a buffer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lockwright.core.location import Names
from lockwright.core.raised import Look
from lockwright.core.task import Context
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.run import Run, trace_key
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.storebuffer import use_memory
from lockwright.options import Options
from lockwright.scenario import scenario
from lockwright.session import Session, explore
from lockwright.token import parse_token

Setup = Callable[[World], None]
WEAK = ("tso", "pso")


def runs(setup: Setup, memory: str, *, anywhere: bool = True) -> Iterator[Run]:
    def make(names: Names) -> World:
        world = World(names)
        use_memory(world, memory)
        if anywhere:
            world.interrupts = "anywhere"
        setup(world)
        return world

    yield from Dpor(make)


def stores_and_handler(world: World) -> None:
    """A task stores to x and looks at z; a handler looks at x and stores to z."""
    x, z = Variable(world, 0, "x"), Variable(world, 0, "z")
    said: dict[str, int] = {}
    world.state = said

    async def task() -> None:
        await WRITE_ONCE(x, 1)
        said["z"] = await READ_ONCE(z)

    async def handler() -> None:
        said["x"] = await READ_ONCE(x)
        await WRITE_ONCE(z, 1)

    world.spawn(task(), "task")
    world.spawn(handler(), "handler", context=Context.SOFTIRQ)


@pytest.mark.parametrize("memory", ["sc", *WEAK])
def test_a_handler_sees_what_the_task_beneath_has_stored(memory: str) -> None:
    """The store is in the buffer of the CPU that the handler runs on, too."""
    above = 0
    for run in runs(stores_and_handler, memory):
        ops = [op for number, op, _, _ in run.log if number == run.world.tasks[0].number]
        taken = [at for at, op in enumerate(ops) if isinstance(op, Look) and op.taken is not None]
        if not taken:
            continue
        above += 1
        stored = any(op.kind == "WRITE_ONCE" for op in ops[: taken[0]])
        assert run.world.state["x"] == int(stored)
        looked = any(op.kind == "READ_ONCE" for op in ops[: taken[0]])
        assert run.world.state["z"] == int(not looked)
    assert above


def outcome(run: Run) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(run.world.state.items()))


@pytest.mark.parametrize("memory", WEAK)
def test_beside_the_task_a_handler_may_miss_its_store_and_the_task_the_handlers(
    memory: str,
) -> None:
    """Store buffering: both are 0 only if both stores wait, each on a CPU of its own."""

    def both_wait(world: World) -> None:
        x, z = Variable(world, 0, "x"), Variable(world, 0, "z")
        said: dict[str, int] = {}
        world.state = said

        async def task() -> None:
            await WRITE_ONCE(x, 1)
            said["z"] = await READ_ONCE(z)

        async def handler() -> None:
            await WRITE_ONCE(z, 1)
            said["x"] = await READ_ONCE(x)

        world.spawn(task(), "task")
        world.spawn(handler(), "handler", context=Context.SOFTIRQ)

    above: dict[bool, set[tuple[tuple[str, int], ...]]] = {False: set(), True: set()}
    for run in runs(both_wait, memory):
        ops = (op for _, op, _, _ in run.log)
        on_top = any(isinstance(op, Look) and op.taken is not None for op in ops)
        above[on_top].add(outcome(run))
    everything = {(("x", x), ("z", z)) for x in (0, 1) for z in (0, 1)}
    assert above[False] == everything
    # before the store, between it and the load, after both
    assert above[True] == everything - {(("x", 0), ("z", 0))}


@pytest.mark.parametrize("memory", WEAK)
def test_every_trace_is_explored_once(memory: str) -> None:
    names = Names()

    def small(world: World) -> None:
        x = Variable(world, 0, "x")
        said: dict[str, int] = {}
        world.state = said

        async def task() -> None:
            await WRITE_ONCE(x, 1)

        async def handler() -> None:
            said["x"] = await READ_ONCE(x)

        world.spawn(task(), "task")
        world.spawn(handler(), "handler", context=Context.SOFTIRQ)

    def make(_: Names) -> World:
        world = World(names)
        use_memory(world, memory)
        world.interrupts = "anywhere"
        small(world)
        return world

    search = Dpor(make)
    search.names = names
    by_trace = [(trace_key(run), outcome(run), run.sleeping) for run in search]
    traces = [trace for trace, _, _ in by_trace]
    assert not any(sleeping for _, _, sleeping in by_trace)
    assert len(set(traces)) == len(traces)
    plain = {(trace_key(run), outcome(run)) for run in plain_search(make)}
    assert {(trace, said) for trace, said, _ in by_trace} == plain


@pytest.mark.parametrize("memory", WEAK)
def test_a_scenario_has_both_and_its_token_says_so(memory: str) -> None:
    @scenario("made/weak:handler")
    def build(world: World) -> None:
        lock = SpinLock(world, "A")

        async def takes() -> None:
            await lock.lock()
            await lock.unlock()

        world.spawn(takes(), "task")
        world.spawn(takes(), "handler", context=Context.SOFTIRQ)

    weak = build.with_parameters({"memory": memory})
    assert "deadlock" not in {each.kind for each in explore(weak).findings}
    both = weak.with_parameters({"interrupts": "anywhere"})
    (found,) = [each for each in explore(both).findings if each.kind == "deadlock"]
    # the handler spins for what the task beneath it holds, which waits for it
    assert found.message.startswith("2 tasks wait for ever: ")
    assert "handler in spin_lock(A)" in found.message
    token = parse_token(found.token)
    assert dict(token.parameters) == {"memory": memory, "interrupts": "anywhere"}
    again = build.with_parameters(dict(token.parameters))
    _, findings = Session(again, Options()).run_once(token.schedule)
    assert [each.message for each in findings if each.kind == "deadlock"] == [found.message]
