"""How a test's failure is shown: what the exploration says, where in the test, and nothing else."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lockwright.core.errors import ModelError, UsageError
from lockwright.pytest_plugin.attributes import FINDINGS
from lockwright.report.columns import counted
from lockwright.report.findings import headline
from lockwright.testing.failure import Failure


def tell(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Show a failure of ours, or an error that says what to do, without a traceback.

    With --full-trace pytest shows what it shows of any exception.
    """
    assert call.excinfo is not None
    error = call.excinfo.value
    errors = _errors(item, error)
    if not errors:
        return
    failures = [each for each in errors if isinstance(each, Failure)]
    if findings := [finding for each in failures for finding in each.findings]:
        setattr(report, FINDINGS, [(headline(finding), finding.token) for finding in findings])
    if item.config.getoption("fulltrace") or report.outcome != "failed":
        return
    lines, summary = _said(errors)
    shown, crash = _form()
    crash.path, crash.lineno = _where(item, call.excinfo)
    crash.message = summary
    (entry,) = shown.reprtraceback.reprentries
    one_line = item.config.getoption("tbstyle") == "line"  # pytest itself then prints `crash`
    entry.lines = [] if one_line else lines
    entry.reprfileloc = None if one_line else crash
    report.longrepr = shown


def _form() -> tuple[Any, Any]:
    """What pytest shows an exception by, to be filled in, and its line of the short summary.

    Of an exception of its own: a test's own may have nothing but hidden frames, or be a group, and
    for these pytest has no such form.  (A plain text would be printed whole in the summary, where
    `CI` is set.)
    """
    try:
        raise AssertionError
    except AssertionError:
        shown = pytest.ExceptionInfo.from_current().getrepr(style="value", chain=False)
        return shown, shown.reprcrash


def _errors(item: pytest.Item, error: BaseException) -> list[BaseException]:
    """What there is to say: one, or several that Hypothesis raises together; none if it is not ours
    to say."""
    several = each_of(error)
    return several if all(_is_ours(item, each) for each in several) else []


def each_of(error: BaseException) -> list[BaseException]:
    """An exception, or those of a group."""
    return [*error.exceptions] if isinstance(error, BaseExceptionGroup) else [error]


def _is_ours(item: pytest.Item, error: BaseException) -> bool:
    """Hypothesis has the error for a class that is no concurrent machine."""
    if isinstance(error, Failure | UsageError | ModelError):
        return True
    return _machine(item) is not None and type(error).__name__ == "InvalidDefinition"


def _machine(item: pytest.Item) -> type | None:
    return getattr(getattr(item, "cls", None), "lockwright_machine", None)


def _said(errors: Sequence[BaseException]) -> tuple[list[str], str]:
    """The lines that are shown, and one that says it all."""
    lines: list[str] = []
    for at, error in enumerate(errors, 1):
        if len(errors) > 1:
            lines += [*([""] if lines else []), f"failure {at} of {len(errors)}", ""]
        text = error.text if isinstance(error, Failure) else str(error)
        lines += [*text.split("\n"), *_notes(error)]
    first = errors[0]
    summary = first.summary if isinstance(first, Failure) else str(first).partition("\n")[0]
    more = f" (and {counted(len(errors) - 1, 'more failure')})" if len(errors) > 1 else ""
    return lines, f"{summary}{more}"


def _notes(error: BaseException) -> Sequence[str]:
    """What others have to add, as Hypothesis does with its example."""
    notes = getattr(error, "__notes__", [])
    return ["", *(line for note in notes for line in str(note).split("\n"))] if notes else []


def _where(item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException]) -> tuple[str, int]:
    """File and line: the innermost that is in the test's file, or where the test begins.

    Of a concurrent machine that is its class; of one that has no source, the file alone.
    """
    for entry in reversed(excinfo.traceback):
        if Path(str(entry.path)) == item.path:
            return _shown(item, item.path), entry.lineno + 1
    if (machine := _machine(item)) is not None:
        try:
            path = Path(inspect.getsourcefile(machine) or item.path)
            return _shown(item, path), inspect.getsourcelines(machine)[1]
        except (OSError, TypeError):
            return _shown(item, item.path), 1
    file, line, _ = item.location
    return _shown(item, item.config.rootpath / file), (line or 0) + 1


def _shown(item: pytest.Item, path: Path) -> str:
    """As pytest shows paths: from the directory on in which it was called."""
    start = item.config.invocation_params.dir
    return os.path.relpath(path, start) if path.is_relative_to(start) else str(path)
