"""The options of the commands that explore."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import click
from click.core import ParameterSource

from lockwright.checkpoint import BOUNDS, Checkpoint
from lockwright.core.location import Value
from lockwright.core.result import ESTIMATE_MAX
from lockwright.options import GRANULARITIES, RULES, SECTION, Options, check_name
from lockwright.parallel import ALONE
from lockwright.schedule.slow import SLOW
from lockwright.schedule.strategies import MIX, mix_text
from lockwright.searches import EXHAUSTIVE, STRATEGIES, STRATEGY, check_slow

EXECUTIONS_DEFAULT = 1000
NO_BOUND = ESTIMATE_MAX
NAMES = (
    *("strategy", "granularity", "seed", "executions", "seconds", "depth", "mix", "bound", "rules"),
    *("jobs", "attempts", "slow"),
)
COVERAGE = "coverage"
"""Another one, which some of these commands have (`covering.py`)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a command line; `given` are those that were typed."""

    options: Options
    given: frozenset[str]

    def resuming(self, checkpoint: Checkpoint) -> Asked:
        """What was not typed is as it was; the bounds of an exhaustive search are what is typed."""
        known = {**checkpoint.options, "rules": tuple(checkpoint.options["rules"])}
        known["slow"] = tuple(checkpoint.options.get("slow", ()))
        if checkpoint.options.get("strategy") not in EXHAUSTIVE:
            known.update((name, checkpoint.bounds[name]) for name in BOUNDS)
        names = [name for name in (*NAMES, COVERAGE) if name in known and name not in self.given]
        kept = {name: known[name] for name in names}
        return replace(self, options=replace(self.options, **kept))

    def bounded(self) -> Options:
        """The options, a random strategy with a bound in any case.  Raises UsageError for delays
        that no strategy can be asked for."""
        options = self.options
        check_slow(options)
        if options.executions is None and options.strategy not in EXHAUSTIVE:
            most = EXECUTIONS_DEFAULT if options.seconds is None else NO_BOUND
            return replace(options, executions=most)
        return options


def rules_of(text: str | None) -> tuple[str, ...]:
    """The rules that a comma-separated list names.  Raises UsageError for an unknown one."""
    if text is None:
        return RULES
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        check_name("rule", name, RULES)
    return names


def finite(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no length of time", context, parameter)
    return value


def jobs_of(context: click.Context, parameter: click.Parameter, value: str) -> int:
    """So many processes, of a number or `auto`."""
    if value == "auto":
        return cores()
    if not value.isascii() or not value.isdecimal() or int(value) < 1:
        raise click.BadParameter(
            f"{value!r} is no number of processes: expected 1 or more, or auto", context, parameter
        )
    return int(value)


def cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _granularity(default: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    return click.option(
        "--granularity",
        type=click.Choice(GRANULARITIES),
        default=default,
        show_default=True,
        help="Of dpor: what one step is, a critical section where that loses nothing.",
    )


OPTIONS = (
    click.option(
        "--strategy",
        type=click.Choice(STRATEGIES),
        default="dpor",
        show_default=True,
        help="; ".join(f"{name}: {strategy.about}" for name, strategy in STRATEGY.items()) + ".",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Of a random strategy."),
    click.option(
        "--executions",
        type=click.IntRange(min=1),
        help="Stop after so many.  "
        f"[default: no bound; {EXECUTIONS_DEFAULT} for a random strategy without --seconds]",
    ),
    click.option(
        "--seconds",
        type=click.FloatRange(min=0, min_open=True),
        callback=finite,
        help="Stop each scenario after so long.",
    ),
    click.option(
        "--depth",
        type=click.IntRange(min=1),
        default=3,
        show_default=True,
        help="Of the bugs that pct aims at.",
    ),
    click.option(
        "--mix",
        default=mix_text(MIX),
        show_default=True,
        metavar="NAME[:SHARE],...",
        help="The random strategies of a mix.",
    ),
    click.option("--bound", type=click.IntRange(min=0), help="Of bounded: most preemptions."),
    click.option(
        "--slow",
        multiple=True,
        type=click.Choice(SLOW),
        help="Of a random strategy: let these end as late as they can.  May be given twice.",
    ),
    click.option(
        "--jobs",
        "-j",
        default="1",
        show_default=True,
        metavar="N",
        callback=jobs_of,
        help="So many processes, or auto: one for each core.  The result is the same.  "
        f"Strategies {', '.join(ALONE)} have one.",
    ),
    click.option(
        "--attempts",
        type=click.IntRange(min=0),
        default=Options().attempts,
        show_default=True,
        metavar="N",
        help="Look with so many executions for each finding's shortest schedule, and for the "
        "nearest run that passes.",
    ),
    click.option("--rules", help=f"Judge by these alone, say deadlock,leak.  [{','.join(RULES)}]"),
)


def exploring(command: Callable[..., int], granularity: str = SECTION) -> Callable[..., int]:
    """Give a command the options above; it gets them as one `asked`.  `granularity` is what one
    step is that does not say."""

    @functools.wraps(command)
    def with_options(*arguments: Value, **named: Value) -> int:
        context = click.get_current_context()
        values = {name: named.pop(name) for name in NAMES}
        given = (
            name
            for name in NAMES
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        )
        values["rules"] = rules_of(values["rules"])
        return command(*arguments, asked=Asked(Options(**values), frozenset(given)), **named)

    for option in reversed(OPTIONS):
        with_options = option(with_options)
    return _granularity(granularity)(with_options)
