"""`lockwright report`, `check --report` and `replay -o`: every form, every source, bad input."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lockwright.cli import run
from lockwright.commands import sources
from lockwright.commands.forms import FORMS
from lockwright.commands.reporting import document_of
from lockwright.core.location import Value
from tests.cli.process import (
    BROKEN_MODELS,
    PYPROJECT,
    SCENARIOS,
    environment,
    lockwright_in,
    make_project,
)

PLAN = """
[campaign]
name = "small"

[[explore]]
scenarios = ["demo/abba:two", "fine/mutex:two"]
"""
ENGINE = "lockwright/kernel/mutex.py"
OURS = "lockwright/../../pyproject.py"
BEGINS = {
    "out.html": b"<!DOCTYPE html>",
    "out.txt": b"Check of demo/abba, fine/mutex, bad/raises\n",
    "out.xml": b"<?xml version='1.0' encoding='utf-8'?>\n<testsuites",
    "out.sarif": b"{",
    "out.json": b"{",
}


@dataclass(frozen=True)
class Kept:
    """A project with `kept.json`, the result of a check, and what that wrote besides."""

    path: Path
    token: str
    status: int
    err: str


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The project; `out.*` are the reports that the check has written."""
    made = tmp_path_factory.mktemp("reports") / "project"
    make_project(made, PYPROJECT, scenarios=SCENARIOS, broken=BROKEN_MODELS)
    (made / "small.plan.toml").write_text(PLAN, encoding="utf-8")
    reports = [part for name in (*BEGINS, "out.dat") for part in ("--report", name)]
    targets = ("demo/abba:two", "fine/mutex:two", "bad/raises:two")
    done = lockwright_in(
        made, "check", *targets, "--format", "json", "-o", "kept.json", "--quiet", *reports
    )
    data = json.loads((made / "kept.json").read_text(encoding="utf-8"))
    token = data["results"][0]["findings"][1]["token"]
    return Kept(made, token, done.status, done.err)


@pytest.fixture
def here(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, in which this process is."""
    monkeypatch.chdir(kept.path)
    return kept.path


def put(data: Value, path: tuple[str | int, ...], value: Value) -> Value:
    """Change what is somewhere in the data."""
    *way, last = path
    at = data
    for step in way:
        at = at[step]
    at[last] = value
    return data


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said of arguments that cannot be used."""
    assert run(["report", *arguments]) == 2
    done = capsys.readouterr()
    assert done.out == ""
    assert done.err.startswith("lockwright: ")
    return done.err.removeprefix("lockwright: ").rstrip("\n")


@pytest.mark.parametrize("name", BEGINS)
def test_check_writes_each_form_beside_its_result(kept: Kept, name: str) -> None:
    assert (kept.path / name).read_bytes().startswith(BEGINS[name])


def test_check_keeps_its_status_and_says_what_there_is_nothing_to_draw_of(kept: Kept) -> None:
    assert kept.status == 4
    assert not (kept.path / "out.dat").exists()
    assert "lockwright: out.dat is not written: this form shows one interleaving" in kept.err


@pytest.mark.parametrize("name", BEGINS)
def test_report_makes_of_the_result_what_check_has_made(here: Path, name: str) -> None:
    again = here / f"again{Path(name).suffix}"
    assert run(["report", "kept.json", "-o", again.name]) == 0
    assert again.read_bytes() == (here / name).read_bytes()


def test_the_forms_have_what_was_found(here: Path) -> None:
    suites = ET.fromstring((here / "out.xml").read_bytes())
    assert [suites.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "1"]
    (log,) = json.loads((here / "out.sarif").read_bytes())["runs"]
    assert [each["ruleId"] for each in log["results"]] == [
        "possible-circular-locking-dependency",
        "deadlock",
    ]
    places = [each["locations"][0]["physicalLocation"] for each in log["results"]]
    assert {each["artifactLocation"]["uri"] for each in places} == {"stress/scenarios.py"}
    assert json.loads((here / "out.json").read_bytes())["traceEvents"]
    page = (here / "out.html").read_text(encoding="utf-8")
    assert "possible circular locking dependency" in page
    assert "await second.unlock()" in page, "the model's source"


def test_without_a_file_the_report_is_text_on_standard_output(
    here: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert run(["report", "kept.json"]) == 0
    assert capsysbinary.readouterr().out == (here / "out.txt").read_bytes()


def test_standard_input_is_a_source(here: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lockwright", "report", "-", "--form", "junit"],
        cwd=here,
        env=environment(),
        input=(here / "kept.json").read_bytes(),
        capture_output=True,
        check=True,
    )
    assert done.stdout == (here / "out.xml").read_bytes()


@pytest.mark.parametrize("name", ["nothing.txt", "nothing.html"])
def test_a_result_without_any_scenario_says_so(here: Path, name: str) -> None:
    (here / "nothing.json").write_text('{"version": 1, "results": []}', encoding="utf-8")
    assert run(["report", "nothing.json", "-o", name]) == 0
    assert "There is no scenario in it." in (here / name).read_text(encoding="utf-8")


def test_one_finding_alone_makes_a_trace(here: Path) -> None:
    assert run(["report", "kept.json", "-o", "one.dat", "--finding", "2"]) == 0
    assert (here / "one.dat").read_bytes().startswith(b"\x17\x08\x44tracing")
    assert run(["report", "kept.json", "-o", "one.txt", "--finding", "2"]) == 0
    text = (here / "one.txt").read_text(encoding="utf-8")
    assert text.startswith("Check of demo/abba, fine/mutex, bad/raises: finding 2\n")
    assert "Finding 2: deadlock\n" in text
    assert "bad/raises" not in text.partition("\n")[2]


def test_the_title_can_be_given(here: Path) -> None:
    assert run(["report", "kept.json", "-o", "t.txt", "--title", "Night of the 7th"]) == 0
    assert (here / "t.txt").read_text(encoding="utf-8").startswith("Night of the 7th\n\n3 scen")


def test_replay_draws_its_interleaving(kept: Kept) -> None:
    names = ("r.html", "r.json", "r.dat", "r.txt", "r.xml")
    outputs = [part for name in names for part in ("-o", name)]
    done = lockwright_in(kept.path, "replay", kept.token, *outputs, "--format", "json")
    assert (done.status, done.err) == (1, "")
    assert all((kept.path / name).stat().st_size > 500 for name in names)
    (kept.path / "replay.json").write_text(done.out, encoding="utf-8")
    again = lockwright_in(kept.path, "report", "replay.json", "-o", "again.html")
    assert (again.status, again.err) == (0, "")
    one, other = ((kept.path / name).read_bytes() for name in ("r.html", "again.html"))
    assert one == other
    assert (kept.path / "r.txt").read_text(encoding="utf-8").startswith("Replay of demo/abba:two\n")


def test_a_replay_of_a_deadlock_is_one_execution_that_deadlocked(here: Path) -> None:
    data = json.loads((here / "kept.json").read_text(encoding="utf-8"))
    for at, deadlocked in enumerate((0, 1)):
        finding = data["results"][0]["findings"][at]
        told = {"version": 1, "scenario": "demo/abba:two", "findings": [finding]}
        told |= {"events": finding["events"], "timeline": finding["timeline"]}
        (here / "replayed.json").write_text(json.dumps(told), encoding="utf-8")
        gathered = sources.Gathered()
        gathered.add("replayed.json")
        (result,) = gathered.results
        assert (result.executions, result.deadlocked) == (1, deadlocked)
        steps = sum(event["step"] >= 0 for event in finding["events"])
        assert (result.steps, result.steps_longest) == (steps, steps)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("events",), None, "expected a list, got NoneType"),
        (("events", 0, "chain"), 7, "events[0].chain is 7"),
        (("findings", 0, "lines"), None, "findings[0].lines is None"),
        (("findings", 0, "step"), "1", "findings[0].step is '1'"),
        (("timeline",), {"places": 1}, "timeline.chains is missing"),
        (("parameters",), None, "parameters is None"),
        (("model_version",), 1, "model_version is 1"),
        (("token",), None, "token is None"),
    ],
)
def test_what_is_wrong_with_a_replay_is_named(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    path: tuple[str | int, ...],
    value: object,
    said: str,
) -> None:
    finding = json.loads((here / "kept.json").read_text(encoding="utf-8"))["results"][0]["findings"]
    told = {"version": 1, "scenario": "s", "findings": finding[:1], "events": finding[0]["events"]}
    (here / "odd.json").write_text(json.dumps(put(told, path, value)), encoding="utf-8")
    assert refused(capsys, "odd.json") == f"odd.json: malformed result: {said}"


@pytest.mark.parametrize("name", ["chain", "lines", "schedule", "events", "message"])
def test_a_field_that_is_missing_is_named(
    here: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    data = json.loads((here / "kept.json").read_text(encoding="utf-8"))
    del data["results"][0]["findings"][1][name]
    (here / "odd.json").write_text(json.dumps(data), encoding="utf-8")
    said = f"odd.json: malformed result: findings[1].{name} is missing"
    assert refused(capsys, "odd.json") == said


def test_a_replay_without_a_finding_is_an_interleaving(here: Path) -> None:
    told = {"version": 1, "scenario": "fine/mutex:two", "parameters": {}, "findings": []}
    event = {"step": 0, "task": 0, "comm": "one", "context": "process", "kind": "mutex_lock"}
    told["events"] = [{**event, "text": "mutex_lock(A)", "result": "", "chain": []}]
    (here / "fine.json").write_text(json.dumps(told), encoding="utf-8")
    assert run(["report", "fine.json", "-o", "fine.dat"]) == 0
    assert run(["report", "fine.json", "-o", "fine.txt"]) == 0
    assert "   0    mutex_lock(A)\n" in (here / "fine.txt").read_text(encoding="utf-8")


def test_a_campaign_has_the_interleavings_of_its_findings_while_the_model_is_the_same(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = kept.path
    assert lockwright_in(where, "campaign", "run", "small.plan.toml", "-j", "1").status == 1
    done = lockwright_in(where, "report", "small.campaign", "-o", "c.txt")
    assert (done.status, done.err) == (0, "")
    text = (where / "c.txt").read_text(encoding="utf-8")
    assert text.startswith("Campaign small\n\ncampaign small: 2 of 2 items done; ")
    assert "blocked:         blocked:" in text
    assert "Note: " not in text
    monkeypatch.chdir(where)
    source = where / "stress" / "scenarios.py"
    before = source.read_bytes()
    try:
        source.write_bytes(before + b"\n# changed\n")
        assert run(["report", "small.campaign", "-o", "c.txt"]) == 0
    finally:
        source.write_bytes(before)
    text = (where / "c.txt").read_text(encoding="utf-8")
    assert "blocked:         blocked:" not in text
    said = " ".join(text.split())
    assert "Note: the model has changed since: it was version " in said
    assert "; the interleavings of its findings are left out" in said
    said = "a report is of one campaign, or of results: small.campaign and kept.json are not"
    assert refused(capsys, "small.campaign", "kept.json").startswith(said)
    assert "would be overwritten" in refused(
        capsys, "kept.json", "-o", "./small.campaign", "--form", "html"
    )


def test_several_results_make_one_report(here: Path) -> None:
    data = json.loads((here / "kept.json").read_text(encoding="utf-8"))
    part = {"version": 1, "results": data["results"][:1]}
    (here / "one.json").write_text(json.dumps(part), encoding="utf-8")
    (here / "two.json").write_text(json.dumps(data["results"][1]), encoding="utf-8")
    assert run(["report", "one.json", "two.json", "one.json", "-o", "ab.txt"]) == 0
    text = (here / "ab.txt").read_text(encoding="utf-8")
    assert "2 scenarios: 1 violated, 1 verified; 4 executions; 2 findings\n" in text


def test_results_of_another_model_are_said_to_be_so(here: Path) -> None:
    data = json.loads((here / "kept.json").read_text(encoding="utf-8"))
    data["results"][0]["model_version"] = "0ld"
    (here / "old.json").write_text(json.dumps(data), encoding="utf-8")
    assert run(["report", "old.json", "-o", "old.txt"]) == 0
    text = " ".join((here / "old.txt").read_text(encoding="utf-8").split())
    assert "Note: these are results of different models: versions 0ld, " in text


def test_no_file_but_the_model_is_shown(here: Path) -> None:
    secret = here.parent / "secret.py"
    secret.write_text("PASSWORD = 'hunter2'\n", encoding="utf-8")
    (here / "notes.txt").write_text("hunter2\n", encoding="utf-8")
    (here / "link.py").unlink(missing_ok=True)
    (here / "link.py").symlink_to(secret)
    data = json.loads((here / "kept.json").read_text(encoding="utf-8"))
    places = data["results"][0]["findings"][0]["timeline"]["places"]
    for at, path in enumerate(("../secret.py", "notes.txt", "link.py", str(secret), OURS, ENGINE)):
        places.append([f"f{at}", path, 1, 1, 1])
    (here / "sly.json").write_text(json.dumps(data), encoding="utf-8")
    gathered = sources.Gathered()
    gathered.add("sly.json")
    shown = document_of(gathered).sources
    assert list(shown) == ["stress/scenarios.py", ENGINE]
    assert shown["stress/scenarios.py"] == (here / "stress" / "scenarios.py").read_text("utf-8")


def test_without_a_project_a_report_is_made_all_the_same(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["report", str(kept.path / "kept.json"), "-o", "alone.txt"]) == 0
    assert "Note: " not in (tmp_path / "alone.txt").read_text(encoding="utf-8")


def test_a_scope_can_be_reported(here: Path) -> None:
    data = json.loads((here / "kept.json").read_text(encoding="utf-8"))
    (result, finding) = data["results"][0], data["results"][0]["findings"][1]
    names = ("version", "parameters", "strategy", "verdict", "complete", "executions", "steps")
    scope = {name: result[name] for name in (*names, "deadlocked", "assumptions", "model_version")}
    scope |= {"scenario": "demo/abba 2x1", "programs": 9, "explored": 9, "errors": []}
    scope["findings"] = [{**finding, "program": "demo/abba:calls(a|b)", "programs": 2}]
    text = json.dumps({"version": 1, "scopes": [scope]})
    (here / "scope.json").write_text(text, encoding="utf-8")
    assert run(["report", "scope.json", "-o", "scope.txt"]) == 0
    shown = (here / "scope.txt").read_text(encoding="utf-8")
    assert "demo/abba 2x1  violated" in shown
    assert "in 2 programs, the smallest: demo/abba:calls(a|b)" in shown


BAD = {
    "empty": (b" \n", "it is empty: expected the JSON of `lockwright check"),
    "binary": (gzip.compress(b"{}", mtime=0), "it is no text: expected"),
    "text": (b"hello\n", "it is no JSON: expected the JSON"),
    "cut": (b'{"version": 1, "results": [', "malformed JSON: "),
    "deep": (b"[" * 200_000, "malformed JSON: "),
    "list": (b"[]", "this JSON is no result: expected"),
    "foreign": (b'{"a": 1}', "this JSON is no result: expected"),
    "newer": (b'{"version": 2, "results": []}', "it is of version 2: this lockwright reads"),
    "results": (b'{"version": 1, "results": 5}', "malformed result: expected a list, got int"),
    "result": (
        b'{"version": 1, "results": [{"version": 1}]}',
        "malformed result: scenario is missing",
    ),
    "error": (
        b'{"version": 1, "results": [], "errors": [{}]}',
        "malformed result: errors[0].scenario is",
    ),
    "type": (
        b'{"version": 1, "results": [], "errors": [{"scenario": 5, "error": ""}]}',
        "malformed result: errors[0].scenario is 5",
    ),
    "prediction": (b'{"version": 1, "results": [], "predictions": [{}]}', "malformed result: "),
    "graph": (b'{"version": 1, "graph": {}}', "this is a lock graph: draw it with `lockwright gr"),
    "perfetto": (b'{"traceEvents": []}', "this is a trace for Perfetto, and no result: expected"),
    "sarif": (b'{"version": "2.1.0", "runs": []}', "this is SARIF, and no result: expected the"),
    "answers": (b'{"version": 1, "campaign": "x"}', "these are the answers of a campaign"),
    "sqlite": (b"SQLite format 3\0" + b"\0" * 200, "it is no JSON: expected"),
    "number": (b'{"version": 1, "results": [' + b"9" * 5000 + b"]}", "malformed JSON: Exceeds"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_message_that_names_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    content, said = BAD[name]
    (tmp_path / "bad.json").write_bytes(content)
    (tmp_path / "out.html").write_text("kept", encoding="utf-8")
    message = refused(capsys, "bad.json", "-o", "out.html")
    assert message.startswith(f"bad.json: {said}"), message
    assert "\n" not in message
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("scenario",), 5, "scenario is 5"),
        (("executions",), "3", "executions is '3'"),
        (("complete",), 1, "complete is 1"),
        (("findings", 0, "message"), None, "findings[0].message is None"),
        (("findings", 0, "events", 0, "step"), True, "findings[0].events[0].step is True"),
        (("findings", 0, "chain"), [["f", 1]], "result: findings[0].chain[0] is ['f', 1]"),
        (("findings", 0, "lines"), None, "result: findings[0].lines is None"),
        (("findings", 0, "waits"), [5], "result: findings[0].waits[0] is 5"),
        (("findings", 0, "schedule"), None, "result: findings[0].schedule is None"),
        (("findings", 0, "events", 0, "chain"), 5, "result: findings[0].events[0].chain is 5"),
        (("findings", 0, "events", 0), [], "result: findings[0].events[0] is []"),
        (("findings", 0, "timeline"), {}, "result: findings[0].timeline.places is missing"),
        (("findings", 0, "timeline", "waits"), "x", "findings[0].timeline.waits is 'x'"),
        (
            ("findings", 1, "timeline", "waits", 0, 3),
            None,
            "result: findings[1].timeline.waits[0][3] is None",
        ),
        (("findings", 0, "timeline", "locks", 0, 3), -1, "timeline.locks[0].address is -1"),
        (("findings", 0, "nearest"), [], "result: findings[0].nearest is []"),
        (("findings",), None, "result: findings is None"),
        (("parameters",), [], "result: parameters is []"),
        (("goals",), [None], "result: goals[0] is None"),
        (("executions",), -5, "result: executions is -5"),
        (("outcomes",), {"x": -1}, "result: outcomes['x'] is -1"),
        (("findings", 0, "executions"), -1, "result: findings[0].executions is -1"),
        (("findings", 0, "timeline", "holds", 0, 1), 99, "findings[0].timeline has no lock 99"),
        (("findings", 0, "timeline", "chains", 0), [-1], "findings[0].timeline has no place -1"),
        (("findings", 0, "timeline", "lanes"), [], "findings[0].timeline has no task 0"),
        (("lock_graph", 0, "types"), ["XX"], "malformed lock graph: ValueError: 'XX' is no kind"),
        (("verdict",), "good", "ValueError: 'good' is not a valid Verdict"),
    ],
)
def test_a_value_that_is_not_what_it_should_be_is_named(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    path: tuple[str | int, ...],
    value: object,
    said: str,
) -> None:
    data = json.loads((here / "kept.json").read_text(encoding="utf-8"))
    put(data["results"][0], path, value)
    (here / "odd.json").write_text(json.dumps(data), encoding="utf-8")
    message = refused(capsys, "odd.json")
    assert message.startswith("odd.json: malformed ")
    assert said in message


def test_a_file_that_is_too_large_is_not_read(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sources, "SIZE_MAX", 100)
    assert refused(capsys, "kept.json").endswith("bytes, and no more than 100 are read")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("kept.json", "-o", "x.pdf"), "cannot tell the form of 'x.pdf': its name must end in .ht"),
        (("kept.json", "-o", ""), "cannot write the report: the name of the file is empty"),
        (("kept.json", "-o", "no/x.html"), "cannot write no/x.html: there is no directory no"),
        (("kept.json", "-o", "stress", "--form", "html"), "cannot write stress: it is a directory"),
        (("kept.json", "-o", "kept.json"), "kept.json would be overwritten: name another file"),
        (("kept.json", "-o", "./kept.json"), "kept.json would be overwritten"),
        (("none.json",), "none.json: cannot read none.json: No such file or directory"),
        (("stress",), "stress: cannot read stress: Is a directory"),
        (("a\0b",), "a\0b: cannot read 'a\\x00b': that is no name of a file"),
        (("kept.json", "-o", "a\0b.html"), "cannot write 'a\\x00b.html': that is no name of a f"),
        (
            ("kept.json", "-o", "x.dat"),
            (
                "this form shows one interleaving, and there are 2; `lockwright report` takes one "
                "of:\n  --finding 1: "
            ),
        ),
        (("kept.json", "--finding", "3"), "there is no finding 3: this report has 2"),
        (("kept.json", "-o", "x.xml", "--finding", "1"), "--finding is for these forms: html, pe"),
        (("kept.json", "--form", "pdf"), "Invalid value for '--form': 'pdf' is not one of 'html'"),
        (("kept.json", "--finding", "0"), "Invalid value for '--finding': 0 is not in the range"),
        ((), "Missing argument 'SOURCE...'"),
    ],
)
def test_what_cannot_be_done_is_said(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    before = sorted(path.name for path in here.iterdir())
    assert refused(capsys, *arguments).startswith(said)
    assert sorted(path.name for path in here.iterdir()) == before


def test_there_is_nothing_to_draw_where_nothing_broke(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads((here / "kept.json").read_text(encoding="utf-8"))
    (here / "green.json").write_text(json.dumps(data["results"][1]), encoding="utf-8")
    for name in ("x.json", "x.dat"):
        message = refused(capsys, "green.json", "-o", name)
        assert message == "there is no interleaving to draw: no rule is broken in it"
    message = refused(capsys, "green.json", "-o", "x.html", "--finding", "1")
    assert message == "there is no finding 1: this report has none"


def test_a_disk_that_is_full_leaves_what_was_there(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "full.txt").write_text("kept", encoding="utf-8")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    message = refused(capsys, "kept.json", "-o", "full.txt")
    assert message == "cannot write full.txt: No space left on device"
    assert (here / "full.txt").read_text(encoding="utf-8") == "kept"
    assert not list(here.glob(".full*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--report", "x.pdf"), "cannot tell the form of 'x.pdf'"),
        (("--report", "-"), "a report needs a file: standard output has the result"),
        (("--report", "x.html", "-o", "x.html"), "x.html is asked for twice"),
        (("--report", "x.html", "--checkpoint", "x.html"), "x.html is asked for twice"),
        (("--report", "x.txt", "--report", "./x.txt"), "x.txt is asked for twice"),
        (("--report", "no/x.html"), "cannot write no/x.html: there is no directory no"),
    ],
)
def test_check_explores_nothing_if_a_report_cannot_be_written(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert run(["check", "demo/abba", *arguments]) == 2
    done = capsys.readouterr()
    assert done.out == ""
    assert done.err.startswith(f"lockwright: {said}")
    assert done.err.count("\n") == 1


def test_help_names_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--help"]) == 0
    said = capsys.readouterr().out
    for form in FORMS.values():
        assert form.name in said
        assert form.suffixes[0] in said
