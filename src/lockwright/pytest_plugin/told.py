"""How a test's failure is shown: what the exploration says, where in the test, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from lockwright.core.errors import ModelError, UsageError
from lockwright.pytest_plugin.attributes import FINDINGS
from lockwright.report.findings import headline
from lockwright.testing.failure import Failure


def tell(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Show a failure of ours, or an error that says what to do, without a traceback.

    With --full-trace pytest shows what it shows of any exception.
    """
    assert call.excinfo is not None
    error = call.excinfo.value
    if not isinstance(error, Failure | UsageError | ModelError):
        return
    if isinstance(error, Failure) and error.findings:
        told = [(headline(finding), finding.token) for finding in error.findings]
        setattr(report, FINDINGS, told)
    if item.config.getoption("fulltrace") or report.outcome != "failed":
        return
    text = error.text if isinstance(error, Failure) else str(error)
    lines = [*text.split("\n"), *_notes(error)]
    summary = error.summary if isinstance(error, Failure) else lines[0]
    shown = call.excinfo.getrepr(style="value", chain=False)
    path, line = _where(item, call.excinfo)
    crash = shown.reprcrash
    if crash is None:  # every frame is hidden: nothing of the test's is left
        report.longrepr = "\n".join([*lines, "", f"{path}:{line}: {summary}"])
        return
    crash.path, crash.lineno, crash.message = path, line, summary
    (entry,) = shown.reprtraceback.reprentries
    one_line = item.config.getoption("tbstyle") == "line"  # pytest itself then prints `crash`
    entry.lines = [] if one_line else lines
    entry.reprfileloc = None if one_line else crash  # type: ignore[union-attr]  # a ReprEntry
    report.longrepr = shown


def _notes(error: BaseException) -> Sequence[str]:
    """What others have to add, as Hypothesis does with its example."""
    notes = getattr(error, "__notes__", [])
    return ["", *(line for note in notes for line in str(note).split("\n"))] if notes else []


def _where(item: pytest.Item, excinfo: pytest.ExceptionInfo[BaseException]) -> tuple[str, int]:
    """File and line: the innermost that is in the test's file, or where the test begins."""
    for entry in reversed(excinfo.traceback):
        if Path(str(entry.path)) == item.path:
            return _shown(item, item.path), entry.lineno + 1
    file, line, _ = item.location
    return _shown(item, item.config.rootpath / file), (line or 0) + 1


def _shown(item: pytest.Item, path: Path) -> str:
    """As pytest shows paths: from the directory on in which it was called."""
    start = item.config.invocation_params.dir
    return os.path.relpath(path, start) if path.is_relative_to(start) else str(path)
