"""What is decided of the remote watches: verdicts by variant and promise, as they are committed.

A verdict is about every program of a bound (`remote_deciding.py`): violated, by the smallest of the
programs that break the promise; or verified, if all programs were explored to their end; or not
decided.  Nothing of it names a model's version, so that it can be committed; tokens do, and are
made when they are asked for.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from invariants.remote import PROMISES
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.explore.livelock import LASTING
from lockwright.report.campaign import many
from reports.comparing import NOTHING, Difference
from reports.running import table_in

BASELINE = Path(__file__).parent / "baselines" / "remote.json"
AGAIN = "python -m reports.remote --all"
VERIFIED, VIOLATED, NOT_DECIDED = "verified", "violated", "not decided"
COMES, FOR_EVER, NOT_TOLD = "comes", "goes round for ever", "could not be told"
LIVENESS = "liveness"
OTHER = "other"
"""What the engine's rules find that breaks none of the promises."""
SENTENCES: Mapping[str, str] = {
    **{one.id: one.sentence for one in PROMISES},
    OTHER: "Nothing else goes wrong: no deadlock, no NULL pointer, no count that is wrong.",
}
"""The rows of the table."""
EIGHT = tuple(one.id for one in PROMISES if one.id.startswith("P"))
"""P1 to P8: F11 is about what it costs."""

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Breach:
    """What breaks a promise: the smallest scenario that does, with the parameters that it is given,
    the kind and the message of the finding, and how many programs or cases do in all."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    kind: str
    message: str
    count: int

    @property
    def lasts(self) -> bool:
        """Does it show only under every fair scheduler, as something that has no end?"""
        return self.kind in LASTING

    @property
    def arguments(self) -> str:
        """What `lockwright check` is to be given, as a shell takes it."""
        given = [f"--param {shlex.quote(f'{key}={value}')}" for key, value in self.parameters]
        if self.lasts:
            given.append(f"--strategy {LIVENESS}")
        return " ".join((shlex.quote(self.name), *given))

    @property
    def said(self) -> str:
        """What is found, with its kind where the message is not a promise's own."""
        promised = self.message.partition(":")[0] in SENTENCES
        return self.message if promised else f"{self.kind}: {self.message}"


@dataclass(frozen=True, slots=True)
class Decision:
    """A cell: `breach` if the promise is violated; `incomplete` programs if it is not decided."""

    verdict: str
    incomplete: int = 0
    breach: Breach | None = None

    def __str__(self) -> str:
        if self.breach is not None:
            of = many(self.breach.count, "program")
            return f"{self.verdict} by {of}, first {self.breach.arguments}: {self.breach.said}"
        if self.incomplete:
            return f"{self.verdict}: {many(self.incomplete, 'program')} not explored to the end"
        return self.verdict


@dataclass(frozen=True, slots=True)
class Ending:
    """Whether what a promise says finally comes, in one program: `breach` if whoever waits for it
    goes round for ever under some fair scheduler."""

    promise: str
    verdict: str
    executions: int
    breach: Breach | None = None

    def __str__(self) -> str:
        said = f"{self.promise} {self.verdict} in {many(self.executions, 'execution')}"
        return said if self.breach is None else f"{said}: {self.breach.said}"


@dataclass(frozen=True, slots=True)
class Count:
    """What a part of the bound came to: its programs, the executions of all of them together, and
    how many were not explored to their end."""

    programs: int = 0
    executions: int = 0
    incomplete: int = 0

    def __str__(self) -> str:
        said = f"{many(self.programs, 'program')}, {many(self.executions, 'execution')}"
        return f"{said}, {self.incomplete:,} incomplete" if self.incomplete else said

    def __add__(self, other: Count) -> Count:
        return Count(
            self.programs + other.programs,
            self.executions + other.executions,
            self.incomplete + other.incomplete,
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """A column of the table, with the parts of its bound, each program of which was explored in so
    many executions at most.

    `switches` are the parts of a design that can be switched off: for each what breaks then, by
    promise, in one of the named cases.  `endings` say by program what finally comes.
    """

    design: str
    title: str
    executions: int
    parts: Mapping[str, Count]
    promises: Mapping[str, Decision]
    switches: Mapping[str, Mapping[str, Breach]] = field(default_factory=dict)
    endings: Mapping[str, Ending] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """Its name without the family's."""
        return self.design.rpartition("/")[2]

    @property
    def whole(self) -> Count:
        """All parts of the bound together."""
        return sum(self.parts.values(), Count())

    def ending(self, *verdicts: str) -> list[str]:
        """The promises with one of these verdicts on what finally happens, each once."""
        found = (one.promise for one in self.endings.values() if one.verdict in verdicts)
        return list(dict.fromkeys(found))

    def having(self, *verdicts: str) -> list[str]:
        """The promises with one of these verdicts, in the order of the table."""
        return [name for name, one in self.promises.items() if one.verdict in verdicts]

    @property
    def breaches(self) -> list[Breach]:
        """Everything that breaks something, in the order of the tables."""
        cells = (one.breach for one in self.promises.values())
        endings = (one.breach for one in self.endings.values())
        off = (breach for each in self.switches.values() for breach in each.values())
        return [breach for breach in (*cells, *off, *endings) if breach is not None]


def differences(recorded: Sequence[Decided], now: Sequence[Decided]) -> Iterator[Difference]:
    """What is not as it is committed, cell by cell."""
    known = {each.design: each for each in recorded}
    for each in now:
        was = known.get(each.design)
        if was is None:
            yield Difference(each.design, NOTHING, "a variant of this name")
            continue
        if was.title != each.title:
            yield Difference(each.design, was.title, each.title)
        if was.executions != each.executions:
            yield executions_differ(each.design, was.executions, each.executions)
        yield from _differ(each.design, was.promises, each.promises)
        yield from _differ(each.design, was.parts, each.parts)
        yield from _differ(f"{each.design} without", _switched(was), _switched(each), " ")
        yield from _differ(f"{each.design}, finally", was.endings, each.endings)


def executions_differ(design: str, was: int, now: int) -> Difference:
    """The bound on a program is another one."""
    texts = (f"each program in {many(each, 'execution')} at most" for each in (was, now))
    return Difference(design, *texts)


def _differ(
    where: str, was: Mapping[str, Value], now: Mapping[str, Value], mark: str = ", "
) -> Iterator[Difference]:
    for key in dict.fromkeys((*was, *now)):
        if was.get(key) != now.get(key):
            texts = (str(each[key]) if key in each else NOTHING for each in (was, now))
            yield Difference(f"{where}{mark}{key}", *texts)


def _switched(decided: Decided) -> dict[str, Value]:
    """What breaks without each switch, a line for each promise."""
    lines: dict[str, Value] = {}
    for switch, broken in decided.switches.items():
        if not broken:
            lines[switch] = NOTHING
        for promise, breach in broken.items():
            of = many(breach.count, "case")
            lines[f"{switch}, {promise}"] = f"{of}, first {breach.arguments}: {breach.said}"
    return lines


def for_nothing(decided: Iterable[Decided]) -> Iterator[Difference]:
    """The switches that nothing breaks without: an error, whatever is committed."""
    for each in decided:
        for switch, broken in each.switches.items():
            if not broken:
                where = f"{each.design} without {switch}"
                yield Difference(where, "a promise that breaks in some case", NOTHING)


def gone(recorded: Iterable[Decided], designs: Sequence[str]) -> Iterator[Difference]:
    """The committed verdicts on what is no variant any more."""
    for each in recorded:
        if each.design not in designs:
            yield Difference(each.design, "a variant of this name", NOTHING)


def as_json(decided: Iterable[Decided]) -> dict[str, Value]:
    """The committed form, by variant."""
    return {
        each.design: {
            "title": each.title,
            "executions": each.executions,
            "promises": {name: _decision_json(one) for name, one in each.promises.items()},
            "parts": {
                name: [count.programs, count.executions, count.incomplete]
                for name, count in each.parts.items()
            },
            "switches": {
                switch: {promise: breach_json(one) for promise, one in broken.items()}
                for switch, broken in each.switches.items()
            },
            "finally": {name: _ending_json(one) for name, one in each.endings.items()},
        }
        for each in decided
    }


def _decision_json(one: Decision) -> dict[str, Value]:
    data: dict[str, Value] = {"verdict": one.verdict}
    if one.incomplete:
        data["incomplete"] = one.incomplete
    return data if one.breach is None else {**data, **breach_json(one.breach)}


def _ending_json(one: Ending) -> dict[str, Value]:
    data: dict[str, Value] = {"promise": one.promise, "verdict": one.verdict}
    data["executions"] = one.executions
    return data if one.breach is None else {**data, **breach_json(one.breach)}


def breach_json(one: Breach) -> dict[str, Value]:
    """What breaks something, for machines."""
    return {
        "scenario": one.name,
        "parameters": dict(one.parameters),
        "kind": one.kind,
        "message": one.message,
        "count": one.count,
    }


def text_of(decided: Iterable[Decided]) -> str:
    """The text of `reports/baselines/remote.json`."""
    return json.dumps(as_json(decided), indent=1) + "\n"


def baseline(path: Path | None = None) -> list[Decided]:
    """The committed verdicts.  Raises UsageError if they cannot be read."""
    path = BASELINE if path is None else path
    if not path.exists():
        raise UsageError(f"{path} is missing: `{AGAIN} --write` makes it anew")
    found = []
    for design, data in table_in(path).items():
        try:
            found.append(_decided(design, data))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"{path}: {design}: malformed, {type(error).__name__}: {error}; "
                f"`{AGAIN} --write` makes it anew"
            ) from None
    return found


def _decided(design: str, data: Mapping[str, Value]) -> Decided:
    return Decided(
        design,
        _a(str, data["title"]),
        _a(int, data["executions"]),
        _each(data["parts"], lambda given: Count(*(_a(int, number) for number in given))),
        _each(data["promises"], _decision),
        _each(data["switches"], lambda given: _each(given, _breach)),
        _each(data["finally"], _ending),
    )


def _decision(data: Mapping[str, Value]) -> Decision:
    verdict = _verdict(data, VERIFIED, VIOLATED, NOT_DECIDED)
    broken = _breach(data) if verdict == VIOLATED else None
    return Decision(verdict, _a(int, data.get("incomplete", 0)), broken)


def _ending(data: Mapping[str, Value]) -> Ending:
    verdict = _verdict(data, COMES, FOR_EVER, NOT_TOLD)
    broken = _breach(data) if verdict == FOR_EVER else None
    return Ending(_a(str, data["promise"]), verdict, _a(int, data["executions"]), broken)


def _verdict(data: Mapping[str, Value], *verdicts: str) -> str:
    verdict = _a(str, data["verdict"])
    if verdict not in verdicts:
        raise ValueError(f"{verdict!r} is no verdict")
    return verdict


def _breach(data: Mapping[str, Value]) -> Breach:
    given = _each(data["parameters"], lambda value: _a(str, value))
    texts = [_a(str, data[key]) for key in ("scenario", "kind", "message")]
    return Breach(texts[0], tuple(given.items()), texts[1], texts[2], _a(int, data["count"]))


def _each(data: Value, read: Callable[[Value], Read]) -> dict[str, Read]:
    return {key: read(value) for key, value in data.items()}


def _a(kind: type[Read], value: Value) -> Read:
    if type(value) is not kind:
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value
