"""Scenarios of this project still end as the committed baseline says.

In the ordinary suite those that take few executions; `python -m reports.verdicts` asks them all.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lockwright.project import load_project
from reports.verdicts import BASELINE, EXECUTIONS_MAX, baseline, baseline_text, verdict

ROOT = Path(__file__).parent.parent.parent
SCENARIOS = load_project(ROOT).scenarios
RECORDED = baseline()
FEW, MORE = 6, 150
"""Executions: up to so many in every run of the suite, and up to so many in a slow one."""


def between(least: int, most: int) -> list[str]:
    """The scenarios that take so many executions by the baseline."""
    known = (name for name in SCENARIOS if name in RECORDED)
    return [name for name in known if least < RECORDED[name]["executions"] <= most]


def test_the_baseline_has_each_scenario_once() -> None:
    assert list(RECORDED) == list(SCENARIOS)


def test_the_baseline_is_written_as_it_is_read() -> None:
    assert BASELINE.read_text(encoding="utf-8") == baseline_text(RECORDED)


def test_what_is_not_complete_took_all_the_executions_there_are() -> None:
    assert [name for name, given in RECORDED.items() if not given["complete"]] == [
        name for name, given in RECORDED.items() if given["executions"] >= EXECUTIONS_MAX
    ]


@pytest.mark.parametrize("name", between(0, FEW))
def test_the_verdict_is_the_recorded_one(name: str) -> None:
    assert json.loads(json.dumps(verdict(SCENARIOS[name]))) == RECORDED[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", between(FEW, MORE))
def test_the_verdict_of_more_executions_is_the_recorded_one(name: str) -> None:
    assert json.loads(json.dumps(verdict(SCENARIOS[name]))) == RECORDED[name]
