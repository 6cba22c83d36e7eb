"""A lock graph as GraphML, and back.

The attributes that other programs show (name, state, kinds) are plain text; the attribute `facts`
has all that is known, as JSON, which no hostile name can make invalid XML.  `place` is an edge's
in the graph's order.
"""

from __future__ import annotations

import json
import warnings
from xml.etree.ElementTree import ParseError

from lockwright.core.errors import UsageError
from lockwright.report.lockgraph.graph import LockGraph, plain
from lockwright.report.lockgraph.jsonform import graph_as_json, graph_from_json
from lockwright.report.lockgraph.marks import Marks, state_text


def graph_graphml(graph: LockGraph, marks: Marks) -> str:
    """The graph as text."""
    import networkx  # noqa: PLC0415  # see LockGraph.digraph

    data = graph_as_json(graph)
    number = {name: f"n{at}" for at, name in enumerate(graph.classes)}
    made = networkx.DiGraph()
    for item, lock in zip(data.pop("classes"), graph.classes.values(), strict=True):
        made.add_node(
            number[lock.name],
            label=plain(lock.name),
            state=state_text(lock),
            cycle=lock.name in marks.classes,
            facts=json.dumps(item),
        )
    for place, (item, ends) in enumerate(zip(data.pop("edges"), graph.edges, strict=True)):
        made.add_edge(
            *(number[name] for name in ends),
            place=place,
            kinds=" ".join(item["kinds"]),
            cycle=ends in marks.edges,
            facts=json.dumps(item),
        )
    made.graph["facts"] = json.dumps(data)
    return "\n".join(networkx.generate_graphml(made)) + "\n"


def graph_from_graphml(text: str) -> LockGraph:
    """Read what `graph_graphml` gave.  Raises UsageError for anything else."""
    import networkx  # noqa: PLC0415  # see LockGraph.digraph

    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UsageError("malformed GraphML: it defines entities")
    try:
        with warnings.catch_warnings():  # what networkx would guess at, we have not written
            warnings.simplefilter("error", UserWarning)
            read = networkx.parse_graphml(text)
        data = json.loads(read.graph["facts"])
        data["classes"] = [json.loads(facts) for _, facts in read.nodes(data="facts")]
        edges = sorted(read.edges(data=True), key=lambda edge: edge[2]["place"])
        data["edges"] = [json.loads(edge["facts"]) for *_, edge in edges]
    except (
        *(AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError),
        *(UserWarning, ParseError, networkx.NetworkXException),
    ) as error:
        raise UsageError(
            f"malformed GraphML, or not of lockwright: {type(error).__name__}: {error}"
        ) from None
    return graph_from_json(data)
