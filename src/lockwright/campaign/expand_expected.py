"""Which items a plan's expectations are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

from lockwright.campaign.item import Item
from lockwright.campaign.plan import Expectation, Plan
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.scenario import Scenario

WHOM = ("scenario", "parameters", "strategy")
"""What of an expectation says which items it is of."""
Pairs = list[tuple[Item, Scenario]]


def expected_of(
    plan: Plan, items: Sequence[Item], scenarios: Sequence[Scenario]
) -> tuple[list[Item], list[str]]:
    """The items with what is expected of them, and what is wrong with the expectations.

    `scenarios` has the scenario of each item with its parameters.
    """
    by_name: dict[str, Pairs] = {}
    for item, scenario in zip(items, scenarios, strict=True):
        by_name.setdefault(item.scenario, []).append((item, scenario))
    of: list[list[int]] = [[] for _ in items]
    faults: list[str] = []
    for at, expectation in enumerate(plan.expectations):
        chosen, fault = _chosen(expectation, by_name)
        if fault:
            faults.append(f"expect[{at}]{fault}")
        for item, _ in chosen:
            of[item.number].append(at)
    faults += _contradictions(plan, items, of)
    made = [
        replace(item, expected=tuple(plan.expectations[at] for at in numbers))
        for item, numbers in zip(items, of, strict=True)
    ]
    return made, faults


def _chosen(expectation: Expectation, by_name: Mapping[str, Pairs]) -> tuple[Pairs, str]:
    """The items that an expectation is of; or where and why there are none."""
    target = expectation.scenario
    names = [target] if target in by_name else [name for name in by_name if _fits(name, target)]
    if not names:
        close = get_close_matches(target, by_name, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return [], f".scenario: no item is of {target}{hint}"
    pairs = [pair for name in names for pair in by_name[name]]
    left = [pair for pair in pairs if _has(pair[1], expectation.parameters)]
    if not left:
        said = " ".join(f"{name}={value}" for name, value in expectation.parameters.items())
        return [], f".parameters: no item of {target} has {said}"
    wanted = expectation.strategy
    chosen = [pair for pair in left if wanted is None or _is_of(pair[0], wanted)]
    if not chosen:
        there = ", ".join(dict.fromkeys(item.strategy for item, _ in left))
        return [], f".strategy: no item of {target} is explored by {wanted}; there is: {there}"
    return chosen, ""


def _fits(name: str, target: str) -> bool:
    return name.partition(":")[0] == target or fnmatchcase(name, target)


def _has(scenario: Scenario, wanted: Mapping[str, str]) -> bool:
    """Are these the scenario's parameters, be it by themselves?"""
    try:
        same = scenario.with_parameters(wanted)
    except UsageError:
        return False
    return dict(same.parameters) == dict(scenario.parameters)


def _is_of(item: Item, strategy: str) -> bool:
    """Is it explored by the strategies that are joined by +, be it by others, too?

    `pct` is that of any depth, `pct(5)` of this one.
    """
    names = item.strategy.split("+")
    return set(strategy.split("+")) <= {*names, *(name.partition("(")[0] for name in names)}


def _contradictions(plan: Plan, items: Sequence[Item], of: Sequence[Sequence[int]]) -> list[str]:
    """Where two expectations say different things of one item; of each two of them, once."""
    found: dict[tuple[int, int, str], str] = {}
    for item, numbers in zip(items, of, strict=True):
        for nth, one in enumerate(numbers):
            for other in numbers[nth + 1 :]:
                for key in _differing(plan.expectations[one], plan.expectations[other]):
                    found.setdefault((other, one, key), item.name)
    return [
        f"expect[{other}].{key}: expect[{one}] says something else of {name!r}"
        for (other, one, key), name in found.items()
    ]


def _differing(one: Expectation, other: Expectation) -> list[str]:
    """What both say, and not the same."""
    return [
        field.name
        for field in fields(Expectation)
        if field.name not in WHOM
        and None not in (said := (_said(one, field.name), _said(other, field.name)))
        and said[0] != said[1]
    ]


def _said(expectation: Expectation, name: str) -> Value:
    value = getattr(expectation, name)
    return frozenset(value) if isinstance(value, tuple) else value
