"""`lockwright replay`: the same interleaving again, column by column."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import click

from lockwright.commands.crash import crash_text
from lockwright.commands.onwards import (
    Onwards,
    explored_on,
    on_json,
    onwards,
    print_on,
    status_of,
)
from lockwright.commands.output import FORMATS, Output
from lockwright.commands.reports import ENDINGS, Reports
from lockwright.commands.sources import Gathered, add_replay
from lockwright.core.errors import LockwrightError, UsageError
from lockwright.core.finding import Finding
from lockwright.explore.record import Record
from lockwright.project import Project, load_project
from lockwright.report.document import Run
from lockwright.report.findings import broken_text, events_text, folded
from lockwright.session import Options, Session
from lockwright.token import Token, parse_token

VERSION = 1
MODEL_FAILED = 4


@click.command("replay", short_help="One interleaving again, from its token.")
@click.argument("token")
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
@click.option(
    "-o",
    "--output",
    "reports",
    multiple=True,
    metavar="FILE",
    help=f"Write a report of it there, too: {ENDINGS}.",
)
@click.option("--force", is_flag=True, help="Try a token of another model version all the same.")
@onwards
def replay(token: str, *, fmt: str, reports: tuple[str, ...], force: bool, on: Onwards) -> int:
    """Run one execution along a token's schedule and print it.

    A token that a changed model has left behind says at which step; with --force --then STRATEGY
    the search goes on from there.

    With -o FILE the interleaving is also drawn: as a page that steps through it (.html), for
    Perfetto (.json), for KernelShark and trace-cmd (.dat).  It does not change the exit status.

    Exit status: 1 if a rule is broken in it, 0 if none is, 2 if the token does not fit.  With
    --then: 1 if a rule was broken, 3 if none was in what was explored.
    """
    wanted = parse_token(token)
    out, wanted_reports = Output(), Reports(reports)
    with redirect_stdout(sys.stderr):
        project = load_project(Path.cwd())
        session = _session(project, wanted, force=force)
        try:
            record, findings = session.run_once(wanted.schedule, wanted.marks)
            if on.then is not None:
                options = on.options(wanted.schedule, record, session.options.version)
                session = Session(session.scenario, options)
                return _go_on(out, session, record, fmt, wanted_reports)
        except LockwrightError:
            raise
        except (Exception, SystemExit) as error:
            click.echo(f"lockwright: {crash_text(session, error)}", err=True)
            return MODEL_FAILED
    if fmt == "json":
        if not record.misfit:
            out.json(_as_json(session, record, findings))
    else:
        _print(out, session, record, findings)
    if record.misfit:
        raise UsageError("\n".join(filter(None, (record.misfit, record.difference))))
    if record.difference:
        click.echo(f"lockwright: {record.difference}", err=True)
    wanted_reports.write(_gathered(session, record, findings))
    return 1 if findings else 0


def _gathered(session: Session, record: Record, findings: list[Finding]) -> Gathered:
    """The same for a report."""
    scenario, gathered = session.scenario, Gathered()
    run = Run(
        f"Replay of {scenario.name}",
        scenario.name,
        tuple(record.events),
        record.timeline,
        _token(session, record),
    )
    version = session.options.version
    add_replay(gathered, run, findings, dict(scenario.parameters), version)
    return gathered


def _token(session: Session, record: Record) -> str:
    """What replays the execution, to its end."""
    schedule = record.run.schedule if record.run is not None else ()
    return str(session.token(schedule, record.marks))


def _go_on(out: Output, session: Session, record: Record, fmt: str, reports: Reports) -> int:
    result = explored_on(session, record)
    if fmt == "json":
        out.json(on_json(session, result))
    else:
        print_on(out, session, result)
    reports.write(Gathered([result]))
    return status_of(result)


def _session(project: Project, token: Token, *, force: bool) -> Session:
    scenario = project.scenario(token.scenario)
    if token.version != project.version and not force:
        raise UsageError(
            f"token of another model version: it was made with {token.version or 'none'}, the "
            f"model here is {project.version}; run check again, or try --force"
        )
    scenario = scenario.with_parameters(dict(token.parameters))
    return Session(scenario, replace(Options(), strategy="replay", version=project.version))


def _as_json(session: Session, record: Record, findings: list[Finding]) -> dict[str, object]:
    return {
        "version": VERSION,
        "scenario": session.scenario.name,
        "parameters": dict(session.scenario.parameters),
        "model_version": session.options.version,
        "token": _token(session, record),
        "timeline": None if record.timeline is None else record.timeline.as_json(),
        "events": [event.as_json() for event in record.events],
        "findings": [finding.as_json() for finding in findings],
    }


def _print(out: Output, session: Session, record: Record, findings: list[Finding]) -> None:
    scenario = session.scenario
    title = f": {scenario.title}" if scenario.title else ""
    out.head("\n".join(folded(f"{scenario.name}{title}", out.width)))
    out.say()
    out.say(events_text(tuple(record.events), out.width))
    if record.misfit:
        return
    for finding in findings:
        out.say()
        out.say(broken_text(finding, out.width))
    if not findings:
        out.say()
        out.say("no rule is broken in this execution")
        out.say("(check judges lock order over many, this was one)")
