"""The tables of a plan's file, as models that say what each may hold.

`planfile.py` makes a Plan of them; `docs/plans.md` describes the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from lockwright.campaign.plan import COVERAGE, EACH, GUIDANCES, PACES, SLOW, Limits
from lockwright.campaign.planfile_words import Fault, known, several, shown
from lockwright.core.event import value_text
from lockwright.core.location import Value
from lockwright.core.result import Verdict
from lockwright.kernel.storebuffer import MEMORY
from lockwright.options import GRANULARITIES, RULES, Options
from lockwright.scenario import WHERE
from lockwright.searches import EXHAUSTIVE, STRATEGIES

PCT, BOUNDED, DPOR, MIX, CORPUS = "pct", "bounded", "dpor", "mix", "corpus"
PLANNED = tuple(name for name in STRATEGIES if name != MIX)
"""The strategies that a plan can name."""
SEEDS_MAX = 10_000
RESERVED = {
    "failures": "allocations",
    "fails": "allocation_sites",
    "signals": "signals",
    "reclaim": "reclaim",
    "shrinkers": "shrinkers",
    "interrupts": "interrupts",
    "memory": "memory",
}
"""The parameters that every scenario has, and the keys of `faults` that give them."""
_UNFIT = re.compile(r"[~,'\s]")
T = TypeVar("T")


def _listed(value: Value) -> Value:
    return value if isinstance(value, list) else [value]


def _distinct(values: list[T]) -> list[T]:
    for at, value in enumerate(values):
        if value in values[:at]:
            raise ValueError(f"{shown(value)} is there twice")
    return values


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(f"expected a line of text, not {shown(text)}")
    return text


def _word(text: str) -> str:
    if not text or _UNFIT.search(text):
        raise ValueError(f"expected a name without space, comma, ' and ~, not {shown(text)}")
    return text


def _fit(text: str) -> str:
    return text if not text else _word(text)


def _value(value: Value) -> str:
    """A parameter's value, as text."""
    text = value_text(value) if isinstance(value, bool | int | str) else ""
    if not text or _UNFIT.search(text):
        raise ValueError(
            "expected a number, true, false, or a text without space, comma, ' and ~, "
            f"not {shown(value)}"
        )
    return text


def _name(value: Value) -> str:
    """A parameter's name."""
    if not value or re.search(r"[~,'\s=]", value):
        raise ValueError(f"{shown(value)} is no parameter: expected no space, comma, =, ' and ~")
    return str(value)


def _seeds(value: Value) -> Value:
    if isinstance(value, list):
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= SEEDS_MAX:
        raise ValueError(
            f"expected a list of seeds, or how many, from 1 to {SEEDS_MAX}, not {shown(value)}"
        )
    return list(range(value))


def _strategy(value: Value) -> Value:
    if not isinstance(value, str | dict):
        raise ValueError(
            f'expected a name, as "pct", or a table, as {{name = "pct", depth = 4}}, '
            f"not {shown(value)}"
        )
    return {"name": value} if isinstance(value, str) else value


def _drawn(name: str) -> str:
    if name == MIX:
        raise ValueError("mix is none of a plan's strategies: name those that it is to be made of")
    return name


def _among(what: str, names: tuple[str, ...]) -> AfterValidator:
    return AfterValidator(known(what, names))


def _parts(text: str) -> str:
    check: Callable[[str], str] = known("strategy", (*PLANNED, CORPUS))
    for part in text.split("+"):
        name, _, size = part.partition("(")
        check(name)
        if part != name and not re.fullmatch(r"[0-9]+\)", size, re.ASCII):
            raise ValueError(f"expected a strategy, as {name} or {name}(5), not {shown(part)}")
    return text


Several = Annotated[
    list[T], BeforeValidator(_listed), AfterValidator(_distinct), Field(min_length=1)
]
"""A list, or what is the only thing in it."""
Line = Annotated[str, AfterValidator(_line)]
Word = Annotated[str, AfterValidator(_word)]
Fit = Annotated[str, AfterValidator(_fit)]
Text = Annotated[Value, BeforeValidator(_value)]
Name = Annotated[Value, BeforeValidator(_name)]
Count = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Table(BaseModel):
    """A table that has no other keys than these, and no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def gave(self, key: str) -> bool:
        """Does the file have the key?"""
        return key in self.model_fields_set


class CampaignTable(Table):
    """`[campaign]`"""

    name: Line = Field(description="what the campaign is called")
    guidance: Annotated[str, _among("guidance", GUIDANCES)] = COVERAGE
    attempts: Count = 200


class StopTable(Table):
    """`[stop]`"""

    executions: Number | None = None
    seconds: Seconds | None = None
    findings: Number | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("says nothing: expected executions, seconds or findings")
        return self


class LimitsTable(Table):
    """`[limits]`"""

    seconds: Seconds = Limits().seconds
    memory_mb: Count = Limits().memory_mb


class StrategyTable(Table):
    """One strategy of an `[[explore]]` table."""

    name: Annotated[str, AfterValidator(_drawn), _among("strategy", PLANNED)] = Field(
        description="which strategy it is"
    )
    depth: Number | None = None
    bound: Count | None = None

    @model_validator(mode="after")
    def _takes(self) -> Self:
        pairs = (("depth", self.depth, PCT), ("bound", self.bound, BOUNDED))
        faults: list[Fault] = [
            (key, f"{self.name} takes none: it is for {owner}")
            for key, value, owner in pairs
            if value is not None and self.name != owner
        ]
        if faults:
            raise several(faults)
        return self


class FaultsTable(Table):
    """`[explore.faults]`"""

    allocations: Several[Count] = Field(default_factory=list)
    allocation_sites: Several[Fit] = Field(default_factory=list)
    signals: Several[Fit] = Field(default_factory=list)
    reclaim: Several[Count] = Field(default_factory=list)
    shrinkers: Several[Count] = Field(default_factory=list)
    grace_periods: Several[Annotated[str, _among("pace", PACES)]] = Field(default_factory=list)
    work_queues: Several[Annotated[str, _among("pace", PACES)]] = Field(default_factory=list)
    interrupts: Several[Annotated[str, _among("interrupts", WHERE)]] = Field(default_factory=list)
    memory: Several[Annotated[str, _among("memory", MEMORY)]] = Field(default_factory=list)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        faults: list[Fault] = []
        if not self.model_fields_set:
            faults.append(("", f"says nothing: expected {', '.join(type(self).model_fields)}"))
        for key in ("allocation_sites", "signals"):
            values = getattr(self, key)
            if EACH in values and len(set(values) - {EACH, ""}) > 0:
                faults.append((key, f'"{EACH}" has them all: name no other'))
        if faults:
            raise several(faults)
        return self


class ExploreTable(Table):
    """`[[explore]]`"""

    scenarios: Several[Word] = Field(description="names of scenarios or designs, or patterns")
    strategies: Annotated[
        list[Annotated[StrategyTable, BeforeValidator(_strategy)]],
        BeforeValidator(_listed),
        Field(min_length=1, default_factory=lambda: [StrategyTable(name=DPOR)]),
    ]
    seeds: Annotated[
        list[int], BeforeValidator(_seeds), AfterValidator(_distinct), Field(min_length=1)
    ] = Field(default_factory=lambda: [0])
    parameters: dict[Name, Several[Text]] = Field(default_factory=dict)
    executions: Number | None = None
    seconds: Seconds | None = None
    rules: Several[Annotated[str, _among("rule", RULES)]] = Field(
        default_factory=lambda: list(RULES)
    )
    granularity: Annotated[str, _among("granularity", GRANULARITIES)] = "section"
    faults: FaultsTable | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if faults := self._faults():
            raise several(faults)
        return self

    def _faults(self) -> list[Fault]:
        """What does not fit together."""
        names = [strategy.name for strategy in self.strategies]
        random = [name for name in names if name not in EXHAUSTIVE]
        usual = Options().depth
        those = [(each.name, each.depth or usual, each.bound) for each in self.strategies]
        faults: list[Fault] = [
            (f"strategies[{at}]", f"{names[at]} is there twice")
            for at, each in enumerate(those)
            if each in those[:at]
        ]
        if self.gave("seeds") and not random:
            faults.append(("seeds", f"{', '.join(names)} draws nothing: seeds are for random ones"))
        if self.gave("granularity") and DPOR not in names:
            faults.append(("granularity", "is for dpor, which is none of the strategies"))
        for key, value in self._paces():
            if SLOW in value and not random:
                faults.append(
                    (f"faults.{key}", f"{', '.join(names)} tries every delay: slow is for random")
                )
        for name in self.parameters:
            if name in RESERVED:
                faults.append((f"parameters.{name}", f"write it as faults.{RESERVED[name]}"))
        return faults

    def _paces(self) -> list[tuple[str, list[str]]]:
        if self.faults is None:
            return []
        keys = ("grace_periods", "work_queues")
        return [(key, getattr(self.faults, key)) for key in keys]


class ExpectTable(Table):
    """`[[expect]]`"""

    scenario: Word = Field(description="the name of a scenario or design, or a pattern")
    parameters: dict[Name, Text] = Field(default_factory=dict)
    strategy: Annotated[str, AfterValidator(_parts)] | None = None
    verdict: Annotated[str, _among("verdict", tuple(map(str, Verdict)))] | None = None
    executions: Number | None = None
    complete: bool | None = None
    findings: Annotated[list[Line], AfterValidator(_distinct)] | None = None
    outcomes: Annotated[list[str], AfterValidator(_distinct), Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        whom = ("scenario", "parameters", "strategy")
        said = [key for key in type(self).model_fields if key not in whom]
        if not any(self.gave(key) for key in said):
            raise ValueError(f"expects nothing: expected {', '.join(said)}")
        if faults := self._contradictions():
            raise several(faults)
        return self

    def _contradictions(self) -> list[Fault]:
        """What cannot be true of one item."""
        faults: list[Fault] = []
        if self.verdict == Verdict.VIOLATED and self.findings == []:
            faults.append(("findings", "one that is violated has some"))
        if self.verdict not in (None, Verdict.VIOLATED) and self.findings:
            faults.append(("findings", f"one that is {self.verdict} has none"))
        if self.verdict == Verdict.VERIFIED and self.complete is False:
            faults.append(("complete", "one that is verified is complete"))
        if self.verdict in (Verdict.STOPPED, Verdict.WITHIN_BOUND) and self.complete:
            faults.append(("complete", f"one that is {self.verdict} is not"))
        return faults


class PlanTable(Table):
    """The whole file."""

    campaign: CampaignTable = Field(description="a table with the campaign's name")
    stop: StopTable | None = None
    limits: LimitsTable = Field(default_factory=LimitsTable)
    explore: list[ExploreTable] = Field(
        min_length=1, description="one table [[explore]] or more, which say what to explore"
    )
    expect: list[ExpectTable] = Field(default_factory=list)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        faults: list[Fault] = []
        tables: list[tuple[str, list[ExploreTable] | list[ExpectTable]]]
        tables = [("explore", self.explore), ("expect", self.expect)]
        for key, those in tables:
            first: dict[str, int] = {}
            for at, table in enumerate(those):
                before = first.setdefault(table.model_dump_json(), at)
                if before != at:
                    faults.append((f"{key}[{at}]", f"is the same as {key}[{before}]"))
        if faults:
            raise several(faults)
        return self
