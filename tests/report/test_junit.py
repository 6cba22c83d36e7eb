"""JUnit XML: what Jenkins and GitLab count, and what a reader finds in it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from junitparser import JUnitXml, TestSuite

from lockwright.report.document import Document
from lockwright.report.junit import junit
from lockwright.report.shown import shown
from tests.report.documents import HOSTILE, campaign, document, hostile, predicted


def suites(text: str) -> dict[str, TestSuite]:
    """The suites by name, as a reader of the form takes them."""
    return {suite.name: suite for suite in JUnitXml.fromstring(text.encode())}


def case(text: str, name: str) -> ET.Element:
    """The only case of this class and name."""
    (found,) = [
        each
        for each in ET.fromstring(text).iter("testcase")
        if f"{each.get('classname')}:{each.get('name')}" == name
    ]
    return found


def told(element: ET.Element) -> list[tuple[str, str | None]]:
    """What is wrong with a case: tag and type."""
    return [(each.tag, each.get("type")) for each in element if each.tag in ("failure", "error")]


def test_a_suite_is_a_design_and_counts_its_cases() -> None:
    read = suites(junit(document()))
    counts = {name: (s.tests, s.failures, s.errors, s.skipped) for name, s in read.items()}
    assert counts == {
        "demo/abba": (1, 1, 0, 0),
        "fine/mutex": (4, 0, 2, 0),  # one, big, and two predictions of which one is open
        "bad/raises": (1, 0, 1, 0),
    }
    whole = ET.fromstring(junit(document()))
    assert [whole.get(name) for name in ("tests", "failures", "errors")] == ["6", "1", "3"]


def test_each_broken_rule_is_a_failure_with_its_report_and_its_columns() -> None:
    both = case(junit(document()), "demo/abba:two")
    assert told(both) == [
        ("failure", "possible circular locking dependency"),
        ("failure", "deadlock"),
    ]
    first, second = both.findall("failure")
    assert first.get("message") == "possible circular locking dependency: A -> B -> A"
    assert first.text is not None
    assert first.text.startswith("2 broken rules, of which this is the first:\n- possible ")
    assert "\n- deadlock: 2 tasks wait for ever" in first.text
    assert "WARNING: possible circular locking dependency detected" in first.text
    assert second.text is not None
    assert "blocked:         blocked:" in second.text
    assert "replay: lockwright replay 'lw1~demo/abba:two~~cafe~0.1~np~" in second.text


def test_a_budget_that_ran_out_is_an_error_and_never_a_skip() -> None:
    text = junit(document())
    big = case(text, "fine/mutex:big")
    assert told(big) == [("error", "budget ran out")]
    assert big.find("error").get("message") == (  # type: ignore[union-attr]  # it is there
        "stopped: 100 executions, not all interleavings"
    )
    assert ET.fromstring(text).find(".//skipped") is None


def test_what_passes_says_what_that_does_not_show() -> None:
    one = case(junit(document()), "fine/mutex:one")
    assert told(one) == []
    said = one.findtext("system-out")
    assert said is not None
    assert said.startswith("One mutex.\nverified: 1 execution\nThis was assumed:\n- ")


def test_properties_tell_verdict_and_tokens() -> None:
    named = [
        (each.get("name"), each.get("value"))
        for each in case(junit(document()), "demo/abba:two").iter("property")
    ]
    assert named[:4] == [
        ("verdict", "violated"),
        ("executions", "3"),
        ("complete", "true"),
        ("strategy", "dpor"),
    ]
    assert [name for name, _ in named[4:]] == ["token", "token"]


@pytest.mark.parametrize(
    ("reality", "seen_in", "wrong"),
    [
        ("confirmed", (), [("failure", "possible circular locking dependency")]),
        ("open", (), [("error", "prediction open")]),
        ("open", ("fine/mutex:one",), []),
        ("refuted", (), []),
    ],
)
def test_a_prediction_counts_as_in_the_exit_status(
    reality: str, seen_in: tuple[str, ...], wrong: list[tuple[str, str]]
) -> None:
    text = junit(Document("x", predictions=[predicted(reality, *seen_in)]))
    (only,) = ET.fromstring(text).iter("testcase")
    assert told(only) == wrong
    assert only.get("name") == "predicted over all: possible circular locking dependency: P -> Q"


def test_items_of_a_campaign_pass_if_they_are_as_expected() -> None:
    text = junit(campaign())
    wrong = [
        (each.get("classname"), each.get("name"), told(each))
        for each in ET.fromstring(text).iter("testcase")
    ]
    assert wrong == [
        (
            "demo/abba",
            "two dpor",
            [("failure", "possible circular locking dependency"), ("failure", "deadlock")],
        ),
        ("demo/abba", "two rounds=2 dpor", []),
        ("fine/mutex", "one dpor", []),
        ("fine/mutex", "one pct", [("failure", "not as expected")]),
        ("fine/mutex", "big dpor", [("error", "budget ran out")]),
        ("fine/mutex", "wide dpor", [("error", "budget ran out")]),
        ("bad/raises", "two dpor", [("error", "not judged")]),
    ]


def test_a_case_that_fails_and_could_not_be_judged_is_counted_once() -> None:
    made = campaign()
    assert made.campaign is not None
    odd = replace(made.campaign.items[3], failure="1 piece of it given up")
    made.campaign = replace(made.campaign, items=(odd,))
    whole = ET.fromstring(junit(made))
    assert [whole.get(name) for name in ("tests", "failures", "errors")] == ["1", "1", "0"]
    assert told(case(junit(made), "fine/mutex:one pct")) == [
        ("failure", "not as expected"),
        ("error", "not judged"),
    ]


def test_hostile_names_are_text_and_the_xml_is_well_formed() -> None:
    text = junit(hostile())
    assert "<script>" not in text
    (failed,) = [
        each for each in ET.fromstring(text).iter("testcase") if each.find("failure") is not None
    ]
    failure = failed.find("failure")
    assert failure is not None
    seen = failure.get("type")
    assert seen == shown(HOSTILE)


def test_two_cases_of_one_name_are_told_apart() -> None:
    made = document()
    made.results.append(made.results[1])
    names = [each.get("name") for each in ET.fromstring(junit(made)).iter("testcase")]
    assert names[:2] == ["two", "one"]
    assert "one (2)" in names


def test_the_same_document_gives_the_same_text() -> None:
    assert junit(document()) == junit(document())


def test_a_document_without_results_is_a_report_of_nothing() -> None:
    assert ET.fromstring(junit(Document("nothing"))).get("tests") == "0"
