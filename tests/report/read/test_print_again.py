"""A circular report that was read prints as the text it came from."""

from __future__ import annotations

import difflib
import re
from functools import cache

import pytest

from lockwright.report.read import print_report, read
from tests.report.read.corpus import entries, log, number, report, text

QUOTE = re.compile(r"^(?:[>|] ?)*")
STAMP = re.compile(r"^(?:<\d>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])?(?: |$)")
# Broken by mailers, so that the text of the log is not the kernel's any more.
WRAPPED = {"097", "114", "122", "127", "129"}


@cache
def kernel_lines(start: str) -> list[str]:
    """The lines of a report, without what logs and mails added: written apart from the reader."""
    first, last = report(start, "circular").lines
    lines: list[str] = []
    width = 0
    for raw in text(start).split("\n")[first - 1 : last]:
        line = QUOTE.sub("", raw)
        match = STAMP.match(line)
        if match is not None:
            width = max(width, match.end())
            line = line[match.end() :]
        elif width and line.startswith(" " * width):
            line = line[width:]
        lines.append(line.rstrip())
    return lines


def circular() -> list[str]:
    return [
        number(entry)
        for entry in entries()
        if entry["complete"] and entry["kinds"][0] == "circular" and number(entry) not in WRAPPED
    ]


@pytest.mark.parametrize("start", circular())
def test_a_complete_report_prints_as_it_was(start: str) -> None:
    expected = kernel_lines(start)
    if start == "001":  # a web page that indents all lines but the first
        expected = [line.removeprefix(" ") for line in expected]
        expected = [f" {x}" if x.startswith("#0:") else x for x in expected]
    if start == "032":  # a line of another CPU stands inside
        expected.remove("xt_TCPMSS: Only works on TCP SYN packets")

    printed = print_report(report(start, "circular")).split("\n")

    assert list(difflib.unified_diff(expected, printed[:-1], lineterm="")) == []


@pytest.mark.parametrize("start", sorted(WRAPPED))
def test_a_wrapped_report_prints_unwrapped_with_nothing_lost_or_added(start: str) -> None:
    words = " ".join(kernel_lines(start)).replace("\u00a0", " ").replace("kernel:", "").split()
    if start == "127":  # a comment of the mail's author
        at = words.index("data->lock")
        assert words[at : at + 3] == ["data->lock", "...", "structure?"]
        del words[at : at + 3]

    printed = print_report(report(start, "circular")).split()

    assert printed == words


@pytest.mark.parametrize("start", [*circular(), *sorted(WRAPPED)])
def test_what_is_printed_reads_as_the_same_report(start: str) -> None:
    once = print_report(report(start, "circular"))

    (again,) = read("\n" + once).reports

    assert print_report(again) == once
    assert again.edges == report(start, "circular").edges
    assert again.held == report(start, "circular").held


def test_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^only circular reports are printed again, not rcu$"):
        print_report(report("234", "rcu"))


def test_of_a_damaged_report_what_is_there_is_printed() -> None:
    found = next(r for r in log("021").reports)

    assert print_report(found).split("\n")[:2] == [
        "=" * 54,
        "WARNING: possible circular locking dependency detected",
    ]
