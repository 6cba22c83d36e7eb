"""The table of the remote watches as text, for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from lockwright.report.document import BAD, GOOD, UNSURE
from lockwright.report.lines import folded, replay_line
from reports.remote_telling import (
    BOUND_LEAD,
    FINALLY,
    FINALLY_LEAD,
    TITLE,
    TONES,
    Remote,
    bound_heads,
    bound_rows,
    ending_rows,
    rows_of,
    switch_lead,
    verdicts_of,
)
from reports.remote_verdicts import AGAIN, SENTENCES, Breach

COLOURS = {GOOD: "green", BAD: "bold red", UNSURE: "yellow"}


def printed(remote: Remote, console: Console) -> None:
    """The whole for people."""
    found = remote.found
    _say(console, TITLE, "")
    grid = Table("", *(each.short for each in found))
    for promise, verdicts in rows_of(found):
        grid.add_row(promise, *map(_coloured, verdicts))
    console.print(grid)
    _say(console, *(f"{each.short}: {each.title} ({each.design})" for each in found))
    _say(console, "", *(f"{promise}: {sentence}" for promise, sentence in SENTENCES.items()))
    _say(console, "", remote.lead)
    for each in found:
        _say(console, f"{each.short}: {each.whole}")
    if not remote.anew:
        _say(console, f"These verdicts are the committed ones; {AGAIN} decides them anew.")
    for each in found:
        broken = [(p, one.breach) for p, one in each.promises.items() if one.breach is not None]
        _breaches(remote, console, f"What breaks in {each.design}", broken)
    for each in found:
        if each.switches:
            _say(console, "", f"What each part of {each.design} is for", "", switch_lead(each))
        for switch, broke in each.switches.items():
            _breaches(remote, console, f"Without {switch}", list(broke.items()), "case")
    _endings(remote, console)
    bound = Table(*bound_heads(found))
    bound.columns[0].no_wrap = True
    for column in bound.columns[1:]:
        column.justify = "right"
    for cells in bound_rows(found):
        bound.add_row(*cells)
    _say(console, "", "The bound", "", BOUND_LEAD)
    console.print(bound)
    _say(console, "", "Recommendation", "", *(f"- {said}" for said in remote.advice))


def _coloured(verdict: str) -> str:
    return f"[{COLOURS[TONES[verdict]]}]{verdict}[/]" if verdict else ""


def _endings(remote: Remote, console: Console) -> None:
    """What finally happens; the programs stand below the table, as they are long."""
    rows = list(ending_rows(remote.found))
    if not rows:
        return
    grid = Table("", "promise", *(each.short for each in remote.found))
    for nth, (promise, _, endings) in enumerate(rows, 1):
        grid.add_row(str(nth), promise, *map(_coloured, verdicts_of(endings)))
    _say(console, "", FINALLY, "", FINALLY_LEAD)
    console.print(grid)
    _say(console, *(f"{nth}: {program}" for nth, (_, program, _) in enumerate(rows, 1)))
    for each in remote.found:
        broken = [(one.promise, one.breach) for one in each.endings.values() if one.breach]
        if broken:
            _breaches(remote, console, f"What goes round for ever in {each.design}", broken)


def _say(console: Console, *lines: str) -> None:
    for line in lines:
        for part in folded(line, console.width):
            console.print(part, markup=False, highlight=False, soft_wrap=True)


def _breaches(
    remote: Remote,
    console: Console,
    head: str,
    broken: Sequence[tuple[str, Breach]],
    noun: str = "program",
) -> None:
    """What breaks, by scenario, and what replays it."""
    _say(console, "", f"{head}:" if broken else f"{head}: nothing.")
    scenarios: dict[str, list[tuple[str, Breach]]] = {}
    for promise, breach in broken:
        scenarios.setdefault(breach.arguments, []).append((promise, breach))
    for arguments, each in scenarios.items():
        _say(console, "")
        console.print(f"lockwright check {arguments}", markup=False, soft_wrap=True)
        by_token: dict[str, list[str]] = {}
        for promise, breach in each:
            by_token.setdefault(remote.token(breach), []).append(_line(promise, breach, noun))
        for token, lines in by_token.items():
            _say(console, *(f"  {line}" for line in lines))
            said = f"  {replay_line(token)}" if token else "  it is not found any more"
            console.print(said, markup=False, highlight=False, soft_wrap=True)


def _line(promise: str, breach: Breach, noun: str) -> str:
    said = breach.said if breach.said.startswith(f"{promise}: ") else f"{promise}: {breach.said}"
    more = breach.count - 1
    return f"{said} (and in {more:,} {noun}{'s' if more > 1 else ''} more)" if more else said
