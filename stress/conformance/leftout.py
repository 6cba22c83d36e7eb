"""The steps of the recording that the models leave out, with the reasons.

`tests/conformance/left_out.json` lists them by sequence and number; a step that is not listed has
to conform on every kernel, and one that is listed must not on some.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LEFT_OUT = Path(__file__).parent.parent.parent / "tests" / "conformance" / "left_out.json"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One step: `text` is the step as it stands in the recording, for the reader."""

    sequence: str
    nth: int
    text: str
    reason: str


def _listed() -> Iterator[LeftOut]:
    data = json.loads(LEFT_OUT.read_text(encoding="utf-8"))
    for group in data["left_out"]:
        for sequence, steps in group["steps"].items():
            for nth, text in steps.items():
                yield LeftOut(sequence, int(nth), text, group["reason"])


@cache
def left_out() -> Mapping[tuple[str, int], LeftOut]:
    """Every step that is left out, by sequence and number, from 0."""
    return {(each.sequence, each.nth): each for each in _listed()}
