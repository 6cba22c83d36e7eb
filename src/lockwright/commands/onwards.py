"""`lockwright replay TOKEN --then STRATEGY`: exploring on from where a token stops fitting."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import click

from lockwright.commands.exploring import EXECUTIONS_DEFAULT
from lockwright.commands.output import Output
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.core.schedule import Choice, schedule_text
from lockwright.explore.record import Record
from lockwright.options import Options
from lockwright.report.columns import counted
from lockwright.report.findings import finding_text, folded
from lockwright.searches import EXHAUSTIVE, STRATEGIES
from lockwright.session import Session

VERSION = 1
NAMES = ("then", "at", "executions", "seconds", "seed")

OPTIONS = (
    click.option(
        "--then",
        type=click.Choice(STRATEGIES),
        help="Explore by this strategy what can follow the steps of the token that fit.",
    ),
    click.option("--at", type=click.IntRange(min=0), help="With --then: keep so many steps."),
    click.option("--executions", type=click.IntRange(min=1), help="With --then: stop after."),
    click.option(
        "--seconds", type=click.FloatRange(min=0, min_open=True), help="With --then: stop after."
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Of a random strategy."),
)


@dataclass(frozen=True, slots=True)
class Onwards:
    """What was asked for; `then` is None if nothing was."""

    then: str | None
    at: int | None
    executions: int | None
    seconds: float | None
    seed: int

    def check(self) -> None:
        """Raise UsageError for what makes no sense without a strategy."""
        given = [
            name for name in ("at", "executions", "seconds") if getattr(self, name) is not None
        ]
        if self.then is None and given:
            raise UsageError(f"--{given[0]} belongs to --then STRATEGY")

    def options(self, schedule: tuple[Choice, ...], record: Record, version: str) -> Options:
        """How to explore after the steps of a schedule that are kept: those that are what they
        were, unless told otherwise.  Raises UsageError if more are to be kept than can be taken."""
        kept, most = record.fits if self.at is None else self.at, len(record.marks)
        if kept > most:
            raise UsageError(f"--at {kept}: of the token, only {counted(most, 'step')} can be kept")
        strategy = self.then or ""
        executions = self.executions
        if executions is None and strategy not in EXHAUSTIVE:
            executions = EXECUTIONS_DEFAULT
        return Options(
            strategy,
            self.seed,
            executions,
            self.seconds,
            version=version,
            prefix=schedule[:kept],
        )


def onwards(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options above; it gets them as one `on`."""

    @wraps(command)
    def with_options(*arguments: Value, **named: Value) -> int:
        on = Onwards(**{name: named.pop(name) for name in NAMES})
        on.check()
        return command(*arguments, on=on, **named)

    for option in reversed(OPTIONS):
        with_options = option(with_options)
    return with_options


def explored_on(session: Session, record: Record) -> Result:
    """Explore what can follow; says on standard error where the token stopped fitting."""
    kept = counted(len(session.options.prefix), "step")
    said = f"{session.scenario.name}: {kept} of the token, then {session.options.strategy}"
    for why in (record.difference, record.misfit):
        if why:
            said = f"{said}: {why}"
            break
    click.echo(f"lockwright: {said}", err=True)
    sys.stderr.flush()
    return session.explore()


def on_json(session: Session, result: Result) -> dict[str, object]:
    """The JSON form: what was kept, and the result as check has it."""
    return {
        "version": VERSION,
        "prefix": schedule_text(session.options.prefix),
        "result": result.as_json(),
    }


def print_on(out: Output, session: Session, result: Result) -> None:
    """The findings in full, and the verdict."""
    count = len(result.findings)
    for at, finding in enumerate(result.findings, 1):
        out.head(f"finding {at} of {count}: {finding.kind}")
        out.say()
        out.say(finding_text(finding, out.width))
        out.say()
    kept = counted(len(session.options.prefix), "step")
    done = counted(result.executions, "execution")
    every = ", all there are" if result.exhausted else ""
    said = f"{result.verdict.value}: {done} after {kept} of the token{every}"
    out.say("\n".join(folded(said, out.width)))


def status_of(result: Result) -> int:
    """1 if a rule was broken, else 3: not all schedules were explored."""
    return 1 if result.findings else 3
