"""Predictions about interrupts over several scenarios: composed, explored, and settled."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lockwright.compose import compose
from lockwright.core.prediction import Prediction
from lockwright.core.task import Context
from lockwright.core.world import World
from lockwright.kernel.irq import interrupt
from lockwright.kernel.irqflags import local_irq_disable, local_irq_enable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.spinlock import SpinLock
from lockwright.lockdep.reports import InconsistentReport, IrqInversionReport, IrqOrderReport
from lockwright.makers import Makers
from lockwright.predict import Explored, Predictor
from lockwright.scenario import Scenario, scenario
from lockwright.session import Options, Session
from lockwright.token import parse_token

ORDER, INVERSION = IrqOrderReport.kind, IrqInversionReport.kind
KINDS = (Context.HARDIRQ, Context.SOFTIRQ)


@dataclass(slots=True)
class Place:
    """What all scenarios here act on: A is taken in an interrupt, B with interrupts on."""

    world: World
    a: SpinLock
    b: SpinLock
    gate: Mutex
    other: Mutex


def place(world: World) -> Place:
    """The ground."""
    return Place(
        world,
        SpinLock(world, "A"),
        SpinLock(world, "B"),
        Mutex(world, "gate"),
        Mutex(world, "other"),
    )


def line(kind: Context) -> Scenario:
    @scenario(f"made/irqs:line_{kind.value}", ground=place)
    def act(at: Place) -> None:
        """A handler takes A."""

        async def handler() -> None:
            await at.a.lock()
            await at.a.unlock()

        interrupt(at.world, handler, "eth0", context=kind, idle=True)

    return act


def edge(kind: Context, gate: str = "") -> Scenario:
    @scenario(f"made/irqs:edge_{kind.value}_{gate or 'free'}", ground=place)
    def act(at: Place) -> None:
        """A task takes A, where the handler cannot come, and B under it."""

        async def task() -> None:
            if gate:
                await getattr(at, gate).lock()
            await (at.a.lock_irq() if kind is Context.HARDIRQ else at.a.lock_bh())
            await at.b.lock()
            await at.b.unlock()
            await (at.a.unlock_irq() if kind is Context.HARDIRQ else at.a.unlock_bh())
            if gate:
                await getattr(at, gate).unlock()

        at.world.spawn(task(), "edge")

    return act


def unsafe(gate: str = "") -> Scenario:
    @scenario(f"made/irqs:unsafe_{gate or 'free'}", ground=place)
    def act(at: Place) -> None:
        """A task takes B with interrupts on."""

        async def task() -> None:
            if gate:
                await getattr(at, gate).lock()
            await at.b.lock()
            await at.b.unlock()
            if gate:
                await getattr(at, gate).unlock()

        at.world.spawn(task(), "unsafe")

    return act


def predicted(*chosen: Scenario, executions: int = 3000) -> list[Prediction]:
    """What is predicted over these, in this order, tried out."""
    explored = []
    for one in chosen:
        session = Session(one, Options())
        result = session.explore()
        assert result.findings == [], "each alone breaks nothing"
        lessons = tuple(lesson for part in session.judge.lessons for lesson in part)
        explored.append(Explored(one, result, lessons))
    known = {one.name: one for one in chosen}
    options = Options(executions=executions, rules=("deadlock",))
    predictor = Predictor(explored, known, options)
    found = predictor.predictions()
    for prediction in found:
        predictor.settle(prediction)
    return found


def replayed(prediction: Prediction, known: tuple[Scenario, ...]) -> list[str]:
    token = parse_token(prediction.token)
    again = compose(token.scenario, {one.name: one for one in known})
    session = Session(again.with_parameters(dict(token.parameters)), Options())
    _, findings = session.run_once(token.schedule)
    return [each.message for each in findings if each.kind == "deadlock"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        # the edge is new, and both ends are known
        (("line", "unsafe", "edge"), ORDER),
        (("unsafe", "line", "edge"), ORDER),
        # the edge is known, and what an end is becomes known last
        (("line", "edge", "unsafe"), INVERSION),
        (("unsafe", "edge", "line"), INVERSION),
    ],
)
def test_an_order_over_three_scenarios_is_confirmed_with_a_task_of_each(
    order: tuple[str, ...], expected: str, kind: Context
) -> None:
    made = {"line": line(kind), "unsafe": unsafe(), "edge": edge(kind)}
    chosen = tuple(made[name] for name in order)
    (found,) = predicted(*chosen)
    assert (found.kind, found.classes, found.seen_in) == (expected, ("A", "B"), ())
    assert found.reality == "confirmed"
    parts = found.composed.partition(":")[2].split("+")
    assert sorted(parts) == sorted(one.case for one in chosen)
    # one task holds B and spins, in the handler, for A; the other holds A and spins for B
    assert found.deadlock is not None
    assert sorted(found.deadlock.waits) == [("A", "B"), ("B", "A")]
    assert replayed(found, chosen) == [found.deadlock.message]
    assert [link.how for link in found.links] == [
        f"taken in {kind.value}",
        "",
        f"taken with {kind.value}s on",
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("last", ["edge", "unsafe"])
def test_a_gate_around_both_tasks_refutes_it(last: str, kind: Context) -> None:
    made = {"edge": edge(kind, "gate"), "unsafe": unsafe("gate")}
    first = next(name for name in made if name != last)
    (found,) = predicted(line(kind), made[first], made[last])
    assert found.kind == (ORDER if last == "edge" else INVERSION)
    assert found.reality == "refuted"
    assert found.because == "no trace of the composition deadlocks on it"
    (attempt,) = found.attempts
    assert attempt.executions > 1


def test_another_gate_around_each_does_not() -> None:
    kind = Context.HARDIRQ
    (found,) = predicted(line(kind), unsafe("other"), edge(kind, "gate"))
    assert (found.kind, found.reality) == (ORDER, "confirmed")


def test_a_budget_that_runs_out_leaves_it_open() -> None:
    kind = Context.HARDIRQ
    (found,) = predicted(line(kind), unsafe("gate"), edge(kind, "gate"), executions=2)
    assert (found.kind, found.reality) == (ORDER, "open")
    assert found.because == (
        "2 executions of 1 composition did not deadlock on it, and not all were explored"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_that_cannot_come_there_predicts_nothing(kind: Context) -> None:
    @scenario("made/irqs:safe", ground=place)
    def safe(at: Place) -> None:
        """A task takes B with interrupts off."""

        async def task() -> None:
            await at.b.lock_irq()
            await at.b.unlock_irq()

        at.world.spawn(task(), "safe")

    assert predicted(line(kind), edge(kind), safe) == []


def test_a_lock_that_a_handler_and_a_task_take_is_one_class_in_two_states() -> None:
    @scenario("made/irqs:user", ground=place)
    def user(at: Place) -> None:
        """A task takes A with interrupts on."""

        async def task() -> None:
            await at.a.lock()
            await at.a.unlock()

        at.world.spawn(task(), "user")

    (found,) = predicted(line(Context.HARDIRQ), user)
    assert (found.kind, found.reality) == (InconsistentReport.kind, "confirmed")
    assert replayed(found, (line(Context.HARDIRQ), user)) == [
        "1 task waits for ever: user in spin_lock(A)"
    ]


def test_interrupts_that_are_switched_on_under_a_lock_count() -> None:
    @scenario("made/irqs:late", ground=place)
    def late(at: Place) -> None:
        """A task takes B with interrupts off, and switches them on while it holds it."""

        async def task() -> None:
            await local_irq_disable()
            await at.b.lock()
            await local_irq_enable()
            await at.b.unlock()

        at.world.spawn(task(), "late")

    kind = Context.HARDIRQ
    (found,) = predicted(line(kind), edge(kind), late)
    assert (found.kind, found.reality) == (INVERSION, "confirmed")
    assert found.links[-1].by == (("made/irqs:late", ""),)


def test_a_soft_handler_may_be_the_one_that_a_hard_one_comes_upon() -> None:
    @scenario("made/irqs:poll", ground=place)
    def poll(at: Place) -> None:
        """A soft interrupt takes B, with hard ones on."""

        async def handler() -> None:
            await at.b.lock()
            await at.b.unlock()

        interrupt(at.world, handler, "net_rx", context=Context.SOFTIRQ, idle=True)

    kind = Context.HARDIRQ
    (found,) = predicted(line(kind), edge(kind), poll)
    assert (found.kind, found.reality) == (INVERSION, "confirmed")
    assert found.links[-1].by == (("made/irqs:poll", ""),)
    assert found.links[-1].how == "taken with hardirqs on"


def test_what_is_held_beneath_a_handler_was_not_taken_in_it() -> None:
    """A soft handler begins with hard interrupts switched on: that concerns its own locks only."""

    @scenario("made/irqs:beneath", ground=place)
    def beneath(at: Place) -> None:
        """A soft interrupt takes A, on a task that holds B."""

        async def task() -> None:
            await at.b.lock()
            await at.b.unlock()

        async def handler() -> None:
            await at.a.lock()
            await at.a.unlock()

        made = at.world.spawn(task(), "task")
        interrupt(at.world, handler, "net_rx", on=(made,), context=Context.SOFTIRQ)

    world, makers = World(), Makers()
    makers.scenario = beneath
    makers.begin(world)
    beneath.set_up(world)
    makers.started()
    (task,) = world.tasks
    for choice in (0, 0, 1):  # not yet, spin_lock(B), now
        world.step(task, choice)
    while task.pending is not None:
        world.step(task)
    makers.finish(world)
    makers.collect()
    hows: dict[str, set[str]] = {}
    for deed in makers.deeds:
        assert deed.held == "", "the handler's lock is none that the task takes under its own"
        hows.setdefault(deed.new, set()).add(deed.how)
    assert hows == {
        "A": {"in softirq", "with hardirqs on"},
        "B": {"with hardirqs on", "with softirqs on"},
    }
