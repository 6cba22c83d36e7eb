"""RCU and SRCU: readers never wait, updaters wait for the readers that were there."""

from collections.abc import Callable

import pytest

from lockwright.core.irqs import IRQ_EVENTS
from lockwright.core.lockuse import LockUse
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.context import preempt_disable, preempt_enable, sleepable
from lockwright.kernel.graceperiod import Section, open_sections
from lockwright.kernel.llist import LList
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.slab import Slab, kfree
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.srcu import Srcu
from tests.kernel.searching import Setup, alone, does, kinds, messages, results, search, waiting


def reader_and_updater(wait: bool) -> Setup:
    """The updater unlinks, waits for readers, and reuses the memory."""

    def setup(world: World) -> None:
        srcu = Srcu(world, "srcu")
        pointer, memory = Variable(world, "old", "pointer"), Variable(world, "fine", "memory")

        async def reader() -> str:
            idx = await srcu.read_lock()
            found = "fine"
            if await READ_ONCE(pointer) == "old":
                found = await READ_ONCE(memory)
            await srcu.read_unlock(idx)
            return found

        async def updater() -> None:
            await WRITE_ONCE(pointer, "new")
            if wait:
                await srcu.synchronize_srcu()
            await WRITE_ONCE(memory, "reused")

        world.spawn(reader(), "reader")
        world.spawn(updater(), "updater")

    return setup


def test_synchronize_srcu_waits_for_the_readers_that_were_there() -> None:
    runs = search(reader_and_updater(wait=True))
    assert results(runs) == {("fine", None)}
    assert waiting(runs) == set()


def test_and_without_it_a_reader_sees_reused_memory() -> None:
    assert results(search(reader_and_updater(wait=False))) == {("fine", None), ("reused", None)}


def test_readers_are_independent_of_each_other() -> None:
    world = World()
    srcu, rcu = Srcu(world, "srcu"), Rcu(world)

    async def reader() -> None:
        idx = await srcu.read_lock()
        await rcu.rcu_read_lock()
        await rcu.rcu_read_unlock()
        await srcu.read_unlock(idx)

    touched: list[set[int]] = [set(), set()]
    tasks = [world.spawn(reader(), name) for name in ("r1", "r2")]
    while enabled := world.enabled():
        for task in enabled:
            touched[tasks.index(task)].update(world.step(task))
    shared = {code >> 1 for code in touched[0]} & {code >> 1 for code in touched[1]}
    assert shared == {srcu.number, rcu.number}
    assert not {srcu.writing, rcu.writing} & (touched[0] | touched[1])


def test_a_later_reader_is_not_waited_for() -> None:
    world = World()
    srcu = Srcu(world, "srcu")

    async def reader() -> None:
        idx = await srcu.read_lock()
        await srcu.read_unlock(idx)

    early, updater = world.spawn(reader(), "early"), world.spawn(does(srcu.synchronize_srcu()), "u")
    late = world.spawn(reader(), "late")
    for task in (early, updater, late):
        world.step(task)
    assert [task.comm for task in world.blocked()] == ["u"]
    assert srcu.holders() == [early.index, late.index]
    world.step(early)
    assert world.blocked() == []


def test_a_lock_around_synchronize_srcu_that_a_reader_needs_is_a_deadlock() -> None:
    def setup(world: World) -> None:
        srcu, mutex = Srcu(world, "eventfs_srcu"), Mutex(world, "&mutex")

        async def reader() -> None:
            idx = await srcu.read_lock()
            await mutex.lock()
            await mutex.unlock()
            await srcu.read_unlock(idx)

        world.spawn(reader(), "reader")
        world.spawn(does(mutex.lock(), srcu.synchronize_srcu(), mutex.unlock()), "updater")

    assert waiting(search(setup)) == {("mutex_lock(&mutex)", "synchronize_srcu(eventfs_srcu)")}


def test_synchronize_srcu_in_its_own_section_is_suspicious_and_a_deadlock() -> None:
    def setup(world: World) -> None:
        srcu, other = Srcu(world, "srcu"), Srcu(world, "other")

        async def task() -> None:
            await srcu.read_lock()
            await other.synchronize_srcu()
            await srcu.synchronize_srcu()

        world.spawn(task(), "task")

    run = alone(setup)
    assert waiting([run]) == {("synchronize_srcu(srcu)",)}
    assert kinds([run]) == {"suspicious RCU usage"}
    assert messages([run]) == {
        "Illegal synchronize_srcu() in same-type SRCU (or in RCU) read-side critical section"
    }


FLAVOURS = ("", "_bh", "_sched")


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("how", ["", "_expedited"])
def test_synchronize_rcu_in_a_reader_is_suspicious_and_a_deadlock(flavour: str, how: str) -> None:
    def setup(world: World) -> None:
        rcu = Rcu(world)
        begin = getattr(rcu, f"rcu_read_lock{flavour}")()
        world.spawn(does(begin, getattr(rcu, f"synchronize_rcu{how}")()), "task")

    run = alone(setup)
    assert waiting([run]) == {(f"synchronize_rcu{how}()",)}
    assert kinds([run]) == {"suspicious RCU usage"}
    assert messages([run]) == {f"Illegal synchronize_rcu{how}() in RCU read-side critical section"}


def test_synchronize_srcu_in_a_reader_of_rcus_is_suspicious_and_no_deadlock() -> None:
    def setup(world: World) -> None:
        rcu, srcu = Rcu(world), Srcu(world, "srcu")
        world.spawn(does(rcu.rcu_read_lock(), srcu.synchronize_srcu()), "task")

    run = alone(setup)
    assert waiting([run]) == set()
    assert messages([run]) == {
        "Illegal synchronize_srcu() in same-type SRCU (or in RCU) read-side critical section"
    }


def test_synchronize_rcu_in_a_reader_of_srcus_is_right() -> None:
    def setup(world: World) -> None:
        rcu, srcu = Rcu(world), Srcu(world, "srcu")

        async def task() -> None:
            idx = await srcu.read_lock()
            await rcu.synchronize_rcu()
            await srcu.read_unlock(idx)

        world.spawn(task(), "task")

    run = alone(setup)
    assert waiting([run]) == set()
    assert kinds([run]) == set()


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_grace_period_waits_for_readers_of_each_flavour(flavour: str) -> None:
    """As with synchronize_srcu() above: nobody sees reused memory."""

    def setup(world: World) -> None:
        rcu = Rcu(world)
        pointer, memory = Variable(world, "old", "pointer"), Variable(world, "fine", "memory")

        async def reader() -> str:
            await getattr(rcu, f"rcu_read_lock{flavour}")()
            found = "fine"
            if await READ_ONCE(pointer) == "old":
                found = await READ_ONCE(memory)
            await getattr(rcu, f"rcu_read_unlock{flavour}")()
            return found

        async def updater() -> None:
            await WRITE_ONCE(pointer, "new")
            await rcu.synchronize_rcu()
            await WRITE_ONCE(memory, "reused")

        world.spawn(reader(), "reader")
        world.spawn(updater(), "updater")

    runs = search(setup)
    assert results(runs) == {("fine", None)}
    assert kinds(runs) == set()


@pytest.mark.parametrize(
    ("flavour", "expected"),
    [
        ("", set()),
        ("_bh", {"Illegal context switch in RCU-bh read-side critical section"}),
        ("_sched", {"Illegal context switch in RCU-sched read-side critical section"}),
    ],
)
def test_sleeping_in_a_section_is_an_illegal_context_switch(
    flavour: str, expected: set[str]
) -> None:
    """rcu_read_lock() may be preempted: to sleep in it is what might_sleep() itself reports."""

    def setup(world: World) -> None:
        rcu = Rcu(world)
        begin = getattr(rcu, f"rcu_read_lock{flavour}")()
        world.spawn(does(begin, sleepable("inside")), "task")

    sleeping = "sleeping function inside() called in atomic context (atomic depth 1)"
    assert messages([alone(setup)]) == {sleeping} | expected


def test_flavours_nest_in_each_other_and_each_has_its_own_end() -> None:
    def setup(world: World) -> None:
        rcu = Rcu(world)
        world.spawn(
            does(
                rcu.rcu_read_lock_bh(),
                rcu.rcu_read_lock_sched(),
                rcu.rcu_read_lock(),
                rcu.rcu_read_unlock_bh(),
                rcu.rcu_read_unlock_sched(),
                rcu.rcu_read_unlock(),
                sleepable("outside"),
                rcu.rcu_read_unlock_bh(),
                rcu.rcu_read_unlock_sched(),
            ),
            "task",
        )

    run = alone(setup)
    assert messages([run]) == {
        "task ends an RCU-bh read section, but is in none",
        "task ends an RCU-sched read section, but is in none",
    }
    assert run.world.tasks[0].atomic == run.world.tasks[0].bhs_off == 0


def test_rcu_read_lock_bh_tells_of_bottom_halves_around_its_map() -> None:
    told: list[str] = []
    world = World()
    world.on_acquire = (lambda task, use: told.append(f"+{use.key.name} {task.bhs_off}"),)
    world.on_release = (lambda task, address: told.append(f"- {task.bhs_off}"),)
    world.on_irq = (lambda task, event: told.append(IRQ_EVENTS[event]),)
    rcu = Rcu(world)
    world.spawn(does(rcu.rcu_read_lock_bh(), rcu.rcu_read_unlock_bh()), "task")
    while enabled := world.enabled():
        world.step(enabled[0])
    assert told == ["softirqs off", "+rcu_read_lock_bh 1", "- 1", "softirqs on"]


def test_rcu_sections_nest_and_forbid_sleeping() -> None:
    def setup(world: World) -> None:
        rcu = Rcu(world)
        world.spawn(
            does(
                rcu.rcu_read_lock(),
                rcu.rcu_read_lock(),
                rcu.rcu_read_unlock(),
                sleepable("inside"),
                rcu.rcu_read_unlock(),
                sleepable("outside"),
                rcu.synchronize_rcu(),
                rcu.rcu_read_unlock(),
            ),
            "task",
        )

    run = alone(setup)
    assert messages([run]) == {
        "sleeping function inside() called in atomic context (atomic depth 1)",
        "task ends an RCU read section, but is in none",
    }
    # The inner pair touches nothing.
    assert run.touched[1:3] == [[], []]


def test_an_srcu_section_may_sleep() -> None:
    def setup(world: World) -> None:
        srcu = Srcu(world, "srcu")

        async def task() -> None:
            await srcu.read_lock()
            await sleepable("inside")

        world.spawn(task(), "task")

    run = alone(setup)
    assert messages([run]) == set()
    # A rule asks this when a task ends.
    assert [section.domain.name for section in open_sections(run.world.tasks[0])] == ["srcu"]


@pytest.mark.parametrize("domain", ["rcu", "srcu"])
def test_waiting_for_readers_under_a_spinlock_is_found(domain: str) -> None:
    def setup(world: World) -> None:
        lock = SpinLock(world, "&lock")
        wait: Operation = (
            Rcu(world).synchronize_rcu()
            if domain == "rcu"
            else Srcu(world, "srcu").synchronize_srcu()
        )
        world.spawn(does(lock.lock(), wait, lock.unlock()), "task")

    assert messages([alone(setup)]) == {
        f"sleeping function synchronize_{domain}() called in atomic context (atomic depth 1)"
    }


@pytest.mark.parametrize("domain", ["rcu", "srcu"])
def test_waiting_for_a_reader_in_atomic_context_is_scheduling(domain: str) -> None:
    def setup(world: World) -> None:
        rcu, srcu = Rcu(world), Srcu(world, "srcu")
        wait = rcu.synchronize_rcu() if domain == "rcu" else srcu.synchronize_srcu()
        for each in (rcu, srcu):
            each.sections.append(Section(each, world.spawn(does(), "reader")))
        world.spawn(does(preempt_disable(), wait), "task")

    assert kinds([alone(setup)]) == {"sleeping in atomic context", "scheduling while atomic"}


def test_a_wrong_index_is_found() -> None:
    def setup(world: World) -> None:
        srcu, other = Srcu(world, "srcu"), Srcu(world, "other")

        async def task() -> None:
            idx = await srcu.read_lock()
            await other.read_unlock(idx)
            await srcu.read_unlock(0)
            await srcu.read_unlock(idx)
            await srcu.read_unlock(idx)

        world.spawn(task(), "task")

    assert messages([alone(setup)]) == {
        "task calls srcu_read_unlock(other) with an index which is none of its indices",
        "task calls srcu_read_unlock(srcu) with an index which is none of its indices",
        "task calls srcu_read_unlock(srcu) with an index whose section has ended already",
    }


def test_the_index_of_another_task_is_found_and_ends_its_section() -> None:
    world = World()
    srcu = Srcu(world, "srcu")
    owner = world.spawn(does(srcu.read_lock()), "owner")
    world.step(owner)
    (idx,) = owner.result
    other = world.spawn(does(srcu.read_unlock(idx)), "other")
    world.step(other)
    assert [finding.message for finding in world.findings] == [
        "other calls srcu_read_unlock(srcu) with an index which belongs to owner"
    ]
    assert idx.value
    assert open_sections(owner) == []


class Thing(Slab):
    """Something to free."""


def callbacks(call: Callable[[World, Variable], Operation]) -> Setup:
    """A reader, and an updater that has a callback change what the reader sees."""

    def setup(world: World) -> None:
        srcu, rcu = Srcu(world, "srcu"), Rcu(world)
        world.state = (srcu, rcu)
        seen = Variable(world, "old", "seen")

        async def reader() -> tuple[str, str]:
            idx = await srcu.read_lock()
            await rcu.rcu_read_lock()
            first: str = await READ_ONCE(seen)
            second: str = await READ_ONCE(seen)
            await rcu.rcu_read_unlock()
            await srcu.read_unlock(idx)
            return first, second

        world.spawn(reader(), "reader")
        world.spawn(does(call(world, seen)), "updater")

    return setup


def call_srcu(world: World, seen: Variable) -> Operation:
    async def forget() -> None:
        await WRITE_ONCE(seen, "gone")

    srcu: Srcu = world.state[0]
    return srcu.call_srcu(forget)


def call_rcu(world: World, seen: Variable) -> Operation:
    async def forget() -> None:
        await WRITE_ONCE(seen, "gone")

    rcu: Rcu = world.state[1]
    return rcu.call_rcu(forget, "forget")


@pytest.mark.parametrize("call", [call_srcu, call_rcu])
def test_a_callback_waits_for_the_readers_that_were_there(
    call: Callable[[World, Variable], Operation],
) -> None:
    runs = search(callbacks(call))
    seen = {run.world.tasks[0].result for run in runs}
    # A reader that begins later may see the change at any point, but never half of a section that
    # was there before.  The updater's call may come before the reader began: then all is possible.
    assert seen == {("old", "old"), ("old", "gone"), ("gone", "gone")}
    for run in runs:
        order = [run.world.tasks[index].comm for index, _ in run.schedule]
        if order.index("updater") > order.index("reader") + 1:
            assert run.world.tasks[0].result == ("old", "old")
    assert {run.world.tasks[2].comm for run in runs} == {"softirq:forget"}


def test_callbacks_of_one_task_run_in_order_and_those_of_two_in_any() -> None:
    def setup(world: World) -> None:
        srcu = Srcu(world, "srcu")
        order: list[str] = []

        def appends(name: str) -> Operation:
            async def callback() -> None:
                order.append(name)
                await WRITE_ONCE(log, len(order))

            return srcu.call_srcu(callback, name)

        log = Variable(world, 0, "log")
        world.state = order
        world.spawn(does(appends("a1"), appends("a2")), "a")
        world.spawn(does(appends("b1")), "b")

    orders = {tuple(run.world.state) for run in search(setup)}
    assert orders == {("a1", "a2", "b1"), ("a1", "b1", "a2"), ("b1", "a1", "a2")}


@pytest.mark.parametrize("domain", ["rcu", "srcu"])
def test_a_callback_that_sleeps_is_found(domain: str) -> None:
    def setup(world: World) -> None:
        mutex = Mutex(world, "&mutex")

        async def callback() -> None:
            await mutex.lock()
            await mutex.unlock()

        call = Rcu(world).call_rcu if domain == "rcu" else Srcu(world, "srcu").call_srcu
        world.spawn(does(call(callback, "free_ef")), "task")

    assert messages([alone(setup)]) == {
        "sleeping function mutex_lock() called in softirq context (atomic depth 1)"
    }


@pytest.mark.parametrize("domain", ["rcu", "srcu"])
def test_a_barrier_waits_for_the_callbacks(domain: str) -> None:
    def setup(world: World) -> None:
        rcu, srcu = Rcu(world), Srcu(world, "srcu")
        done = Variable(world, 0, "done")

        async def callback() -> None:
            await WRITE_ONCE(done, 1)

        call = rcu.call_rcu if domain == "rcu" else srcu.call_srcu
        barrier = rcu.rcu_barrier if domain == "rcu" else srcu.srcu_barrier
        world.spawn(does(barrier(), call(callback, "cb"), barrier(), READ_ONCE(done)), "task")

    assert {run.world.tasks[0].result for run in search(setup)} == {(None, None, None, 1)}


def reader_of_a_thing(free: str) -> Setup:
    def setup(world: World) -> None:
        rcu, thing = Rcu(world), Thing(world, "thing")
        pointer = Variable(world, thing, "pointer")

        async def reader() -> None:
            await rcu.rcu_read_lock()
            found = await READ_ONCE(pointer)
            if found is not None:
                await touches(found)
            await rcu.rcu_read_unlock()

        async def updater() -> None:
            await WRITE_ONCE(pointer, None)
            await (kfree(thing) if free == "kfree" else rcu.kfree_rcu(thing))

        world.spawn(reader(), "reader")
        world.spawn(updater(), "updater")

    return setup


def touches(thing: Thing) -> Operation:
    """Touches the thing as a list would."""
    return LList[Thing](thing.world, "list").add(thing)


def test_kfree_rcu_frees_after_the_readers() -> None:
    runs = search(reader_of_a_thing("kfree_rcu"))
    assert kinds(runs) == set()
    assert not any(thing.alive for run in runs for thing in run.world.objects)


def test_and_kfree_does_not_wait() -> None:
    assert kinds(search(reader_of_a_thing("kfree"))) == {"use-after-free"}


def test_two_kfree_rcu_of_one_object_are_a_double_free() -> None:
    def setup(world: World) -> None:
        rcu, thing = Rcu(world), Thing(world, "thing")
        world.spawn(does(rcu.kfree_rcu(thing)), "a")
        world.spawn(does(rcu.kfree_rcu(thing)), "b")

    assert {"double free", "use-after-free"} == kinds(search(setup))


@pytest.mark.parametrize("began", ["read_lock", "read_lock_nmisafe", "read_lock_fast", "down_read"])
@pytest.mark.parametrize(
    "ended", ["read_unlock", "read_unlock_nmisafe", "read_unlock_fast", "up_read"]
)
def test_an_srcu_section_ends_as_it_began(began: str, ended: str) -> None:
    def setup(world: World) -> None:
        srcu = Srcu(world, "srcu")

        async def task() -> None:
            idx = await getattr(srcu, began)()
            await getattr(srcu, ended)(idx)
            await srcu.synchronize_srcu()

        world.spawn(task(), "task")

    run = alone(setup)
    assert waiting([run]) == set()
    fits = began.replace("read_lock", "read_unlock").replace("down", "up") == ended
    assert messages([run]) == (
        set()
        if fits
        else {f"task calls srcu_{ended}(srcu) with an index which srcu_{began}() gave"}
    )
    assert open_sections(run.world.tasks[0]) == []


def test_srcu_up_read_may_be_another_tasks_and_synchronize_waits_for_it() -> None:
    def setup(world: World) -> None:
        srcu, memory = Srcu(world, "srcu"), Variable(world, "fine", "memory")

        async def begins() -> None:
            idx = await srcu.down_read()
            world.spawn(ends(idx), "ends")

        async def ends(idx: object) -> str:
            found: str = await READ_ONCE(memory)
            await srcu.up_read(idx)
            return found

        async def updater() -> None:
            await srcu.synchronize_srcu()
            await WRITE_ONCE(memory, "reused")

        world.spawn(begins(), "begins")
        world.spawn(updater(), "updater")

    runs = search(setup)
    assert kinds(runs) == set()
    assert waiting(runs) == set()
    for run in runs:
        order = [run.world.tasks[index].comm for index, _ in run.schedule]
        if order[0] == "begins":
            assert run.world.tasks[2].result == "fine"


@pytest.mark.parametrize(
    ("began", "expected"),
    [
        ("read_lock", [("srcu_read_lock", 2, False, True)]),
        ("read_lock_nmisafe", [("srcu_read_lock_nmisafe", 2, True, False)]),
        ("read_lock_fast", [("srcu_read_lock_fast", 2, True, False)]),
        ("down_read", []),
    ],
)
def test_what_srcus_readers_tell(began: str, expected: list[tuple[str, int, bool, bool]]) -> None:
    told: list[LockUse] = []
    released: list[int] = []
    world = World()
    world.on_acquire = (lambda task, use: told.append(use),)
    world.on_release = (lambda task, address: released.append(address),)
    srcu = Srcu(world, "srcu")

    async def task() -> None:
        idx = await getattr(srcu, began)()
        end = began.replace("read_lock", "read_unlock").replace("down", "up")
        await getattr(srcu, end)(idx)

    world.spawn(task(), "task")
    while enabled := world.enabled():
        world.step(enabled[0])
    assert [(use.function, use.read, use.trylock, use.check) for use in told] == expected
    assert released == [use.instance for use in told]


@pytest.mark.parametrize("domain", ["rcu", "srcu"])
def test_a_barrier_may_sleep(domain: str) -> None:
    def setup(world: World) -> None:
        barrier = (
            Rcu(world).rcu_barrier() if domain == "rcu" else Srcu(world, "srcu").srcu_barrier()
        )
        world.spawn(does(preempt_disable(), barrier, preempt_enable()), "task")

    assert messages([alone(setup)]) == {
        f"sleeping function {domain}_barrier() called in atomic context (atomic depth 1)"
    }


def test_a_callback_of_call_rcu_runs_within_its_map() -> None:
    told: list[str] = []
    world = World()
    rcu = Rcu(world)

    async def callback() -> None:
        await sleepable("inside")
        told.append("callback")

    world.on_acquire = (lambda task, use: told.append(f"+{use.key.name}, check {use.check}"),)
    world.on_release = (lambda task, address: told.append("-"),)
    world.spawn(does(rcu.call_rcu(callback)), "task")
    while enabled := world.enabled():
        world.step(enabled[0])
    assert told == ["+rcu_callback, check False", "callback", "-"]


def test_what_the_validator_is_told() -> None:
    told: list[LockUse] = []

    def acquired(task: Task, use: LockUse) -> None:
        told.append(use)

    world = World()
    world.on_acquire = (acquired,)
    srcu, rcu = Srcu(world, "eventfs_srcu"), Rcu(world)
    world.spawn(does(srcu.synchronize_srcu(), srcu.read_lock(), rcu.rcu_read_lock()), "task")
    while enabled := world.enabled():
        world.step(enabled[0])
    assert [(use.function, use.key.name, use.read, use.sync, use.check) for use in told] == [
        ("synchronize_srcu", "eventfs_srcu", 0, True, True),
        ("srcu_read_lock", "eventfs_srcu", 2, False, True),
        ("rcu_read_lock", "rcu_read_lock", 2, False, False),
    ]
    assert [(use.key.wait_outer, use.key.wait_inner) for use in told] == [(0, 0), (0, 0), (1, 3)]
