"""A campaign's answers: taken out of its store, and printed as text or JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lockwright.campaign.expected import BROKEN, FINE, OPEN, fine, status_of, unexpected, unmet
from lockwright.campaign.item import Item
from lockwright.campaign.record import DONE, FAILED, GOING, TODO, CorpusEntry, Found, Head, Record
from lockwright.campaign.store import Store
from lockwright.commands.output import Output
from lockwright.core.coverage import score_of
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.report import campaign as report
from lockwright.report.campaign import Answers, ArmLine, FoundLine, GivenUpLine, ItemLine, many
from lockwright.token import Token

VERSION = 1
STANDING = {TODO: report.WAITING, GOING: report.GOING, DONE: report.DONE, FAILED: report.ERROR}


def answers_of(store: Store) -> Answers:
    """What a store has to say."""
    records, found, given_up = records_of(store), store.findings(), store.given_up()
    head, items = store.head, {record.item.name: record.item for record in records}
    seen = Counter(name for each in found for name in each.items)
    lost = Counter(each.item for each in given_up)
    return Answers(
        head.name,
        head.guidance,
        head.model_version,
        head.lockwright_version,
        tuple(_item(store, record, seen, lost) for record in records),
        tuple(_found(each, items, head) for each in found),
        tuple(
            GivenUpLine(each.item, each.work, tuple(failure.text for failure in each.failures))
            for each in given_up
        ),
        _status(records, found, status_of(records, given_up)),
    )


def records_of(store: Store) -> list[Record]:
    """The items' records, with what is known from the generation that is open."""
    records = {record.item.number: record for record in store.records()}
    for number, told in store.told():
        record = records[number]
        record.executions += told["executions"]
        record.phase = GOING
        if "result" in told:
            record.phase, record.result = DONE, Result.from_json(told["result"])
            record.covered = score_of(record.result.coverage)
    return list(records.values())


def _status(records: Sequence[Record], found: Sequence[Found], status: int) -> int:
    """The exit status: what an item has found before it has a result counts, too."""
    if status not in (FINE, OPEN):
        return status
    expected = {record.item.name: record.item.expected for record in records}
    for each in found:
        if any(unexpected(expected[name], [each.finding]) for name in each.items):
            return BROKEN
    return status


def _item(
    store: Store, record: Record, findings: Mapping[str, int], lost: Mapping[str, int]
) -> ItemLine:
    item, result, failure = record.item, record.result, record.failure
    if not failure and lost[item.name]:
        failure = f"{many(lost[item.name], 'piece')} of it given up"
    return ItemLine(
        item.name,
        STANDING[record.phase],
        record.executions,
        findings[item.name],
        record.covered if item.options.coverage else None,
        result,
        bool(item.expected) and fine(record),
        tuple(_unmet(record)),
        failure,
        _arms(store, record) if item.arms and item.options.coverage else (),
    )


def _unmet(record: Record) -> list[str]:
    """What is not as expected of an item that has ended."""
    expected, result = record.item.expected, record.result
    if not expected or result is None or record.phase != DONE:
        return []
    said = unmet(expected, result)
    if not said and (found := unexpected(expected, result.findings)):
        said.append(f"found {', '.join(dict.fromkeys(finding.kind for finding in found))}")
    return said


def _arms(store: Store, record: Record) -> tuple[ArmLine, ...]:
    """What each arm got and gave; nothing of an item that has not begun."""
    state = store.state(record.item.number)
    told: Sequence[Value] = state["arms"] if isinstance(state, dict) and "arms" in state else ()
    kept = _kept(store.corpus(record.item.number))
    return tuple(
        ArmLine(arm.name, int(each["executions"]), int(each["gained"]), kept.get(arm.name, 0))
        for arm, (each, _) in zip(record.item.arms, told, strict=False)
    )


def _kept(corpus: Sequence[CorpusEntry]) -> Mapping[str, int]:
    return Counter(entry.arm for entry in corpus)


def _found(found: Found, items: Mapping[str, Item], head: Head) -> FoundLine:
    finding = found.finding
    if not finding.token and len(found.items) == 1:  # its generation is still open
        (name,) = found.items
        item = items[name]
        token = Token(item.scenario, item.parameters, head.model_version, finding.schedule)
        finding = replace(finding, token=str(token))
    return FoundLine(found.identity, finding, found.executions, tuple(found.items.items()))


def print_answers(out: Output, answers: Answers, *, quiet: bool) -> None:
    """Findings in full, the table, and what it does not show; with `quiet` the table alone."""
    if not quiet:
        count = len(answers.found)
        for at, found in enumerate(answers.found, 1):
            out.head(f"finding {at} of {count}: {found.finding.kind}")
            out.say()
            out.say(report.found_text(found, out.width))
            out.say()
    out.head(report.summary_text(answers, out.width))
    out.say()
    out.say(report.items_table(answers.items, out.width, colour=out.colour))
    if not quiet and (said := report.ending_text(answers, out.width)):
        out.say()
        out.say(said)


def answers_json(answers: Answers) -> dict[str, Value]:
    """The same for other programs, with a version.  What took how long is left out, so that the
    same campaign gives the same text."""
    return {
        "version": VERSION,
        "campaign": answers.name,
        "guidance": answers.guidance,
        "model_version": answers.model_version,
        "lockwright_version": answers.lockwright_version,
        "status": answers.status,
        "executions": answers.executions,
        "items": [_item_json(item) for item in answers.items],
        "findings": [
            {
                "identity": found.identity,
                "executions": found.executions,
                "items": dict(found.items),
                "finding": found.finding.as_json(),
            }
            for found in answers.found
        ],
        "given_up": [
            {"item": piece.item, "work": piece.work, "failures": list(piece.failures)}
            for piece in answers.given_up
        ],
    }


def _item_json(item: ItemLine) -> dict[str, Value]:
    result = item.result
    data: dict[str, Value] = {
        "item": item.name,
        "standing": item.standing,
        "verdict": None if result is None else result.verdict.value,
        "complete": result is not None and result.complete,
        "executions": item.executions,
        "findings": item.findings,
        "covered": item.covered,
        "as_expected": item.fine,
        "unmet": list(item.unmet),
        "failure": item.failure,
        "outcomes": {} if result is None else dict(sorted(result.outcomes.items())),
        "assumptions": [] if result is None else list(result.assumptions),
        "arms": [
            {
                "arm": arm.name,
                "executions": arm.executions,
                "gained": arm.gained,
                "kept": arm.kept,
            }
            for arm in item.arms
        ],
    }
    return data
