"""One bug of the history, and how it is judged: found before its fix, gone after it.

    Entry(
        id="E40",
        kind="general protection fault",
        says="LIST_POISON1",
        before=At("eventfs/linux_6_9:list_vs_remove", list_del_rcu=False),
        after=At("eventfs/linux_6_9:list_vs_remove"),
    )

`before` and `after` name scenarios as the command line does.  A bug that several designs had may
have several entries; one that no model can show has a `NotModelled` with the reason, and one that
nobody has mended a `StillThere`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic

from lockwright.core.event import value_text
from lockwright.core.finding import Finding
from lockwright.core.result import Progress, Result
from lockwright.project import Project, load_project
from lockwright.scenario import Parameter, Scenario
from lockwright.session import Options, Session

ROOT = Path(__file__).parent.parent.parent
EXECUTIONS_MAX = 200_000
"""No exploration of the corpus is longer; one that is has no verdict."""

FOUND, NOT_FOUND = "found", "not found"
GONE, STILL_THERE, NOT_COMPLETE = "gone", "still there", "not complete"


class At:
    """A scenario with some parameters other than its own.

    Immutable; two with the same name and parameters are equal.
    """

    __slots__ = ("name", "parameters")

    name: str
    parameters: tuple[tuple[str, Parameter], ...]

    def __init__(self, name: str, **parameters: Parameter) -> None:
        self.name = name
        self.parameters = tuple(sorted(parameters.items()))

    @property
    def design(self) -> str:
        """The part before the colon."""
        return self.name.partition(":")[0]

    @property
    def arguments(self) -> str:
        """What `lockwright check` is to be given."""
        given = [f"--param {key}={value_text(value)}" for key, value in self.parameters]
        return " ".join((self.name, *given))

    def scenario(self) -> Scenario:
        """The scenario itself.  Raises UsageError if there is none, or no such parameter."""
        given = {key: value_text(value) for key, value in self.parameters}
        return project().scenario(self.name).with_parameters(given)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, At) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, str]:
        return self.name, self.arguments

    def __repr__(self) -> str:
        return f"At({self.arguments!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A bug: `before` has a finding of this `kind` whose message `says` (a regular expression,
    found anywhere in it) matches; `after` is explored completely and has none.

    `note` says what the table should: what stands for what, say.
    """

    id: str
    kind: str
    before: At
    after: At
    says: str = ""
    note: str = ""

    def matches(self, finding: Finding) -> bool:
        """Is this finding the bug?"""
        return finding.kind == self.kind and re.search(self.says, finding.message) is not None


@dataclass(frozen=True, slots=True)
class NotModelled:
    """A bug that no model can show, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StillThere:
    """A bug that no release has mended: `at` has a finding as an entry's `before` has.

    `note` says since when it is there.
    """

    id: str
    kind: str
    at: At
    says: str = ""
    note: str = ""

    def matches(self, finding: Finding) -> bool:
        """Is this finding the bug?"""
        return finding.kind == self.kind and re.search(self.says, finding.message) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one of the two explorations of an entry gave.

    `verdict` is FOUND or NOT_FOUND before, GONE, STILL_THERE or NOT_COMPLETE after.  Before,
    `executions` counts those until the bug was seen.  `others` has the kinds of findings that are
    not this bug, sorted; `finding` is the bug, `result` all that came of the exploration.
    """

    verdict: str
    executions: int
    seconds: float
    others: tuple[str, ...]
    result: Result
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """An entry, and what its two explorations gave."""

    entry: Entry
    before: Judged
    after: Judged

    @property
    def holds(self) -> bool:
        """Found before and gone after?"""
        return (self.before.verdict, self.after.verdict) == (FOUND, GONE)


def run(entry: Entry) -> Outcome:
    """Explore both."""
    return Outcome(entry, run_before(entry), run_after(entry))


def run_before(entry: Entry | StillThere) -> Judged:
    """Explore where the bug is, until it is found."""
    at = entry.at if isinstance(entry, StillThere) else entry.before
    result, seconds = explored(at.scenario(), until=entry.matches)
    found = [finding for finding in result.findings if entry.matches(finding)]
    return Judged(
        verdict=FOUND if found else NOT_FOUND,
        executions=result.executions,
        seconds=seconds,
        others=_others(entry, result),
        result=result,
        finding=found[0] if found else None,
    )


def run_after(entry: Entry) -> Judged:
    """Explore where it is mended, to the end."""
    result, seconds = explored(entry.after.scenario())
    found = [finding for finding in result.findings if entry.matches(finding)]
    verdict = STILL_THERE if found else GONE if result.complete else NOT_COMPLETE
    return Judged(
        verdict=verdict,
        executions=result.executions,
        seconds=seconds,
        others=_others(entry, result),
        result=result,
        finding=found[0] if found else None,
    )


class _Seen(Exception):
    """There is no need to go on."""


def explored(
    scenario: Scenario,
    until: Callable[[Finding], bool] | None = None,
    *,
    executions: int = EXECUTIONS_MAX,
) -> tuple[Result, float]:
    """The result of one exploration, and the seconds that it took; `until` ends it early."""
    options = Options(executions=executions, version=project().version)
    session = Session(scenario, options)
    known = 0

    def watch(told: Progress) -> None:
        nonlocal known
        if until is None or told.findings == known:
            return
        known = told.findings
        if any(until(finding) for finding in session.judge.all_findings().values()):
            raise _Seen

    began = monotonic()
    try:
        result = session.explore(watch)
    except _Seen:
        result = session.interrupted()
    return result, monotonic() - began


def _others(entry: Entry | StillThere, result: Result) -> tuple[str, ...]:
    return tuple(sorted({f.kind for f in result.findings if not entry.matches(f)}))


@cache
def project() -> Project:
    """This project, loaded once a process."""
    return load_project(ROOT)
