"""The estimate of how large a search will be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lockwright.core.result import ESTIMATE_MAX
from lockwright.core.world import World
from lockwright.explore.bounded import Bounded
from lockwright.explore.dpor import Dpor
from lockwright.explore.estimate import estimated, share_seen
from lockwright.explore.plain import PlainSearch
from lockwright.kernel.once import Variable
from lockwright.program.document import Document
from lockwright.program.machine import Add
from lockwright.searches import Branching, estimate_of
from tests.explore.making import making
from tests.explore.test_published_counts import DOCUMENTS, compiled

HALFWAY_MIN = 32
"""Smaller searches are over before an estimate is of use."""


def adders(tasks: int, steps: int) -> Callable[[World], None]:
    """Tasks that add to one variable, each so many times."""

    def build(world: World) -> None:
        x = Variable(world, 0, "x")

        async def add() -> None:
            for _ in range(steps):
                await Add(x, 1)

        for number in range(tasks):
            world.spawn(add(), f"t{number}")

    return build


@pytest.mark.parametrize(
    ("branching", "share"),
    [
        ([], (1, 1)),  # one execution, and no choice in it
        ([(0, 2)], (1, 2)),  # the first of two
        ([(1, 2)], (2, 2)),  # both
        ([(0, 2), (0, 3)], (1, 6)),
        ([(1, 2), (0, 3)], (4, 6)),  # one half, and a third of the other
        ([(1, 2), (2, 3)], (6, 6)),
        ([(0, 1), (1, 4), (0, 1)], (2, 4)),
    ],
)
def test_the_share_is_the_sum_of_the_probabilities_of_the_leaves_seen(
    branching: list[tuple[int, int]], share: tuple[int, int]
) -> None:
    assert share_seen(branching) == share


def test_a_balanced_tree_is_estimated_exactly_from_its_first_leaf_on() -> None:
    assert estimated(1, [(0, 2), (0, 3), (0, 5)]) == 30
    assert estimated(20, [(1, 2), (0, 3), (4, 5)]) == 30  # half of 30, and 5 of the other half


def test_an_estimate_of_more_than_any_number_is_the_largest() -> None:
    deep = [(0, 2)] * 20_000
    assert estimated(1, deep) == ESTIMATE_MAX
    assert estimated(1, deep[:49]) == 2**49


def test_no_estimate_is_below_what_was_seen() -> None:
    assert estimated(7, [(1, 2)]) == 7


def test_the_mean_over_all_paths_of_a_walk_is_the_size_of_the_tree() -> None:
    # Knuth's theorem: each leaf's own estimate, weighted by its probability, sums to the leaves
    search = PlainSearch(making(adders(3, 2)))
    total, leaves = 0.0, 0
    for _ in search:
        product = 1
        for _, known in search.branching():
            product *= known
        total += estimated(1, [(0, known) for _, known in search.branching()]) / product
        leaves += 1
    assert leaves == 90  # 6! / (2! * 2! * 2!)
    assert round(total) == leaves


@pytest.mark.parametrize("search", [PlainSearch, Bounded])
def test_the_estimate_is_exact_at_the_end_and_near_before(
    search: Callable[..., Branching],
) -> None:
    searching = search(making(adders(3, 3)))
    estimates = [estimate_of(searching, count) for count, _ in enumerate(searching, 1)]
    known = [estimate for estimate in estimates if estimate is not None]
    assert len(estimates) == 1680  # 9! / (3! * 3! * 3!)
    if search is PlainSearch:
        assert known[-1] == 1680
        assert all(168 <= estimate <= 16_800 for estimate in known[16:])
    else:
        assert known == []  # what the bounds to come hold was not seen


def test_within_the_last_bound_the_estimate_is_exact_at_the_end() -> None:
    searching = Bounded(making(adders(3, 3)), 3)
    estimates = [estimate_of(searching, count) for count, _ in enumerate(searching, 1)]
    assert estimates[-1] == len(estimates)
    assert estimates[0] is None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_published_programs_are_estimated_within_an_order_of_magnitude(document: Document) -> None:
    make = making(compiled(document).builder())
    total = sum(1 for _ in Dpor(make))
    searching = Dpor(make)
    for count, _ in enumerate(searching, 1):
        estimate = estimate_of(searching, count)
        assert estimate is not None
        if total >= HALFWAY_MIN and count == total // 2:
            assert total / 10 <= estimate <= total * 10
        if count == total:
            assert estimate == total
