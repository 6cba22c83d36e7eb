"""Each rule finds what it is for, names it, and keeps quiet otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from lockwright.core.result import Result, Verdict
from lockwright.core.world import World
from lockwright.kernel.context import preempt_disable, sleepable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.slab import Faults, Field, Slab, kfree, kmalloc
from lockwright.kernel.srcu import Srcu
from lockwright.scenario import Scenario
from lockwright.session import RULES, Options, explore


class Box(Slab):
    """An object with one field and one pointer."""

    cache = "box"
    content: Field[int] = Field(0)
    other: Field[Slab | None] = Field(None)


def run(
    build: Callable[[World], None],
    *,
    at_end: tuple[Callable[[World], Iterable[str]], ...] = (),
    options: Options | None = None,
) -> Result:
    return explore(Scenario("test/rules:case", build, at_end=at_end), options)


def kinds(result: Result) -> list[str]:
    return sorted({finding.kind for finding in result.findings})


def two_locks(world: World, *, swapped: bool) -> None:
    a, b = Mutex(world, "A"), Mutex(world, "B")

    async def task(first: Mutex, second: Mutex) -> None:
        await first.lock()
        await second.lock()
        await second.unlock()
        await first.unlock()

    world.spawn(task(a, b), "one")
    world.spawn(task(b, a) if swapped else task(a, b), "two")


def test_abba_is_predicted_and_confirmed_with_both_holders_named() -> None:
    result = run(lambda world: two_locks(world, swapped=True))
    # traces: one first, two first, and the one in which each has taken its first lock
    assert (result.executions, result.deadlocked, result.complete) == (3, 1, True)
    cycle, deadlock = result.findings
    assert cycle.kind == "possible circular locking dependency"
    assert cycle.reality == "confirmed"
    assert deadlock.kind == "deadlock"
    assert deadlock.message == ("2 tasks wait for ever: one in mutex_lock(B); two in mutex_lock(A)")
    assert "  holds: A (mutex_lock)" in deadlock.lines
    assert "  holds: B (mutex_lock)" in deadlock.lines
    assert deadlock.classes == ("A", "B")


def test_one_order_is_verified() -> None:
    def build(world: World) -> None:
        two_locks(world, swapped=False)

    operations = run(build, options=Options(granularity="operation"))
    assert (operations.verdict, operations.executions) == (Verdict.VERIFIED, 2)
    # the sections touch nothing in common, so that they have no order
    result = run(build)
    assert (result.verdict, result.executions, result.findings) == (Verdict.VERIFIED, 1, [])


def test_a_cycle_behind_a_gate_is_predicted_and_refuted() -> None:
    def build(world: World) -> None:
        a, b, gate = Mutex(world, "A"), Mutex(world, "B"), Mutex(world, "gate")

        async def task(first: Mutex, second: Mutex) -> None:
            await gate.lock()
            await first.lock()
            await second.lock()
            await second.unlock()
            await first.unlock()
            await gate.unlock()

        world.spawn(task(a, b), "one")
        world.spawn(task(b, a), "two")

    result = run(build)
    (cycle,) = result.findings
    assert (cycle.reality, result.executions) == ("refuted", 2)
    assert cycle.because == "within this scenario: none of its 2 traces deadlocks on it"
    stopped = run(build, options=Options(executions=1))
    (cycle,) = stopped.findings
    assert (cycle.reality, stopped.complete) == ("open", False)


def test_a_lock_held_at_task_exit_is_named() -> None:
    def build(world: World) -> None:
        mutex = Mutex(world, "eventfs_mutex")

        async def forgetful() -> None:
            await mutex.lock()

        world.spawn(forgetful(), "mkdir")

    (finding,) = run(build).findings
    assert finding.kind == "lock held at task exit"
    assert "mkdir/840 still has locks held!" in finding.text


def test_a_task_that_waits_for_itself_is_a_recursion_and_a_deadlock() -> None:
    def build(world: World) -> None:
        mutex = Mutex(world, "M")

        async def task() -> None:
            await mutex.lock()
            await mutex.lock()

        world.spawn(task(), "t")

    result = run(build)
    recursion, deadlock = sorted(result.findings, key=lambda f: f.kind, reverse=True)
    assert (recursion.kind, recursion.reality) == ("possible recursive locking", "confirmed")
    assert deadlock.kind == "deadlock"


def test_use_after_free_is_found_in_the_one_order_that_has_it() -> None:
    def build(world: World) -> None:
        box = Box(world, "b")

        async def reader() -> None:
            await sleepable("read")
            _ = box.content

        async def remover() -> None:
            await kfree(box)

        world.spawn(reader(), "reader")
        world.spawn(remover(), "remover")

    result = run(build)
    (finding,) = result.findings
    assert finding.kind == "use-after-free"
    assert finding.message == (
        "use-after-free: read of box b->content, freed by remover in remover()"
    )
    assert [frame.function for frame in finding.chain] == ["reader"]
    assert (finding.executions, result.executions) == (1, 2)


def test_a_second_free_is_found() -> None:
    def build(world: World) -> None:
        box = Box(world, "b")

        async def remover() -> None:
            await kfree(box)

        world.spawn(remover(), "one")
        world.spawn(remover(), "two")

    assert kinds(run(build)) == ["double free"]


@pytest.mark.parametrize(("kept", "expected"), [(True, []), (False, ["leak"])])
def test_what_no_reference_leads_to_is_a_leak(
    kept: bool, expected: list[str]
) -> None:  # a parameter of the test
    def build(world: World) -> None:
        root = Box(world, "root")
        world.state = root

        async def task() -> None:
            made = await kmalloc(world, lambda: Box(world, "made"), "box")
            if kept:
                root.other = made

        world.spawn(task(), "t")

    assert kinds(run(build)) == expected


def test_an_allocation_can_be_made_to_fail() -> None:
    def build(world: World) -> None:
        world.faults = Faults(world, 1)

        async def task() -> None:
            made = await kmalloc(world, lambda: Box(world, "made"), "box")
            made.content = 1
            await kfree(made)

        world.spawn(task(), "t")

    result = run(build)
    assert kinds(result) == ["NULL pointer dereference"]
    assert result.executions == 2


def test_plain_accesses_that_nothing_orders_are_a_data_race() -> None:
    def build(world: World) -> None:
        box, mutex = Box(world, "b"), Mutex(world, "M")

        async def careless() -> None:
            await sleepable("x")
            box.content = 1

        async def careful() -> None:
            await mutex.lock()
            box.content = 2
            await mutex.unlock()

        world.spawn(careless(), "careless")
        world.spawn(careful(), "careful")

    (finding,) = run(build).findings
    assert finding.kind == "data race"
    assert finding.message == (
        "box->content: write by careless in careless() and write by careful in careful(), with "
        "nothing to order them"
    )
    assert "BUG: KCSAN: data-race in careful / careless" in finding.text
    assert finding.signature == "box->content: careful / careless"
    without = tuple(name for name in RULES if name != "data-race")
    result = run(build, options=Options(rules=without))
    assert (result.verdict, result.findings) == (Verdict.VERIFIED, [])
    assert "no plain accesses race: that was not judged" in result.assumptions[2]


def test_what_a_lock_orders_is_no_data_race() -> None:
    def build(world: World) -> None:
        box, mutex = Box(world, "b"), Mutex(world, "M")

        async def task() -> None:
            await mutex.lock()
            box.content = box.content + 1
            await mutex.unlock()

        for name in ("a", "b", "c"):
            world.spawn(task(), name)

    result = run(build)
    assert (result.verdict, result.executions) == (Verdict.VERIFIED, 6)


def test_promises_are_checked_where_an_execution_ends_well() -> None:
    def lost_update(world: World) -> Iterable[str]:
        if world.state.value != 2:
            yield f"the counter is {world.state.value}, not 2"

    def build(world: World) -> None:
        world.state = Variable(world, 0, "counter")

        async def increment() -> None:
            value = await READ_ONCE(world.state)
            await WRITE_ONCE(world.state, value + 1)

        world.spawn(increment(), "a")
        world.spawn(increment(), "b")

    result = run(build, at_end=(lost_update,))
    # four traces, as for inc(2); in two of them the increments do not overlap
    assert (result.executions, [f.executions for f in result.findings]) == (4, [2])
    assert result.findings[0].message == "the counter is 1, not 2"
    stopped = run(build, options=Options(executions=1))
    assert (stopped.verdict, stopped.findings) == (Verdict.STOPPED, [])


def test_a_read_section_or_an_atomic_one_must_be_left() -> None:
    def build(world: World) -> None:
        srcu = Srcu(world, "eventfs_srcu")

        async def reader() -> None:
            await srcu.read_lock()

        async def atomic() -> None:
            await preempt_disable()

        world.spawn(reader(), "reader")
        world.spawn(atomic(), "atomic")

    assert "atomic context at task exit" in kinds(run(build))
    assert "SRCU misuse" in kinds(run(build))


def test_sleeping_under_preempt_disable_is_found() -> None:
    def build(world: World) -> None:
        mutex = Mutex(world, "M")

        async def task() -> None:
            await preempt_disable()
            await mutex.lock()
            await mutex.unlock()

        world.spawn(task(), "t")

    result = run(build)
    messages = [f.message for f in result.findings if f.kind == "sleeping in atomic context"]
    assert messages == ["sleeping function mutex_lock() called in atomic context (atomic depth 1)"]
