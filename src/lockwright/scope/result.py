"""What the programs of a scope gave: totals, and each finding once, at its smallest program.

What one program gave is a telling, a dictionary that JSON can hold; it comes from this process,
from another one, or from a file.  Tellings are entered in any order, with the same result.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from lockwright.calls import Program, parse_program
from lockwright.check.deadlock import FOR_EVER
from lockwright.check.linearizability import NOT_LINEARIZABLE
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.prediction import CONFIRMED
from lockwright.core.result import Result, Verdict
from lockwright.options import Options
from lockwright.report.columns import counted
from lockwright.report.extent import how_far
from lockwright.scope.programs import Scope
from lockwright.settle import assumptions

VERSION = 1
BLOCKED = re.compile(r"INFO: task .+:[0-9]+ blocked for ever in (.*)")
FRAME = re.compile(r"  (\S+)\+0x[0-9a-f]+/0x[0-9a-f]+")
HOLDS = "  holds: "
ARROW = " -> "

Telling: TypeAlias = dict[str, Value]
Identity: TypeAlias = tuple[str, ...]
"""Kind and what else makes findings of two programs one."""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, the smallest program that shows it, and how many programs do."""

    program: str
    finding: Finding
    programs: int

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form: the finding's, with `program` and `programs`."""
        return {**self.finding.as_json(), "program": self.program, "programs": self.programs}


@dataclass(frozen=True, slots=True)
class Failure:
    """Programs that could not be judged: the first one, what it said, and the exit status."""

    program: str
    error: str
    status: int
    programs: int


@dataclass(frozen=True, slots=True)
class ScopeResult:
    """Verdict, findings and totals of a scope.

    `scenario` is the name of the scope.  `programs` counts all that there are, `explored` those
    that were explored to their end, or to their bound; `incomplete` those of which not every trace
    was explored, the first of them named in `incomplete_first`, with what it covered.  `complete`
    says that there is no such, and none left.  `executions`, `steps` and `deadlocked` are sums.
    """

    scenario: str
    design: str
    tasks: int
    operations: int
    parameters: dict[str, Any]
    strategy: str
    verdict: Verdict
    complete: bool
    programs: int
    explored: int
    incomplete: int
    incomplete_first: tuple[str, str]
    executions: int
    steps: int
    deadlocked: int
    found: list[Found]
    errors: list[Failure]
    assumptions: list[str]
    model_version: str = ""

    @property
    def findings(self) -> list[Finding]:
        """What was found, each once, those of the smallest programs first."""
        return [found.finding for found in self.found]

    @property
    def covered(self) -> str:
        """What was left out, in words; empty if nothing was."""
        said = []
        if self.explored < self.programs:
            said.append(f"{self.explored} of {counted(self.programs, 'program')} explored")
        if self.incomplete:
            first, covered = self.incomplete_first
            brief = covered.partition("\n")[0]
            said.append(
                f"{counted(self.incomplete, 'program')} not to the end, first {first}: {brief}"
            )
        return "; ".join(said)

    def as_json(self) -> dict[str, Any]:
        """The stable JSON form, with a version."""
        data: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        first, covered = data.pop("incomplete_first")
        data["incomplete"] = {"programs": self.incomplete, "first": first, "covered": covered}
        data["findings"] = [found.as_json() for found in data.pop("found")]
        data["errors"] = [
            {"program": each.program, "error": each.error, "programs": each.programs}
            for each in self.errors
        ]
        return {"version": VERSION, **data, "verdict": self.verdict.value}


@dataclass(slots=True)
class ScopeProgress:
    """How far a scope is: programs that are done, of how many; executions and findings so far.

    One object serves a scope, and is the scope's to change.  `sizes` has the number of programs by
    their number of calls, from one call on, and `done` how many of these are done.
    """

    sizes: tuple[int, ...]
    done: list[int]
    executions: int = 0
    findings: int = 0

    @property
    def programs(self) -> int:
        """How many are done."""
        return sum(self.done)

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.sizes)


def telling_of(program: Program, result: Result) -> Telling:
    """What there is to tell of a program that was explored."""
    return {
        "program": str(program),
        "verdict": result.verdict.value,
        "complete": result.complete,
        "exhausted": result.exhausted,
        "executions": result.executions,
        "steps": result.steps,
        "deadlocked": result.deadlocked,
        "covered": "" if result.complete else how_far(result),
        "granularity": result.granularity,
        "unfused": dict(result.unfused),
        "findings": [finding.as_json() for finding in result.findings],
    }


def failed(program: Program, error: str, status: int) -> Telling:
    """What there is to tell of a program that could not be judged."""
    return {"program": str(program), "error": error, "status": status}


def identity(finding: Finding, program: str) -> Identity:
    """What a finding of a program has in common with the same one in another program.

    The names of tasks are of their program.  Of tasks that wait for ever it is what they wait in,
    by way of which functions, and what they hold; of a cycle of lock classes, not where it begins;
    of a history that is not linearizable, what is called in the program.
    """
    if finding.kind == NOT_LINEARIZABLE:
        return (finding.kind, *sorted({call.name for call in parse_program(program).calls}))
    if finding.kind in FOR_EVER and (parts := _blocked(finding.lines)):
        return (finding.kind, *sorted(parts))
    said, cycle = finding.signature, finding.classes
    if cycle and said == ARROW.join(cycle):
        said = min(ARROW.join(cycle[at:] + cycle[:at]) for at in range(len(cycle)))
    if finding.comm and said.startswith(f"{finding.comm}: "):
        said = said.removeprefix(f"{finding.comm}: ").removeprefix(finding.comm)
        said = " ".join((said, *(frame.function for frame in finding.chain)))
    return (finding.kind, said)


def _blocked(lines: Sequence[str]) -> list[str]:
    """One text for each task that waits for ever."""
    parts: list[list[str]] = []
    for line in lines:
        if match := BLOCKED.fullmatch(line):
            parts.append([match[1]])
        elif parts and (match := FRAME.fullmatch(line)):
            parts[-1].append(match[1])
        elif parts and line.startswith(HOLDS):
            parts[-1].append(line)
    return [" ".join(part) for part in parts]


def covers(one: Identity, other: Identity) -> bool:
    """Is the other the same; or the same deadlock, with more tasks that wait in vain; or a history
    with more calls than those that are not linearizable already?"""
    if one[0] != other[0] or one[0] not in (*FOR_EVER, NOT_LINEARIZABLE):
        return one == other
    return Counter(one[1:]) <= Counter(other[1:])


@dataclass(slots=True)
class _Seen:
    """The place and text of the best program yet for a finding; the places of all.

    The place is below 0 while only those of others are known, on the way through what was kept.
    """

    at: int
    program: str
    finding: Finding
    places: dict[int, None] = field(default_factory=dict)


class Tally:
    """Takes in tellings.  `sizes` are those of the scope."""

    def __init__(self, scope: Scope, options: Options, parameters: Mapping[str, Value]) -> None:
        self.scope = scope
        self.options = options
        self.parameters = dict(parameters)
        self.progress = ScopeProgress(scope.sizes, [0] * len(scope.sizes))
        self.executions = self.steps = self.deadlocked = self.explored = 0
        self.seen: dict[Identity, _Seen] = {}
        self.verdicts: dict[str, int] = {}
        self.incomplete: dict[int, tuple[str, str]] = {}
        self.errors: dict[str, list[tuple[int, str, int]]] = {}
        self.said: dict[int, str] = {}
        self.granularity = options.granularity
        self.unfused: dict[int, dict[str, str]] = {}

    def enter(self, at: int, telling: Telling, *, done: bool = True) -> Telling:
        """Take in what the program number `at` gave; `done` is False if its time ran out.

        Returns what is worth keeping: the same, without the text of what a smaller program shows.
        """
        program = telling["program"]
        if done:
            self.explored += 1
            self.progress.done[_calls(program) - 1] += 1
        if "error" in telling:
            entry = (at, program, telling["status"])
            self.errors.setdefault(_bare(telling["error"], program), []).append(entry)
            self.said[at] = telling["error"]
            return telling
        for name in ("executions", "steps", "deadlocked"):
            setattr(self, name, getattr(self, name) + telling[name])
        self.progress.executions = self.executions
        self.verdicts[telling["verdict"]] = self.verdicts.get(telling["verdict"], 0) + 1
        if not telling["complete"]:
            self.incomplete[at] = (program, telling["covered"])
        self.granularity = telling["granularity"]
        if telling["unfused"]:
            self.unfused[at] = telling["unfused"]
        full = [data for data in telling["findings"] if self._new(at, program, data)]
        for known in telling.get("seen", ()):
            self._place(tuple(known)).places[at] = None
        self.progress.findings = len(self.seen)
        seen = [
            list(identity(Finding.from_json(d), program))
            for d in telling["findings"]
            if d not in full
        ]
        return {**telling, "findings": full, "seen": [*telling.get("seen", ()), *seen]}

    def _place(self, key: Identity) -> _Seen:
        return self.seen.setdefault(key, _Seen(-1, "", Finding("", "", "", 0, "")))

    def _new(self, at: int, program: str, data: dict[str, Value]) -> bool:
        """Keep a finding if no smaller program shows it, or none confirms what it predicts."""
        finding = Finding.from_json(data)
        seen = self._place(identity(finding, program))
        seen.places[at] = None
        rank = (finding.reality != CONFIRMED, at)
        if seen.at >= 0 and rank >= (seen.finding.reality != CONFIRMED, seen.at):
            return False
        seen.at, seen.program, seen.finding = at, program, finding
        return True

    def found(self) -> list[Found]:
        """The findings, those of the smallest programs first; a deadlock once, without the tasks
        that came too late to matter."""
        kept: dict[Identity, tuple[_Seen, dict[int, None]]] = {}
        shown = (item for item in self.seen.items() if item[1].at >= 0)
        for key, seen in sorted(shown, key=_by_place):
            same = next((each for each in kept if covers(each, key)), None)
            if same is None:
                kept[key] = (seen, dict(seen.places))
            else:
                kept[same][1].update(seen.places)
        design = self.scope.calls.design
        return [
            Found(f"{design}:{seen.program}", seen.finding, len(places))
            for seen, places in kept.values()
        ]

    def result(self) -> ScopeResult:
        """What is known by now."""
        scope, options = self.scope, self.options
        found, programs = self.found(), scope.count
        complete = self.explored == programs and not (self.incomplete or self.errors)
        first = self.incomplete[min(self.incomplete)] if self.incomplete else ("", "")
        return ScopeResult(
            scope.name,
            scope.calls.design,
            scope.tasks,
            scope.operations,
            self.parameters,
            options.strategy,
            self._verdict(found, complete=complete),
            complete,
            programs,
            self.explored,
            len(self.incomplete),
            (f"{scope.calls.design}:{first[0]}" if first[0] else "", first[1]),
            self.executions,
            self.steps,
            self.deadlocked,
            found,
            [self._failure(said) for said in self.errors],
            self._assumptions(complete=complete),
            options.version,
        )

    def _verdict(self, found: Sequence[Found], *, complete: bool) -> Verdict:
        if found:
            return Verdict.VIOLATED
        if complete:
            return Verdict.VERIFIED
        within = {Verdict.VERIFIED.value, Verdict.WITHIN_BOUND.value}
        whole = self.explored == self.scope.count and not self.errors
        return Verdict.WITHIN_BOUND if whole and set(self.verdicts) <= within else Verdict.STOPPED

    def _failure(self, said: str) -> Failure:
        at, program, status = min(self.errors[said])
        name = f"{self.scope.calls.design}:{program}"
        return Failure(name, self.said[at], status, len(self.errors[said]))

    def _assumptions(self, *, complete: bool) -> list[str]:
        """What a green result of the scope does not show: what is not in it, and what the result of
        one of its programs does not show."""
        unfused: dict[str, str] = {}
        for at in sorted(self.unfused):
            unfused = {**self.unfused[at], **unfused}
        plain = Result("", "", self.parameters, self.options.strategy, complete=True)
        plain = replace(plain, granularity=self.granularity, unfused=unfused)
        said = assumptions(plain, racing="data-race" in self.options.rules)
        alphabet = str(Program((self.scope.calls.alphabet,))).removeprefix("calls(")[:-1]
        said[0] = (
            f"at most {counted(self.scope.tasks, 'task')}, with at most "
            f"{counted(self.scope.operations, 'call')} each, and no calls but: "
            f"{alphabet.replace(';', ' ')}"
        )
        if not complete:
            said.insert(0, f"{self.explored} of {counted(self.scope.count, 'program')} explored")
        return said


def _by_place(item: tuple[Identity, _Seen]) -> tuple[int, Identity]:
    return item[1].at, item[0]


def _calls(program: str) -> int:
    """How many calls the text of a program has."""
    return 1 + program.count(";") + program.count("|")


def _bare(error: str, program: str) -> str:
    """An error without what is its program's own: its name, and how to replay it."""
    lines = [line for line in error.splitlines() if "lockwright replay" not in line]
    return re.sub(r"in step [0-9]+, of \S+", "", "\n".join(lines).replace(program, ""))
