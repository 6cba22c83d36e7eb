"""Small random programs over readers, works, reclaim and wound/wait mutexes.

DPOR finds each trace once, and each outcome; and neighbouring steps that have nothing in common
can be swapped.  A location that is missing from what an operation touches breaks this for some
program.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.run import Run, trace_key
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.rculist import ListHead, list_for_each_entry_rcu
from lockwright.kernel.rcupointer import rcu_access_pointer, rcu_dereference
from lockwright.kernel.reclaim import GFP_KERNEL, Reclaim, might_alloc
from lockwright.kernel.signal import Signals
from lockwright.kernel.slab import Field, Slab, kmalloc
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.workqueue import (
    Work,
    WorkQueue,
    cancel_work_sync,
    destroy_workqueue,
    drain_workqueue,
)
from lockwright.kernel.ww_mutex import (
    BaseMutex,
    WwAcquireCtx,
    WwClass,
    WwMutex,
    ww_acquire_fini,
    ww_acquire_init,
    ww_mutex_lock,
    ww_mutex_lock_interruptible,
    ww_mutex_lock_slow,
    ww_mutex_trylock,
    ww_mutex_unlock,
)
from tests.kernel.searching import making

EXECUTIONS_MAX = 500


class Node(Slab):
    """On a list."""

    value: Field[int] = Field(0)


class Ground:
    """One of each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.signals = Signals(world)
        self.rcu, self.srcu = Rcu(world), Srcu(world, "srcu")
        self.flag = Variable(world, 0, "flag")
        self.nodes = [Node(world, name) for name in "ab"]
        self.list = ListHead[Node](world, "list")
        self.queue, self.bh = WorkQueue(world, "q", ordered=True), WorkQueue(world, "bh", bh=True)
        self.works = [Work(world, name, self.work) for name in ("w0", "w1")]
        self.reclaim = Reclaim(world, 1)
        self.reclaim.register(self.work)
        self.wound, self.die = WwClass(world, "wound"), WwClass(world, "die", wait_die=True)
        self.locks = {
            kind: [WwMutex(kind, f"{kind.name}{nth}") for nth in range(2)]
            for kind in (self.wound, self.die)
        }
        self.idx: list[object] = []

    async def work(self) -> None:
        """What works and shrinkers do."""
        await WRITE_ONCE(self.flag, 1)


Action = Callable[[Ground], Awaitable[object]]


def reading(flavour: str) -> Action:
    """A read section."""

    async def section(at: Ground) -> object:
        await getattr(at.rcu, f"rcu_read_lock{flavour}")()
        names = [node.name async for node in list_for_each_entry_rcu(at.list)]
        seen = await READ_ONCE(at.flag)
        await getattr(at.rcu, f"rcu_read_unlock{flavour}")()
        return seen, *names

    return section


def sleeping(began: str, ended: str) -> Action:
    """A read section of SRCU's."""

    async def section(at: Ground) -> object:
        idx = await getattr(at.srcu, began)()
        seen = await READ_ONCE(at.flag)
        await getattr(at.srcu, ended)(idx)
        return seen

    return section


def both(kind: str, order: int, *, backs_off: bool = True) -> Action:
    """Takes two locks in a context; gives how often it was refused."""

    async def locks(at: Ground) -> int:
        ww_class: WwClass = getattr(at, kind)
        held, other = at.locks[ww_class][::order]
        ctx = WwAcquireCtx(ww_class)
        refused = 0
        await ww_acquire_init(ctx, ww_class)
        await ww_mutex_lock(held, ctx)
        while await ww_mutex_lock(other, ctx):
            refused += 1
            await ww_mutex_unlock(held)
            if not backs_off:
                return -refused
            await ww_mutex_lock_slow(other, ctx)
            held, other = other, held
        await ww_mutex_unlock(held)
        await ww_mutex_unlock(other)
        await ww_acquire_fini(ctx)
        return refused

    return locks


async def interruptible(at: Ground) -> int:
    lock = at.locks[at.wound][0]
    ret: int = await ww_mutex_lock_interruptible(lock)
    if not ret:
        await ww_mutex_unlock(lock)
    return ret


async def tries(at: Ground) -> bool:
    lock = at.locks[at.wound][1]
    got: bool = await ww_mutex_trylock(lock)
    if got:
        await ww_mutex_unlock(lock)
    return got


async def plain_mutex(at: Ground) -> None:
    await BaseMutex(at.locks[at.die][0]).lock()
    await BaseMutex(at.locks[at.die][0]).unlock()


async def allocates(at: Ground) -> bool:
    return await kmalloc(at.world, lambda: Node(at.world, "n"), "node") is not None


ACTIONS: tuple[Action, ...] = (
    reading(""),
    reading("_bh"),
    reading("_sched"),
    sleeping("read_lock_fast", "read_unlock_fast"),
    sleeping("down_read", "up_read"),
    lambda at: at.rcu.synchronize_rcu_expedited(),
    lambda at: at.srcu.synchronize_srcu_expedited(),
    lambda at: at.rcu.call_rcu(at.work, "callback"),
    lambda at: at.list.add_tail_rcu(at.nodes[0]),
    lambda at: at.list.add_rcu(at.nodes[1]),
    lambda at: rcu_dereference(at.nodes[0], "value"),
    lambda at: rcu_access_pointer(at.nodes[1], "value"),
    lambda at: at.queue.queue_work(at.works[0]),
    lambda at: at.queue.queue_work(at.works[1]),
    lambda at: at.bh.queue_work(at.works[1]),
    lambda at: cancel_work_sync(at.works[1]),
    lambda at: drain_workqueue(at.queue),
    lambda at: destroy_workqueue(at.bh),
    allocates,
    lambda at: might_alloc(GFP_KERNEL),
    both("wound", 1),
    both("wound", -1),
    both("die", 1),
    both("die", -1),
    both("die", -1, backs_off=False),
    interruptible,
    tries,
    plain_mutex,
    lambda at: ww_mutex_lock(at.locks[at.wound][0]),
    lambda at: at.signals.kill(at.world.tasks[0]),
)


async def script(at: Ground, actions: list[int]) -> tuple[str, ...]:
    """A task that does one thing after the other."""
    return tuple([str(await ACTIONS[action](at)) for action in actions])


def spawn_all(world: World, scripts: list[list[int]]) -> None:
    """The ground, and a task for each script."""
    at = world.state = Ground(world)
    for nth, actions in enumerate(scripts):
        world.spawn(script(at, actions), f"t{nth}")


def state(world: World) -> dict[str, object]:
    """How an execution ends, whatever the order in which tasks were made."""
    at: Ground = world.state
    tasks = world.tasks
    ww = [lock for locks in at.locks.values() for lock in locks]
    return {
        "results": sorted((task.number, str(task.result), task.atomic) for task in tasks),
        "blocked": sorted(
            (task.number, task.pending.describe()) for task in world.blocked() if task.pending
        ),
        "owners": [[tasks[index].number for index in lock.holders()] for lock in ww],
        "waiters": [[tasks[each.task].number for each in lock.value.waiters] for lock in ww],
        "values": [at.flag.value, at.reclaim.left.value, *(work.value for work in at.works)],
        "findings": sorted((f.kind, f.message) for f in world.findings),
    }


scripts_of = st.lists(
    st.lists(st.integers(0, len(ACTIONS) - 1), min_size=1, max_size=3), min_size=2, max_size=3
)
pairs_of = st.lists(
    st.lists(st.integers(0, len(ACTIONS) - 1), min_size=1, max_size=2), min_size=2, max_size=2
)


def outcome(run: Run) -> str:
    return str(state(run.world))


def test_dpor_finds_each_trace_and_each_outcome_of_a_random_program() -> None:
    explored = [0]

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(scripts=pairs_of)
    def check(scripts: list[list[int]]) -> None:
        make = making(lambda world: spawn_all(world, scripts))
        runs = list(islice(plain_search(make), EXECUTIONS_MAX))
        if len(runs) == EXECUTIONS_MAX:
            return
        reduced = list(Dpor(make))
        assert not any(run.sleeping for run in reduced)
        assert len(reduced) == len({trace_key(run) for run in runs})
        assert {outcome(run) for run in reduced} == {outcome(run) for run in runs}
        explored[0] += len(runs) > 1

    check()
    assert explored[0] > 40


def independent(one: list[int], other: list[int]) -> bool:
    """Do they touch no location in common that one of them writes?"""
    ones, others = ({code >> 1 if code >= 0 else ~code for code in part} for part in (one, other))
    written = {code >> 1 for code in (*one, *other) if code >= 0 and code & 1}
    return not ones & others & written


def replayed(names: Names, scripts: list[list[int]], steps: list[tuple[int, int]]) -> World:
    """A world after these steps, of tasks by their numbers."""
    world = World(names)
    spawn_all(world, scripts)
    for number, choice in steps:
        task = world.by_number[number]
        assert task is not None
        assert task in world.enabled()
        world.step(task, choice)
    return world


def test_independent_neighbours_can_be_swapped() -> None:
    swaps = [0]

    @settings(max_examples=250, deadline=None, derandomize=True)
    @given(scripts=scripts_of, picks=st.lists(st.integers(0, 23), min_size=15, max_size=50))
    def check(scripts: list[list[int]], picks: list[int]) -> None:
        names = Names()
        world = World(names)
        spawn_all(world, scripts)
        steps: list[tuple[int, int]] = []
        touched: list[list[int]] = []
        for pick in picks:
            enabled = world.enabled()
            if not enabled:
                break
            task = enabled[pick % len(enabled)]
            op = task.pending
            assert op is not None
            choice = pick // len(enabled) % (op.options() if op.chooses else 1)
            steps.append((task.number, choice))
            touched.append(world.step(task, choice))
        for at in range(len(steps) - 1):
            if steps[at][0] != steps[at + 1][0] and independent(touched[at], touched[at + 1]):
                other = [*steps[:at], steps[at + 1], steps[at], *steps[at + 2 :]]
                assert state(replayed(names, scripts, other)) == state(world), (scripts, steps, at)
                swaps[0] += 1

    check()
    assert swaps[0] > 500
