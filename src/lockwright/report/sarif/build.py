"""A report as SARIF, for code scanning: a result for each finding, with a thread flow a task.

A result is a finding, once, however many scenarios show it.  What was not explored to its end is a
result of kind "open", since it is no pass; a scenario where nothing broke is no result at all, for
who reads SARIF takes each for an alert: its verdict is among the run's properties.  A scenario that
could not be judged is a notification of the tool, whose execution was then not successful.

What GitHub accepts at most is kept: results, steps of a result, and the size of the whole, which is
made smaller by leaving interleavings out.  What was cut is said.

Source: SARIF 2.1.0 (OASIS, errata 01); GitHub's "SARIF support for code scanning".
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Sequence

from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.prediction import CONFIRMED, Prediction
from lockwright.core.result import Result, Verdict
from lockwright.report.campaign import DONE, ERROR, ItemLine, many
from lockwright.report.document import Document, Found
from lockwright.report.extent import how_far
from lockwright.report.findings import PROOF, headline
from lockwright.report.kinds import meaning_of
from lockwright.report.lines import replay_line
from lockwright.report.sarif.flow import (
    NOWHERE,
    ROOT,
    Places,
    code_flow,
    location,
    lock_cycle,
    moment,
    physical,
    place_of,
    text_of,
)
from lockwright.report.shown import shown_data

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
FINGERPRINT = "lockwrightFinding/v1"
NOT_EXPLORED = "not explored to the end"
RESULTS_MAX = 25_000
SIZE_MAX = 10_000_000
"""So many bytes, packed by gzip, GitHub accepts."""
SCENARIOS_MAX = 20
"""A result names no more scenarios than this; it counts the others."""


def sarif(document: Document) -> str:
    """The whole report as SARIF text."""
    results = list(_results(document))
    notes = [_note(document.stale, "warning")] if document.stale else []
    if (more := len(results) - RESULTS_MAX) > 0:
        del results[RESULTS_MAX:]
        notes.append(_note(f"{many(more, 'result')} more: GitHub takes {RESULTS_MAX:,}", "warning"))
    if (cut := _fit(results)) > 0:
        said = f"the interleavings of {many(cut, 'result')} are left out: GitHub takes 10 MB"
        notes.append(_note(said, "warning"))
    log = shown_data(_log(document, results, notes))
    return json.dumps(log, indent=1, sort_keys=True) + "\n"


def _log(document: Document, results: list[Value], notes: list[Value]) -> dict[str, Value]:
    rules = {result["ruleId"]: result["properties"]["kind"] for result in results}
    order = {rule: at for at, rule in enumerate(sorted(rules))}
    for result in results:
        result["ruleIndex"] = order[result["ruleId"]]
    failures = list(_failures(document))
    driver: dict[str, Value] = {
        "name": "Lockwright",
        "rules": [_rule(rule, rules[rule]) for rule in sorted(rules)],
    }
    if document.lockwright_version:
        driver["version"] = document.lockwright_version
    run: dict[str, Value] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "the root of the checkout"}}},
        "invocations": [
            {
                "executionSuccessful": not failures,
                "toolExecutionNotifications": [*failures, *notes],
            }
        ],
        "results": results,
        "properties": {
            "title": document.title,
            "modelVersion": document.model_version,
            "verdicts": _verdicts(document),
        },
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _verdicts(document: Document) -> dict[str, Value]:
    if document.campaign is not None:
        return {item.name: item.verdict for item in document.campaign.items}
    return {result.scenario: result.verdict.value for result in document.results}


def rule_id(kind: str) -> str:
    """`possible circular locking dependency` as `possible-circular-locking-dependency`."""
    return re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-") or "finding"


def _rule(rule: str, kind: str) -> dict[str, Value]:
    said = (
        "The search left something out: that nothing broke in it is no proof."
        if kind == NOT_EXPLORED
        else meaning_of(kind)
    )
    name = "".join(word.capitalize() for word in rule.split("-"))
    return {
        "id": rule,
        "name": name,
        "shortDescription": {"text": text_of(kind)},
        "fullDescription": {"text": said},
        "help": {"text": said, "markdown": said},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["concurrency", "locking"]},
    }


def _results(document: Document) -> Iterator[dict[str, Value]]:
    for found in document.found():
        yield _found_result(found)
    for prediction in document.predictions:
        if prediction.reality == CONFIRMED or prediction.undecided:
            yield _prediction_result(prediction)
    if document.campaign is not None:
        for item in document.campaign.items:
            yield from _open_item(item)
        return
    for result in document.results:
        yield from _open(result.scenario, result)


def _found_result(found: Found) -> dict[str, Value]:
    finding = found.finding
    level = "warning" if finding.reality and finding.reality != CONFIRMED else "error"
    made = _finding_result(finding, level)
    properties = made["properties"]
    properties["scenarios"] = list(found.scenarios[:SCENARIOS_MAX])
    if len(found.scenarios) > SCENARIOS_MAX:
        properties["scenariosInAll"] = len(found.scenarios)
    if found.executions > 0:
        made["occurrenceCount"] = found.executions
    return made


def _finding_result(finding: Finding, level: str) -> dict[str, Value]:
    """What a finding says of itself: message, places, interleaving, cycle."""
    places = Places(finding)
    here = place_of(finding, places)
    event = moment(finding)
    frames = finding.chain or (event.chain if event is not None else ())
    where = location(here, frames, "" if finding.comm else "the last step before it was seen")
    where.setdefault("physicalLocation", physical(NOWHERE, 1))
    made: dict[str, Value] = {
        "ruleId": rule_id(finding.kind),
        "kind": "fail",
        "level": level,
        "message": {"text": _message(finding)},
        "locations": [where],
        "partialFingerprints": {FINGERPRINT: fingerprint(finding)},
        "properties": _properties(finding),
    }
    if here:
        stack = [{"location": location([each], (each[0],))} for each in here]
        made["stacks"] = [{"message": {"text": text_of(finding.comm)}, "frames": stack}]
    if flow := code_flow(finding, places):
        made["codeFlows"] = [flow]
    if graph := lock_cycle(finding):
        made["graphs"] = [graph]
    return made


def _message(finding: Finding) -> str:
    said = [text_of(headline(finding))]
    if finding.reality:
        said.append(text_of(f"{finding.reality}: {finding.because.partition(PROOF)[0]}"))
    if finding.token:
        said.append(replay_line(finding.token))
    return "\n".join(said)


def _properties(finding: Finding) -> dict[str, Value]:
    known: dict[str, Value] = {
        "kind": finding.kind,
        "replayToken": finding.token,
        "report": finding.text,
        "reality": finding.reality,
        "lines": list(finding.lines),
    }
    if finding.preemptions >= 0:
        known["preemptions"] = finding.preemptions
    return {name: value for name, value in known.items() if value or name in ("kind",)}


def fingerprint(finding: Finding) -> str:
    """The same for the same finding in another schedule: its kind, and the circle of lock classes,
    wherever it begins, or else its signature."""
    return _digest(finding.kind, finding.classes, finding.signature)


def _digest(kind: str, classes: Sequence[str], signature: str) -> str:
    said: Sequence[str] = (signature,)
    if classes and (not signature or signature == " -> ".join(classes)):
        said = min([*classes[at:], *classes[:at]] for at in range(len(classes)))
    text = json.dumps([kind, *said])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _prediction_result(prediction: Prediction) -> dict[str, Value]:
    """A deadlock that was predicted over several scenarios: shown, or open."""
    said = [text_of(f"{prediction.kind}: {prediction.message}")]
    said.append(text_of(f"{prediction.reality}: {prediction.because.partition(PROOF)[0]}"))
    if prediction.token:
        said.append(replay_line(prediction.token))
    if prediction.deadlock is not None:
        made = _finding_result(prediction.deadlock, "error")
    else:
        made = {"locations": [{"physicalLocation": physical(NOWHERE, 1)}]}
    known = {
        "kind": prediction.kind,
        "scenarios": list(prediction.scenarios[:SCENARIOS_MAX]),
        "replayToken": prediction.token,
        "report": prediction.text,
        "reality": prediction.reality,
        "composed": prediction.composed,
    }
    confirmed = prediction.reality == CONFIRMED
    made |= {
        "ruleId": rule_id(prediction.kind),
        "kind": "fail" if confirmed else "open",
        "level": "error" if confirmed else "none",
        "message": {"text": "\n".join(said)},
        "partialFingerprints": {
            FINGERPRINT: _digest(prediction.kind, prediction.classes, prediction.message)
        },
        "properties": {name: value for name, value in known.items() if value},
    }
    return made


def _open(scenario: str, result: Result) -> Iterator[dict[str, Value]]:
    """That a scenario was not explored to its end, if nothing broke in it."""
    if result.verdict is Verdict.STOPPED:
        yield _open_result(scenario, how_far(result))


def _open_item(item: ItemLine) -> Iterator[dict[str, Value]]:
    if item.fine or item.standing == ERROR:
        return
    if item.standing != DONE or item.result is None:
        if not item.findings:
            yield _open_result(item.name, f"{item.standing}, {many(item.executions, 'execution')}")
    else:
        yield from _open(item.name, item.result)


def _open_result(scenario: str, far: str) -> dict[str, Value]:
    return {
        "ruleId": rule_id(NOT_EXPLORED),
        "kind": "open",
        "level": "none",
        "message": {"text": text_of(f"{scenario}: {far}")},
        "locations": [{"physicalLocation": physical(NOWHERE, 1)}],
        "partialFingerprints": {FINGERPRINT: _digest(NOT_EXPLORED, (), scenario)},
        "properties": {"kind": NOT_EXPLORED, "scenarios": [scenario]},
    }


def _failures(document: Document) -> Iterator[dict[str, Value]]:
    """What could not be judged."""
    for failure in document.failures:
        yield _note(failure.error, "error", failure.scenario)
    if document.campaign is None:
        return
    for item in document.campaign.items:
        if item.failure:
            yield _note(f"{item.name}: {item.failure}", "error", item.name)
    for piece in document.campaign.given_up:
        why = "; ".join(dict.fromkeys(piece.failures))
        yield _note(f"{piece.item}: a piece was given up: {why}", "error", piece.item)


def _note(said: str, level: str, scenario: str = "") -> dict[str, Value]:
    made: dict[str, Value] = {"level": level, "message": {"text": text_of(said)}}
    if scenario:
        made["properties"] = {"scenario": scenario}
    return made


def _fit(results: list[Value]) -> int:
    """Leave out as many interleavings, the last first, as the size asks for; returns how many."""
    if len(json.dumps(results)) <= SIZE_MAX:
        return 0
    sizes = [len(zlib.compress(json.dumps(result).encode())) for result in results]
    whole, cut = sum(sizes), 0
    for result, size in zip(reversed(results), reversed(sizes), strict=True):
        if whole <= SIZE_MAX:
            break
        if result.pop("codeFlows", None) is not None:
            cut += 1
            whole -= size - len(zlib.compress(json.dumps(result).encode()))
            result["message"]["text"] += "\n(its interleaving is left out here)"
    return cut
