"""What stress saw on real kernels is reached by exploring small scenarios."""

from __future__ import annotations

import pytest

from stress.conformance.outcomes import RACES, missing, reached
from stress.conformance.vectors import OUTCOMES, outcomes

KERNELS = ("6.12.95", "7.3.4")
OPS = list(dict.fromkeys(race.op for race in RACES))


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_operation_that_stress_did_has_a_race(kernel: str) -> None:
    assert set(outcomes(kernel)) == set(OPS)


def test_the_recorded_outcomes_are_there() -> None:
    assert OUTCOMES.is_file()
    assert outcomes("6.12.95")["remove"] == {"OK", "ENOENT", "EBUSY"}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("op", OPS)
def test_all_results_that_stress_saw_are_reached(op: str, kernel: str) -> None:
    assert missing(op, kernel) == frozenset()


def test_a_complete_exploration_of_a_race_gives_the_errnos_that_there_are() -> None:
    (race,) = [race for race in RACES if race.op == "open_format_rd"]
    assert reached(race, "7.3.4") == {"OK", "ENOENT"}


def test_a_result_that_cannot_be_is_not_reached() -> None:
    (race,) = [race for race in RACES if race.op == "stat_dir"]
    assert reached(race, "7.3.4", frozenset({"EBUSY"})) == {"OK", "ENOENT"}
