"""What the kernel's own validator says, beside ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lockwright.core.finding import Finding
from lockwright.program.classic import Classic
from lockwright.program.command import read_program, replay_program, run_program_files
from lockwright.program.document import read_file
from lockwright.program.program import Program
from lockwright.program.verdict import judge
from tests.program.files import one, run, written

Steps = list[list[Any]]
CIRCULAR = "possible circular locking dependency"


def nested(first: str, second: str) -> Steps:
    """Take the second lock under the first; a small letter is a recursive reader."""
    takes, gives = {True: "rrlock", False: "lock"}, {True: "runlock", False: "unlock"}
    return [
        *([takes[name.islower()], name.upper()] for name in (first, second)),
        *([gives[name.islower()], name.upper()] for name in (second, first)),
    ]


def in_one_thread(*pairs: str) -> dict[str, Any]:
    """A program that takes pairs of locks, one after the other.  Nothing can deadlock."""
    locks = {"A": "rwlock", **dict.fromkeys("XYB", "spinlock")}
    return {"locks": locks, "threads": {"T": [step for pair in pairs for step in nested(*pair)]}}


def test_the_hole_in_its_search_is_told(tmp_path: Path) -> None:
    # the weak path over A marks Y as visited, and the strong one over B is not looked at any more
    hidden = one(tmp_path, in_one_thread("Xa", "aY", "XB", "BY", "YX"))
    seen = one(tmp_path, in_one_thread("XB", "BY", "Xa", "aY", "YX"))
    for entry, kernel in ((hidden, "ok"), (seen, CIRCULAR)):
        assert (entry["lockdep"]["kind"], entry["lockdep"]["reality"]) == (CIRCULAR, "refuted")
        assert entry["kernel"] == kernel


def test_the_hole_stands_in_the_text(tmp_path: Path) -> None:
    text, _ = run_program_files([written(tmp_path, in_one_thread("Xa", "aY", "XB", "BY", "YX"))])
    assert f"{CIRCULAR} (refuted); kernel: ok\n" in text
    assert "the kernel's own search, told of one run at a time, reports nothing\n" in text
    text, _ = run_program_files([written(tmp_path, in_one_thread("XB", "BY", "YX"))])
    assert "kernel" not in text.split("Hardware name")[1]


def test_what_no_run_shows_by_itself_the_kernel_does_not_see(tmp_path: Path) -> None:
    # T takes one order or the other, never both in one run
    either: Steps = [["ifz", "x", "other"], *nested("X", "Y"), ["ifz", "zero", "end"]]
    either += [["label", "other"], *nested("Y", "X"), ["label", "end"], ["set", "zero", 0]]
    threads = {"T": either, "S": [["set", "x", 1]]}
    entry = one(tmp_path, {"locks": dict.fromkeys("XY", "spinlock"), "threads": threads})
    assert (entry["lockdep"]["kind"], entry["lockdep"]["reality"]) == (CIRCULAR, "refuted")
    assert entry["kernel"] == "ok"


def test_the_report_that_is_told_is_one_that_its_run_gives(tmp_path: Path) -> None:
    # the reader's bit and the writer's come from different threads, and mostly different runs
    program = {
        "locks": {"L": "rwlock"},
        "threads": {
            "T1": [["rrlock", "L"], ["runlock", "L"]],
            "T2": [["wlock", "L"], ["wunlock", "L"]],
            "H": [["rrlock", "L"], ["runlock", "L"]],
        },
        "irq": {"H": "T1"},
    }
    entry = one(tmp_path, program)
    assert entry["kernel"] == entry["lockdep"]["kind"] == "inconsistent lock state"
    text, status = replay_program([tmp_path / "program.json"], entry["lockdep"]["token"])
    assert status == 1
    assert "WARNING: inconsistent lock state" in text


def test_the_first_report_is_the_one_that_most_runs_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a cycle, and another one, the second of which the kernel is made to name
    document = read_file(written(tmp_path, in_one_thread("XY", "YX", "BX", "XB")))[0]
    program = read_program(document)
    assert isinstance(program, Program)

    def second(_: Program, findings: Sequence[Finding]) -> Classic:
        return Classic(findings[1].kind, findings[1].schedule, 1)

    first = [each["message"] for each in judge(program, document).data["findings"]]
    monkeypatch.setattr("lockwright.program.verdict.kernel_verdict", second)
    others = [each["message"] for each in judge(program, document).data["findings"]]
    assert (first, others) == (["B -> X -> B"], ["X -> Y -> X"])


@pytest.mark.parametrize("report", [True, False])
def test_it_is_asked_only_where_ours_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, report: bool
) -> None:
    asked: list[object] = []

    def search(*given: object) -> tuple[()]:
        asked.append(given)
        return ()

    monkeypatch.setattr("lockwright.program.classic.guided_search", search)
    (entry,) = run(tmp_path, in_one_thread("XY", "YX" if report else "XY"))
    assert entry["kernel"] == "ok"
    assert bool(asked) is report
