"""Wound/wait mutexes: taken in any order, and nobody waits for ever who backs off."""

from collections.abc import Callable, Coroutine

import pytest

from lockwright.core.lockuse import LockUse
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.kernel.context import preempt_disable, preempt_enable
from lockwright.kernel.signal import Signals
from lockwright.kernel.ww_mutex import (
    API_WARNING,
    EALREADY,
    EDEADLK,
    BaseMutex,
    CtxState,
    WwAcquireCtx,
    WwClass,
    WwMutex,
    ww_acquire_done,
    ww_acquire_fini,
    ww_acquire_init,
    ww_mutex_lock,
    ww_mutex_lock_interruptible,
    ww_mutex_lock_slow,
    ww_mutex_trylock,
    ww_mutex_unlock,
)
from tests.kernel.searching import (
    Setup,
    alone,
    does,
    kinds,
    making,
    messages,
    results,
    search,
    waiting,
)

Body = Callable[[WwClass, WwMutex, WwMutex], Coroutine[object, object, object]]
BOTH = pytest.mark.parametrize("wait_die", [False, True], ids=["wound-wait", "wait-die"])


async def takes_both(ww_class: WwClass, first: WwMutex, second: WwMutex) -> int:
    """As the documentation has it; gives how often it backed off."""
    ctx = WwAcquireCtx(ww_class)
    await ww_acquire_init(ctx, ww_class)
    backed_off = 0
    assert await ww_mutex_lock(first, ctx) == 0
    held, other = first, second
    while True:
        ret = await ww_mutex_lock(other, ctx)
        if ret == 0:
            break
        assert ret == -EDEADLK
        backed_off += 1
        await ww_mutex_unlock(held)
        await ww_mutex_lock_slow(other, ctx)
        held, other = other, held
    await ww_acquire_done(ctx)
    await ww_mutex_unlock(first)
    await ww_mutex_unlock(second)
    await ww_acquire_fini(ctx)
    return backed_off


async def never_backs_off(ww_class: WwClass, first: WwMutex, second: WwMutex) -> None:
    """Takes them as plain mutexes."""
    for lock in (first, second):
        await ww_mutex_lock(lock)
    for lock in (second, first):
        await ww_mutex_unlock(lock)


def crosswise(body: Body, wait_die: bool) -> Setup:
    """Two tasks take two locks, in opposite orders."""

    def setup(world: World) -> None:
        ww_class = WwClass(world, "reservation_ww_class", wait_die=wait_die)
        a, b = WwMutex(ww_class, "a"), WwMutex(ww_class, "b")
        world.spawn(body(ww_class, a, b), "t1")
        world.spawn(body(ww_class, b, a), "t2")

    return setup


@BOTH
def test_who_backs_off_never_deadlocks(wait_die: bool) -> None:
    """Who backs off takes the lock first that it was refused, and so goes the other's way.  When it
    has that one, the other may not have released its second one yet: a younger one that would wait
    for it dies once more in a wait-die class, and then the other is done."""
    runs = search(crosswise(takes_both, wait_die))
    assert waiting(runs) == set()
    assert kinds(runs) == set()
    twice = {(0, 2), (2, 0)} if wait_die else set()
    assert results(runs) == {(0, 0), (0, 1), (1, 0)} | twice


@BOTH
def test_without_contexts_it_is_a_deadlock(wait_die: bool) -> None:
    runs = search(crosswise(never_backs_off, wait_die))
    assert waiting(runs) == {("ww_mutex_lock(b)", "ww_mutex_lock(a)")}


@pytest.mark.parametrize(
    ("wait_die", "younger_first", "expected"),
    [
        # The older one waits for the younger, which is refused when it would wait for the older.
        (False, True, (0, -EDEADLK)),
        (True, True, (0, -EDEADLK)),
        (False, False, (0, -EDEADLK)),
        (True, False, (0, -EDEADLK)),
    ],
)
def test_it_is_always_the_younger_that_backs_off(
    wait_die: bool, younger_first: bool, expected: tuple[int, int]
) -> None:
    world = World()
    ww_class = WwClass(world, "ww", wait_die=wait_die)
    a, b = WwMutex(ww_class, "a"), WwMutex(ww_class, "b")

    async def task(first: WwMutex, second: WwMutex) -> int:
        ctx = WwAcquireCtx(ww_class)
        await ww_acquire_init(ctx, ww_class)
        await ww_mutex_lock(first, ctx)
        ret: int = await ww_mutex_lock(second, ctx)
        if ret == 0:
            await ww_mutex_unlock(second)
        await ww_mutex_unlock(first)
        await ww_acquire_fini(ctx)
        return ret

    older, younger = world.spawn(task(a, b), "older"), world.spawn(task(b, a), "younger")
    for step in (older, younger, older, younger):
        world.step(step)
    for step in (younger, older) if younger_first else (older, younger):
        world.step(step)
    while enabled := world.enabled():
        world.step(enabled[0])
    assert (older.result, younger.result) == expected


def test_a_wounded_holder_goes_on_until_it_has_to_wait() -> None:
    """It holds what the older one wants, takes a free lock, and is refused only where it waits."""
    world = World()
    ww_class = WwClass(world, "ww")
    a, b, c = (WwMutex(ww_class, name) for name in "abc")

    async def older() -> None:
        ctx = WwAcquireCtx(ww_class)
        await ww_acquire_init(ctx, ww_class)
        await ww_mutex_lock(a, ctx)
        await ww_mutex_lock(b, ctx)

    async def younger() -> tuple[int, int]:
        ctx = WwAcquireCtx(ww_class)
        await ww_acquire_init(ctx, ww_class)
        await ww_mutex_lock(b, ctx)
        return await ww_mutex_lock(c, ctx), await ww_mutex_lock(a, ctx)

    old, young = world.spawn(older(), "older"), world.spawn(younger(), "younger")
    for task in (old, young, old, young, old):
        world.step(task)
    assert b.value.ctx is not None
    assert b.value.ctx.value.wounded
    while enabled := world.enabled():
        world.step(enabled[0])
    assert young.result == (0, -EDEADLK)
    assert [task.comm for task in world.blocked()] == ["older"]


@BOTH
def test_three_in_a_ring_never_deadlock(wait_die: bool) -> None:
    """A ring of waits: too many orders to enumerate plainly, so the first of DPOR's."""

    def setup(world: World) -> None:
        ww_class = WwClass(world, "ww", wait_die=wait_die)
        locks = [WwMutex(ww_class, name) for name in "abc"]
        for nth in range(3):
            world.spawn(takes_both(ww_class, locks[nth], locks[(nth + 1) % 3]), f"t{nth}")

    runs = []
    for run in Dpor(making(setup)):
        assert not run.world.blocked()
        assert not run.world.findings
        runs.append(tuple(task.result for task in run.world.tasks))
        if len(runs) == 3000:
            break
    assert any(any(result) for result in runs)


def test_waiters_stand_in_order_of_age_and_an_older_one_overtakes() -> None:
    world = World()
    ww_class = WwClass(world, "ww")
    lock = WwMutex(ww_class, "a")
    contexts = [WwAcquireCtx(ww_class, name) for name in "xyz"]

    async def waits(ctx: WwAcquireCtx | None) -> None:
        if ctx is not None:
            await ww_acquire_init(ctx, ww_class)
        await ww_mutex_lock(lock, ctx)

    holder = world.spawn(waits(None), "holder")
    world.step(holder)
    tasks = [world.spawn(waits(ctx), ctx.name) for ctx in contexts]
    plain = world.spawn(waits(None), "plain")
    for task in tasks:
        world.step(task)
    for task in (tasks[2], plain, tasks[0], tasks[1]):
        world.step(task)
    assert [waiter.task for waiter in lock.value.waiters] == [
        task.index for task in (tasks[0], tasks[1], tasks[2], plain)
    ]


@BOTH
def test_who_takes_a_lock_before_those_who_wait_minds_their_age(wait_die: bool) -> None:
    """A plain waiter stands first and is woken by the release; another one, who overtakes both,
    crosses with the one behind it, who must be told, or who must tell: the younger backs off."""
    world = World()
    ww_class = WwClass(world, "ww", wait_die=wait_die)
    a, b = WwMutex(ww_class, "a"), WwMutex(ww_class, "b")

    async def plain() -> None:
        await ww_mutex_lock(a)
        await ww_mutex_unlock(a)

    async def waits() -> int:
        ctx = WwAcquireCtx(ww_class, "behind")
        await ww_acquire_init(ctx, ww_class)
        await ww_mutex_lock(b, ctx)
        ret: int = await ww_mutex_lock(a, ctx)
        if ret == 0:
            await ww_mutex_unlock(a)
        await ww_mutex_unlock(b)
        return ret

    async def overtakes() -> int:
        ctx = WwAcquireCtx(ww_class, "overtaking")
        await ww_acquire_init(ctx, ww_class)
        await ww_mutex_lock(a, ctx)
        ret: int = await ww_mutex_lock(b, ctx)
        if ret == 0:
            await ww_mutex_unlock(b)
        await ww_mutex_unlock(a)
        return ret

    holder, first = world.spawn(plain(), "holder"), world.spawn(plain(), "first")
    behind, over = world.spawn(waits(), "behind"), world.spawn(overtakes(), "over")
    # The one who dies, or wounds nobody by itself, is the one behind in either class.
    ages = (over, behind) if wait_die else (behind, over)
    for task in (*ages, behind, holder, first, behind, holder, over, over):
        world.step(task)
    while enabled := [task for task in world.enabled() if task is not first]:
        world.step(enabled[0])
    while enabled := world.enabled():
        world.step(enabled[0])
    assert world.blocked() == []
    assert (behind.result, over.result) == ((-EDEADLK, 0) if wait_die else (0, -EDEADLK))


def sequence(*calls: str, wait_die: bool = False) -> Setup:
    """One task that makes these calls on one context and two locks, by name."""

    def setup(world: World) -> None:
        ww_class = WwClass(world, "ww", wait_die=wait_die)
        other = WwClass(world, "other")
        a, b, c = WwMutex(ww_class, "a"), WwMutex(ww_class, "b"), WwMutex(other, "c")
        ctx = WwAcquireCtx(ww_class, "ctx")
        names = {
            "init": lambda: ww_acquire_init(ctx, ww_class),
            "done": lambda: ww_acquire_done(ctx),
            "fini": lambda: ww_acquire_fini(ctx),
            "a": lambda: ww_mutex_lock(a, ctx),
            "b": lambda: ww_mutex_lock(b, ctx),
            "c": lambda: ww_mutex_lock(c, ctx),
            "a slow": lambda: ww_mutex_lock_slow(a, ctx),
            "plain a": lambda: ww_mutex_lock(a),
            "try a": lambda: ww_mutex_trylock(a, ctx),
            "unlock a": lambda: ww_mutex_unlock(a),
            "base a": lambda: BaseMutex(a).lock(),
            "base unlock a": lambda: BaseMutex(a).unlock(),
            "off": preempt_disable,
            "on": preempt_enable,
        }
        world.spawn(does(*[names[call]() for call in calls]), "task")

    return setup


@pytest.mark.parametrize(
    ("calls", "condition"),
    [
        (("init", "a slow"), "!ctx->contending_lock"),
        (("init", "a", "fini"), "ctx->acquired"),
        (("init", "done", "a"), "ww_ctx->done_acquire"),
        (("init", "done", "done"), "ctx->done_acquire"),
        (("init", "c"), "ww_ctx->ww_class != ww->ww_class"),
        (("init", "a", "base unlock a", "base a", "base unlock a", "try a"), None),
    ],
)
def test_a_call_at_the_wrong_time_is_a_warning(
    calls: tuple[str, ...], condition: str | None
) -> None:
    run = alone(sequence(*calls))
    if condition is None:
        # released as a plain mutex, the lock keeps its stale context
        condition = "ww->ctx"
    assert kinds([run]) == {API_WARNING}
    assert messages([run]) == {f"DEBUG_LOCKS_WARN_ON({condition})"}


def test_the_usual_life_of_a_context_warns_of_nothing() -> None:
    run = alone(sequence("init", "a", "b", "done", "unlock a"))
    assert run.world.findings == []
    run = alone(sequence("plain a", "unlock a", "base a", "base unlock a", "init", "try a"))
    assert run.world.findings == []


def test_a_lock_that_one_has_already_says_so() -> None:
    assert results([alone(sequence("init", "a", "a"))]) == {((None, 0, -EALREADY),)}


def test_locking_in_atomic_context_is_a_finding_and_trying_is_none() -> None:
    assert kinds([alone(sequence("off", "plain a", "unlock a", "on"))]) == {
        "sleeping in atomic context"
    }
    assert kinds([alone(sequence("init", "off", "try a", "on"))]) == set()


def test_waiting_in_atomic_context_is_scheduling() -> None:
    def setup(world: World) -> None:
        lock = WwMutex(WwClass(world, "ww"), "a")
        lock.change(owner=99)
        world.spawn(does(preempt_disable(), ww_mutex_lock(lock)), "task")

    assert kinds([alone(setup)]) == {"sleeping in atomic context", "scheduling while atomic"}


@pytest.mark.parametrize("calls", [("unlock a",), ("fini",), ("init", "fini", "fini")])
def test_what_is_not_held_cannot_be_released(calls: tuple[str, ...]) -> None:
    assert kinds([alone(sequence(*calls))]) == {"bad unlock balance"}


def refused(then: str) -> Setup:
    """Is refused b while it holds a, and then does what it should not."""

    def setup(world: World) -> None:
        ww_class = WwClass(world, "ww")
        a, b, c = (WwMutex(ww_class, name) for name in "abc")
        older = WwAcquireCtx(ww_class, "older")
        for lock in (b, c):
            lock.change(owner=99, ctx=older)

        async def task() -> None:
            ctx = WwAcquireCtx(ww_class)
            await ww_acquire_init(ctx, ww_class)
            older.value = CtxState(99, 0, 2)
            await ww_mutex_lock(a, ctx)
            ctx.value = ctx.value._replace(wounded=True)
            assert await ww_mutex_lock(b, ctx) == -EDEADLK
            if then == "another":
                await ww_mutex_lock(c, ctx)
            elif then == "wrong":
                await ww_mutex_unlock(a)
                await ww_mutex_lock(a, ctx)
            else:
                b.change(owner=-1, ctx=None)
                await ww_mutex_lock_slow(b, ctx)

        world.spawn(task(), "task")

    return setup


@pytest.mark.parametrize(
    ("then", "condition"),
    [
        ("another", "ww_ctx->contending_lock"),
        ("wrong", "ww_ctx->contending_lock != ww"),
        ("keeps", "ww_ctx->acquired > 0"),
    ],
)
def test_who_is_refused_must_back_off_and_wait_for_that_lock(then: str, condition: str) -> None:
    assert messages([alone(refused(then))]) == {f"DEBUG_LOCKS_WARN_ON({condition})"}


def test_a_signal_ends_an_interruptible_wait() -> None:
    def setup(world: World) -> None:
        signals = Signals(world)
        ww_class = WwClass(world, "ww")
        lock = WwMutex(ww_class, "a")

        async def waits() -> int:
            ret: int = await ww_mutex_lock_interruptible(lock)
            if ret == 0:
                await ww_mutex_unlock(lock)
            return ret

        world.spawn(does(ww_mutex_lock(lock)), "holder")
        waiter = world.spawn(waits(), "waiter")
        world.spawn(does(signals.kill(waiter)), "killer")

    runs = search(setup)
    assert waiting(runs) == set()
    assert {run.world.tasks[1].result for run in runs} == {-4, 0}


def told(*calls: str) -> list[tuple[str, str, bool, bool]]:
    """Function, class, trylock and whether it nests in the context, of each acquire."""
    uses: list[LockUse] = []
    world = World()
    world.on_acquire = (lambda task, use: uses.append(use),)
    sequence(*calls)(world)
    while enabled := world.enabled():
        world.step(enabled[0])
    return [(use.function, use.key.name, use.trylock, use.nest is not None) for use in uses]


def test_what_the_validator_is_told() -> None:
    assert told("init", "a", "plain a")[:3] == [
        ("ww_acquire_init", "ww_acquire", False, False),
        ("ww_acquire_init", "ww_mutex", False, True),
        ("ww_mutex_lock", "ww_mutex", False, True),
    ]
    assert told("init", "try a")[2:] == [("ww_mutex_trylock", "ww_mutex", True, True)]
    assert told("plain a") == [("ww_mutex_lock", "ww_mutex", False, False)]


def test_a_refused_lock_was_acquired_and_released_for_the_validator() -> None:
    events: list[str] = []

    def acquired(task: Task, use: LockUse) -> None:
        events.append(f"+{use.function}")

    world = World()
    refused("wrong")(world)
    world.on_acquire = (acquired,)
    world.on_release = (lambda task, address: events.append("-"),)
    while enabled := world.enabled():
        world.step(enabled[0])
    assert events == [
        "+ww_acquire_init",
        "+ww_acquire_init",
        *("+ww_mutex_lock", "+ww_mutex_lock", "-", "-", "+ww_mutex_lock"),
    ]


def test_a_context_without_the_first_lock_is_that_of_an_older_kernel() -> None:
    world = World()
    uses: list[LockUse] = []
    world.on_acquire = (lambda task, use: uses.append(use),)
    ww_class = WwClass(world, "ww", first_lock=False)
    world.step(world.spawn(does(ww_acquire_init(WwAcquireCtx(ww_class), ww_class)), "task"))
    assert [use.key.name for use in uses] == ["ww_acquire"]
