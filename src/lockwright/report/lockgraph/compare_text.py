"""What differs between two lock graphs, in words and for machines."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.location import Value
from lockwright.report.columns import counted
from lockwright.report.lines import folded
from lockwright.report.lockgraph.compare import ChangedCycle, Comparison
from lockwright.report.lockgraph.graph import Edge, names_text, plain
from lockwright.report.lockgraph.jsonform import graph_as_json
from lockwright.report.lockgraph.judging import SAID
from lockwright.report.lockgraph.text import cycle_as_json, cycle_text, sized

VERSION = 1
FORMAT = "lock graph comparison"


def comparison_text(found: Comparison, width: int, *, orders: bool = True) -> str:
    """What a change has made of a lock graph: its cycles first, then classes and orders."""
    lines = [
        *folded(f"old: {sized(found.old)}", width),
        *folded(f"new: {sized(found.new)}", width),
    ]
    lines += _cycles(found, width)
    if orders:
        lines += _classes(found)
        lines += _orders(found)
    if found.same:
        lines += ["", "nothing differs"]
    return "\n".join(lines)


def _cycles(found: Comparison, width: int) -> Iterator[str]:
    for title, cycles, graph in (
        ("new", found.cycles_new, found.new),
        ("gone", found.cycles_gone, found.old),
    ):
        for number, each in enumerate(cycles, 1):
            yield ""
            yield cycle_text(graph, each, number, width).replace("cycle", f"{title} cycle", 1)
    if found.cycles_still:
        yield ""
        yield f"{counted(len(found.cycles_still), 'cycle')} in both:"
        for still in found.cycles_still:
            yield from folded(f"  {_still(still)}", width)


def _still(each: ChangedCycle) -> str:
    names = each.new.cycle.classes
    old, new = SAID[each.old.reality], SAID[each.new.reality]
    said = new if old == new else f"{old} -> {new}"
    return f"{names_text((*names, names[0]))}: {said}"


def classes_changed(found: Comparison) -> str:
    """How many classes came and went."""
    return f"classes: {len(found.classes_gone)} gone, {len(found.classes_new)} new"


def orders_changed(found: Comparison) -> str:
    """The same of orders."""
    return (
        f"orders: {len(found.orders_gone)} gone, {len(found.orders_new)} new, "
        f"{len(found.changed)} of other kinds"
    )


def _classes(found: Comparison) -> Iterator[str]:
    if found.classes_gone or found.classes_new:
        yield ""
        yield classes_changed(found)
        yield from (f"  - {plain(name)}" for name in found.classes_gone)
        yield from (f"  + {plain(name)}" for name in found.classes_new)


def _orders(found: Comparison) -> Iterator[str]:
    if found.orders_gone or found.orders_new or found.changed:
        yield ""
        yield orders_changed(found)
        yield from (f"  - {_order(edge)}" for edge in found.orders_gone)
        yield from (f"  + {_order(edge)}" for edge in found.orders_new)
        for old, new in found.changed:
            yield f"  ~ {_order(old)} -> {' '.join(new.kinds)}"


def _order(edge: Edge) -> str:
    return f"{names_text((edge.held, edge.taken))}  {' '.join(edge.kinds)}"


def comparison_as_json(found: Comparison) -> dict[str, Value]:
    """The same for machines, with both graphs whole.

    `orders.changed` has the old and the new kinds, `cycles.still` a cycle as it is in each.
    """
    return {
        "version": VERSION,
        "format": FORMAT,
        "same": found.same,
        "classes": {"gone": list(found.classes_gone), "new": list(found.classes_new)},
        "orders": {
            "gone": [_ends(edge) for edge in found.orders_gone],
            "new": [_ends(edge) for edge in found.orders_new],
            "changed": [
                {
                    "held": new.held,
                    "taken": new.taken,
                    "old": list(old.kinds),
                    "new": list(new.kinds),
                }
                for old, new in found.changed
            ],
        },
        "cycles": {
            "gone": [cycle_as_json(each) for each in found.cycles_gone],
            "new": [cycle_as_json(each) for each in found.cycles_new],
            "still": [
                {"old": cycle_as_json(each.old), "new": cycle_as_json(each.new)}
                for each in found.cycles_still
            ],
        },
        "old": graph_as_json(found.old),
        "new": graph_as_json(found.new),
    }


def _ends(edge: Edge) -> dict[str, Value]:
    return {"held": edge.held, "taken": edge.taken, "kinds": list(edge.kinds)}
