"""URW is uniform over interleavings, SURW over the orders of one location's events."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lockwright.explore.guided import guided_search
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.schedule.random_walk import RandomWalk
from lockwright.schedule.sampler import Sampler
from lockwright.schedule.surw import Surw
from lockwright.schedule.urw import MEASURES, Urw
from tests.schedule.sampling import (
    Body,
    Shared,
    deviation,
    frequencies,
    limit,
    program,
    tasks_of,
    told,
)

RUNS = 6000


def after_measuring(strategy: type[Sampler], runs: int = RUNS) -> Sampler:
    """Executions that have the profile."""
    return strategy(2, runs, first=MEASURES)


# URW


def _short(steps: int) -> Body:
    return lambda shared: shared.alone(steps)


async def _forks(shared: Shared) -> None:
    await shared.alone(1)
    shared.world.spawn(_child(shared), "child")
    await shared.alone(2)


async def _forks_twice(shared: Shared) -> None:
    await shared.alone(1)
    shared.world.spawn(shared.alone(2), "first child")
    await shared.alone(1)
    shared.world.spawn(shared.alone(2), "second child")
    await shared.alone(1)


async def _child(shared: Shared) -> None:
    await shared.alone(1)
    shared.world.spawn(shared.alone(2), "grandchild")
    await shared.alone(1)


async def _sometimes_forks(shared: Shared) -> None:
    if await READ_ONCE(shared.x):
        shared.world.spawn(shared.alone(2), "child")
    await shared.alone(1)


PROGRAMS: dict[str, tuple[tuple[Body, ...], int]] = {
    # (3 + 2 + 1)! / (3! * 2! * 1!)
    "chains": ((_short(3), _short(2), _short(1)), 60),
    # 8! / (6! * 2!)
    "uneven": ((_short(6), _short(2)), 28),
    # A tree has n! / (the product of its subtrees' sizes) orders: 7! / (7 * 2 * 4 * 2) = 45.  The
    # step of the other task has 8 places in each.
    "a tree": ((_forks, _short(1)), 360),
    # 7 of the parent's tree, of which 2 are each child's, and 4 of what follows the first: the same
    "two children": ((_forks_twice, _short(1)), 360),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_interleaving_is_equally_likely(name: str) -> None:
    bodies, many = PROGRAMS[name]
    make = program(*bodies)
    everything = {tasks_of(run) for run in plain_search(make)}
    assert len(everything) == many
    assert deviation(frequencies(make, after_measuring(Urw), tasks_of), everything) < limit(many)
    assert deviation(frequencies(make, after_measuring(RandomWalk), tasks_of), everything) > 4 * (
        limit(many)
    )


def test_the_first_executions_are_plain_walks() -> None:
    make = program(_short(3), _short(2), _short(1))
    walks = [tasks_of(run) for run in guided_search(make, Urw(9, MEASURES + 20))]
    # the same walks, were they RandomWalk's own: the same draws from the same numbers
    assert len(walks) == MEASURES + 20
    assert len(set(walks[:MEASURES])) > 1


def test_a_task_that_measuring_did_not_meet_has_a_weight_all_the_same() -> None:
    # The writer comes first in no measuring execution of some seed: the child is not known.
    async def writer(shared: Shared) -> None:
        await shared.alone(3)
        await WRITE_ONCE(shared.x, 1)

    make = program(_sometimes_forks, writer)
    met, last = 0, set()
    for seed in range(12):
        measured = {len(run.schedule) for run in guided_search(make, Urw(seed, MEASURES))}
        if measured == {6}:
            met += 1
            later = frequencies(make, Urw(seed, 150, first=MEASURES), tasks_of)
            assert {len(str(run)) for run in later} == {6, 8}
            last |= {str(run)[-1] for run in later if len(str(run)) == 8}
    assert met >= 5
    # the child takes its turn with what is left of its parent, and does not always come last
    assert last == {"0", "2"}


# SURW


async def _works_and_writes(shared: Shared, who: str, alone: int, times: int) -> None:
    for _ in range(times):
        await shared.alone(alone)
        await shared.write(who, 1)
    await shared.alone(alone)


def _writer(who: str, alone: int, times: int) -> Body:
    return lambda shared: _works_and_writes(shared, who, alone, times)


async def _forks_a_writer(shared: Shared) -> None:
    await shared.write("a", 1)
    shared.world.spawn(_works_and_writes(shared, "b", 4, 2), "child")
    await shared.write("a", 1)


async def _forks_late(shared: Shared) -> None:
    await shared.alone(3)
    shared.world.spawn(_works_and_writes(shared, "b", 0, 2), "child")
    await shared.alone(1)


async def _locks(shared: Shared, who: str, times: int) -> None:
    for _ in range(times):
        await shared.lock.lock()
        shared.seen.append(who)
        await shared.lock.unlock()
        await shared.alone(2)


def _locker(who: str, times: int) -> Body:
    return lambda shared: _locks(shared, who, times)


def orders(*events: str) -> set[str]:
    """All ways to merge words, each in its own order."""
    if not any(events):
        return {""}
    merged = set()
    for at, word in enumerate(events):
        if word:
            rest = (*events[:at], word[1:], *events[at + 1 :])
            merged |= {word[0] + order for order in orders(*rest)}
    return merged


SELECTED: dict[str, tuple[tuple[Body, ...], set[str]]] = {
    "writes among much else": (
        (_writer("a", 0, 2), _writer("b", 5, 2), _writer("c", 2, 1)),
        orders("aa", "bb", "c"),
    ),
    "a writer that is made on the way": (
        (_forks_a_writer, _writer("c", 1, 2)),
        # after the first a, the second one and the child's writes go their own ways
        {order for order in orders("aa", "bb", "cc") if order.index("a") < order.index("b")},
    ),
    "a writer whose parent writes nothing": (
        (_forks_late, _writer("c", 1, 2)),
        orders("bb", "cc"),
    ),
    "acquires of a lock": (
        (_locker("a", 2), _locker("b", 2), _locker("c", 1)),
        orders("aa", "bb", "c"),
    ),
}


@pytest.mark.parametrize("name", SELECTED)
def test_every_order_of_the_selected_events_is_equally_likely(name: str) -> None:
    bodies, wanted = SELECTED[name]
    make = program(*bodies)
    assert len(wanted) >= 6
    assert deviation(frequencies(make, after_measuring(Surw), told), wanted) < limit(len(wanted))
    assert deviation(frequencies(make, after_measuring(RandomWalk), told), wanted) > 4 * limit(
        len(wanted)
    )


async def _holds(shared: Shared) -> None:
    await shared.lock.lock()
    await shared.alone(1)
    await shared.lock.unlock()


async def _writes_both(shared: Shared) -> None:
    await WRITE_ONCE(shared.x, 1)
    await WRITE_ONCE(shared.y, 1)


async def _writes_both_the_other_way(shared: Shared) -> None:
    await WRITE_ONCE(shared.y, 2)
    await WRITE_ONCE(shared.x, 2)


@pytest.mark.parametrize(
    "bodies",
    [
        (_writes_both, _writes_both_the_other_way, _short(1)),
        (_short(2), _short(2)),  # nothing is contended
        (_holds, _holds, _short(1)),
    ],
)
@pytest.mark.parametrize("strategy", [Surw, Urw])
def test_every_interleaving_has_a_chance(
    bodies: tuple[Body, ...], strategy: Callable[[int, int], Sampler]
) -> None:
    make: MakeWorld = program(*bodies)
    everything = {tasks_of(run) for run in plain_search(make)}
    assert set(frequencies(make, strategy(1, RUNS), tasks_of)) == everything


def test_each_execution_selects_one_of_the_contended_locations() -> None:
    make = program(_writes_both, _writes_both_the_other_way, _short(3))
    oracle = Surw(1, 400, first=MEASURES)
    chosen = [oracle.location for _ in guided_search(make, oracle)]
    numbers = sorted(set(chosen))
    assert len(numbers) == 2  # x and y, and none of those that one task has for itself
    assert 150 < chosen.count(numbers[0]) < 250
