"""The files that a lock graph, or two, can be written to, by how their names end."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import lockwright
from lockwright.core.errors import UsageError
from lockwright.report.document import Document
from lockwright.report.lockgraph import LockGraph
from lockwright.report.lockgraph.compare import Comparison
from lockwright.report.lockgraph.compare_text import comparison_as_json
from lockwright.report.lockgraph.dot import compared_dot, graph_dot
from lockwright.report.lockgraph.graphml import graph_graphml
from lockwright.report.lockgraph.jsonform import graph_as_json
from lockwright.report.lockgraph.marks import Marks
from lockwright.report.lockgraph.svg import compared_svg, graph_svg

FORMS = (".svg", ".html", ".dot", ".graphml", ".json")
COMPARED = (".svg", ".html", ".dot", ".json")


def suffix_of(output: str, forms: Iterable[str] = FORMS) -> str:
    """How a file's name ends.  Raises UsageError if that is no form of a lock graph."""
    suffix = Path(output).suffix.lower()
    if suffix not in forms:
        raise UsageError(f"cannot write {output!r}: its name must end in {', '.join(forms)}")
    return suffix


def drawn(graph: LockGraph, suffix: str) -> str:
    """A graph in the form that a file's name asks for."""
    if suffix == ".json":
        return json.dumps(graph_as_json(graph), indent=1, sort_keys=True)
    if suffix == ".html":
        return _page("Lock graph", graph)
    marks = Marks(graph)
    if suffix == ".dot":
        return graph_dot(graph, marks)
    return (graph_svg if suffix == ".svg" else graph_graphml)(graph, marks)


def drawn_compared(found: Comparison, suffix: str) -> str:
    """The same for two graphs."""
    if suffix == ".json":
        return json.dumps(comparison_as_json(found), indent=1, sort_keys=True)
    if suffix == ".html":
        return _page("Lock graphs compared", found.new, found.old)
    return (compared_svg if suffix == ".svg" else compared_dot)(found)


def _page(title: str, graph: LockGraph, before: LockGraph | None = None) -> str:
    from lockwright.report.page import page  # noqa: PLC0415  # templates load slowly

    document = Document(title, graph=graph, before=before)
    document.lockwright_version = lockwright.__version__
    return page(document)
