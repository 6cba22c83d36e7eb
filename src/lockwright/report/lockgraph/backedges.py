"""The edges without which a graph has no cycle."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def back_edges(after: Mapping[Node, Iterable[Node]]) -> list[tuple[Node, Node]]:
    """The edges that a depth first search finds to lead back to a node on its way.

    Each cycle has at least one of them.  Every node is a key of `after`.
    """
    on_the_way: dict[Node, bool] = {}
    back = []
    for root in after:
        if root in on_the_way:
            continue
        on_the_way[root] = True
        way = [(root, iter(after[root]))]
        while way:
            node, ends = way[-1]
            for end in ends:
                if end not in on_the_way:
                    on_the_way[end] = True
                    way.append((end, iter(after[end])))
                    break
                if on_the_way[end]:
                    back.append((node, end))
            else:
                on_the_way[node] = False
                way.pop()
    return back
