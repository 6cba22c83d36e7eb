"""Trying out, after `check`, what the lock order of several scenarios predicts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import click

from lockwright.commands.output import Output
from lockwright.core.location import Value
from lockwright.core.prediction import Prediction
from lockwright.options import Options
from lockwright.predict import Explored, Predictor, groups_of
from lockwright.report.predictions import brief_text, heading, prediction_text
from lockwright.scenario import Scenario
from lockwright.session import Session

EXECUTIONS = 3000
NEEDED = ("deadlock", "lock-order")
"""The rules without which nothing is predicted."""


def predicting(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options for predictions; it gets them as one `predict_most`, 0 for no."""

    @click.option(
        "--predict/--no-predict",
        default=True,
        show_default=True,
        help="Try out what the lock order of all of them together predicts.",
    )
    @click.option(
        "--predict-executions",
        type=click.IntRange(min=1),
        default=EXECUTIONS,
        show_default=True,
        metavar="N",
        help="Explore each composition with at most so many.",
    )
    @functools.wraps(command)
    def with_options(
        *arguments: Value, predict: bool, predict_executions: int, **named: Value
    ) -> int:
        return command(*arguments, predict_most=predict_executions if predict else 0, **named)

    return with_options


def predicted(
    sessions: Sequence[Session], known: Mapping[str, Scenario], options: Options
) -> list[Prediction] | None:
    """What is predicted over scenarios that were explored, tried out; None if that was not asked
    for, or not judged."""
    if not options.executions or not set(NEEDED) <= set(options.rules):
        return None
    explored = [
        Explored(
            session.scenario, session.result, tuple(chain.from_iterable(session.judge.lessons))
        )
        for session in sessions
        if session.result.lock_graph
    ]
    trying = Options(
        executions=options.executions,
        rules=("deadlock",),
        version=options.version,
        granularity=options.granularity,
    )
    found: list[Prediction] = []
    for group in groups_of(explored):
        predictor = Predictor(group, known, trying)
        predictions = predictor.predictions()
        for prediction in predictions:
            predictor.settle(prediction)
        found.extend(predictions)
    return found


def print_predictions(out: Output, predictions: Sequence[Prediction], *, quiet: bool) -> None:
    """After the table: each prediction, below a line for each design."""
    told: tuple[str, ...] = ()
    for prediction in predictions:
        if prediction.scenarios != told:
            told = prediction.scenarios
            out.say()
            out.head(heading([prediction]))
        if quiet:
            out.say(brief_text(prediction, out.width))
        else:
            out.say()
            out.say(prediction_text(prediction, out.width))
