"""Compositions: their names, what fits together, and what they build."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lockwright.compose import (
    CasePart,
    WriterPart,
    compose,
    composition_name,
    is_composition,
    parse_parts,
)
from lockwright.core.boot import boot
from lockwright.core.errors import UsageError
from lockwright.core.task import Context
from lockwright.core.world import World
from lockwright.kernel.context import cond_resched
from lockwright.kernel.irq import interrupt
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.spinlock import SpinLock
from lockwright.scenario import Ground, Scenario, scenario
from lockwright.session import Options, Session, explore


@dataclass(slots=True)
class Place:
    world: World
    lock: Mutex
    sems: tuple[RwSem, RwSem]
    warmed: int = 0


def place(world: World, *, late: bool = False) -> Place:
    return Place(world, Mutex(world, "lock"), (RwSem(world, "sem"), RwSem(world, "sem")))


async def takes(lock: Mutex) -> None:
    await lock.lock()
    await lock.unlock()


async def warms(at: Place) -> None:
    await cond_resched()
    at.warmed += 1


def kept(world: World) -> tuple[str, ...]:
    return ()


def own(world: World) -> tuple[str, ...]:
    return ("this promise is one case's own",)


@scenario("made/case:one", ground=place, at_end=(kept,), late=False)
def one(at: Place) -> None:
    """One task, after something has happened before."""
    boot(at.world, warms(at))
    at.world.spawn(takes(at.lock), "cat", pid=840)


@scenario("made/case:two", ground=place, at_end=(kept, own))
def two(at: Place) -> None:
    """Two tasks."""
    boot(at.world, warms(at))
    at.world.spawn(takes(at.lock), "cat", pid=840)
    at.world.spawn(takes(at.lock), "dog", pid=841)


KNOWN = {made.name: made for made in (one, two)}


def built(name: str, known: dict[str, Scenario] | None = None) -> World:
    world = World()
    compose(name, known or KNOWN).set_up(world)
    return world


def tasks_of(world: World) -> list[tuple[int, str, int]]:
    return [(task.index, task.comm, task.pid) for task in world.tasks]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("one+two", (CasePart("one"), CasePart("two"))),
        ("one@cat", (CasePart("one", "cat"),)),
        ("one@0+one", (CasePart("one", "0"), CasePart("one"))),
        ("one+writer(sem)", (CasePart("one"), WriterPart("sem"))),
        ("one+writer(sem@2)", (CasePart("one"), WriterPart("sem", 2))),
        ("a%2Bb@x%40y", (CasePart("a+b", "x@y"),)),
        ("one+writer(&(&x->y)%20%2B)", (CasePart("one"), WriterPart("&(&x->y) +"))),
        ("one@kworker/0:1", (CasePart("one", "kworker/0:1"),)),
    ],
)
def test_a_name_says_its_parts_and_parts_say_the_name(
    text: str, parts: tuple[CasePart | WriterPart, ...]
) -> None:
    name = f"made/case:{text}"
    assert is_composition(name)
    assert parse_parts(name) == ("made/case", parts)
    assert composition_name("made/case", parts) == name


def test_the_name_of_a_case_is_none_of_a_composition() -> None:
    assert not is_composition("made/case:one")


@pytest.mark.parametrize("text", ["one+", "+one", "one++two", "one@", "@cat", "one+writer(sem@0)"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no part: expected CASE|names no lock"):
        compose(f"made/case:{text}", KNOWN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one+tow", r"no scenario made/case:tow; did you mean two"),
        ("writer(sem)", r"expected a case among its parts"),
    ],
)
def test_what_is_not_there_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        compose(f"made/case:{text}", KNOWN)


def test_all_tasks_are_there_and_can_be_told_apart() -> None:
    world = built("made/case:one+two+one")
    assert tasks_of(world) == [
        (0, "cat", 840),
        (1, "cat-2", 841),
        (2, "dog", 842),
        (3, "cat-3", 843),
    ]
    assert [task for task in world.by_number if task is not None] == world.tasks


def test_each_part_may_boot_and_nothing_has_run_then() -> None:
    world = built("made/case:one+one")
    assert (world.steps, [task.ended for task in world.tasks]) == (0, [False, False])


@pytest.mark.parametrize("task", ["dog", "1"])
def test_one_task_of_a_case_is_taken_by_its_name_or_number(task: str) -> None:
    assert tasks_of(built(f"made/case:two@{task}+one")) == [(0, "dog", 841), (1, "cat", 840)]


def test_a_task_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    with pytest.raises(UsageError, match="two has no task 'cow'; it has: cat, dog"):
        built("made/case:two@cow")


def test_a_writer_waits_for_the_nth_lock_of_its_class() -> None:
    world = built("made/case:one+writer(sem@2)")
    (writer,) = [task for task in world.tasks if task.comm == "writer"]
    assert writer.pending is not None
    sems = [writer.pending.loc]
    result = explore(compose("made/case:one+writer(sem@2)", KNOWN), Options())
    assert (result.complete, result.executions, sems[0].name) == (True, 1, "sem")


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        ("sem@3", r"2 locks of class sem at the beginning; of reader-writer locks there are: sem"),
        ("lock", "lock is no reader-writer lock"),
    ],
)
def test_a_writer_of_no_such_lock_is_refused(cls: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        built(f"made/case:one+writer({cls})")


def test_it_promises_what_all_parts_promise() -> None:
    assert compose("made/case:one+two", KNOWN).at_end == (kept,)
    assert explore(compose("made/case:one+two", KNOWN)).verdict == "verified"


def test_three_takers_of_a_mutex_have_six_orders() -> None:
    result = explore(compose("made/case:one+two", KNOWN), Options(granularity="operation"))
    assert (result.complete, result.executions) == (True, 6)


def test_parameters_of_all_parts_are_its_own() -> None:
    made = compose("made/case:one+two", KNOWN)
    assert made.parameters == {"late": False}
    assert made.with_parameters({"late": "true"}).given == {"late": True}
    assert made.given == {}


def test_other_values_of_one_parameter_do_not_fit() -> None:
    late = one.variant("late", late=True)
    with pytest.raises(UsageError, match=r"one and made/case:late do not fit.*late is False"):
        compose("made/case:one+late", {**KNOWN, late.name: late})


def test_other_grounds_do_not_fit_and_no_ground_does() -> None:
    def other(world: World) -> Place:
        return place(world)

    away = scenario("made/case:away", ground=other)(lambda at: None)
    plain = scenario("made/case:plain")(lambda world: None)
    known = {**KNOWN, away.name: away, plain.name: plain}
    with pytest.raises(UsageError, match="do not fit together: they do not stand on the same"):
        compose("made/case:one+away", known)
    with pytest.raises(UsageError, match="made/case:plain cannot be composed: it does not say"):
        compose("made/case:plain+one", known)


class Sized:
    """A ground that fits another one."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, world: World) -> Place:
        world.state = self.size
        return place(world)

    def merged_with(self, other: Ground) -> Sized:
        if not isinstance(other, Sized) or self.size + other.size > 3:
            raise UsageError("they are too big")
        return Sized(self.size + other.size)


def test_grounds_merge_if_they_can() -> None:
    known = {
        f"made/case:{size}": scenario(f"made/case:{size}", ground=Sized(size))(
            lambda at: at.world.spawn(takes(at.lock), "cat")
        )
        for size in (1, 2)
    }
    assert built("made/case:1+2", known).state == 3
    with pytest.raises(UsageError, match="do not fit together: they are too big"):
        compose("made/case:1+2+2", {**known})
    with pytest.raises(UsageError, match="neither its ground nor its function takes"):
        scenario("made/case:x", ground=place, other=1)(lambda at: None)


def test_delayed_stores_know_whose_they_are() -> None:
    made = compose("made/case:one+two", KNOWN).with_parameters({"memory": "tso"})
    result = explore(made)
    assert (result.complete, result.deadlocked) == (True, 0)


@scenario("made/irq:line", ground=place)
def line(at: Place) -> None:
    """An interrupt on whoever there is."""
    spin = SpinLock(at.world, "spin")
    at.world.state = spin

    async def handler() -> None:
        await spin.lock()
        await spin.unlock()

    interrupt(at.world, handler, "eth0", idle=True)


@scenario("made/irq:softirq", ground=place)
def softirq(at: Place) -> None:
    """A callback that takes the lock that the task takes."""
    spin = SpinLock(at.world, "spin")

    async def user() -> None:
        await spin.lock()
        await spin.unlock()

    at.world.spawn(user(), "user")
    at.world.spawn(user(), "callback", context=Context.SOFTIRQ)


def test_a_line_comes_on_top_of_the_tasks_of_parts_before_and_after_it() -> None:
    @scenario("made/irq:user", ground=place)
    def user(at: Place) -> None:
        """Takes a lock."""
        at.world.spawn(takes(at.lock), "cat")

    known = {made.name: made for made in (line, user)}
    alone = explore(compose("made/irq:line+user", known), Options(granularity="operation"))
    turned = explore(compose("made/irq:user+line", known), Options(granularity="operation"))
    assert alone.executions == turned.executions > 1


def test_callbacks_interrupt_the_tasks_they_were_composed_with() -> None:
    known = {softirq.name: softirq}
    assert explore(softirq).deadlocked == 0
    twice = compose("made/irq:softirq+softirq", known).with_parameters({"interrupts": "anywhere"})
    result = explore(twice, Options(executions=2000))
    assert "deadlock" in {finding.kind for finding in result.findings}


def test_a_predicted_interrupt_is_confirmed_by_exploring_it_anywhere() -> None:
    session = Session(softirq, Options())
    (finding,) = [f for f in session.explore().findings if f.kind == "inconsistent lock state"]
    assert finding.reality == "confirmed"
    assert "~interrupts=anywhere~" in finding.because
