"""`lockwright check`: explore scenarios, print what breaks, then a table of verdicts."""

from __future__ import annotations

import math
import re
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import click

from lockwright.commands.crash import crash_text
from lockwright.commands.output import FORMATS, Output
from lockwright.commands.progress import Meter, tell_result
from lockwright.core.errors import LockwrightError, UsageError
from lockwright.core.result import VERSION, Result, Verdict
from lockwright.core.schedule import Choice
from lockwright.project import load_project
from lockwright.report.findings import finding_text, folded, repeated_text
from lockwright.report.table import Row, incomplete, legend, row_of, table
from lockwright.scenario import Scenario
from lockwright.session import EXHAUSTIVE, RULES, STRATEGIES, Options, Session

INTERRUPTED = 130
EXECUTIONS_DEFAULT = 1000
NO_BOUND = 10**12
WORST_FIRST = (INTERRUPTED, 4, 2, 1, 3, 0)


def _finite(
    context: click.Context, parameter: click.Parameter, value: float | None
) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no length of time", context, parameter)
    return value


@click.command("check", short_help="Explore scenarios; all of them if none is named.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--strategy",
    type=click.Choice(STRATEGIES),
    default="dpor",
    show_default=True,
    help="dpor: every trace, once; dfs: every interleaving; random, pct: samples.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random strategies.")
@click.option(
    "--executions",
    type=click.IntRange(min=1),
    help="Stop after so many.  "
    f"[default: no bound; {EXECUTIONS_DEFAULT} for random and pct without --seconds]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    help="Stop each scenario after so long.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Of the bugs that pct aims at.",
)
@click.option("--rules", help=f"Judge by these alone, say deadlock,leak.  [{','.join(RULES)}]")
@click.option(
    "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A scenario's parameter."
)
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write the result there.")
@click.option("--quiet", is_flag=True, help="Print the table only, and no progress.")
def check(
    targets: tuple[str, ...],
    *,
    strategy: str,
    seed: int,
    executions: int | None,
    seconds: float | None,
    depth: int,
    rules: str | None,
    parameters: tuple[str, ...],
    fmt: str,
    output: str | None,
    quiet: bool,
) -> int:
    """Explore scenarios and say what breaks.

    TARGET is a scenario (eventfs/v3:open_vs_lookup), a design (eventfs/v3: all its scenarios) or
    a pattern ('eventfs/*:open_*').  Without one, all scenarios of the project are explored.

    Exit status: 0 nothing broken and complete, 1 a rule was broken, 2 usage or input error,
    3 nothing broken but the bound was reached first, 4 internal error or a model that is not
    deterministic.
    """
    if executions is None and strategy not in EXHAUSTIVE:
        executions = EXECUTIONS_DEFAULT if seconds is None else NO_BOUND
    options = Options(strategy, seed, executions, seconds, rules=rules_of(rules), depth=depth)
    given = parameters_of(parameters)
    out = Output(output)
    with redirect_stdout(sys.stderr):
        project = load_project(Path.cwd())
        scenarios = [chosen.with_parameters(given) for chosen in project.select(targets)]
        options = replace(options, version=project.version)
        checking = Checking(options, out, quiet=quiet, text=fmt == "text")
        checking.run(scenarios)
        if fmt == "json":
            out.json(checking.as_json())
        else:
            checking.conclude()
    out.close()
    return checking.status


def rules_of(text: str | None) -> tuple[str, ...]:
    """The rules that a comma-separated list names.  Raises UsageError for an unknown one."""
    if text is None:
        return RULES
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in RULES:
            close = get_close_matches(name, RULES, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise UsageError(f"unknown rule {name!r}; {hint}there are: {', '.join(RULES)}")
    return names


def parameters_of(pairs: tuple[str, ...]) -> dict[str, str]:
    """Parameters from `NAME=VALUE`.  Raises UsageError for one that no token could carry."""
    given = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals) or re.search(r"[~,'\s]", pair):
            raise UsageError(
                f"parameter {pair!r} is not of the form NAME=VALUE, without space, comma, ' and ~"
            )
        given[name] = value
    return given


@dataclass(frozen=True, slots=True)
class Failure:
    """A scenario that could not be judged."""

    scenario: str
    error: str


class Checking:
    """Several explorations under one set of options.

    `seen` tells at which scenario a finding was printed in full.
    """

    def __init__(self, options: Options, out: Output, *, quiet: bool, text: bool) -> None:
        self.options = options
        self.out = out
        self.quiet = quiet
        self.text = text
        self.status = 0
        self.results: list[Result] = []
        self.failures: list[Failure] = []
        self.rows: list[Row] = []
        self.seen: dict[tuple[str, str], str] = {}

    def run(self, scenarios: list[Scenario]) -> None:
        """Explore one after the other; one that fails does not stop the others."""
        for scenario in scenarios:
            session = Session(scenario, self.options)
            try:
                with Meter(scenario.name, quiet=self.quiet) as meter:
                    result = session.explore(meter.listener)
            except KeyboardInterrupt:
                self._worst(INTERRUPTED)
                self._keep(session.interrupted(), meter.seconds)
                click.echo("lockwright: interrupted; this is what was done so far", err=True)
                return
            except (Exception, SystemExit) as error:
                self._failed(session, error)
                continue
            self._keep(result, meter.seconds)

    def as_json(self) -> dict[str, object]:
        """All results; `errors` is there if a scenario could not be judged."""
        data: dict[str, object] = {
            "version": VERSION,
            "results": [result.as_json() for result in self.results],
        }
        if self.failures:
            data["errors"] = [
                {"scenario": failure.scenario, "error": failure.error} for failure in self.failures
            ]
        return data

    def conclude(self) -> None:
        """Print the table, and what a green row does not show."""
        out = self.out
        out.say(table(self.rows, out.width, live=out.live, colour=out.colour))
        if said := legend(self.results):
            out.say()
            out.say("\n".join(folded(said, out.width)))
        green = [result for result in self.results if not result.findings]
        if not green or self.quiet:
            return
        shared = [
            said for said in green[0].assumptions if all(said in r.assumptions for r in green)
        ]
        own = [
            f"{result.scenario}: {said}"
            for result in green
            for said in result.assumptions
            if said not in shared
        ]
        out.say()
        out.say("Where nothing broke, this was assumed:")
        for said in (*shared, *own):
            out.say("\n".join(folded(f"- {said}", out.width)))

    def _keep(self, result: Result, seconds: float) -> None:
        self.results.append(result)
        self.rows.append(row_of(result, seconds))
        if result.verdict is Verdict.VIOLATED:
            self._worst(1)
        elif not result.complete:
            self._worst(3)
        tell_result(result, quiet=self.quiet)
        if self.text and not self.quiet:
            self._print(result)

    def _print(self, result: Result) -> None:
        out, count = self.out, len(result.findings)
        title = f": {result.title}" if result.title else ""
        if count:
            out.head("\n".join(folded(f"{result.scenario}{title}", out.width)))
        if said := incomplete(result):
            out.say("\n".join(folded(said, out.width)))
        printed: dict[tuple[Choice, ...], int] = {}
        for at, finding in enumerate(result.findings, 1):
            out.head(f"finding {at} of {count}: {finding.kind}")
            out.say()
            first = self.seen.setdefault((finding.kind, finding.signature), result.scenario)
            if first == result.scenario:
                shown = printed.setdefault(finding.schedule, at)
                out.say(finding_text(finding, out.width, shown=shown if shown != at else 0))
            else:
                out.say(repeated_text(finding, first, out.width))
            out.say()

    def _failed(self, session: Session, error: BaseException) -> None:
        name = session.scenario.name
        said = crash_text(session, error)
        self._worst(error.exit_status if isinstance(error, LockwrightError) else 4)
        self.failures.append(Failure(name, said))
        self.rows.append(Row(name, "error", (type(error).__name__,), session.result.executions))
        click.echo(f"lockwright: {said}", err=True)

    def _worst(self, status: int) -> None:
        self.status = min(self.status, status, key=WORST_FIRST.index)
