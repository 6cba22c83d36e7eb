"""`lockwright list`: the designs, scenarios and rules of this project."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import click

from lockwright.commands.output import FORMATS, Output
from lockwright.core.errors import LockwrightError, ModelError, UsageError
from lockwright.core.event import value_text
from lockwright.fault_sites import seen_sites, signal_targets
from lockwright.options import RULES
from lockwright.project import Project, load_project, place_of_error, shown_error
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


@dataclass(frozen=True, slots=True)
class Struck:
    """Where faults can strike in a scenario: values of its parameters `fails` and `signals`;
    `behind` are sites that only an error path comes to.  `complete` says that there are no other
    sites."""

    sites: tuple[str, ...]
    behind: tuple[str, ...]
    targets: tuple[str, ...]
    complete: bool

    def lines(self) -> list[str]:
        """For people."""
        known = [f"--param fails={site}" for site in self.sites]
        known += [f"--param failures=1 --param fails={site}" for site in self.behind]
        known += [f"--param signals={comm}" for comm in self.targets]
        return [*known, *([] if self.complete else ["there may be other sites"])]

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "allocation_sites": list(self.sites),
            "sites_of_error_paths": list(self.behind),
            "all_sites": self.complete,
            "signal_targets": list(self.targets),
        }


@click.command("list", short_help="Designs, scenarios and rules of this project.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--sites",
    is_flag=True,
    help="Run each scenario a little, and show where faults can strike: the values that its "
    "parameters fails and signals can have.",
)
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
def listing(*, targets: tuple[str, ...], sites: bool, fmt: str) -> int:
    """Print the designs, scenarios and rules of the project in the current directory.

    TARGET is a design, a scenario or a pattern; all of them without any.  What a scenario takes as
    `--param` stands below its design, and below the scenario itself where that differs.
    """
    out = Output()
    if sites and not targets:
        raise UsageError("--sites runs what it lists: name a TARGET, say a scenario or a design")
    with redirect_stdout(sys.stderr):
        project = load_project(Path.cwd())
        chosen = project.select(targets)
        struck = {made.name: struck_in(made) for made in chosen} if sites else {}
    if fmt == "json":
        out.json(as_json(project, chosen, struck))
        return 0
    for design in dict.fromkeys(scenario.design for scenario in chosen):
        _design(out, design, [scenario for scenario in chosen if scenario.design == design], struck)
    if sites:
        return 0
    out.head("rules")
    for rule in RULES:
        out.say("\n".join(folded(f"  {rule}  {ABOUT.get(rule, '')}".rstrip(), out.width)))
    return 0


def struck_in(scenario: Scenario) -> Struck:
    """Where faults can strike in a scenario.  Raises ModelError for one whose functions raise."""
    try:
        seen = seen_sites(scenario)
        return Struck(seen.names, seen.behind, tuple(signal_targets(scenario)), seen.complete)
    except LockwrightError:
        raise
    except Exception as error:
        raise ModelError(
            f"{scenario.name} raises {shown_error(error)}{place_of_error(error, Path.cwd())}; "
            f"`lockwright check {scenario.name} --param failures=1` shows how it comes to that"
        ) from None


def _design(
    out: Output, design: str, scenarios: list[Scenario], struck: Mapping[str, Struck]
) -> None:
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
        if scenario.name in struck:
            for said in struck[scenario.name].lines():
                out.say(f"      {said}")
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


def as_json(
    project: Project, chosen: list[Scenario], struck: Mapping[str, Struck]
) -> dict[str, object]:
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
                **(struck[scenario.name].as_json() if scenario.name in struck else {}),
            }
            for scenario in chosen
        ],
        "rules": list(RULES),
    }
