"""Every form of the locks: what it is called, what it tells, what it switches off."""

from __future__ import annotations

import pytest

from lockwright.core.irqs import IRQ_EVENTS
from lockwright.core.lockuse import LockKey, LockUse
from lockwright.core.task import Context, Task
from lockwright.core.world import World
from lockwright.explore.run import trace_key
from lockwright.kernel.irqflags import local_bh_disable, local_bh_enable
from lockwright.kernel.local_lock import LocalLock
from lockwright.kernel.lockmap import LockMap
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.rtmutex import RtMutex
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.spinlock import RawSpinLock, SpinLock
from tests.kernel.searching import Setup, alone, does, kinds, messages, results, search

FORMS = {"": "", "_irqsave": "_irqrestore", "_irq": "_irq", "_bh": "_bh"}


class Heard:
    """Everything that a world tells, in order."""

    def __init__(self, world: World) -> None:
        self.told: list[str] = []
        world.on_acquire += (self.acquired,)
        world.on_release += (self.released,)
        world.on_irq += (self.irq,)

    def acquired(self, task: Task, use: LockUse) -> None:
        how = f"{use.function} {use.read}"
        self.told.append(f"{how} try" if use.trylock else how)

    def released(self, task: Task, instance: int) -> None:
        self.told.append("release")

    def irq(self, task: Task, event: int) -> None:
        self.told.append(IRQ_EVENTS[event])


def heard(lock: type, *calls: str, context: Context = Context.PROCESS) -> list[str]:
    """What a task tells that makes these calls of one lock."""
    world = World()
    ear = Heard(world)
    one = lock(world, "&lock")
    task = world.spawn(does(*(getattr(one, call)() for call in calls)), "task", context=context)
    while world.enabled():
        world.step(task)
    assert task.ended
    assert (task.irqs_off, task.bhs_off, task.atomic) == (0, 0, int(context is not Context.PROCESS))
    return ear.told


def switched(form: str, *between: str) -> list[str]:
    """What is told around it: off comes before the acquire, on after the release."""
    what = {"": "", "_irqsave": "hardirqs", "_irq": "hardirqs", "_bh": "softirqs"}[form]
    return [f"{what} off", *between, f"{what} on"] if what else list(between)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("lock", "call", "read"),
    [
        (SpinLock, "spin_lock", 0),
        (RawSpinLock, "raw_spin_lock", 0),
        (RwLock, "write_lock", 0),
        (RwLock, "read_lock", 1),
    ],
)
def test_what_a_form_switches_off_is_off_while_the_lock_is_held(
    lock: type, call: str, read: int, form: str
) -> None:
    method = call.removeprefix("raw_").removeprefix("spin_")
    take, drop = f"{method}{form}", f"{method.replace('lock', 'unlock')}{FORMS[form]}"
    if form == "_bh" and read:
        read = 2  # with bottom halves off a reader is in_interrupt(), and so recursive
    assert heard(lock, take, drop) == switched(form, f"{call}{form} {read}", "release")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("lock", "prefix"), [(SpinLock, "spin"), (RawSpinLock, "raw_spin")])
def test_a_trylock_that_fails_switches_on_again(lock: type, prefix: str, form: str) -> None:
    calls = ("lock", f"trylock{form}", "unlock", f"trylock{form}", f"unlock{FORMS[form]}")
    assert heard(lock, *calls) == [
        f"{prefix}_lock 0",
        *switched(form),
        "release",
        *switched(form, f"{prefix}_trylock{form} 0 try", "release"),
    ]


def test_write_trylock_irqsave() -> None:
    calls = ("write_trylock_irqsave", "write_unlock_irqrestore")
    told = switched("_irqsave", "write_trylock_irqsave 0 try", "release")
    assert heard(RwLock, *calls) == told


@pytest.mark.parametrize(
    ("form", "end", "read"), [("_irqsave", "_irqrestore", 1), ("_bh", "_bh", 2)]
)
def test_sections_that_nest_tell_of_the_outermost_only(form: str, end: str, read: int) -> None:
    take, drop = f"read_lock{form}", f"read_unlock{end}"
    told = [f"{take} {read}", f"{take} {read}", "release", "release"]
    assert heard(RwLock, take, take, drop, drop) == switched(form, *told)


@pytest.mark.parametrize(
    ("context", "form", "told"),
    [
        (Context.HARDIRQ, "_irqsave", []),
        (Context.HARDIRQ, "_bh", ["softirqs off", "softirqs on"]),
        (Context.SOFTIRQ, "_irqsave", ["hardirqs off", "hardirqs on"]),
        (Context.SOFTIRQ, "_bh", []),
    ],
)
def test_a_handler_switches_nothing_that_is_off_anyway(
    context: Context, form: str, told: list[str]
) -> None:
    lines = heard(SpinLock, f"lock{form}", f"unlock{FORMS[form]}", context=context)
    assert [line for line in lines if line in IRQ_EVENTS] == told


def test_readers_in_an_interrupt_are_recursive() -> None:
    for context in (Context.HARDIRQ, Context.SOFTIRQ):
        assert heard(RwLock, "read_lock", "read_unlock", context=context)[0] == "read_lock 2"
        told = heard(RwLock, "read_trylock", "read_unlock", context=context)
        assert told[0] == "read_trylock 2 try"


def test_with_bottom_halves_off_a_reader_does_not_queue_behind_a_writer() -> None:
    def build(*, off: bool) -> Setup:
        def setup(world: World) -> None:
            lock = RwLock(world, "&lock")
            reads = (lock.read_lock(), lock.read_lock(), lock.read_unlock(), lock.read_unlock())
            steps = (local_bh_disable(), *reads, local_bh_enable()) if off else reads
            world.spawn(does(*steps), "reader")
            world.spawn(does(lock.write_lock(), lock.write_unlock()), "writer")

        return setup

    def deadlocks(*, off: bool) -> bool:
        return any(run.world.blocked() for run in search(build(off=off)))

    assert (deadlocks(off=False), deadlocks(off=True)) == (True, False)


@pytest.mark.parametrize(
    ("lock", "call", "told"),
    [
        (Mutex, "lock_nested", "mutex_lock_nested"),
        (Mutex, "lock_interruptible_nested", "mutex_lock_interruptible_nested"),
        (Mutex, "lock_killable_nested", "mutex_lock_killable_nested"),
        (RtMutex, "lock_nested", "rt_mutex_lock_nested"),
        (SpinLock, "lock_nested", "spin_lock_nested"),
        (SpinLock, "lock_irqsave_nested", "spin_lock_irqsave_nested"),
        (RawSpinLock, "lock_nested", "raw_spin_lock_nested"),
        (RwLock, "write_lock_nested", "write_lock_nested"),
        (RwSem, "down_read_nested", "down_read_nested"),
        (RwSem, "down_write_nested", "down_write_nested"),
        (RwSem, "down_read_killable_nested", "down_read_killable_nested"),
        (RwSem, "down_write_killable_nested", "down_write_killable_nested"),
    ],
)
def test_nested_forms_tell_the_subclass(lock: type, call: str, told: str) -> None:
    uses: list[LockUse] = []
    world = World()
    world.on_acquire += (lambda task, use: uses.append(use),)
    one = lock(world, "&lock")
    world.step(world.spawn(does(getattr(one, call)(2)), "task"))
    assert [(use.function, use.subclass, use.key.name) for use in uses] == [(told, 2, "&lock")]


@pytest.mark.parametrize(
    ("lock", "call"),
    [
        (Mutex, "lock_nest_lock"),
        (RtMutex, "lock_nest_lock"),
        (SpinLock, "lock_nest_lock"),
        (RwSem, "down_write_nest_lock"),
    ],
)
def test_nest_lock_forms_tell_the_outer_lock(lock: type, call: str) -> None:
    uses: list[LockUse] = []
    world = World()
    world.on_acquire += (lambda task, use: uses.append(use),)
    outer = Mutex(world, "&outer")
    world.step(world.spawn(does(getattr(lock(world, "&lock"), call)(outer)), "task"))
    assert [(use.nest, use.nest_name) for use in uses] == [(outer.address, "&outer")]


@pytest.mark.parametrize(
    ("lock", "take", "drop", "ask"),
    [
        (Mutex, "lock", "unlock", "is_locked"),
        (RtMutex, "lock", "unlock", "is_locked"),
        (SpinLock, "lock", "unlock", "is_locked"),
        (RwSem, "down_read", "up_read", "is_locked"),
    ],
)
def test_asking_whether_it_is_locked(lock: type, take: str, drop: str, ask: str) -> None:
    def setup(world: World) -> None:
        one = lock(world, "&lock")
        world.spawn(does(*(getattr(one, call)() for call in (ask, take, ask, drop, ask))), "task")

    assert results([alone(setup)]) == {((False, None, True, None, False),)}


def test_an_rt_mutex_excludes_and_says_who_releases_it_wrongly() -> None:
    def setup(world: World) -> None:
        lock = RtMutex(world, "&rt")
        world.spawn(does(lock.lock(), lock.unlock(), lock.trylock(), lock.unlock()), "a")
        world.spawn(does(lock.unlock()), "b")

    assert messages(search(setup)) == {"b releases &rt, which it does not hold"}


def test_a_non_owner_may_end_a_read_section_that_lockdep_knows_nothing_of() -> None:
    world = World()
    ear = Heard(world)
    sem = RwSem(world, "&sem")
    first = world.spawn(does(sem.down_read_non_owner()), "first")
    second = world.spawn(does(sem.up_read_non_owner()), "second")
    world.step(first)
    world.step(second)
    assert (sem.holders(), ear.told, world.findings) == ([], [], [])


WAITS = {RawSpinLock: 2, SpinLock: 3, RwLock: 3, LocalLock: 3, Mutex: 4, RtMutex: 4, RwSem: 4}


@pytest.mark.parametrize("lock", WAITS)
def test_wait_types(lock: type) -> None:
    world = World()
    assert lock(world, "&lock").cls.wait_inner == WAITS[lock]
    given = lock(world, "&lock", cls=LockKey("&class", "site")).cls
    assert (given.name, given.site, given.wait_inner) == ("&class", "site", WAITS[lock])


# Local locks


@pytest.mark.parametrize("form", ["", "_irqsave", "_irq"])
def test_a_local_lock_never_makes_another_task_wait(form: str) -> None:
    def setup(world: World) -> None:
        lock = LocalLock(world, "&pcp->lock")
        for name in ("a", "b"):
            take, drop = f"lock{form}", f"unlock{FORMS[form]}"
            world.spawn(does(getattr(lock, take)(), getattr(lock, drop)()), name)

    runs = search(setup)
    # 4!/(2!2!) orders of their steps, none of which anybody could tell from another
    assert (len(runs), len({trace_key(run) for run in runs})) == (6, 1)
    assert kinds(runs) == set()
    assert all(task.atomic == 0 for run in runs for task in run.world.tasks)


def test_what_a_local_lock_tells() -> None:
    told = heard(LocalLock, "lock_irqsave", "unlock_irqrestore", "trylock", "unlock")
    assert told == [
        *switched("_irqsave", "local_lock_irqsave 0", "release"),
        "local_trylock 0 try",
        "release",
    ]


def test_a_local_lock_of_the_same_cpu_is_held_already() -> None:
    def setup(world: World) -> None:
        lock = LocalLock(world, "&pcp->lock")
        world.spawn(does(lock.trylock(), lock.trylock(), lock.lock(), lock.unlock()), "task")

    run = alone(setup)
    assert run.world.tasks[0].result == (True, False, None, None)
    assert messages([run]) == {
        "DEBUG_LOCKS_WARN_ON(l->owner): task holds &pcp->lock already",
    }


def test_nested_bh_wants_bottom_halves_off() -> None:
    def build(*, off: bool) -> Setup:
        def setup(world: World) -> None:
            lock = LocalLock(world, "&lock")
            section = (lock.lock_nested_bh(), lock.unlock_nested_bh())
            steps = (local_bh_disable(), *section, local_bh_enable()) if off else section
            world.spawn(does(*steps), "task")

        return setup

    assert kinds([alone(build(off=True))]) == set()
    assert messages([alone(build(off=False))]) == {
        "lockdep_assert_in_softirq(): task in local_lock_nested_bh()"
    }


def test_releasing_a_local_lock_that_is_not_held_is_found() -> None:
    def setup(world: World) -> None:
        world.spawn(does(LocalLock(world, "&lock").unlock()), "task")

    assert messages([alone(setup)]) == {"task releases &lock, which it does not hold"}


# Maps


def test_what_a_map_tells() -> None:
    acquires = ("lock_map_acquire", "lock_map_acquire_try")
    reads = ("lock_map_acquire_read", "lock_map_acquire_tryread")
    told = heard(LockMap, *acquires, *reads, *["lock_map_release"] * 4)
    assert told == [
        "lock_map_acquire 0",
        "lock_map_acquire_try 0 try",
        "lock_map_acquire_read 2",
        "lock_map_acquire_tryread 2 try",
        *["release"] * 4,
    ]


def test_a_map_excludes_nobody_and_knows_who_holds_it() -> None:
    world = World()
    lockmap = LockMap(world, "map")
    a = world.spawn(does(lockmap.lock_map_acquire()), "a")
    b = world.spawn(does(lockmap.lock_map_acquire_read(), lockmap.lock_map_release()), "b")
    world.step(a)
    world.step(b)
    assert lockmap.holders() == [a.index, b.index]
    assert [lockmap.held_by(a, read) for read in (-1, 0, 1)] == [True, True, False]
    assert [lockmap.held_by(b, read) for read in (-1, 0, 1)] == [True, False, True]
    world.step(b)
    assert lockmap.holders() == [a.index]


def test_syncing_a_map_holds_nothing() -> None:
    uses: list[LockUse] = []
    world = World()
    world.on_acquire += (lambda task, use: uses.append(use),)
    lockmap = LockMap(world, "map")
    world.step(world.spawn(does(lockmap.lock_map_sync()), "task"))
    assert [(use.sync, use.read) for use in uses] == [(True, 0)]
    assert lockmap.holders() == []


def test_releasing_a_map_that_is_not_held_is_found() -> None:
    def setup(world: World) -> None:
        world.spawn(does(LockMap(world, "map").lock_map_release()), "task")

    assert messages([alone(setup)]) == {"task releases map, which it does not hold"}
