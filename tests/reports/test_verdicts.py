"""Every scenario of this project still ends as the committed baseline says."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockwright.project import load_project
from reports.verdicts import baseline, verdict

ROOT = Path(__file__).parent.parent.parent
SCENARIOS = load_project(ROOT).scenarios


def test_the_baseline_has_each_scenario_once() -> None:
    assert sorted(baseline()) == sorted(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_verdict_is_the_recorded_one(name: str) -> None:
    got = {**verdict(SCENARIOS[name])}
    got["findings"] = [list(finding) for finding in got["findings"]]
    assert got == baseline()[name]
