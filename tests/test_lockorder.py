"""Every kind of report, from worlds whose tasks use nothing but the primitives."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from lockwright.core.finding import Finding
from lockwright.core.lockuse import WAIT_SLEEP, LockKey
from lockwright.core.operation import Operation
from lockwright.core.result import Result, Verdict
from lockwright.core.task import Context
from lockwright.core.world import World
from lockwright.kernel.annotate import (
    LockCompare,
    lock_set_class,
    lock_set_cmp_fn,
    lock_set_subclass,
    lockdep_off,
    lockdep_on,
    lockdep_set_class,
    lockdep_set_notrack_class,
    lockdep_set_novalidate_class,
    lockdep_set_subclass,
)
from lockwright.kernel.context import non_block_end, non_block_start, schedule, sleepable
from lockwright.kernel.irqflags import (
    local_bh_disable,
    local_bh_enable,
    local_irq_disable,
    local_irq_enable,
)
from lockwright.kernel.local_lock import LocalLock
from lockwright.kernel.lockassert import (
    lock_contended,
    lockdep_assert_none_held_once,
    lockdep_pin_lock,
    lockdep_unpin_lock,
    might_lock,
    user_return,
)
from lockwright.kernel.lockmap import WaitOverride
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.seqlock import SeqLock
from lockwright.kernel.slab import Slab, kfree
from lockwright.kernel.spinlock import RawSpinLock, SpinLock
from lockwright.lockorder import proves_raw_nesting
from lockwright.scenario import Scenario
from lockwright.session import explore
from tests.kernel.searching import does

Build = Callable[[World], None]


def run(build: Build, release: str = "6.19") -> Result:
    return explore(Scenario("test/lockorder:case", build, release=release))


def found(build: Build, release: str = "6.19") -> list[str]:
    """The kinds of the findings, sorted."""
    return sorted(finding.kind for finding in run(build, release).findings)


def only(build: Build, release: str = "6.19") -> Finding:
    (finding,) = run(build, release).findings
    return finding


class OldRwLock(RwLock):
    """One without a queue."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name, queued=False)


# Interrupts


def softirq_and_task(off: str) -> Build:
    """A softirq takes a lock that a task takes with bottom halves on, or off."""

    def build(world: World) -> None:
        lock = SpinLock(world, "&lock")
        take, drop = getattr(lock, f"lock{off}"), getattr(lock, f"unlock{off}")
        world.spawn(does(lock.lock(), lock.unlock()), "timer", context=Context.SOFTIRQ)
        world.spawn(does(take(), drop()), "task")

    return build


def test_a_lock_of_a_softirq_that_is_taken_with_bottom_halves_on() -> None:
    finding = only(softirq_and_task(""))
    assert finding.kind == "inconsistent lock state"
    assert finding.classes == ("&lock",)
    assert finding.message in (
        "&lock: IN-SOFTIRQ-W -> SOFTIRQ-ON-W",
        "&lock: SOFTIRQ-ON-W -> IN-SOFTIRQ-W",
    )
    assert "WARNING: inconsistent lock state" in finding.text


@pytest.mark.parametrize("off", ["_bh", "_irq"])
def test_no_report_where_that_is_off(off: str) -> None:
    assert found(softirq_and_task(off)) == []


def test_the_same_of_a_hard_interrupt_and_a_section_between_disable_and_enable() -> None:
    def build(world: World, *, off: bool) -> None:
        lock = SpinLock(world, "&lock")
        world.spawn(does(lock.lock(), lock.unlock()), "irq", context=Context.HARDIRQ)
        section = (lock.lock(), lock.unlock())
        steps = (local_irq_disable(), *section, local_irq_enable()) if off else section
        world.spawn(does(*steps), "task")

    assert found(lambda world: build(world, off=True)) == []
    assert found(lambda world: build(world, off=False)) == ["inconsistent lock state"]


@pytest.mark.parametrize(
    ("lock", "take"),
    [
        (SpinLock, "lock_irqsave"),
        (RwLock, "write_lock_irqsave"),
        (RwLock, "read_lock_irq"),
        (OldRwLock, "write_lock_irqsave"),
        (OldRwLock, "read_lock_irq"),
    ],
)
def test_a_task_that_spins_for_ever_does_so_with_interrupts_off(
    lock: type[SpinLock | RwLock], take: str
) -> None:
    def build(world: World) -> None:
        one = lock(world, "&lock")
        drop = "unlock" if lock is SpinLock else "write_unlock"
        first = "lock" if lock is SpinLock else "write_lock"
        world.spawn(
            does(getattr(one, first)(), getattr(one, drop)()), "irq", context=Context.HARDIRQ
        )

        world.spawn(does(getattr(one, f"{first}_irqsave")()), "holder")
        world.spawn(does(getattr(one, take)()), "task")

    kinds = found(build)
    assert "deadlock" in kinds
    assert "inconsistent lock state" not in kinds


def test_switching_interrupts_on_under_a_lock_marks_it() -> None:
    def build(world: World) -> None:
        outer, inner = SpinLock(world, "&outer"), SpinLock(world, "&inner")
        world.spawn(does(outer.lock(), outer.unlock()), "irq", context=Context.HARDIRQ)
        world.spawn(
            does(outer.lock_irqsave(), inner.lock_irq(), inner.unlock_irq(), outer.unlock()),
            "wrong",
        )

    assert "inconsistent lock state" in found(build)


def test_a_handler_that_switches_interrupts_off_and_on_tells_nobody() -> None:
    def build(world: World) -> None:
        lock, other = SpinLock(world, "&lock"), SpinLock(world, "&other")
        world.spawn(
            does(lock.lock(), other.lock_irqsave(), other.unlock_irqrestore(), lock.unlock()),
            "irq",
            context=Context.HARDIRQ,
        )
        world.spawn(
            does(lock.lock(), local_bh_disable(), local_bh_enable(), lock.unlock()),
            "softirq",
            context=Context.SOFTIRQ,
        )
        world.spawn(does(lock.lock_irq(), lock.unlock_irq()), "task")

    kinds = found(build)
    # of the softirq: it takes with interrupts on what the hard interrupt takes
    assert kinds == ["inconsistent lock state"]


def test_an_irq_safe_lock_held_around_an_unsafe_one() -> None:
    def build(world: World) -> None:
        safe, unsafe = SpinLock(world, "&safe"), SpinLock(world, "&unsafe")
        world.spawn(does(safe.lock(), safe.unlock()), "irq", context=Context.HARDIRQ)
        world.spawn(does(unsafe.lock(), unsafe.unlock()), "user")
        world.spawn(
            does(safe.lock_irqsave(), unsafe.lock(), unsafe.unlock(), safe.unlock_irqrestore()),
            "task",
        )

    finding = only(build)
    # which of the three came last decides between the two forms of it
    assert finding.kind in ("irq-safe -> irq-unsafe lock order", "possible irq lock inversion")
    assert finding.classes == ("&safe", "&unsafe")
    assert "IRQ" in finding.text


def one_after_the_other(
    world: World, *tasks: tuple[str, Context, Callable[[], tuple[Operation, ...]]]
) -> None:
    """Spawn each task when the one before it has ended: one execution, one order."""

    async def chain(at: int) -> None:
        name, _, steps = tasks[at]
        for operation in steps():
            await operation
        if at + 1 < len(tasks):
            following = tasks[at + 1]
            world.spawn(chain(at + 1), following[0], context=following[1])
        assert name

    world.spawn(chain(0), tasks[0][0], context=tasks[0][1])


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        (("irq", "user", "nests"), "irq-safe -> irq-unsafe lock order"),
        (("nests", "user", "irq"), "possible irq lock inversion"),
        (("nests", "irq", "user"), "possible irq lock inversion"),
    ],
)
def test_what_comes_last_says_which_report_it_is(order: tuple[str, ...], kind: str) -> None:
    def build(world: World) -> None:
        safe, unsafe = SpinLock(world, "&safe"), SpinLock(world, "&unsafe")
        parts = {
            "irq": (Context.HARDIRQ, lambda: (safe.lock(), safe.unlock())),
            "user": (Context.PROCESS, lambda: (unsafe.lock(), unsafe.unlock())),
            "nests": (
                Context.PROCESS,
                lambda: (
                    safe.lock_irqsave(),
                    unsafe.lock(),
                    unsafe.unlock(),
                    safe.unlock_irqrestore(),
                ),
            ),
        }
        one_after_the_other(world, *((name, *parts[name]) for name in order))

    assert only(build).kind == kind


def test_a_read_lock_in_a_softirq_is_recursive_and_needs_writers_to_disable_only() -> None:
    def build(world: World) -> None:
        lock = RwLock(world, "&tasklist_lock")
        world.spawn(does(lock.read_lock(), lock.read_unlock()), "irq", context=Context.HARDIRQ)
        world.spawn(does(lock.read_lock(), lock.read_unlock()), "reader")
        world.spawn(does(lock.write_lock_irq(), lock.write_unlock_irq()), "writer")

    assert found(build) == []


def test_a_reader_of_a_seqlock_in_a_handler_and_a_writer_it_can_interrupt() -> None:
    def build(world: World) -> None:
        lock = SeqLock(world, "jiffies_lock")
        world.spawn(does(lock.read_seqbegin()), "irq", context=Context.HARDIRQ)

        async def writer() -> None:
            await lock.write_seqlock()
            await lock.write_sequnlock()

        world.spawn(writer(), "writer")

    finding = only(build)
    assert finding.kind == "inconsistent lock state"
    assert finding.classes == ("jiffies_lock.seqcount",)


def test_enabling_bottom_halves_with_interrupts_off_is_found() -> None:
    def build(world: World) -> None:
        world.spawn(
            does(local_bh_disable(), local_irq_disable(), local_bh_enable(), local_irq_enable()),
            "task",
        )

    finding = only(build)
    assert finding.kind == "lockdep assertion failed"
    assert finding.message.startswith("lockdep_assert_irqs_enabled()")
    assert "WARNING" in finding.text


# Wait contexts


@pytest.mark.parametrize(
    ("release", "kinds"),
    [
        ("6.19", ["Invalid wait context"]),
        ("6.5.0-rc1", []),  # without proof of raw nesting a spinlock is a raw one
        ("lockwright", ["Invalid wait context"]),
    ],
)
def test_a_spinlock_under_a_raw_one(release: str, kinds: list[str]) -> None:
    def build(world: World) -> None:
        raw, lock = RawSpinLock(world, "&raw"), SpinLock(world, "&lock")
        world.spawn(does(raw.lock(), lock.lock(), lock.unlock(), raw.unlock()), "task")

    assert found(build, release) == kinds


def test_a_mutex_under_a_spinlock_and_an_override() -> None:
    def build(world: World, *, override: bool) -> None:
        lock, mutex = SpinLock(world, "&lock"), Mutex(world, "&mutex")
        allowed = WaitOverride(world, "put_task", WAIT_SLEEP)
        section: tuple[Operation, ...] = (mutex.lock(), mutex.unlock())
        if override:
            section = (allowed.lock_map_acquire_try(), *section, allowed.lock_map_release())
        world.spawn(does(lock.lock(), *section, lock.unlock()), "task")

    sleeping = "sleeping in atomic context"
    assert found(lambda world: build(world, override=False)) == ["Invalid wait context", sleeping]
    assert found(lambda world: build(world, override=True)) == [sleeping]


def test_which_releases_prove_raw_nesting() -> None:
    releases = ("2.6.32", "5.15.1", "6.5.0-rc1", "6.11", "6.12", "v6.19.0", "7.0", "lockwright")
    proved = [proves_raw_nesting(release) for release in releases]
    assert proved == [False, False, False, False, True, True, True, True]


def test_a_wait_type_belongs_to_the_lock_and_not_to_the_key_it_is_given() -> None:
    def build(world: World) -> None:
        lock = SpinLock(world, "a", LockKey("&class"))
        other = SpinLock(world, "b")
        lockdep_set_class(other, LockKey("&other"))
        world.spawn(does(lock.lock(), other.lock(), other.unlock(), lock.unlock()), "task")
        assert (lock.cls.wait_inner, other.cls.wait_inner) == (3, 3)

    assert found(build) == []


# Nesting and classes


def two_of_a_class(nested: str) -> Build:
    """Two locks of one class, one in the other."""

    def build(world: World) -> None:
        key = LockKey("&inode->i_lock", "fs/inode.c")
        outer = Mutex(world, "&s_vfs_rename_mutex")
        a, b = (Mutex(world, name, cls=key) for name in "ab")
        inner = {
            "plain": b.lock,
            "nested": lambda: b.lock_nested(1),
            "nest_lock": lambda: b.lock_nest_lock(outer),
            "trylock": b.trylock,
        }[nested]
        world.spawn(does(a.lock(), inner(), b.unlock(), a.unlock()), "task")

    return build


@pytest.mark.parametrize(
    ("nested", "kinds"),
    [
        ("plain", ["possible recursive locking"]),
        ("nested", []),
        ("trylock", []),
        ("nest_lock", []),  # it is merged with the first, before anybody looks for the other lock
    ],
)
def test_two_locks_of_one_class(nested: str, kinds: list[str]) -> None:
    assert found(two_of_a_class(nested)) == kinds


def test_a_nesting_whose_lock_is_not_held() -> None:
    def build(world: World) -> None:
        outer, inner = Mutex(world, "&outer"), Mutex(world, "&inner")
        world.spawn(does(inner.lock_nest_lock(outer), inner.unlock()), "task")

    finding = only(build)
    assert finding.kind == "Nested lock was not taken"
    assert finding.message == "task takes &inner under &outer, which it does not hold"


@pytest.mark.parametrize("lock_class", [SpinLock, Mutex, RwSem])
def test_a_lock_that_serialises_the_nesting(lock_class: type[SpinLock | Mutex | RwSem]) -> None:
    def build(world: World) -> None:
        key = LockKey("&child")
        outer = Mutex(world, "&outer")
        a, b = lock_class(world, "a", cls=key), lock_class(world, "b", cls=key)
        take = "down_write_nest_lock" if lock_class is RwSem else "lock_nest_lock"
        drop = "up_write" if lock_class is RwSem else "unlock"
        world.spawn(
            does(
                outer.lock(),
                *(getattr(lock, take)(outer) for lock in (a, b)),
                *(getattr(lock, drop)() for lock in (b, a)),
                outer.unlock(),
            ),
            "task",
        )

    assert found(build) == []


def set_subclass(world: World) -> None:
    key = LockKey("&key")
    a, b = Mutex(world, "a", cls=key), Mutex(world, "b", cls=key)
    lockdep_set_subclass(b, 1)
    world.spawn(does(a.lock(), b.lock(), b.unlock(), a.unlock()), "task")


def compared(world: World, *, rising: bool) -> None:
    key, level = LockKey("&node"), {"a": 0, "b": 1}
    a, b = Mutex(world, "a", cls=key), Mutex(world, "b", cls=key)
    order = LockCompare(
        lambda held, new: level[held.name] - level[new.name], lambda lock: f" of {lock.name}"
    )
    for lock in (a, b):
        lock_set_cmp_fn(lock, order)
    first, second = (a, b) if rising else (b, a)
    world.spawn(does(first.lock(), second.lock(), second.unlock(), first.unlock()), "task")


def novalidate(world: World) -> None:
    key = LockKey("&dev->mutex")
    a, b = Mutex(world, "a", cls=key), Mutex(world, "b", cls=key)
    lockdep_set_novalidate_class(a)
    lockdep_set_novalidate_class(b)
    world.spawn(does(a.lock(), b.lock(), b.unlock(), a.unlock()), "task")


def notrack(world: World) -> None:
    key = LockKey("&btree->lock")
    a, b = Mutex(world, "a", cls=key), Mutex(world, "b", cls=key)
    lockdep_set_notrack_class(a)
    world.spawn(does(a.lock(), b.lock(), b.unlock(), a.unlock()), "task")


@pytest.mark.parametrize("build", [set_subclass, novalidate, notrack])
def test_annotations_that_allow_it(build: Build) -> None:
    assert found(build) == []


def test_a_compare_function_allows_one_order_and_says_of_the_other_what_it_found() -> None:
    assert found(lambda world: compared(world, rising=True)) == []
    finding = only(lambda world: compared(world, rising=False))
    assert finding.kind == "possible recursive locking"
    assert "and the lock comparison function returns 1:" in finding.text
    assert "(&node of a)" in finding.text


def test_a_lock_of_the_novalidate_class_is_still_held_at_the_end() -> None:
    def build(world: World) -> None:
        mutex = Mutex(world, "&dev->mutex")
        lockdep_set_novalidate_class(mutex)
        world.spawn(does(mutex.lock()), "task")

    assert found(build) == ["lock held at task exit"]


def test_and_one_that_is_not_tracked_is_not() -> None:
    def build(world: World) -> None:
        mutex = Mutex(world, "&mutex")
        lockdep_set_notrack_class(mutex)
        world.spawn(does(mutex.lock()), "task")

    assert found(build) == []


@pytest.mark.parametrize("change", ["class", "subclass"])
def test_a_held_lock_may_change_its_class(change: str) -> None:
    """double_lock_balance(): the second lock is the first one of its kind afterwards."""

    def build(world: World) -> None:
        key, other = LockKey("&rq->lock"), LockKey("&moved")
        a, b = SpinLock(world, "a", key), SpinLock(world, "b", key)
        moved = lock_set_class(a, other) if change == "class" else lock_set_subclass(a, 1)
        world.spawn(does(a.lock(), moved, b.lock(), b.unlock(), a.unlock()), "task")

    assert found(build) == []


def test_nothing_is_heard_of_a_task_while_lockdep_is_off() -> None:
    def build(world: World) -> None:
        key = LockKey("&key")
        a, b = Mutex(world, "a", cls=key), Mutex(world, "b", cls=key)
        world.spawn(
            does(lockdep_off(), a.lock(), b.lock(), b.unlock(), a.unlock(), lockdep_on()), "task"
        )

    assert found(build) == []


def test_might_lock_is_an_acquire_to_the_validator_only() -> None:
    def build(world: World) -> None:
        a, b = Mutex(world, "&a"), Mutex(world, "&b")
        world.spawn(does(a.lock(), might_lock(b), a.unlock()), "ab")
        world.spawn(does(b.lock(), a.lock(), a.unlock(), b.unlock()), "ba")

    finding = only(build)
    assert finding.kind == "possible circular locking dependency"
    assert finding.reality == "refuted"


def test_a_local_lock_is_no_part_of_what_interrupts_make_of_an_order() -> None:
    def build(world: World) -> None:
        safe, local, unsafe = SpinLock(world, "&safe"), LocalLock(world, "l"), Mutex(world, "u")
        world.spawn(does(safe.lock(), safe.unlock()), "irq", context=Context.HARDIRQ)
        world.spawn(
            does(safe.lock_irqsave(), local.lock(), local.unlock(), safe.unlock_irqrestore()), "a"
        )
        world.spawn(does(local.lock(), local.unlock()), "b")
        assert unsafe.name == "u"

    assert found(build) == []


# Held where it should not be


def test_pins() -> None:
    def build(world: World, *, unpin: bool) -> None:
        lock = SpinLock(world, "&rq->lock")

        async def task() -> None:
            await lock.lock()
            cookie = await lockdep_pin_lock(lock)
            if unpin:
                await lockdep_unpin_lock(lock, cookie)
            await lock.unlock()

        world.spawn(task(), "task")

    assert found(lambda world: build(world, unpin=True)) == []
    finding = only(lambda world: build(world, unpin=False))
    assert (finding.kind, finding.message) == (
        "lock annotation warning",
        "task: releasing a pinned lock",
    )


def test_a_lock_that_is_contended_before_it_is_acquired() -> None:
    def build(world: World) -> None:
        world.spawn(does(lock_contended(Mutex(world, "&mutex"))), "task")

    assert found(build) == ["bad contention"]


class Box(Slab):
    """An object with a lock in it."""

    cache = "box"

    def __init__(self, world: World) -> None:
        super().__init__(world, "box")
        self.lock = SpinLock(world, "&box->lock")


def test_memory_with_a_held_lock_in_it_is_freed() -> None:
    def build(world: World) -> None:
        box = Box(world)
        world.spawn(does(box.lock.lock(), kfree(box), box.lock.unlock()), "task")

    assert "held lock freed" in found(build)


def test_the_memory_that_is_freed_is_reported_with_the_lock_in_it() -> None:
    def build(world: World) -> None:
        box = Box(world)
        Mutex(world, "between")
        other = Box(world)
        world.spawn(does(other.lock.lock(), kfree(box), kfree(other)), "task")

    (text,) = [each.text for each in run(build).findings if each.kind == "held lock freed"]
    told = re.search(r"freeing memory (\w+)-(\w+), .*\n(\w+) \(&box->lock\)", text)
    assert told is not None
    low, last, lock = (int(number, 16) for number in told.groups())
    assert low < lock < last


@pytest.mark.parametrize(
    ("kind", "drop"),
    [(Mutex, "unlock"), (SpinLock, "unlock"), (RwSem, "up_write"), (RwLock, "write_unlock")],
)
def test_a_lock_that_was_never_taken_is_released_by_its_name(
    kind: Callable[[World, str], object], drop: str
) -> None:
    def build(world: World) -> None:
        kind(world, "&other->lock")
        world.spawn(does(getattr(kind(world, "&one->lock"), drop)()), "task")

    finding = only(build)
    assert finding.kind == "bad unlock balance"
    assert "task/840 is trying to release lock (&one->lock) at:" in finding.text


async def __x64_sys_flock(mutex: Mutex) -> None:
    await mutex.lock()


async def shell(mutex: Mutex) -> None:
    await __x64_sys_flock(mutex)
    await user_return()
    await mutex.unlock()


def test_a_system_call_that_ends_with_a_lock_held() -> None:
    def build(world: World) -> None:
        world.spawn(__x64_sys_flock(Mutex(world, "&mutex")), "task")

    finding = only(build)
    assert finding.kind == "lock held when returning to user space"
    assert "task/840 is leaving the kernel with locks still held!" in finding.text


def test_a_task_that_goes_back_to_user_space_between_two_system_calls() -> None:
    def build(world: World) -> None:
        world.spawn(shell(Mutex(world, "&mutex")), "task")

    assert found(build) == ["lock held when returning to user space"]


def test_holding_nothing_is_asserted() -> None:
    def build(world: World, *, held: bool) -> None:
        mutex = Mutex(world, "&mutex")
        around = (mutex.lock(), mutex.unlock()) if held else (sleepable("a"), sleepable("b"))
        world.spawn(does(around[0], lockdep_assert_none_held_once(), around[1]), "task")

    assert found(lambda world: build(world, held=False)) == []
    finding = only(lambda world: build(world, held=True))
    assert finding.message == "lockdep_assert_none_held_once(): task holds &mutex"


def test_a_downgraded_semaphore_is_held_as_a_reader() -> None:
    def build(world: World) -> None:
        sem, mutex = RwSem(world, "&sem"), Mutex(world, "&mutex")
        world.spawn(
            does(
                sem.down_write(), sem.downgrade_write(), mutex.lock(), mutex.unlock(), sem.up_read()
            ),
            "down",
        )

    result = run(build)
    assert result.verdict is Verdict.VERIFIED
    assert [(edge["held"], edge["new"], edge["types"]) for edge in result.lock_graph] == [
        ("&sem", "&mutex", ["SN"])
    ]


# Sleeping


def test_a_sleep_is_reported_as_the_kernel_prints_it() -> None:
    def build(world: World) -> None:
        lock = SpinLock(world, "&lock")
        world.spawn(does(lock.lock_irqsave(), sleepable("f"), lock.unlock_irqrestore()), "task")

    text = only(build).text
    assert "BUG: sleeping function called from invalid context at " in text
    assert "in_atomic(): 1, irqs_disabled(): 1, non_block: 0, pid: 840, name: task" in text
    assert "preempt_count: 1, expected: 0" in text
    assert "1 lock held by task/840:" in text
    assert "irq event stamp: 1" in text
    assert "Preemption disabled at:" in text


@pytest.mark.parametrize(
    ("before", "line"),
    [
        (local_bh_disable, "preempt_count: 200, expected: 0"),
        (local_irq_disable, "preempt_count: 0, expected: 0"),
        (non_block_start, "non_block: 1, pid: 840"),
        (non_block_start, "preempt_count: 0, expected: 0"),
    ],
)
def test_what_forbids_to_sleep_is_told_apart(before: Callable[[], Operation], line: str) -> None:
    after = {
        local_bh_disable: local_bh_enable,
        local_irq_disable: local_irq_enable,
        non_block_start: non_block_end,
    }[before]

    def build(world: World) -> None:
        world.spawn(does(before(), sleepable("f"), after()), "task")

    assert line in only(build).text


def test_scheduling_while_atomic() -> None:
    def build(world: World) -> None:
        lock = SpinLock(world, "&lock")
        world.spawn(does(lock.lock(), schedule(), lock.unlock()), "task")

    finding = only(build)
    assert finding.kind == "scheduling while atomic"
    assert "BUG: scheduling while atomic: task/840/0x" in finding.text


def test_a_wait_for_ever_in_atomic_context_is_told_as_one_that_ends() -> None:
    def build(world: World) -> None:
        lock, mutex = SpinLock(world, "&lock"), Mutex(world, "&mutex")
        world.spawn(does(mutex.lock(), lock.lock(), mutex.lock()), "task")

    assert found(build) == [
        "Invalid wait context",
        "deadlock",
        "possible recursive locking",
        "scheduling while atomic",
        "sleeping in atomic context",
    ]


def test_a_queued_semaphore_schedules_and_one_that_is_free_does_not() -> None:
    def build(world: World, *, busy: bool) -> None:
        lock, sem = SpinLock(world, "&lock"), RwSem(world, "&sem")
        if busy:
            world.spawn(does(sem.down_write(), sem.up_write()), "writer")
        world.spawn(does(lock.lock(), sem.down_read(), sem.up_read(), lock.unlock()), "reader")

    kinds = ["Invalid wait context", "sleeping in atomic context"]
    assert found(lambda world: build(world, busy=False)) == kinds
    assert found(lambda world: build(world, busy=True)) == [
        "Invalid wait context",
        "scheduling while atomic",
        "sleeping in atomic context",
    ]
