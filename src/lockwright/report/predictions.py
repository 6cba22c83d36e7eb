"""Predictions over several scenarios as text."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.prediction import Attempt, Link, Prediction
from lockwright.report.columns import WIDTH, counted
from lockwright.report.findings import finding_text
from lockwright.report.lines import folded

SHOWN_MAX = 3
"""So many names are given; of more it is said how many there are."""


def heading(predictions: Sequence[Prediction]) -> str:
    """What the predictions of one design are about."""
    first = predictions[0]
    return f"predictions over {counted(len(first.scenarios), 'scenario')} of {first.design}"


def brief_text(prediction: Prediction, width: int = WIDTH) -> str:
    """What is predicted and whether it happens, in one line if it fits."""
    said = f"{prediction.kind}: {prediction.message}: {prediction.reality}"
    return "\n".join(folded(said, width))


def prediction_text(prediction: Prediction, width: int = WIDTH, *, text: bool = True) -> str:
    """What is predicted, by whom, what was tried, and what came of it.

    With `text` the report of the validator comes first, if no scenario has printed it.
    """
    said = [f"{prediction.kind}: {prediction.message}", f"  {_seen_in(prediction)}"]
    said += [f"  {_link(link)}" for link in prediction.links]
    said += [f"  tried {_attempt(attempt)}" for attempt in prediction.attempts]
    said.append(f"  {prediction.reality}: {prediction.because}")
    lines = [part for line in said for part in folded(line, width)]
    shown = "\n".join(lines)
    if text and not prediction.seen_in and prediction.text:
        shown = f"{shown}\n\n{prediction.text.strip(chr(10))}"
    if prediction.deadlock is not None:
        shown = f"{shown}\n\n{finding_text(prediction.deadlock, width)}"
    return shown


def _seen_in(prediction: Prediction) -> str:
    names = [name.partition(":")[2] for name in prediction.seen_in]
    if not names:
        return "no scenario predicts it by itself"
    return f"predicted in {_some(names)}, and did not happen there"


def _link(link: Link) -> str:
    held = f" with {link.held} held" if link.held else ""
    how = f" ({link.how})" if link.how and link.held else f" {link.how}".rstrip()
    by = _some([_name(scenario, task) for scenario, task in link.by])
    return f"{link.new}{held}{how}: {by or 'nobody'}"


def _name(scenario: str, task: str) -> str:
    case = scenario.partition(":")[2]
    return f"{case}@{task}" if task else case


def _attempt(attempt: Attempt) -> str:
    if not attempt.executions:
        return f"{attempt.scenario}: {attempt.outcome}"
    return f"{attempt.scenario}: {counted(attempt.executions, 'execution')}, {attempt.outcome}"


def _some(names: Sequence[str]) -> str:
    if len(names) <= SHOWN_MAX:
        return ", ".join(names)
    return f"{', '.join(names[:SHOWN_MAX])} and {len(names) - SHOWN_MAX} more"
