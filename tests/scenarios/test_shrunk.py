"""The findings of committed scenarios, shrunk: the preemptions that each one needs."""

from __future__ import annotations

from functools import cache

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.result import Result
from lockwright.session import Options, Session
from tests.scenarios.exploring import BY_NAME

ATTEMPTS = 1000

# The fewest preemptions of each kind of finding, in order; those of "possible ... locking" that
# are learnt over several executions have none of their own and are left out.
NEEDED = {
    "eventfs/v3:long_name": {"deadlock": [0]},
    "eventfs/v3:lookup_vs_lookup": {"broken promise": [1]},
    "eventfs/v3:open_vs_open": {"possible recursive locking": [0], "invalid pointer": [2]},
    "eventfs/v3:lookup_vs_deep_lookup": {
        "possible recursive locking": [0],
        "NULL pointer dereference": [1],
        "broken promise": [1, 1],
    },
    "eventfs/v4:open_vs_lookup": {
        "broken promise": [1],
        "deadlock": [1],
        "possible circular locking dependency": [1],
    },
    "eventfs/v4:open_vs_read": {
        "broken promise": [1],
        "deadlock": [1],
        "possible circular locking dependency": [1],
    },
}


@cache
def shrunk(name: str) -> Result:
    return Session(BY_NAME[name], Options(attempts=ATTEMPTS)).explore()


@pytest.mark.parametrize("name", NEEDED)
def test_each_finding_has_the_fewest_preemptions(name: str) -> None:
    found: dict[str, list[int]] = {}
    for finding in shrunk(name).findings:
        assert finding.minimal
        found.setdefault(finding.kind, []).append(finding.preemptions)
    assert {kind: sorted(counts) for kind, counts in found.items()} == NEEDED[name]


@pytest.mark.parametrize("name", NEEDED)
def test_each_token_shows_its_finding_again_with_the_same_events(name: str) -> None:
    for finding in shrunk(name).findings:
        session = Session(BY_NAME[name], Options(strategy="replay"))
        done, found = session.run_once(finding.schedule)
        same = [f for f in found if (f.kind, f.signature) == (finding.kind, finding.signature)]
        assert len(same) == 1
        assert (tuple(done.events), same[0].token) == (finding.events, finding.token)


@pytest.mark.parametrize("name", NEEDED)
def test_the_run_beside_it_passes(name: str) -> None:
    passing = 0
    for finding in shrunk(name).findings:
        nearest = finding.nearest
        assert nearest is not None
        if not nearest.schedule:
            continue
        passing += 1
        _, found = Session(BY_NAME[name], Options(strategy="replay")).run_once(nearest.schedule)
        assert {each.kind for each in found} == set(nearest.still)
        assert nearest.schedule[: nearest.step] == finding.schedule[: nearest.step]
        assert nearest.schedule[nearest.step] != finding.schedule[nearest.step]
    assert passing or name == "eventfs/v3:long_name"


def test_shrinking_does_not_change_what_is_found() -> None:
    name = "eventfs/v4:open_vs_lookup"
    before = Session(BY_NAME[name], Options(attempts=0)).explore()
    keys = [
        [(f.kind, f.signature, f.executions) for f in r.findings] for r in (before, shrunk(name))
    ]
    assert keys[0] == keys[1]
    assert [f.preemptions for f in before.findings] == [-1] * len(before.findings)
    assert before.executions == shrunk(name).executions


def test_what_is_learnt_over_several_executions_is_left_as_it_was_found() -> None:
    name = "eventfs/v3:open_vs_lookup"
    plain = Session(BY_NAME[name], Options()).explore()
    kind = "possible circular locking dependency"
    (before,) = [finding for finding in plain.findings if finding.kind == kind]
    (after,) = [finding for finding in shrunk(name).findings if finding.kind == kind]
    assert after.as_json() == before.as_json()
    assert (after.preemptions, after.nearest) == (-1, None)
    # the others are shrunk
    assert {finding.preemptions for finding in shrunk(name).findings} == {-1, 0, 1}


def test_fewer_attempts_than_none_are_refused() -> None:
    with pytest.raises(UsageError, match="-1 attempts at a finding: expected 0 or more"):
        Session(BY_NAME["eventfs/v3:long_name"], Options(attempts=-1))
