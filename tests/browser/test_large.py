"""A large report: how much there is to load, and how much of it a click has to touch.

`python -m stress.benchmarks.report_page` says how long that takes; time decides no test.
"""

from __future__ import annotations

from functools import cache

import pytest

from lockwright.report.page import page
from stress.benchmarks.report_page import (
    ACTIONS,
    CLASSES,
    FINDINGS,
    SIZE_MAX,
    WATCH,
    large_document,
    measured,
)
from tests.browser.conftest import Opened

SIZES = [
    pytest.param((20, 50), id="a tenth"),
    pytest.param((FINDINGS, CLASSES), id="whole", marks=pytest.mark.slow),
]
BARE, A_FINDING, A_CLASS = 3_000, 60, 45
"""Elements of a page when it is opened: of its own, for each finding, for each class of locks with
its orders."""
CHANGES = {
    "open a finding": 4_000,
    "step": 800,
}
"""What may change at a click, however many findings there are.  A filter may touch each row, and
what is drawn of the finding that is open."""


@cache
def html(findings: int, classes: int) -> str:
    return page(large_document(findings, classes))


def test_a_page_of_two_hundred_findings_is_not_too_large() -> None:
    """A tenth of it must take a tenth, beside what every page has."""
    bare, some = len(html(0, 0).encode()), len(html(20, 50).encode())
    assert bare < 500_000
    assert bare + (FINDINGS // 20) * (some - bare) < SIZE_MAX


@pytest.mark.slow
def test_the_whole_page_is_not_too_large() -> None:
    assert len(html(FINDINGS, CLASSES).encode()) < SIZE_MAX


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_drawn_before_somebody_looks(opened: Opened, size: tuple[int, int]) -> None:
    findings, classes = size
    shown = opened(html(*size))
    assert shown.locator("details.finding").count() == findings
    assert shown.evaluate("document.querySelectorAll('.tl').length") <= 1
    count = shown.evaluate("document.querySelectorAll('*').length")
    assert count < BARE + A_FINDING * findings + A_CLASS * classes


@pytest.mark.parametrize("size", SIZES)
def test_what_is_done_touches_what_it_is_about(opened: Opened, size: tuple[int, int]) -> None:
    findings, classes = size
    shown = opened(html(*size))
    shown.evaluate(WATCH)
    rows = findings + classes * 4 + len(shown.locator("#verdicts [data-row]").all())
    for action in ACTIONS:
        _, changes = measured(shown, action, findings)
        assert 0 < changes <= CHANGES.get(action.said, CHANGES["open a finding"] + 3 * rows)
