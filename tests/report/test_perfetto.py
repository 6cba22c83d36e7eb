"""Interleavings as trace-event JSON: by the rules of the format, and what is where."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from lockwright.core.event import Event
from lockwright.core.frame import Frame
from lockwright.core.timeline import NEVER, Change, Hold, Lock, Thing, Timeline, Wait
from lockwright.report.document import Document, Run
from lockwright.report.perfetto import perfetto
from lockwright.report.perfetto.tasks import calls_of, happened, pieces_of
from lockwright.report.perfetto.tracks import NAME_MAX
from lockwright.session import Options, explore
from tests.explore.interrupt_programs import random_program
from tests.report.golden_files import assert_golden
from tests.report.trace_events import complaints, loaded
from tests.report.trace_runs import EVENTS, TIMELINE, WORDS, runs, small, small_run
from tests.test_checkpoint_interrupts import of

TASKS, LOCKS = 1, 2


def events_of(document: Document) -> list[dict[str, Any]]:
    """The events of its trace, which keeps all rules."""
    text = perfetto(document)
    assert complaints(text) == []
    events: list[dict[str, Any]] = loaded(text)["traceEvents"]
    return events


def threads(events: list[dict[str, Any]], pid: int) -> dict[str, int]:
    """The threads of a process by name."""
    named = [e for e in events if e["name"] == "thread_name" and e["pid"] == pid]
    return {event["args"]["name"]: event["tid"] for event in named}


def slices(
    events: list[dict[str, Any]], pid: int, thread: str, *cats: str
) -> list[tuple[str, int, int]]:
    """The slices of a thread: name, begin and end."""
    tid = threads(events, pid)[thread]
    return [
        (e["name"], e["ts"], e["ts"] + e["dur"])
        for e in events
        if e["ph"] == "X" and (e["pid"], e["tid"]) == (pid, tid) and (not cats or e["cat"] in cats)
    ]


def arrows(events: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    """The arrows: name, and when they begin and end."""
    ends = {event["id"]: event["ts"] for event in events if event["ph"] == "f"}
    return [(e["name"], e["ts"], ends[e["id"]]) for e in events if e["ph"] == "s"]


def test_a_small_run_is_written_whole() -> None:
    assert_golden("perfetto_small.json", perfetto(small()))


def test_the_same_document_gives_the_same_bytes() -> None:
    assert perfetto(small()) == perfetto(small())


def test_a_task_has_its_functions_interrupts_operations_and_waits() -> None:
    events = events_of(small())
    assert list(threads(events, TASKS)) == ["who runs", "reader [1001]", "remover [1002]"]
    around = slices(events, TASKS, "reader [1001]", "function", "interrupt")
    assert around == [
        ("reader", 0, 10_000),
        ("read_children", 0, 6_900),
        ("Interrupt eth0", 2_000, 4_900),
        ("handle_irq", 3_000, 3_900),
    ]
    inside = slices(events, TASKS, "remover [1002]", "operation", "wait")
    assert inside == [
        ("mutex_lock(list_mutex)", 1_000, 1_900),
        ("synchronize_srcu(fs_srcu)", 5_000, 5_900),
        ("waits: wait_for_grace_period(fs_srcu)", 6_000, 7_000),
        ("wait_for_grace_period(fs_srcu)", 7_000, 7_900),
        ("kfree(ei)", 8_000, 8_900),
    ]
    assert slices(events, TASKS, "who runs") == [
        ("reader", 0, 900),
        ("remover", 1_000, 1_900),
        ("reader", 2_000, 4_900),
        ("remover", 5_000, 5_900),
        ("reader", 6_000, 6_900),
        ("remover", 7_000, 8_900),
    ]


def test_an_operation_tells_its_result_and_its_chain_with_lines() -> None:
    (read,) = [e for e in events_of(small()) if e["name"] == "READ_ONCE(ei->nr)"]
    assert read["args"] == {
        "step": 3,
        "operation": "READ_ONCE(ei->nr)",
        "result": "2",
        "context": "hardirq",
        "function": "handle_irq",
        "chain": [
            "handle_irq+0x1/0x3 (model/small.py:71)",
            "Interrupt eth0",
            "read_children+0x3/0x9 (model/small.py:13)",
            "reader+0x2/0x4 (model/small.py:32)",
        ],
    }


def test_locks_are_held_and_what_lives_lives() -> None:
    events = events_of(small())
    assert threads(events, LOCKS).keys() == {"fs_srcu", "list_mutex"}
    assert slices(events, LOCKS, "fs_srcu") == [("reader (shared)", 500, 6_500)]
    assert slices(events, LOCKS, "list_mutex") == [("remover", 1_500, 10_000)]
    lives = [(e["ph"], e["name"], e["ts"]) for e in events if e["ph"] in "bne"]
    assert lives == [
        ("b", "eventfs_inode ei", 0),
        ("b", "grace period of fs_srcu", 5_500),
        ("n", "eventfs_inode ei", 5_500),
        ("e", "grace period of fs_srcu", 7_500),
        ("e", "eventfs_inode ei", 8_500),
    ]
    counts = [(e["name"], e["ts"], e["args"]["value"]) for e in events if e["ph"] == "C"]
    assert counts == [("eventfs_inode ei: nr", 0, 2), ("eventfs_inode ei: nr", 5_500, 1)]


def test_arrows_lead_to_what_is_waited_for_and_from_what_ends_it() -> None:
    assert arrows(events_of(small())) == [
        ("waits for", 6_100, 6_100),
        ("lets go on", 6_300, 7_100),
        ("waits for", 7_100, 7_100),
    ]


def test_each_reader_that_leaves_points_to_who_waits_for_the_grace_period() -> None:
    # a third reader, gone after step 3: the last one, of step 6, is the one that lets it go on
    readers = replace(
        TIMELINE,
        holds=(*TIMELINE.holds, Hold(2, 0, "shared", NEVER, 8)),
        grace_periods=(TIMELINE.grace_periods[0]._replace(readers=(0, 2), end=8),),
    )
    moved = (*EVENTS[:8], replace(EVENTS[8], task=2, comm="other"), replace(EVENTS[8], step=9))
    events = events_of(Document("x", runs=[Run("x", "s", moved, readers)]))
    assert ("reader is gone", 8_300, 9_100) in arrows(events)


def test_the_moment_of_the_finding_is_marked_for_all() -> None:
    events = events_of(small())
    marks = [(e["s"], e["name"], e["ts"]) for e in events if e["ph"] == "i"]
    assert marks == [("g", "deadlock", 9_800), ("t", "deadlock", 9_800)]
    args = next(e["args"] for e in events if e["ph"] == "i" and e["s"] == "g")
    assert args["lines"] == ["remover holds list_mutex"]
    assert args["verdict"] == "violated"


def test_a_finding_within_the_run_is_marked_in_its_step() -> None:
    run = small_run()
    assert run.finding is not None
    moved = replace(run, finding=replace(run.finding, step=3))
    marks = [e["ts"] for e in events_of(Document("x", runs=[moved])) if e["ph"] == "i"]
    assert marks == [3_800, 3_800]


def test_a_run_without_a_finding_is_told_of_at_its_beginning() -> None:
    run = replace(small_run(), title="Replay of small", finding=None)
    events = events_of(Document("x", runs=[run]))
    marks = [(e["name"], e["ts"], e["args"]["token"]) for e in events if e["ph"] == "i"]
    assert marks == [("Replay of small", 0, run.token)]


def test_a_lock_is_at_the_address_that_the_validator_prints() -> None:
    locks = (Lock("a", "a", "mutex", 0xFFFF888100000400), Lock("b", "b", "mutex"))
    holds = (Hold(0, 0, "exclusive", 0, 2), Hold(0, 1, "exclusive", 1, 2))
    args = [e["args"] for e in events_of(_only(locks=locks, holds=holds)) if e.get("cat") == "lock"]
    assert [each.get("address") for each in args] == ["ffff888100000400", None]


def test_a_trace_says_what_it_is_from() -> None:
    data = loaded(perfetto(small()))
    assert list(data) == ["displayTimeUnit", "otherData", "traceEvents"]
    assert data["otherData"] == {
        "title": "small",
        "lockwright": "1.2",
        "model": "v7",
        "runs": [
            {
                "process": 1,
                "title": "deadlock",
                "scenario": "small:reader_vs_remover",
                "verdict": "violated",
                "token": "lw1~small:reader_vs_remover~~1~9x0~a",
            }
        ],
    }


def test_what_changed_since_is_said() -> None:
    document = small()
    document.stale = "the model has changed"
    assert loaded(perfetto(document))["otherData"]["stale"] == "the model has changed"


def test_without_a_timeline_there_are_tasks_and_operations_and_who_is_blocked() -> None:
    events = events_of(small(timeline=None))
    assert {event["pid"] for event in events} == {TASKS}
    assert list(threads(events, TASKS)) == ["who runs", "reader", "remover"]
    assert slices(events, TASKS, "reader", "wait") == [
        ("waits: mutex_lock(list_mutex)", 7_000, 10_000)
    ]
    assert len(slices(events, TASKS, "remover", "operation")) == 4


def test_a_document_without_runs_is_an_empty_trace() -> None:
    assert events_of(Document("nothing")) == []


def test_several_runs_have_processes_of_their_own_and_no_moment_for_all() -> None:
    document = small()
    document.runs = [small_run(), small_run(timeline=None)]
    events = events_of(document)
    names = [e["args"]["name"] for e in events if e["name"] == "process_name"]
    assert names == [
        "1. deadlock: tasks",
        "1. deadlock: locks and objects",
        "2. deadlock: tasks",
        "2. deadlock: locks and objects",
        "3. deadlock: tasks",
    ]
    assert "g" not in {event.get("s") for event in events}
    assert [each["process"] for each in loaded(perfetto(document))["otherData"]["runs"]] == [
        1,
        3,
        5,
    ]


def _calls(*chains: tuple[Frame, ...]) -> list[tuple[str, int, int]]:
    events = tuple(
        Event(step, 0, "one", "process", "op", "op()", "", chain[::-1])
        for step, chain in enumerate(chains)
    )
    around = calls_of(pieces_of(events, None)[0])
    return [(call.frame.function, span.begin // 1000, span.end // 1000) for call, span in around]


def test_a_function_goes_on_while_its_callers_stay_on_their_lines() -> None:
    outer, line = Frame("outer", 1, 9), Frame("inner", 1, 5)
    other, later = Frame("outer", 2, 9), Frame("inner", 2, 5)
    assert _calls((outer, line), (outer, later)) == [("outer", 0, 1), ("inner", 0, 1)]
    assert _calls((outer, line), (other, later)) == [
        ("outer", 0, 1),
        ("inner", 0, 0),
        ("inner", 1, 1),
    ]
    assert _calls((outer, line), (other,), (other,)) == [("outer", 0, 2), ("inner", 0, 0)]
    assert _calls((line,), (outer,), ()) == [("inner", 0, 0), ("outer", 1, 1)]


def test_a_wait_fills_the_time_between_two_operations_of_its_task() -> None:
    def event(step: int, task: int) -> Event:
        return Event(step, task, "ab"[task], "process", "op", f"op({step})", "", ())

    events = (event(0, 0), event(1, 1), event(2, 0), event(3, 1), event(4, 0))
    # the first ends when its operation runs, the second is said to go on over one
    for wait in (Wait(0, "op(2)", 0, (1,), 0, 1, 2), Wait(0, "op(2)", 0, (1,), NEVER, 1, 4)):
        pieces = pieces_of(events, Timeline(waits=(wait,)))[0]
        assert [(piece.name, piece.span.begin, piece.span.end) for piece in pieces] == [
            ("op(0)", 0, 900),
            ("op(2)", 900 if wait.begin == NEVER else 1_000, 2_000),
            ("op(2)", 2_000, 2_900),
            ("op(4)", 4_000, 4_900),
        ]
    # no room at all
    wait = Wait(0, "op(2)", 0, (1,), 1, 1, 2)
    assert len(pieces_of(events, Timeline(waits=(wait,)))[0]) == 3


def test_a_handler_on_a_handler_stands_on_it() -> None:
    irq = Frame("irq", 1, 2)
    chains: list[tuple[str, str, tuple[Frame, ...]]] = [
        ("interrupt", "<Interrupt a>", ()),
        ("op", "op()", (irq,)),
        ("interrupt", "<Interrupt b>", (irq,)),
        ("op", "op()", (irq, irq)),
        ("interrupt_return", "</Interrupt>", (irq,)),
        ("op", "op()", (irq,)),
        ("interrupt_return", "</Interrupt>", ()),
        ("op", "op()", ()),
    ]
    events = tuple(
        Event(step, 0, "one", "hardirq", kind, text, "", chain)
        for step, (kind, text, chain) in enumerate(chains)
    )
    events = (*events, Event(8, 0, "one", "process", "interrupt", "<Interrupt c>", "false", ()))
    around = calls_of(pieces_of(events, None)[0])
    assert [(c.frame.function, s.begin, s.end) for c, s in around] == [
        ("Interrupt a", 0, 6_900),
        ("irq", 1_000, 5_900),
        ("Interrupt b", 2_000, 4_900),
        ("irq", 3_000, 3_900),
    ]


def _only(**parts: object) -> Document:
    run = small_run(timeline=replace(Timeline(), **parts))  # type: ignore[arg-type]
    return Document("x", runs=[run])


def test_readers_that_overlap_have_a_thread_each() -> None:
    holds = (
        Hold(0, 0, "shared", 0, 4),
        Hold(1, 0, "shared", 2, 6),
        Hold(0, 0, "shared", 4, 5),
        Hold(1, 0, "exclusive", 6, 6),
    )
    events = events_of(_only(locks=(Lock("sem", "sem", "rwsem"),), holds=holds))
    assert slices(events, LOCKS, "sem") == [
        ("reader (shared)", 500, 4_500),
        ("reader (shared)", 4_500, 5_500),
        ("remover", 6_000, 6_900),
    ]
    assert slices(events, LOCKS, "sem (2)") == [("remover (shared)", 2_500, 6_500)]


@pytest.mark.parametrize(
    ("values", "counted"),
    [
        (("0", "-12", "999999999999999"), True),
        (("0", "1000000000000000"), False),
        (("0", "0x10"), False),
        (("0", "NULL"), False),
        (("0", "٣"), False),
        (("0", "1\n"), False),
    ],
)
def test_a_field_that_is_always_a_number_is_counted(values: tuple[str, ...], counted: bool) -> None:
    changes = tuple(Change(step, 0, 0, value) for step, value in enumerate(values, NEVER))
    events = events_of(_only(things=(Thing("", "x", NEVER, NEVER, "", ("v",)),), changes=changes))
    told = [e["args"]["value"] for e in events if e["ph"] == "C"]
    assert told == ([int(value) for value in values] if counted else [])
    assert len([e for e in events if e["ph"] == "n"]) == (0 if counted else len(values) - 1)


def test_stores_of_one_buffer_are_on_one_thread() -> None:
    events = tuple(
        Event(step, task, "flush of P0", "store buffer", "flush", f"flush {step}", "", ())
        for step, task in enumerate((2, 3, 4))
    )
    made = events_of(Document("x", runs=[Run("x", "s", events, None)]))
    assert [name for name, *_ in slices(made, TASKS, "flush of P0")] == [
        "flush 0",
        "flush 1",
        "flush 2",
    ]


def test_hostile_names_are_text_and_long_ones_are_cut() -> None:
    text = '</script><script>alert("x")</script>\x00\x1b[2J\ud800\u202e' + "y" * 500
    event = Event(0, 0, text, text, "op", text, text, (Frame(text, 1, 2),))
    made = events_of(Document(text, runs=[Run(text, text, (event,), None, text)]))
    (operation,) = [e for e in made if e.get("cat") == "operation"]
    assert len(operation["name"]) == NAME_MAX
    assert operation["name"].endswith("...")
    assert operation["args"]["operation"].startswith(
        '</script><script>alert("x")</script>\\x00\\x1b[2J\\ud800\\u202eyyy'
    )


def _keeps_the_rules(one: Run, other: Run) -> None:
    events = events_of(Document("any", runs=[one, other]))
    drawn = Counter(e["pid"] for e in events if e.get("cat") == "operation")
    expected = {
        pid: sum(happened(event) for event in run.events if event.step >= 0)
        for pid, run in ((1, one), (3, other))
    }
    assert drawn == Counter(expected)


@settings(deadline=None, max_examples=30)
@given(runs(), runs())
def test_any_run_keeps_the_rules(one: Run, other: Run) -> None:
    _keeps_the_rules(one, other)


@pytest.mark.slow
@settings(deadline=None, max_examples=500)
@given(runs(), runs())
def test_many_runs_keep_the_rules(one: Run, other: Run) -> None:
    _keeps_the_rules(one, other)


@settings(deadline=None, max_examples=25)
@given(WORDS, WORDS)
def test_any_text_keeps_the_rules(one: str, other: str) -> None:
    document = small()
    document.title, document.stale = one, other
    document.runs = [replace(small_run(), title=one, scenario=other, token=other)]
    events_of(document)


def test_findings_of_random_programs_with_interrupts_keep_the_rules() -> None:
    random = Random("perfetto")
    shown = 0
    for number in range(30):
        scenario = of(random_program(random), f"irq:random-{number}")
        result = explore(scenario, Options("random", 7, 20))
        document = Document("random", results=[result])
        events = events_of(document)
        for at, run in enumerate(document.all_runs()):
            pid = 2 * at + 1
            mine = [e for e in events if e.get("cat") == "operation" and e["pid"] == pid]
            assert [e["args"]["step"] for e in mine] == [
                event.step for event in run.events if event.step >= 0 and happened(event)
            ]
            shown += 1
    assert shown >= 5
