"""What `lockwright graph` does: collect, choose, search, and show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import click

from lockwright.commands.graph_forms import FORMS, drawn, drawn_compared, suffix_of
from lockwright.commands.graph_sources import collect
from lockwright.commands.output import Output
from lockwright.core.errors import UsageError
from lockwright.core.result import VERSION
from lockwright.options import Options
from lockwright.report.lines import folded
from lockwright.report.lockgraph import LockGraph
from lockwright.report.lockgraph.compare import compare
from lockwright.report.lockgraph.compare_text import comparison_as_json, comparison_text
from lockwright.report.lockgraph.jsonform import graph_as_json, judgement_as_json
from lockwright.report.lockgraph.judging import JudgedCycle, dangerous, elsewhere, judged
from lockwright.report.lockgraph.search import Strength, paths
from lockwright.report.lockgraph.text import (
    cycle_as_json,
    cycle_text,
    elsewhere_text,
    listing,
    notes,
    path_as_json,
    path_text,
    summary,
)

PROBLEMS_MAX = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a graph: a path between two classes, what is near to one, folded numbers,
    so many cycles at most, and to list all orders."""

    ends: tuple[str, str] | None
    around: str | None
    depth: int
    fold: bool
    most: int
    orders: bool


class Graphing:
    """Lock graphs on their way from their sources to what is shown.

    Invariant: `targets` has each file that is written, with how its name ends.
    """

    def __init__(
        self,
        asked: Asked,
        outputs: Sequence[str],
        read: Sequence[str],
        forms: Sequence[str] = FORMS,
    ) -> None:
        self.asked = asked
        self.out = Output()
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.targets = [
            (suffix_of(output, forms), Output(output, *read)) for output in dict.fromkeys(outputs)
        ]

    def read(self, sources: tuple[str, ...], options: Options) -> LockGraph:
        """The graph of these sources, with what is wrong with them kept.  Raises UsageError."""
        collected = collect(sources, options)
        self.problems += collected.problems
        self.notes += collected.notes
        whole = collected.graph
        return whole.without_numbers() if self.asked.fold else whole

    def tell(self, whole: LockGraph, fmt: str, *, with_cycles: bool) -> int:
        """Show and write what was asked for; gives the exit status.  Raises UsageError for a class
        that the graph does not have."""
        asked = self.asked
        if asked.around is not None:
            check_class(whole, asked.around)
            whole = whole.around(asked.around, asked.depth)
        for name in asked.ends or ():
            check_class(whole, name)
        found = judged(whole, asked.most)
        self._write(lambda suffix: drawn(whole, suffix))
        if fmt == "json":
            self.out.json(self._as_json(whole, found))
        else:
            self._text(whole, found, with_cycles=with_cycles)
        return int(dangerous(found))

    def compare(self, old: LockGraph, new: LockGraph, fmt: str) -> int:
        """Show and write what differs; gives the exit status."""
        asked = self.asked
        if asked.around is not None:
            both = LockGraph()
            both.merge(old)
            both.merge(new)
            check_class(both, asked.around)
            near = both.around(asked.around, asked.depth).classes
            old, new = old.part(near), new.part(near)
        found = compare(old, new, asked.most)
        self._write(lambda suffix: drawn_compared(found, suffix))
        if fmt == "json":
            data = {**comparison_as_json(found), "problems": self.problems, "notes": self.notes}
            self.out.json(data)
        else:
            self._complain()
            self.out.say(comparison_text(found, self.out.width, orders=asked.orders))
        return int(bool(found.cycles_new or found.cycles_still))

    def _write(self, drawn_as: Callable[[str], str]) -> None:
        for suffix, target in self.targets:
            target.say(drawn_as(suffix).rstrip("\n"))
            target.close()

    def _complain(self) -> None:
        for said in shortened([*self.problems, *self.notes]):
            click.echo(f"lockwright: {said}", err=True)

    def _text(self, whole: LockGraph, found: list[JudgedCycle], *, with_cycles: bool) -> None:
        out, asked = self.out, self.asked
        self._complain()
        out.head(summary(whole))
        ways = [] if asked.ends is None else paths(whole, *asked.ends)
        for said in notes(whole, [*ways, *(each.cycle for each in found if with_cycles)]):
            out.say("\n".join(folded(said, out.width)))
        if asked.orders:
            out.say()
            for line in listing(whole):
                out.say(line)
        if asked.ends is not None:
            out.say()
            texts = [path_text(whole, way, at, out.width) for at, way in enumerate(ways, 1)]
            out.say("\n\n".join(texts) or f"no path from {asked.ends[0]} to {asked.ends[1]}")
        if with_cycles:
            for number, cycle in enumerate(found, 1):
                out.say()
                out.say(cycle_text(whole, cycle, number, out.width))
            for judgement in elsewhere(whole):
                out.say()
                out.say(elsewhere_text(judgement, out.width))
            out.say()
            out.say(counted_cycles(found, asked.most))

    def _as_json(self, whole: LockGraph, found: list[JudgedCycle]) -> dict[str, object]:
        """The same for machines."""
        data: dict[str, object] = {
            "version": VERSION,
            "graph": graph_as_json(whole),
            "cycles": [cycle_as_json(cycle) for cycle in found],
            "elsewhere": [judgement_as_json(each) for each in elsewhere(whole)],
            "problems": self.problems,
            "notes": [*self.notes, *notes(whole, [each.cycle for each in found])],
        }
        if self.asked.ends is not None:
            data["paths"] = [path_as_json(way) for way in paths(whole, *self.asked.ends)]
        return data


def check_class(known: LockGraph, name: str) -> None:
    """Raise UsageError, with the right spelling, for a class that the graph does not have."""
    if name in known.classes:
        return
    close = get_close_matches(name, known.classes, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    raise UsageError(f"no lock class {name!r} in this graph{hint}")


def shortened(said: list[str]) -> list[str]:
    """The first ones of many sentences, and how many more there are."""
    more = len(said) - PROBLEMS_MAX
    return said if more <= 0 else [*said[:PROBLEMS_MAX], f"and {more} more of this kind"]


def counted_cycles(found: Sequence[JudgedCycle], most: int) -> str:
    """How many of each strength."""
    if not found:
        return "no cycle"
    count = [(kind, sum(each.cycle.strength is kind for each in found)) for kind in Strength]
    said = ", ".join(f"{number} {kind.value}" for kind, number in count if number)
    more = "; there may be more: see --most" if len(found) == most else ""
    return f"cycles: {said}{more}"
