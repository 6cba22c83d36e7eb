"""What `lockwright splat` does: read, explain, make programs and explore them, and show."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import click

from lockwright.commands.graph_forms import drawn, suffix_of
from lockwright.commands.graphing import shortened
from lockwright.commands.inputs import STDIN, content_of, standard_input
from lockwright.commands.output import WIDTH, Output
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.program.rebuilt import Rebuilt, rebuild
from lockwright.program.rebuilt_trial import DEADLOCK, NONE, OPEN, Trial, try_out
from lockwright.program.text import interleaving
from lockwright.report.lines import folded
from lockwright.report.lockgraph import LockGraph
from lockwright.report.lockgraph.sources import add_report
from lockwright.report.read import Log, ParsedReport, read_bytes
from lockwright.report.words import as_text, explain, kernel_of, story_of, title_of, visible
from lockwright.report.words_frames import site_of
from lockwright.report.words_locks import named_locks

EXPECTED = (
    "the text of a kernel's log with a report of its lock validator, such as "
    '"WARNING: possible circular locking dependency detected"'
)
UNWRITTEN = "report.json"
"""What the file of a program is called while there is none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made of the reports beside the text: files, and within which bounds to
    explore."""

    program: str | None
    graph: str | None
    explore: bool
    executions: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Case:
    """One report with where it stands and its number among all, from 1."""

    source: str
    number: int
    report: ParsedReport
    rebuilt: Rebuilt

    @property
    def place(self) -> str:
        """`dmesg.txt:12`."""
        return f"{self.source}:{self.report.lines[0]}"


class Splatting:
    """Reports on their way from their files to what is shown."""

    def __init__(self, wanted: Wanted, output: str | None, files: tuple[str, ...]) -> None:
        self.wanted = wanted
        self.files = tuple(dict.fromkeys(files))
        self.out = Output(output, *self.files)
        self.cases: list[Case] = []
        self.problems: dict[str, tuple[str, ...]] = {}
        self.programs: Output | None = None
        if wanted.program is not None:
            self.programs = Output(wanted.program, *self.files)
        self.graph: Output | None = None
        self.suffix = ""
        if wanted.graph is not None:
            self.suffix = suffix_of(wanted.graph)
            self.graph = Output(wanted.graph, *self.files)

    def collect(self) -> None:
        """Read all files.  Raises UsageError for one that cannot be read, or has no report."""
        for file in self.files:
            source = STDIN if file == "-" else file
            log = read_bytes(standard_input() if file == "-" else content_of(file))
            if not log.reports:
                raise UsageError(f"no lock report found in {source}\nexpected: {EXPECTED}")
            self._add(source, log)

    def _add(self, source: str, log: Log) -> None:
        self.problems[source] = log.problems
        for report in log.reports:
            number = len(self.cases) + 1
            rebuilt = rebuild(report, f"{report.kind}-{number}")
            self.cases.append(Case(source, number, report, rebuilt))

    def tell(self, fmt: str) -> int:
        """Show and write all; gives the exit status."""
        if fmt == "json":
            self.out.say(json.dumps([self._as_json(case) for case in self.cases], indent=1))
        else:
            self._text()
        self.out.close()
        self._write_graph()
        return self._write_programs()

    # Files

    def _write_graph(self) -> None:
        if self.graph is None:
            return
        graph = LockGraph()
        for case in self.cases:
            add_report(graph, case.place, case.report)
        self.graph.say(drawn(graph, self.suffix).rstrip("\n"))
        self.graph.close()

    def _write_programs(self) -> int:
        if self.programs is None:
            return 0
        found = [case.rebuilt.data for case in self.cases if case.rebuilt.data is not None]
        if not found:
            raise UsageError(
                f"nothing to write to {self.wanted.program}: no report gives a program"
            )
        # unsorted: a schedule counts the threads in their order
        self.programs.say(json.dumps({"programs": found}, indent=1))
        self.programs.close()
        return 0

    def _trial(self, case: Case, *, writers: bool = True) -> Trial | None:
        if case.rebuilt.data is None or not self.wanted.explore:
            return None
        document = case.rebuilt.document(self.wanted.program or UNWRITTEN, writers=writers)
        return try_out(document, self.wanted.executions, self.wanted.seconds)

    # Text

    def _text(self) -> None:
        out, width = self.out, min(self.out.width, WIDTH)
        for source, problems in self.problems.items():
            for said in shortened([f"{source}: {each}" for each in problems]):
                click.echo(f"lockwright: {said}", err=True)
        for case in self.cases:
            for line in folded(f"== {case.place}: {title_of(case.report)}", width):
                out.head(line)
            for line in folded(visible(kernel_of(case.report)), width):
                out.say(line)
            out.say()
            out.say(as_text(explain(case.report), width))
            out.say()
            for line in self._happens(case, width):
                out.say(line)
            out.say()
        for line in folded(self._summary(), width):
            out.say(line)

    def _happens(self, case: Case, width: int) -> Iterator[str]:
        """The program of a report, and what came of it."""
        rebuilt = case.rebuilt
        yield "How it happens"
        if rebuilt.data is None:
            yield from folded(f"  No program is made of this report: {rebuilt.why_not}.", width)
            return
        trial = self._trial(case)
        count = len(rebuilt.data["threads"])
        made = f"  The report as a program of {count} thread{'s' * (count != 1)}"
        yield from folded(made + _outcome(trial), width)
        if trial is not None and trial.verdict == DEADLOCK and rebuilt.writers:
            yield from folded(f"  {self._without_writers(case)}", width)
        for role in rebuilt.roles:
            yield from folded(f"  {role}", width)
        if rebuilt.notes:
            yield "  Not from the report:"
            for note in rebuilt.notes:
                yield from folded(f"    {note}", width)
        if trial is not None and trial.events:
            yield ""
            yield interleaving(trial.events, width)
        if trial is not None and trial.token and self.wanted.program not in (None, "-"):
            yield ""
            file, token = shlex.quote(str(self.wanted.program)), shlex.quote(trial.token)
            yield f"replay: lockwright program {file} --replay {token}"

    def _without_writers(self, case: Case) -> str:
        """What the same program does without the writers that the report does not show."""
        trial = self._trial(case, writers=False)
        names = " and ".join(case.rebuilt.writers)
        if trial is None or trial.verdict == DEADLOCK:
            return f"It also deadlocks without the {names}."
        if trial.verdict == NONE:
            return f"Without the {names} none of its {_times(trial.executions)} deadlocks."
        return f"Whether it does without the {names} was not explored to the end."

    def _summary(self) -> str:
        kinds = Counter(case.report.kind for case in self.cases)
        listed = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
        damaged = sum(not case.report.complete for case in self.cases)
        said = f"{_counted(len(self.cases), 'report')}: {listed}"
        return f"{said}; {damaged} of them not complete" if damaged else said

    # JSON

    def _as_json(self, case: Case) -> dict[str, Value]:
        report, rebuilt = case.report, case.rebuilt
        trial = self._trial(case)
        return {
            **report.as_json(),
            "file": case.source,
            "title": title_of(report),
            "words": story_of(report),
            "locks": [
                {"name": name, "usage": usage, "wait": None if wait is None else list(wait)}
                for name, usage, wait in named_locks(report)
            ],
            "edges": [
                {"held": e.held, "taken": e.taken, "kind": e.kind, "at": site_of(e.frames)}
                for e in report.edges
            ],
            "usage": None if report.usage is None else list(report.usage),
            "program": rebuilt.data,
            "exploration": _exploration(rebuilt, trial),
            "problems": list(self.problems[case.source]),
        }


def _exploration(rebuilt: Rebuilt, trial: Trial | None) -> dict[str, Value]:
    found: dict[str, Value] = {"verdict": None, "reason": rebuilt.why_not or None}
    found["assumed"] = list(rebuilt.notes)
    if trial is not None:
        found["verdict"] = trial.verdict
        found["reason"] = trial.reason or None
        found["executions"] = trial.executions
        found["token"] = trial.token or None
    return found


def _outcome(trial: Trial | None) -> str:
    if trial is None:
        return ", not explored."
    if trial.verdict == DEADLOCK:
        return ", explored: it deadlocks, for example as shown below."
    if trial.verdict == NONE:
        return (
            f", explored to the end: none of its {_times(trial.executions)} deadlocks. What the "
            "report tells is not enough for one, or it cannot happen."
        )
    if trial.verdict == OPEN:
        return f", not explored to the end: {_times(trial.executions)}, and no deadlock yet."
    return f", not explored: {trial.reason}."


def _times(number: int) -> str:
    return _counted(number, "execution")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
