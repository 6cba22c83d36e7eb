"""`python -m lockwright.trio_runtime`: scenarios of the project, played on trio."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import click

from lockwright import trio_runtime
from lockwright.commands.exploring import finite, rules_of
from lockwright.commands.output import FORMATS, Output
from lockwright.commands.running import print_anything, run_command
from lockwright.core.errors import UsageError
from lockwright.options import Options
from lockwright.project import load_project

NAME = "python -m lockwright.trio_runtime"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "--pace",
    type=click.FloatRange(min=0),
    callback=finite,
    metavar="SECONDS",
    help="On trio's own clock: the mean pause of a task before a step.  0: no time passes, trio's "
    "scheduler alone decides.  [default: a clock that jumps, and the seed decides]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the pauses.")
@click.option(
    "--executions",
    type=click.IntRange(min=1),
    help="So many of each scenario.  [default: 1 with a pace above 0, else 1000]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    callback=finite,
    help="Stop each scenario after so long.",
)
@click.option(
    "--timeout",
    "timeouts",
    multiple=True,
    metavar="TASK=SECONDS",
    help="Cancel the trio task that plays a task after so long, on the clock: it gets a signal.",
)
@click.option(
    "--attempts",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Look with so many executions of the machine for each finding's shortest schedule.",
)
@click.option("--rules", help="Judge by these alone, say deadlock,leak.")
@click.option(
    "--lines/--no-lines",
    default=None,
    help="Tell each step as it happens.  [default: of a single execution]",
)
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
def command(
    targets: tuple[str, ...],
    *,
    pace: float | None,
    seed: int,
    executions: int | None,
    seconds: float | None,
    timeouts: tuple[str, ...],
    attempts: int,
    rules: str | None,
    lines: bool | None,
    fmt: str,
) -> int:
    """Play scenarios on a trio loop: each task of the model is a trio task.

    TARGET is a scenario, a design, a pattern or a composition, as for `lockwright check`.  What is
    found is printed with a token for `lockwright replay`.

    Exit status: 1 if a rule was broken, 3 if none was in what was played (it never shows that none
    can be), 2 usage or input error, 4 internal error or a model that cannot be judged.
    """
    out = Output()
    seconds_of, names = parse_timeouts(timeouts), rules_of(rules)
    if executions is None and pace and seconds is None:
        executions = 1
    with redirect_stdout(sys.stderr):
        project = load_project(Path.cwd())
        options = Options(
            seed=seed,
            executions=executions,
            seconds=seconds,
            attempts=attempts,
            rules=names,
            version=project.version,
        )
        playing = trio_runtime.Playing(
            out,
            options,
            pace,
            seconds_of,
            lines=executions == 1 if lines is None else lines,
            text=fmt == "text",
        )
        for scenario in project.select(targets):
            if not playing.play(scenario):
                break
        playing.conclude()
    return playing.status


def parse_timeouts(pairs: Sequence[str]) -> dict[str, float]:
    """Timeouts from `TASK=SECONDS`.  Raises UsageError for anything else."""
    timeouts: dict[str, float] = {}
    for pair in pairs:
        comm, _, text = pair.rpartition("=")
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not comm or not seconds >= 0:
            raise UsageError(f"timeout {pair!r} is not of the form TASK=SECONDS")
        if comm in timeouts:
            raise UsageError(f"two timeouts for task {comm!r}")
        timeouts[comm] = seconds
    return timeouts


def main(arguments: list[str] | None = None) -> None:
    """Run the command, and end the process with its exit status."""
    print_anything()
    sys.exit(run_command(command, arguments, NAME))


if __name__ == "__main__":
    main()
