"""Which predicted deadlocks a deadlock confirms."""

import pytest

from lockwright.settle import goes_round, unversioned

ABBA = (("A", "B"), ("B", "A"))


@pytest.mark.parametrize(
    ("cycle", "waits", "confirmed"),
    [
        ("AB", ABBA, True),
        ("BA", ABBA, True),
        ("ABC", ABBA, False),
        ("ABC", (("A", "B", "C"), ("C", "A")), True),  # B is held on the way to C
        ("ABC", (("A", "C", "B"), ("C", "A")), False),  # A and C are held, B is waited for
        ("ABC", (("A", "B"), ("B", "C"), ("C", "A")), True),
        ("ABC", (("A", "B"), ("B", "C")), False),
        ("ABCD", (("X", "A", "B"), ("B", "C", "D", "A")), True),
        ("ABCD", (("A", "B"), ("B", "D", "A")), False),  # nobody holds C
        ("A", (("A", "A"),), True),  # a task that waits for itself
        ("BC", (("A", "B"), ("B", "C", "A")), False),  # B and C are held, and no cause
        ("AB", (), False),
    ],
)
def test_a_cycle_is_confirmed_if_blocked_tasks_close_it(
    cycle: str, waits: tuple[tuple[str, ...], ...], confirmed: bool
) -> None:
    assert goes_round(tuple(cycle), waits) is confirmed


@pytest.mark.parametrize(
    ("printed", "name"),
    [("A", "A"), ("A#2", "A"), ("A#2/1", "A/1"), ("A/1", "A/1"), ("s#2 of t", "s#2 of t")],
)
def test_a_class_is_compared_without_the_number_of_its_key(printed: str, name: str) -> None:
    assert unversioned(printed) == name
