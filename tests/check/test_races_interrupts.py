"""Data races of a task and a handler on top of it, on one CPU."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from random import Random
from typing import Any

import pytest

from lockwright.check.datarace import DataRaces
from lockwright.check.interrupted import Interrupted
from lockwright.check.ordering import Ordering
from lockwright.check.witness import Log
from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.race import RaceReport
from lockwright.core.task import Context
from lockwright.core.world import World
from lockwright.explore.plain import plain_search
from lockwright.kernel.context import cpu_relax
from lockwright.kernel.irq import interrupt
from lockwright.kernel.irqflags import (
    local_bh_disable,
    local_bh_enable,
    local_irq_disable,
    local_irq_enable,
)
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.rculist import ListHead
from lockwright.kernel.softirq import Tasklet
from lockwright.kernel.spinlock import SpinLock
from lockwright.options import Options
from lockwright.report.race import format_race
from lockwright.scenario import Scenario, scenario
from lockwright.session import Session, explore
from tests.check.racing import Box, making

Body = Callable[[], Coroutine[Any, Any, None]]


def fill(box: Box, value: int) -> None:
    box.data = value


def count(box: Box) -> int:
    return box.data


def situation(
    make: Callable[[World, Box], tuple[Body, Body]], context: Context = Context.HARDIRQ
) -> Scenario:
    """One task, and one line that can come on it."""

    @scenario("irq/race:case")
    def build(world: World) -> None:
        task, handler = make(world, Box(world, "b"))
        made = world.spawn(task(), "reader", pid=901)
        interrupt(world, handler, "eth0", on=(made,), context=context)

    return build


def raced(build: Scenario, granularity: str = "section") -> dict[str, Finding]:
    result = explore(build, Options(granularity=granularity))
    assert not result.unshown
    return {each.signature: each for each in result.findings if each.kind == "data race"}


def both_plain(world: World, box: Box) -> tuple[Body, Body]:
    async def eth0_read() -> None:
        await cpu_relax()
        count(box)
        await cpu_relax()

    async def eth0_handler() -> None:
        fill(box, 3)

    return eth0_read, eth0_handler


@pytest.mark.parametrize("granularity", ["operation", "section"])
def test_a_plain_access_and_a_handler_on_top_of_it_race_and_the_token_replays(
    granularity: str,
) -> None:
    build = situation(both_plain)
    (found,) = raced(build, granularity).values()
    assert found.message == (
        "box->data: read by reader in count() and write by an interrupt on top of it in fill(), "
        "with nothing to order them"
    )
    assert isinstance(found.report, RaceReport)
    assert [frame.function for frame in found.report.first.stack] == ["count", "eth0_read"]
    stack = ["fill", "eth0_handler", "eth0_read"]
    assert [frame.function for frame in found.report.second.stack] == stack
    # no interrupt, the relax and the read, the interrupt
    assert found.schedule[:3] == ((0, 0), (0, 0), (0, 1))
    _, again = Session(build, Options()).run_once(found.schedule)
    assert [each.message for each in again if each.kind == "data race"] == [found.message]


def test_the_report_says_that_an_interrupt_made_the_access() -> None:
    (found,) = raced(situation(both_plain)).values()
    lines = format_race(found.report, ident="6.5.0 #1 Not tainted").splitlines()
    assert lines[1] == "BUG: KCSAN: data-race in count / fill"
    assert lines[3].endswith(" of 8 bytes by interrupt on cpu 0:")
    assert [line for line in lines if line.endswith(" by task 901 on cpu 0:")]


ACCESSES = ("read", "write", "READ_ONCE", "WRITE_ONCE")


@pytest.mark.parametrize("context", [Context.HARDIRQ, Context.SOFTIRQ])
@pytest.mark.parametrize("above", ACCESSES)
@pytest.mark.parametrize("beneath", ACCESSES)
def test_what_races_is_a_plain_access_beneath_of_which_one_writes(
    beneath: str, above: str, context: Context
) -> None:
    def make(world: World, box: Box) -> tuple[Body, Body]:
        async def access(how: str) -> None:
            if how == "READ_ONCE":
                await READ_ONCE(box, "data")
            elif how == "WRITE_ONCE":
                await WRITE_ONCE(box, "data", 1)
            elif how == "read":
                count(box)
            else:
                fill(box, 1)

        async def task() -> None:
            await cpu_relax()
            await access(beneath)
            await cpu_relax()

        async def handler() -> None:
            await access(above)

        return task, handler

    writes = "write" in (beneath, above) or "WRITE_ONCE" in (beneath, above)
    assert bool(raced(situation(make, context))) is (beneath in ("read", "write") and writes)


Way = tuple[str, str]


@pytest.mark.parametrize(
    ("take", "drop", "context", "races"),
    [
        ("irq", "", Context.HARDIRQ, False),
        ("irq", "", Context.SOFTIRQ, False),
        ("bh", "", Context.HARDIRQ, True),
        ("bh", "", Context.SOFTIRQ, False),
        ("lock_irqsave", "unlock_irqrestore", Context.HARDIRQ, False),
        ("lock_bh", "unlock_bh", Context.SOFTIRQ, False),
        ("lock_bh", "unlock_bh", Context.HARDIRQ, True),
        # the handler does not take the lock: it is no deadlock, and no order either
        ("lock", "unlock", Context.HARDIRQ, True),
    ],
)
def test_what_keeps_the_interrupt_away_keeps_the_race_away(
    take: str, drop: str, context: Context, *, races: bool
) -> None:
    def make(world: World, box: Box) -> tuple[Body, Body]:
        lock = SpinLock(world, "A")

        async def task() -> None:
            await cpu_relax()
            if take == "irq":
                await local_irq_disable()
            elif take == "bh":
                await local_bh_disable()
            else:
                await getattr(lock, take)()
            count(box)
            if take == "irq":
                await local_irq_enable()
            elif take == "bh":
                await local_bh_enable()
            else:
                await getattr(lock, drop)()
            await cpu_relax()

        async def handler() -> None:
            fill(box, 1)

        return task, handler

    build = situation(make, context)
    assert bool(raced(build)) is races
    assert bool(raced(build, "operation")) is races


def test_code_that_was_done_before_the_last_operation_is_not_cut_in_two() -> None:
    def make(world: World, box: Box) -> tuple[Body, Body]:
        async def task() -> None:
            await local_irq_disable()
            fill(box, 1)
            await local_irq_enable()
            await cpu_relax()

        async def handler() -> None:
            count(box)

        return task, handler

    assert raced(situation(make)) == {}


def test_the_last_code_of_a_task_is_interrupted_too() -> None:
    def make(world: World, box: Box) -> tuple[Body, Body]:
        async def task() -> None:
            await cpu_relax()
            fill(box, 1)

        async def handler() -> None:
            await cpu_relax()
            count(box)

        return task, handler

    assert set(raced(situation(make))) == {"box->data: count / fill"}


def two_lines(*, softirq_reads: bool) -> Scenario:
    """A softirq handler writes what a hard one reads; the task writes something else."""

    @scenario("irq/race:nested")
    def build(world: World) -> None:
        box = Box(world, "b")

        async def task() -> None:
            await cpu_relax()
            box.other = 1

        async def soft() -> None:
            await cpu_relax()
            if softirq_reads:
                fill(box, 1)

        async def hard() -> None:
            count(box)
            _ = box.other

        made = world.spawn(task(), "reader")
        interrupt(world, soft, "net_rx", on=(made,), context=Context.SOFTIRQ)
        interrupt(world, hard, "eth0", on=(made,))

    return build


def test_a_handler_on_top_of_a_handler_races_with_both_that_are_beneath() -> None:
    assert set(raced(two_lines(softirq_reads=True))) == {
        "box->data: count / fill",
        "box->other: hard / task",
    }
    assert set(raced(two_lines(softirq_reads=False))) == {"box->other: hard / task"}


def test_two_lines_that_come_at_one_point_race_with_the_same_code() -> None:
    """The second comes after the first has returned: the code beneath is still the same."""

    def build(world: World) -> None:
        box = Box(world, "b")

        async def task() -> None:
            await cpu_relax()
            fill(box, 1)

        async def first() -> None:
            await cpu_relax()

        async def second() -> None:
            count(box)

        made = world.spawn(task(), "reader")
        interrupt(world, first, "eth0", on=(made,))
        interrupt(world, second, "eth1", on=(made,))

    # cpu_relax, both not now, then eth0 now with its cpu_relax and return, eth1 now
    log = Log.of(making(build), Names(), [(0, c) for c in (0, 0, 0, 1, 0, 0, 1)])
    kinds = [operation.describe() for _, operation, _, _ in log.log]
    assert kinds[3:7] == ["<Interrupt eth0>", "cpu_relax()", "</Interrupt>", "<Interrupt eth1>"]
    (found,) = DataRaces(making(build)).judge(log)
    assert found.signature == "box->data: count / fill"


def test_an_interrupt_that_did_not_come_hides_nothing_from_the_next() -> None:
    def build(world: World) -> None:
        box = Box(world, "b")

        async def task() -> None:
            await cpu_relax()
            fill(box, 1)

        async def first() -> None:
            await cpu_relax()

        async def second() -> None:
            count(box)

        made = world.spawn(task(), "reader")
        interrupt(world, first, "eth0", on=(made,))
        interrupt(world, second, "eth1", on=(made,))

    # neither, cpu_relax, not eth0, eth1
    log = Log.of(making(build), Names(), [(0, c) for c in (0, 0, 0, 0, 1)])
    kinds = [operation.describe() for _, operation, _, _ in log.log]
    assert kinds[2:5] == ["cpu_relax()", "<Interrupt eth0>", "<Interrupt eth1>"]
    (found,) = DataRaces(making(build)).judge(log)
    assert found.signature == "box->data: count / fill"


def test_in_one_execution_a_handler_races_with_all_that_is_beneath_it() -> None:
    """A hard interrupt on top of a soft one, where the task was in plain code, too."""
    build = two_lines(softirq_reads=True).build
    # neither, cpu_relax and the write, the soft one, not yet the hard one, cpu_relax, the hard one
    log = Log.of(making(build), Names(), [(0, c) for c in (0, 0, 0, 1, 0, 0, 1)])
    kinds = [operation.describe() for _, operation, _, _ in log.log]
    assert kinds[2:7] == [
        "cpu_relax()",
        "<Interrupt net_rx>",
        "<Interrupt eth0>",
        "cpu_relax()",
        "<Interrupt eth0>",
    ]
    assert [each.signature for each in DataRaces(making(build)).judge(log)] == [
        "box->data: count / fill",
        "box->other: hard / task",
    ]


def test_a_pair_of_units_races_once_however_often_they_meet() -> None:
    def make(world: World, box: Box) -> tuple[Body, Body]:
        async def task() -> None:
            await cpu_relax()
            fill(box, count(box) + 1)

        async def handler() -> None:
            count(box)
            count(box)
            await cpu_relax()
            count(box)

        return task, handler

    # not now, cpu_relax and the accesses, now
    log = Log.of(making(situation(make).build), Names(), [(0, c) for c in (0, 0, 1)])
    ordering = Ordering(log.world.names.fields)
    both = Interrupted(ordering)
    for step in log.log:
        ordering.add(step)
        both.add(step)
    assert [(race.first, race.second) for race in both.races] == [(1, 2), (1, 3)]
    writes = [log.log[race.first][3][race.first_at] & 1 for race in both.races]
    assert writes == [1, 1], "a write says more than the read before it"


def test_handlers_of_two_lines_are_told_apart() -> None:
    def build(world: World) -> None:
        box = Box(world, "b")

        async def task() -> None:
            await cpu_relax()
            fill(box, 1)

        async def first() -> None:
            _ = box.data

        async def second() -> None:
            _ = box.data

        made = world.spawn(task(), "reader")
        interrupt(world, first, "eth0", on=(made,))
        interrupt(world, second, "eth1", on=(made,))

    assert set(raced(Scenario("irq/race:two", build))) == {
        "box->data: fill / first",
        "box->data: fill / second",
    }


@pytest.mark.parametrize("how", ["add_tail", "add_tail_rcu"])
def test_a_node_that_a_handler_sees_published_is_complete(how: str) -> None:
    """With list_add_tail() the links are plain, but for the last, which publishes nothing."""

    def make(world: World, box: Box) -> tuple[Body, Body]:
        list_ = ListHead[Box](world, "list")

        async def task() -> None:
            await cpu_relax()
            await getattr(list_, how)(box)

        async def handler() -> None:
            node = await list_.first()
            while node is not None:
                node = await list_.next(node)

        return task, handler

    found = raced(situation(make))
    assert set(found) == (set() if how.endswith("rcu") else {"box->list.next: handler / task"})


def test_a_handler_that_is_a_task_races_wherever_it_runs() -> None:
    """A tasklet is not ordered after what its raiser does later: on any CPU the clocks see it, and
    a race that only shows on top of the raiser cannot be, as it may run beside it as well."""

    @scenario("irq/race:tasklet")
    def build(world: World) -> None:
        box = Box(world, "b")

        async def poll() -> None:
            await cpu_relax()
            count(box)
            _ = box.other  # written before it was scheduled

        tasklet = Tasklet(world, "rx", poll)

        async def raiser() -> None:
            await cpu_relax()
            box.other = 1
            await tasklet.schedule()
            fill(box, 1)
            await cpu_relax()

        world.spawn(raiser(), "raiser")

    for where in ("own", "anywhere"):
        there = build.with_parameters({"interrupts": where})
        found = raced(there)
        assert set(found) == {"box->data: count / fill"}
        (one,) = found.values()
        _, again = Session(there, Options()).run_once(one.schedule)
        assert one.signature in {each.signature for each in again}


# Random programs against the definition

CODES = ("task", "soft", "hard")
RULE = ("read", "write", "load", "store", "relax", "irq off", "irq on", "bh off", "bh on")
Script = list[tuple[str, str]]


def script(random: Random, code: str) -> Script:
    """Accesses, and interrupts that are off for a while."""
    made: Script = []
    for _ in range(random.randrange(1, 4)):
        what = random.choice(RULE[:5])
        made.append((what, random.choice(("data", "other"))))
    for kind in ("irq", "bh"):
        if code != "hard" and random.randrange(3) == 0:
            at = random.randrange(len(made) + 1)
            to = random.randrange(at, len(made) + 1)
            made[to:to] = [(f"{kind} on", "")]
            made[at:at] = [(f"{kind} off", "")]
    return made


async def _follow(box: Box, script: Script) -> None:
    calls = dict(
        zip(
            RULE[4:],
            (cpu_relax, local_irq_disable, local_irq_enable, local_bh_disable, local_bh_enable),
            strict=True,
        )
    )
    for what, where in script:
        if what == "read":
            getattr(box, where)
        elif what == "write":
            setattr(box, where, 1)
        elif what == "load":
            await READ_ONCE(box, where)
        elif what == "store":
            await WRITE_ONCE(box, where, 1)
        else:
            await calls[what]()


def program(scripts: dict[str, Script]) -> Scenario:
    def build(world: World) -> None:
        box = Box(world, "b")

        async def task() -> None:
            await cpu_relax()
            await _follow(box, scripts["task"])

        async def soft() -> None:
            await _follow(box, scripts["soft"])

        async def hard() -> None:
            await _follow(box, scripts["hard"])

        made = world.spawn(task(), "t")
        interrupt(world, soft, "soft", on=(made,), context=Context.SOFTIRQ)
        interrupt(world, hard, "hard", on=(made,))

    return Scenario("irq/race:random", build)


def interrupted(scripts: dict[str, Script], code: str, by: str) -> Iterator[tuple[str, bool]]:
    """The plain accesses of some code during which an interrupt is on: field, and is it written?"""
    irqs = bhs = 0
    for what, where in scripts[code]:
        irqs += (what == "irq off") - (what == "irq on")
        bhs += (what == "bh off") - (what == "bh on")
        comes = not irqs and (by == "hard" or (code == "task" and not bhs))
        if what in ("read", "write") and comes:
            yield where, what == "write"


def expected(scripts: dict[str, Script]) -> set[str]:
    """By the definition: a handler that can come in the middle of a plain access, and that
    conflicts with it.  A soft one can come on the task, a hard one on both; all code is straight,
    so that a handler always makes all its accesses."""
    found = set()
    for code, by in (("task", "soft"), ("task", "hard"), ("soft", "hard")):
        for field, write in interrupted(scripts, code, by):
            for what, where in scripts[by]:
                accesses = what in ("read", "write", "load", "store")
                if where == field and accesses and (write or what in ("write", "store")):
                    one, other = sorted((code, by))
                    found.add(f"box->{field}: {one} / {other}")
    return found


def check_programs(seeds: range) -> None:
    seen: dict[int, int] = {}
    for seed in seeds:
        random = Random(f"interrupted {seed}")
        scripts = {code: script(random, code) for code in CODES}
        wanted = expected(scripts)
        for granularity in ("operation", "section"):
            assert set(raced(program(scripts), granularity)) == wanted, (seed, scripts)
        seen[len(wanted)] = seen.get(len(wanted), 0) + 1
    assert set(seen) >= {0, 1, 2, 3}


def test_random_programs_have_the_races_of_the_definition() -> None:
    check_programs(range(60))


@pytest.mark.slow
def test_many_random_programs_have_the_races_of_the_definition() -> None:
    check_programs(range(60, 1500))


def test_what_one_execution_shares_with_the_one_before_is_not_forgotten() -> None:
    """After going back to any length the state is that of a fresh look at the shorter log."""
    make = making(two_lines(softirq_reads=True).build)
    raced = 0
    for run in plain_search(make):
        log = Log.of(make, Names(), run.schedule)
        fields = log.world.names.fields
        for length in range(len(log.log) + 1):
            ordering = Ordering(fields)
            both = Interrupted(ordering)
            for step in log.log:
                ordering.add(step)
                both.add(step)
            ordering.truncate(length)
            both.truncate(length)
            for step in log.log[length:]:
                ordering.add(step)
                both.add(step)
            fresh_ordering = Ordering(fields)
            fresh = Interrupted(fresh_ordering)
            for step in log.log:
                fresh_ordering.add(step)
                fresh.add(step)
            assert (both.races, both.here, both.beneath) == (
                fresh.races,
                fresh.here,
                fresh.beneath,
            )
            raced += bool(fresh.races)
    assert raced
