"""What the tests of the scenarios ask of an exploration."""

from __future__ import annotations

from functools import cache

from lockwright.core.result import Result
from lockwright.scenario import Scenario
from lockwright.session import Options, explore
from stress.scenarios import eventfs_v3, eventfs_v4

BY_NAME: dict[str, Scenario] = {
    scenario.name: scenario for scenario in (*eventfs_v3.SCENARIOS, *eventfs_v4.SCENARIOS)
}


@cache
def explored(name: str) -> Result:
    """Every trace of a scenario; explored once for all tests that ask."""
    result = explore(BY_NAME[name], Options(events=False))
    assert result.complete
    return result


def kinds(name: str) -> set[str]:
    """The kinds of the findings."""
    return {finding.kind for finding in explored(name).findings}


def promises(name: str) -> set[str]:
    """The promises that are broken, as sentences."""
    return {f.message for f in explored(name).findings if f.kind == "broken promise"}


def deadlocks(name: str) -> set[str]:
    """The deadlocks: who waits in what."""
    return {f.signature for f in explored(name).findings if f.kind == "deadlock"}


def reality(name: str, kind: str) -> set[str]:
    """What became of the predicted deadlocks of a kind: confirmed, refuted or open."""
    return {f.reality or "" for f in explored(name).findings if f.kind == kind}


def chains(name: str, kind: str) -> list[list[str]]:
    """The call chains of the findings of a kind, innermost function first."""
    found = [finding for finding in explored(name).findings if finding.kind == kind]
    return [[frame.function for frame in finding.chain] for finding in found]
