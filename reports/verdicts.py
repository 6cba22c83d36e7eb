"""Verdicts of every scenario of this project, against the committed baseline.

`python -m reports.verdicts` explores them all and exits with 1 if one differs from
`reports/baselines/verdicts.json`; with `--write` it makes the baseline anew, for its diff to be
read.  A count that moves without a reason is a bug, of a model or of the explorer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from lockwright.project import Project, load_project
from lockwright.scenario import Scenario
from lockwright.session import Options, explore

BASELINE = Path(__file__).parent / "baselines" / "verdicts.json"


def verdict(scenario: Scenario) -> dict[str, Any]:
    """What a complete exploration of the scenario ends with, without schedules and addresses."""
    result = explore(scenario, Options(events=False))
    return {
        "verdict": result.verdict.value,
        "complete": result.complete,
        "executions": result.executions - result.sleep_set_blocked,
        "deadlocked": result.deadlocked,
        "findings": sorted(
            [finding.kind, finding.reality or "", finding.signature] for finding in result.findings
        ),
    }


def baseline() -> dict[str, Any]:
    """The committed verdicts, by scenario."""
    recorded: dict[str, Any] = json.loads(BASELINE.read_text(encoding="utf-8"))
    return recorded


def _differences(project: Project) -> list[str]:
    recorded = baseline()
    lines = [f"{name}: is gone" for name in recorded if name not in project.scenarios]
    for name, scenario in project.scenarios.items():
        got = verdict(scenario)
        if got != recorded.get(name):
            lines.append(f"{name}:\nexpected: {recorded.get(name)}\ngot:      {got}")
    return lines


@click.command()
@click.option("--write", is_flag=True, help="Make the baseline anew.")
def main(*, write: bool) -> None:
    """Explore every scenario and compare the verdicts with the baseline."""
    project = load_project(Path.cwd())
    if write:
        made = {name: verdict(scenario) for name, scenario in project.scenarios.items()}
        BASELINE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
        return
    differences = _differences(project)
    for line in differences:
        click.echo(line)
    click.echo(f"{len(project.scenarios)} scenarios, {len(differences)} differ")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
