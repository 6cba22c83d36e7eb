"""`lockwright list`: the designs, scenarios and rules of this project."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path

import click

from lockwright.commands.output import FORMATS, Output
from lockwright.options import RULES
from lockwright.project import Project, load_project
from lockwright.report.findings import folded

VERSION = 1
ABOUT = {
    "deadlock": "nobody can go on, and somebody is not done",
    "lock-order": "what the kernel's lock validator reports: order, recursion, context",
    "sections": "a task that ends inside a read section, or with preemption off",
    "leak": "what was allocated and nobody can reach any more",
    "promises": "what the scenario itself promises of its end",
    "goals": "what some execution of the scenario has to reach",
    "data-race": "conflicting accesses, not both marked, that no synchronisation orders",
}


@click.command("list", short_help="Designs, scenarios and rules of this project.")
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
def listing(*, fmt: str) -> int:
    """Print the designs, scenarios and rules of the project in the current directory."""
    out = Output()
    with redirect_stdout(sys.stderr):
        project = load_project(Path.cwd())
    if fmt == "json":
        out.json(as_json(project))
        return 0
    for design in project.designs:
        out.head(design)
        for scenario in project.select([design]):
            lines = folded(f"  {scenario.name}  {scenario.title}".rstrip(), out.width)
            out.say("\n".join(lines))
            for name, value in scenario.parameters.items():
                shown = str(value).lower() if isinstance(value, bool) else str(value)
                out.say("\n".join(folded(f"      --param {name}={shown}", out.width)))
        out.say()
    out.head("rules")
    for rule in RULES:
        out.say("\n".join(folded(f"  {rule}  {ABOUT.get(rule, '')}".rstrip(), out.width)))
    return 0


def as_json(project: Project) -> dict[str, object]:
    """The same for machines."""
    return {
        "version": VERSION,
        "model_version": project.version,
        "designs": project.designs,
        "scenarios": [
            {
                "name": scenario.name,
                "design": scenario.design,
                "title": scenario.title,
                "parameters": dict(scenario.parameters),
            }
            for scenario in project.scenarios.values()
        ],
        "rules": list(RULES),
    }
