"""The kernel's own locking self-tests: same verdict, same kind, at the same step."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.lockdep.selftest import Case, Player, cases

CASES = cases()
SEARCHES = [pytest.param(False, id="complete"), pytest.param(True, id="kernel")]


def first_report(case: Case, *, kernel_search: bool) -> tuple[str | None, int | None]:
    """Kind of the first report, and the step at which it came."""
    player = Player(case, kernel_search=kernel_search)
    for step, report in enumerate(player.play()):
        if report is not None:
            return report.kind, step
    return None, None


def test_every_kind_that_the_cases_can_show_is_among_them() -> None:
    assert len(CASES) == 266
    assert Counter(case.kind for case in CASES) == {
        None: 103,
        "possible circular locking dependency": 35,
        "possible recursive locking": 13,
        "inconsistent lock state": 36,
        "irq-safe -> irq-unsafe lock order": 18,
        "possible irq lock inversion": 28,
        "Invalid wait context": 11,
        "bad unlock balance": 7,
        "held lock freed": 5,
        "Nested lock was not taken": 1,
        "API state warning (DEBUG_LOCKS_WARN_ON)": 9,
    }


@pytest.mark.parametrize("kernel_search", SEARCHES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_verdict_is_the_kernels(case: Case, kernel_search: bool) -> None:
    assert first_report(case, kernel_search=kernel_search) == (case.kind, case.step)
