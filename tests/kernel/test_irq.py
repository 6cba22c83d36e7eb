"""Interrupt lines: contexts, what listeners are told, what is found, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from lockwright.core.errors import KernelOops, ModelError, UsageError
from lockwright.core.irqs import IRQ_EVENTS
from lockwright.core.operation import Operation
from lockwright.core.snapshot import Snapshots
from lockwright.core.task import Context, Task
from lockwright.core.world import World
from lockwright.kernel.completion import Completion
from lockwright.kernel.context import cpu_relax
from lockwright.kernel.irq import handling, interrupt
from lockwright.kernel.irqflags import local_bh_disable, local_irq_enable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.spinlock import SpinLock
from lockwright.options import Options
from lockwright.report.columns import columns
from lockwright.scenario import Scenario, scenario
from lockwright.session import Session, explore

Body = Callable[[], Coroutine[Any, Any, None]]


def situation(
    make: Callable[[World], tuple[Body, Body]], context: Context = Context.HARDIRQ
) -> Scenario:
    """One task, and one line that can come on it."""

    @scenario("irq/test:case")
    def build(world: World) -> None:
        task, handler = make(world)
        made = world.spawn(task(), "reader", pid=901)
        interrupt(world, handler, "eth0", on=(made,), context=context)

    return build


def run(world: World, choices: str) -> None:
    """Let the only task take these outcomes, and then no interrupt."""
    left: Iterator[str] = iter(choices)
    while enabled := world.enabled():
        op = enabled[0].pending
        assert op is not None
        world.step(enabled[0], int(next(left, "0")) if op.chooses else 0)


def same(world: World) -> tuple[Body, Body]:
    """A task and a handler that both take A with spin_lock()."""
    lock = SpinLock(world, "A")

    async def eth0_read() -> None:
        await lock.lock()
        await lock.unlock()

    async def eth0_handler() -> None:
        await lock.lock()
        await lock.unlock()

    return eth0_read, eth0_handler


def test_a_lock_taken_with_interrupts_on_deadlocks_and_the_token_replays() -> None:
    build = situation(same)
    for granularity in ("operation", "section"):
        result = explore(build, Options(granularity=granularity))
        (found,) = [each for each in result.findings if each.kind == "deadlock"]
        assert found.message == "1 task waits for ever: reader in spin_lock(A)"
        assert [frame.function for frame in found.chain] == ["eth0_handler", "eth0_read"]
        session = Session(build, Options())
        _, again = session.run_once(found.schedule)
        assert [each.message for each in again if each.kind == "deadlock"] == [found.message]


def test_the_columns_show_the_handler_in_the_column_of_the_task() -> None:
    result = explore(situation(same), Options())
    (found,) = [each for each in result.findings if each.kind == "deadlock"]
    assert columns(found.events).splitlines() == [
        "step  reader",
        "      eth0_read:",
        "   1    spin_lock(A)",
        "   2    <Interrupt eth0>",
        "      blocked:",
        "        spin_lock(A)",
    ]


def test_a_handler_runs_as_the_task_in_its_own_context_and_puts_everything_back() -> None:
    seen: list[tuple[str, int, int, int, str | None]] = []
    told: list[str] = []

    def make(world: World) -> tuple[Body, Body]:
        word = Variable(world, 0, "word")

        def note() -> None:
            task = world.creator
            assert isinstance(task, Task)
            line = handling(task)
            context = task.context.value
            name = None if line is None else line.name
            seen.append((context, task.atomic, task.irqs_off, task.bhs_off, name))

        async def read() -> None:
            await READ_ONCE(word)
            note()
            await READ_ONCE(word)
            note()

        async def handler() -> None:
            note()
            await WRITE_ONCE(word, 1)

        return read, handler

    for context, expected, events in (
        (
            Context.HARDIRQ,
            ("hardirq", 2, 1, 0, "eth0"),
            ["hardirq enter", "hardirq exit"],
        ),
        (
            Context.SOFTIRQ,
            ("softirq", 2, 0, 1, "eth0"),
            ["softirq enter", "hardirqs on", "hardirqs off", "softirq exit"],
        ),
    ):
        seen.clear()
        told.clear()
        world = World()
        world.on_irq += (lambda task, event: told.append(IRQ_EVENTS[event]),)
        situation(make, context=context).set_up(world)
        run(world, "01")
        process = ("process", 0, 0, 0, None)
        assert seen == [process, expected, process]
        assert told == events


def test_a_handler_that_sleeps_is_found_in_hardirq_context() -> None:
    def make(world: World) -> tuple[Body, Body]:
        mutex = Mutex(world, "M")

        async def read() -> None:
            await cpu_relax()

        async def handler() -> None:
            await mutex.lock()
            await mutex.unlock()

        return read, handler

    result = explore(situation(make), Options())
    found = [each for each in result.findings if each.kind == "sleeping in atomic context"]
    assert len(found) == 1
    assert "in hardirq context" in found[0].message


@pytest.mark.parametrize(
    ("call", "context", "said"),
    [
        (local_irq_enable, Context.HARDIRQ, "interrupts on"),
        (local_bh_disable, Context.SOFTIRQ, "bottom halves off"),
        (None, Context.HARDIRQ, "its atomic depth changed by 1"),
    ],
)
def test_a_handler_that_leaves_its_context_changed_is_found(
    call: Callable[[], Operation] | None, context: Context, said: str
) -> None:
    def make(world: World) -> tuple[Body, Body]:
        lock = SpinLock(world, "A")

        async def read() -> None:
            await cpu_relax()

        async def handler() -> None:
            await (lock.lock() if call is None else call())

        return read, handler

    world = World()
    situation(make, context=context).set_up(world)
    run(world, "1")
    kinds = {each.kind: each.message for each in world.findings}
    changed = kinds["interrupt handler leaves its context changed"]
    assert changed == f"the handler of eth0 returns with {said}"
    task = world.tasks[0]
    assert (task.context, task.atomic, task.irqs_off, task.bhs_off) == (Context.PROCESS, 0, 0, 0)


def test_an_oops_in_a_handler_kills_the_task_and_shows_both_stacks() -> None:
    def make(world: World) -> tuple[Body, Body]:
        async def inner() -> None:
            await cpu_relax()
            raise KernelOops("BUG", "kernel BUG")

        async def read() -> None:
            await cpu_relax()

        async def handler() -> None:
            await inner()

        return read, handler

    world = World()
    situation(make).set_up(world)
    run(world, "1")
    (found,) = world.findings
    assert (found.kind, world.tasks[0].died) == ("BUG", True)
    assert [frame.function for frame in found.chain] == ["inner", "handler", "read"]


def test_a_reader_in_an_interrupt_does_not_wait_for_a_queued_writer() -> None:
    @scenario("irq/test:rwlock")
    def build(world: World) -> None:
        lock = RwLock(world, "L")

        async def reader() -> None:
            await lock.read_lock()
            await lock.read_unlock()

        async def writer() -> None:
            await lock.write_lock()
            await lock.write_unlock()

        async def handler() -> None:
            await lock.read_lock()
            await lock.read_unlock()

        task = world.spawn(reader(), "reader")
        world.spawn(writer(), "writer")
        interrupt(world, handler, "eth0", on=(task,))

    kinds = {each.kind for each in explore(build, Options()).findings}
    assert "deadlock" not in kinds


def test_a_handler_wakes_a_task_for_sure_only_with_an_idle_cpu() -> None:
    def build(*, idle: bool) -> Scenario:
        @scenario("irq/test:wakeup")
        def built(world: World) -> None:
            done = Completion(world, "done")

            async def waiter() -> None:
                await done.wait_for_completion()

            async def handler() -> None:
                await done.complete()

            task = world.spawn(waiter(), "waiter")
            interrupt(world, handler, "eth0", on=(task,), idle=idle)

        return built

    assert explore(build(idle=True), Options()).findings == []
    kinds = {each.kind for each in explore(build(idle=False), Options()).findings}
    assert kinds & {"deadlock", "lost wakeup"}


def test_states_with_and_without_a_handler_on_top_differ() -> None:
    world = World()
    situation(same).set_up(world)
    snapshots = Snapshots()
    before = snapshots.take(world)
    world.step(world.tasks[0], 1)
    inside = snapshots.take(world)
    other = World()
    situation(same).set_up(other)
    other.step(other.tasks[0], 0)
    assert len({before, inside, snapshots.take(other)}) == 3


def test_jobs_and_strategies_give_the_same_findings() -> None:
    build = situation(same)
    one = explore(build, Options(granularity="operation"))
    for options in (
        Options(strategy="bounded"),
        Options(strategy="liveness"),
        Options(strategy="random", executions=50),
    ):
        kinds = {each.kind for each in explore(build, options).findings}
        assert "deadlock" in kinds
    assert one.executions == 4


@pytest.mark.parametrize(
    ("locks", "context", "stuck"),
    [
        ("lock", Context.SOFTIRQ, True),
        ("lock_bh", Context.SOFTIRQ, False),
        ("lock_bh", Context.HARDIRQ, True),
        ("lock_irqsave", Context.SOFTIRQ, False),
    ],
)
def test_what_switches_off_a_kind_of_interrupt_keeps_that_kind_away(
    locks: str, context: Context, *, stuck: bool
) -> None:
    unlocks = {"lock": "unlock", "lock_bh": "unlock_bh", "lock_irqsave": "unlock_irqrestore"}

    def make(world: World) -> tuple[Body, Body]:
        lock = SpinLock(world, "A")

        async def read() -> None:
            await getattr(lock, locks)()
            await getattr(lock, unlocks[locks])()

        async def handler() -> None:
            await lock.lock()
            await lock.unlock()

        return read, handler

    result = explore(situation(make, context), Options())
    assert ("deadlock" in {each.kind for each in result.findings}) is stuck


@pytest.mark.parametrize("memory", ["tso", "pso"])
def test_interrupts_and_store_buffers_go_together(memory: str) -> None:
    result = explore(situation(same).with_parameters({"memory": memory}), Options())
    assert [each.message for each in result.findings if each.kind == "deadlock"] == [
        "1 task waits for ever: reader in spin_lock(A)"
    ]


def test_callbacks_come_on_top_of_tasks_only_when_asked() -> None:
    @scenario("irq/test:anywhere")
    def build(world: World) -> None:
        lock = SpinLock(world, "A")

        async def holder() -> None:
            await lock.lock()
            await lock.unlock()

        async def timer() -> None:
            await lock.lock()
            await lock.unlock()

        world.spawn(holder(), "holder")
        world.spawn(timer(), "timer", context=Context.SOFTIRQ)

    def deadlocks(build: Scenario) -> list[str]:
        found = explore(build, Options()).findings
        return [each.message for each in found if each.kind == "deadlock"]

    assert deadlocks(build) == []
    anywhere = build.with_parameters({"interrupts": "anywhere"})
    assert deadlocks(anywhere) == [
        "2 tasks wait for ever: holder in interrupted by timer; timer in spin_lock(A)"
    ]


def test_what_makes_no_line_is_refused_with_one_sentence() -> None:
    async def handler() -> None:
        await cpu_relax()

    async def task() -> None:
        await cpu_relax()

    def refused(error: type[Exception], says: str, **about: Any) -> None:  # noqa: ANN401  # any of the arguments, wrong ones too
        world = World()
        about.setdefault("on", (world.spawn(task(), "T"),))
        with pytest.raises(error, match=says):
            interrupt(world, about.pop("handler", handler), about.pop("name", "eth0"), **about)

    refused(UsageError, "HARDIRQ or SOFTIRQ, not PROCESS", context=Context.PROCESS)
    refused(UsageError, "needs a task that it can come on, or an idle CPU", on=())
    refused(UsageError, "expected an async function to call, and a name", name="")
    refused(UsageError, "expected an async function to call, and a name", handler=3)
    world = World()
    soft = world.spawn(task(), "S", context=Context.SOFTIRQ)
    refused(UsageError, "cannot run on top of S", on=(soft,), context=Context.SOFTIRQ)
    world.step(soft)
    with pytest.raises(ModelError, match="before the first step"):
        interrupt(world, handler, "eth0")
    with pytest.raises(UsageError, match="unknown interrupts 'often'"):
        World().interrupts = "often"


def test_a_handler_that_is_no_coroutine_is_the_models_error() -> None:
    async def task() -> None:
        await cpu_relax()

    world = World()
    made = world.spawn(task(), "T")
    interrupt(world, lambda: 3, "eth0", on=(made,))  # type: ignore[arg-type, return-value]  # bad
    with pytest.raises(ModelError, match="the handler of 'eth0' gave a int"):
        world.step(made, 1)
