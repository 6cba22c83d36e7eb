"""Whether operations or whole critical sections are steps, every scenario ends the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockwright.core.result import Result
from lockwright.project import load_project
from lockwright.session import Options, explore

SCENARIOS = load_project(Path(__file__).parent.parent.parent).scenarios


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
@pytest.mark.parametrize("name", SCENARIOS)
def test_both_granularities_agree(name: str) -> None:
    scenario = SCENARIOS[name]
    kept = explore(scenario, Options(granularity="operation", events=False))
    fused = explore(scenario, Options(granularity="section", events=False))
    assert (kept.granularity, fused.granularity) == ("operation", "section")
    assert seen(kept) == seen(fused)
    assert fused.executions <= kept.executions
    assert kept.sleep_set_blocked == fused.sleep_set_blocked == 0
