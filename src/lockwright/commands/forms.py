"""The forms of a report: which there are, which one a file's name asks for, and writing them.

A report is made before anything is written, and a file is replaced as a whole: whatever goes wrong,
what was there before is there still.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lockwright.commands.files import check_apart, replace_bytes, try_file
from lockwright.core.errors import UsageError
from lockwright.core.result import Result, Verdict
from lockwright.report.document import Document, Found, Run

STDOUT = "-"
LISTED_MAX = 12


class NothingToDraw(UsageError):
    """A form that shows interleavings, and a report that has none, or one too many."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form by its name, the endings of file names that ask for it, and what makes it.

    `narrows` says that it can be of one finding alone.
    """

    name: str
    suffixes: tuple[str, ...]
    write: Callable[[Document], str | bytes]
    narrows: bool = True


def _html(document: Document) -> str:
    from lockwright.report.page import page  # noqa: PLC0415  # templates and networkx load slowly

    return page(document)


def _junit(document: Document) -> str:
    from lockwright.report.junit import junit  # noqa: PLC0415  # one form is asked for

    return junit(document)


def _sarif(document: Document) -> str:
    from lockwright.report.sarif import sarif  # noqa: PLC0415  # one form is asked for

    return sarif(document)


def _perfetto(document: Document) -> str:
    from lockwright.report.perfetto import perfetto  # noqa: PLC0415  # one form is asked for

    _check_drawable(document)
    return perfetto(document)


def _tracedat(document: Document) -> bytes:
    from lockwright.report.tracedat import tracedat  # noqa: PLC0415  # one form is asked for

    return tracedat(one_run(document))


def _text(document: Document) -> str:
    from lockwright.report.mail import mail  # noqa: PLC0415  # one form is asked for

    return mail(document)


FORMS = {
    form.name: form
    for form in (
        Form("html", (".html", ".htm"), _html),
        Form("junit", (".xml",), _junit, narrows=False),
        Form("sarif", (".sarif", ".sarif.json"), _sarif, narrows=False),
        Form("perfetto", (".json", ".perfetto.json", ".trace.json"), _perfetto),
        Form("tracedat", (".dat",), _tracedat),
        Form("text", (".txt",), _text),
    )
}
TEXT = FORMS["text"]


def form_of(output: str, name: str | None) -> Form:
    """The form of that name, or else the one that a file's name asks for.  Raises UsageError."""
    if name is not None:
        return FORMS[name]
    if output == STDOUT:
        return TEXT
    lower = Path(output).name.lower()
    asked = [
        (len(suffix), form)
        for form in FORMS.values()
        for suffix in form.suffixes
        if lower.endswith(suffix)
    ]
    if not asked:
        known = ", ".join(suffix for form in FORMS.values() for suffix in form.suffixes[:1])
        raise UsageError(
            f"cannot tell the form of {output!r}: its name must end in {known}; for another name "
            f"`lockwright report` takes --form: {', '.join(FORMS)}"
        )
    return max(asked, key=lambda each: each[0])[1]


class Target:
    """Where a report goes, and in which form.  Raises UsageError at once for what cannot be
    written."""

    def __init__(self, output: str, form: str | None, read: Sequence[str] = ()) -> None:
        if not output:
            raise UsageError("cannot write the report: the name of the file is empty")
        self.output = output
        self.form = form_of(output, form)
        self.path = None if output == STDOUT else Path(output)
        self.stdout = sys.stdout
        if self.path is not None:
            check_apart(self.path, read)
            try_file(self.path)

    def write(self, document: Document) -> None:
        """Make the report, and then write it.  Raises NothingToDraw, UsageError."""
        made = self.form.write(document)
        content = made.encode("utf-8", "backslashreplace") if isinstance(made, str) else made
        if self.path is not None:
            replace_bytes(self.path, content)
            return
        if isinstance(made, bytes) and self.stdout.isatty():
            raise UsageError(f"{self.form.name} is no text: name a file for it with -o FILE")
        self.stdout.flush()
        self.stdout.buffer.write(content)
        self.stdout.buffer.flush()


def narrowed(document: Document, number: int) -> Document:
    """The part of a report that is about its finding of that number.  Raises UsageError."""
    found = document.found()
    if not found:
        raise UsageError(f"there is no finding {number}: this report has none")
    if number > len(found):
        raise UsageError(f"there is no finding {number}: this report has {len(found)}")
    each = found[number - 1]
    return Document(
        f"{document.title}: finding {number}",
        document.lead,
        results=_results_of(document, each),
        graph=document.graph,
        sources=document.sources,
        stale=document.stale,
        only=number,
        lockwright_version=document.lockwright_version,
        model_version=document.model_version,
    )


def _results_of(document: Document, found: Found) -> list[Result]:
    """The results that show a finding, and nothing else that they show."""
    campaign = document.campaign
    if campaign is None:
        key = found.finding.kind, found.finding.signature
        kept = [
            (result, [each for each in result.findings if (each.kind, each.signature) == key])
            for result in document.results
        ]
        return [replace(result, findings=each) for result, each in kept if each]
    items = {item.name: item for item in campaign.items}
    made = []
    for at, name in enumerate(found.scenarios):
        finding = found.finding if not at else replace(found.finding, executions=0)
        result = items[name].result if name in items else None
        if result is None:
            result = Result(name, "", {}, "", Verdict.VIOLATED)
        made.append(replace(result, scenario=name, findings=[finding]))
    return made


def one_run(document: Document) -> Run:
    """The one interleaving of a report.  Raises NothingToDraw if there is none, or are several."""
    _check_drawable(document)
    first, *others = document.all_runs()
    if all(run.events == first.events for run in others):
        return first
    shown: list[str] = [
        f"  --finding {each.number}: {each.finding.kind} ({each.scenarios[0]})"
        for each in document.found()
        if each.finding.events
    ]
    if more := len(shown) - LISTED_MAX:
        shown = [*shown[:LISTED_MAX], f"  and {more} more"] if more > 0 else shown
    listed = "\n".join(["; `lockwright report` takes one of:", *shown]) if shown else ""
    raise NothingToDraw(
        f"this form shows one interleaving, and there are {1 + len(others)}"
        f"{listed or '; name one source'}"
    )


def _check_drawable(document: Document) -> None:
    """Raise NothingToDraw for a report without any interleaving."""
    if document.all_runs():
        return
    why = "no rule is broken in it"
    if document.found():
        why = "its findings have none"
    raise NothingToDraw(f"there is no interleaving to draw: {why}")
