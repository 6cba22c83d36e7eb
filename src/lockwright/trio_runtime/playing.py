"""What the command line does with each scenario: play it, tell what broke, in the end a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click

from lockwright.commands.crash import crash_text
from lockwright.commands.output import Output
from lockwright.commands.progress import Meter
from lockwright.commands.running import INTERRUPTED
from lockwright.core.errors import LockwrightError
from lockwright.core.result import VERSION, Result, Verdict
from lockwright.options import Options
from lockwright.report.columns import counted
from lockwright.report.findings import finding_text, folded
from lockwright.report.table import Row, row_of, table
from lockwright.scenario import Scenario
from lockwright.trio_runtime.performance import Performance, start, timing
from lockwright.trio_runtime.showing import Lines

WORST_FIRST = (INTERRUPTED, 4, 2, 1, 3, 0)


class Playing:
    """Several scenarios, one after the other, and what came of them."""

    def __init__(
        self,
        out: Output,
        options: Options,
        pace: float | None,
        timeouts: Mapping[str, float],
        *,
        lines: bool,
        text: bool,
    ) -> None:
        self.out = out
        self.options = options
        self.pace = pace
        self.timeouts = timeouts
        self.say: Callable[[str], None] | None = None
        if lines:
            self.say = out.say if text else _say_aside
        self.text = text
        self.status = 0
        self.results: list[Result] = []
        self.rows: list[Row] = []

    def play(self, scenario: Scenario) -> bool:
        """Play a scenario; one that fails does not stop the others.  False if interrupted."""
        options = self.options
        watcher = Lines(self.say) if self.say is not None else None
        clock, pace = timing(None, self.pace)
        performance = Performance(
            scenario, options, pace=pace, timeouts=self.timeouts, watcher=watcher
        )
        executions = performance.session.options.executions
        quiet = self.say is not None
        meter = Meter(scenario.name, executions, options.seconds, quiet=quiet)
        interrupted = False
        if self.say is not None:
            self.say(scenario.name)
        try:
            with meter:
                start(performance, clock, meter.tell)
        except KeyboardInterrupt:
            interrupted = True
        except (Exception, SystemExit) as error:
            self._failed(performance, error)
            return True
        seconds = meter.seconds
        result = performance.result()
        self._keep(result, seconds)
        if interrupted:
            self._worst(INTERRUPTED)
            click.echo("lockwright: interrupted; this is what was done so far", err=True)
        return not interrupted

    def conclude(self) -> None:
        """Print the table, or all as JSON."""
        out = self.out
        if not self.text:
            results = [result.as_json() for result in self.results]
            out.json({"version": VERSION, "results": results})
        elif self.rows:
            out.say(table(self.rows, out.width, live=out.live, colour=out.colour))
        out.close()

    def _keep(self, result: Result, seconds: float) -> None:
        self.results.append(result)
        self.rows.append(row_of(result, seconds))
        self._worst(1 if result.verdict is Verdict.VIOLATED else 3)
        click.echo(_rates(result, seconds), err=True)
        if not self.text:
            return
        out, count = self.out, len(result.findings)
        for at, finding in enumerate(result.findings, 1):
            out.say()
            out.head("\n".join(folded(f"{result.scenario}: finding {at} of {count}", out.width)))
            out.say()
            out.say(finding_text(finding, out.width))
        if count:
            out.say()

    def _failed(self, performance: Performance, error: BaseException) -> None:
        session = performance.session
        said = "\n".join([crash_text(session, error), *getattr(error, "__notes__", ())])
        self._worst(error.exit_status if isinstance(error, LockwrightError) else 4)
        name = type(error).__name__
        self.rows.append(Row(session.scenario.name, "error", (name,), session.result.executions))
        click.echo(f"lockwright: {said}", err=True)

    def _worst(self, status: int) -> None:
        ranks = WORST_FIRST
        self.status = min(self.status, status, key=ranks.index)


def _rates(result: Result, seconds: float) -> str:
    done = counted(result.executions, "execution")
    a_second = max(seconds, 0.001)
    return (
        f"{result.scenario}: {done}, {counted(result.steps, 'step')} in {seconds:.1f} s: "
        f"{result.executions / a_second:.0f} executions and {result.steps / a_second:.0f} steps "
        "a second"
    )


def _say_aside(said: str) -> None:
    """Where standard output is for a program."""
    click.echo(said, err=True)
