"""The project's report as a document: the history of eventfs, in results, findings and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce

from invariants.catalogue import CATALOGUE
from lockwright import __version__
from lockwright.commands.reporting import sources_of, timelines
from lockwright.core.result import Result
from lockwright.report.campaign import many
from lockwright.report.document import BAD, GOOD, Cell, Document, Table
from lockwright.report.lockgraph import LockGraph
from lockwright.report.lockgraph.judging import add_findings
from lockwright.report.lockgraph.sources import add_result
from reports import conformance, corpus, memory, remote_telling
from reports.comparing import Difference
from reports.gathering import Bug, Extent, Gathered, results_of
from stress.corpus.entry import FOUND, GONE, project

TITLE = "The history of eventfs"
LEAD = (
    "Every design in the history of eventfs, the file system under tracing/events, explored under "
    "the scenarios that they share; every recorded bug, found in the design that had it and gone "
    "where it was mended."
)
BESIDE = (
    "Beside it the proposals for watches on a remote file system, which were never merged: which "
    "of them keeps which promise, and what follows."
)
AS_IT_WAS = "before a fix"
"""The results of bugs that are shown with a switch set stand under this name: no design was
released like that."""
WORDS = {
    Extent.COMMITTED: "Nothing was explored for this report: all verdicts, the bugs and the memory "
    "figures are the committed ones (reports/baselines/), and no finding has an interleaving.",
    Extent.SHOWN: "Explored for this report: each bug before and after its fix, and for each "
    "finding the scenario that shows it in the fewest executions ({explored} of {all}). The other "
    "verdicts and the memory figures are the committed ones (reports/baselines/).",
    Extent.EVERYTHING: "All of this was explored for this report.",
}
REPLAYED = "What real kernels answered was replayed for it."


def document_of(made: Gathered, differences: Sequence[Difference]) -> Document:
    """The whole report; what differs from the baselines stands first."""
    results = [*_with_bugs(results_of(made), made), *_as_they_were(made), *_remote(made)]
    document = Document(
        TITLE,
        _lead(made, differences),
        results,
        graph=lock_graph(results),
        lockwright_version=__version__,
        model_version=project().version,
    )
    document.sources = dict(sources_of(timelines(document)))
    anchors = {
        (each.finding.kind, each.finding.signature): each.anchor for each in document.found()
    }
    document.tables = [table for table in _tables(made, differences, anchors) if table.rows]
    return document


def _lead(made: Gathered, differences: Sequence[Difference]) -> str:
    said = WORDS[made.extent].format(
        explored=f"{len(made.results):,}", all=many(len(made.verdicts), "scenario")
    )
    beside = BESIDE if made.remote is not None else ""
    parts = [LEAD, beside, said, REPLAYED if made.conformance else ""]
    if differences:
        count = many(len(differences), "difference")
        parts.insert(0, f"{count} from what is committed: see the table of differences.")
    return " ".join(part for part in parts if part)


def _tables(
    made: Gathered, differences: Sequence[Difference], anchors: Mapping[tuple[str, str], str]
) -> Iterator[Table]:
    yield Table(
        "differences",
        "Differences from what is committed",
        "Either a fault, or a change that the baseline has to follow: each report makes its own "
        "anew with --write.",
        ("where", "expected", "got"),
        tuple((Cell(one.where), Cell(one.expected), Cell(one.got, BAD)) for one in differences),
    )
    heads = corpus.HEADS[: corpus.SECONDS]
    yield Table(
        "bugs",
        "The bugs, found and gone",
        "Before: the executions until the bug was seen. After: a complete exploration. What stands "
        "under before and after are the arguments of lockwright check.",
        heads,
        tuple(_bug_cells(bug, anchors) for bug in made.bugs),
    )
    yield Table(
        "still-there",
        "Bugs that are still there",
        "Nobody has mended these, and the newest release has them.",
        corpus.STILL_THERE_HEADS,
        tuple(_bug_cells(bug, anchors) for bug in made.kept),
    )
    yield Table(
        "without-scenario",
        "Bugs without a scenario",
        "What no model shows, and why.",
        corpus.NOT_MODELLED_HEADS,
        tuple(_plain(cells) for cells in corpus.reasons()) if made.whole else (),
    )
    yield _promises()
    if made.remote is not None:
        yield from remote_telling.tables(made.remote, anchors)
    yield from _conformance(made)
    yield from _memory(made)


def _plain(cells: Iterable[str]) -> tuple[Cell, ...]:
    return tuple(map(Cell, cells))


def _bug_cells(bug: Bug, anchors: Mapping[tuple[str, str], str]) -> tuple[Cell, ...]:
    link = ""
    for finding in bug.shows.findings if bug.shows is not None else ():
        link = anchors.get((finding.kind, finding.signature), "")
    return tuple(_verdict_cell(text, link) for text in bug.cells)


def _verdict_cell(text: str, link: str) -> Cell:
    if text.startswith(f"{FOUND}: "):
        return Cell(text, BAD, link)
    if text.partition(";")[0] == GONE:
        return Cell(text, GOOD)
    return Cell(text)


def _promises() -> Table:
    rows = []
    for one in CATALOGUE:
        seen = (*(check.__name__ for check in (*one.checks, *one.special)), *one.rules)
        cells = (one.id, one.sentence, ", ".join(seen), "; ".join(one.broken_by))
        rows.append(_plain(cells))
    return Table(
        "promises",
        "What the designs must keep",
        "Each promise, what sees it broken, and what breaks it: bugs of the corpus, and faults "
        "that the tests put into the models.",
        ("", "promise", "seen broken by", "for example"),
        tuple(rows),
    )


def _conformance(made: Gathered) -> Iterator[Table]:
    rows = []
    for row in made.conformance:
        cells = _plain((row.kernel, *conformance.cells(row), str(len(row.wrong))))
        tone = BAD if row.wrong else GOOD
        rows.append((*cells[:-1], replace(cells[-1], tone=tone)))
    yield Table(
        "conformance",
        "What real kernels answered",
        "Recorded sequences and interleavings, replayed on the design of each kernel's release.",
        ("kernel", *conformance.MEASURES, "wrong"),
        tuple(rows),
    )
    yield Table(
        "left-out",
        "Recorded steps that are left out",
        "How many, and why, over all kernels.",
        ("steps", "left out, because"),
        tuple(_plain((str(count), why)) for why, count in conformance.reasons()) if rows else (),
    )


def _memory(made: Gathered) -> Iterator[Table]:
    for nth, (tree, of) in enumerate(made.memory.items(), 1):
        yield Table(
            f"memory-{nth}",
            f"Memory of the tree of {tree}",
            "Megabytes (10^6 bytes) of file system objects: idle, when every path was looked up "
            "and every directory listed, and when the caches were dropped after that; then the "
            "objects that are allocated for a file before anybody has looked at it.",
            memory.HEADER,
            tuple(_plain((design, *cells)) for design, cells in of.items()),
        )


def _with_bugs(results: Sequence[Result], made: Gathered) -> Iterator[Result]:
    """The results of released designs, with the bugs that take more executions to be seen."""
    shown: dict[str, list[Result]] = {}
    for more in _shown(made):
        shown.setdefault(more.scenario, []).append(more)
    for result in results:
        yield reduce(_joined, shown.get(result.scenario, []), result)


def _as_they_were(made: Gathered) -> list[Result]:
    """The results of bugs that are shown with a switch set."""
    every: dict[str, Result] = {}
    for shown in _shown(made):
        if shown.scenario not in made.verdicts:
            name = f"{AS_IT_WAS}:{shown.scenario}"
            result = replace(shown, scenario=name)
            every[name] = _joined(every[name], result) if name in every else result
    return list(every.values())


def _remote(made: Gathered) -> list[Result]:
    """What breaks a promise of the remote watches, by scenario."""
    every: dict[str, Result] = {}
    for result in remote_telling.results_of(made.remote).values() if made.remote else ():
        name = result.scenario
        every[name] = _joined(every[name], result) if name in every else result
    return list(every.values())


def _shown(made: Gathered) -> Iterator[Result]:
    """What shows the bugs, in their order."""
    for bug in (*made.bugs, *made.kept):
        if bug.shows is not None:
            yield bug.shows


def _joined(one: Result, other: Result) -> Result:
    """The findings of both, each once."""
    known = {(finding.kind, finding.signature) for finding in one.findings if finding.events}
    more = [each for each in other.findings if (each.kind, each.signature) not in known]
    new = {(finding.kind, finding.signature) for finding in more}
    kept = [each for each in one.findings if (each.kind, each.signature) not in new]
    return replace(one, findings=[*kept, *more])


def lock_graph(results: Iterable[Result]) -> LockGraph | None:
    """The orders of the designs as released, and which of their cycles happen.

    A class is named with its design: an order of one and an order of another make no cycle.
    """
    graph = LockGraph()
    for result in results:
        design = result.scenario.partition(":")[0]
        if result.lock_graph and design not in (AS_IT_WAS, remote_telling.WITHOUT_A_PART):
            named = partial(_of_design, design)
            orders = [
                {**order, "held": named(order["held"]), "new": named(order["new"])}
                for order in result.lock_graph
            ]
            add_result(graph, design, orders)
            found = [
                replace(each, classes=tuple(map(named, each.classes))) for each in result.findings
            ]
            add_findings(graph, result.scenario, found)
    return graph if len(graph) else None


def _of_design(design: str, name: str) -> str:
    return f"{design.removeprefix('eventfs/')}: {name}"
