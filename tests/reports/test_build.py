"""The project's own report: what is in it, what it is compared with, and how it ends."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from invariants.catalogue import CATALOGUE
from lockwright.core.finding import Finding
from lockwright.core.result import Result as ScenarioResult
from lockwright.core.result import Verdict
from lockwright.report.document import Document, Table
from lockwright.report.lockgraph.judging import judged
from reports import conformance, corpus, gathering, memory, readme, verdicts
from reports.build import FORMS, PICTURE, differences_of, main
from reports.comparing import NOTHING, Difference, lines_that_differ
from reports.gathering import Bug, Extent, Gathered, designs_of, gathered, results_of
from reports.running import run
from reports.telling import AS_IT_WAS, document_of, lock_graph
from stress.corpus import ENTRIES
from stress.corpus.entry import ROOT, project
from stress.scenarios.designs import DESIGNS

SKETCH = "eventfs/sketch"
CIRCULAR = "possible circular locking dependency"
SMALL = (SKETCH, "kernfs/tree")
FILES = {*FORMS, PICTURE}
RECORDED = [conformance.Row("7.3.4", "", steps=1167, left_out=31, interleavings=14)]
"""What the recording has, which `reports.conformance` replays."""


@cache
def shown() -> Gathered:
    """Two small designs, explored as far as the report does that."""
    return gathered(SMALL)


@pytest.fixture
def without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that was recorded is replayed, which takes seconds."""
    monkeypatch.setattr(gathering, "KERNELS", {})


@cache
def bug(where: str) -> Bug:
    """The first bug that is in the corpus with this before its fix, explored."""
    for nth, entry in enumerate(corpus.modelled()):
        if entry.before.arguments == where:
            return gathering._bug(nth)
    raise AssertionError(where)


def with_bug(where: str) -> Gathered:
    """A report of that bug alone, with the verdicts of two scenarios of its design."""
    design, _, _ = where.partition(":")
    recorded = verdicts.baseline()
    names = [where] if where in recorded else []
    names += [name for name in recorded if name.startswith(f"{design}:")][:2]
    made = Gathered((design,), Extent.SHOWN, {name: recorded[name] for name in names})
    made.bugs = [bug(where)]
    return made


def copied(made: Gathered) -> Gathered:
    return replace(made, verdicts=dict(made.verdicts), results=dict(made.results))


def plant(monkeypatch: pytest.MonkeyPatch, where: Path, known: dict[str, Any]) -> None:
    """Let these be the committed verdicts."""
    path = where / "verdicts.json"
    path.write_text(verdicts.baseline_text(known), encoding="utf-8")
    monkeypatch.setattr(verdicts, "BASELINE", path)


def built(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def table(document: Document, anchor: str) -> Table:
    (found,) = (each for each in document.tables if each.anchor == anchor)
    return found


RELEASED = "eventfs/linux_6_12:remount_vs_remove_cold"
SWITCHED = "eventfs/linux_6_7:mount_gid_then_stat --param inherits_owner=false"


def test_a_bug_leads_to_the_finding_in_the_design_that_had_it() -> None:
    document = document_of(with_bug(RELEASED), [])
    (row,) = table(document, "bugs").rows
    assert [cell.text for cell in row[:2]] == ["E42", "remount walks children with RCU only"]
    assert (row[3].text, row[3].tone) == ("found: use-after-free", "bad")
    assert (row[6].text, row[6].tone) == ("gone", "good")
    (found,) = (each for each in document.found() if each.anchor == row[3].link)
    assert found.finding.kind == "use-after-free"
    assert RELEASED in found.scenarios
    assert found.finding.events
    assert found.finding.token


def test_what_shows_a_bug_joins_what_its_design_is_known_to_break() -> None:
    made = with_bug(RELEASED)
    document = document_of(made, [])
    (result,) = (each for each in document.results if each.scenario == RELEASED)
    kinds = [kind for kind, _, _ in made.verdicts[RELEASED]["findings"]]
    assert sorted(finding.kind for finding in result.findings) == sorted(kinds)


def test_a_bug_that_a_switch_brings_back_stands_for_no_release() -> None:
    made = with_bug(SWITCHED)
    document = document_of(made, [])
    names = [result.scenario for result in document.results]
    assert names == [*made.verdicts, f"{AS_IT_WAS}:{SWITCHED}"]
    assert document.results[-1].title.startswith("E59: ")
    (row,) = table(document, "bugs").rows
    (found,) = (each for each in document.found() if each.anchor == row[3].link)
    assert found.scenarios == (f"{AS_IT_WAS}:{SWITCHED}",)
    assert document.graph is None, "what only a switch does is no order of a release"


def test_orders_of_two_designs_make_no_cycle() -> None:
    """One takes a after b, the other b after a; only in a third are both, and that is judged."""
    ab = {"held": "a", "new": "b", "types": ["EN"], "stack": [], "classes": []}
    ba = {**ab, "held": "b", "new": "a"}
    cycle = Finding(CIRCULAR, "", "a -> b", -1, "", classes=("a", "b"), reality="confirmed")
    results = [result_of("eventfs/one:x", ab), result_of("kernfs/two:x", ba)]
    results += [result_of("eventfs/three:x", ab), result_of("eventfs/three:y", ba)]
    results[-1].findings = [cycle]
    results += [result_of(f"{AS_IT_WAS}:eventfs/one:x --param c=d", ba)]
    graph = lock_graph(results)
    assert graph is not None
    assert graph.sources == ["eventfs/one", "kernfs/two", "eventfs/three"]
    assert list(graph.edges) == [
        ("one: a", "one: b"),
        ("kernfs/two: b", "kernfs/two: a"),
        ("three: a", "three: b"),
        ("three: b", "three: a"),
    ]
    (found,) = judged(graph)
    assert (sorted(found.cycle.classes), found.reality) == (["three: a", "three: b"], "confirmed")


def result_of(name: str, order: dict[str, Any]) -> ScenarioResult:
    return ScenarioResult(name, "", {}, "dpor", lock_graph=[order])


def test_two_bugs_that_one_exploration_shows_are_one_result() -> None:
    made = with_bug(SWITCHED)
    other = bug(SWITCHED)
    assert other.shows is not None
    (finding,) = other.shows.findings
    second = replace(other.shows, findings=[replace(finding, signature="another")])
    made.bugs = [other, replace(other, shows=second), other]
    last = document_of(made, []).results[-1]
    assert [each.signature for each in last.findings] == [finding.signature, "another"]


def test_each_finding_of_a_design_is_shown_with_its_interleaving() -> None:
    made = shown()
    document = document_of(made, [])
    keys = {
        (kind, signature)
        for given in made.verdicts.values()
        for kind, _, signature in given["findings"]
    }
    assert len(keys) == 7
    found = document.found()
    assert {(each.finding.kind, each.finding.signature) for each in found} == keys
    assert all(each.finding.events and each.finding.timeline for each in found)
    assert all(each.finding.token for each in found)


def test_only_what_shows_a_finding_is_explored() -> None:
    made = shown()
    broken = [name for name, given in made.verdicts.items() if given["findings"]]
    assert list(made.results) == broken
    assert len(made.verdicts) == 13


def test_of_the_scenarios_that_show_a_finding_the_shortest_is_explored() -> None:
    given = {
        "one": {"executions": 9, "findings": [["leak", "", "a"], ["leak", "", "b"]]},
        "two": {"executions": 3, "findings": [["leak", "", "a"]]},
        "three": {"executions": 3, "findings": [["leak", "", "a"]]},
    }
    assert list(gathering._showing(given)) == ["two", "one"]


def test_a_scenario_that_was_not_explored_says_what_its_verdict_says() -> None:
    made = Gathered((SKETCH,), Extent.SHOWN, dict(shown().verdicts))
    made.results = {}
    for result in results_of(made):
        assert json.loads(json.dumps(verdicts.verdict_of(result))) == made.verdicts[result.scenario]
        assert result.assumptions
    names = [result.scenario for result in results_of(made)]
    assert names == list(made.verdicts)


def test_a_finding_that_was_not_explored_says_what_the_explored_one_says() -> None:
    made = Gathered((SKETCH,), Extent.SHOWN, dict(shown().verdicts), dict(shown().results))
    (name, given), *_ = ((n, g) for n, g in made.verdicts.items() if g["findings"])
    made.verdicts[f"{SKETCH}:lookup_open_remove"] = {**given}
    found = document_of(made, []).found()[0]
    assert found.scenarios == (name, f"{SKETCH}:lookup_open_remove")
    assert found.finding.events
    results = {result.scenario: result for result in results_of(made)}
    copy = results[f"{SKETCH}:lookup_open_remove"].findings[0]
    assert (copy.message, copy.events) == (found.finding.message, ())


@pytest.mark.usefixtures("without_kernels")
def test_every_design_every_bug_and_every_verdict_is_in_it() -> None:
    made = gathered((), Extent.COMMITTED)
    document = document_of(made, [])
    assert {result.scenario for result in document.results} == set(project().scenarios)
    designs = [result.scenario.partition(":")[0] for result in document.results]
    assert tuple(dict.fromkeys(designs)) == designs_of()
    anchors = ("bugs", "still-there", "without-scenario")
    bugs = {row[0].text for anchor in anchors for row in table(document, anchor).rows}
    assert bugs == {entry.id for entry in ENTRIES}
    assert [row[0].text for row in table(document, "promises").rows] == [o.id for o in CATALOGUE]
    for anchor in ("memory-1", "memory-2"):
        assert [row[0].text for row in table(document, anchor).rows] == list(DESIGNS)
    assert "Nothing was explored for this report" in document.lead
    assert "replayed" not in document.lead


@pytest.mark.usefixtures("without_kernels")
def test_what_is_committed_fits_together() -> None:
    made = gathered((), Extent.COMMITTED)
    made.conformance = RECORDED
    assert [str(each) for each in differences_of(made)] == []


def test_what_was_explored_is_as_committed() -> None:
    assert [str(each) for each in differences_of(shown())] == []


def test_a_verdict_that_is_another_one_is_a_difference() -> None:
    made = copied(shown())
    name = next(iter(made.results))
    made.verdicts[name] = {**made.verdicts[name], "executions": 7}
    (said,) = differences_of(made)
    assert said.where == name
    assert "'executions': 70" in said.expected
    assert "'executions': 7," in said.got


def test_a_scenario_without_a_committed_verdict_is_explored_and_is_a_difference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = verdicts.baseline()
    name = f"{SKETCH}:lookup_open_remove"
    del known[name]
    known[f"{SKETCH}:no_more"] = {}
    plant(monkeypatch, tmp_path, known)
    made = gathered([SKETCH])
    assert made.results[name].verdict is Verdict.VERIFIED
    gone, new = differences_of(made)
    assert gone == Difference(f"{SKETCH}:no_more", "a scenario of this name", NOTHING)
    assert (new.where, new.expected) == (name, NOTHING)


def test_a_bug_that_is_not_found_is_a_difference_twice() -> None:
    """From its row of the committed table, and from what must hold whatever that says."""
    made = Gathered(("eventfs/latest",), Extent.SHOWN)
    made.bugs = gathering.committed_bugs(made, corpus.HEADS[: corpus.SECONDS])
    kept = gathering.committed_bugs(made, corpus.STILL_THERE_HEADS)
    made.kept = [*kept[:-1], replace(kept[-1], cells=(*kept[-1].cells[:3], "x", "1"), holds=False)]
    changed, broken = differences_of(made)
    assert changed.where == "reports/baselines/corpus.md"
    assert (changed.expected, changed.got) == (
        " | ".join(kept[-1].cells),
        " | ".join(made.kept[-1].cells),
    )
    assert broken == Difference(kept[-1].cells[0], "found, and gone after its fix", "x")


def test_an_answer_that_does_not_conform_is_a_difference() -> None:
    made = copied(shown())
    made.conformance = [conformance.Row("7.3.4", "eventfs/latest", wrong=["step 3: mkdir: -1"])]
    (said,) = differences_of(made)
    assert said.got == "step 3: mkdir: -1"
    (row,) = table(document_of(made, [said]), "conformance").rows
    assert (row[-1].text, row[-1].tone) == ("1", "bad")


def test_memory_that_is_another_is_a_difference() -> None:
    made = Gathered(("eventfs/v3",), Extent.EVERYTHING)
    tree, of = next(iter(memory.baseline().items()))
    made.memory = {tree: {"eventfs/v3": ["0", *of["eventfs/v3"][1:]]}}
    (said,) = (each for each in differences_of(made) if "memory.json" in each.where)
    assert said.where == f"reports/baselines/memory.json: {tree}, eventfs/v3"
    assert said.got.startswith("0, ")


@pytest.mark.usefixtures("without_kernels")
def test_a_verdict_that_moves_shows_in_all_that_is_made_of_them() -> None:
    made = gathered((), Extent.COMMITTED)
    made.conformance = RECORDED
    name = "eventfs/latest:stale_system_enable"
    made.verdicts[name] = {**made.verdicts[name], "verdict": "verified", "findings": []}
    where = {each.where for each in differences_of(made)}
    assert where == {"reports/baselines/history.md", "stress/plans/regression.plan.toml"}


def test_a_number_of_the_readme_that_is_another_is_a_difference() -> None:
    known = {"it records # bugs": 1167, "and # steps": 3, "and # others": 2}
    text = "it records 1,167 bugs, and 4 steps."
    assert list(readme.wrong(known, text)) == [
        Difference("README.md", "and 3 steps", "and 4 steps"),
        Difference("README.md", "and 2 others", NOTHING),
    ]


def test_lines_are_compared_one_with_the_other() -> None:
    told = lines_that_differ("a file", ["a", "b", "c", "d"], ["a", "x", "c", "d", "e"])
    assert list(told) == [Difference("a file", "b", "x"), Difference("a file", NOTHING, "e")]
    told = lines_that_differ("a file", ["a", "b"], ["b"])
    assert list(told) == [Difference("a file", "a", NOTHING)]


def test_the_differences_stand_first() -> None:
    one = Difference("eventfs/v3:one", "<verified>", "violated")
    document = document_of(shown(), [one])
    assert document.lead.startswith("1 difference from what is committed: ")
    assert document.tables[0].anchor == "differences"
    assert [cell.text for cell in document.tables[0].rows[0]] == list(one)


def test_the_report_is_written_in_every_form(tmp_path: Path) -> None:
    done = built("--design", SKETCH, "-j", "1", "-o", str(tmp_path / "deep" / "out"))
    assert (done.exit_code, done.stderr) == (0, "the designs: 1\n")
    assert done.stdout.endswith("\n0 differences from what is committed\n")
    files = {path.name: path for path in (tmp_path / "deep" / "out").iterdir()}
    assert set(files) == FILES
    for path in files.values():
        shown = "eventfs_mutex" if path.name == PICTURE else "broken promise"
        assert shown in path.read_text(encoding="utf-8")
        assert f"written: {path}" in done.stdout.splitlines()
    again = built("--design", SKETCH, "-j", "2", "-o", str(tmp_path / "again"))
    assert again.exit_code == 0
    for name, path in files.items():
        assert path.read_bytes() == (tmp_path / "again" / name).read_bytes()
        assert str(ROOT) not in path.read_text(encoding="utf-8")


def test_a_difference_fails_and_is_printed_and_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = verdicts.baseline()
    name = f"{SKETCH}:lookup_open_remove_unchecked"
    known[name] = {**known[name], "executions": 71}
    plant(monkeypatch, tmp_path, known)
    done = built("--design", SKETCH, "-j", "1", "-o", str(tmp_path))
    assert done.exit_code == 1
    assert f"{name}:\nexpected: {{" in done.stdout
    assert "'executions': 71," in done.stdout
    assert done.stdout.endswith("\n1 difference from what is committed\n")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "1 difference from what is committed" in page
    assert "&#39;executions&#39;: 71," in page


def test_with_baseline_nothing_is_explored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gathering, "explore", None)
    monkeypatch.setattr(gathering, "run_before", None)
    done = built("--baseline", "--design", "eventfs/v4", "-o", str(tmp_path))
    assert (done.exit_code, done.stderr) == (0, "")
    assert "Nothing was explored" in (tmp_path / "report.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", ""], "the name of the directory is empty"),
        (["--design", "eventfs/nothing"], "no design 'eventfs/nothing'; there are: tracefs/pinned"),
        (["-j", "0"], "Invalid value for '-j'"),
        (["-o", "{file}"], "file: File exists"),
        (["-o", "{file}/below"], "below: Not a directory"),
        (["-o", "{taken}"], "it is a directory"),
        (["surplus"], "unexpected extra argument"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_explored(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, taken = tmp_path / "file", tmp_path / "taken"
    file.write_text("mine", encoding="utf-8")
    (taken / "index.html").mkdir(parents=True)
    given = [each.format(file=file, taken=taken) for each in arguments]
    monkeypatch.setattr("sys.argv", ["build", *given])
    monkeypatch.setattr("reports.build.gathered", None)
    with pytest.raises(SystemExit, match="2"):
        run(main)
    assert said in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.slow
def test_the_whole_report_is_as_committed_and_not_too_large(tmp_path: Path) -> None:
    done = built("-j", "2", "-o", str(tmp_path))
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (
        0,
        "0 differences from what is committed",
    ), done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {*FILES, "history.svg"}
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 8_000_000
    keys = {
        (kind, signature)
        for given in verdicts.baseline().values()
        for kind, _, signature in given["findings"]
    }
    assert page.count('id="finding-') >= len(keys)
