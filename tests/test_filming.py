"""What a film shows of each primitive: who held, waited and lived, and when."""

from __future__ import annotations

from enum import Enum

import pytest

from lockwright.core.lockuse import LockKey
from lockwright.core.task import Context
from lockwright.core.timeline import Lane, Timeline
from lockwright.core.world import World
from lockwright.kernel.annotate import lockdep_set_notrack_class
from lockwright.kernel.bit_spinlock import BitSpinLock
from lockwright.kernel.completion import Completion
from lockwright.kernel.condvar import CondVar
from lockwright.kernel.irq import interrupt
from lockwright.kernel.local_lock import LocalLock
from lockwright.kernel.lockmap import LockMap
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable, wait_until
from lockwright.kernel.percpu_rwsem import PercpuRwSem
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.rculist import ListHead
from lockwright.kernel.refcount import Kref
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.semaphore import Semaphore
from lockwright.kernel.seqlock import SeqLock
from lockwright.kernel.slab import Field, Slab, kfree, kmalloc
from lockwright.kernel.softirq import Timer
from lockwright.kernel.spinlock import RawSpinLock, SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.storebuffer import use_memory
from lockwright.kernel.waitqueue import WaitQueue
from lockwright.kernel.workqueue import Work, WorkQueue, flush_work
from lockwright.kernel.ww_ctx import (
    WwAcquireCtx,
    WwClass,
    WwMutex,
    ww_acquire_fini,
    ww_acquire_init,
)
from lockwright.kernel.ww_mutex import ww_mutex_lock, ww_mutex_unlock
from tests.filmed import Build, filmed, filmed_along, holds, lives, periods, values, waits


class Box(Slab):
    cache = "box"
    data: Field[int] = Field(0)
    next: Field[object] = Field(None)


def one(*calls: str, lock: type[Lock] = Mutex, name: str = "L") -> Build:
    """One task that calls these methods of a lock."""

    def build(world: World) -> None:
        made = lock(world, name)  # type: ignore[call-arg]  # each kind has a value of its own

        async def body() -> None:
            for call in calls:
                await getattr(made, call)()

        world.spawn(body(), "one")

    return build


SECTIONS: list[tuple[str, type[Lock], tuple[str, ...], list[str]]] = [
    ("a mutex", Mutex, ("lock", "unlock"), ["one exclusive mutex L 0-1"]),
    ("a trylock", Mutex, ("trylock", "unlock"), ["one exclusive mutex L 0-1"]),
    ("a reader", RwSem, ("down_read", "up_read"), ["one shared rwsem L 0-1"]),
    ("a writer", RwSem, ("down_write", "up_write"), ["one exclusive rwsem L 0-1"]),
    (
        "a downgrade",
        RwSem,
        ("down_write", "downgrade_write", "up_read"),
        ["one exclusive rwsem L 0-1", "one shared rwsem L 1-2"],
    ),
    (
        "a reader who is nobody's own",
        RwSem,
        ("down_read_non_owner", "up_read_non_owner"),
        ["one shared rwsem L 0-1"],
    ),
    (
        "a reader of each CPU's",
        PercpuRwSem,
        ("percpu_down_read", "percpu_up_read"),
        ["one shared percpu_rwsem L 0-1"],
    ),
    ("a spinlock", SpinLock, ("lock", "unlock"), ["one exclusive spinlock L 0-1"]),
    ("a raw spinlock", RawSpinLock, ("lock", "unlock"), ["one exclusive raw_spinlock L 0-1"]),
    ("a read lock", RwLock, ("read_lock", "read_unlock"), ["one shared rwlock L 0-1"]),
    ("a write lock", RwLock, ("write_lock", "write_unlock"), ["one exclusive rwlock L 0-1"]),
    ("a local lock", LocalLock, ("lock", "unlock"), ["one exclusive local_lock L 0-1"]),
    (
        "a map",
        LockMap,
        ("lock_map_acquire_read", "lock_map_acquire_read", "lock_map_release", "lock_map_release"),
        ["one recursive map L 0-3", "one recursive map L 1-2"],
    ),
]


@pytest.mark.parametrize(("lock", "calls", "said"), [each[1:] for each in SECTIONS])
def test_a_section_lasts_from_the_step_of_its_beginning_to_that_of_its_end(
    lock: type[Lock], calls: tuple[str, ...], said: list[str]
) -> None:
    assert holds(filmed(one(*calls, lock=lock), [0] * len(calls))) == said


def test_what_is_not_released_has_no_end() -> None:
    assert holds(filmed(one("lock"), [0])) == ["one exclusive mutex L 0-"]


def test_a_failed_trylock_holds_nothing() -> None:
    def build(world: World) -> None:
        mutex = Mutex(world, "M")

        async def holder() -> None:
            await mutex.lock()

        async def tries() -> None:
            await mutex.trylock()

        world.spawn(holder(), "holder")
        world.spawn(tries(), "tries")

    assert holds(filmed(build, [0, 1])) == ["holder exclusive mutex M 0-"]


def test_a_lock_that_the_validator_does_not_hear_of_is_held_all_the_same() -> None:
    def build(world: World) -> None:
        mutex = Mutex(world, "M")
        lockdep_set_notrack_class(mutex)

        async def body() -> None:
            await mutex.lock()
            await mutex.unlock()

        world.spawn(body(), "one")

    assert holds(filmed(build, [0, 0])) == ["one exclusive mutex M 0-1"]


def test_a_bit_is_held_by_who_has_set_it() -> None:
    def build(world: World) -> None:
        bit, x = BitSpinLock(world, "&b->first"), Variable(world, 0, "x")

        async def body() -> None:
            await READ_ONCE(x)
            await bit.lock()
            await bit.unlock()

        world.spawn(body(), "one")
        world.spawn(body(), "two")

    timeline = filmed(build, [0, 1, 0, 0, 1, 1])
    assert holds(timeline) == [
        "one exclusive bit_spinlock &b->first 2-3",
        "two exclusive bit_spinlock &b->first 4-5",
    ]
    assert waits(timeline) == ["two bit_spin_lock(&b->first) for &b->first on one 2-3-4"]


def test_the_writer_of_a_seqlock_holds_its_lock_and_its_count() -> None:
    def build(world: World) -> None:
        lock = SeqLock(world, "rename_lock")

        async def body() -> None:
            await lock.write_seqlock()
            await lock.write_sequnlock()

        world.spawn(body(), "one")

    assert holds(filmed(build, [0] * 4)) == [
        "one exclusive spinlock rename_lock 0-3",
        "one exclusive seqcount rename_lock.seqcount 1-2",
    ]


def test_sections_of_rcu_nest() -> None:
    def build(world: World) -> None:
        rcu, srcu = Rcu(world), Srcu(world, "srcu")

        async def body() -> None:
            await rcu.rcu_read_lock()
            await rcu.rcu_read_unlock()
            outer = await srcu.read_lock()
            inner = await srcu.read_lock()
            await srcu.read_unlock(inner)
            await srcu.read_unlock(outer)

        world.spawn(body(), "one")

    assert holds(filmed(build, [0] * 6)) == [
        "one recursive rcu rcu 0-1",
        "one recursive srcu srcu 2-5",
        "one recursive srcu srcu 3-4",
    ]


def test_a_section_that_another_task_ends_is_over_for_who_began_it() -> None:
    def build(world: World) -> None:
        srcu = Srcu(world, "srcu")
        index: list[object] = []

        async def begins() -> None:
            index.append(await srcu.down_read())

        async def ends() -> None:
            await srcu.up_read(index[0])

        world.spawn(begins(), "begins")

        async def later() -> None:
            await wait_until(Variable(world, 1, "x"), bool)
            await ends()

        world.spawn(later(), "ends")

    assert holds(filmed(build, [0, 1, 1])) == ["begins recursive srcu srcu 0-2"]


def test_a_ww_mutex_is_held_with_its_context() -> None:
    def build(world: World) -> None:
        ww_class = WwClass(world, "ww")
        mutex, ctx = WwMutex(ww_class, "obj"), WwAcquireCtx(ww_class)

        async def body() -> None:
            await ww_acquire_init(ctx, ww_class)
            await ww_mutex_lock(mutex, ctx)
            await ww_mutex_unlock(mutex)
            await ww_acquire_fini(ctx)

        world.spawn(body(), "one")

    assert holds(filmed(build, [0] * 4)) == [
        "one exclusive ww_acquire ww_ctx 0-3",
        "one exclusive map ww_mutex 0-3",
        "one exclusive ww_mutex obj 1-2",
    ]


def test_a_worker_runs_under_the_maps_of_its_work_and_its_queue() -> None:
    def build(world: World) -> None:
        queue = WorkQueue(world, "events")
        x = Variable(world, 0, "x")

        async def eventfs_workfn() -> None:
            await WRITE_ONCE(x, 1)

        work = Work(world, "eventfs_work", eventfs_workfn)

        async def body() -> None:
            await queue.queue_work(work)
            await flush_work(work)

        world.spawn(body(), "one")

    timeline = filmed(build, [0, 0, 1, 1, 0])
    assert holds(timeline) == [
        f"{timeline.lanes[1].comm} exclusive workqueue events 2-3",
        f"{timeline.lanes[1].comm} exclusive work eventfs_work 2-3",
    ]
    assert waits(timeline) == [
        f"one flush_work(eventfs_work) for eventfs_work on {timeline.lanes[1].comm} 1-3-4"
    ]
    assert [lock.lock_class for lock in timeline.locks] == [
        "(work_completion)(eventfs_work)",
        "(wq_completion)events",
    ]
    assert timeline.lanes[1] == Lane(1, timeline.lanes[1].comm, 841, "workqueue", 0)


def test_a_timer_runs_under_its_map() -> None:
    def build(world: World) -> None:
        x = Variable(world, 0, "x")

        async def expire() -> None:
            await WRITE_ONCE(x, 1)

        timer = Timer(world, "&x->timer", expire)

        async def body() -> None:
            await timer.mod()

        world.spawn(body(), "one")

    timeline = filmed(build, [0, 1, 1, 1])
    assert [said.split(maxsplit=1)[1] for said in holds(timeline)] == [
        "exclusive timer &x->timer 2-3"
    ]
    assert timeline.lanes[1].context == Context.SOFTIRQ.value


def abba(world: World) -> None:
    a, b = Mutex(world, "A"), Mutex(world, "B")

    async def transfer(first: Mutex, second: Mutex) -> None:
        await first.lock()
        await second.lock()
        await second.unlock()
        await first.unlock()

    world.spawn(transfer(a, b), "one")
    world.spawn(transfer(b, a), "two")


def test_a_deadlock_shows_who_waits_for_whom() -> None:
    timeline = filmed(abba, [0, 1])
    assert waits(timeline) == [
        "one mutex_lock(B) for B on two 1--",
        "two mutex_lock(A) for A on one 1--",
    ]
    assert holds(timeline) == ["one exclusive mutex A 0-", "two exclusive mutex B 1-"]


def test_a_wakeup_that_comes_to_nothing_counts_as_none() -> None:
    def build(world: World) -> None:
        mutex, x = Mutex(world, "M"), Variable(world, 0, "x")

        async def section() -> None:
            await READ_ONCE(x)
            await mutex.lock()
            await mutex.unlock()

        for comm in ("one", "two", "three"):
            world.spawn(section(), comm)

    # two could go on after step 4 and after step 6; three came in between
    assert waits(filmed(build, [0, 1, 2, 0, 0, 2, 2, 1])) == [
        "two mutex_lock(M) for M on one 3-6-7",
        "three mutex_lock(M) for M on one 3-4-5",
    ]


def sections_of_a_mutex(world: World) -> None:
    mutex = Mutex(world, "M")

    async def section() -> None:
        for _ in range(2):
            await mutex.lock()
            await mutex.unlock()

    for comm in ("one", "two"):
        world.spawn(section(), comm)


def test_who_has_not_begun_does_not_wait() -> None:
    assert waits(filmed(sections_of_a_mutex, [0, 0, 1, 1, 0])) == [
        "one mutex_lock(M) for M on two 2-3-4",
        "two mutex_lock(M) for M on one 4--",
    ]
    assert waits(filmed(sections_of_a_mutex, [0, 0, 0, 0, 1, 1])) == []


def test_who_never_begins_waits_from_when_it_could_not() -> None:
    assert waits(filmed(sections_of_a_mutex, [0, 0, 0])) == ["two mutex_lock(M) for M on one 2--"]
    assert waits(filmed(sections_of_a_mutex, [0, 0])) == []


def test_a_callback_waits_for_its_grace_period_before_it_begins() -> None:
    def build(world: World) -> None:
        srcu = Srcu(world, "srcu")

        async def reads() -> None:
            await srcu.read_unlock(await srcu.read_lock())

        async def frees() -> None:
            await srcu.call_srcu(reads, "free")

        world.spawn(reads(), "r")
        world.spawn(frees(), "rm")

    assert waits(filmed(build, [0, 1, 0, 2])) == [
        "softirq:free grace period of srcu before free for srcu on r 1-2-3"
    ]


def test_a_lock_has_the_address_that_the_validator_knows() -> None:
    told: list[int] = []

    def build(world: World) -> None:
        bit, found = BitSpinLock(world, "bit"), LockMap(world, "map")
        world.on_acquire += (lambda _, use: told.append(use.instance),)

        async def body() -> None:
            await bit.lock()
            await found.lock_map_acquire()
            await Mutex(world, "M").lock()

        world.spawn(body(), "one")

    locks = {lock.name: lock.address for lock in filmed(build, [0, 0, 0]).locks}
    assert locks.pop("bit") == 0
    assert sorted(locks.values()) == sorted(set(told))
    assert len(told) == 2


def test_a_lock_of_an_older_file_has_no_address() -> None:
    timeline = filmed(abba, [0, 1])
    data = timeline.as_json()
    assert Timeline.from_json(data) == timeline
    data["locks"] = [lock[:3] for lock in data["locks"]]
    assert [lock.address for lock in Timeline.from_json(data).locks] == [0, 0]


def test_in_a_queue_a_reader_waits_for_the_writer_before_it() -> None:
    def build(world: World) -> None:
        sem = RwSem(world, "sem")

        async def reads() -> None:
            await sem.down_read()
            await sem.up_read()

        async def writes() -> None:
            await sem.down_write()
            await sem.up_write()

        world.spawn(reads(), "first")
        world.spawn(writes(), "writer")
        world.spawn(reads(), "second")

    assert waits(filmed(build, [0, 1, 2, 0, 1, 1, 2, 2])) == [
        "writer down_write(sem) for sem on first 1-3-4",
        "second down_read(sem) for sem on writer 2-5-6",
    ]


def test_who_waits_for_an_event_waits_for_nobody_in_particular() -> None:
    def build(world: World) -> None:
        done, sem = Completion(world, "done"), Semaphore(world, "sem", 1)
        queue, cond, mutex = WaitQueue(world, "wq"), CondVar(world, "cv"), Mutex(world, "M")

        async def completes() -> None:
            await done.wait_for_completion()

        async def downs() -> None:
            await sem.down()

        async def sleeps() -> None:
            await queue.prepare_to_wait()
            await queue.schedule()

        async def waits_for_it() -> None:
            await mutex.lock()
            await cond.wait(mutex)

        for body, comm in ((completes(), "c"), (downs(), "d"), (downs(), "e"), (sleeps(), "s")):
            world.spawn(body, comm)
        world.spawn(waits_for_it(), "v")

    timeline = filmed(build, [1, 2, 3, 4, 4])
    assert waits(timeline) == [
        "c wait_for_completion(done) -1--",
        "e down(sem) 1--",
        "s schedule() on wq 2--",
        "v cond_wait(cv, M) 4--",
    ]
    assert holds(timeline) == ["v exclusive mutex M 3-4"]


def srcu_readers(world: World) -> None:
    srcu = Srcu(world, "srcu")

    async def reads() -> None:
        idx = await srcu.read_lock()
        await srcu.read_unlock(idx)

    async def waits_for_them() -> None:
        await srcu.synchronize_srcu()

    world.spawn(reads(), "a")
    world.spawn(reads(), "b")
    world.spawn(waits_for_them(), "rm")
    world.spawn(reads(), "late")


def test_a_grace_period_lasts_until_the_last_of_its_readers_is_gone() -> None:
    timeline = filmed(srcu_readers, [0, 1, 2, 3, 1, 0, 2])
    assert periods(timeline) == ["srcu for rm 2-5 readers a+b"]
    assert waits(timeline) == ["rm synchronize_srcu(srcu) for srcu on a+b 2-5-6"]


def test_a_grace_period_whose_readers_are_gone_is_over_at_once() -> None:
    timeline = filmed(srcu_readers, [0, 0, 2, 2])
    assert periods(timeline) == ["srcu for rm 2-2 readers none"]
    assert waits(timeline) == []


def test_of_several_readers_those_count_that_are_still_there() -> None:
    timeline = filmed(srcu_readers, [0, 1, 0, 2, 1, 2])
    assert periods(timeline) == ["srcu for rm 3-4 readers b"]
    assert waits(timeline) == ["rm synchronize_srcu(srcu) for srcu on b 3-4-5"]


def test_callbacks_wait_for_their_readers_and_a_barrier_for_them() -> None:
    def build(world: World) -> None:
        rcu = Rcu(world)

        async def reads() -> None:
            await rcu.rcu_read_lock()
            await rcu.rcu_read_unlock()

        async def free_ef() -> None:
            await READ_ONCE(Variable(world, 0, "x"))

        async def removes() -> None:
            await rcu.call_rcu(free_ef)
            await rcu.call_rcu(free_ef)
            await rcu.rcu_barrier()

        world.spawn(reads(), "reader")
        world.spawn(removes(), "rm")

    timeline = filmed(build, [0, 1, 1, 1, 0, 2, 2, 3, 3, 1])
    assert periods(timeline) == [
        "rcu for softirq:free_ef 1-4 readers reader",
        "rcu for softirq:free_ef 2-4 readers reader",
        "rcu for rm 3-8 readers none",
    ]
    # the second callback runs after the first, though its grace period is over
    assert [wait.on for wait in timeline.waits] == [(0,), (0, 2), (2, 3)]
    assert [wait.woken for wait in timeline.waits] == [4, 6, 8]


def test_kfree_rcu_frees_after_its_grace_period() -> None:
    def build(world: World) -> None:
        rcu, box = Rcu(world), Box(world, "b")

        async def reads() -> None:
            await rcu.rcu_read_lock()
            await rcu.rcu_read_unlock()

        async def removes() -> None:
            await rcu.kfree_rcu(box)

        world.spawn(reads(), "reader")
        world.spawn(removes(), "rm")

    timeline = filmed(build, [0, 1, 0, 2])
    assert periods(timeline) == ["rcu for softirq:kfree b 1-2 readers reader"]
    assert lives(timeline) == ["box b -1-3 by softirq:kfree b"]


def test_objects_are_told_from_their_birth_to_their_end() -> None:
    def build(world: World) -> None:
        untouched, kept = Box(world, "u"), Box(world, "k")
        assert untouched.alive

        async def makes() -> None:
            box = await kmalloc(world, lambda: Box(world, "k"), "box")
            box.data = 2
            kept.next = box
            await kfree(box)

        world.spawn(makes(), "mk")

    timeline = filmed(build, [0, 0])
    assert lives(timeline) == ["box k -1-", "box k#2 0-1 by mk in makes()"]
    assert values(timeline) == {
        "box k->next": ["-1: NULL", "0: box k#2"],
        "box k#2->data": ["0: 2"],
    }


def test_variables_counts_lists_and_completions_are_told_in_words() -> None:
    def build(world: World) -> None:
        x, done, box = Variable(world, 0, "x"), Completion(world, "done"), Box(world, "b")
        ref, lst = Kref(world, 1, "b->ref", owner=box), ListHead[Box](world, "list")

        async def body() -> None:
            await WRITE_ONCE(x, 1)
            await done.complete()
            await done.complete_all()
            await ref.get()
            await lst.add_tail_rcu(box)
            await lst.del_(box)

        world.spawn(body(), "one")

    assert values(filmed(build, [0] * 6)) == {
        "x->value": ["-1: 0", "0: 1"],
        "done->value": ["-1: 0", "1: 1", "2: all"],
        "b->ref->value": ["-1: 1", "3: 2"],
        "list->value": ["-1: []", "4: [box b]", "5: []"],
        "box b->list.next": ["-1: NULL", "4: end of the list", "5: LIST_POISON1"],
    }


class Shelf(Slab):
    cache = "shelf"
    boxes: Field[list[int]] = Field(None)
    children: Field[ListHead[Box]] = Field(None)
    lock: Field[Mutex] = Field(None)


def shelf(world: World) -> Shelf:
    made = Shelf(world, "s")
    made.boxes, made.children = [], ListHead[Box](world, "s->children")
    made.lock = Mutex(world, "s->lock")
    return made


def test_a_list_that_is_changed_in_its_place_is_looked_at_again() -> None:
    def build(world: World) -> None:
        x, one = Variable(world, 0, "x"), shelf(world)

        async def body() -> None:
            for number in range(2):
                await WRITE_ONCE(x, 1)
                one.boxes.append(number)

        world.spawn(body(), "one")

    said = values(filmed(build, [0, 0]))
    assert said["shelf s->boxes"] == ["-1: []", "0: [0]", "1: [0, 1]"]


def test_what_a_field_leads_to_is_told_in_the_field() -> None:
    def build(world: World) -> None:
        one, other, box = shelf(world), shelf(world), Box(world, "b")
        lst = one.children
        other.children, other.lock = lst, one.lock

        async def body() -> None:
            await lst.empty()
            await other.lock.lock()
            await READ_ONCE(other, "children")
            await lst.add_tail(box)

        world.spawn(body(), "one")

    assert values(filmed(build, [0])) == {"shelf s->children": ["-1: []"]}
    said = values(filmed(build, [0] * 4))
    # the second one is called by its name, and who holds the lock stands elsewhere
    assert said == {
        "shelf s->children": ["-1: []", "3: [box b]"],
        "shelf s#2->children": ["-1: s->children"],
        "box b->list.next": ["-1: NULL", "3: end of the list"],
    }


def test_a_variable_was_there_from_the_beginning_if_the_set_up_made_it() -> None:
    def build(world: World) -> None:
        first, early = Variable(world, 1, "first"), Variable(world, 2, "early")

        async def body() -> None:
            await READ_ONCE(first)
            late = Variable(world, 3, "late")
            await READ_ONCE(early)
            await READ_ONCE(late)

        world.spawn(body(), "one")

    assert values(filmed(build, [0] * 3)) == {
        "first->value": ["-1: 1"],
        "early->value": ["-1: 2"],
        "late->value": ["1: 3"],
    }


def test_long_values_are_cut_and_strange_ones_are_told_in_words() -> None:
    class Odd(Enum):
        RED = 1

    def build(world: World) -> None:
        x = Variable(world, "a" * 500, "x")
        given = [None, True, Odd.RED, (1, [2, {"k": {3}}]), {"b", "a"}, len, x, world]

        async def body() -> None:
            for value in given:
                await WRITE_ONCE(x, value)

        world.spawn(body(), "one")

    said = values(filmed(build, [0] * 8))["x->value"]
    assert said[0] == f'-1: "{"a" * 118}…'
    assert [each.partition(": ")[2] for each in said[1:]] == [
        *("NULL", "true", "RED", '(1, [2, {"k": …}])', '{"a", "b"}', "len", "x", "World"),
    ]


def test_a_handler_on_top_of_a_task_holds_as_the_task() -> None:
    def build(world: World) -> None:
        lock = SpinLock(world, "&dev->lock")

        async def eth0_handler() -> None:
            await lock.lock()
            await lock.unlock()

        async def dev_xmit() -> None:
            await READ_ONCE(Variable(world, 0, "x"))

        task = world.spawn(dev_xmit(), "xmit")
        interrupt(world, eth0_handler, "eth0", on=(task,))

    timeline = filmed_along(build, [(0, 1), (0, 0), (0, 0), (0, 0)])
    assert holds(timeline) == ["xmit exclusive spinlock &dev->lock 1-2"]
    chains = [[timeline.places[at].function for at in chain] for chain in timeline.chains]
    assert chains == [
        ["dev_xmit"],
        ["eth0_handler", "dev_xmit"],
        ["eth0_handler", "dev_xmit"],
        ["dev_xmit"],
    ]


def test_a_delayed_store_lands_in_a_lane_of_its_own() -> None:
    def build(world: World) -> None:
        use_memory(world, "tso")
        x = Variable(world, 0, "x")

        async def stores() -> None:
            await WRITE_ONCE(x, 1)

        world.spawn(stores(), "P0")

    timeline = filmed(build, [0, 1, 0])
    assert [lane[1:] for lane in timeline.lanes] == [
        ("P0", 840, "process", -1),
        ("flush of P0", 840, "store buffer", 0),
    ]
    assert values(timeline) == {"x->value": ["-1: 0", "1: 1"]}
    assert waits(timeline) == ["P0 drain() on flush of P0 0-1-2"]


def test_locks_of_one_name_are_told_apart() -> None:
    def build(world: World) -> None:
        key = LockKey("&ei->lock")
        one, two = Mutex(world, "&ei->lock", cls=key), Mutex(world, "&ei->lock", cls=key)

        async def body() -> None:
            await one.lock()
            await two.lock()

        world.spawn(body(), "one")

    timeline = filmed(build, [0, 0])
    assert [lock[:2] for lock in timeline.locks] == [
        ("&ei->lock", "&ei->lock"),
        ("&ei->lock#2", "&ei->lock"),
    ]


def test_a_timeline_reads_back_from_its_json() -> None:
    for build, order in ((abba, [0, 1]), (srcu_readers, [0, 1, 2, 3, 1, 0, 2])):
        timeline = filmed(build, order)
        assert Timeline.from_json(timeline.as_json()) == timeline
