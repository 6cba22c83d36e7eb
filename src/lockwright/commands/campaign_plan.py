"""`lockwright campaign run --dry-run`: what a plan's items are, and what bounds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockwright.campaign.item import CORPUS, Item
from lockwright.campaign.plan import Plan
from lockwright.core.location import Value
from lockwright.report.campaign import many
from lockwright.report.columns import WIDTH
from lockwright.report.lines import folded
from lockwright.report.table import grid

VERSION = 1
HEADS = ("item", "bound", "arms", "expectations")


def items_text(plan: Plan, items: Sequence[Item], width: int = WIDTH) -> str:
    """A line for each item, and how many there are; below it what ends the campaign."""
    rows: list[tuple[list[str], str | Sequence[str]]] = [
        (
            [item.name, bound_text(item), str(len(item.arms) or ""), str(len(item.expected) or "")],
            "",
        )
        for item in items
    ]
    bounds = [item.options.executions for item in items]
    known = sum(bound or 0 for bound in bounds)
    said = [f"campaign {plan.name}: {many(len(items), 'item')}"]
    if known:
        said.append(f"at most {many(known, 'execution')}")
    if unbounded := bounds.count(None):
        said.append(f"{many(unbounded, 'item')} without a bound of executions")
    lines = folded("; ".join(said), width)
    stops = [part for line in stop_lines(plan) for part in folded(f"- {line}", width)]
    return "\n".join([*lines, *stops, "", *grid(HEADS, rows, width)])


def bound_text(item: Item) -> str:
    """What ends the exploration of an item, beside its own end."""
    options, said = item.options, []
    if options.executions is not None:
        said.append(f"{options.executions:,}")
    if options.seconds is not None:
        said.append(f"{options.seconds:g} s")
    return ", ".join(said) or "none"


def stop_lines(plan: Plan) -> Iterator[str]:
    """What ends the campaign, and each piece."""
    stop, limits = plan.stop, plan.limits
    if stop.executions is not None:
        yield f"stops after {many(stop.executions, 'execution')}"
    if stop.seconds is not None:
        yield f"stops after {stop.seconds:g} seconds of work"
    if stop.findings is not None:
        yield f"stops at {many(stop.findings, 'finding')}"
    memory = f"{limits.memory_mb:,} megabytes" if limits.memory_mb else "any memory"
    yield f"a piece may take {limits.seconds:g} seconds and {memory}"
    yield f"guidance: {plan.guidance}"


def items_json(plan: Plan, items: Sequence[Item]) -> dict[str, Value]:
    """The same for other programs, with a version."""
    return {
        "version": VERSION,
        "campaign": plan.name,
        "items": [
            {
                "number": item.number,
                "item": item.name,
                "scenario": item.scenario,
                "parameters": dict(item.parameters),
                "strategy": item.strategy,
                "executions": item.options.executions,
                "seconds": item.options.seconds,
                "arms": [arm.name for arm in item.arms if arm.strategy != CORPUS],
                "guided": item.options.coverage,
                "expectations": len(item.expected),
            }
            for item in items
        ],
    }
