"""Damaged reports: what is there is read, what is not is said to be missing, nothing invented."""

from __future__ import annotations

import pytest

from lockwright.report.read import ParsedReport, read
from tests.report.read.corpus import entries, number, report, text

# One of each kind, short enough to be cut at every line.
CUT: tuple[str, ...] = ("003", "025", "055", "059", "063", "072", "084", "106")
CUT += ("143", "152", "180", "185", "210", "229", "232", "235")
EVERY_LINE = pytest.param(1, marks=pytest.mark.slow)
SOME_LINES = 9
NOT_KEPT = {"lines", "complete", "missing"}


def said(report: ParsedReport) -> dict[str, object]:
    return {key: value for key, value in report.as_json().items() if key not in NOT_KEPT}


def is_part(part: object, whole: object) -> bool:
    """Nothing, or the same, or the beginning of it."""
    if isinstance(part, list) and isinstance(whole, list):
        return part == whole[: len(part)]
    return part is None or part == whole


@pytest.mark.parametrize("step", [SOME_LINES, EVERY_LINE])
@pytest.mark.parametrize("start", CUT)
def test_a_report_cut_off_anywhere_says_no_more_than_the_whole_one(start: str, step: int) -> None:
    lines = text(start).split("\n")
    whole = read(text(start)).reports[0]

    for end in range(1, len(lines), step):
        found = read("\n".join(lines[:end])).reports
        if not found:
            assert end <= whole.lines[0] + 2
            continue
        first = found[0]
        assert first.missing or end >= whole.lines[1] - 90, end
        for key, value in said(first).items():
            assert is_part(value, said(whole)[key]), (end, key, value)
        assert first.held == whole.held[: len(first.held) - 1] + first.held[-1:] or not first.held


@pytest.mark.parametrize("step", [SOME_LINES, EVERY_LINE])
@pytest.mark.parametrize("start", CUT)
def test_a_report_that_lost_one_line_says_nothing_wrong(start: str, step: int) -> None:
    lines = text(start).split("\n")
    whole = said(read(text(start)).reports[0])

    for gone in range(0, len(lines), step):
        for found in read("\n".join(lines[:gone] + lines[gone + 1 :])).reports[:1]:
            now = said(found)
            for key in ("comm", "pid", "kernel", "new_lock", "held_lock", "released"):
                assert now[key] in (None, whole[key]), (gone, key)
            for key in ("chain", "held"):
                ours, all_of_it = now[key], whole[key]
                assert isinstance(ours, list)
                assert isinstance(all_of_it, list)
                assert [x for x in ours if x not in all_of_it] == []


@pytest.mark.parametrize("start", CUT)
def test_two_halves_of_different_reports_do_not_become_one(start: str) -> None:
    top = text(start).split("\n")
    half = "\n".join(top[: len(top) // 2])
    whole = report("111", "circular")

    found = read(half + "\n" + text("111")).reports

    (other,) = [r for r in found if r.pid == whole.pid]
    assert said(other) == said(whole)
    assert [lock.name for lock in other.held] == [lock.name for lock in whole.held]


def test_what_is_missing_is_said_in_sentences() -> None:
    lines = text("106").split("\n")
    without = "\n".join(
        line
        for line in lines
        if not line.startswith((" #1:", "-> #2", "CPU", " lock_acquire", "6.6.0"))
    )

    (found,) = read(without).reports

    assert found.missing == (
        "the line that names the kernel is missing",
        "the dependency chain has no entry #2",
        "2 of 3 held locks are listed",
    )


def test_a_chain_entry_whose_name_is_gone_is_not_made_up() -> None:
    damaged = text("106").replace("-> #2 (rfkill_global_mutex){+.+.}-{3:3}:", "-> #2 (rfk")

    (found,) = read(damaged).reports

    assert [entry.number for entry in found.chain] == [3, 1, 0]
    assert "the name of chain entry #2 cannot be read" in found.missing
    assert ("&data->open_mutex", "&hdev->req_lock") not in {(e.held, e.taken) for e in found.edges}


def test_a_report_without_its_top_is_known_by_what_only_its_kind_says() -> None:
    lines = text("106").split("\n")
    at = next(n for n, line in enumerate(lines) if "is trying to acquire" in line)
    chain = next(n for n, line in enumerate(lines) if line.startswith("the existing"))

    (headless,) = read("\n".join(lines[at:])).reports
    (chain_only,) = read("\n".join(lines[chain:])).reports

    assert (headless.kind, headless.comm, headless.title) == ("circular", "kworker/u5:3", "")
    assert headless.missing == ("the headline is missing",)
    assert headless.release == "6.6.0-rc7-syzkaller-g8de1e7afcc1c"  # from the backtrace
    assert (chain_only.kind, len(chain_only.chain)) == ("circular", 4)
    assert chain_only.new_lock is None


def test_a_task_that_only_waits_is_no_report() -> None:
    log = read("make/12 is trying to acquire lock:\n\nnothing of the kind follows\n")

    assert log.reports == ()
    assert log.problems == ("line 1: a report without headline, of unknown kind",)


def test_a_subject_line_or_prose_is_no_report() -> None:
    prose = (
        "Subject: Re: WARNING: possible circular locking dependency detected\n"
        "I saw a possible circular locking dependency detected there, and\n"
        "BUG: bad unlock balance was fixed by this.  suspicious RCU usage is gone.\n"
    )

    assert read(prose).reports == ()


def test_a_line_longer_than_any_of_printk_is_cut_and_said_to_be() -> None:
    log = read(text("106") + "WARNING: inconsistent lock state" + "x" * 9000 + "\n")

    assert [r.kind for r in log.reports] == ["circular"]
    assert log.problems[-1].endswith("is longer than 4096 characters: cut there")


def test_every_incomplete_report_of_the_corpus_says_what_is_missing_in_whole_sentences() -> None:
    sentences = {
        sentence
        for entry in entries()
        for found in read(text(number(entry))).reports
        for sentence in found.missing
    }

    assert len(sentences) > 10
    assert all(s[0].islower() or s[0].isdigit() for s in sentences)
    assert not any(s.endswith(".") for s in sentences)
