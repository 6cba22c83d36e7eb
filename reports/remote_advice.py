"""What follows from the verdicts on the remote watches: sentences, computed and not written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lockwright.report.campaign import many
from reports import corpus
from reports.remote_verdicts import (
    COMES,
    EIGHT,
    FOR_EVER,
    NOT_DECIDED,
    NOT_TOLD,
    OTHER,
    VERIFIED,
    VIOLATED,
    Decided,
)
from stress.corpus.entry import FOUND, GONE


class Mended(NamedTuple):
    """A bug of the corpus: in which design it is found, and by which switches, or in which other
    design, it is gone; `holds` says whether it is."""

    bug: str
    design: str
    switches: tuple[str, ...]
    elsewhere: str
    holds: bool


def mended(rows: Iterable[Sequence[str]], designs: Sequence[str]) -> list[Mended]:
    """What the table of the corpus says of the bugs of these designs."""
    found = []
    for row in rows:
        (before, *had), (after, *has) = (cell.split(" --param ") for cell in (row[2], row[5]))
        design, _, _ = before.partition(":")
        other, _, _ = after.partition(":")
        if design in designs:
            holds = row[3].startswith(f"{FOUND}: ") and row[6].partition(";")[0] == GONE
            switches = tuple(given for given in has if given not in had)
            elsewhere = other if other != design else ""
            found.append(Mended(row[0], design, switches, elsewhere, holds))
    return found


def committed_bugs(designs: Sequence[str]) -> list[Mended]:
    """The same of the committed table."""
    heads = corpus.HEADS
    return mended(corpus.rows_in(corpus.BASELINE.read_text(encoding="utf-8"), heads), designs)


def advice(found: Sequence[Decided], bugs: Sequence[Mended], tasks: int) -> list[str]:
    """What there is to say of the variants; their bound has programs of so many tasks."""
    said = [_standing(each) for each in found]
    for each in found:
        said += _mending(each, [bug for bug in bugs if bug.design == each.design])
    return [*said, *_conclusion(found, tasks)]


def _standing(each: Decided) -> str:
    """`fsnotify/changed: keeps P1 and P4 within the bound; breaks P2.`"""
    promised = [name for name in each.promises if name != OTHER]
    kept = [name for name in each.having(VERIFIED) if name in promised]
    parts = [f"keeps {listed(kept)} within the bound"] if kept else []
    if broken := [name for name in each.having(VIOLATED) if name in promised]:
        parts.append(f"breaks {listed(broken)}")
    if left := [name for name in each.having(NOT_DECIDED) if name in promised]:
        verb = "is" if len(left) == 1 else "are"
        parts.append(f"{listed(left)} {verb} not decided")
    if late := each.ending(FOR_EVER):
        parts.append(f"what {listed(late)} promises may never come")
    if late := each.ending(NOT_TOLD):
        parts.append(f"whether what {listed(late)} promises comes could not be told")
    other = each.promises[OTHER].breach if OTHER in each.promises else None
    if other is not None:
        parts.append(f"beside these there is: {other.kind}")
    return f"{each.design}: {'; '.join(parts)}."


def _mending(each: Decided, bugs: Sequence[Mended]) -> Iterator[str]:
    """Which of its bugs a switch mends, and which only another design."""
    by_switch: dict[str, list[str]] = {}
    by_design: dict[str, list[str]] = {}
    for bug in bugs:
        if bug.holds and bug.switches and not bug.elsewhere:
            by_switch.setdefault(" with ".join(bug.switches), []).append(bug.bug)
        elif bug.holds:
            by_design.setdefault(bug.elsewhere, []).append(bug.bug)
    if by_switch:
        parts = [f"{switch} mends {listed(names)}" for switch, names in by_switch.items()]
        yield f"In {each.design} {'; '.join(parts)}."
    for design, names in by_design.items():
        if design:
            yield f"{design} does not have {listed(names)} of {each.design}."
        else:
            verb = "is" if len(names) == 1 else "are"
            yield f"In {each.design} {listed(names)} {verb} mended by what it has by itself."
    if left := [bug.bug for bug in bugs if not bug.holds]:
        verb = "is" if len(left) == 1 else "are"
        yield f"In {each.design} {listed(left)} {verb} not found before its fix, or not gone after."


def _conclusion(found: Sequence[Decided], tasks: int) -> Iterator[str]:
    """Which variant keeps everything, and what it needs; or that none does."""
    best = [each for each in found if not _lacking(each)]
    for each in best:
        whole = each.whole
        yield (
            f"{each.design} keeps all of {listed(EIGHT)} within the bound: "
            f"{many(whole.programs, 'program')} of up to {tasks} concurrent calls, "
            f"{many(whole.executions, 'execution')}. So none of these promises is at odds with "
            "the others."
        )
        if each.endings:
            of = each.ending(COMES)
            verb = "promises" if len(of) == 1 else "promise"
            yield f"Under every fair scheduler what {listed(of)} {verb} comes."
        if needs := [_need(switch, broken) for switch, broken in each.switches.items()]:
            yield f"What {each.design} needs: {'; '.join(needs)}."
        if lacks := [name for name in each.having(VIOLATED, NOT_DECIDED) if name not in EIGHT]:
            verdicts = [f"{name} is {each.promises[name].verdict}" for name in lacks]
            yield f"Beside these promises, of {each.design}: {'; '.join(verdicts)}."
    if best:
        yield f"Whoever takes this up should begin with {listed([each.design for each in best])}."
    elif found:
        most = min(found, key=lambda each: len(_lacking(each)))
        said = f"None of these is known to keep all of {listed(EIGHT)} within the bound"
        if kept := len(EIGHT) - len(_lacking(most)):
            rest = listed(_lacking(most))
            said += f"; {most.design} keeps {kept} of them, and lacks {rest}"
        yield f"{said}."


def _lacking(each: Decided) -> list[str]:
    """Which of the eight it does not keep, as far as is known."""
    kept = set(each.having(VERIFIED)).difference(each.ending(FOR_EVER, NOT_TOLD))
    return [name for name in EIGHT if name not in kept]


def _need(switch: str, broken: Iterable[str]) -> str:
    names = list(broken)
    if not names:
        return f"{switch} for nothing"
    return f"without {switch} {listed(names)} {'breaks' if len(names) == 1 else 'break'}"


def listed(names: Sequence[str]) -> str:
    """`P1`, `P1 and P3`, `P2, P3 and P5`, each once; with all eight `P1 to P8 and F11`."""
    each = list(dict.fromkeys(names))
    if set(EIGHT) <= set(each):
        each = [f"{EIGHT[0]} to {EIGHT[-1]}", *(name for name in each if name not in EIGHT)]
    *first, last = each
    return f"{', '.join(first)} and {last}" if first else last
