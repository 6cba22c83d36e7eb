"""One exploration of a campaign: a scenario with its parameters, and what explores it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from lockwright.campaign.plan import Expectation
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.options import Options
from lockwright.project import Project
from lockwright.scenario import Scenario
from lockwright.searches import EXHAUSTIVE

CORPUS = "corpus"
"""The arm that mutates schedules which have covered something new (`guidance.py`)."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One random strategy with one seed; `executions` is its share when there is no guidance.

    The arm CORPUS, which has none, gets its time from the others.
    """

    strategy: str
    seed: int
    executions: int
    depth: int = 3

    @property
    def label(self) -> str:
        """`pct`, or with a depth that is not the usual one `pct(5)`."""
        usual = self.depth == Options().depth
        return self.strategy if usual else f"{self.strategy}({self.depth})"

    @property
    def name(self) -> str:
        """`pct:7`"""
        return f"{self.label}:{self.seed}"


@dataclass(frozen=True, slots=True)
class Item:
    """`parameters` are those that differ from the scenario's own, as text, in order of name.

    An exhaustive exploration has no arms.  The arms of another share one judge and one coverage;
    `options.executions` is what they have together.
    """

    number: int
    scenario: str
    parameters: tuple[tuple[str, str], ...]
    options: Options
    arms: tuple[Arm, ...] = ()
    expected: tuple[Expectation, ...] = ()

    @property
    def strategy(self) -> str:
        """`dpor`, `bounded(2)`, or the arms' strategies: `random+pct(5)`."""
        if not self.arms:
            name, bound = self.options.strategy, self.options.bound
            return name if bound is None else f"{name}({bound})"
        return "+".join(dict.fromkeys(arm.label for arm in self.arms))

    @property
    def exhaustive(self) -> bool:
        """Does it end by itself?"""
        return self.options.strategy in EXHAUSTIVE and not self.arms

    @property
    def name(self) -> str:
        """The same for the same item of another campaign: `eventfs/v3:open_vs_stat files=2 pct`."""
        slow = [f"slow={what}" for what in self.options.slow]
        given = [f"{name}={value}" for name, value in self.parameters]
        return " ".join([self.scenario, *given, *slow, self.strategy])

    def made(self, project: Project) -> Scenario:
        """The scenario.  Raises UsageError if the project has none of the name."""
        return project.scenario(self.scenario).with_parameters(dict(self.parameters))

    def as_json(self) -> dict[str, Value]:
        """All but what it is expected to end with."""
        options = asdict(self.options)
        options["prefix"] = []
        return {
            "number": self.number,
            "scenario": self.scenario,
            "parameters": [list(pair) for pair in self.parameters],
            "options": options,
            "arms": [asdict(arm) for arm in self.arms],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Value]) -> Item:
        """Read what `as_json` wrote.  Raises UsageError for anything else."""
        try:
            known = {field.name for field in fields(Options)}
            told = {name: value for name, value in data["options"].items() if name in known}
            options = Options(**{**told, "rules": tuple(told["rules"]), "prefix": ()})
            return cls(
                int(data["number"]),
                str(data["scenario"]),
                tuple((str(name), str(value)) for name, value in data["parameters"]),
                replace(options, slow=tuple(options.slow)),
                tuple(Arm(**arm) for arm in data["arms"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"malformed item: {type(error).__name__}: {error}") from None
