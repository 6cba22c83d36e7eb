"""Small random programs over every kind of lock: DPOR finds each trace once, and each outcome.

A location that is missing from what an operation touches loses an outcome for some program.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.run import Run, trace_key
from lockwright.kernel.bit_spinlock import BitSpinLock
from lockwright.kernel.local_lock import LocalLock
from lockwright.kernel.lockmap import LockMap
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.percpu_rwsem import PercpuRwSem
from lockwright.kernel.rtmutex import RtMutex
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.semaphore import Semaphore
from lockwright.kernel.seqlock import SeqLock
from lockwright.kernel.signal import Signals
from lockwright.kernel.spinlock import RawSpinLock
from tests.kernel.searching import making

EXECUTIONS_MAX = 2000


class Locks:
    """One of each."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.signals = Signals(world)
        self.mutex = Mutex(world, "mutex")
        self.rt = RtMutex(world, "rt")
        self.sem = RwSem(world, "sem")
        self.percpu = PercpuRwSem(world, "percpu")
        self.count = Semaphore(world, "count")
        self.raw = RawSpinLock(world, "raw")
        self.rwlock = RwLock(world, "rwlock")
        self.bit = BitSpinLock(world, "bit")
        self.seq = SeqLock(world, "seq")
        self.local = LocalLock(world, "local")
        self.map = LockMap(world, "map")

    async def kill(self, number: int, *, fatal: bool) -> None:
        """A signal for one of the tasks, which by the second step are all there."""
        await self.signals.signal_pending()
        await self.signals.kill(self.world.tasks[number], fatal=fatal)


def section(*calls: Callable[[Locks], Awaitable[object]]) -> Callable[[Locks], Awaitable[object]]:
    """Calls that belong together; the others are left out if the first one fails."""

    async def runs(at: Locks) -> tuple[object, ...]:
        first = await calls[0](at)
        if first not in (None, 0, True):
            return (first,)
        return (first, *[await call(at) for call in calls[1:]])

    return runs


async def seq_reader(at: Locks) -> int:
    """How often it has to look."""
    looks = 1
    while await at.seq.read_seqretry(await at.seq.read_seqbegin()):
        looks += 1
    return looks


ACTIONS: tuple[Callable[[Locks], Awaitable[object]], ...] = (
    section(lambda at: at.mutex.lock(), lambda at: at.mutex.unlock()),
    section(lambda at: at.mutex.lock_interruptible(), lambda at: at.mutex.unlock()),
    section(lambda at: at.mutex.lock_killable(), lambda at: at.mutex.unlock()),
    lambda at: at.mutex.lock(),
    lambda at: at.mutex.lock_interruptible(),
    lambda at: at.mutex.is_locked(),
    section(lambda at: at.rt.lock(), lambda at: at.rt.unlock()),
    section(lambda at: at.rt.lock_killable(), lambda at: at.rt.unlock()),
    section(lambda at: at.sem.down_write(), lambda at: at.sem.up_write()),
    section(lambda at: at.sem.down_read(), lambda at: at.sem.up_read()),
    section(lambda at: at.sem.down_read_interruptible(), lambda at: at.sem.up_read()),
    section(lambda at: at.sem.down_write_killable(), lambda at: at.sem.up_write()),
    lambda at: at.sem.down_write(),
    lambda at: at.sem.down_read_non_owner(),
    lambda at: at.sem.is_locked(),
    section(lambda at: at.percpu.percpu_down_read(), lambda at: at.percpu.percpu_up_read()),
    section(lambda at: at.percpu.percpu_down_write(), lambda at: at.percpu.percpu_up_write()),
    lambda at: at.percpu.percpu_down_read_trylock(),
    section(lambda at: at.count.down(), lambda at: at.count.up()),
    section(lambda at: at.count.down_interruptible(), lambda at: at.count.up()),
    section(lambda at: at.count.down_timeout(), lambda at: at.count.up()),
    lambda at: at.count.down_trylock(),
    lambda at: at.count.down(),
    lambda at: at.count.up(),
    section(lambda at: at.raw.lock_irqsave(), lambda at: at.raw.unlock_irqrestore()),
    section(lambda at: at.raw.trylock_bh(), lambda at: at.raw.unlock_bh()),
    section(lambda at: at.rwlock.read_lock_bh(), lambda at: at.rwlock.read_unlock_bh()),
    section(lambda at: at.rwlock.read_lock_irq(), lambda at: at.rwlock.read_unlock_irq()),
    section(
        lambda at: at.rwlock.write_lock_irqsave(), lambda at: at.rwlock.write_unlock_irqrestore()
    ),
    section(
        lambda at: at.rwlock.write_trylock_irqsave(), lambda at: at.rwlock.write_unlock_irqrestore()
    ),
    section(lambda at: at.bit.lock(), lambda at: at.bit.unlock()),
    lambda at: at.bit.trylock(),
    lambda at: at.bit.is_locked(),
    section(lambda at: at.seq.write_seqlock(), lambda at: at.seq.write_sequnlock()),
    seq_reader,
    section(lambda at: at.local.lock(), lambda at: at.local.unlock()),
    section(lambda at: at.map.lock_map_acquire(), lambda at: at.map.lock_map_release()),
    lambda at: at.kill(0, fatal=False),
    lambda at: at.kill(0, fatal=True),
    lambda at: at.kill(1, fatal=True),
    lambda at: at.signals.signal_pending(),
)


async def script(at: Locks, actions: list[int]) -> tuple[str, ...]:
    """A task that does one thing after the other."""
    return tuple([str(await ACTIONS[action](at)) for action in actions])


def outcome(run: Run) -> tuple[object, ...]:
    """How an execution ends: results, who waits in what, what is left taken."""
    at: Locks = run.world.state
    blocked = tuple(
        (task.comm, task.pending.describe()) for task in run.world.blocked() if task.pending
    )
    locks = (at.mutex, at.rt, at.sem, at.percpu, at.count, at.raw, at.rwlock, at.bit)
    return (
        tuple(task.result for task in run.world.tasks),
        tuple((task.atomic, task.irqs_off, task.bhs_off) for task in run.world.tasks),
        blocked,
        tuple(str(lock.value) for lock in locks),
        at.signals.value,
        tuple(sorted(at.signals.sleepers)),
    )


def test_dpor_finds_each_trace_of_a_random_program_once_and_each_outcome() -> None:
    outcomes_seen = 0
    waits: set[str] = set()

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(
        scripts=st.lists(
            st.lists(st.integers(0, len(ACTIONS) - 1), min_size=1, max_size=2),
            min_size=2,
            max_size=3,
        )
    )
    def check(scripts: list[list[int]]) -> None:
        nonlocal outcomes_seen

        def setup(world: World) -> None:
            world.state = locks = Locks(world)
            for number, actions in enumerate(scripts):
                world.spawn(script(locks, actions), f"t{number}")

        make = making(setup)
        traces, outcomes = set(), set()
        for executions, run in enumerate(plain_search(make)):
            if executions == EXECUTIONS_MAX:
                return
            traces.add(trace_key(run))
            outcomes.add(outcome(run))
            pending = [task.pending for task in run.world.blocked()]
            waits.update(operation.kind for operation in pending if operation is not None)
        reduced = list(Dpor(make))
        assert not any(run.sleeping for run in reduced)
        assert len(reduced) == len(traces), scripts
        assert {outcome(run) for run in reduced} == outcomes, scripts
        outcomes_seen += len(outcomes)

    check()
    assert outcomes_seen > 200
    assert waits >= {"mutex_lock", "schedule", "wait_for_grant"}
