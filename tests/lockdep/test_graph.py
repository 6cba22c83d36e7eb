"""Strong and weak cycles, and the hole in the kernel's search."""

from __future__ import annotations

import pytest

from lockwright.lockdep import CircularReport, Validator
from tests.lockdep.tasks import Locker, edge_names


def circular(*orders: str, kernel_search: bool = False) -> CircularReport | None:
    """The report of a single task that takes locks in these orders, one after the other."""
    task = Locker(Validator(kernel_search=kernel_search))
    for order in orders:
        report = task.order(*order.split())
        if report is not None:
            assert isinstance(report, CircularReport)
            return report
    return None


@pytest.mark.parametrize(
    ("first", "second", "types"),
    [
        ("A B", "B A", ("EN", "EN")),
        ("A B:1", "B A:1", ("EN", "EN")),
        ("A:1 B:1", "B:1 A:1", ("SN", "SN")),
        ("A B:2", "B A:2", ("ER", "ER")),
        ("A:2 B", "B A", ("SN", "EN")),
        ("A:2 B", "B:2 A", ("SN", "SN")),
        ("A:1 B:2", "B A", ("SR", "EN")),
    ],
)
def test_a_strong_cycle_is_reported(first: str, second: str, types: tuple[str, str]) -> None:
    report = circular(first, second)
    assert report is not None
    assert report.cycle == ("A", "B")
    assert report.cycle_types == types


@pytest.mark.parametrize(
    ("first", "second"),
    [("A:2 B:2", "B:2 A:2"), ("A B:2", "B:1 A"), ("A:2 B:2", "B:1 A"), ("A:1 B", "B A:2")],
)
def test_a_weak_cycle_is_not(first: str, second: str) -> None:
    assert circular(first, second) is None


def test_a_cycle_of_four_is_found_by_its_shortest_path() -> None:
    report = circular("A B", "B C", "C D", "A D", "D A")
    assert report is not None
    assert report.cycle == ("A", "D")
    assert circular("A B", "B C", "C D", "D A").cycle == ("A", "B", "C", "D")  # type: ignore[union-attr]  # None fails too


HOLE = ("X A:2", "A:2 Y", "X B", "B Y")


def test_a_weak_path_that_comes_first_hides_nothing_from_the_complete_search() -> None:
    report = circular(*HOLE, "Y X")
    assert report is not None
    assert report.cycle == ("X", "B", "Y")


def test_the_kernels_search_has_the_hole() -> None:
    assert circular(*HOLE, "Y X", kernel_search=True) is None
    assert circular(*HOLE[2:], *HOLE[:2], "Y X", kernel_search=True) is not None


def test_a_recursive_reader_in_between_hides_nothing_but_from_the_kernel() -> None:
    report = circular("C R:2 B", "B C")
    assert report is not None
    assert report.cycle == ("C", "B")
    assert circular("C R:2 B", "B C", kernel_search=True) is None


def test_edges_collect_their_types_in_fixed_order() -> None:
    validator = Validator()
    task = Locker(validator)
    for order in ("A:1 B", "A B:2", "A B", "A:2 B:2"):
        task.order(*order.split())
    assert edge_names(validator) == [("A", "B", ("ER", "EN", "SR", "SN"))]
