"""What `lockwright graph` does: collect, choose, search, and show."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import click

from lockwright.commands.output import Output
from lockwright.core.errors import UsageError
from lockwright.core.result import VERSION
from lockwright.options import Options
from lockwright.project import load_project
from lockwright.report.lines import folded
from lockwright.report.lockgraph import LockGraph
from lockwright.report.lockgraph.dot import graph_dot
from lockwright.report.lockgraph.graphml import graph_graphml
from lockwright.report.lockgraph.jsonform import graph_as_json
from lockwright.report.lockgraph.marks import Marks
from lockwright.report.lockgraph.search import Cycle, Strength, cycles, paths
from lockwright.report.lockgraph.sources import Collection, add_result
from lockwright.report.lockgraph.svg import graph_svg
from lockwright.report.lockgraph.text import (
    cycle_as_json,
    cycle_text,
    listing,
    notes,
    path_as_json,
    path_text,
    summary,
)
from lockwright.report.read.decode import decode
from lockwright.session import Session

STDIN = "standard input"
PROBLEMS_MAX = 20
FORMS = {".svg": graph_svg, ".dot": graph_dot, ".graphml": graph_graphml, ".json": None}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a graph: a path between two classes, what is near to one, folded numbers,
    so many cycles at most."""

    ends: tuple[str, str] | None
    around: str | None
    depth: int
    fold: bool
    most: int


class Graphing:
    """One graph on its way from its sources to what is shown.

    `orders` tells that the text lists all orders.
    """

    def __init__(self, asked: Asked, output: str | None, *, orders: bool) -> None:
        self.asked = asked
        self.orders = orders
        self.out = Output()
        self.collected = Collection()
        self.target: Output | None = None
        self.suffix = ""
        if output is not None:
            self.suffix = Path(output).suffix.lower()
            if self.suffix not in FORMS:
                raise UsageError(
                    f"cannot write {output!r}: its name must end in {', '.join(FORMS)}"
                )
            self.target = Output(output)

    def collect(
        self, sources: tuple[str, ...], *, executions: int | None, seconds: float | None
    ) -> None:
        """Read all files, explore all scenarios.  Raises UsageError that names what is wrong."""
        options = Options(executions=executions, seconds=seconds, events=False)
        with redirect_stdout(sys.stderr):
            for source in dict.fromkeys(sources):
                if source == "-":
                    self.collected.add_text(STDIN, decode(standard_input()))
                elif is_file(source):
                    self.collected.add_text(source, decode(content_of(source)))
                else:
                    self._explore(source, options)

    def _explore(self, target: str, options: Options) -> None:
        """Explore the scenarios that a target names, and take their lock graphs."""
        try:
            scenarios = load_project(Path.cwd()).select((target,))
        except UsageError as error:
            raise UsageError(f"there is no file {target!r}, and {error}") from None
        for scenario in scenarios:
            result = Session(scenario, options).explore()
            add_result(self.collected.graph, scenario.name, result.lock_graph)
            if not result.exhausted:
                said = f"{scenario.name}: not explored to the end, so some orders may lack"
                self.collected.notes.append(said)

    def tell(self, fmt: str, *, with_cycles: bool) -> int:
        """Show and write what was asked for; gives the exit status.  Raises UsageError for a class
        that the graph does not have."""
        asked, whole = self.asked, self.collected.finish()
        if asked.fold:
            whole = whole.without_numbers()
        if asked.around is not None:
            check_class(whole, asked.around)
            whole = whole.around(asked.around, asked.depth)
        for name in asked.ends or ():
            check_class(whole, name)
        found = cycles(whole, asked.most)
        if self.target is not None:
            self.target.say(self._drawn(whole).rstrip("\n"))
            self.target.close()
        if fmt == "json":
            self.out.json(self._as_json(whole, found))
        else:
            self._text(whole, found, with_cycles=with_cycles)
        return int(any(cycle.strength is not Strength.WEAK for cycle in found))

    def _drawn(self, whole: LockGraph) -> str:
        form = FORMS[self.suffix]
        if form is None:
            return json.dumps(graph_as_json(whole), indent=1, sort_keys=True)
        return form(whole, Marks(whole))

    def _text(self, whole: LockGraph, found: list[Cycle], *, with_cycles: bool) -> None:
        out, asked = self.out, self.asked
        for said in shortened([*self.collected.problems, *self.collected.notes]):
            click.echo(f"lockwright: {said}", err=True)
        out.head(summary(whole))
        for said in notes(whole, found):
            out.say("\n".join(folded(said, out.width)))
        if self.orders:
            out.say()
            for line in listing(whole):
                out.say(line)
        if asked.ends is not None:
            out.say()
            ways = paths(whole, *asked.ends)
            texts = [path_text(whole, way, at, out.width) for at, way in enumerate(ways, 1)]
            out.say("\n\n".join(texts) or f"no path from {asked.ends[0]} to {asked.ends[1]}")
        if with_cycles:
            for number, cycle in enumerate(found, 1):
                out.say()
                out.say(cycle_text(whole, cycle, number, out.width))
            out.say()
            out.say(counted_cycles(found, asked.most))

    def _as_json(self, whole: LockGraph, found: list[Cycle]) -> dict[str, object]:
        """The same for machines."""
        data: dict[str, object] = {
            "version": VERSION,
            "graph": graph_as_json(whole),
            "cycles": [cycle_as_json(cycle) for cycle in found],
            "problems": self.collected.problems,
            "notes": [*self.collected.notes, *notes(whole, found)],
        }
        if self.asked.ends is not None:
            data["paths"] = [path_as_json(way) for way in paths(whole, *self.asked.ends)]
        return data


def standard_input() -> bytes:
    """All of it.  Raises UsageError if it is closed."""
    if sys.stdin is None:
        raise UsageError(f"cannot read {STDIN}: it is closed")
    return sys.stdin.buffer.read()


def is_file(source: str) -> bool:
    """Whether a source names something in the file system."""
    try:
        return Path(source).exists()
    except (OSError, ValueError):
        return False


def content_of(name: str) -> bytes:
    """What a file holds.  Raises UsageError."""
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None


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


def counted_cycles(found: list[Cycle], most: int) -> str:
    """How many of each strength."""
    if not found:
        return "no cycle"
    count = [(kind, sum(cycle.strength is kind for cycle in found)) for kind in Strength]
    said = ", ".join(f"{number} {kind.value}" for kind, number in count if number)
    more = "; there may be more: see --most" if len(found) == most else ""
    return f"cycles: {said}{more}"
