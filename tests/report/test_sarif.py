"""SARIF: it fits its schema, says where, step by step, and keeps within what GitHub takes."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.location import Value
from lockwright.core.result import Result, Verdict
from lockwright.core.timeline import Place, Timeline
from lockwright.report.document import Document
from lockwright.report.kinds import MEANINGS, meaning_of
from lockwright.report.sarif import build as module
from lockwright.report.sarif import flow as flows
from lockwright.report.sarif.build import fingerprint, sarif
from lockwright.report.shown import shown
from tests.report.documents import HOSTILE, campaign, document, hostile, predicted

SCHEMA = Path(__file__).parent.parent / "data" / "sarif" / "sarif-schema-2.1.0.json"


@cache
def validator() -> Draft4Validator:
    return Draft4Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def run_of(made: Document) -> Value:
    """The run of a log that fits the schema."""
    log = json.loads(sarif(made))
    assert [f"{e.json_path}: {e.message}" for e in validator().iter_errors(log)] == []
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[each["ruleIndex"]]["id"] for each in run["results"]] == [
        each["ruleId"] for each in run["results"]
    ]
    for each in run["results"]:
        assert "physicalLocation" in each["locations"][0], "GitHub takes none without"
    return run


def one(finding: Finding) -> Value:
    """The only result of a document with this finding."""
    result = Result("demo:x", "", {}, "dpor", Verdict.VIOLATED, findings=[finding])
    (made,) = run_of(Document("x", results=[result]))["results"]
    return made


def finding(**more: Value) -> Finding:
    """Two tasks of which the second breaks a rule in step 2."""
    events = (
        Event(0, 0, "a", "process", "mutex_lock", "mutex_lock(A)", "", (Frame("f", 1, 5),)),
        Event(1, 1, "b", "process", "mutex_lock", "mutex_lock(B)", "", (Frame("g", 2, 9),)),
        Event(2, 1, "b", "process", "trylock", "trylock(A)", "false", (Frame("g", 3, 9),)),
        Event(-1, 0, "a", "process", "blocked", "mutex_lock(B)", "", (Frame("f", 2, 5),)),
    )
    timeline = Timeline(
        (
            Place("f", "model/a.py", 10, 5, 11),
            Place("g", "model/b c.py", 20, 9, 22),
            Place("g", "model/b c.py", 20, 9, 23),
        ),
        ((0,), (1,), (2,)),
    )
    known: dict[str, Value] = {"task": 1, "comm": "b", "step": 2}
    known |= {"events": events, "timeline": timeline, **more}
    return Finding("odd", "it is odd", "odd", **known)


def line_of(place: Value) -> tuple[str, int]:
    where = place["physicalLocation"]
    assert where["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
    return where["artifactLocation"]["uri"], where["region"]["startLine"]


def test_what_is_found_and_what_is_open_are_results() -> None:
    run = run_of(document())
    assert [(r["ruleId"], r["kind"], r["level"]) for r in run["results"]] == [
        ("possible-circular-locking-dependency", "fail", "error"),
        ("deadlock", "fail", "error"),
        ("possible-circular-locking-dependency", "open", "none"),
        ("not-explored-to-the-end", "open", "none"),
    ]
    assert run["properties"]["verdicts"] == {
        "demo/abba:two": "violated",
        "fine/mutex:one": "verified",
        "fine/mutex:big": "stopped",
    }
    rules = run["tool"]["driver"]["rules"]
    assert rules[0]["help"]["text"] == meaning_of("deadlock")


def test_what_could_not_be_judged_makes_the_run_fail() -> None:
    (invocation,) = run_of(document())["invocations"]
    assert invocation["executionSuccessful"] is False
    (note,) = invocation["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("bad/raises:two: the model raised KeyError")
    (fine,) = run_of(Document("x"))["invocations"]
    assert fine == {"executionSuccessful": True, "toolExecutionNotifications": []}


def test_a_real_deadlock_says_where_it_waits_and_what_for() -> None:
    cycle, deadlock = run_of(document())["results"][:2]
    assert line_of(deadlock["locations"][0])[0] == "tests/abba.py"
    ends = [(e["sourceNodeId"], e["targetNodeId"]) for e in deadlock["graphs"][0]["edges"]]
    assert ends == [("A", "B"), ("B", "A")]
    assert ends == [(e["sourceNodeId"], e["targetNodeId"]) for e in cycle["graphs"][0]["edges"]]
    (flow,) = deadlock["codeFlows"]
    assert [each["id"] for each in flow["threadFlows"]] == ["one", "two"]
    steps = [
        [(at["executionOrder"], at["location"]["message"]["text"]) for at in each["locations"]]
        for each in flow["threadFlows"]
    ]
    assert steps == [
        [(0, "mutex_lock(A)"), (2, "blocked: mutex_lock(B)")],
        [(1, "mutex_lock(B)"), (2, "blocked: mutex_lock(A)")],
    ]
    assert flow["threadFlows"][0]["locations"][0]["kinds"] == ["acquire", "lock"]
    assert deadlock["properties"]["replayToken"].startswith("lw1~demo/abba:two~")


def test_each_step_has_its_line_and_the_moment_is_essential() -> None:
    (flow,) = one(finding())["codeFlows"]
    first, second = flow["threadFlows"]
    assert [line_of(each["location"]) for each in first["locations"]] == [
        ("model/a.py", 11),
        ("model/a.py", 12),  # blocked: by its frame, two lines below the function's first
    ]
    assert [line_of(each["location"]) for each in second["locations"]] == [
        ("model/b%20c.py", 22),
        ("model/b%20c.py", 23),
    ]
    assert [each.get("importance") for each in second["locations"]] == [None, "essential"]


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({}, ("model/b%20c.py", 23)),
        ({"step": 1}, ("model/b%20c.py", 22)),
        ({"step": -1}, ("model/b%20c.py", 23)),
        ({"task": 0, "comm": "a"}, ("model/a.py", 11)),
        ({"task": 0, "comm": "", "step": 3}, ("model/b%20c.py", 23)),
        ({"chain": (Frame("f", 4, 5),)}, ("model/a.py", 14)),
        ({"timeline": None}, ("pyproject.toml", 1)),
        ({"timeline": None, "events": ()}, ("pyproject.toml", 1)),
    ],
)
def test_a_finding_stands_where_its_task_broke_the_rule(
    more: dict[str, Value], place: tuple[str, int]
) -> None:
    assert line_of(one(finding(**more))["locations"][0]) == place


@pytest.mark.parametrize("path", ["/usr/lib/x.py", "../x.py", "lockwright/kernel/x.py", ""])
def test_no_file_outside_of_the_project_is_named(path: str) -> None:
    place = Place("f", path, 1, 5, 2)
    made = one(finding(timeline=Timeline((place,), ((0,), (0,), (0,)))))
    assert line_of(made["locations"][0]) == ("pyproject.toml", 1)
    assert "x.py" not in json.dumps(made)


def test_a_fingerprint_is_of_what_broke_and_not_of_the_schedule() -> None:
    base = finding(classes=("A", "B"))
    base.signature = "A -> B"
    turned = replace(base, classes=("B", "A"), signature="B -> A", schedule=((1, 0),), step=9)
    assert fingerprint(base) == fingerprint(turned)
    assert fingerprint(base) != fingerprint(replace(base, kind="even"))
    assert fingerprint(base) != fingerprint(replace(base, classes=("A", "C"), signature="A -> C"))
    plain = replace(base, classes=(), signature="x")
    assert fingerprint(plain) != fingerprint(replace(plain, signature="y"))


def test_a_prediction_that_is_confirmed_fails() -> None:
    made = Document("x", predictions=[predicted("confirmed"), predicted("open", "seen")])
    (only,) = run_of(made)["results"]
    assert (only["kind"], only["level"]) == ("fail", "error")
    assert "lockwright replay 'lw1~x~~~0~1'" in only["message"]["text"]


def test_a_refuted_cycle_is_a_warning() -> None:
    made = one(finding(reality="refuted", because="no trace deadlocks"))
    assert made["level"] == "warning"
    assert made["message"]["text"] == "odd: it is odd\nrefuted: no trace deadlocks"


def test_items_of_a_campaign_are_open_or_said_to_have_failed() -> None:
    run = run_of(campaign())
    said = [r["message"]["text"] for r in run["results"] if r["kind"] == "open"]
    assert said == [
        "fine/mutex:big dpor: going on, 12 executions",
        "fine/mutex:wide dpor: 9 executions, not all interleavings",
    ]
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert [note["message"]["text"] for note in notes] == [
        "bad/raises:two dpor: ValueError: no",
        "bad/raises:two dpor: a piece was given up: it died",
    ]


def test_more_steps_than_github_takes_are_cut_to_the_last_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flows, "FLOW_MAX", 2)
    (flow,) = one(finding())["codeFlows"]
    assert flow["message"]["text"] == "only the last 2 of 4 steps are here"
    orders = [at["executionOrder"] for each in flow["threadFlows"] for at in each["locations"]]
    assert sorted(orders) == [2, 3]


def test_more_results_than_github_takes_are_cut_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESULTS_MAX", 1)
    run = run_of(document())
    assert len(run["results"]) == 1
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert notes[-1]["message"]["text"] == "3 results more: GitHub takes 1"


def test_a_log_that_is_too_large_loses_interleavings_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert all("codeFlows" in each for each in run_of(document())["results"][:2])
    monkeypatch.setattr(module, "SIZE_MAX", 100)
    run = run_of(document())
    assert not any("codeFlows" in each for each in run["results"])
    assert run["results"][0]["message"]["text"].endswith("\n(its interleaving is left out here)")
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert notes[-1]["message"]["text"].startswith("the interleavings of 2 results are left out")


def test_hostile_names_are_text() -> None:
    made = hostile()
    made.results[0].findings[0].message = "[click](http://example.com)"
    first = run_of(made)["results"][0]
    assert first["message"]["text"].split("\n")[0].endswith("[click] (http://example.com)")
    assert first["properties"]["kind"] == shown(HOSTILE)
    assert "\\u001b" not in sarif(made)


def test_every_kind_that_the_engine_names_has_a_meaning() -> None:
    from lockwright.lockdep import reports  # noqa: PLC0415  # only this test goes through them

    kinds = {
        each.kind for each in vars(reports).values() if isinstance(getattr(each, "kind", None), str)
    }
    assert len(kinds) > 10
    assert kinds <= set(MEANINGS)
    assert all(text.endswith(".") for text in MEANINGS.values())
