"""A finding as text: its labelled replay lines."""

from __future__ import annotations

from lockwright.core.finding import Finding
from lockwright.report.findings import finding_text


def predicted(because: str, reality: str = "confirmed") -> Finding:
    return Finding(
        "cycle", "A -> B -> A", "s", 0, "t", token="mine", reality=reality, because=because
    )


def test_the_proof_and_the_run_have_labels() -> None:
    lines = finding_text(predicted("it happens: two wait; replay other")).splitlines()
    assert [line for line in lines if "lockwright replay" in line] == [
        "the deadlock: lockwright replay 'other'",
        "this run: lockwright replay 'mine'",
    ]


def test_one_token_is_printed_once() -> None:
    lines = finding_text(predicted("it happens: two wait; replay mine")).splitlines()
    assert [line for line in lines if "lockwright replay" in line] == [
        "replay: lockwright replay 'mine'"
    ]


def test_without_a_proof_there_is_one_line() -> None:
    text = finding_text(predicted("no trace deadlocks on it", "refuted"))
    assert text.endswith(
        "\n\nrefuted: no trace deadlocks on it\n\nreplay: lockwright replay 'mine'"
    )
