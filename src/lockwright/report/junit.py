"""A report as JUnit XML, for the test pages of Jenkins, GitLab and the like.

A suite is a design, a case a scenario: it fails with each rule that is broken.  A budget that ran
out is an error, and so is a scenario that could not be judged: neither is a pass, and neither is
to be skipped.  A case that passes says in its output what that does not show.

No times are in it: the same document gives the same text.

Source: the form that the JUnit plugin of Jenkins reads (junit-10.xsd of its xUnit plugin).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from lockwright.core.finding import Finding
from lockwright.core.prediction import CONFIRMED, Prediction
from lockwright.core.result import Result, Verdict
from lockwright.report.campaign import Answers, ItemLine
from lockwright.report.columns import counted
from lockwright.report.document import Document
from lockwright.report.extent import how_far
from lockwright.report.findings import finding_text, headline
from lockwright.report.goals import goal_lines
from lockwright.report.predictions import prediction_text
from lockwright.report.shown import shown

BUDGET, UNJUDGED, UNEXPECTED, OPEN_ORDER = (
    "budget ran out",
    "not judged",
    "not as expected",
    "prediction open",
)
"""The types of what is not a broken rule."""


@dataclass(slots=True)
class Case:
    """A test case: what failed, or could not be told, each as type, message and text."""

    suite: str
    name: str
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    errors: list[tuple[str, str, str]] = field(default_factory=list)
    properties: list[tuple[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def junit(document: Document) -> str:
    """The whole report as XML text."""
    root = ET.Element("testsuites", name=shown(document.title))
    suites: dict[str, list[Case]] = {}
    times: dict[tuple[str, str], int] = {}
    for case in cases(document):
        named = case.suite, case.name
        times[named] = times.get(named, 0) + 1
        if times[named] > 1:  # of two sources: readers take those of one name for one
            case.name = f"{case.name} ({times[named]})"
        suites.setdefault(case.suite, []).append(case)
    for name, each in suites.items():
        suite = ET.SubElement(root, "testsuite", {"name": shown(name), **_counts(each)})
        known = {"lockwright": document.lockwright_version, "model version": document.model_version}
        if document.stale:
            known["note"] = document.stale
        _properties(suite, [(key, value) for key, value in known.items() if value])
        for case in each:
            _write(suite, case)
    for key, value in _counts([case for each in suites.values() for case in each]).items():
        root.set(key, value)
    ET.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, encoding='unicode')}\n"


def cases(document: Document) -> Iterator[Case]:
    """The cases, in the document's order."""
    if document.campaign is not None:
        yield from _campaign_cases(document.campaign)
        return
    for result in document.results:
        yield _result_case(result)
    for failure in document.failures:
        case = Case(*_named(failure.scenario))
        case.errors.append((UNJUDGED, failure.error.partition("\n")[0], failure.error))
        yield case
    for prediction in document.predictions:
        yield _prediction_case(prediction)


def _named(scenario: str) -> tuple[str, str]:
    """Suite and case: the design, and the scenario without it."""
    design, _, case = scenario.partition(":")
    return design, case or design


def _result_case(result: Result) -> Case:
    case = Case(*_named(result.scenario))
    _judge(case, result, result.findings)
    return case


def _judge(case: Case, result: Result, findings: Sequence[Finding]) -> None:
    """What a result says: its broken rules, or that its budget ran out; and what it is worth."""
    _describe(case, result)
    _broken(case, findings)
    if result.verdict is Verdict.STOPPED:
        case.errors.append((BUDGET, f"stopped: {how_far(result)}", ""))


def _broken(case: Case, findings: Sequence[Finding]) -> None:
    """A failure for each finding.  Some readers show the first alone, so that it names all."""
    for at, finding in enumerate(findings):
        text = finding_text(finding)
        if len(findings) > 1 and not at:
            names = "\n".join(f"- {headline(each)}" for each in findings)
            said = f"{counted(len(findings), 'broken rule')}, of which this is the first:"
            text = f"{said}\n{names}\n\n{text}"
        case.failures.append((finding.kind, headline(finding), text))


def _describe(case: Case, result: Result) -> None:
    """The properties of a result, and what its case prints."""
    case.properties += [
        ("verdict", result.verdict.value),
        ("executions", str(result.executions)),
        ("complete", "true" if result.complete else "false"),
        ("strategy", result.strategy),
    ]
    case.properties += [("parameter", f"{k}={v}") for k, v in result.parameters.items()]
    case.properties += [("token", finding.token) for finding in result.findings if finding.token]
    if result.title:
        case.said.append(result.title)
    verdict = result.verdict.value
    far = how_far(result) if not result.complete else counted(result.executions, "execution")
    case.said.append(f"{verdict}: {far}")
    case.said += goal_lines(result)
    if not result.findings and result.assumptions:
        case.said.append("This was assumed:")
        case.said += [f"- {said}" for said in result.assumptions]


def _prediction_case(prediction: Prediction) -> Case:
    """A deadlock that the lock order of several scenarios predicts.

    What a scenario predicts by itself fails there; what nobody could tell is an error here.
    """
    chain = " -> ".join(prediction.classes)
    name = f"predicted over all: {prediction.kind}: {chain}" if chain else prediction.message
    case = Case(prediction.design, name)
    case.properties.append(("reality", prediction.reality))
    if prediction.token:
        case.properties.append(("token", prediction.token))
    text = prediction_text(prediction)
    said = f"{prediction.message}: {prediction.reality}"
    if prediction.reality == CONFIRMED:
        case.failures.append((prediction.kind, said, text))
    elif prediction.undecided:
        case.errors.append((OPEN_ORDER, said, text))
    else:
        case.said.append(text)
    return case


def _campaign_cases(campaign: Answers) -> Iterator[Case]:
    """A case for each item: what is as expected passes, whatever its verdict."""
    found: dict[str, list[Finding]] = {}
    for each in campaign.found:
        for name, _ in each.items:
            found.setdefault(name, []).append(each.finding)
    for item in campaign.items:
        yield _item_case(item, found.get(item.name, []))


def _item_case(item: ItemLine, findings: Sequence[Finding]) -> Case:
    case = Case(*_named(item.name))
    result = item.result
    if item.fine:
        case.said.append("as expected")
    if result is not None and not (item.fine or item.unmet or item.failure):
        _judge(case, result, findings or result.findings)
        return case
    if result is not None:
        _describe(case, result)
    for sentence in item.unmet:
        case.failures.append((UNEXPECTED, sentence, "\n\n".join(map(finding_text, findings))))
    if item.failure:
        case.errors.append((UNJUDGED, item.failure.partition("\n")[0], item.failure))
    elif result is None:
        _broken(case, findings)
        done = counted(item.executions, "execution")
        case.errors.append((BUDGET, f"{item.standing}: {done}", ""))
    return case


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    """How many there are, how many failed, and how many could not be told and did not fail."""
    failures = sum(bool(case.failures) for case in cases)
    errors = sum(bool(case.errors) and not case.failures for case in cases)
    named = {"tests": len(cases), "failures": failures, "errors": errors, "skipped": 0}
    return {name: str(number) for name, number in named.items()}


def _write(suite: ET.Element, case: Case) -> None:
    named = {"classname": shown(case.suite), "name": shown(case.name)}
    element = ET.SubElement(suite, "testcase", named)
    _properties(element, case.properties)
    for tag, entries in (("failure", case.failures), ("error", case.errors)):
        for kind, message, text in entries:
            inner = ET.SubElement(element, tag, type=shown(kind), message=shown(message))
            inner.text = shown(text or message)
    if case.said:
        ET.SubElement(element, "system-out").text = shown("\n".join(case.said))


def _properties(element: ET.Element, pairs: Sequence[tuple[str, str]]) -> None:
    if pairs:
        inner = ET.SubElement(element, "properties")
        for name, value in pairs:
            ET.SubElement(inner, "property", name=shown(name), value=shown(value))
