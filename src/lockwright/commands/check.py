"""`lockwright check`: explore scenarios, print what breaks, then a table of verdicts."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import click

from lockwright.checkpoint import Checkpoint, check_resumable, resumed
from lockwright.commands.covering import covering, print_coverage
from lockwright.commands.crash import crash_text
from lockwright.commands.exploring import Asked, exploring
from lockwright.commands.keeping import Interrupts, Keeper, checkpoint_path, load_checkpoint
from lockwright.commands.output import FORMATS, Output
from lockwright.commands.predicting import predicted, predicting, print_predictions
from lockwright.commands.progress import Meter, tell_result
from lockwright.commands.reports import Reports, reporting
from lockwright.commands.scoping import Wanted, check_scopes, scoping
from lockwright.commands.sources import Gathered
from lockwright.core.errors import LockwrightError, UsageError
from lockwright.core.event import value_text
from lockwright.core.prediction import CONFIRMED, Prediction
from lockwright.core.result import VERSION, Progress, Result, Verdict
from lockwright.core.schedule import Choice
from lockwright.fault_sites import check_fails
from lockwright.kernel.storebuffer import MEMORY
from lockwright.options import Options
from lockwright.project import load_project
from lockwright.report.assumptions import assumption_lines
from lockwright.report.document import Failure
from lockwright.report.findings import finding_text, folded, repeated_text
from lockwright.report.goals import goal_lines
from lockwright.report.table import Row, incomplete, legend, row_of, table
from lockwright.scenario import Scenario
from lockwright.session import Session

INTERRUPTED = 130
NOT_BEGUN = "not begun: the check was interrupted"
CHECKPOINT_S = 30.0
WORST_FIRST = (INTERRUPTED, 4, 2, 1, 3, 0)


@click.command("check", short_help="Explore scenarios; all of them if none is named.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@exploring
@click.option(
    "--param",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A scenario's parameter.  Each has interrupts=anywhere: handlers on top of any task, too; "
    "reclaim=N: so many allocations find memory short; shrinkers=N: reclaim runs so often beside; "
    "failures=N: so many allocations fail; fails=SITE: one of that site (list --sites); and "
    "signals=TASK+TASK: these get one each.",
)
@click.option(
    "--memory",
    type=click.Choice(MEMORY),
    help="Delay stores: in one buffer a task (tso), or in one a location (pso).  [default: sc]",
)
@click.option("--checkpoint", metavar="FILE", help="Write the search there now and then.")
@click.option(
    "--checkpoint-every",
    "every",
    type=click.FloatRange(min=0),
    default=CHECKPOINT_S,
    show_default=True,
    metavar="SECONDS",
    help="How often.",
)
@click.option("--resume", metavar="FILE", help="Go on with the search of a checkpoint.")
@scoping
@covering
@predicting
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write the result there.")
@reporting
@click.option("--quiet", is_flag=True, help="Print the table only, and no progress.")
def check(
    targets: tuple[str, ...],
    *,
    asked: Asked,
    parameters: tuple[str, ...],
    memory: str | None,
    checkpoint: str | None,
    every: float,
    resume: str | None,
    scope: str | None,
    predict_most: int,
    fmt: str,
    output: str | None,
    reports: tuple[str, ...],
    quiet: bool,
) -> int:
    """Explore scenarios and say what breaks.

    TARGET is a scenario (eventfs/v3:open_vs_lookup), a design (eventfs/v3: all its scenarios),
    a pattern ('eventfs/*:open_*') or a composition: cases of a design that happen at the same time
    ('eventfs/v3:open_vs_lookup+remove_alone'), of a case one task ('open_vs_lookup@stat'), a task
    that takes a lock to write ('writer(eventfs_rwsem)').  Without one, all scenarios of the project
    are explored.

    What the lock order of all of them together predicts is then tried out: tasks that make the
    chain's edges are composed and explored, each composition with at most --predict-executions.

    A search of one scenario can write itself down with --checkpoint FILE, and go on later, with
    the same result, with --resume FILE; what is not given then is as it was.

    With --scope, TARGET is a design that says its calls: each program of them is explored, up to so
    many tasks and calls a task, and a finding is reported for the smallest program that shows it.
    --executions bounds each program then, --seconds all together; nothing is predicted beyond.

    With --report FILE a report is written beside what is printed: what `lockwright report` makes of
    the result.  It does not change the exit status.

    Exit status: 0 nothing broken and complete, 1 a rule was broken or a predicted deadlock
    confirmed, 2 usage or input error, 3 nothing broken but the bound was reached first, 4 internal
    error or a model that is not deterministic.
    """
    given = parameters_of(parameters)
    if memory is not None:
        given["memory"] = memory
    out, wanted_reports = Output(output), Reports(reports, output, checkpoint, resume)
    with redirect_stdout(sys.stderr):
        wanted = Wanted(scope, targets, given, checkpoint, every, resume)
        if wanted.any:
            return check_scopes(wanted, asked, out, wanted_reports, fmt=fmt, quiet=quiet)
        path = checkpoint_path(checkpoint, resume)
        saved = load_checkpoint(resume) if resume is not None else None
        project = load_project(Path.cwd())
        if saved is not None:
            asked, targets = asked.resuming(saved), targets or (saved.scenario,)
            given = {**saved_parameters(saved), **given}
        scenarios = [chosen.with_parameters(given) for chosen in project.select(targets)]
        for scenario in scenarios:
            check_fails(scenario)
        options = replace(asked.bounded(), version=project.version)
        if path is None:
            sessions = [Session(scenario, options) for scenario in scenarios]
        else:
            sessions = [kept_session(scenarios, options, saved)]
        checking = Checking(out, quiet=quiet, text=fmt == "text")
        if checking.run(sessions, path, every):
            most = replace(options, executions=predict_most)
            checking.predict(predicted(sessions, project.scenarios, most))
        if fmt == "json":
            out.json(checking.as_json())
        else:
            checking.conclude()
        out.close()
        wanted_reports.write(checking.gathered())
    return checking.status


def kept_session(scenarios: list[Scenario], options: Options, saved: Checkpoint | None) -> Session:
    """The session of a search that is written down, or taken up again.  Raises UsageError."""
    if len(scenarios) != 1:
        raise UsageError(f"a checkpoint is of one scenario: these are {len(scenarios)}")
    if saved is not None:
        return resumed(scenarios[0], options, saved)
    session = Session(scenarios[0], options)
    session.begin()
    check_resumable(session)
    return session


def saved_parameters(saved: Checkpoint) -> dict[str, str]:
    """The parameters of a checkpoint as a command line gives them."""
    return {name: value_text(value) for name, value in saved.parameters.items()}


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


def listener(
    meter: Meter, keeper: Keeper | None, interrupts: Interrupts
) -> Callable[[Progress], None]:
    """What is told after each execution."""

    def told(progress: Progress) -> None:
        meter.tell(progress)
        if keeper is not None:
            keeper.tell()
        interrupts.tell()

    return told


class Checking:
    """Several explorations, and what came of them.

    `seen` tells at which scenario a finding was printed in full.
    """

    def __init__(self, out: Output, *, quiet: bool, text: bool) -> None:
        self.out = out
        self.quiet = quiet
        self.text = text
        self.status = 0
        self.results: list[Result] = []
        self.failures: list[Failure] = []
        self.rows: list[Row] = []
        self.seen: dict[tuple[str, str], str] = {}
        self.predictions: list[Prediction] | None = None

    def run(self, sessions: list[Session], path: Path | None, every: float) -> bool:
        """Explore one after the other; one that fails does not stop the others.

        The search is written down at `path`, if there is one, every so many seconds.  False if it
        was interrupted.
        """
        for at, session in enumerate(sessions):
            keeper = None if path is None else Keeper(path, every, session)
            name, options = session.scenario.name, session.options
            meter = Meter(name, options.executions, options.seconds, quiet=self.quiet)
            interrupts = Interrupts()
            try:
                with meter, interrupts:
                    result = session.explore(listener(meter, keeper, interrupts))
            except KeyboardInterrupt:
                interrupts.asked = True
                if keeper is not None:
                    keeper.save()
                result = session.interrupted()
            except (Exception, SystemExit) as error:
                self._failed(session, error)
                continue
            self._keep(result, meter.seconds)
            if keeper is not None and not (result.complete or interrupts.asked):
                keeper.save()
            if interrupts.asked:
                self._worst(INTERRUPTED)
                left = sessions[at + 1 :]
                self.failures += [Failure(each.scenario.name, NOT_BEGUN) for each in left]
                click.echo("lockwright: interrupted; this is what was done so far", err=True)
                return False
        return True

    def predict(self, predictions: list[Prediction] | None) -> None:
        """Take in what was predicted over all of them; None if nobody asked."""
        self.predictions = predictions
        for prediction in predictions or ():
            if prediction.reality == CONFIRMED:
                self._worst(1)
            elif prediction.undecided:
                self._worst(3)

    def as_json(self) -> dict[str, object]:
        """All results; `errors` is there if a scenario could not be judged, `predictions` if they
        were tried out."""
        data: dict[str, object] = {
            "version": VERSION,
            "results": [result.as_json() for result in self.results],
        }
        if self.failures:
            data["errors"] = [
                {"scenario": failure.scenario, "error": failure.error} for failure in self.failures
            ]
        if self.predictions is not None:
            data["predictions"] = [prediction.as_json() for prediction in self.predictions]
        return data

    def gathered(self) -> Gathered:
        """The same for a report."""
        return Gathered(self.results, self.failures, self.predictions or [])

    def conclude(self) -> None:
        """Print the table, and what a green row does not show."""
        out = self.out
        out.say(table(self.rows, out.width, live=out.live, colour=out.colour))
        if said := legend(self.results):
            out.say()
            out.say("\n".join(folded(said, out.width)))
        print_predictions(out, self.predictions or [], quiet=self.quiet)
        lines = [] if self.quiet else assumption_lines(self.results, out.width)
        if lines:
            out.say()
            out.say("\n".join(lines))

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
        for said in goal_lines(result):
            out.say("\n".join(folded(f"{result.scenario}: {said}", out.width)))
        print_coverage(out, result)
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
