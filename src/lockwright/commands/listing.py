"""`lockwright list`: the designs, scenarios and rules of this project."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path

import click

from lockwright.commands.output import FORMATS, Output
from lockwright.core.event import value_text
from lockwright.options import RULES
from lockwright.project import Project, load_project
from lockwright.report.findings import folded
from lockwright.scenario import Parameter, Scenario

VERSION = 1
ABOUT = {
    "deadlock": "nobody can go on, and somebody is not done",
    "lock-order": "what the kernel's lock validator reports: order, recursion, context",
    "sections": "a task that ends inside a read section, or with preemption off",
    "leak": "what was allocated and nobody can reach any more",
    "promises": "what the scenario itself promises of its end",
    "linearizability": "calls that no order of them explains, by the design's reference",
    "goals": "what some execution of the scenario has to reach",
    "data-race": "conflicting accesses, not both marked, that no synchronisation orders",
}


@click.command("list", short_help="Designs, scenarios and rules of this project.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
def listing(*, targets: tuple[str, ...], fmt: str) -> int:
    """Print the designs, scenarios and rules of the project in the current directory.

    TARGET is a design, a scenario or a pattern; all of them without any.  What a scenario takes as
    `--param` stands below its design, and below the scenario itself where that differs.
    """
    out = Output()
    with redirect_stdout(sys.stderr):
        project = load_project(Path.cwd())
    chosen = project.select(targets)
    if fmt == "json":
        out.json(as_json(project, chosen))
        return 0
    for design in dict.fromkeys(scenario.design for scenario in chosen):
        _design(out, design, [scenario for scenario in chosen if scenario.design == design])
    out.head("rules")
    for rule in RULES:
        out.say("\n".join(folded(f"  {rule}  {ABOUT.get(rule, '')}".rstrip(), out.width)))
    return 0


def _design(out: Output, design: str, scenarios: list[Scenario]) -> None:
    out.head(design)
    common = in_common(scenarios)
    if common:
        out.say("\n".join(folded(f"  --param {_shown(common)}", out.width)))
    for scenario in scenarios:
        out.say("\n".join(folded(f"  {scenario.name}  {scenario.title}".rstrip(), out.width)))
        own = {
            name: value
            for name, value in scenario.parameters.items()
            if name not in common or common[name] != value
        }
        if own:
            out.say("\n".join(folded(f"      --param {_shown(own)}", out.width)))
    out.say()


def _shown(parameters: Mapping[str, Parameter]) -> str:
    return " ".join(f"{name}={value_text(value)}" for name, value in parameters.items())


def in_common(scenarios: list[Scenario]) -> dict[str, Parameter]:
    """The parameters that all of some scenarios have, each with the value that most of them have;
    of several such, the first one's."""
    common: dict[str, Parameter] = {}
    for name in scenarios[0].parameters:
        if len(scenarios) > 1 and all(name in scenario.parameters for scenario in scenarios):
            values = Counter(scenario.parameters[name] for scenario in scenarios)
            common[name] = values.most_common(1)[0][0]
    return common


def as_json(project: Project, chosen: list[Scenario]) -> dict[str, object]:
    """The same for machines."""
    return {
        "version": VERSION,
        "model_version": project.version,
        "designs": list(dict.fromkeys(scenario.design for scenario in chosen)),
        "scenarios": [
            {
                "name": scenario.name,
                "design": scenario.design,
                "title": scenario.title,
                "parameters": dict(scenario.parameters),
            }
            for scenario in chosen
        ],
        "rules": list(RULES),
    }
