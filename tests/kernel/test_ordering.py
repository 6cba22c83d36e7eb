"""What each primitive orders: a message is passed through it, and the data is read plainly.

One task writes the data and then does something; the other does something, and if that tells it
that the first one is done, it reads the data.  If the primitive orders the two, that is no data
race in any schedule; if it does not, it is one.
"""

from collections.abc import Awaitable, Callable

import pytest

from lockwright.check.datarace import races_along
from lockwright.core.world import World
from lockwright.kernel import barrier, once, refcount
from lockwright.kernel.completion import Completion
from lockwright.kernel.context import sleepable
from lockwright.kernel.llist import LList
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import (
    KEEP,
    READ_ONCE,
    WRITE_ONCE,
    Variable,
    VariableUpdate,
    wait_until,
)
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.rculist import ListHead
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.waitqueue import CondVar, WaitQueue, wait_event
from lockwright.kernel.workqueue import Work, WorkQueue, flush_work, flush_workqueue
from tests.check.racing import Box, making, races


class Shared:
    """What the two tasks share."""

    def __init__(self, world: World, completed: int = 0) -> None:
        self.world = world
        self.box = Box(world, "b")
        self.node = Box(world, "n")
        self.third = Box(world, "third")
        self.mutex = Mutex(world, "mutex")
        self.spin = SpinLock(world, "spin")
        self.sem = RwSem(world, "sem")
        self.rwlock = RwLock(world, "rwlock")
        self.old_rwlock = RwLock(world, "old", queued=False)
        self.done = Completion(world, "done")
        self.done.value = completed
        self.variable = Variable(world, 0, "variable")
        self.queue = WaitQueue(world, "queue")
        self.cond = CondVar(world, "cond")
        self.rcu = Rcu(world)
        self.srcu = Srcu(world, "srcu")
        self.list = ListHead[Box](world, "list")
        self.llist = LList[Box](world, "llist")
        self.ref = refcount.Refcount(world, 2, "ref")
        self.many = refcount.Refcount(world, 4, "many")
        self.lockref = refcount.Lockref(world, 1, "lockref")
        self.locked = refcount.Lockref(world, 1, "locked", lock=self.spin)
        self.events = WorkQueue(world, "events")
        self.ordered = WorkQueue(world, "ordered", ordered=True)
        self.work = Work(world, "work", self.nothing)
        self.other_work = Work(world, "other", self.nothing)

    async def nothing(self) -> None:
        await sleepable("nothing")

    async def flagged(self) -> bool:
        return bool(await READ_ONCE(self.box, "flag"))


Does = Callable[[Shared], Awaitable[object]]


async def lock_flag(at: Shared, lock: str, take: str, drop: str, value: int) -> object:
    """Take a lock, write the flag or read it, and drop the lock."""
    one = getattr(at, lock)
    if await getattr(one, take)() is False:
        return False
    if value:
        await WRITE_ONCE(at.box, "flag", value)
        result: object = True
    else:
        result = await READ_ONCE(at.box, "flag")
    await getattr(one, drop)()
    return result


def locked(lock: str, *calls: str) -> tuple[Does, Does]:
    """A flag under a lock: how it is taken and dropped to write it, and to read it."""
    return (
        lambda at: lock_flag(at, lock, calls[0], calls[1], 1),
        lambda at: lock_flag(at, lock, calls[2], calls[3], 0),
    )


def stores(store: Callable[..., Awaitable[object]]) -> Does:
    return lambda at: store(at.box, "flag", 1)


def loads(load: Callable[..., Awaitable[object]]) -> Does:
    return lambda at: load(at.box, "flag")


async def first(at: Shared) -> bool:
    return await at.list.first() is not None


async def emptied(at: Shared) -> bool:
    return bool(await at.llist.del_all())


async def last_put(at: Shared) -> object:
    return await refcount.refcount_dec_and_test(at.ref)


async def seen_count(at: Shared) -> bool:
    return bool(await refcount.refcount_read(at.ref) == 1)


async def get(at: Shared) -> bool:
    return bool(await refcount.lockref_get_not_dead(at.lockref)) and at.lockref.value > 2


async def woken(at: Shared) -> bool:
    await at.queue.prepare_to_wait()
    await at.queue.schedule()
    await at.queue.finish_wait()
    return True


async def flag_and_wake(at: Shared) -> None:
    await WRITE_ONCE(at.box, "flag", 1)
    await at.queue.wake_up()


async def event(at: Shared) -> bool:
    await wait_event(at.queue, at.flagged)
    return True


async def finishes(at: Shared) -> bool:
    """The wake-up took it off the queue: finish_wait() takes no lock."""
    await at.queue.prepare_to_wait()
    await at.queue.finish_wait()
    return bool(await at.flagged())


async def signalled(at: Shared) -> bool:
    await at.mutex.lock()
    await at.cond.wait(at.mutex)
    await at.mutex.unlock()
    return True


async def polls(at: Shared) -> bool:
    await at.sem.poll(10)
    return bool(await at.flagged())


async def up_with_flag(at: Shared) -> None:
    await at.sem.down_write()
    await WRITE_ONCE(at.box, "flag", 1)
    await at.sem.up_write()


async def compare(at: Shared, old: int) -> bool:
    return bool(await once.cmpxchg(at.box, "flag", old, 2) == 1)


async def fetch(at: Shared) -> bool:
    return bool(await once.atomic_fetch_add(at.box, "flag", 1))


async def relaxed_add(at: Shared) -> bool:
    return bool(await once.atomic_add(at.box, "flag", 1))


TOGETHER = ("finish_wait after a wake-up", "a trylock that failed")
"""What is passed only while both tasks are at it."""


async def true(waiting: Awaitable[object]) -> bool:
    """What is waited for has happened."""
    await waiting
    return True


async def three(at: Shared) -> bool:
    await refcount.refcount_inc(at.ref)
    return at.ref.value == 4


async def nonempty(at: Shared) -> bool:
    return not await at.llist.empty()


async def active(at: Shared) -> bool:
    await at.queue.waitqueue_active()
    return bool(await at.flagged())


async def queue_with_flag(at: Shared, work: Work) -> None:
    await at.ordered.queue_work(work)
    await WRITE_ONCE(at.box, "flag", 1)


async def queue_and_look(at: Shared, work: Work) -> bool:
    await at.ordered.queue_work(work)
    return bool(await at.flagged())


def around(*steps: Callable[[Shared], Awaitable[object]]) -> Does:
    """One thing after the other; gives what the last but barriers gave."""

    async def does_all(at: Shared) -> object:
        results = [await step(at) for step in steps]
        return next((result for result in reversed(results) if result is not None), None)

    return does_all


async def completes(at: Shared) -> object:
    await at.done.complete()
    return await at.flagged()


async def uses_up(at: Shared) -> object:
    await at.done.wait_for_completion()
    return await at.flagged()


async def uses_up_and_flags(at: Shared) -> None:
    await at.done.wait_for_completion()
    await WRITE_ONCE(at.box, "flag", 1)


async def completes_and_flags(at: Shared) -> None:
    await at.done.complete()
    await WRITE_ONCE(at.box, "flag", 1)


async def takes_back(at: Shared) -> object:
    seen = await at.flagged()
    await at.done.reinit_completion()
    await at.done.complete()
    await at.done.wait_for_completion()
    return seen


async def signals_and_flags(at: Shared) -> None:
    await at.cond.signal()
    await WRITE_ONCE(at.box, "flag", 1)


async def signals(at: Shared) -> object:
    await at.cond.broadcast()
    return await at.flagged()


async def tries_in_vain(at: Shared) -> object:
    if await at.mutex.trylock():
        await at.mutex.unlock()
        return False
    return await at.flagged()


async def flags_under_lock(at: Shared) -> None:
    await at.mutex.lock()
    await WRITE_ONCE(at.box, "flag", 1)
    await sleepable("x")
    await at.mutex.unlock()


async def downgrades(at: Shared) -> None:
    await at.sem.down_write()
    await WRITE_ONCE(at.box, "flag", 1)
    await at.sem.downgrade_write()
    await at.sem.up_read()


async def filled(at: Shared) -> bool:
    return not await at.list.empty()


async def told(at: Shared) -> bool:
    """Something that orders nothing tells that the writer is done."""
    return bool(at.box.peek("data"))


async def fails(at: Shared) -> None:
    await VariableUpdate(at.variable, lambda old: KEEP, "cmpxchg")


async def at_variable(at: Shared, old: int = 2) -> bool:
    """A successful update acquires."""
    found = await VariableUpdate(at.variable, lambda now: 3, "xchg")
    return bool(found == old and at.box.peek("data"))


RELEASE = stores(once.smp_store_release)
ASSIGN = stores(once.rcu_assign_pointer)
ONCE = stores(WRITE_ONCE)
XCHG = stores(once.xchg)
LOAD = loads(once.smp_load_acquire)
DEREFERENCE = loads(once.rcu_dereference)
READ = loads(READ_ONCE)

ORDERED: dict[str, tuple[Does, Does]] = {
    "mutex": locked("mutex", "lock", "unlock", "lock", "unlock"),
    "mutex, trylock": locked("mutex", "lock", "unlock", "trylock", "unlock"),
    "spinlock": locked("spin", "lock", "unlock", "lock", "unlock"),
    "spinlock, trylock": locked("spin", "lock", "unlock", "trylock", "unlock"),
    "spinlock, irqs": locked("spin", "lock_irqsave", "unlock_irqrestore", "lock_bh", "unlock_bh"),
    "rwsem, writers": locked("sem", "down_write", "up_write", "down_write", "up_write"),
    "rwsem, writer first": locked("sem", "down_write", "up_write", "down_read", "up_read"),
    "rwsem, reader first": locked("sem", "down_read", "up_read", "down_write", "up_write"),
    "rwsem, try": locked("sem", "down_write_trylock", "up_write", "down_read_trylock", "up_read"),
    "rwsem, try to write": locked(
        "sem", "down_write", "up_write", "down_write_trylock", "up_write"
    ),
    "rwsem, downgraded": (downgrades, lambda at: lock_flag(at, "sem", "down_read", "up_read", 0)),
    "rwlock, writers": locked("rwlock", "write_lock", "write_unlock", "write_lock", "write_unlock"),
    "rwlock, reader first": locked(
        "rwlock", "read_lock", "read_unlock", "write_lock", "write_unlock"
    ),
    "rwlock, try": locked("rwlock", "write_trylock", "write_unlock", "read_trylock", "read_unlock"),
    "rwlock without a queue": locked(
        "old_rwlock", "write_lock", "write_unlock", "read_lock", "read_unlock"
    ),
    "rwlock without a queue, reader first": locked(
        "old_rwlock", "read_lock", "read_unlock", "write_lock", "write_unlock"
    ),
    "completion": (lambda at: at.done.complete(), lambda at: true(at.done.wait_for_completion())),
    "completion, all": (
        lambda at: at.done.complete_all(),
        lambda at: true(at.done.wait_for_completion()),
    ),
    "completion, try": (
        lambda at: at.done.complete(),
        lambda at: at.done.try_wait_for_completion(),
    ),
    "completion, done": (lambda at: at.done.complete(), lambda at: at.done.completion_done()),
    "release and acquire": (RELEASE, LOAD),
    "release and dereference": (RELEASE, DEREFERENCE),
    "assign and dereference": (ASSIGN, DEREFERENCE),
    "xchg and acquire": (XCHG, LOAD),
    "release and cmpxchg": (RELEASE, lambda at: compare(at, 1)),
    "release and fetch_add": (RELEASE, fetch),
    "fetch_add and acquire": (fetch, LOAD),
    "write and read barriers": (
        around(lambda at: barrier.smp_wmb(), ONCE),
        around(READ, lambda at: barrier.smp_rmb()),
    ),
    "full barriers": (
        around(lambda at: barrier.smp_mb(), ONCE),
        around(READ, lambda at: barrier.smp_mb()),
    ),
    "release and a read with a barrier": (RELEASE, around(READ, lambda at: barrier.smp_rmb())),
    "a barrier and an acquire": (around(lambda at: barrier.smp_wmb(), ONCE), LOAD),
    "relaxed additions with barriers": (
        around(lambda at: barrier.smp_mb__before_atomic(), relaxed_add),
        around(relaxed_add, lambda at: barrier.smp_mb__after_atomic()),
    ),
    "a barrier of xchg": (around(lambda at: once.xchg(at.box, "other", 1), ONCE), LOAD),
    "a barrier of llist_add": (around(lambda at: at.llist.add(at.node), ONCE), LOAD),
    "a barrier of llist_del_all": (around(lambda at: at.llist.del_all(), ONCE), LOAD),
    "a barrier of prepare_to_wait": (around(lambda at: at.queue.prepare_to_wait(), ONCE), LOAD),
    "a barrier of synchronize_rcu": (around(lambda at: at.rcu.synchronize_rcu(), ONCE), LOAD),
    "list_add_tail_rcu": (lambda at: at.list.add_tail_rcu(at.node), first),
    "list_add_rcu": (lambda at: at.list.add_rcu(at.node), first),
    "llist": (lambda at: at.llist.add(at.node), emptied),
    "the last put": (last_put, last_put),
    "a put and the last one": (lambda at: refcount.refcount_dec(at.ref), last_put),
    "wake-up": (lambda at: at.queue.wake_up(), woken),
    "condition variable": (lambda at: at.cond.signal(), signalled),
    "flush_work": (lambda at: at.events.queue_work(at.work), lambda at: flush_work(at.work)),
}

UNORDERED: dict[str, tuple[Does, Does]] = {
    "marked accesses": (ONCE, READ),
    "a release that nobody acquires": (RELEASE, READ),
    "an acquire of what nobody released": (ONCE, LOAD),
    "a dereference of a marked store": (ONCE, DEREFERENCE),
    "xchg and a marked read": (XCHG, READ),
    "a failed cmpxchg": (RELEASE, lambda at: compare(at, 7)),
    "relaxed addition": (relaxed_add, LOAD),
    "release and relaxed addition": (RELEASE, relaxed_add),
    "a barrier on one side": (around(lambda at: barrier.smp_wmb(), ONCE), READ),
    "a barrier on the other side": (ONCE, around(READ, lambda at: barrier.smp_rmb())),
    "the barrier that does not fit": (
        around(lambda at: barrier.smp_rmb(), ONCE),
        around(READ, lambda at: barrier.smp_wmb()),
    ),
    "barriers in the wrong place": (
        around(ONCE, lambda at: barrier.smp_wmb()),
        around(lambda at: barrier.smp_rmb(), READ),
    ),
    "a release that another store has replaced": (around(RELEASE, ONCE), LOAD),
    "those who complete": (completes_and_flags, completes),
    "those who wait": (uses_up_and_flags, uses_up),
    "those who signal": (signals_and_flags, signals),
    "a completion that was taken back": (completes_and_flags, takes_back),
    "those who call call_rcu": (
        around(lambda at: at.rcu.call_rcu(at.nothing), ONCE),
        around(lambda at: at.rcu.call_rcu(at.nothing), READ),
    ),
    "those who wait for a grace period": (
        around(lambda at: at.rcu.synchronize_rcu(), ONCE),
        around(lambda at: at.rcu.synchronize_rcu(), READ),
    ),
    "a trylock that failed": (flags_under_lock, tries_in_vain),
    "a barrier after a store": (RELEASE, around(ONCE, lambda at: barrier.smp_rmb(), told)),
    "a failed update of a variable": (
        around(fails, lambda at: WRITE_ONCE(at.variable, 2)),
        at_variable,
    ),
    "a failed update after a marked read": (
        lambda at: once.smp_store_release(at.variable, 2),
        around(lambda at: READ_ONCE(at.variable), fails, told),
    ),
    "a failed update that is acquired": (fails, lambda at: at_variable(at, old=0)),
    "rwsem, readers who try": locked("sem", *("down_read_trylock", "up_read") * 2),
    "rwlock, readers who try": locked("rwlock", *("read_trylock", "read_unlock") * 2),
    "list_empty": (lambda at: at.list.add_tail_rcu(at.node), filled),
    "rwsem, readers": locked("sem", "down_read", "up_read", "down_read", "up_read"),
    "rwlock, readers": locked("rwlock", "read_lock", "read_unlock", "read_lock", "read_unlock"),
    "rwlock without a queue, readers": locked(
        "old_rwlock", "read_lock", "read_unlock", "read_lock", "read_unlock"
    ),
    "two locks": (
        lambda at: lock_flag(at, "mutex", "lock", "unlock", 1),
        lambda at: lock_flag(at, "spin", "lock", "unlock", 0),
    ),
    "rcu readers": locked("rcu", *("rcu_read_lock", "rcu_read_unlock") * 2),
    "list_add_tail": (lambda at: at.list.add_tail(at.node), first),
    "list_add": (lambda at: at.list.add(at.node), first),
    "llist_empty": (lambda at: at.llist.add(at.node), nonempty),
    "a put, and a look at the count": (last_put, seen_count),
    "references taken": (lambda at: refcount.refcount_inc(at.ref), three),
    "puts that are not the last": (
        around(lambda at: refcount.refcount_dec_and_test(at.many), ONCE),
        around(lambda at: refcount.refcount_dec_and_test(at.many), READ),
    ),
    "puts that cannot be the last": (
        around(lambda at: refcount.refcount_dec(at.many), ONCE),
        around(lambda at: refcount.refcount_dec(at.many), READ),
    ),
    "lockref with its lock": (
        around(lambda at: refcount.lockref_get(at.locked), ONCE),
        around(lambda at: refcount.lockref_get(at.locked), READ),
    ),
    "lockref": (lambda at: refcount.lockref_get(at.lockref), get),
    "wait_event that need not sleep": (flag_and_wake, event),
    "finish_wait after a wake-up": (flag_and_wake, finishes),
    "waitqueue_active": (ONCE, active),
    "msleep": (up_with_flag, polls),
    "wait_until": (
        lambda at: WRITE_ONCE(at.variable, 1),
        lambda at: true(wait_until(at.variable, lambda value: value == 1)),
    ),
    "two works of an ordered queue": (
        lambda at: queue_with_flag(at, at.work),
        lambda at: queue_and_look(at, at.other_work),
    ),
}


def passing(write: Does, read: Does, seen: list[int]) -> Callable[[World], None]:
    """The two tasks; `seen` counts how often the data was read."""

    def build(world: World) -> None:
        at = Shared(world, 2 if write is uses_up_and_flags else 0)

        async def writer() -> None:
            await sleepable("x")
            at.box.data = 1
            await write(at)

        async def reader() -> None:
            await sleepable("x")
            if await read(at):
                seen.append(at.box.data)

        world.spawn(writer(), "writer")
        world.spawn(reader(), "reader")

    return build


DATA = "box->data: reader / writer"


@pytest.mark.parametrize("name", ORDERED)
def test_what_is_ordered_is_no_data_race(name: str) -> None:
    seen: list[int] = []
    assert DATA not in races(passing(*ORDERED[name], seen))
    assert 1 in seen


@pytest.mark.parametrize("name", UNORDERED)
def test_what_is_not_ordered_is_a_data_race(name: str) -> None:
    seen: list[int] = []
    assert DATA in races(passing(*UNORDERED[name], seen))
    assert 1 in seen


@pytest.mark.parametrize("name", [name for name in UNORDERED if name not in TOGETHER])
def test_it_is_one_even_if_the_reader_begins_when_the_writer_has_ended(name: str) -> None:
    seen: list[int] = []
    found = races_along(making(passing(*UNORDERED[name], seen)), [])
    assert DATA in {finding.signature for finding in found}
    assert set(seen) == {1}


Tasks = Callable[[World, Shared], None]


def found(tasks: Tasks) -> set[str]:
    def build(world: World) -> None:
        tasks(world, Shared(world))

    return set(races(build))


async def does(at: Shared, *parts: str) -> None:
    """A task: `write` and `read` are plain accesses of the data, `flag` sets the flag, `seen` ends
    it where the flag is not set; anything else is called on what it names."""
    await sleepable("x")
    for part in parts:
        if part == "write":
            at.box.data = 1
        elif part == "read":
            _ = at.box.data
        elif part == "flag":
            await WRITE_ONCE(at.box, "flag", 1)
        elif part == "seen":
            if not await READ_ONCE(at.box, "flag"):
                return
        elif part == "section":
            at.world.state = await at.srcu.read_lock()
        elif part == "end":
            await at.srcu.read_unlock(at.world.state)
        else:
            thing, call = part.split(".")
            await getattr(getattr(at, thing), call)()


def of(**scripts: tuple[str, ...]) -> Tasks:
    def tasks(world: World, at: Shared) -> None:
        for name, parts in scripts.items():
            world.spawn(does(at, *parts), name)

    return tasks


RCU = ("rcu.rcu_read_lock", "rcu.rcu_read_unlock")


def test_a_grace_period_comes_after_the_readers_that_it_waits_for() -> None:
    reader = (RCU[0], "flag", "read", RCU[1])
    waits = ("seen", "rcu.synchronize_rcu", "write")
    assert found(of(a=reader, b=waits)) == set()
    assert found(of(a=reader, b=("seen", "write"))) == {"box->data: does / does"}


def test_a_srcu_grace_period_comes_after_the_readers_that_it_waits_for() -> None:
    reader = ("section", "flag", "read", "end")
    assert found(of(a=reader, b=("seen", "srcu.synchronize_srcu", "write"))) == set()


def test_readers_that_begin_after_a_grace_period_began_see_what_came_before_it() -> None:
    updater = ("write", "rcu.synchronize_rcu", "flag")
    assert found(of(a=updater, b=(RCU[0], "seen", "read", RCU[1]))) == set()
    updater = ("write", "srcu.synchronize_srcu", "flag")
    assert found(of(a=updater, b=("section", "seen", "read", "end"))) == set()
    # a section that is there before, and sees the flag, holds the grace period up
    assert found(of(a=("write", "flag"), b=(RCU[0], "seen", "read", RCU[1]))) != set()


@pytest.mark.parametrize("domain", ["rcu", "srcu"])
def test_a_callback_comes_after_its_call_and_after_the_readers(domain: str) -> None:
    def tasks(world: World, at: Shared) -> None:
        async def callback() -> None:
            await READ_ONCE(at.box, "flag")
            at.box.data = 3

        async def caller() -> None:
            await sleepable("x")
            at.box.data = 2
            if domain == "rcu":
                await at.rcu.call_rcu(callback)
            else:
                await at.srcu.call_srcu(callback)

        world.spawn(caller(), "caller")

    assert found(tasks) == set()


def test_readers_that_see_what_a_callback_did_see_what_came_before_its_call() -> None:
    """A section that was there before the call holds the callback up."""

    def tasks(world: World, at: Shared) -> None:
        async def callback() -> None:
            await WRITE_ONCE(at.box, "flag", 1)

        async def caller() -> None:
            await sleepable("x")
            at.box.data = 1
            await at.rcu.call_rcu(callback)

        world.spawn(caller(), "caller")
        world.spawn(does(at, RCU[0], "seen", "read", RCU[1]), "reader")

    assert found(tasks) == set()


def test_a_barrier_comes_after_the_callbacks() -> None:
    def tasks(world: World, at: Shared) -> None:
        async def callback() -> None:
            await READ_ONCE(at.box, "flag")
            at.box.data = 3

        async def caller(*, waits: bool) -> None:
            await at.rcu.call_rcu(callback)
            if waits:
                await at.rcu.rcu_barrier()
            at.box.data = 4

        world.spawn(caller(waits=waits), "caller")

    waits = True
    assert found(tasks) == set()
    waits = False
    assert found(tasks) == {"box->data: callback / caller"}


def test_a_work_comes_after_its_queueing_and_before_its_flush() -> None:
    def tasks(world: World, at: Shared) -> None:
        async def work() -> None:
            await sleepable("x")
            at.box.data = at.box.data + 1

        item = Work(world, "item", work)

        async def queues() -> None:
            await sleepable("x")
            at.box.data = 5
            await at.events.queue_work(item)
            if flush == "work":
                await flush_work(item)
            elif flush == "queue":
                await flush_workqueue(at.events)
            at.box.data = 6

        world.spawn(queues(), "queues")

    for flush in ("work", "queue"):
        assert found(tasks) == set(), flush
    flush = ""
    assert found(tasks) == {"box->data: queues / work"}


def test_a_work_comes_after_a_queueing_that_found_it_pending() -> None:
    """Whoever finds it pending may rely on that run to see what he has done."""
    reads: list[int] = []

    def tasks(world: World, at: Shared) -> None:
        refused: list[bool] = []

        async def work() -> None:
            await sleepable("x")
            if refused:
                reads.append(at.box.data)

        item = Work(world, "item", work)

        async def queues(*, writes: bool) -> None:
            await sleepable("x")
            if writes:
                at.box.data = 1
            if not await at.events.queue_work(item) and writes:
                refused.append(True)

        world.spawn(queues(writes=True), "one")
        world.spawn(queues(writes=False), "other")

    assert found(tasks) == set()
    assert set(reads) == {1}


def test_a_task_comes_after_what_its_creator_did_before() -> None:
    def tasks(world: World, at: Shared) -> None:
        async def child() -> None:
            await sleepable("x")
            _ = at.box.data, at.box.other

        async def creator() -> None:
            await sleepable("x")
            at.box.data = 1
            world.spawn(child(), "child")
            at.box.other = 1

        world.spawn(creator(), "creator")

    assert found(tasks) == {"box->other: child / creator"}


def test_writers_of_a_list_need_a_lock() -> None:
    def tasks(world: World, at: Shared) -> None:
        async def adds(node: Box) -> None:
            await at.list.add_tail_rcu(node)

        world.spawn(adds(at.box), "one")
        world.spawn(adds(at.node), "other")

    # the head's prev, and the next of the node that was added first
    assert found(tasks) == {"list.prev: adds / adds", "box->list.next: adds / adds"}


@pytest.mark.parametrize(("how", "raced"), [("add_tail", True), ("add_tail_rcu", False)])
def test_whoever_follows_a_link_sees_the_node_that_was_published_there(
    how: str, raced: bool
) -> None:
    def build(world: World) -> None:
        at = Shared(world)
        at.list.add_tail(at.third).run(world.spawn(does(at), "setup"), [])

        async def adds() -> None:
            await sleepable("x")
            at.node.data = 1
            await getattr(at.list, how)(at.node)

        async def walks() -> None:
            node = await at.list.next(at.third)
            if node is not None:
                _ = node.data

        world.spawn(adds(), "adds")
        world.spawn(walks(), "walks")

    assert set(races(build)) == ({"box->data: adds / walks"} if raced else set())


def test_memory_that_is_put_to_another_use_races_with_those_who_follow_it() -> None:
    def build(world: World) -> None:
        at = Shared(world)
        setup = world.spawn(does(at), "setup")
        at.list.add_tail(at.node).run(setup, [])

        async def uses() -> None:
            await at.list.del_rcu(at.node)
            await at.list.overwrite(at.node)

        async def walks() -> None:
            node = await at.list.first()
            if node is not None:
                await at.list.next(node)

        world.spawn(uses(), "uses")
        world.spawn(walks(), "walks")

    assert set(races(build)) == {"box->list.next: uses / walks"}


@pytest.mark.parametrize(("how", "raced"), [("del_", True), ("del_rcu", False)])
def test_a_poisoned_link_races_with_those_who_follow_it(how: str, raced: bool) -> None:
    def build(world: World) -> None:
        at = Shared(world)
        at.list.add_tail(at.node).run(world.spawn(does(at), "setup"), [])

        async def deletes() -> None:
            await getattr(at.list, how)(at.node)

        async def walks() -> None:
            node = await at.list.first()
            if node is not None:
                await at.list.next(node)

        world.spawn(deletes(), "deletes")
        world.spawn(walks(), "walks")

    assert set(races(build)) == ({"box->list.next: deletes / walks"} if raced else set())


def test_a_grant_to_a_writer_comes_after_all_readers() -> None:
    """The second reader to leave lets the writer in, who is ordered after the first one, too."""
    reader = ("sem.down_read", "read", "sem.up_read")
    writer = ("sem.down_write", "write", "sem.up_write")
    assert found(of(a=reader, b=reader, c=writer)) == set()


def test_waiting_for_a_condition_releases_the_mutex() -> None:
    def tasks(world: World, at: Shared) -> None:
        async def waits() -> None:
            await at.mutex.lock()
            at.box.data = 1
            await at.cond.wait(at.mutex)
            at.box.other = 1
            await at.mutex.unlock()

        async def signals() -> None:
            await at.mutex.lock()
            at.box.data = 2
            await at.cond.signal()
            at.box.other = 2
            await at.mutex.unlock()

        world.spawn(waits(), "waits")
        world.spawn(signals(), "signals")

    assert found(tasks) == set()


def test_a_lock_that_was_only_queued_for_orders_nothing() -> None:
    def tasks(world: World, at: Shared) -> None:
        async def holder() -> None:
            await at.sem.down_write()
            at.box.data = 1
            await at.sem.up_write()
            at.box.other = 1

        async def waiter() -> None:
            await at.sem.down_write()
            _ = at.box.data, at.box.other
            await at.sem.up_write()

        world.spawn(holder(), "holder")
        world.spawn(waiter(), "waiter")

    assert found(tasks) == {"box->other: holder / waiter"}
