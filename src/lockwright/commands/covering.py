"""The option `--coverage` of a command that explores, and what is printed then."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import click

from lockwright.commands.exploring import COVERAGE, Asked
from lockwright.commands.output import Output
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.report.coverage import coverage_text


def covering(command: Callable[..., int]) -> Callable[..., int]:
    """Give the option to a command that gets the others as one `asked`; it becomes part of it."""

    @functools.wraps(command)
    def with_option(*arguments: Value, asked: Asked, coverage: bool, **named: Value) -> int:
        if coverage:
            options = replace(asked.options, coverage=True)
            asked = Asked(options, asked.given | {COVERAGE})
        return command(*arguments, asked=asked, **named)

    return click.option(
        "--coverage",
        is_flag=True,
        help="Say what was covered: racing pairs in both orders, lock orders, states of objects.",
    )(with_option)


def print_coverage(out: Output, result: Result) -> None:
    """Print what was covered, if anybody asked."""
    if said := coverage_text(result, out.width):
        out.say(said)
