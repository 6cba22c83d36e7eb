"""A world with one of each primitive, and tasks that do a list of things with them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.completion import Completion
from lockwright.kernel.llist import LList
from lockwright.kernel.mailbox import Mailbox
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.percpu_ref import PercpuRef
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.rculist import ListHead
from lockwright.kernel.refcount import (
    Kref,
    Lockref,
    lockref_get_not_dead,
    lockref_mark_dead,
    lockref_put_return,
    refcount_dec_and_test,
    refcount_inc,
    refcount_inc_not_zero,
)
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Slab, kfree
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.waitqueue import CondVar, WaitQueue, wait_event, wait_event_exclusive
from lockwright.kernel.workqueue import (
    Work,
    WorkQueue,
    cancel_work,
    cancel_work_sync,
    flush_work,
    flush_workqueue,
)


class Node(Slab):
    """Something on a list."""


class Everything:
    """The shared objects.  `logs[number]` holds what a task's steps gave, as text."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mutex = Mutex(world, "mutex")
        self.sem = RwSem(world, "sem")
        self.spin = SpinLock(world, "spin")
        self.rwlock = RwLock(world, "rwlock")
        self.plain = RwLock(world, "plain", queued=False)
        self.done = Completion(world, "done")
        self.queue = WaitQueue(world, "wq")
        self.flag = Variable(world, 0, "flag")
        self.cond = CondVar(world, "cond")
        self.srcu = Srcu(world, "srcu")
        self.rcu = Rcu(world)
        self.nodes = [Node(world, name) for name in "abc"]
        self.kref = Kref(world, 2, owner=self.nodes[0])
        self.lockref = Lockref(world, 1, "lockref", lock=self.spin)
        self.percpu = PercpuRef(world, "percpu", owner=self.nodes[1])
        self.events = WorkQueue(world, "events")
        self.ordered = WorkQueue(world, "ordered", ordered=True)
        self.works = [Work(world, "w0", self.work), Work(world, "w1", self.work)]
        self.llist = LList[str](world, "llist")
        self.list = ListHead[Node](world, "list")
        self.boxes = [Mailbox(world, f"box{at}") for at in range(4)]

    async def work(self) -> None:
        """What a work and a callback do."""
        await WRITE_ONCE(self.flag, 1)

    async def condition(self) -> bool:
        """What a sleeper waits for."""
        return bool(await READ_ONCE(self.flag))

    def state(self) -> dict[str, object]:
        """The final state, without the order of creation of tasks."""
        tasks = self.world.tasks

        def numbers(lock: Mutex | RwSem | SpinLock | RwLock | Srcu | Rcu) -> list[int]:
            return sorted(tasks[index].number for index in lock.holders())

        locks = (self.mutex, self.sem, self.spin, self.rwlock, self.plain, self.srcu, self.rcu)
        return {
            "holders": [numbers(lock) for lock in locks],
            "acquisitions": self.sem.acquisitions,
            "values": [self.done.value, self.flag.value, self.kref.value, self.lockref.value],
            "percpu": [self.percpu.value, tuple(self.percpu.counts)],
            "works": [work.value for work in self.works],
            "llist": self.llist.value,
            "list": [node.name for node in self.list.peek()],
            "mail": [box.waiting() for box in self.boxes],
            "alive": [node.alive for node in self.nodes],
            "tasks": sorted((task.number, task.ended, task.died, task.atomic) for task in tasks),
            "blocked": sorted(task.number for task in self.world.blocked()),
            # Of several oopses a world reports the first only; who died stands in "tasks".  What
            # comes after one is not reported.
            "warnings": sorted(
                (found.kind, found.message)
                for found in self.world.findings
                if not found.fatal and not self.world.oopsed
            ),
        }


async def poll(all_: Everything) -> None:
    while not await all_.sem.down_write_trylock():
        await all_.sem.poll(10)
    await all_.sem.up_write()


async def srcu_section(all_: Everything) -> str:
    idx = await all_.srcu.read_lock()
    names = await walk(all_)
    await all_.srcu.read_unlock(idx)
    return names


async def rcu_section(all_: Everything) -> object:
    await all_.rcu.rcu_read_lock()
    seen = await READ_ONCE(all_.flag)
    await all_.rcu.rcu_read_unlock()
    return seen


async def walk(all_: Everything) -> str:
    names = ""
    node = await all_.list.first()
    while node is not None:
        names += node.name
        node = await all_.list.next(node)
    return names


async def cond_wait(all_: Everything) -> None:
    await all_.mutex.lock()
    await all_.cond.wait(all_.mutex)
    await all_.mutex.unlock()


async def release(all_: Everything) -> None:
    await kfree(all_.nodes[0])


async def receive(all_: Everything) -> object:
    """Each task has a mailbox of its own."""
    task = all_.world.creator
    assert isinstance(task, Task)
    return await all_.boxes[task.index].receive()


async def take_all(all_: Everything) -> str:
    return "".join(await all_.llist.del_all())


Action = Callable[[Everything], Awaitable[object]]

ACTIONS: tuple[Action, ...] = (
    lambda all_: all_.mutex.lock(),
    lambda all_: all_.mutex.unlock(),
    lambda all_: all_.mutex.trylock(),
    lambda all_: all_.sem.down_read(),
    lambda all_: all_.sem.down_write(),
    lambda all_: all_.sem.up_read(),
    lambda all_: all_.sem.up_write(),
    lambda all_: all_.sem.down_read_trylock(),
    lambda all_: all_.sem.downgrade_write(),
    poll,
    lambda all_: all_.spin.lock(),
    lambda all_: all_.spin.unlock(),
    lambda all_: all_.spin.trylock(),
    lambda all_: all_.rwlock.read_lock(),
    lambda all_: all_.rwlock.read_lock(recursive=True),
    lambda all_: all_.rwlock.write_lock(),
    lambda all_: all_.rwlock.read_unlock(),
    lambda all_: all_.rwlock.write_unlock(),
    lambda all_: all_.rwlock.write_trylock(),
    lambda all_: all_.plain.read_lock(),
    lambda all_: all_.plain.read_unlock(),
    lambda all_: all_.plain.write_lock(),
    lambda all_: all_.plain.write_unlock(),
    lambda all_: all_.done.wait_for_completion(),
    lambda all_: all_.done.try_wait_for_completion(),
    lambda all_: all_.done.complete(),
    lambda all_: all_.done.complete_all(),
    lambda all_: all_.done.reinit_completion(),
    lambda all_: wait_event(all_.queue, all_.condition),
    lambda all_: wait_event_exclusive(all_.queue, all_.condition),
    lambda all_: all_.queue.wake_up(),
    lambda all_: all_.queue.wake_up_all(),
    lambda all_: WRITE_ONCE(all_.flag, 1),
    cond_wait,
    lambda all_: all_.cond.signal(),
    lambda all_: all_.cond.broadcast(),
    srcu_section,
    rcu_section,
    lambda all_: all_.srcu.synchronize_srcu(),
    lambda all_: all_.rcu.synchronize_rcu(),
    lambda all_: all_.srcu.call_srcu(all_.work, "callback"),
    lambda all_: all_.rcu.call_rcu(all_.work, "callback"),
    lambda all_: all_.rcu.kfree_rcu(all_.nodes[1]),
    lambda all_: all_.srcu.srcu_barrier(),
    lambda all_: refcount_inc(all_.kref),
    lambda all_: refcount_inc_not_zero(all_.kref),
    lambda all_: refcount_dec_and_test(all_.kref),
    lambda all_: all_.kref.put(lambda: release(all_)),
    lambda all_: lockref_get_not_dead(all_.lockref),
    lambda all_: lockref_put_return(all_.lockref),
    lambda all_: lockref_mark_dead(all_.lockref),
    lambda all_: all_.events.queue_work(all_.works[0]),
    lambda all_: all_.events.queue_work(all_.works[1]),
    lambda all_: all_.ordered.queue_work(all_.works[1]),
    lambda all_: flush_work(all_.works[0]),
    lambda all_: flush_work(all_.works[1]),
    lambda all_: cancel_work(all_.works[0]),
    lambda all_: cancel_work_sync(all_.works[0]),
    lambda all_: flush_workqueue(all_.events),
    lambda all_: all_.llist.add("x"),
    lambda all_: all_.llist.add("y"),
    take_all,
    walk,
    *(lambda all_, at=at: all_.list.add_tail(all_.nodes[at]) for at in range(3)),
    *(lambda all_, at=at: all_.list.add_rcu(all_.nodes[at]) for at in range(2)),
    *(lambda all_, at=at: all_.list.del_rcu(all_.nodes[at]) for at in range(3)),
    lambda all_: all_.list.del_(all_.nodes[2]),
    lambda all_: all_.list.empty(),
    lambda all_: all_.boxes[0].send("a"),
    lambda all_: all_.boxes[0].send("b"),
    lambda all_: all_.boxes[1].send("c"),
    receive,
    lambda all_: all_.percpu.get(),
    lambda all_: all_.percpu.tryget(),
    lambda all_: all_.percpu.put(),
    lambda all_: all_.percpu.kill(),
)


SECTIONS = (
    (0, 1),  # mutex
    (3, 5),  # rwsem: read
    (4, 6),  # rwsem: write
    (10, 11),  # spinlock
    (13, 16),  # rwlock: fair read
    (14, 16),  # rwlock: recursive read
    (15, 17),  # rwlock: write
    (19, 20),  # rwlock without a queue: read
    (21, 22),  # rwlock without a queue: write
    (25, 23),  # complete and wait for it
    (9, 9),  # poll the rwsem
    (28, 30),  # sleep and wake others
    (51, 54),  # queue a work and flush it
    (33, 34),  # wait for a signal, and signal others
    (73, 76),  # send and receive
    (77, 79),  # percpu_ref: get and put
)
"""Actions that belong together."""


async def script(all_: Everything, actions: list[int]) -> tuple[str, ...]:
    """A task that does one thing after the other."""
    return tuple([str(await ACTIONS[action](all_)) for action in actions])


def spawn_all(world: World, scripts: list[list[int]]) -> Everything:
    """The shared objects and one task a script."""
    everything = Everything(world)
    world.state = everything
    for at, actions in enumerate(scripts):
        world.spawn(script(everything, actions), f"t{at}")
    return everything


def by_number(world: World, number: int) -> Task:
    """A task by the name that all executions share."""
    task = world.by_number[number]
    assert task is not None
    return task
