"""A lock graph as JSON, and back: for machines, and to be merged another day."""

from __future__ import annotations

import math

from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.core.prediction import CONFIRMED, OPEN, REFUTED
from lockwright.report.lockgraph.graph import KINDS, Judgement, LockClass, LockGraph, Measure, Way

VERSION = 1
FORMAT = "lock graph"
REALITIES = (CONFIRMED, OPEN, REFUTED)


def graph_as_json(graph: LockGraph) -> dict[str, Value]:
    """All facts of a graph, in its order."""
    return {
        "version": VERSION,
        "format": FORMAT,
        "sources": list(graph.sources),
        "reported": list(graph.reported),
        "numbers_folded": graph.numbers_folded,
        "folded": graph.folded,
        "classes": [class_as_json(lock) for lock in graph.classes.values()],
        "edges": [
            {
                "held": edge.held,
                "taken": edge.taken,
                "kinds": list(edge.kinds),
                "ways": [
                    {"kind": way.kind, "source": way.source, "frames": list(way.frames)}
                    for way in edge.ways
                ],
            }
            for edge in graph.edges.values()
        ],
        "judgements": [judgement_as_json(each) for each in graph.judgements],
    }


def class_as_json(lock: LockClass) -> dict[str, Value]:
    """One class."""
    return {
        "name": lock.name,
        "usage": lock.usage,
        "waits": [list(wait) for wait in lock.waits],
        "measures": [
            {
                "source": measure.source,
                "what": measure.what,
                "values": dict(measure.values),
                "points": [list(point) for point in measure.points],
            }
            for measure in lock.measures
        ],
    }


def judgement_as_json(judgement: Judgement) -> dict[str, Value]:
    """What came of one cycle."""
    return {
        "classes": list(judgement.classes),
        "kind": judgement.kind,
        "reality": judgement.reality,
        "because": judgement.because,
        "token": judgement.token,
        "scenario": judgement.scenario,
    }


def graph_from_json(data: Value) -> LockGraph:
    """Read what `graph_as_json` gave.  Raises UsageError for anything else."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UsageError("malformed lock graph: expected an object with format 'lock graph'")
    if data.get("version") != VERSION:
        raise UsageError(
            f"lock graph of version {data.get('version')!r}: this lockwright reads version "
            f"{VERSION}"
        )
    graph = LockGraph()
    try:
        for source in data["sources"]:
            graph.add_source(_text(source))
        for source in data["reported"]:
            graph.add_source(_text(source), reported=True)
        graph.numbers_folded = bool(data["numbers_folded"])
        graph.folded = int(data["folded"])
        for item in data["classes"]:
            _read_class(graph, item)
        for item in data["edges"]:
            _read_edge(graph, item)
        for item in data.get("judgements", ()):  # older ones have none
            graph.add_judgement(_read_judgement(item))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"malformed lock graph: {type(error).__name__}: {error}") from None
    return graph


def _read_class(graph: LockGraph, item: Value) -> None:
    lock = graph.add_class(_text(item["name"]), _text(item["usage"]))
    for outer, inner in item["waits"]:
        graph.add_class(lock.name, wait=(int(outer), int(inner)))
    for measure in item["measures"]:
        values = {_text(name): _number(value) for name, value in measure["values"].items()}
        points = tuple(
            (_text(side), int(count), _text(symbol)) for side, count, symbol in measure["points"]
        )
        made = Measure(_text(measure["source"]), _text(measure["what"]), values, points)
        graph.add_measure(lock.name, made)


def _read_edge(graph: LockGraph, item: Value) -> None:
    if not item["ways"]:
        raise ValueError("an edge that no source tells of")
    for way in item["ways"]:
        kind = _text(way["kind"])
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of edge")
        frames = tuple(map(_text, way["frames"]))
        graph.add_edge(
            _text(item["held"]), _text(item["taken"]), Way(kind, _text(way["source"]), frames)
        )


def _read_judgement(item: Value) -> Judgement:
    reality = _text(item["reality"])
    if reality not in REALITIES:
        raise ValueError(f"{reality!r} is no reality of a cycle")
    told = (_text(item[name]) for name in ("because", "token", "scenario"))
    classes = tuple(map(_text, item["classes"]))
    if not classes:
        raise ValueError("a judgement on no class")
    return Judgement(classes, _text(item["kind"]), reality, *told)


def _number(value: Value) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no number of anything")
    return number


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
