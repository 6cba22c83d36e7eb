"""Small scopes of eventfs: what its users can do to one event, two at a time."""

from __future__ import annotations

import pytest

from lockwright.calls import Call, Calls
from lockwright.core.result import Verdict
from lockwright.scope import ScopeResult, explore_scope
from stress.machines.vocabulary import CALLS

CHANGES = (
    Call("remove", ("kp1",)),
    Call("create", ("kp1",)),
    Call("reclaim", ("kprobes/kp1",)),
)
LOOKUP = Call("stat", ("kprobes/kp1",))


def vocabulary(design: str) -> Calls:
    return next(calls for calls in CALLS if calls.design == design)


def explored(design: str, *alphabet: Call) -> ScopeResult:
    return explore_scope(vocabulary(design).with_alphabet(*alphabet), tasks=2, operations=1)


@pytest.mark.parametrize("design", ["eventfs/latest", "eventfs/v3"])
def test_two_who_change_the_same_event_break_nothing(design: str) -> None:
    result = explored(design, *CHANGES)
    # Three calls alone, and the six pairs of them.
    assert (result.verdict, result.complete, result.explored) == (Verdict.VERIFIED, True, 9)


@pytest.mark.slow
def test_a_lookup_beside_any_change_of_the_latest_breaks_nothing() -> None:
    result = explored("eventfs/latest", LOOKUP, *CHANGES)
    assert (result.verdict, result.complete, result.explored) == (Verdict.VERIFIED, True, 14)


@pytest.mark.slow
def test_a_lookup_of_v3_beside_a_removal_uses_what_was_freed() -> None:
    result = explored("eventfs/v3", LOOKUP, *CHANGES)
    assert (result.verdict, result.complete, result.explored) == (Verdict.VIOLATED, True, 14)
    freed = [found for found in result.found if found.finding.kind == "use-after-free"]
    assert {found.program for found in freed} == {"eventfs/v3:calls(stat:kprobes/kp1|remove:kp1)"}
