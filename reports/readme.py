"""The numbers that README.md says of these reports, and what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from invariants.catalogue import CATALOGUE
from invariants.remote import PROMISES
from reports import conformance, corpus, verdicts
from reports.comparing import NOTHING, Difference
from stress.conformance import inotify_calls, inotify_races
from stress.corpus import ENTRIES
from stress.corpus.entry import ROOT

README = ROOT / "README.md"
OF_HISTORY, OF_MODELS, OF_WATCHES = "E", "A", "F"
"""How the ids of bugs begin: recorded ones, those that only the models have shown, and those of the
watches on a remote file system."""


def numbers(rows: Sequence[conformance.Row]) -> dict[str, int]:
    """The sentences, each with a number sign for the number, and the numbers."""
    recorded = _bugs(OF_HISTORY)
    without = {entry.id for entry in corpus.not_modelled()}
    return {
        "The history records # bugs": len(recorded),
        "`python -m reports.corpus`: # of the bugs": len(recorded - without),
        "each of the # that have no scenario": len(without),
        "takes more than # executions": verdicts.EXECUTIONS_MAX,
        "answered to # recorded steps": max((row.steps for row in rows), default=0),
        "in # recorded interleavings": max((row.interleavings for row in rows), default=0),
        "# steps are left out": max((row.left_out for row in rows), default=0),
        "(R0, I1 to I#;": len(CATALOGUE) - 1,
        "(A01 to A#)": len(_bugs(OF_MODELS)),
        "(F01 to F#)": len(_bugs(OF_WATCHES)),
        "; P1 to P# of the watches": sum(one.id.startswith("P") for one in PROMISES),
        "in # recorded sequences of inotify calls": len(inotify_calls.recorded()[1]),
        "in # recorded races": len(inotify_races.recorded()),
    }


def _bugs(beginning: str) -> set[str]:
    return {entry.id for entry in ENTRIES if entry.id.startswith(beginning)}


def differences(rows: Sequence[conformance.Row], text: str | None = None) -> Iterator[Difference]:
    """The sentences that are not in a text, that of README.md unless another is given."""
    said = README.read_text(encoding="utf-8") if text is None else text
    yield from wrong(numbers(rows), said)


def wrong(known: Mapping[str, int], text: str) -> Iterator[Difference]:
    """Those whose number is another one, and those that are not there."""
    for sentence, number in known.items():
        before, _, after = sentence.partition("#")
        found = re.search(f"{re.escape(before)}([0-9,]+){re.escape(after)}", text)
        if found is None or found[1] != f"{number:,}":
            got = NOTHING if found is None else found[0]
            yield Difference(README.name, sentence.replace("#", f"{number:,}"), got)
