"""Which promises the variants of the remote watches keep: every program of the bound, explored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeVar

from invariants.remote import promise_of
from lockwright.calls import Calls, Program
from lockwright.core.errors import LockwrightError, UsageError
from lockwright.core.event import value_text
from lockwright.core.finding import Finding
from lockwright.core.result import Result
from lockwright.explore.livelock import LASTING
from lockwright.scenario import Scenario
from lockwright.session import Options, explore
from reports.remote_journal import Journal, Outcome
from reports.remote_verdicts import (
    COMES,
    FOR_EVER,
    LIVENESS,
    NOT_DECIDED,
    NOT_TOLD,
    OTHER,
    SENTENCES,
    VERIFIED,
    VIOLATED,
    Breach,
    Count,
    Decided,
    Decision,
    Ending,
)
from reports.running import Work
from stress.corpus.entry import project
from stress.fsnotify.bound import EXECUTIONS_MAX, PARTS, Part
from stress.fsnotify.calls import vocabulary_of
from stress.fsnotify.cases import CASES, FINALLY, Case
from stress.fsnotify.variants import ENVIRONMENT, VARIANTS, Variant

PIECE = 8
"""So many programs are given to a process at a time."""
RESTART = "restart"
"""The call that is the server's trouble, as parameters of a part are."""
BOUND_RULES = ("deadlock", "sections", "leak", "promises")
"""Data races and lock orders are judged in the named situations (`reports.verdicts`): here they
would double the time, and no promise is about them."""


@dataclass(frozen=True, slots=True)
class Column:
    """A variant: what its users call, and which of its parts can be switched off."""

    title: str
    calls: Calls
    switches: tuple[str, ...] = ()

    @property
    def design(self) -> str:
        """`fsnotify/armed`."""
        return self.calls.design


@dataclass(frozen=True, slots=True)
class Asked:
    """What is decided: of these variants every program of these parts, each in so many executions
    at most; what breaks in these cases with a part of a variant switched off; and whether what
    somebody waits for finally comes, each a promise and a program's calls."""

    columns: tuple[Column, ...]
    parts: tuple[Part, ...] = PARTS
    cases: tuple[Case, ...] = CASES
    executions: int = EXECUTIONS_MAX
    endings: tuple[tuple[str, str], ...] = FINALLY

    @property
    def designs(self) -> tuple[str, ...]:
        """The names of the variants."""
        return tuple(column.design for column in self.columns)

    def only(self, designs: Sequence[str]) -> Asked:
        """The same of these variants alone.  Raises UsageError for one that is not there."""
        for name in designs:
            if name not in self.designs:
                raise UsageError(f"no variant {name!r}; there are: {', '.join(self.designs)}")
        kept = tuple(one for one in self.columns if not designs or one.design in designs)
        return replace(self, columns=kept)


def column_of(variant: Variant) -> Column:
    """A variant's column.  What can be switched off is what is on by itself."""
    switches = tuple(
        name
        for name, value in variant.parameters.items()
        if value is True and (name not in ENVIRONMENT or name in variant.server)
    )
    return Column(variant.title, vocabulary_of(variant), switches)


ASKED = Asked(tuple(map(column_of, VARIANTS)))


class _Work(Protocol):
    """Something to explore, with a name that says all that its outcomes depend on but the model."""

    @property
    def key(self) -> str: ...

    def outcomes(self) -> list[Outcome]: ...


Given = TypeVar("Given", bound=_Work)


class _Piece(NamedTuple):
    """Programs of one part, for a process of its own."""

    column: Column
    part: Part
    programs: tuple[Program, ...]
    executions: int

    @property
    def key(self) -> str:
        """All that its outcomes depend on but the model."""
        scenario = self.part.scenario(self.column.calls, self.programs[0])
        last = self.programs[-1]
        return f"{scenario.name} {_given(scenario)} .. {last} in {self.executions}"

    def outcomes(self) -> list[Outcome]:
        """Explore them."""
        scenarios = (self.part.scenario(self.column.calls, program) for program in self.programs)
        return [outcome_of(scenario, self.executions) for scenario in scenarios]


class _Switched(NamedTuple):
    """A case of a variant, with a part switched off, with none if `switch` is empty."""

    column: Column
    case: Case
    switch: str
    executions: int

    @property
    def key(self) -> str:
        """All that its outcome depends on but the model."""
        name = f"{self.column.design}:{self.case.name}"
        return f"{name} without {self.switch or 'nothing'} in {self.executions}"

    def outcomes(self) -> list[Outcome]:
        """Explore it."""
        scenario = self.case.scenario(self.column.calls)
        off = {self.switch: "false"} if self.switch else {}
        return [outcome_of(scenario.with_parameters(off), self.executions)]


class _Waiting(NamedTuple):
    """A program in which somebody waits for what a promise says finally comes."""

    column: Column
    promise: str
    program: str
    executions: int

    @property
    def scenario(self) -> Scenario:
        """The program's."""
        return self.column.calls.scenario(f"calls({self.program})")

    @property
    def key(self) -> str:
        """All that its outcome depends on but the model."""
        return f"{self.scenario.name} by {LIVENESS} in {self.executions}"

    def outcomes(self) -> list[Outcome]:
        """Explore it under every fair scheduler; only what lasts for ever is of interest."""
        result = _result(self.scenario, Options(LIVENESS, executions=self.executions, events=False))
        lasting = [(one.kind, one.message) for one in result.findings if one.kind in LASTING]
        broken = {self.promise: lasting[0]} if lasting else {}
        whole = result.complete and not result.deadlocked
        return [Outcome(result.executions, whole, broken)]

    def ending(self, outcome: Outcome) -> Ending:
        """What it comes to."""
        if self.promise in outcome.broken:
            kind, message = outcome.broken[self.promise]
            breach = Breach(self.scenario.name, (), kind, message, 1)
            return Ending(self.promise, FOR_EVER, outcome.executions, breach)
        verdict = COMES if outcome.complete else NOT_TOLD
        return Ending(self.promise, verdict, outcome.executions)


def outcome_of(scenario: Scenario, executions: int) -> Outcome:
    """Explore one scenario.  Raises UsageError that names it if it cannot be judged."""
    result = _result(scenario, Options(events=False, executions=executions, rules=BOUND_RULES))
    broken: dict[str, tuple[str, str]] = {}
    for finding in result.findings:
        broken.setdefault(row_of(finding), (finding.kind, finding.message))
    return Outcome(result.executions - result.sleep_set_blocked, result.complete, broken)


def _result(scenario: Scenario, options: Options) -> Result:
    try:
        return explore(scenario, options)
    except LockwrightError as error:
        raise UsageError(f"{scenario.name} {_given(scenario)}: {error}") from None


def row_of(finding: Finding) -> str:
    """In which row of the table a finding is."""
    return promise_of(finding.kind, finding.message) or OTHER


def _given(scenario: Scenario) -> dict[str, str]:
    return {key: value_text(value) for key, value in scenario.given.items()}


def decided(asked: Asked, work: Work, journal: Journal | None = None) -> list[Decided]:
    """Explore everything but what the journal has."""
    journal = Journal() if journal is None else journal
    pieces = list(_pieces(asked))
    done = _done(work, journal, "pieces of the bound", pieces)
    cases = [
        _Switched(column, case, switch, asked.executions)
        for column in asked.columns
        for switch in (("", *column.switches) if column.switches else ())
        for case in asked.cases
    ]
    off = [outcome for (outcome,) in _done(work, journal, "cases with a part off", cases)]
    switched = list(zip(cases, off, strict=True))
    endings = _endings(asked, work, journal)
    found = []
    for column in asked.columns:
        mine = zip(pieces, done, strict=True)
        whole = _Column(column, list(asked.parts))
        for piece, outcomes in mine:
            if piece.column.design == column.design:
                whole.add(piece, outcomes)
        found.append(
            replace(
                whole.decided(asked.executions),
                switches=_needed(column, switched),
                endings=endings[column.design],
            )
        )
    return found


def _endings(asked: Asked, work: Work, journal: Journal) -> dict[str, dict[str, Ending]]:
    """What finally comes, by variant and program."""
    waiting = [
        _Waiting(column, promise, program, asked.executions)
        for column in asked.columns
        for promise, program in asked.endings
    ]
    found: dict[str, dict[str, Ending]] = {design: {} for design in asked.designs}
    done = _done(work, journal, "what finally happens", waiting)
    for given, (outcome,) in zip(waiting, done, strict=True):
        found[given.column.design][given.program] = given.ending(outcome)
    return found


def _done(work: Work, journal: Journal, what: str, given: Sequence[Given]) -> list[list[Outcome]]:
    """The outcomes of each, in order."""
    keys = [f"{project().version} {each.key}" for each in given]
    left = [nth for nth, key in enumerate(keys) if key not in journal.known]
    made = work.each(what, _outcomes, [given[nth] for nth in left])
    for nth, outcomes in zip(left, made, strict=True):
        journal.add(keys[nth], outcomes)
    return [journal.known[key] for key in keys]


def _pieces(asked: Asked) -> Iterator[_Piece]:
    for column in asked.columns:
        for part in asked.parts:
            programs = tuple(part.programs(column.calls))
            for first in range(0, len(programs), PIECE):
                yield _Piece(column, part, programs[first : first + PIECE], asked.executions)


def _outcomes(given: _Work) -> list[Outcome]:
    return given.outcomes()


class _Column:
    """A column while it is counted: the smallest program that breaks each promise, if there is one
    with a server as it should be, and how many do."""

    __slots__ = ("column", "counts", "first", "parts")

    def __init__(self, column: Column, parts: Iterable[Part]) -> None:
        self.column = column
        self.parts = {part.name: Count() for part in parts}
        self.first: dict[str, tuple[tuple[bool, int], Breach]] = {}
        self.counts: dict[str, int] = {}

    def add(self, piece: _Piece, outcomes: Sequence[Outcome]) -> None:
        """Count some programs; they come in the order of parts and programs."""
        for program, outcome in zip(piece.programs, outcomes, strict=True):
            count = Count(1, outcome.executions, not outcome.complete)
            self.parts[piece.part.name] += count
            for promise, (kind, message) in outcome.broken.items():
                self.counts[promise] = self.counts.get(promise, 0) + 1
                calls = program.calls
                trouble = bool(piece.part.parameters) or any(c.name == RESTART for c in calls)
                size = trouble, len(calls)
                if promise in self.first and self.first[promise][0] <= size:
                    continue
                scenario = piece.part.scenario(self.column.calls, program)
                given = tuple(_given(scenario).items())
                self.first[promise] = size, Breach(scenario.name, given, kind, message, 0)

    def decided(self, executions: int) -> Decided:
        """The column, each program of which was explored in so many executions at most."""
        incomplete = sum(count.incomplete for count in self.parts.values())
        cells = {}
        for promise in SENTENCES:
            if promise in self.first:
                breach = replace(self.first[promise][1], count=self.counts[promise])
                cells[promise] = Decision(VIOLATED, breach=breach)
            elif incomplete:
                cells[promise] = Decision(NOT_DECIDED, incomplete)
            else:
                cells[promise] = Decision(VERIFIED)
        column = self.column
        return Decided(column.design, column.title, executions, self.parts, cells)


def _needed(
    column: Column, switched: Sequence[tuple[_Switched, Outcome]]
) -> dict[str, dict[str, Breach]]:
    """For each switch what breaks without it, and not with it, in the first case that shows it."""
    mine = [(given, outcome) for given, outcome in switched if given.column is column]
    whole = {given.case.name: outcome.broken for given, outcome in mine if not given.switch}
    found: dict[str, dict[str, Breach]] = {switch: {} for switch in column.switches}
    for given, outcome in mine:
        for promise in SENTENCES if given.switch else ():
            if promise not in outcome.broken or promise in whole[given.case.name]:
                continue
            kind, message = outcome.broken[promise]
            name = f"{column.design}:{given.case.name}"
            first = Breach(name, ((given.switch, "false"),), kind, message, 0)
            known = found[given.switch].get(promise, first)
            found[given.switch][promise] = replace(known, count=known.count + 1)
    return {switch: {p: each[p] for p in SENTENCES if p in each} for switch, each in found.items()}
