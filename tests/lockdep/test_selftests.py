"""The kernel's own locking self-tests: same verdict, same kind, at the same step."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.lockdep.selftest import LATER_GROUPS, LATER_KINDS, Case, Player, cases

NOW = [case for case in cases() if case.group not in LATER_GROUPS]
DECIDED = [case for case in NOW if case.kind not in LATER_KINDS]
UNDECIDED = [case for case in NOW if case.kind in LATER_KINDS]
SEARCHES = [pytest.param(False, id="complete"), pytest.param(True, id="kernel")]


def first_report(case: Case, *, kernel_search: bool) -> tuple[str | None, int | None]:
    """Kind of the first report, and the step at which it came."""
    player = Player(case, kernel_search=kernel_search)
    for step, report in enumerate(player.play()):
        if report is not None:
            return report.kind, step
    return None, None


def test_every_case_is_run_or_left_out_by_name() -> None:
    # 266 are recorded; 24 ww mutex and 2 reclaim ones need maps that their primitives make.
    left_out = Counter(case.group for case in cases() if case.group in LATER_GROUPS)
    assert (len(cases()), len(DECIDED), len(UNDECIDED)) == (266, 149, 91)
    assert left_out == {"ww_mutex": 24, "fs_reclaim": 2}


def test_all_reports_of_the_ordering_rules_are_among_the_decided() -> None:
    kinds = Counter(case.kind for case in DECIDED)
    # circular: 23 ordering, 6 rw_three_lock, 4 mixed_rw_abba, 1 chain_cache, 1 queued_read_lock;
    # recursive: 4 ordering, 5 read_recursion
    assert kinds == {
        None: 95,
        "possible circular locking dependency": 35,
        "possible recursive locking": 9,
        "bad unlock balance": 5,
        "held lock freed": 5,
    }


@pytest.mark.parametrize("kernel_search", SEARCHES)
@pytest.mark.parametrize("case", DECIDED, ids=str)
def test_the_verdict_is_the_kernels(case: Case, kernel_search: bool) -> None:
    assert first_report(case, kernel_search=kernel_search) == (case.kind, case.step)


@pytest.mark.parametrize("kernel_search", SEARCHES)
@pytest.mark.parametrize("case", UNDECIDED, ids=str)
def test_no_other_rule_speaks_before_one_that_is_not_there_yet(
    case: Case, kernel_search: bool
) -> None:
    kind, step = first_report(case, kernel_search=kernel_search)
    assert case.step is not None
    assert kind is None or (step is not None and step >= case.step)
