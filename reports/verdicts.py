"""Verdicts of every scenario of this project, against the committed baseline.

`python -m reports.verdicts` explores them all and exits with 1 if one differs from
`reports/baselines/verdicts.json`; with `--write` it makes the baseline anew, for its diff to be
read.  A count that moves without a reason is a bug, of a model or of the explorer.

A scenario that takes more than `EXECUTIONS_MAX` executions is stopped there, and its verdict says
so.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import click

from lockwright.core.result import Result
from lockwright.scenario import Scenario
from lockwright.session import Options, explore
from reports.comparing import NOTHING, Difference
from reports.running import run, spread, table_in, written
from stress.corpus.entry import project

BASELINE = Path(__file__).parent / "baselines" / "verdicts.json"
EXECUTIONS_MAX = 500


def verdict(scenario: Scenario) -> dict[str, Any]:
    """What exploring the scenario ends with, without schedules and addresses."""
    return verdict_of(explore(scenario, Options(events=False, executions=EXECUTIONS_MAX)))


def verdict_of(result: Result) -> dict[str, Any]:
    """The same of a result."""
    return {
        "verdict": result.verdict.value,
        "complete": result.complete,
        "executions": result.executions - result.sleep_set_blocked,
        "deadlocked": result.deadlocked,
        "findings": sorted(
            [finding.kind, finding.reality or "", finding.signature] for finding in result.findings
        ),
    }


def verdicts(names: Iterable[str], jobs: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and verdict of each of some scenarios, in their order, by so many processes."""
    names = list(names)
    yield from zip(names, spread(_verdict, names, jobs), strict=True)


def _verdict(name: str) -> dict[str, Any]:
    return verdict(project().scenarios[name])


def baseline() -> dict[str, Any]:
    """The committed verdicts, by scenario."""
    return table_in(BASELINE)


def baseline_text(made: Mapping[str, Mapping[str, Any]]) -> str:
    """The committed form: a line for each scenario."""
    lines = [f"{json.dumps(name)}: {json.dumps(given)}" for name, given in made.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def gone(recorded: Iterable[str], scenarios: Container[str]) -> Iterator[Difference]:
    """The committed verdicts of what is no scenario any more."""
    for name in recorded:
        if name not in scenarios:
            yield Difference(name, "a scenario of this name", NOTHING)


def differences(
    recorded: Mapping[str, Mapping[str, Any]], explored: Iterable[tuple[str, Mapping[str, Any]]]
) -> Iterator[Difference]:
    """The verdicts that are not as committed."""
    for name, got in explored:
        if got != recorded.get(name):
            yield Difference(name, str(recorded.get(name, NOTHING)), str(got))


@click.command()
@click.option(
    "-j", "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Processes."
)
@click.option("--write", is_flag=True, help="Make the baseline anew.")
def main(*, jobs: int, write: bool) -> None:
    """Explore every scenario and compare the verdicts with the baseline."""
    scenarios = project().scenarios
    if write:
        written(BASELINE, baseline_text(dict(verdicts(scenarios, jobs))))
        return
    recorded, differ = baseline(), 0
    explored = verdicts(scenarios, jobs)
    for said in chain(gone(recorded, scenarios), differences(recorded, explored)):
        differ += 1
        click.echo(said)
    click.echo(f"{len(scenarios)} scenarios, {differ} differ")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    run(main)
