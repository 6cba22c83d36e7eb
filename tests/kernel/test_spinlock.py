"""Spinlocks, and interrupts and bottom halves switched off."""

import pytest

from lockwright.core.operation import Operation
from lockwright.core.world import World
from lockwright.kernel.context import sleepable
from lockwright.kernel.irqflags import (
    local_bh_disable,
    local_bh_enable,
    local_irq_disable,
    local_irq_enable,
    local_irq_restore,
    local_irq_save,
)
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.spinlock import SpinLock
from tests.kernel.searching import alone, does, kinds, messages, search, waiting

VARIANTS = ["", "_irqsave", "_irq", "_bh"]


def unlock_of(lock: SpinLock, variant: str) -> Operation:
    name = "unlock_irqrestore" if variant == "_irqsave" else f"unlock{variant}"
    operation: Operation = getattr(lock, name)()
    return operation


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_holders_exclude_each_other(variant: str) -> None:
    def setup(world: World) -> None:
        lock = SpinLock(world, "&lock")
        for name in ("a", "b"):
            take: Operation = getattr(lock, f"lock{variant}")()
            world.spawn(does(take, unlock_of(lock, variant)), name)

    runs = search(setup)
    # The second cannot start before the first has released: 2 orders.
    assert len(runs) == 2
    assert all(task.atomic == 0 for run in runs for task in run.world.tasks)


def test_opposite_order_deadlocks() -> None:
    def setup(world: World) -> None:
        a, b = SpinLock(world, "&a"), SpinLock(world, "&b")
        world.spawn(does(a.lock(), b.lock(), b.unlock(), a.unlock()), "ab")
        world.spawn(does(b.lock(), a.lock_irqsave(), a.unlock_irqrestore(), b.unlock()), "ba")

    assert waiting(search(setup)) == {("spin_lock(&b)", "spin_lock_irqsave(&a)")}


def test_taking_it_twice_is_a_deadlock() -> None:
    def setup(world: World) -> None:
        lock = SpinLock(world, "&lock")
        world.spawn(does(lock.lock(), lock.lock_nested(1)), "task")

    assert waiting(search(setup)) == {("spin_lock_nested(&lock)",)}


def test_a_trylock_fails_on_a_held_lock_and_only_reads() -> None:
    def setup(world: World) -> None:
        lock = SpinLock(world, "&lock")
        world.spawn(
            does(lock.trylock(), lock.trylock(), lock.unlock(), lock.trylock(), lock.unlock()), "a"
        )

    run = alone(setup)
    assert run.world.tasks[0].result == (True, False, None, True, None)
    assert run.touched[1][0] & 1 == 0
    assert run.world.tasks[0].atomic == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_sleeping_with_a_spinlock_is_found(variant: str) -> None:
    def setup(world: World) -> None:
        lock = SpinLock(world, "&lock")
        mutex = Mutex(world, "&mutex")
        take: Operation = getattr(lock, f"lock{variant}")()
        world.spawn(does(take, mutex.lock(), mutex.unlock(), unlock_of(lock, variant)), "task")

    assert kinds([alone(setup)]) == {"sleeping in atomic context"}


def test_each_function_that_sleeps_with_a_spinlock_is_a_finding_and_only_once() -> None:
    def setup(world: World) -> None:
        lock, mutex = SpinLock(world, "&lock"), Mutex(world, "&mutex")

        async def one() -> None:
            await lock.lock()
            await mutex.lock()
            await mutex.unlock()
            await lock.unlock()

        async def other() -> None:
            await lock.lock()
            for _ in range(2):
                await mutex.lock()
                await mutex.unlock()
            await lock.unlock()

        world.spawn(one(), "one")
        world.spawn(other(), "other")

    runs = search(setup)
    found = [each for run in runs for each in run.world.findings]
    slept = {each.signature: each.task for each in found if "sleeping" in each.kind}
    assert sorted(slept.values()) == [0, 1]


def test_releasing_what_another_task_holds_is_found() -> None:
    def setup(world: World) -> None:
        lock = SpinLock(world, "&lock")
        world.spawn(does(lock.unlock()), "task")

    assert messages([alone(setup)]) == {"task releases &lock, which it does not hold"}


def test_unlock_irq_switches_interrupts_on_under_an_outer_section() -> None:
    def setup(world: World) -> None:
        outer, inner = SpinLock(world, "&outer"), SpinLock(world, "&inner")
        world.spawn(does(outer.lock_irqsave(), inner.lock_irq(), inner.unlock_irq()), "wrong")

    task = alone(setup).world.tasks[0]
    assert task.irqs_off == 0
    assert task.atomic == 1  # the outer spinlock itself


def test_unlock_irqrestore_does_not() -> None:
    def setup(world: World) -> None:
        outer, inner = SpinLock(world, "&outer"), SpinLock(world, "&inner")
        world.spawn(
            does(outer.lock_irqsave(), inner.lock_irqsave(), inner.unlock_irqrestore()), "right"
        )

    task = alone(setup).world.tasks[0]
    assert task.irqs_off == 1
    assert task.atomic == 2


@pytest.mark.parametrize(
    ("off", "on"),
    [
        (local_irq_save, local_irq_restore),
        (local_irq_disable, local_irq_enable),
        (local_bh_disable, local_bh_enable),
    ],
)
def test_nobody_sleeps_with_interrupts_or_bottom_halves_off(off: object, on: object) -> None:
    def setup(world: World) -> None:
        assert callable(off)
        assert callable(on)
        world.spawn(does(off(), sleepable("a"), off(), on(), sleepable("b")), "task")
        world.spawn(does(off(), on(), on(), sleepable("c")), "other")

    world = World()
    setup(world)
    while enabled := world.enabled():
        world.step(enabled[0])
    found = [finding.message for finding in world.findings]
    assert any("a()" in message for message in found)
    assert any("b()" in message for message in found) == (on is not local_irq_enable)
    assert not any("c()" in message for message in found)
