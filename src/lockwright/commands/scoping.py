"""`lockwright check --scope`: every small program of a design's calls, in one row of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import click

from lockwright.calls import Calls
from lockwright.commands.crash import crash_text
from lockwright.commands.exploring import EXECUTIONS_DEFAULT, Asked
from lockwright.commands.keeping import Interrupts, checkpoint_path
from lockwright.commands.ledger import Ledger
from lockwright.commands.output import Output
from lockwright.commands.reports import Reports
from lockwright.commands.scopemeter import ScopeMeter
from lockwright.commands.sources import Gathered, add_scope
from lockwright.core.errors import UsageError
from lockwright.core.event import value_text
from lockwright.core.schedule import Choice
from lockwright.options import Options, check_name
from lockwright.project import Project, load_project
from lockwright.report.columns import counted
from lockwright.report.findings import finding_text, folded
from lockwright.report.table import COLOURS, GAP, PLAIN, REALITIES, grid
from lockwright.scope.explored import ScopeSession
from lockwright.scope.journal import Journal, head_line, is_journal, read_journal, take_up
from lockwright.scope.programs import FORM, Scope, parse_scope
from lockwright.scope.result import Failure, ScopeProgress, ScopeResult
from lockwright.searches import EXHAUSTIVE

VERSION = 1
INTERRUPTED = 130
WORST_FIRST = (INTERRUPTED, 4, 2, 1, 3, 0)
HEADS = ("scope", "verdict", "programs", "executions", "deadlocked")

scoping = click.option(
    "--scope",
    metavar=FORM,
    help="Explore every program of so many tasks with so many calls each, of a design's calls.",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command line says of scopes: the text, the designs, parameters, files."""

    scope: str | None
    targets: tuple[str, ...]
    parameters: Mapping[str, str]
    checkpoint: str | None
    every: float
    resume: str | None

    @property
    def any(self) -> bool:
        """Is it about scopes at all?"""
        if self.scope is not None or self.resume is None:
            return self.scope is not None
        try:
            with Path(self.resume).open(encoding="utf-8", errors="replace") as file:
                return is_journal(file.readline(100))
        except OSError:
            return False  # which is told when it is read as a checkpoint


def check_scopes(
    wanted: Wanted, asked: Asked, out: Output, reports: Reports, *, fmt: str, quiet: bool
) -> int:
    """Explore what is wanted, print what breaks, then the table; gives the exit status."""
    if asked.options.coverage:
        raise UsageError("--coverage is of scenarios, and not of scopes")
    path = checkpoint_path(wanted.checkpoint, wanted.resume)
    journal = None if wanted.resume is None else load_journal(wanted.resume)
    project = load_project(Path.cwd())
    if journal is not None:
        head = journal.head
        asked = asked.resuming(head)
        kept = {name: value_text(value) for name, value in head.parameters.items()}
        wanted = replace(
            wanted,
            scope=wanted.scope or journal.scope,
            targets=wanted.targets or (head.scenario,),
            parameters={**kept, **wanted.parameters},
        )
    tasks, operations = parse_scope(wanted.scope or "")
    options = replace(bounded(asked.options), version=project.version)
    sessions = [
        ScopeSession(
            Scope(calls, tasks, operations), options, wanted.parameters, on_failure=crash_text
        )
        for calls in designs(project, wanted.targets)
    ]
    if path is not None and len(sessions) != 1:
        raise UsageError(f"a checkpoint is of one design: these are {len(sessions)}")
    if journal is not None:
        take_up(sessions[0], journal)
    scoped = Scoped(out, quiet=quiet, text=fmt == "text")
    for session in sessions:
        ledger = None if path is None else Ledger(path, wanted.every, head_line(session), journal)
        if not scoped.explore(session, ledger):
            break
    if fmt == "json":
        results = [result.as_json() for result in scoped.results]
        out.json({"version": VERSION, "scopes": results})
    else:
        scoped.conclude()
    out.close()
    gathered = Gathered()
    for result in scoped.results if reports.targets else ():
        add_scope(gathered, result.as_json())
    reports.write(gathered)
    return scoped.status


def bounded(options: Options) -> Options:
    """A random strategy has a bound for each program, whatever the time there is for all."""
    if options.strategy in EXHAUSTIVE or options.executions is not None:
        return options
    return replace(options, executions=EXECUTIONS_DEFAULT)


def designs(project: Project, targets: Sequence[str]) -> list[Calls]:
    """The vocabularies of designs and patterns of designs, all for none.  Raises UsageError."""
    known = project.calls
    able = {name: calls for name, calls in known.items() if calls.alphabet}
    if not targets and not able:
        raise UsageError(
            "no design of this project says what small scopes are made of: there is no "
            "Calls(..., alphabet=...)"
        )
    found = {} if targets else able
    for target in targets:
        design, colon, _ = target.partition(":")
        if colon:
            raise UsageError(f"--scope is of a design, {design}, not of a scenario, {target}")
        matching = {name: calls for name, calls in able.items() if fnmatchcase(name, target)}
        if not matching:
            check_name("design", target, sorted({*project.designs, *known}))
        found = {**found, **(matching or {target: project.vocabulary(target)})}
    return list(found.values())


def load_journal(name: str) -> Journal:
    """The checkpoint of a scope in a file.  Raises UsageError that names the file."""
    try:
        return read_journal(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, UsageError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        if isinstance(error, UnicodeDecodeError):
            said = "it is no text"
        raise UsageError(f"cannot resume from {name}: {said}") from None


class Scoped:
    """Scopes that are explored, and what came of them."""

    def __init__(self, out: Output, *, quiet: bool, text: bool) -> None:
        self.out = out
        self.quiet = quiet
        self.text = text
        self.status = 0
        self.results: list[ScopeResult] = []

    def explore(self, session: ScopeSession, ledger: Ledger | None) -> bool:
        """Explore one scope, writing it down as it goes.  False if it was interrupted."""
        interrupts = Interrupts()
        if ledger is not None:
            ledger.begin()
            session.keep = ledger.keep
        meter = ScopeMeter(session.scope.name, session.options.seconds, quiet=self.quiet)

        def listen(progress: ScopeProgress) -> None:
            meter.tell_scope(progress)
            interrupts.tell()

        try:
            with meter, interrupts:
                session.explore(listen)
        except KeyboardInterrupt:
            interrupts.asked = True
        finally:
            if ledger is not None:
                ledger.close()
        self._take(session.result)
        if interrupts.asked:
            self._worst(INTERRUPTED)
            click.echo("lockwright: interrupted; this is what was done so far", err=True)
        return not interrupts.asked

    def _take(self, result: ScopeResult) -> None:
        self.results.append(result)
        for failure in result.errors:
            self._worst(failure.status)
            said = failure.error + _more(failure)
            click.echo(f"lockwright: {said}", err=True)
        if result.found:
            self._worst(1)
        elif not result.complete and not result.errors:
            self._worst(3)
        if not self.quiet:
            done = counted(result.executions, "execution")
            programs = counted(result.explored, "program")
            if not self.out.live:
                click.echo(f"{result.scenario}: {result.verdict}, {programs}, {done}", err=True)
            if self.text:
                self._print(result)

    def _print(self, result: ScopeResult) -> None:
        out, count = self.out, len(result.found)
        if count:
            out.head("\n".join(folded(result.scenario, out.width)))
        printed: dict[tuple[str, tuple[Choice, ...]], int] = {}
        for at, found in enumerate(result.found, 1):
            finding = found.finding
            out.head(f"finding {at} of {count}: {finding.kind}")
            out.say()
            shown = printed.setdefault((found.program, finding.schedule), at)
            out.say(finding_text(finding, out.width, shown=shown if shown != at else 0))
            out.say()
            said = f"in {counted(found.programs, 'program')}, the smallest: {found.program}"
            out.say("\n".join(folded(said, out.width)))
            out.say()

    def conclude(self) -> None:
        """Print the table, and what a green row does not show."""
        out = self.out
        rows = [(_cells(result), _below(result)) for result in self.results]
        for line in grid(HEADS, rows, out.width):
            out.say(_coloured(line) if out.colour else line)
        words = {finding.reality for result in self.results for finding in result.findings}
        if said := "; ".join(
            f"{word}: {means}" for word, means in REALITIES.items() if word in words
        ):
            out.say()
            out.say("\n".join(folded(said, out.width)))
        for result in self.results if not self.quiet else ():
            if not result.findings:
                out.say()
                out.say(f"Where nothing broke in {result.scenario}, this was assumed:")
                for said in result.assumptions:
                    out.say("\n".join(folded(f"- {said}", out.width)))

    def _worst(self, status: int) -> None:
        self.status = min(self.status, status, key=WORST_FIRST.index)


def _cells(result: ScopeResult) -> list[str]:
    verdict = "error" if result.errors and not result.found else result.verdict.value
    programs = str(result.explored)
    if result.explored < result.programs:
        programs = f"{result.explored} of {result.programs}"
    return [result.scenario, verdict, programs, str(result.executions), str(result.deadlocked)]


def _below(result: ScopeResult) -> list[str]:
    """What there is to say of a scope under its row."""
    counts: dict[str, int] = {}
    for finding in result.findings:
        name = f"{finding.kind} ({finding.reality})" if finding.reality else finding.kind
        counts[name] = counts.get(name, 0) + 1
    kinds = [name if n == 1 else f"{n} x {name}" for name, n in sorted(counts.items())]
    failed = sum(failure.programs for failure in result.errors)
    said = ["; ".join(kinds)] if kinds else []
    if failed:
        said.append(f"{counted(failed, 'program')} could not be judged")
    return [*said, *([f"not complete: {result.covered}"] if result.covered else [])]


def _more(failure: Failure) -> str:
    others = failure.programs - 1
    return f"\nand so {counted(others, 'other program')}" if others else ""


def _coloured(line: str) -> str:
    for verdict, code in COLOURS.items():
        before, found, after = line.partition(f"{GAP}{verdict} ")
        if found:
            return f"{before}{GAP}{code}{verdict}{PLAIN} {after}"
    return line
