"""What an exploration covered, in words: how much, and what was seen in one order only."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.coverage import Coverage, Pair
from lockwright.core.result import Result
from lockwright.report.columns import WIDTH, counted
from lockwright.report.lines import folded

BY_STATES = "liveness"
"""The strategy that is complete when it has seen every state, which is not every order."""


def coverage_text(result: Result, width: int = WIDTH) -> str:
    """A line of figures, and below it the racing pairs with one order; empty if nobody asked."""
    coverage = result.coverage
    if coverage is None:
        return ""
    every = result.complete and result.strategy != BY_STATES
    said = [f"{result.scenario}: {figures(coverage)}"]
    if left := list(one_order(coverage)):
        said.append(
            "  these never come the other way round, in no schedule:"
            if every
            else "  these were seen in one order only:"
        )
        said += [f"    {line}" for line in left]
    return "\n".join(line for each in said for line in folded(each, width))


def figures(coverage: Coverage) -> str:
    """How much was covered, in one line."""
    pairs, both = len(coverage.pairs), len(coverage.both())
    states = sum(map(len, coverage.states.values()))
    return (
        f"{both} of {counted(pairs, 'racing pair')} seen in both orders, "
        f"{counted(len(coverage.lock_orders), 'lock order')}, "
        f"{counted(states, 'state')} of {counted(len(coverage.states), 'thing')}"
    )


def one_order(coverage: Coverage) -> Iterator[str]:
    """For each pair that was seen in one order only, this order."""
    for pair in coverage.one_order():
        yield pair_text(pair, one_first=coverage.pairs[pair].one_first > 0)


def pair_text(pair: Pair, *, one_first: bool) -> str:
    """`inode->i_size: A() WRITE_ONCE before B() READ_ONCE`."""
    first, second = (pair.one, pair.other) if one_first else (pair.other, pair.one)
    if first == second:
        who = "the task made first before the other" if one_first else "the later task first"
        return f"{pair.location}: {first} of both tasks, {who}"
    return f"{pair.location}: {first} before {second}"
