"""The plans of this project: that they can be read, fit the project, and hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockwright.campaign.alone import explore_item
from lockwright.campaign.expand import items_of
from lockwright.campaign.expected import unexpected, unmet
from lockwright.campaign.item import Item
from lockwright.campaign.plan import Plan
from lockwright.campaign.planfile import read_plan
from reports.regression import BOUND, EXECUTIONS_MAX, PLAN, regression_text
from reports.verdicts import baseline
from stress.corpus.entry import project

PLANS = Path(__file__).parent.parent.parent / "stress" / "plans"
EVERY = 100
"""One in so many of the regression's items is explored in each run of the suite."""


def plan(name: str) -> Plan:
    return read_plan((PLANS / name).read_text(encoding="utf-8"), name)


def items(name: str) -> list[Item]:
    return items_of(plan(name), project())


def as_expected(item: Item) -> bool:
    result = explore_item(item, project())
    said = unmet(item.expected, result)
    return not said and not unexpected(item.expected, result.findings)


def test_those_that_are_tests_are_called_so() -> None:
    assert sorted(path.name for path in PLANS.iterdir()) == [
        "faults.toml",
        "nightly.toml",
        "regression.plan.toml",
        "smoke.plan.toml",
    ]


def test_the_regression_is_what_the_baseline_says() -> None:
    assert PLAN.read_text(encoding="utf-8") == regression_text(baseline())


def test_the_regression_has_each_scenario_that_ends_soon_with_its_verdict() -> None:
    recorded = baseline()
    few = [
        name
        for name, given in recorded.items()
        if given["complete"] and given["executions"] <= EXECUTIONS_MAX
    ]
    made = items("regression.plan.toml")
    assert [item.name for item in made] == [f"{name} dpor" for name in few]
    for item in made:
        (expected,) = item.expected
        given = recorded[item.scenario]
        assert (expected.verdict, expected.executions) == (given["verdict"], given["executions"])
        kinds = {kind for kind, *_ in given["findings"]}
        assert set(expected.findings or ()) == kinds
        assert item.options.executions == BOUND


def test_the_regression_holds() -> None:
    made = items("regression.plan.toml")[::EVERY]
    assert [item.name for item in made if not as_expected(item)] == []


def test_what_the_smoke_test_expects_is_what_the_baseline_says() -> None:
    recorded = baseline()
    made = [item for item in items("smoke.plan.toml") if item.exhaustive]
    assert len(made) == 12
    for item in made:
        (expected,) = item.expected
        given = recorded[item.scenario]
        assert (expected.verdict, expected.executions) == (given["verdict"], given["executions"])
        assert set(expected.findings or ()) == {kind for kind, *_ in given["findings"]}


def test_random_schedules_find_what_the_smoke_test_says() -> None:
    *_, broken, mended = items("smoke.plan.toml")
    assert broken.arms
    assert mended.arms
    assert as_expected(broken)
    assert as_expected(mended)


@pytest.mark.slow
def test_the_smoke_test_holds() -> None:
    made = items("smoke.plan.toml")
    assert [item.name for item in made if not as_expected(item)] == []


def test_the_night_is_for_what_happens_at_once_in_every_newest_design() -> None:
    made = items("nightly.toml")
    assert {item.scenario.partition(":")[0] for item in made if item.arms} == {
        "eventfs/latest",
        "tracefs/pinned",
        "kernfs/tree",
    }
    assert all("_vs_" in item.scenario for item in made)
    assert plan("nightly.toml").stop.seconds == 8 * 3600


@pytest.mark.slow
def test_every_kind_of_fault_is_tried() -> None:
    made = items("faults.toml")
    given = {name for item in made for name, _ in item.parameters}
    slow = {what for item in made for what in item.options.slow}
    assert given == {"fails", "failures", "reclaim", "shrinkers"}
    assert slow == {"grace periods", "work"}
