"""What is expected of items, whether it came, and the exit status that a campaign ends with."""

from __future__ import annotations

from itertools import permutations

import pytest

from lockwright.campaign.expected import fine, status, status_of, unexpected, unmet
from lockwright.campaign.item import Arm, Item
from lockwright.campaign.piece import Failure
from lockwright.campaign.plan import Expectation
from lockwright.campaign.record import DONE, FAILED, GOING, TODO, GivenUp, Record
from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.options import Options

PCT = (Arm("pct", 0, 100),)
GIVEN_UP = GivenUp("x dpor", "range", (Failure("died", "SIGKILL"),) * 3)


def found(*kinds: str) -> list[Finding]:
    return [Finding(kind, kind, f"{kind} {at}", 0, "cat") for at, kind in enumerate(kinds)]


def result(*kinds: str, complete: bool = True, executions: int = 4) -> Result:
    """What an exhaustive exploration ends with."""
    verdict = Verdict.VERIFIED if complete else Verdict.STOPPED
    return Result(
        *("x", "", {}, "dpor"),
        verdict=Verdict.VIOLATED if kinds else verdict,
        complete=complete,
        executions=executions,
        findings=found(*kinds),
        outcomes={"a": 3, "b": 1},
    )


def expects(
    *,
    verdict: str | None = None,
    executions: int | None = None,
    complete: bool | None = None,
    findings: tuple[str, ...] | None = None,
    outcomes: tuple[str, ...] | None = None,
) -> Expectation:
    return Expectation("x", {}, None, verdict, executions, complete, findings, outcomes)


def record(
    done: Result | None,
    *expected: Expectation,
    phase: str = DONE,
    failure: str = "",
    arms: tuple[Arm, ...] = (),
) -> Record:
    item = Item(0, "x", (), Options("pct" if arms else "dpor"), arms, expected)
    return Record(item, phase, result=done, failure=failure)


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (expects(verdict="violated"), ["expected the verdict violated, got verified"]),
        (expects(verdict="verified"), []),
        (expects(executions=5), ["expected 5 executions, got 4"]),
        (expects(executions=4), []),
        (
            expects(complete=False),
            ["expected an exploration that is not complete, got a complete one"],
        ),
        (expects(complete=True), []),
        (expects(findings=()), []),
        (expects(findings=("leak",)), ["expected the finding leak, got no finding"]),
        (expects(outcomes=("b", "a")), []),
        (
            expects(outcomes=("a", "c")),
            [
                "expected the outcome 'c', which never came",
                "the outcome 'b' came, which is not expected",
            ],
        ),
        (
            expects(verdict="stopped", executions=1),
            ["expected the verdict stopped, got verified", "expected 1 execution, got 4"],
        ),
    ],
)
def test_each_thing_that_is_not_as_expected_is_a_sentence(
    expected: Expectation, said: list[str]
) -> None:
    assert unmet([expected], result()) == said


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        (("leak", "deadlock"), []),
        (("deadlock", "leak"), []),
        ((), ["expected no finding, got findings deadlock; leak"]),
        (("leak",), ["expected the finding leak, got findings deadlock; leak"]),
        (
            ("leak", "deadlock", "a"),
            ["expected findings a; deadlock; leak, got findings deadlock; leak"],
        ),
    ],
)
def test_findings_are_expected_by_their_kinds(findings: tuple[str, ...], said: list[str]) -> None:
    assert unmet([expects(findings=findings)], result("leak", "deadlock", "leak")) == said


def test_a_sentence_is_said_once_whoever_expects_it() -> None:
    assert len(unmet([expects(executions=5), expects(executions=5, complete=True)], result())) == 1


def test_what_is_not_complete_is_said_so() -> None:
    said = unmet([expects(complete=True)], result(complete=False))
    assert said == ["expected a complete exploration, got one that is not"]


@pytest.mark.parametrize(
    ("expected", "left"),
    [
        ([], ["leak", "deadlock"]),
        ([expects(executions=4)], ["leak", "deadlock"]),
        ([expects(verdict="verified")], ["leak", "deadlock"]),
        ([expects(verdict="violated")], []),
        ([expects(findings=("leak",))], ["deadlock"]),
        ([expects(findings=("leak",), verdict="violated")], ["deadlock"]),
        ([expects(executions=4), expects(findings=("deadlock", "a"))], ["leak"]),
        ([expects(findings=())], ["leak", "deadlock"]),
    ],
)
def test_a_finding_is_unexpected_unless_somebody_has_said_that_it_may_be(
    expected: list[Expectation], left: list[str]
) -> None:
    assert [each.kind for each in unexpected(expected, found("leak", "deadlock"))] == left


CASES: list[tuple[str, Record, int]] = [
    ("verified", record(result()), 0),
    ("verified, and expected", record(result(), expects(executions=4)), 0),
    ("another count than expected", record(result(), expects(executions=5)), 1),
    ("a finding", record(result("leak")), 1),
    ("a finding beside an expectation", record(result("leak"), expects(executions=4)), 1),
    ("the finding that is expected", record(result("leak"), expects(findings=("leak",))), 0),
    ("violated, as expected", record(result("leak"), expects(verdict="violated")), 0),
    ("the expected finding is gone", record(result(), expects(findings=("leak",))), 1),
    ("stopped", record(result(complete=False)), 3),
    ("stopped, as expected", record(result(complete=False), expects(verdict="stopped")), 0),
    ("not complete, as expected", record(result(complete=False), expects(complete=False)), 0),
    ("stopped, of which nobody spoke", record(result(complete=False), expects(findings=())), 3),
    (
        "violated, as expected, and stopped",
        record(result("leak", complete=False), expects(findings=("leak",))),
        3,
    ),
    (
        "violated, as expected, and stopped, which was expected too",
        record(result("leak", complete=False), expects(findings=("leak",), complete=False)),
        0,
    ),
    ("drawn, of which nothing is expected", record(result(complete=False), arms=PCT), 3),
    ("drawn, as expected", record(result(complete=False), expects(findings=()), arms=PCT), 0),
    ("not begun", record(None, phase=TODO), 3),
    ("not begun, and expected", record(None, expects(verdict="verified"), phase=TODO), 3),
    ("going on", record(result(complete=False), expects(executions=99), phase=GOING), 3),
    ("going on, with a finding", record(result("leak", complete=False), phase=GOING), 1),
    (
        "going on, with a finding that is expected",
        record(result("leak", complete=False), expects(findings=("leak", "a")), phase=GOING),
        3,
    ),
    ("failed", record(None, phase=FAILED, failure="ModelError: a"), 4),
    ("failed, with a result", record(result(), expects(executions=4), phase=FAILED), 4),
]


@pytest.mark.parametrize(("made", "code"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_an_item_has_the_status_of_what_came_of_it(made: Record, code: int) -> None:
    assert status(made) == status_of([made], []) == code
    assert fine(made) == (code == 0)


def test_the_worst_item_gives_the_campaigns_status() -> None:
    by_status = {status(made): made for _, made, _ in CASES}
    worst_first = [4, 1, 3, 0]
    for count in range(1, 5):
        for codes in permutations(worst_first, count):
            worst = min(codes, key=worst_first.index)
            assert status_of([by_status[code] for code in codes], []) == worst


def test_a_piece_that_was_given_up_is_an_error_whatever_the_items_are() -> None:
    assert status_of([record(result("leak"))], [GIVEN_UP]) == 4


def test_a_campaign_without_items_is_fine() -> None:
    assert status_of([], []) == 0
