"""Any text is read without an exception, in time linear in its length."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockwright.report.read import Log, print_report, read, read_bytes
from lockwright.report.read.decode import plain
from lockwright.report.read.reader import Reader
from tests.report.read.corpus import entries, number, text
from tests.report.read.dressing import DRESSES

NUMBERS = [number(entry) for entry in entries()]
MEGABYTE = 10**6
# A second a megabyte is what is promised; other processes share the machine of a test.
SECONDS_MAX = 4.0
JUNK = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    (
        " #0: ",
        "-> #3 (",
        "){+.+.}-{0:0}",
        ", at: ",
        "[<ffffffff81234567>] ",
        "=" * 60,
        "-" * 60,
        "> > > ",
        "stack backtrace:",
        "1 lock held by a/1:",
        "BUG: scheduling while atomic: ",
        "\x00\x1b[31m",
        "=3D=3D=3D=",
        "#012",
        "^M",
    )
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Real reports joined, with lines cut out, doubled, swapped, cut short, dressed or spoilt."""
    whole = "\n".join(text(draw(st.sampled_from(NUMBERS))) for _ in range(draw(st.integers(1, 2))))
    whole = DRESSES[draw(st.sampled_from(sorted(DRESSES)))](whole)
    lines = whole.split("\n")
    for _ in range(draw(st.integers(0, 12))):
        at = draw(st.integers(0, len(lines) - 1))
        other = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(("out", "double", "swap", "short", "junk", "join", "run")))
        if how == "out":
            del lines[at : at + draw(st.integers(1, 30))]
            lines = lines or [""]
        elif how == "double":
            lines.insert(at, lines[other])
        elif how == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif how == "short":
            lines[at] = lines[at][: draw(st.integers(0, 40))]
        elif how == "junk":
            place = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:place] + draw(JUNK) + lines[at][place:]
        elif how == "join" and at + 1 < len(lines):
            lines[at : at + 2] = [lines[at] + lines[at + 1]]
        else:
            lines.insert(at, draw(JUNK) * draw(st.integers(1, 200)))
    return "\n".join(lines)


def assert_sound(log: Log, source: str) -> None:
    """What is promised of any text: facts are of the text, the report goes into JSON and print."""
    lines = source.count("\n") + 1
    for report in log.reports:
        assert json.loads(json.dumps(report.as_json())) == report.as_json()
        first, last = report.lines
        assert 1 <= first <= last <= lines
        assert report.complete is not bool(report.missing)
        assert len(report.held) <= lines
        if report.kind == "circular" and report.complete:
            assert print_report(read(print_report(report)).reports[0]) == print_report(report)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_a_mutated_report_is_read(source: str) -> None:
    assert_sound(read(source), source)


@pytest.mark.slow
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_many_mutated_reports_are_read(source: str) -> None:
    assert_sound(read(source), source)


@settings(max_examples=60, deadline=None)
@given(st.text() | st.lists(JUNK).map("\n".join))
def test_any_text_is_read(source: str) -> None:
    assert_sound(read(source), source)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(NUMBERS), st.integers(0, 4000))
def test_any_bytes_are_read(junk: bytes, start: str, at: int) -> None:
    data = text(start).encode()

    log = read_bytes(data[:at] + junk + data[at:])

    assert all(report.kind for report in log.reports)


def repeated(piece: str) -> str:
    return (piece * (MEGABYTE // len(piece) + 1))[:MEGABYTE]


HEAD = "BUG: scheduling while atomic: a/1/0x00000002\n"
BIG: dict[str, Callable[[], str]] = {
    "all reports": lambda: repeated("\n".join(text(start) for start in NUMBERS)),
    "one report": lambda: repeated(text("106")),
    "a quoted report": lambda: repeated(text("160")),
    "wrapped reports": lambda: repeated(DRESSES["wrapped at 72"](text("152"))),
    "new lines": lambda: repeated("\n"),
    "new lines in a report": lambda: HEAD + repeated("\n"),
    "short lines": lambda: repeated("a\n"),
    "short lines in reports": lambda: repeated(HEAD + "a\n" * 45),
    "headlines": lambda: repeated(HEAD),
    "rulers": lambda: repeated("=" * 54 + "\n"),
    "one line": lambda: repeated("x"),
    "one line of hints": lambda: repeated("possible circular is trying to "),
    "one line of a report": lambda: repeated(text("106").replace("\n", " ")),
    "quote signs": lambda: repeated("> "),
    "brackets": lambda: HEAD + repeated("[<["),
    "parentheses": lambda: HEAD + repeated(" #0: ((((((((\n"),
    "locks in pieces": lambda: repeated("1 lock held by a/1:\n" + HEAD + " #0:\n(\nx\n)\n"),
    "frames": lambda: repeated(HEAD + "Call Trace:\n" + " fn+0x1/0x2\n" * 500),
    "chain entries": lambda: (
        "WARNING: possible circular locking dependency detected\n" + repeated("-> #1 (a){....}:\n")
    ),
    "held locks": lambda: (
        HEAD + "9 locks held by a/1:\n" + repeated(" #1: (a){....}, at: f+0x1/0x2\n")
    ),
    "same held lock": lambda: repeated(
        HEAD
        + "9 locks held by a/1:\n"
        + " #1: 0000000000000000 (a){....}, at: f f.c:1 [inline]\n" * 900
    ),
    "callers": lambda: "".join(f"[    1.000000][ T{n}] {HEAD}" for n in range(15000)),
    "files in parentheses": lambda: HEAD + repeated(" fn (" + "a.c:1 (x) " * 300 + "\n"),
    "soft breaks": lambda: repeated("=3D=3D=3D=\n"),
    "entities": lambda: repeated("&amp;"),
    "sentences cut": lambda: repeated("but task is already holding\n" + HEAD),
    "arrows": lambda: (
        "WARNING: possible circular locking dependency detected\nChain exists of:\n"
        + repeated("  a -->\n")
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BIG)
def test_a_megabyte_takes_about_a_second_at_most(name: str) -> None:
    source = BIG[name]()
    begin = time.process_time()

    read(source)

    assert time.process_time() - begin < SECONDS_MAX


@pytest.mark.parametrize("name", BIG)
def test_every_line_is_looked_at_once(name: str) -> None:
    lines = plain(BIG[name]()[: MEGABYTE // 10])
    reader = Reader()

    reader.run(lines)

    assert reader.steps <= len(lines)


@pytest.mark.parametrize("name", BIG)
def test_the_time_grows_with_the_text_and_not_with_its_square(name: str) -> None:
    source = BIG[name]()
    small, large = source[: MEGABYTE // 32], source[: MEGABYTE // 4]

    def seconds(part: str) -> float:
        best = 1e9
        for _ in range(3):
            begin = time.process_time()
            read(part)
            best = min(best, time.process_time() - begin)
        return best

    # eight times the text: 8 times the time, and 64 times if it grew with the square
    assert seconds(large) < 25 * seconds(small) + 0.05
