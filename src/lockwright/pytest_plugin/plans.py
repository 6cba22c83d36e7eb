"""A campaign's plan as tests: one for each of its items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lockwright.campaign.alone import explore_item
from lockwright.campaign.expand import items_of
from lockwright.campaign.expected import unexpected, unmet
from lockwright.campaign.item import Item
from lockwright.campaign.planfile import read_plan
from lockwright.commands.crash import crash_text
from lockwright.core.errors import LockwrightError, UsageError
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.project import Project, load_project
from lockwright.pytest_plugin.gathered import exploration
from lockwright.pytest_plugin.running import run_of
from lockwright.session import Session
from lockwright.testing.failure import REPLAY, Failure, failure_text, summary_of

MARKER = "lockwright_plan"
"""What every test of a plan is marked with."""


class PlanFile(pytest.File):
    """The tests of a plan's file, in the order of its items."""

    def collect(self) -> Iterator[PlanItem]:
        """Read the plan.  Raises CollectError with the one message that says what is wrong."""
        try:
            text = self.path.read_text(encoding="utf-8")
            project = _project(self.config)
            items = items_of(read_plan(text, self.path.name), project)
        except UsageError as error:
            raise self.CollectError(str(error)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise self.CollectError(f"{self.path.name} cannot be read: {error}") from None
        for item in items:
            line = _line_of(item.scenario, text)
            yield PlanItem.from_parent(self, name=item.name, item=item, line=line)


class PlanItem(pytest.Item):
    """The test of one item: it ends as the plan expects or, where that says nothing, without a
    finding.  `line` is where the file names its scenario, from 0."""

    def __init__(self, *, item: Item, line: int, **given: Value) -> None:
        super().__init__(**given)
        self.item = item
        self.line = line
        self.add_marker(MARKER)

    def runtest(self) -> None:
        """Explore the item by this process.  Raises Failure that shows what is not as expected."""
        __tracebackhide__ = True
        project = _project(self.config)
        try:
            result = explore_item(self.item, project)
        except LockwrightError:
            raise
        except (Exception, SystemExit) as error:
            raise Failure(_crash_text(self.item, project, error)) from error
        run = run_of(self.config)
        if run.keeping:
            run.explorations.append(exploration(self.nodeid, 1, result, REPLAY))
        self._judge(result, project)

    def _judge(self, result: Result, project: Project) -> None:
        __tracebackhide__ = True
        expected = self.item.expected
        said, findings = unmet(expected, result), unexpected(expected, result.findings)
        if not said and not findings:
            return
        with_events = [_with_events(self.item, project, finding) for finding in findings]
        parts = ["\n".join(said)] if said else []
        if findings:
            parts.append(failure_text(result, with_events))
        summary = summary_of(result, findings) if findings else f"{self.item.name}: {said[0]}"
        raise Failure("\n\n".join(parts), summary, result=result, findings=with_events)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the test stands, and what it is called."""
        return self.path, self.line, self.name


def _project(config: pytest.Config) -> Project:
    """The project of the run.  Raises UsageError if there is none."""
    subjects = run_of(config).subjects
    return subjects.project or load_project(subjects.root)  # which says why there is none


def _line_of(scenario: str, text: str) -> int:
    """The first line that has the scenario's name; 0 if it comes of a pattern."""
    lines = text.splitlines()
    return next((at for at, line in enumerate(lines) if f'"{scenario}"' in line), 0)


def _with_events(item: Item, project: Project, finding: Finding) -> Finding:
    """The finding with its interleaving, which a campaign does not keep."""
    if finding.events or not finding.schedule:
        return finding
    try:
        events = Session(item.made(project), item.options).replay(finding.schedule)
    except LockwrightError:
        return finding
    return replace(finding, events=tuple(e for e in events if e.step < len(finding.schedule)))


def _crash_text(item: Item, project: Project, error: BaseException) -> str:
    """What is known of an exception that the model raised: it raises it again, where somebody
    looks."""
    options = replace(item.options, coverage=False, attempts=0)
    session = Session(item.made(project), options)
    try:
        session.explore()
    except (Exception, SystemExit) as again:
        error = again
    return crash_text(session, error)
