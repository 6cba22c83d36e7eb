"""Threads that are interrupt handlers: irq_cycles.json has cases that were worked out by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lockwright.core.errors import UsageError
from lockwright.options import Options
from lockwright.program.command import read_program, replay_program
from lockwright.program.document import Document, read_file
from lockwright.program.entry import IRQ_REPORTS
from lockwright.program.verdict import judge
from tests.program.files import one, written

FILE = Path(__file__).parent / "irq_cycles.json"
CASES = read_file(FILE)
A_LOCK = [["lock", "A"], ["unlock", "A"]]
IRQ: dict[str, Any] = {
    "locks": {"A": "spinlock"},
    "threads": {"T": A_LOCK, "H": A_LOCK},
    "irq": {"H": "T"},
}


def deadlocks(document: Document, strategy: str) -> set[str]:
    """Who waits for what at the ends of all executions, as text."""
    options = Options(granularity="operation", strategy=strategy)
    data = judge(read_program(document), document, options).data
    assert data["exhaustive"]
    return {json.dumps(each["tasks"], sort_keys=True) for each in data["deadlocks"]}


@pytest.mark.parametrize("document", CASES, ids=lambda document: document.name)
def test_each_case_is_as_it_was_worked_out(document: Document) -> None:
    data = judge(read_program(document), document).data
    assert (data["expected"], data["mismatches"]) == ("ok", [])
    assert data["sleep_set_blocked"] == 0
    if data["lockdep"]:
        reality = "confirmed" if document.data["deadlock"] else "refuted"
        assert data["lockdep"]["reality"] == reality
        assert (data["lockdep"]["proof"] is None) == (reality == "refuted")
        assert data["kernel"] == data["lockdep"]["kind"]
        if reality == "refuted" and data["lockdep"]["kind"] in IRQ_REPORTS:
            # its interrupts come where it says: there is nothing more to explore
            assert data["lockdep"]["because"].startswith("within this program: it has ")


SMALL = [each for each in CASES if len(each.data["threads"]) < 4 and each.name != "Q11"]


@pytest.mark.parametrize("document", SMALL, ids=lambda document: document.name)
def test_the_reduction_finds_the_deadlocks_of_all_interleavings(document: Document) -> None:
    assert deadlocks(document, "dpor") == deadlocks(document, "dfs")


def test_every_token_replays_its_run_with_the_handlers_steps() -> None:
    replayed = 0
    for document in CASES:
        data = judge(read_program(document), document).data
        tokens = [each["token"] for each in data["deadlocks"]]
        tokens += [data["lockdep"]["token"]] if data["lockdep"] else []
        for token in tokens:
            text, status = replay_program([FILE], token, fmt="json")
            events = [event["text"] for event in json.loads(text)["events"]]
            came = any(text.startswith("<Interrupt H") for text in events)
            assert came or "S" in document.data["irq"] or document.name == "Q23", document.name
            assert status == 1
            replayed += 1
    assert replayed > 25


def test_a_report_names_the_handler_and_the_task_beneath(tmp_path: Path) -> None:
    lockdep = one(tmp_path, IRQ)["lockdep"]
    assert (lockdep["task"], lockdep["handler"], lockdep["step"]) == ("T", "H", 0)
    assert lockdep["because"].startswith("it happens: 1 task waits for ever: T in spin_lock(A)")


def test_a_handler_need_not_come_and_comes_once(tmp_path: Path) -> None:
    program = {
        "threads": {"T": [["mb"], ["mb"]], "H": [["ifz", "x", "first"], ["set", "y", 1],
                   ["label", "first"], ["set", "x", 1]]},
        "irq": {"H": "T"},
    }  # fmt: skip
    entry = one(tmp_path, program)
    values = {(each["values"]["x"], each["values"]["y"]) for each in entry["outcomes"]}
    assert values == {(0, 0), (1, 0)}
    # before each of the two barriers, after them, or never
    assert entry["complete"] == 4


@pytest.mark.parametrize(
    "irq",
    [
        {"H": "T"},
        {"H": ["T"]},
        {"H": {"on": "T"}},
        {"H": {"on": ["T"], "context": "hardirq", "threaded": True}},
        {"T": "H"},
        {"T": ["H"]},
    ],
)
def test_irq_is_understood_in_several_forms(tmp_path: Path, irq: dict[str, Any]) -> None:
    entry = one(tmp_path, {**IRQ, "irq": irq, "start": ["T"]})
    assert (entry["deadlocked"], entry["complete"]) == (1, 3)


def test_a_handler_that_is_never_a_thread_may_not_take_a_spinlock(tmp_path: Path) -> None:
    irq = {"H": {"on": "T", "threaded": False}}
    steps = {"T": [["mb"]], "H": A_LOCK}
    entry = one(tmp_path, {**IRQ, "threads": steps, "irq": irq})
    assert entry["lockdep"]["kind"] == "Invalid wait context"
    assert (entry["lockdep"]["reality"], entry["lockdep"]["because"]) == (
        "confirmed",
        "it has happened",
    )
    raw = one(tmp_path, {**IRQ, "locks": {"A": "raw_spinlock"}, "threads": steps, "irq": irq})
    assert raw["verdict"] == "verified"


def test_a_mutex_in_a_handler_is_sleeping_in_atomic_context(tmp_path: Path) -> None:
    entry = one(tmp_path, {**IRQ, "locks": {"A": "mutex"}, "threads": {"T": [["mb"]], "H": A_LOCK}})
    assert "sleeping in atomic context" in [each["kind"] for each in entry["findings"]]
    assert entry["lockdep"]["kind"] == "Invalid wait context"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"irq": []}, "its irq is an empty list"),
        ({"irq": {"X": "T"}}, 'unknown handler in irq "X"\nexpected: one of H, T'),
        ({"irq": {"H": "X"}}, 'unknown thread that H interrupts: "X"\nexpected: one of H, T'),
        ({"irq": {"H": 1}}, "its irq H is 1\nexpected: a thread, a list of threads, or"),
        ({"irq": {"H": []}}, "its irq H is []"),
        ({"irq": {"H": {}}}, "its irq H is {}"),
        ({"irq": {"H": ["T", "T"]}}, "its irq H names 2 items\nexpected: each once"),
        ({"irq": {"H": {"no": "T"}}}, 'unknown key of irq H: "no"'),
        (
            {"irq": {"H": {"on": "T", "context": "nmi"}}},
            'unknown context of irq H: "nmi"\nexpected: one of hardirq, softirq',
        ),
        ({"irq": {"H": {"on": "T", "threaded": 1}}}, "its irq H has threaded 1"),
        ({"irq": {"H": "H"}}, "the hardirq handler H cannot interrupt H"),
        ({"irq": {"H": "T"}, "start": ["T", "H"]}, "H is an interrupt handler, and in start"),
        ({"irq": {"H": "T"}, "work": {"W": "H"}}, "H is an interrupt handler, and in start, or"),
        (
            {
                "irq": {"H": {"on": "T", "context": "softirq"}, "S": "H", "N": "S"},
                "threads": {**IRQ["threads"], "S": A_LOCK, "N": A_LOCK},
            },
            "the hardirq handler N cannot interrupt S",
        ),
        ({"threads": {"T": [["join", "H"]], "H": A_LOCK}}, "nobody starts H"),
        ({"threads": {"T": [["spawn", "H"]], "H": A_LOCK}}, "H is started already"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, more: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=re.escape(problem)) as error:
        one(tmp_path, {**IRQ, **more})
    assert "program.json: program program" in str(error.value)


def test_the_columns_show_the_handler_on_top_of_its_task(tmp_path: Path) -> None:
    path = written(tmp_path, IRQ)
    entry = judge(read_program(read_file(path)[0]), read_file(path)[0])
    text, status = replay_program([path], entry.data["deadlocks"][0]["token"])
    assert status == 1
    assert re.search(r"spin_lock\(A\)\n +\d+ +<Interrupt H>\n", text)
    assert "blocked for ever in spin_lock(A)\n  H+0x0/0x2\n  T+0x1/0x2\n" in text
