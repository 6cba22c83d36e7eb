"""A report says the same whatever a log, a terminal or a mailer did to its lines."""

from __future__ import annotations

from functools import cache

import pytest

from lockwright.report.read import ParsedReport, read, read_bytes
from tests.report.read.corpus import text
from tests.report.read.dressing import DRESSES, stamp

# Real ones of many kinds, old and new, without any dressing of their own.
BARE = ("003", "092", "106", "111", "152", "153", "159", "165", "169", "178", "185", "200", "210")


@cache
def stripped(start: str) -> str:
    """A file of the corpus without its quote signs: these have only that."""
    lines = text(start).split("\n")
    while all(line.startswith((">", "|")) for line in lines if line):
        lines = [line[2:] if line[1:2] == " " else line[1:] for line in lines]
    return "\n".join(line.rstrip() for line in lines)


def facts(report: ParsedReport) -> dict[str, object]:
    """What does not depend on lines and layout."""
    found = report.as_json()
    found.pop("lines")
    functions = [[frame.function for frame in entry.frames] for entry in report.chain]
    dumps = {
        part: [(d.depth, d.name, [(bit, len(frames)) for bit, frames in d.usages]) for d in dump]
        for part, dump in report.dumps.items()
    }
    places = [(lock.number, lock.address, lock.at and lock.at.function) for lock in report.held]
    return found | {
        "functions": functions,
        "dumps": dumps,
        "places": places,
        "edges": [(edge.held, edge.taken, edge.kind, len(edge.frames)) for edge in report.edges],
        "scenario": [step for _, step in report.scenario],
        "exists": report.exists,
        "usage": report.usage,
        "irqs": report.irqs,
        "states": [(state.role, state.state, len(state.frames)) for state in report.states],
        "trace": [frame.function for frame in report.backtrace],
    }


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("start", BARE)
def test_a_dressed_report_says_what_the_bare_one_says(start: str, dress: str) -> None:
    bare = stripped(start)

    dressed = read(DRESSES[dress](bare))

    assert [facts(report) for report in dressed.reports] == [
        facts(report) for report in read(bare).reports
    ]


@pytest.mark.parametrize("outer", ["quoted", "quoted-printable", "html", "carriage returns"])
@pytest.mark.parametrize("inner", ["stamps", "callers", "syslog and stamps", "padded", "levels"])
def test_dresses_go_on_top_of_each_other(inner: str, outer: str) -> None:
    bare = stripped("106")

    (report,) = read(DRESSES[outer](DRESSES[inner](bare))).reports

    assert facts(report) == facts(read(bare).reports[0])


def test_lines_of_two_callers_make_two_reports() -> None:
    one = [f"{stamp(n)}[  T100] {line}" for n, line in enumerate(stripped("106").split("\n"))]
    two = [f"{stamp(n)}[   C1] {line}" for n, line in enumerate(stripped("152").split("\n"))]
    mixed = [line for pair in zip(one, two, strict=False) for line in pair]
    mixed += one[len(two) :] + two[len(one) :]

    reports = read("\n".join(mixed)).reports

    assert sorted(report.kind for report in reports) == ["circular", "irq_inversion"]
    for report, start in zip(sorted(reports, key=lambda r: r.kind), ("106", "152"), strict=True):
        assert facts(report) == facts(read(stripped(start)).reports[0])


def test_comments_between_the_lines_of_a_quoted_report_are_no_part_of_it() -> None:
    lines = DRESSES["quoted"](stripped("106")).split("\n")
    commented = "\n".join(
        f"{line}\n\nThis lock is taken there:\n" if line.startswith("> -> #") else line
        for line in lines
    )

    (report,) = read(commented).reports

    assert facts(report) == facts(read(stripped("106")).reports[0])


def test_reports_after_each_other_are_read_in_their_order() -> None:
    whole = "noise\n" * 700 + "".join(stripped(start) + "\nother lines\n" for start in BARE)

    reports = read(whole).reports

    assert [facts(r) for r in reports] == [
        facts(r) for start in BARE for r in read(stripped(start)).reports
    ]
    assert [r.lines[0] for r in reports] == sorted(r.lines[0] for r in reports)
    assert all(first < last for first, last in (r.lines for r in reports))


def test_lines_are_counted_from_one_and_name_ruler_and_end() -> None:
    lines = ("before\n" * 4 + stripped("106") + "\nafter\n").split("\n")

    (report,) = read("\n".join(lines)).reports

    first, last = report.lines
    assert lines[first - 1] == "=" * 54
    assert lines[last - 1] == " ret_from_fork+0x10/0x20 arch/arm64/kernel/entry.S:857"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_bytes_are_read_in_the_encoding_that_their_mark_names(encoding: str) -> None:
    data = stripped("106").encode(encoding)
    if encoding == "utf-16-be":
        data = b"\xfe\xff" + data

    (report,) = read_bytes(data).reports

    assert facts(report) == facts(read(stripped("106")).reports[0])


def test_bytes_that_are_no_text_are_replaced_and_do_no_harm() -> None:
    data = b"\xff\xff\x80\n" + stripped("106").encode() + b"\xc3\x28\xfe\n"

    (report,) = read_bytes(data).reports

    assert facts(report) == facts(read(stripped("106")).reports[0])
