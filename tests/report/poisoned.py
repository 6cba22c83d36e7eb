"""Documents with every text replaced: what a report is given by strangers, and must only show.

`poisoned(value, poison)` rebuilds data of any kind with `poison` applied to each text, but for the
words that are ours (`OURS`).  The same text becomes the same other text wherever it stands, so what
belongs together still does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.report.document import Cell, Document, Table
from lockwright.report.lockgraph import LockGraph
from lockwright.report.lockgraph.sources import add_result

Poison = Callable[[str], str]

OURS = {
    "Attempt": ("outcome",),
    "Cell": ("tone", "link"),
    "Event": ("kind", "context"),
    "Finding": ("reality", "report"),
    "Hold": ("how",),
    "ItemLine": ("standing",),
    "Lane": ("context",),
    "Link": ("how",),
    "Lock": ("kind",),
    "Prediction": ("reality",),
    "Result": ("granularity", "lock_graph"),
    "Table": ("anchor",),
}
"""The words that only this program writes, by the record that has them."""

MARKUP = (
    "<script>alert(1)</script></script><!--</style></textarea></title>]]>-->"
    "<img src=x onerror=alert(1)>\"'`&amp;&lt;&#0;&bogus;{{7*7}}{% raw %}${1}\\u003c%s%n\\"
)
CONTROLS = (
    "\x00\x01\x07\x08\x0b\x0c\x0e\x1b[31m\x1b]0;own\x07\x7f\x80\x9b31m\ufeff\ufffe\uffff"
    "\u2028\u2029\u202e\u2066\u200b\ud800-\udfff-\udbff\U000e0041\r"
)
LINES = "one\ntwo\r\nthree\t"
LONG = "m" * 5_000


def markup(text: str) -> str:
    """Whatever may end or begin something in a form."""
    return MARKUP + text


def controls(text: str) -> str:
    """Whatever a terminal, a parser or an encoder may stumble over."""
    return CONTROLS + text


def lines(text: str) -> str:
    """Several lines."""
    return LINES + text


def long(text: str) -> str:
    """A name without an end."""
    return LONG + text


def plain(text: str) -> str:
    """Nothing that is of interest to anybody."""
    return "plain" + text


def poisoned(value: Value, poison: Poison) -> Value:
    """A copy with other texts."""
    if isinstance(value, Enum) or value is None:
        return value
    if isinstance(value, str):
        return poison(value)
    if isinstance(value, LockGraph):
        raise TypeError("a graph is made anew of its results")
    ours = OURS.get(type(value).__name__, ())
    if is_dataclass(value):
        names = [each.name for each in fields(value) if each.init and each.name not in ours]
        made: Any = value
        return replace(made, **{name: poisoned(getattr(value, name), poison) for name in names})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        record: Any = value
        given = {name: getattr(record, name) for name in record._fields if name not in ours}
        return record._replace(**{name: poisoned(each, poison) for name, each in given.items()})
    if isinstance(value, dict):
        return {poisoned(key, poison): poisoned(each, poison) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(poisoned(each, poison) for each in value)
    return value


def poisoned_document(document: Document, poison: Poison) -> Document:
    """The whole document, its lock graph made of its results."""
    graph, before = document.graph, document.before
    made: Document = poisoned(replace(document, graph=None, before=None), poison)
    made.tables.append(_table(poison))
    for result, old in zip(made.results, document.results, strict=True):
        result.lock_graph = [_order(entry, poison) for entry in old.lock_graph]
    made.graph = graph_of(made.results) if graph is not None else None
    made.before = graph_of(made.results[:1]) if before is not None else None
    return made


def _table(poison: Poison) -> Table:
    cells = tuple(Cell(poison(text), tone, "findings") for text, tone in (("a", "bad"), ("b", "")))
    return Table("mine", poison("title"), poison("lead"), (poison("x"), poison("y")), (cells,) * 20)


def _order(entry: dict[str, Value], poison: Poison) -> dict[str, Value]:
    told = {name: poisoned(entry[name], poison) for name in ("held", "new", "stack")}
    return {**entry, **told}


def graph_of(results: list[Result]) -> LockGraph:
    """The orders of all of them."""
    graph = LockGraph()
    for result in results:
        add_result(graph, result.scenario, result.lock_graph)
    return graph
