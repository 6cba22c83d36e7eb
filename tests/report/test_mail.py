"""Plain text for mail: narrow, printable, and whole."""

from __future__ import annotations

import re

import pytest

from lockwright.core.event import Event
from lockwright.report.document import Cell, Document, Run, Table
from lockwright.report.mail import mail, narrow, summary
from tests.report.documents import campaign, document, hostile, predicted

REPLAY = re.compile(r"[\w ]+: lockwright replay 'lw1~[^']*'")
DOCUMENTS = {"check": document, "campaign": campaign, "hostile": hostile}


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("width", [40, 80])
def test_every_line_fits_and_can_be_printed(name: str, width: int) -> None:
    text = mail(DOCUMENTS[name](), width)
    lines = text.split("\n")
    assert len(lines) > 40
    for line in lines:
        assert len(line) <= width or REPLAY.fullmatch(line), line
        assert line.isprintable()
        assert line == line.rstrip()
    assert text.endswith("\n")


def test_the_parts_come_in_order() -> None:
    text = mail(document())
    parts = [
        "Check of demo/abba, fine/mutex\n",
        "4 scenarios: 1 violated, 1 verified, 1 stopped, 1 not judged; 104 executions; 2 findings",
        "demo/abba:two   violated           3           1",
        "bad/raises:two  error",
        "Finding 1 of 2: possible circular locking dependency\n-----",
        "WARNING: possible circular locking dependency detected",
        "Finding 2 of 2: deadlock",
        "blocked:         blocked:",
        "predictions over 2 scenarios of fine/mutex",
        "These could not be judged:\n- bad/raises:two: the model raised KeyError\n    x.py:3",
        "Where nothing broke, this was assumed:\n- fine/mutex:one: the scenario's tasks",
        "lockwright 1.2.3, model version cafe\n",
    ]
    at = [" ".join(text.split()).find(" ".join(part.split())) for part in parts]
    assert -1 not in at, parts[at.index(-1)]
    assert at == sorted(at)


def test_a_replay_line_is_never_cut() -> None:
    line = f"this run: lockwright replay '{'x' * 100}'"
    assert narrow(line) == [line]
    assert [len(each) for each in narrow("x" * 100)] == [80, 22]


def test_a_finding_of_several_scenarios_stands_there_once() -> None:
    made = document()
    other = document().results[0]
    other.scenario = "demo/abba:again"
    made.results.append(other)
    text = mail(made)
    assert text.count("WARNING: possible circular locking dependency detected") == 1
    assert "in 2 executions of demo/abba:two, demo/abba:again" in text


def test_a_campaign_has_its_items_and_what_was_given_up() -> None:
    text = mail(campaign())
    assert "campaign night: 5 of 7 items done, 1 failed, 1 going on" in text
    assert "not as expected: expected 6, got 5" in text
    assert "seen in 4 executions of:\n  demo/abba:two dpor: 3" in text
    assert "- bad/raises:two dpor: a piece (1-10) was given up after 2 tries: it died" in text


def test_a_stale_report_says_so_at_its_beginning() -> None:
    made = document()
    made.stale = "the model has changed since"
    assert "findings\nNote: the model has changed since\n\nscenario " in mail(made)


def test_a_run_without_a_finding_is_an_interleaving() -> None:
    event = Event(0, 0, "one", "process", "mutex_lock", "mutex_lock(A)", "", ())
    text = mail(Document("Replay of x", runs=[Run("Replay of x", "x", (event,), None, "lw1~x")]))
    assert text.startswith(
        "Replay of x\n\nReplay of x\n\nstep  one\n   0    mutex_lock(A)\n\nreplay: "
    )


def test_tables_of_a_document_are_shown() -> None:
    table = Table("t", "Bugs", "All of them.", ("bug", "seen"), ((Cell("one"), Cell("yes")),))
    assert "Bugs\nAll of them.\n\nbug  seen\n---------\none  yes\n" in mail(
        Document("x", tables=[table])
    )


def test_the_summary_counts() -> None:
    assert summary(Document("x")) == "0 executions; 0 findings"
    assert summary(Document("x", predictions=[predicted("open")])) == "0 executions; 0 findings"
