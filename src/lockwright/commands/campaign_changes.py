"""What `lockwright campaign compare` prints: what changed from one campaign to another."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.campaign.compare import GONE, NEW, STILL, Comparison, Pair, Seen, Side
from lockwright.commands.campaign_answers import STANDING
from lockwright.report.campaign import PLACES_MAX, many
from lockwright.report.columns import WIDTH
from lockwright.report.lines import folded, replay_line

WORDS = {True: "complete", False: "not complete"}


def changes_text(comparison: Comparison, width: int = WIDTH) -> str:
    """The two campaigns, what is new, what is gone, what ends otherwise, and what is as it was."""
    parts = [_sides(comparison)]
    for which, names in (("first", comparison.only_one), ("second", comparison.only_other)):
        if names:
            parts.append([f"only in the {which}:", *(f"  {name}" for name in names)])
    for state in (NEW, GONE):
        parts += [list(_seen(seen)) for seen in comparison.of(state)]
    parts += [list(_pair(pair)) for pair in comparison.items]
    parts.append(list(_rest(comparison)))
    return "\n\n".join("\n".join(_folded(lines, width)) for lines in parts)


def _folded(lines: list[str], width: int) -> Iterator[str]:
    """A replay line stays in one piece."""
    for line in lines:
        if "lockwright replay '" in line:
            yield line
        else:
            yield from folded(line, width)


def _sides(comparison: Comparison) -> list[str]:
    one, other = comparison.one, comparison.other
    lines = [f"first: {_side(one)}", f"second: {_side(other)}"]
    for what, before, after in (
        ("version of the model", one.model_version, other.model_version),
        ("lockwright", one.lockwright_version, other.lockwright_version),
    ):
        if before != after:
            lines.append(f"{what}: {before}, then {after}")
    return lines


def _side(side: Side) -> str:
    return (
        f"campaign {side.name}: {many(side.items, 'item')}, "
        f"{many(side.executions, 'execution')}, {many(side.findings, 'finding')}"
    )


def _seen(seen: Seen) -> Iterator[str]:
    said = seen.message if seen.message.startswith(seen.kind) else f"{seen.kind}: {seen.message}"
    yield f"{seen.state}: {said}"
    if not seen.settled:
        which = "first" if seen.state == NEW else "second"
        yield f"  not settled: the {which} campaign is not done with all of these items"
    counts = seen.other if seen.state == NEW else seen.one
    places = list(counts.items())
    for name, count in places[:PLACES_MAX]:
        yield f"  {name}: {count:,}"
    if len(places) > PLACES_MAX:
        yield f"  and {many(len(places) - PLACES_MAX, 'item')} more"
    if seen.token:
        yield f"  {replay_line(seen.token)}"


def _pair(pair: Pair) -> Iterator[str]:
    yield f"{'changed' if pair.changed else 'not the same'}: {pair.name}"
    if not pair.settled:
        yield f"  not settled: {STANDING[pair.phase[0]]}, then {STANDING[pair.phase[1]]}"
    if pair.verdict is not None:
        yield f"  verdict: {pair.verdict[0]}, then {pair.verdict[1]}"
    if pair.complete is not None:
        yield f"  {WORDS[pair.complete[0]]}, then {WORDS[pair.complete[1]]}"
    if pair.executions is not None:
        yield f"  executions: {pair.executions[0]:,}, then {pair.executions[1]:,}"
    for text, (before, after) in (pair.outcomes or {}).items():
        yield f"  outcome {text!r}: {before:,} times, then {after:,}"
    if pair.gained is not None:
        yield f"  covered in the second alone: {pair.gained.score():,.0f} orders and states"
    if pair.lost is not None:
        yield f"  covered in the first alone: {pair.lost.score():,.0f} orders and states"


def _rest(comparison: Comparison) -> Iterator[str]:
    """What is as it was."""
    still = len(comparison.of(STILL))
    items = "item is as it was" if comparison.same == 1 else "items are as they were"
    findings = "finding is still there" if still == 1 else "findings are still there"
    yield f"{comparison.same:,} {items}; {still:,} {findings}"
    if not comparison.changed:
        yield "nothing changed"
