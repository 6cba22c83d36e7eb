"""Assertions on locks and contexts, and annotations that cannot be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.lockuse import LockKey
from lockwright.core.operation import Operation
from lockwright.core.task import Context
from lockwright.core.world import World
from lockwright.kernel.annotate import (
    lock_set_class,
    lock_set_subclass,
    lockdep_set_class_and_name,
    lockdep_set_class_and_subclass,
    lockdep_set_notrack_class,
    lockdep_set_subclass,
)
from lockwright.kernel.context import (
    non_block_end,
    non_block_start,
    preempt_disable,
    preempt_enable,
    schedule,
    sleepable,
)
from lockwright.kernel.irqflags import (
    local_bh_disable,
    local_bh_enable,
    local_irq_disable,
    local_irq_enable,
)
from lockwright.kernel.lockassert import (
    lockdep_assert_held,
    lockdep_assert_held_read,
    lockdep_assert_held_write,
    lockdep_assert_in_irq,
    lockdep_assert_in_softirq,
    lockdep_assert_irqs_disabled,
    lockdep_assert_irqs_enabled,
    lockdep_assert_not_held,
    lockdep_assert_preemption_disabled,
    lockdep_assert_preemption_enabled,
)
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.spinlock import SpinLock
from tests.kernel.searching import alone, does, kinds, messages

ASSERTIONS = {
    "held": lockdep_assert_held,
    "write": lockdep_assert_held_write,
    "read": lockdep_assert_held_read,
    "not": lockdep_assert_not_held,
}


@pytest.mark.parametrize(
    ("around", "true"),
    [
        (("up_read", "down_read"), {"held", "read"}),
        (("up_write", "down_write"), {"held", "write"}),
        ((), {"not"}),
    ],
)
def test_what_a_task_may_say_of_a_semaphore(around: tuple[str, ...], true: set[str]) -> None:
    for name, call in ASSERTIONS.items():

        def setup(world: World, call: Callable[..., Operation] = call) -> None:
            sem = RwSem(world, "&sem")
            steps = [call(sem)]
            if around:
                steps = [getattr(sem, around[1])(), call(sem), getattr(sem, around[0])()]
            world.spawn(does(*steps), "task")

        run = alone(setup)
        said = {f"{call(RwSem(World(), '&sem')).describe()} in task"}
        assert messages([run]) == (set() if name in true else said)
        assert kinds([run]) == (set() if name in true else {"lockdep assertion failed"})


def test_that_another_task_holds_it_does_not_count() -> None:
    def setup(world: World) -> None:
        mutex = Mutex(world, "&mutex")

        async def holder() -> None:
            await mutex.lock()
            world.spawn(does(lockdep_assert_held(mutex)), "other")

        world.spawn(holder(), "holder")

    assert messages([alone(setup)]) == {"lockdep_assert_held(&mutex) in other"}


def test_a_lock_that_is_not_tracked_is_never_held() -> None:
    def setup(world: World) -> None:
        mutex = Mutex(world, "&mutex")
        lockdep_set_notrack_class(mutex)
        world.spawn(does(mutex.lock(), lockdep_assert_not_held(mutex), mutex.unlock()), "task")

    assert kinds([alone(setup)]) == set()


OFF = {
    "nothing": ((), ()),
    "irqs": ((local_irq_disable,), (local_irq_enable,)),
    "bhs": ((local_bh_disable,), (local_bh_enable,)),
    "preemption": ((preempt_disable,), (preempt_enable,)),
}


@pytest.mark.parametrize(
    ("context", "off", "true"),
    [
        (Context.PROCESS, "nothing", {"irqs on", "preemption on"}),
        (Context.PROCESS, "irqs", {"irqs off", "preemption off"}),
        (Context.PROCESS, "bhs", {"irqs on", "preemption off", "softirq"}),
        (Context.PROCESS, "preemption", {"irqs on", "preemption off"}),
        (Context.SOFTIRQ, "nothing", {"irqs on", "preemption off", "softirq"}),
        (Context.HARDIRQ, "nothing", {"irqs off", "preemption off", "irq"}),
        (Context.HARDIRQ, "bhs", {"irqs off", "preemption off", "irq"}),
    ],
)
def test_what_a_task_may_say_of_its_context(context: Context, off: str, true: set[str]) -> None:
    before, after = OFF[off]
    claims = {
        "irqs on": lockdep_assert_irqs_enabled,
        "irqs off": lockdep_assert_irqs_disabled,
        "preemption on": lockdep_assert_preemption_enabled,
        "preemption off": lockdep_assert_preemption_disabled,
        "softirq": lockdep_assert_in_softirq,
        "irq": lockdep_assert_in_irq,
    }

    def holds(claim: Callable[[], Operation]) -> bool:
        def setup(world: World) -> None:
            steps = [each() for each in (*before, claim, *after)]
            world.spawn(does(*steps), "task", context=context)

        return not messages([alone(setup)])

    assert {name for name, claim in claims.items() if holds(claim)} == true


def test_an_rcu_section_leaves_preemption_on() -> None:
    def setup(world: World) -> None:
        rcu = Rcu(world)
        world.spawn(
            does(rcu.rcu_read_lock(), lockdep_assert_preemption_enabled(), rcu.rcu_read_unlock()),
            "task",
        )

    assert kinds([alone(setup)]) == set()


def test_non_block_sections_forbid_to_sleep_and_nest() -> None:
    def setup(world: World) -> None:
        steps = [non_block_start(), non_block_start(), sleepable("a"), non_block_end()]
        steps += [sleepable("b"), non_block_end(), sleepable("c")]
        world.spawn(does(*steps), "task")

    assert messages([alone(setup)]) == {
        "sleeping function a() called in atomic context (atomic depth 2)",
        "sleeping function b() called in atomic context (atomic depth 1)",
    }


def test_a_non_block_section_that_nobody_began() -> None:
    def setup(world: World) -> None:
        world.spawn(does(non_block_end()), "task")

    assert kinds([alone(setup)]) == {"unbalanced non_block_end"}


def test_schedule_is_harmless_where_preemption_is_on() -> None:
    def setup(world: World) -> None:
        lock = SpinLock(world, "&lock")
        world.spawn(does(schedule(), lock.lock(), schedule(), lock.unlock()), "task")

    assert messages([alone(setup)]) == {
        "schedule() gives the CPU away in atomic context (atomic depth 1)"
    }


@pytest.mark.parametrize("subclass", [-1, 8])
def test_a_subclass_that_there_is_not(subclass: int) -> None:
    lock = Mutex(World(), "&mutex")
    message = f"^a lockdep subclass is 0 to 7, not {subclass}$"
    for call in (
        lambda: lockdep_set_subclass(lock, subclass),
        lambda: lockdep_set_class_and_subclass(lock, LockKey("&key"), subclass),
        lambda: lock_set_class(lock, LockKey("&key"), subclass),
        lambda: lock_set_subclass(lock, subclass),
    ):
        with pytest.raises(UsageError, match=message):
            call()


def test_a_class_keeps_the_wait_types_of_the_lock_and_takes_the_name() -> None:
    lock = SpinLock(World(), "&lock")
    lockdep_set_class_and_name(lock, LockKey("&key"), "&shown")
    assert (lock.cls.name, lock.cls.wait_inner) == ("&shown", 3)
    other = SpinLock(World(), "&other")
    lockdep_set_class_and_subclass(other, LockKey("&key"), 3)
    assert (other.cls.name, other.use("spin_lock").subclass) == ("&key", 3)
    assert other.use("spin_lock_nested", subclass=1).subclass == 1
