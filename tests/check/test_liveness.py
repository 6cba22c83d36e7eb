"""Polling that lasts for ever, and what lasts only as long as the scheduler is to blame."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from lockwright.core.errors import NondeterminismError
from lockwright.core.finding import Finding
from lockwright.core.schedule import Choice
from lockwright.core.world import World
from lockwright.explore.lasso import LassoSearch, lasso_at, unfinished
from lockwright.explore.plain import plain_search
from lockwright.kernel.condvar import CondVar
from lockwright.kernel.context import cond_resched, cpu_relax, sleepable, yield_
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable, wait_until
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import kfree, kmalloc
from lockwright.kernel.spinlock import SpinLock
from tests.core.test_snapshot import Box
from tests.explore.making import making

Build = Callable[[World], None]


@dataclass(slots=True)
class Seen:
    """What a search saw."""

    search: LassoSearch
    findings: list[Finding] = field(default_factory=list)
    schedules: list[list[Choice]] = field(default_factory=list)
    ends: int = 0
    blocked: int = 0

    def said(self) -> list[tuple[str, str]]:
        return [(finding.kind, finding.message) for finding in self.findings]


def search(build: Build, states_max: int = 100_000) -> Seen:
    seen = Seen(LassoSearch(making(build), states_max=states_max))
    for run in seen.search:
        seen.findings += run.world.findings
        seen.schedules += [run.schedule] * len(run.world.findings)
        seen.ends += not unfinished(run)
        seen.blocked += not unfinished(run) and bool(run.world.blocked())
        run.world.close()
    return seen


async def poll(flag: Variable) -> None:
    # written so that the condition stands in one place: what `while` has is compiled twice
    while True:
        if await READ_ONCE(flag):
            return
        await cpu_relax()


async def post(flag: Variable) -> None:
    await WRITE_ONCE(flag, 1)


def test_a_flag_that_nobody_sets_is_polled_for_ever() -> None:
    def build(world: World) -> None:
        world.spawn(poll(Variable(world, 0, "ready")), "poller")

    seen = search(build)
    assert seen.said() == [
        ("livelock", "1 task goes round for ever: poller in READ_ONCE(ready), cpu_relax()")
    ]
    (finding,) = seen.findings
    # about to read, about to relax: two states, and the way round is the whole execution
    assert (seen.search.states, seen.schedules) == (2, [[(0, 0), (0, 0)]])
    assert finding.lines == (
        "INFO: task poller:840 goes round for ever: READ_ONCE(ready), cpu_relax()",
        "  poll+0x3/0x6",
        "  reads: ready",
        "  holds: no lock",
        "ready: nobody in the cycle changes it, and nobody else is left.",
        "Every task that can go on at some time in the cycle takes its turn in it.",
        "The last 2 of 2 steps were run 50 times over.",
    )
    assert (finding.comm, finding.fatal, finding.step) == ("poller", False, 2)


def test_a_flag_that_somebody_sets_is_not() -> None:
    def build(world: World) -> None:
        ready = Variable(world, 0, "ready")
        world.spawn(poll(ready), "poller")
        world.spawn(post(ready), "setter")

    seen = search(build)
    # while the setter has not run, only the scheduler keeps the poller going
    assert (seen.findings, seen.search.stopped, seen.search.cut_off) == ([], "", False)
    assert (seen.ends, seen.blocked) == (1, 0)


def polling_under_a_lock(world: World, *, unlocks: bool) -> None:
    ready, lock = Variable(world, 0, "ready"), SpinLock(world, "lock")

    async def poller() -> None:
        await lock.lock()
        while not await READ_ONCE(ready):
            if unlocks:
                await lock.unlock()
                await cpu_relax()
                await lock.lock()
        await lock.unlock()

    async def setter() -> None:
        await lock.lock()
        await WRITE_ONCE(ready, 1)
        await lock.unlock()

    world.spawn(poller(), "poller")
    world.spawn(setter(), "setter")


def test_polling_under_the_lock_that_the_setter_needs_lasts_for_ever() -> None:
    seen = search(lambda world: polling_under_a_lock(world, unlocks=False))
    assert seen.said() == [("livelock", "1 task goes round for ever: poller in READ_ONCE(ready)")]
    lines = seen.findings[0].lines
    assert lines[3:7] == (
        "  holds: lock (spin_lock)",
        "INFO: task setter:841 is blocked, in spin_lock(lock)",
        "  setter+0x1/0x4",
        "  holds: no lock",
    )
    assert "ready: nobody in the cycle changes it, and only setter could, if at all." in lines
    # with the setter first it ends
    assert seen.ends == 1


def test_giving_the_lock_back_leaves_the_setter_at_the_mercy_of_the_lock() -> None:
    seen = search(lambda world: polling_under_a_lock(world, unlocks=True))
    assert seen.said() == [
        (
            "starvation",
            (
                "setter in spin_lock(lock) waits for ever while others go round: poller in "
                "spin_unlock(lock), cpu_relax(), spin_lock(lock), READ_ONCE(ready)"
            ),
        )
    ]
    assert any("weak fairness" in line for line in seen.findings[0].lines)


def test_a_semaphore_that_is_handed_over_in_order_starves_nobody() -> None:
    def build(world: World) -> None:
        ready, sem = Variable(world, 0, "ready"), RwSem(world, "sem")

        async def poller() -> None:
            while True:
                await sem.down_write()
                value = await READ_ONCE(ready)
                await sem.up_write()
                if value:
                    return

        async def setter() -> None:
            await sem.down_write()
            await WRITE_ONCE(ready, 1)
            await sem.up_write()

        world.spawn(poller(), "poller")
        world.spawn(setter(), "setter")

    seen = search(build)
    assert (seen.findings, seen.search.stopped) == ([], "")


def backing_off(world: World, *, swapped: bool) -> None:
    a, b = Mutex(world, "A"), Mutex(world, "B")

    async def task(first: Mutex, second: Mutex) -> None:
        while True:
            await first.lock()
            if await second.trylock():
                break
            await first.unlock()
        await second.unlock()
        await first.unlock()

    world.spawn(task(a, b), "one")
    world.spawn(task(b, a) if swapped else task(a, b), "two")


def test_two_tasks_that_back_off_from_each_other_may_do_so_for_ever() -> None:
    seen = search(lambda world: backing_off(world, swapped=True))
    assert seen.said() == [
        (
            "livelock",
            (
                "2 tasks go round for ever: one in mutex_lock(A), mutex_trylock(B), "
                "mutex_unlock(A); two in mutex_lock(B), mutex_trylock(A), mutex_unlock(B)"
            ),
        )
    ]
    # each has its first lock, fails to get the other, and gives up the first: three steps each
    assert sorted(seen.schedules[0]) == [(0, 0)] * 3 + [(1, 0)] * 3
    assert "A, B: changed in the cycle, and changed back." in seen.findings[0].lines
    assert seen.blocked == 0


def test_in_one_order_they_come_to_an_end() -> None:
    seen = search(lambda world: backing_off(world, swapped=False))
    assert (seen.findings, seen.search.stopped) == ([], "")


def test_two_tasks_that_undo_each_others_work_are_named_with_what_they_write() -> None:
    def build(world: World) -> None:
        turn = Variable(world, 0, "turn")

        async def task(mine: int) -> None:
            while True:
                await WRITE_ONCE(turn, mine)
                await yield_()
                if await READ_ONCE(turn) == mine + 10:
                    return

        world.spawn(task(0), "even")
        world.spawn(task(1), "odd")

    (finding,) = search(build).findings
    assert finding.kind == "livelock"
    assert "turn: changed in the cycle, and changed back." in finding.lines


def test_a_deadlock_is_an_end_like_another() -> None:
    def build(world: World) -> None:
        a, b = Mutex(world, "A"), Mutex(world, "B")

        async def task(first: Mutex, second: Mutex) -> None:
            await first.lock()
            await second.lock()
            await second.unlock()
            await first.unlock()

        world.spawn(task(a, b), "one")
        world.spawn(task(b, a), "two")

    seen = search(build)
    # it is come to from both sides
    assert (seen.blocked, seen.findings) == (2, [])


def test_cycles_of_one_look_are_told_once() -> None:
    def build(world: World) -> None:
        never, x = Variable(world, 0, "never"), Variable(world, 0, "x")
        world.state = x

        async def writer(value: int) -> None:
            await WRITE_ONCE(x, value)

        world.spawn(poll(never), "poller")
        for value in (1, 2, 3):
            world.spawn(writer(value), f"w{value}")

    seen = search(build)
    # x ends as 1, 2 or 3, and the poller goes round with each
    assert [finding.kind for finding in seen.findings] == ["livelock"]
    assert len(seen.schedules[0]) == 5, "three writes, and once round"


def test_what_was_reported_on_the_way_is_not_lost() -> None:
    def build(world: World) -> None:
        lock, ready = SpinLock(world, "lock"), Variable(world, 0, "ready")

        async def careless() -> None:
            await lock.lock()
            await sleepable("copy_to_user")
            await lock.unlock()
            await poll(ready)

        world.spawn(careless(), "careless")

    kinds = [finding.kind for finding in search(build).findings]
    assert kinds == ["sleeping in atomic context", "livelock"]


def test_what_was_reported_is_told_once_unless_an_execution_ends() -> None:
    def build(world: World) -> None:
        lock, x = SpinLock(world, "lock"), Variable(world, 0, "x")

        async def careless() -> None:
            await lock.lock()
            await sleepable("copy_to_user")
            await lock.unlock()

        async def other() -> None:
            for _ in range(3):
                await READ_ONCE(x)

        world.spawn(careless(), "careless")
        world.spawn(other(), "other")

    told = ends = 0
    for run in LassoSearch(making(build)):
        told += len(run.world.findings)
        ends += not unfinished(run)
    # the lock is taken in every execution, and slept under; only what ends says so again
    assert told == ends


@pytest.mark.parametrize(("releases", "states"), [(False, 2), (True, 1)])
def test_the_order_in_which_locks_are_held_belongs_to_the_state(
    releases: bool,  # a parameter of the test
    states: int,
) -> None:
    def build(world: World) -> None:
        a, b = Mutex(world, "A"), Mutex(world, "B")
        first = Variable(world, 0, "first")

        async def task() -> None:
            one, two = (a, b) if await READ_ONCE(first) else (b, a)
            await one.lock()
            await two.lock()
            del one, two
            if releases:
                await a.unlock()

        async def setter() -> None:
            await WRITE_ONCE(first, 1)

        world.spawn(task(), "task")
        world.spawn(setter(), "setter")

    # both locks are held in either order, and nothing else differs; or only one is held
    assert search(build).search.graph.able.count(()) == states


def test_a_cycle_is_told_before_the_search_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(world: World) -> None:
        world.spawn(poll(Variable(world, 0, "never")), "poller")
        for name in ("a", "b", "c"):
            world.spawn(_counts(Variable(world, 0, name)), name)

    monkeypatch.setattr("lockwright.explore.lasso.LOOK", 16)
    searching = LassoSearch(making(build))
    for run in searching:
        found = [finding.kind for finding in run.world.findings]
        run.world.close()
        if found:
            break
    assert found == ["livelock"]
    assert searching.agenda


async def _counts(variable: Variable) -> None:
    for value in range(4):
        await WRITE_ONCE(variable, value)


def test_a_signal_that_always_wakes_the_wrong_one_is_found() -> None:
    def build(world: World) -> None:
        cond, mutex, turn = CondVar(world, "cond"), Mutex(world, "m"), Variable(world, 0, "turn")

        async def waiter(mine: int) -> None:
            await mutex.lock()
            while await READ_ONCE(turn) != mine:
                await cond.signal()
                await cond.wait(mutex)
            await mutex.unlock()

        for mine in (1, 2, 3):
            world.spawn(waiter(mine), f"w{mine}")

    seen = search(build)
    assert "livelock" in [finding.kind for finding in seen.findings]
    assert seen.search.stopped == ""


def test_polls_may_sleep_allocate_and_free() -> None:
    def build(world: World) -> None:
        ready = Variable(world, 0, "ready")

        async def poller() -> None:
            while not await READ_ONCE(ready):
                box = await kmalloc(world, lambda: Box(world, "b"), "box")
                await cond_resched()
                await kfree(box)
                del box

        world.spawn(poller(), "poller")

    (finding,) = search(build).findings
    assert finding.kind == "livelock"
    assert "kfree(box b)" in finding.message


def test_a_poll_that_gives_up_is_no_livelock() -> None:
    def build(world: World) -> None:
        ready = Variable(world, 0, "ready")

        async def poller() -> bool:
            for _ in range(20):
                if await READ_ONCE(ready):
                    return True
            return False

        world.spawn(poller(), "poller")

    seen = search(build)
    assert (seen.findings, seen.ends) == ([], 1)


def test_more_states_than_allowed_is_said_and_no_verdict() -> None:
    def build(world: World) -> None:
        count = Variable(world, 0, "count")

        async def forever() -> None:
            while True:
                await WRITE_ONCE(count, 1 + await READ_ONCE(count))

        world.spawn(forever(), "counter")

    seen = search(build, states_max=50)
    assert seen.search.stopped == "there are more than 50 states"
    assert (seen.search.cut_off, seen.findings, seen.ends) == (True, [], 0)


def test_a_state_that_cannot_be_captured_is_said_and_no_verdict() -> None:
    def build(world: World) -> None:
        async def opaque() -> None:
            await cpu_relax()
            text = io.StringIO()
            await cpu_relax()
            del text

        world.spawn(opaque(), "writer")

    seen = search(build)
    assert seen.search.stopped == (
        "the state of task writer cannot be captured: it leads to a _io.StringIO"
    )
    assert (seen.search.cut_off, seen.ends) == (True, 0)


def test_a_cycle_that_does_not_last_is_noticed() -> None:
    def build(world: World) -> None:
        world.spawn(impatient(Variable(world, 0, "ready")), "poller")

    hidden.clear()
    with pytest.raises(NondeterminismError, match="leads somewhere else when it is followed again"):
        search(build)


hidden: list[int] = []
"""State that belongs to no execution, as a model must not have it."""


async def impatient(ready: Variable) -> None:
    while not await READ_ONCE(ready):
        if len(hidden) > 30:
            return
        hidden.append(1)


def test_a_replay_knows_the_cycle_again() -> None:
    def build(world: World) -> None:
        polling_under_a_lock(world, unlocks=False)

    seen = search(build)
    again = lasso_at(making(build), seen.schedules[0])
    assert again is not None
    assert (again.kind, again.message, again.lines) == (
        seen.findings[0].kind,
        seen.findings[0].message,
        seen.findings[0].lines,
    )
    assert lasso_at(making(build), seen.schedules[0][:-1]) is None
    # the poller goes round, but the setter could go on all the time
    assert lasso_at(making(_fixed), [(0, 0), (0, 0)]) is None


def _fixed(world: World) -> None:
    ready = Variable(world, 0, "ready")
    world.spawn(poll(ready), "poller")
    world.spawn(post(ready), "setter")


# Polling against waiting: the same programs, once with loops and once with waits

Program = list[list[tuple[str, int, int]]]


def random_program(seed: int) -> Program:
    """Two or three tasks over two variables and a lock; polls may stand inside sections."""
    chance = random.Random(seed)
    tasks: Program = []
    for _ in range(chance.choice((2, 2, 3))):
        kinds = [
            chance.choice(("poll", "poll", "write", "write", "add", "lock", "unlock"))
            for _ in range(chance.randint(2, 4))
        ]
        tasks.append([(kind, chance.randrange(2), chance.randrange(3)) for kind in kinds])
    return tasks


def building(program: Program, *, waits: bool) -> Build:
    def build(world: World) -> None:
        variables = [Variable(world, 0, "x"), Variable(world, 0, "y")]
        mutex = Mutex(world, "m")
        world.state = variables

        async def task(actions: list[tuple[str, int, int]]) -> None:
            holds = False
            for kind, which, value in actions:
                variable = variables[which]
                if kind == "poll" and waits:
                    await _until(variable, value)
                elif kind == "poll":
                    while await READ_ONCE(variable) != value:
                        pass
                elif kind == "write":
                    await WRITE_ONCE(variable, value)
                elif kind == "add":
                    await WRITE_ONCE(variable, (1 + await READ_ONCE(variable)) % 3)
                elif kind == "lock" and not holds:
                    await mutex.lock()
                    holds = True
                elif kind == "unlock" and holds:
                    await mutex.unlock()
                    holds = False
            if holds:
                await mutex.unlock()

        for number, actions in enumerate(program):
            world.spawn(task(actions), f"t{number}")

    return build


async def _until(variable: Variable, value: int) -> None:
    await wait_until(variable, lambda now: now == value)


@pytest.mark.parametrize("chunk", range(4))
def test_a_poll_can_last_for_ever_where_a_wait_can(chunk: int) -> None:
    stuck = 0
    for seed in range(60 * chunk, 60 * chunk + 60):
        program = random_program(seed)
        waits_for_ever = False
        ends = set()
        for run in plain_search(making(building(program, waits=True))):
            if run.world.blocked():
                waits_for_ever = True
            else:
                ends.add(tuple(variable.value for variable in run.world.state))
            run.world.close()
        polled = set()
        seen = LassoSearch(making(building(program, waits=False)))
        kinds = set()
        for run in seen:
            kinds |= {finding.kind for finding in run.world.findings}
            if not unfinished(run) and run.world.blocked():
                kinds.add("deadlock")
            elif not unfinished(run):
                polled.add(tuple(variable.value for variable in run.world.state))
            run.world.close()
        assert seen.stopped == ""
        assert kinds <= {"livelock", "deadlock"}, program
        assert bool(kinds) == waits_for_ever, program
        assert polled == ends, program
        stuck += waits_for_ever
    assert 10 < stuck < 55
