"""What is known of the scenarios: `pytest` explores them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stress.scenarios import buggy, fixed

if TYPE_CHECKING:
    from lockwright.pytest_plugin.explorer import Explore


def test_two_transfers_deadlock_if_each_takes_its_mutexes_as_they_come(explore: Explore) -> None:
    explore(buggy).assert_finds("deadlock", says="2 tasks wait for ever")


def test_with_the_mutexes_in_one_order_nothing_breaks(explore: Explore) -> None:
    explore(fixed).assert_verified()
