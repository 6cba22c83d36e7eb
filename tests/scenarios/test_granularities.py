"""Whether operations or whole critical sections are steps, a scenario ends the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockwright.core.result import Result
from lockwright.project import load_project
from lockwright.session import Options, explore
from reports.verdicts import baseline

SCENARIOS = load_project(Path(__file__).parent.parent.parent).scenarios

MOST = 25
"""Executions by sections: what takes more takes far more by operations."""


def some() -> list[str]:
    """The scenarios that have something to fuse, and not too much of it."""
    recorded = baseline()
    return [name for name in SCENARIOS if 1 < recorded[name]["executions"] <= MOST]


def seen(result: Result) -> tuple[object, ...]:
    """What an exploration ends with, but for how long it took."""
    return (
        result.verdict,
        result.complete,
        sorted(result.outcomes),
        sorted({edge["held"] + " -> " + edge["new"] for edge in result.lock_graph}),
        sorted(
            (finding.kind, finding.reality or "", finding.signature) for finding in result.findings
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", some())
def test_both_granularities_agree(name: str) -> None:
    scenario = SCENARIOS[name]
    kept = explore(scenario, Options(granularity="operation", events=False))
    fused = explore(scenario, Options(granularity="section", events=False))
    assert (kept.granularity, fused.granularity) == ("operation", "section")
    assert seen(kept) == seen(fused)
    assert fused.executions <= kept.executions
    assert kept.sleep_set_blocked == fused.sleep_set_blocked == 0
