"""Daemons, and what it means to be idle."""

from __future__ import annotations

import io
from collections.abc import Coroutine

import pytest

from lockwright.compose import compose
from lockwright.core.boot import boot
from lockwright.core.daemon import idle_tasks, is_daemon, start_daemons
from lockwright.core.errors import ModelError
from lockwright.core.location import Names, Value
from lockwright.core.result import Verdict
from lockwright.core.task import Context
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.record import record
from lockwright.fault_sites import signal_targets
from lockwright.kernel.completion import Completion
from lockwright.kernel.mailbox import Mailbox
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import WRITE_ONCE, Variable
from lockwright.kernel.signal import signals_of
from lockwright.kernel.slab import Slab, kmalloc
from lockwright.kernel.spinlock import SpinLock
from lockwright.makers import Makers
from lockwright.options import Options
from lockwright.report.columns import columns
from lockwright.scenario import Scenario, scenario
from lockwright.session import Session, explore
from tests.explore.making import making
from tests.filmed import filmed, waits


class Office:
    """A clerk doubles what is asked."""

    def __init__(self, world: World, *, takes: Mutex | None = None) -> None:
        self.world = world
        self.requests = Mailbox(world, "requests")
        self.replies: dict[int, int] = {}
        self.takes = takes
        world.daemon(self.clerk, "clerk", pid=7)

    async def clerk(self) -> None:
        """The daemon's loop."""
        while True:
            number, done = await self.requests.receive()
            if self.takes is not None:
                await self.takes.lock()
            self.replies[number] = 2 * number
            await done.complete()

    async def ask(self, number: int) -> int:
        """A request and its reply."""
        done = Completion(self.world, f"reply to {number}")
        await self.requests.send((number, done))
        await done.wait_for_completion()
        return self.replies[number]


def office(world: World) -> Office:
    """The ground."""
    return Office(world)


@scenario("office/plain:ask", ground=office)
def ask(at: Office) -> None:
    """One asks."""
    at.world.spawn(at.ask(3), "user")


@scenario("office/plain:other", ground=office)
def other(at: Office) -> None:
    """Another one asks."""
    at.world.spawn(at.ask(4), "another")


def results(world: World) -> str:
    return str([task.result for task in world.tasks])


def set_up(scenario: Scenario) -> World:
    world = World()
    scenario.set_up(world)
    return world


def test_daemons_come_after_the_scenarios_own_tasks() -> None:
    world = set_up(ask)
    assert [(task.comm, task.pid, is_daemon(task)) for task in world.tasks] == [
        ("user", 840, False),
        ("clerk", 7, True),
    ]
    world.close()


def test_a_daemon_has_the_context_that_it_was_given() -> None:
    world = World()
    box = Mailbox(world, "box")

    async def runs() -> None:
        await box.receive()

    world.daemon(runs, "ksoftirqd", context=Context.SOFTIRQ)
    start_daemons(world)
    (task,) = world.tasks
    assert (task.context, task.atomic, task.pid) == (Context.SOFTIRQ, 1, 840)
    world.close()


def test_a_daemon_that_is_idle_is_no_deadlock() -> None:
    kept = Scenario("a/b:c", ask.build, outcome=results, at_end=(lambda world: ["it has ended"],))
    result = explore(kept, Options())
    assert (result.deadlocked, result.executions) == (0, 1)
    assert result.outcomes == {"[6, None]": 1}
    assert [finding.message for finding in result.findings] == ["it has ended"]


def test_what_a_daemon_leaves_behind_is_a_leak() -> None:
    def build(world: World) -> None:
        box = Mailbox(world, "box")

        async def forgets() -> None:
            await box.receive()
            await kmalloc(world, lambda: Slab(world, "thing"), "forgets")
            await box.receive()

        async def sends() -> None:
            await box.send(1)

        world.spawn(sends(), "user")
        world.daemon(forgets, "clerk")

    result = explore(Scenario("a/b:c", build), Options())
    assert [finding.kind for finding in result.findings] == ["leak"]


def test_a_daemon_that_waits_for_a_lock_is_a_deadlock() -> None:
    def build(world: World) -> None:
        at = Office(world, takes=Mutex(world, "mutex"))

        async def twice() -> None:
            await at.ask(1)
            await at.ask(2)

        world.spawn(twice(), "user")

    result = explore(Scenario("a/b:c", build), Options())
    (found,) = [each for each in result.findings if each.kind == "deadlock"]
    assert found.message == (
        "2 tasks wait for ever: user in wait_for_completion(reply to 2); clerk in mutex_lock(mutex)"
    )


def test_who_waits_for_what_an_idle_daemon_holds_is_a_deadlock() -> None:
    """The clerk sits on the lock, and is idle: it is the user that waits."""

    def build(world: World) -> None:
        mutex = Mutex(world, "mutex")
        at = Office(world, takes=mutex)

        async def then_locks() -> None:
            await at.ask(1)
            await mutex.lock()

        world.spawn(then_locks(), "user")

    result = explore(Scenario("a/b:c", build), Options())
    (found,) = [each for each in result.findings if each.kind == "deadlock"]
    assert found.message == "1 task waits for ever: user in mutex_lock(mutex)"
    assert [event.text for event in found.events if event.kind == "idle"] == ["receive(requests)"]


def test_idling_under_a_spinlock_is_found_though_no_message_comes() -> None:
    def build(world: World) -> None:
        box, lock = Mailbox(world, "box"), SpinLock(world, "lock")

        async def idles() -> None:
            await lock.lock()
            await box.receive()

        world.daemon(idles, "clerk")

    result = explore(Scenario("a/b:c", build), Options(rules=("deadlock",)))
    assert {finding.message for finding in result.findings} == {
        "sleeping function receive() called in atomic context (atomic depth 1)",
        "receive() gives the CPU away in atomic context (atomic depth 1)",
    }


def test_a_task_cannot_make_a_daemon() -> None:
    world = World()

    async def makes() -> None:
        await WRITE_ONCE(Variable(world, 0, "x"), 1)
        Office(world)

    world.spawn(makes(), "user")
    with pytest.raises(ModelError, match="user makes the daemon 'clerk'; a world gets its daemons"):
        world.step(world.tasks[0])
    world.close()


def test_boot_has_the_daemons_beside_it_and_leaves_none() -> None:
    world = World()
    at = Office(world)
    assert [boot(world, at.ask(number)) for number in (1, 2)] == [2, 4]
    assert (world.tasks, world.by_number, at.replies) == ([], [], {1: 2, 2: 4})
    world.spawn(at.ask(3), "user")
    start_daemons(world)
    while enabled := world.enabled():
        world.step(enabled[0])
    assert [task.result for task in world.tasks] == [6, None]
    assert [task.comm for task in idle_tasks(world)] == ["clerk"]
    assert world.blocked() == []
    world.close()


def test_boot_abandons_its_daemons_at_once() -> None:
    world = World()
    box = Mailbox(world, "box")
    told: list[str] = []

    async def serves() -> None:
        try:
            told.append(await box.receive())
            await box.receive()
        finally:
            told.append("abandoned")

    async def sends() -> None:
        await box.send("mail")

    world.daemon(serves, "clerk")
    boot(world, sends())
    assert told == ["mail", "abandoned"]


def test_boot_says_what_a_daemon_is_stuck_in() -> None:
    world = World()
    at = Office(world, takes=Mutex(world, "mutex"))
    boot(world, at.ask(1))
    with pytest.raises(ModelError, match="swapper/0 blocks for ever in wait_for_completion"):
        boot(world, at.ask(2))
    world.close()


def test_a_composition_has_the_daemons_of_its_ground_once() -> None:
    known = {each.name: each for each in (ask, other)}
    made = compose("office/plain:ask+other", known)
    world = set_up(made)
    assert [task.comm for task in world.tasks] == ["user", "another", "clerk"]
    assert [task.index for task in world.tasks] == [0, 1, 2]
    world.close()
    # two requests that are sent in two orders, and replies that nobody can tell the order of
    assert explore(made, Options()).executions == 2


def test_what_a_daemon_does_is_the_whole_cases_doing() -> None:
    """To have a daemon take a lock takes the tasks that ask it to."""

    def build(world: World, *, takes: bool) -> None:
        world.spawn(Office(world, takes=Mutex(world, "mutex") if takes else None).ask(1), "user")

    made = Makers()
    made.scenario = scenario("a/b:c", ground=office)(lambda at: None)
    world = World(Names())
    made.begin(world)
    build(world, takes=True)
    start_daemons(world)
    made.started()
    while enabled := world.enabled():
        world.step(enabled[0])
    made.finish(world)
    made.collect()
    world.close()
    assert {(str(deed.part), deed.new, deed.label) for deed in made.deeds} == {("c", "mutex", "1")}


def test_a_daemon_is_no_target_of_signals() -> None:
    def build(world: World) -> None:
        box = Mailbox(world, "box")

        async def asks() -> Value:
            await WRITE_ONCE(Variable(world, 0, "x"), 0)
            signals = signals_of(world)
            return None if signals is None else await signals.signal_pending()

        async def serves() -> None:
            signals = signals_of(world)
            if signals is not None:
                await signals.signal_pending()
            await box.receive()

        world.spawn(asks(), "user")
        world.daemon(serves, "clerk")

    assert signal_targets(Scenario("a/b:c", build)) == ["user"]


def test_a_schedule_with_daemons_is_replayed_step_by_step() -> None:
    made = compose("office/plain:ask+other", {each.name: each for each in (ask, other)})
    session = Session(made, Options())
    schedules = [run.schedule for run in Dpor(making(session.scenario.set_up))]
    told = [session.replay(schedule) for schedule in schedules]
    assert len(told) == 2
    for schedule, events in zip(schedules, told, strict=True):
        taken = [(event.task, 0) for event in events if event.step >= 0]
        assert taken == list(schedule)
        assert session.replay(schedule) == events
    assert told[0] != told[1]


def test_who_has_served_is_idle_at_the_end_and_who_has_not_is_not_shown() -> None:
    def build(world: World) -> None:
        Office(world)
        world.spawn(Office(world).ask(1), "user")
        start_daemons(world)

    events = record(making(build), [(0, 0), (2, 0), (2, 0), (0, 0)]).events
    rows = [line.split() for line in columns(events).splitlines()]
    assert rows[0] == ["step", "user", "clerk"]
    assert rows[-2:] == [["idle:"], ["receive(requests)"]]
    assert [event.task for event in events] == [0, 2, 2, 0, 2]


def test_being_idle_is_no_wait_of_a_film() -> None:
    def build(world: World) -> None:
        world.spawn(Office(world).ask(1), "user")
        start_daemons(world)

    timeline = filmed(build, [0, 1, 1, 0])
    assert waits(timeline) == ["user wait_for_completion(reply to 1) 0-2-3"]
    contents = [
        change.value
        for change in timeline.changes
        if timeline.things[change.thing].name == "requests"
    ]
    assert contents == ["[]", "[(1, reply to 1)]", "[]"]


def test_liveness_comes_to_an_end_with_daemons() -> None:
    result = explore(
        compose("office/plain:ask+other", {each.name: each for each in (ask, other)}),
        Options(strategy="liveness"),
    )
    assert (result.verdict, result.findings) == (Verdict.VERIFIED, [])


def test_how_a_daemon_is_made_is_no_part_of_a_state() -> None:
    def build(world: World) -> None:
        at = Office(world)
        log = io.StringIO()  # which no snapshot can capture

        async def sits() -> None:
            await at.requests.receive()

        def makes() -> Coroutine[Value, Value, None]:
            log.write("made")
            return sits()

        world.daemons.clear()
        world.daemon(makes, "clerk")

    result = explore(Scenario("a/b:c", build), Options(strategy="liveness"))
    assert (result.verdict, result.assumptions[0][:8]) == (Verdict.VERIFIED, "1 state,")


def test_asking_for_ever_is_a_livelock_and_who_is_idle_then_is_called_so() -> None:
    def build(world: World) -> None:
        at = Office(world)
        Office(world)

        async def asks() -> None:
            while True:
                await at.ask(1)

        world.spawn(asks(), "user")

    result = explore(Scenario("a/b:c", build), Options(strategy="liveness"))
    (found,) = result.findings
    assert found.kind == "livelock"
    assert found.message == (
        "2 tasks go round for ever: user in wait_for_completion(reply to 1), "
        "send(requests, (1, reply to 1)); clerk in complete(reply to 1), receive(requests)"
    )
    assert "INFO: task clerk:7 is idle, in receive(requests)" in found.lines
