"""Mailboxes: order, independence, and random programs against brute force."""

from __future__ import annotations

from collections import Counter
from math import comb

import pytest

from lockwright.core.errors import ModelError
from lockwright.core.location import Names
from lockwright.core.snapshot import Snapshots
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.lasso import LassoSearch, unfinished
from lockwright.explore.plain import PlainSearch, plain_search
from lockwright.explore.run import MakeWorld, Run
from lockwright.kernel.context import cpu_relax
from lockwright.kernel.mailbox import Mailbox
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.slab import Field, Slab
from lockwright.kernel.spinlock import SpinLock
from lockwright.options import Options
from lockwright.scenario import Scenario
from lockwright.session import explore
from tests.explore.every_trace import compare
from tests.explore.making import making
from tests.explore.searching import Judged, difference, judged
from tests.kernel.mail_programs import final_state, random_program
from tests.kernel.searching import Setup, alone, does, messages, results, search

INTERLEAVINGS_MAX = 400
EXACT = 200
RULED = 90


def mail(*sent: int, receives: int) -> Setup:
    """Tasks that send so many messages each, and one that receives some."""

    def setup(world: World) -> None:
        box = Mailbox(world, "box")
        for at, count in enumerate(sent):
            world.spawn(does(*(box.send(f"{at}{nth}") for nth in range(count))), f"s{at}")
        world.spawn(does(*(box.receive() for _ in range(receives))), "r")

    return setup


def test_messages_of_one_sender_come_in_order() -> None:
    assert results(search(mail(3, receives=3))) == {((None,) * 3, ("00", "01", "02"))}


def test_messages_of_two_senders_come_in_any_order_that_keeps_each_ones() -> None:
    received = {each[-1] for each in results(search(mail(2, 1, receives=3)))}
    assert received == {("00", "01", "10"), ("00", "10", "01"), ("10", "00", "01")}


@pytest.mark.parametrize("receives", [0, 1, 4])
def test_a_receipt_depends_on_nothing_but_its_message(receives: int) -> None:
    """However the receiver keeps up with it, one sender's messages are one trace."""
    (run,) = Dpor(making(mail(4, receives=receives)))
    assert not run.world.blocked()


@pytest.mark.parametrize("sent", [(1, 1), (2, 1), (3, 2), (3, 3)])
def test_two_senders_have_as_many_traces_as_they_can_be_merged_in(sent: tuple[int, int]) -> None:
    for receives in (0, 1, sum(sent)):
        runs = list(Dpor(making(mail(*sent, receives=receives))))
        assert len(runs) == comb(sum(sent), sent[0])
        assert not any(run.sleeping for run in runs)


def test_three_senders_have_a_trace_for_each_order() -> None:
    assert len(list(Dpor(making(mail(1, 1, 1, receives=3))))) == 6


def test_who_waits_for_mail_is_idle_and_no_deadlock() -> None:
    run = alone(mail(1, receives=2))
    assert run.world.blocked() == []
    assert [task.ended for task in run.world.tasks] == [True, False]


def test_operations_are_called_by_what_they_do() -> None:
    box = Mailbox(World(), "box")
    assert box.send(("event", 1)).describe() == "send(box, (event, 1))"
    assert box.receive().describe() == "receive(box)"


def test_a_message_says_itself() -> None:
    class Letter:
        def describe(self) -> str:
            return "a letter"

    assert Mailbox(World(), "box").send(Letter()).describe() == "send(box, a letter)"


def test_an_operation_that_has_run_is_about_the_place_that_it_touched() -> None:
    world = World()
    box = Mailbox(world, "box", 2)
    sends, receives = [box.send(nth) for nth in range(2)], [box.receive() for _ in range(2)]
    world.spawn(does(*sends), "s")
    world.spawn(does(*receives), "r")
    touched = [world.step(world.tasks[at])[0] for at in (0, 0, 1, 1)]
    assert [each.loc.writing for each in (*sends, *receives)] == touched
    assert len(set(touched)) == 2


@pytest.mark.parametrize("capacity", [1, 2])
def test_places_are_used_again(capacity: int) -> None:
    """Ping-pong: there is never more than one message on its way."""

    def setup(world: World) -> None:
        ping, pong = (Mailbox(world, name, capacity) for name in ("ping", "pong"))

        async def asks() -> tuple[object, ...]:
            told: list[object] = []
            for nth in range(5):
                await ping.send(nth)
                told.append(await pong.receive())
            return tuple(told)

        async def answers() -> None:
            while True:
                await pong.send(-(await ping.receive()))

        world.spawn(asks(), "asks")
        world.spawn(answers(), "answers")

    (run,) = search(setup)
    assert run.world.tasks[0].result == (0, -1, -2, -3, -4)


def test_a_message_for_which_there_is_no_room_is_an_error_of_the_model() -> None:
    def setup(world: World) -> None:
        box = Mailbox(world, "box", 2)
        world.spawn(does(*(box.send(nth) for nth in range(3))), "s")
        world.spawn(does(box.receive()), "r")

    with pytest.raises(ModelError, match="s sends to box, which is full: it has room for 2"):
        list(Dpor(making(setup)))
    with pytest.raises(ModelError, match="sends to box, which is full: it has room for 2"):
        list(plain_search(making(setup)))


def test_whether_there_is_room_is_tried_in_every_order() -> None:
    """The receiver comes first in the first execution: that it could come late is found out."""

    def setup(world: World) -> None:
        box = Mailbox(world, "box", 1)
        world.spawn(does(box.receive()), "r")
        world.spawn(does(box.send(1), box.send(2)), "s")

    make = making(setup)
    world = make(Names())
    for at in (1, 0, 1):
        world.step(world.tasks[at])
    assert world.enabled() == []
    with pytest.raises(ModelError, match="it has room for 1"):
        list(Dpor(make))


def test_a_mailbox_has_one_receiver() -> None:
    def setup(world: World) -> None:
        box = Mailbox(world, "box")

        async def takes() -> None:
            await cpu_relax()
            await box.receive()

        world.spawn(takes(), "one")
        world.spawn(takes(), "two")

    with pytest.raises(ModelError, match="two receives from box, and so does one: a mailbox has"):
        list(plain_search(making(setup)))


def test_a_mailbox_has_room_for_something() -> None:
    with pytest.raises(ModelError, match="box is a mailbox for 0 messages: expected 1 or more"):
        Mailbox(World(), "box", 0)


def test_receiving_under_a_spinlock_is_found() -> None:
    def setup(world: World) -> None:
        box, lock = Mailbox(world, "box"), SpinLock(world, "&lock")
        world.spawn(does(box.send(1), lock.lock(), box.receive(), lock.unlock()), "task")

    assert messages([alone(setup)]) == {
        "sleeping function receive() called in atomic context (atomic depth 1)"
    }


class Node(Slab):
    """What a message is about."""

    count: Field[int] = Field(0)


def races(*, before: bool) -> set[str]:
    """A field is written before or after a message is sent, and read by who receives it."""

    def build(world: World) -> None:
        box, node = Mailbox(world, "box"), Node(world, "node")

        async def sends() -> None:
            await cpu_relax()
            if before:
                node.count = 1
            await box.send(node)
            if not before:
                node.count = 1

        async def receives() -> int:
            found: Node = await box.receive()
            return found.count

        world.spawn(sends(), "s")
        world.spawn(receives(), "r")

    result = explore(Scenario("a/b:c", build), Options())
    return {finding.kind for finding in result.findings}


def test_what_was_written_before_a_message_is_ordered_before_its_receipt() -> None:
    assert races(before=True) == set()
    assert races(before=False) == {"data race"}


def test_a_message_orders_nothing_that_others_wrote() -> None:
    def build(world: World) -> None:
        box, node = Mailbox(world, "box"), Node(world, "node")

        async def sends() -> None:
            await box.send("other")

        async def writes() -> None:
            await cpu_relax()
            node.count = 1

        async def receives() -> int:
            await box.receive()
            return node.count

        for name, act in (("s", sends), ("w", writes), ("r", receives)):
            world.spawn(act(), name)

    result = explore(Scenario("a/b:c", build), Options())
    assert [finding.kind for finding in result.findings] == ["data race"]


@pytest.mark.parametrize("memory", ["tso", "pso"])
def test_a_message_comes_behind_what_its_sender_has_stored(memory: str) -> None:
    def build(world: World) -> None:
        box, x = Mailbox(world, "box"), Variable(world, 0, "x")

        async def reads() -> int:
            await box.receive()
            return int(await READ_ONCE(x))

        world.spawn(does(WRITE_ONCE(x, 1), box.send("x")), "s")
        world.spawn(reads(), "r")

    def seen(world: World) -> str:
        return str(world.tasks[1].result)

    stored = Scenario("a/b:c", build, outcome=seen).with_parameters({"memory": memory})
    assert set(explore(stored, Options()).outcomes) == {"1"}


@pytest.mark.parametrize("strategy", ["random", "pct", "pos", "surw", "urw", "bounded"])
def test_every_strategy_can_post(strategy: str) -> None:
    def seen(world: World) -> str:
        return str(world.tasks[-1].result)

    scenario = Scenario("a/b:c", mail(1, 1, 1, receives=3), outcome=seen)
    every = set(explore(scenario, Options()).outcomes)
    assert len(every) == 6
    executions = None if strategy == "bounded" else 100
    assert set(explore(scenario, Options(strategy=strategy, executions=executions)).outcomes) == (
        every
    )


def test_a_state_does_not_depend_on_how_many_messages_came_before() -> None:
    snapshots = Snapshots()

    def after(rounds: int, waiting: int) -> bytes:
        """Nobody is about, and so many messages are on their way."""
        world = World()
        box = Mailbox(world, "box", 8)
        world.state = box

        async def receives() -> None:
            while True:
                await box.receive()

        async def sends() -> None:
            while True:
                await box.send("x")

        world.spawn(receives(), "r")
        world.spawn(sends(), "s")
        for _ in range(rounds):
            world.step(world.tasks[1])
            world.step(world.tasks[0])
        for _ in range(waiting):
            world.step(world.tasks[1])
        key = snapshots.take(world)
        world.close()
        return key

    assert len({after(rounds, 1) for rounds in range(10)}) == 1
    assert len({after(0, waiting) for waiting in range(3)}) == 3


def test_dpor_is_exact_on_random_programs() -> None:
    wrong, skipped = [], 0
    for seed in range(EXACT):
        program, names = random_program(seed), Names()
        found = difference(making(program.build), final_state, names, INTERLEAVINGS_MAX)
        skipped += found is None
        if found:
            wrong.append((seed, program, found))
    assert wrong == []
    assert skipped <= EXACT // 10


@pytest.mark.slow
def test_dpor_is_exact_on_programs_too_large_for_brute_force() -> None:
    compared = 0
    for seed in range(10_000, 10_150):
        program, names = random_program(seed), Names()
        make = making(program.build)
        if difference(make, final_state, names, INTERLEAVINGS_MAX) is not None:
            continue
        found = compare(make, Names(), final_state, 3000)
        assert not found, (seed, program)
        compared += found is not None
    assert compared >= 3


def sections(make: MakeWorld) -> Dpor:
    """By critical sections."""
    return Dpor(make, granularity="section")


def ruled(seed: int) -> Judged | None:
    """What brute force finds, if DPOR finds the same in both granularities; None if it takes too
    long.  Where data races, the sections need not show every state: they say so."""
    program = random_program(seed)
    plain = judged(PlainSearch, program.build, final_state, INTERLEAVINGS_MAX)
    if plain is None:
        return None
    for reduction in (Dpor, sections):
        found = judged(reduction, program.build, final_state, 10 * INTERLEAVINGS_MAX)
        assert found is not None
        assert found.sleeping == 0
        assert plain.races == found.races, (seed, program)
        if not plain.races:
            assert plain.difference(found) == [], (seed, program)
    return plain


def kinds_in(seeds: range) -> Counter[str]:
    """In how many programs each kind of finding is, all reductions having found the same."""
    kinds: Counter[str] = Counter()
    for seed in seeds:
        found = ruled(seed)
        if found is not None:
            kinds.update({kind for kind, _ in found.findings})
            kinds["data race"] += bool(found.races)
            kinds["clean"] += not found.findings and not found.races
    return kinds


def test_the_rules_find_the_same_in_every_reduction() -> None:
    kinds = kinds_in(range(20_000, 20_000 + RULED))
    assert kinds["deadlock"] >= 10
    assert kinds["data race"] >= 5
    assert kinds["clean"] >= 20


@pytest.mark.slow
def test_the_rules_find_the_same_in_many_more_programs() -> None:
    kinds = kinds_in(range(30_000, 31_500))
    assert min(kinds[kind] for kind in ("deadlock", "data race", "clean")) >= 100


def test_states_and_interleavings_end_alike() -> None:
    compared = 0
    for seed in range(40_000, 40_080):
        program = random_program(seed)
        ends = ends_of(making(program.build))
        if ends is None:
            continue
        search_by_states = LassoSearch(making(program.build))
        states = {final_state(run.world) for run in search_by_states if not unfinished(run)}
        assert search_by_states.stopped == ""
        assert states == ends, (seed, program)
        compared += 1
    assert compared >= 60


def ends_of(make: MakeWorld) -> set[object] | None:
    """The final states by brute force; None if that takes too long."""
    ends: set[object] = set()
    run: Run
    for count, run in enumerate(plain_search(make)):
        if count == INTERLEAVINGS_MAX:
            return None
        ends.add(final_state(run.world))
        run.world.close()
    return ends
