"""Predictions over several scenarios: composed, explored, and settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lockwright.compose import compose
from lockwright.core.lockuse import LockKey
from lockwright.core.operation import Operation
from lockwright.core.prediction import Prediction
from lockwright.core.world import World
from lockwright.kernel.irq import interrupt
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.spinlock import SpinLock
from lockwright.predict import Explored, Predictor, groups_of
from lockwright.scenario import Scenario, scenario
from lockwright.session import Options, Session
from lockwright.token import parse_token
from stress.corpus.entry import project

CIRCULAR = "possible circular locking dependency"
RECURSIVE = "possible recursive locking"
NODE = LockKey("&node->lock")


@dataclass(slots=True)
class Place:
    """What all scenarios here act on."""

    world: World
    a: Mutex
    b: Mutex
    gate: Mutex
    r: RwSem
    s: RwSem
    parent: Mutex
    child: Mutex
    spin: SpinLock


def place(world: World) -> Place:
    """The ground."""
    return Place(
        world,
        Mutex(world, "A"),
        Mutex(world, "B"),
        Mutex(world, "gate"),
        RwSem(world, "R"),
        RwSem(world, "S"),
        Mutex(world, "parent", cls=NODE),
        Mutex(world, "child", cls=NODE),
        SpinLock(world, "spin"),
    )


Pair = tuple[Callable[[], Operation], Callable[[], Operation]]


async def nested(*pairs: Pair) -> None:
    """Take locks in order, and let them go in the other."""
    for take, _ in pairs:
        await take()
    for _, leave in reversed(pairs):
        await leave()


def mutex(lock: Mutex) -> Pair:
    return lock.lock, lock.unlock


def reading(sem: RwSem) -> Pair:
    return sem.down_read, sem.up_read


def writing(sem: RwSem) -> Pair:
    return sem.down_write, sem.up_write


async def polls(sem: RwSem) -> None:
    """A writer that never queues."""
    while not await sem.down_write_trylock():
        await sem.poll(10)
    await sem.up_write()


def one_task(name: str, locks: Callable[[Place], list[Pair]], comm: str = "") -> Scenario:
    def act(at: Place) -> None:
        at.world.spawn(nested(*locks(at)), comm or name)

    return scenario(f"made/locks:{name}", ground=place)(act)


AB = one_task("ab", lambda at: [mutex(at.a), mutex(at.b)])
BA = one_task("ba", lambda at: [mutex(at.b), mutex(at.a)])
GATED_AB = one_task("gated_ab", lambda at: [mutex(at.gate), mutex(at.a), mutex(at.b)])
GATED_BA = one_task("gated_ba", lambda at: [mutex(at.gate), mutex(at.b), mutex(at.a)])
RS = one_task("rs", lambda at: [reading(at.r), reading(at.s)])
SR = one_task("sr", lambda at: [reading(at.s), reading(at.r)])
WRITES_R = one_task("writes_r", lambda at: [writing(at.r)])
WRITES_S = one_task("writes_s", lambda at: [writing(at.s)])
RR = one_task("rr", lambda at: [reading(at.r), reading(at.r)])
DOWN = one_task("down", lambda at: [mutex(at.parent), mutex(at.child)])
UP = one_task("up", lambda at: [mutex(at.child), mutex(at.parent)])


@scenario("made/locks:polls_r", ground=place)
def polls_r(at: Place) -> None:
    """A writer of R that polls."""
    at.world.spawn(polls(at.r), "polls_r")


@scenario("made/locks:polls_s", ground=place)
def polls_s(at: Place) -> None:
    """A writer of S that polls."""
    at.world.spawn(polls(at.s), "polls_s")


def predicted(*chosen: Scenario, known: tuple[Scenario, ...] = ()) -> list[Prediction]:
    """What is predicted over these, tried out; `known` are others of the project."""
    explored = []
    for one in chosen:
        session = Session(one, Options())
        result = session.explore()
        lessons = tuple(lesson for part in session.judge.lessons for lesson in part)
        explored.append(Explored(one, result, lessons))
    names = {one.name: one for one in (*chosen, *known)}
    found = []
    for group in groups_of(explored):
        options = Options(executions=3000, rules=("deadlock",))
        predictor = Predictor(group, names, options)
        for prediction in predictor.predictions():
            predictor.settle(prediction)
            found.append(prediction)
    return found


def told(prediction: Prediction) -> list[tuple[str, str]]:
    """What was tried."""
    return [
        (attempt.scenario.partition(":")[2], attempt.outcome) for attempt in prediction.attempts
    ]


def test_two_orders_in_two_scenarios_are_confirmed_together() -> None:
    (found,) = predicted(AB, BA)
    assert (found.kind, found.seen_in, found.reality) == (CIRCULAR, (), "confirmed")
    assert [(link.held, link.new, link.how) for link in found.links] in (
        [("A", "B", "EN"), ("B", "A", "EN")],
        [("B", "A", "EN"), ("A", "B", "EN")],
    )
    assert told(found) in ([("ab+ba", "confirmed")], [("ba+ab", "confirmed")])
    assert "WARNING: possible circular locking dependency detected" in found.text


def test_the_token_of_a_composed_deadlock_replays_it() -> None:
    (found,) = predicted(AB, BA)
    token = parse_token(found.token)
    composed = compose(token.scenario, {one.name: one for one in (AB, BA)})
    record, findings = Session(composed, Options()).run_once(token.schedule, token.marks)
    assert not record.misfit
    assert [finding.kind for finding in findings if finding.kind == "deadlock"] == ["deadlock"]
    assert sorted(found.deadlock.waits) == [("A", "B"), ("B", "A")]


def test_a_gate_refutes_it_completely() -> None:
    (found,) = predicted(GATED_AB, GATED_BA)
    assert (found.kind, found.reality) == (CIRCULAR, "refuted")
    assert [outcome for _, outcome in told(found)] == ["refuted"]
    assert found.token == ""
    assert found.because == "no trace of the composition deadlocks on it"


def test_an_order_that_all_keep_predicts_nothing() -> None:
    assert predicted(AB, one_task("ab_too", lambda at: [mutex(at.a), mutex(at.b)])) == []


def test_readers_deadlock_only_with_writers_made_for_them() -> None:
    (found,) = predicted(RS, SR)
    (first, outcome), (second, confirmed) = told(found)
    assert (found.reality, outcome, confirmed) == ("confirmed", "refuted", "confirmed")
    assert sorted(first.split("+")) == ["rs", "sr"]
    assert sorted(second.split("+")) == ["rs", "sr", "writer(R)", "writer(S)"]


def test_writers_of_the_design_come_before_those_that_are_made() -> None:
    (found,) = predicted(RS, SR, known=(WRITES_R, WRITES_S))
    *_, (last, outcome) = told(found)
    assert sorted(last.split("+")) == ["rs", "sr", "writes_r", "writes_s"]
    assert (outcome, found.reality) == ("confirmed", "confirmed")


def test_where_all_writers_poll_readers_never_deadlock() -> None:
    (found,) = predicted(RS, SR, polls_r, polls_s)
    assert [outcome for _, outcome in told(found)] == ["refuted", "refuted"]
    assert sorted(told(found)[1][0].split("+")) == ["polls_r", "polls_s", "rs", "sr"]
    assert found.reality == "refuted"


def test_a_reader_in_a_reader_needs_one_queued_writer() -> None:
    (found,) = predicted(RR)
    assert (found.kind, found.seen_in) == (RECURSIVE, ("made/locks:rr",))
    assert told(found) == [("rr", "refuted"), ("writer(R)+rr", "confirmed")]


def test_two_locks_of_a_class_in_one_order_are_refuted() -> None:
    (found,) = predicted(DOWN)
    assert (found.kind, found.reality) == (RECURSIVE, "refuted")
    assert told(found) == [("down+down", "refuted")]


def test_two_locks_of_a_class_in_both_orders_are_confirmed() -> None:
    (found,) = predicted(DOWN, UP)
    assert (found.kind, found.reality) == (RECURSIVE, "confirmed")
    assert sorted(told(found)[-1][0].split("+")) == ["down", "up"]


def test_what_a_scenario_has_confirmed_is_not_predicted_again() -> None:
    def act(at: Place) -> None:
        at.world.spawn(nested(mutex(at.a), mutex(at.b)), "one")
        at.world.spawn(nested(mutex(at.b), mutex(at.a)), "two")

    assert predicted(scenario("made/locks:both", ground=place)(act), AB) == []


def test_scenarios_without_a_ground_leave_it_open() -> None:
    def build(world: World, *, turned: bool) -> None:
        a, b = Mutex(world, "A"), Mutex(world, "B")
        world.spawn(nested(*map(mutex, (b, a) if turned else (a, b))), "one")

    one = scenario("made/alone:one")(lambda world: build(world, turned=False))
    two = scenario("made/alone:two")(lambda world: build(world, turned=True))
    (found,) = predicted(one, two)
    assert (found.reality, found.attempts) == ("open", [])
    assert found.because.startswith("nothing to put together: its scenarios do not say")


def test_other_values_of_a_parameter_are_another_kernel() -> None:
    def grounded(world: World, *, turned: bool) -> Place:
        assert isinstance(turned, bool)
        return place(world)

    def act(at: Place, *, turned: bool) -> None:
        at.world.spawn(nested(*map(mutex, (at.b, at.a) if turned else (at.a, at.b))), "one")

    one = scenario("made/kernels:one", ground=grounded, turned=False)(act)
    assert predicted(one, one.variant("two", turned=True)) == []


def test_a_budget_that_runs_out_leaves_it_open() -> None:
    session = Session(GATED_AB, Options())
    other = Session(GATED_BA, Options())
    explored = [
        Explored(s.scenario, s.explore(), tuple(s.judge.lessons[-1])) for s in (session, other)
    ]
    names = {one.name: one for one in (GATED_AB, GATED_BA)}
    predictor = Predictor(explored, names, Options(executions=1, rules=("deadlock",)))
    (found,) = predictor.predictions()
    predictor.settle(found)
    assert found.reality == "open"
    assert found.because == (
        "1 execution of 1 composition did not deadlock on it, and not all were explored"
    )


@scenario("made/locks:line", ground=place)
def line(at: Place) -> None:
    """An interrupt that takes the spinlock, on an idle CPU if nobody else is there."""
    interrupt(at.world, lambda: nested((at.spin.lock, at.spin.unlock)), "eth0", idle=True)


@scenario("made/locks:spins", ground=place)
def spins(at: Place) -> None:
    """A task that takes the spinlock with interrupts on."""
    at.world.spawn(nested((at.spin.lock, at.spin.unlock)), "spins")


@scenario("made/locks:spins_off", ground=place)
def spins_off(at: Place) -> None:
    """A task that takes the spinlock with interrupts off."""
    at.world.spawn(nested((at.spin.lock_irq, at.spin.unlock_irq)), "spins-off")


def test_a_handler_and_the_task_it_interrupts_are_put_together() -> None:
    (found,) = predicted(line, spins)
    assert (found.kind, found.reality) == ("inconsistent lock state", "confirmed")
    assert sorted(told(found)[-1][0].split("+")) == ["line", "spins"]
    assert found.deadlock.waits == (("spin", "spin"),)


def test_interrupts_that_are_off_predict_nothing() -> None:
    assert predicted(line, spins_off) == []


@pytest.mark.parametrize(
    ("queues", "reality"), [("false", "refuted"), ("true", "confirmed")], ids=["polls", "queues"]
)
def test_the_splat_of_the_mails_needs_a_writer_that_queues(queues: str, reality: str) -> None:
    known = project().scenarios
    chosen = known["eventfs/v3:stat_then_open"].with_parameters({"writer_queues": queues})
    session = Session(chosen, Options())
    explored = [Explored(chosen, session.explore(), tuple(session.judge.lessons[-1]))]
    predictor = Predictor(explored, known, Options(executions=3000, rules=("deadlock",)))
    found = predictor.predictions()
    for prediction in found:
        predictor.settle(prediction)
    assert {prediction.kind: prediction.reality for prediction in found} == {
        CIRCULAR: reality,
        RECURSIVE: reality,
    }
