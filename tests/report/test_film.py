"""The data of the page's timelines: true to the timeline, small, and the same each time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.core.timeline import NEVER, Change, Lock, Place, Thing, Timeline
from lockwright.options import Options
from lockwright.project import load_project
from lockwright.report.columns import rows_of
from lockwright.report.document import Document, Run
from lockwright.report.page.film import film_data
from lockwright.report.page.film_sources import KEYWORD, NAME, PLAIN, STRING, coloured
from lockwright.session import explore
from tests.report.film_runs import film_document
from tests.report.trace_runs import TIMELINE, runs, small

ROW = 9
BYTES_MAX = 12 * 1024


def text_of(data: Value) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def of_one(run: Run) -> tuple[Value, Value]:
    """A run's data and the tables."""
    data = film_data(Document("one", runs=[run]))
    return data["runs"][0], data["sources"]


def rows_in(run: Value) -> list[list[int]]:
    return [run["rows"][at : at + ROW] for at in range(0, len(run["rows"]), ROW)]


def chain_in(tables: Value, at: int) -> list[tuple[str, str, int]]:
    chain = []
    while at >= 0:
        function, line, at = tables["frames"][3 * at : 3 * at + 3]
        name, path, _, _ = tables["functions"][function]
        chain.append((tables["strings"][name], tables["strings"][path], line))
    return chain


def found(scenario: str, kind: str) -> Run:
    return next(
        run for run in film_document().all_runs() if (run.scenario, run.title) == (scenario, kind)
    )


def event(step: int, task: int, text: str, *, result: str = "", kind: str = "op") -> Event:
    comm = "abc"[task]
    return Event(step, task, comm, "process", kind, text, result, (Frame(f"in_{comm}", 1, 3),))


def names(run: Value, tables: Value, part: str) -> list[str]:
    """What the finding is about, by name."""
    field = {"lanes": 0, "locks": 0, "things": 1}[part]
    return [tables["strings"][run[part][at][field]] for at in run["about"][part]]


def test_a_lock_has_its_address_as_the_validator_prints_it() -> None:
    locks = (Lock("a", "b", "mutex", 0xFFFF888100000400), Lock("a", "b", "mutex"))
    data, tables = of_one(replace(small().all_runs()[0], timeline=replace(TIMELINE, locks=locks)))
    assert [[tables["strings"][at] for at in lock] for lock in data["locks"]] == [
        ["a", "b", "mutex", "ffff888100000400"],
        ["a", "b", "mutex", ""],
    ]


@pytest.mark.parametrize("nth", range(len(film_document().all_runs())))
def test_the_rows_are_those_of_the_columns(nth: int) -> None:
    run = film_document().all_runs()[nth]
    data, tables = of_one(run)
    shown = []
    for first, last, _, function, text, result, times, _, _ in rows_in(data):
        label = str(first) if first == last else f"{first}-{last}"
        said = tables["strings"][text]
        said += f" = {tables['strings'][result]}" if tables["strings"][result] else ""
        said += f" x{times}" if times > 1 else ""
        shown.append((label, tables["strings"][function] if function >= 0 else "", said))
    if any(each.context == "store buffer" for each in run.events):
        assert [(row[0], row[2]) for row in shown] == [
            (row.label, row.text)
            for row in rows_of([each for each in run.events if each.step >= 0])
        ]
        return
    assert shown == [
        (row.label, row.function, row.text)
        for row in rows_of([each for each in run.events if each.step >= 0])
    ]


@pytest.mark.parametrize("nth", range(len(film_document().all_runs())))
def test_call_chains_lead_to_lines_of_the_source(nth: int) -> None:
    run = film_document().all_runs()[nth]
    assert run.timeline is not None
    data, tables = of_one(run)
    chains = {
        each.step: [run.timeline.places[at] for at in chain]
        for each, chain in zip(
            [each for each in run.events if each.step >= 0], run.timeline.chains, strict=True
        )
    }
    for row in rows_in(data):
        assert chain_in(tables, row[7]) == [
            (place.function, place.path, place.line) for place in chains[row[0]]
        ]


def test_what_a_task_is_blocked_in_at_the_end_has_its_lines() -> None:
    run = found("film:never_over", "deadlock")
    data, tables = of_one(run)
    last = {tables["strings"][lane[0]]: chain_in(tables, lane[7])[0] for lane in data["lanes"]}
    source = Path(__file__).with_name("film_runs.py").read_text(encoding="utf-8").splitlines()
    assert {head: source[line - 1].strip() for head, (_, _, line) in last.items()} == {
        "reader": "await lock.lock()",
        "remover": "await srcu.synchronize_srcu()",
    }


def test_the_flushes_of_one_store_buffer_have_one_lane() -> None:
    run = found("film:stored", "broken promise")
    data, tables = of_one(run)
    heads = [tables["strings"][lane[0]] for lane in data["lanes"]]
    assert heads == ["P0", "P1", "flush of P0", "flush of P1"]
    assert {row[2] for row in rows_in(data)} == {0, 1, 2, 3}
    assert all(wait[0] in range(4) for wait in data["waits"])


def test_without_a_timeline_there_are_lanes_rows_and_chains_all_the_same() -> None:
    data, tables = of_one(small(timeline=None).all_runs()[0])
    assert [tables["strings"][lane[0]] for lane in data["lanes"]] == ["reader", "remover"]
    assert len(rows_in(data)) == 9
    assert chain_in(tables, rows_in(data)[0][7]) == [("read_children", "", 3), ("reader", "", 2)]
    assert tables["texts"] == [None] * len(tables["functions"])
    assert data["holds"] == data["waits"] == data["things"] == []


def test_the_moment_is_the_row_of_the_step_and_the_end_for_what_is_seen_then() -> None:
    events = (
        event(0, 0, "x"),
        event(1, 0, "no", result="false", kind="interrupt"),
        event(2, 1, "y"),
    )
    moments = {}
    for step in (-1, 0, 1, 2, 3):
        finding = Finding("kind", "message", "", 0, "a", step=step)
        data, _ = of_one(Run("", "", events, None, finding=finding))
        moments[step] = data["finding"][0]
    # step 1 is an interrupt that did not come, and has no row: it is that of the step before
    assert moments == {-1: 2, 0: 0, 1: 0, 2: 1, 3: 2}


def test_a_finding_is_about_its_classes_who_uses_them_and_what_it_names() -> None:
    run = found("film:freed_early", "use-after-free")
    data, tables = of_one(run)
    assert names(data, tables, "things") == ["kp1"]
    assert names(data, tables, "lanes") == ["reader", "remover"]
    # it is seen in the step that leaves the section; list_mutex has no part in it
    assert names(data, tables, "locks") == ["fs_srcu"]
    run = found("film:abba", "deadlock")
    data, tables = of_one(run)
    assert names(data, tables, "locks") == ["A", "B"]


def test_a_task_without_a_part_in_it_is_left_out() -> None:
    events = (
        event(0, 0, "kfree(inode a)"),
        event(1, 1, "dget(inode a/b)"),
        event(2, 2, "put(inode a)"),
    )
    things = (
        Thing("inode", "a", -1, 0, "a", ("nr",)),
        Thing("inode", "a/b", -1, NEVER, "", ("nr",)),
    )
    finding = Finding("use-after-free", "use of inode a->nr, freed by a", "", 2, "c", step=2)
    run = Run("", "", events, Timeline(things=things), finding=finding)
    data, tables = of_one(run)
    assert names(data, tables, "lanes") == ["a", "c"]
    assert names(data, tables, "things") == ["a"]
    assert data["touched"]["things"] == [[0, 2], [1]]


def test_who_is_idle_at_the_end_has_no_part_in_it_as_who_is_blocked_has() -> None:
    """What it would do next is no matter of the finding's either."""
    things = (Thing("inode", "a", -1, 1, "a", ("nr",)), Thing("box", "mail", -1, NEVER, "", ()))
    finding = Finding("use-after-free", "use of inode a->nr, freed by a", "", 0, "a", step=1)

    def of(kind: str) -> tuple[list[str], list[str]]:
        events = (
            *(event(0, 1, "send(other)"), event(1, 0, "put(inode a)")),
            event(-1, 1, "receive(box mail)", kind=kind),
        )
        run = Run("", "", events, Timeline(things=things), finding=finding)
        data, tables = of_one(run)
        return names(data, tables, "lanes"), names(data, tables, "things")

    assert of("blocked") == (["a", "b"], ["a", "mail"])
    assert of("idle") == (["a"], ["a"])


def test_a_data_race_names_a_kind_and_a_field() -> None:
    events = (event(0, 0, "one"), event(1, 1, "two"))
    things = (
        Thing("dentry", "a", -1, NEVER, "", ("d_inode",)),
        Thing("inode", "a", -1, NEVER, "", ()),
    )
    message = "dentry->d_inode: read by a in f() and write by b in g()"
    run = Run(
        "", "", events, Timeline(things=things), finding=Finding("data race", message, "", 1, "b")
    )
    data, _ = of_one(run)
    assert data["about"]["things"] == [0]
    # a field that nothing is told of: it is the one that the operation names
    message = "dentry->d_child.next: read by a in f() and write by b in g()"
    events = (event(0, 0, "one"), event(1, 1, "overwrite(a->d_child.next)"))
    again = replace(run, events=events, finding=Finding("data race", message, "", 1, "b", step=1))
    data, _ = of_one(again)
    assert data["about"]["things"] == [0]


def test_a_lock_is_found_under_its_class_taken_nested() -> None:
    run = small().all_runs()[0]
    assert run.finding is not None
    finding = replace(run.finding, classes=("fs_srcu/1",))
    data, tables = of_one(replace(run, finding=finding))
    assert "fs_srcu" in names(data, tables, "locks")


def test_rows_that_touch_a_lock_take_it_release_it_wait_for_it_or_name_it() -> None:
    data, _ = of_one(small().all_runs()[0])
    # fs_srcu: taken in row 0, waited for from 5, left in 6, named in 7; list_mutex: see TIMELINE
    assert data["touched"]["locks"] == [[0, 5, 6, 7], [1, 6]]
    # changed by 5, freed by 8, and named in 3 only as `ei->nr`
    assert data["touched"]["things"] == [[5, 8]]
    assert TIMELINE.things[0].kind == "eventfs_inode"


def test_source_texts_are_cut_to_their_function_and_coloured() -> None:
    source = "x = 1\n\n    async def f() -> None:\n        return 'é😀'  # so\n\ny = 2\n"
    cut = coloured(source, 3, 2)
    assert cut is not None
    first, text, runs_of_colour = cut
    assert (first, text) == (3, "async def f() -> None:\n    return 'é😀'  # so")
    kinds, lengths = runs_of_colour[::2], runs_of_colour[1::2]
    assert sum(lengths) == len(text.encode("utf-16-le")) // 2
    # `async def `, then the name
    assert (kinds[:2], lengths[:2]) == ([KEYWORD, NAME], [10, 1])
    assert STRING in kinds
    assert PLAIN in kinds


@pytest.mark.parametrize(("first", "size"), [(0, 3), (9, 1), (1, 0), (-2, 4)])
def test_a_source_without_such_lines_gives_no_text(first: int, size: int) -> None:
    assert coloured("a\nb\n", first, size) is None


def test_texts_of_functions_are_sent_once_and_whole_files_never() -> None:
    document = film_document()
    tables = film_data(document)["sources"]
    places = {place for run in document.all_runs() for place in (run.timeline or Timeline()).places}
    functions = {(place.function, place.path, place.first, place.size) for place in places}
    assert len(tables["texts"]) == len(tables["functions"]) == len(functions)
    assert all(text[1].count("\n") < 12 for text in tables["texts"] if text)
    assert any(text and "await lock.lock()" in text[1] for text in tables["texts"])


def test_the_same_document_gives_the_same_bytes() -> None:
    document = film_document()
    again = replace(
        document, results=[Result.from_json(each.as_json()) for each in document.results]
    )
    assert text_of(film_data(document)) == text_of(film_data(again))


def test_a_finding_of_forty_steps_stays_small() -> None:
    scenario = dict(load_project(Path.cwd()).scenarios)["eventfs/v3:open_vs_prune"]
    result = explore(scenario, Options(executions=60))
    finding = max(result.findings, key=lambda each: len(each.events))
    assert len(finding.events) >= 14
    data = film_data(Document("one", results=[replace(result, findings=[finding])]))
    data["sources"]["texts"] = []
    assert len(text_of(data)) < BYTES_MAX * max(len(finding.events), 40) / 40


@settings(deadline=None, max_examples=60, derandomize=True)
@given(runs())
def test_any_run_gives_data_whose_places_exist(run: Run) -> None:
    data, tables = of_one(run)
    text_of(data)
    lanes, rows = len(data["lanes"]), rows_in(data)
    strings = len(tables["strings"])
    for row in rows:
        assert 0 <= row[2] < lanes
        assert max(row[3], row[4], row[5], row[8]) < strings
        assert row[7] < len(tables["frames"]) // 3
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    for touched in (*data["touched"]["locks"], *data["touched"]["things"]):
        assert all(0 <= at < len(rows) for at in touched)
    for holding in data["holds"]:
        assert -1 <= holding[0] < lanes
    if data["finding"]:
        assert 0 <= data["finding"][0] <= len(rows)
        assert all(0 <= lane < lanes for lane in data["about"]["lanes"])


def test_values_of_a_thing_are_kept_in_order() -> None:
    thing = Thing("", "x", -1, NEVER, "", ("value",))
    changes = (Change(-1, 0, 0, "0"), Change(0, 0, 0, "1"))
    told = Timeline((Place("f", "", 0, 3, 1),), ((0,),), things=(thing,), changes=changes)
    data, tables = of_one(Run("", "", (event(0, 0, "x = 1"),), told))
    assert [(step, tables["strings"][value]) for step, _, _, value in data["changes"]] == [
        (-1, "0"),
        (0, "1"),
    ]
