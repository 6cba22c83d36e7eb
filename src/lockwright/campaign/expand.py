"""A plan's items: every combination of what its `[[explore]]` tables say, in a fixed order.

Tables come in the order of the file, their scenarios in the order that they are named in (those of
a design or a pattern in the project's), then the values of the parameters, then the faults
(`expand_faults.py`), then the exhaustive strategies; what varies last varies fastest.  The random
strategies of a table make one item of each combination, with an arm for each of them and each seed.

Order of reading: `items_of`, `Expansion`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from lockwright.campaign.expand_expected import expected_of
from lockwright.campaign.expand_faults import Combination, combinations
from lockwright.campaign.item import CORPUS, Arm, Item
from lockwright.campaign.plan import COVERAGE, Entry, Plan, Steering
from lockwright.campaign.planfile_words import report
from lockwright.core.errors import UsageError
from lockwright.core.event import value_text
from lockwright.options import Options
from lockwright.project import Project
from lockwright.scenario import Scenario
from lockwright.schedule.strategies import MIX, mix_text
from lockwright.searches import EXHAUSTIVE

EXECUTIONS = 10_000
"""Of each random strategy and seed, if the plan does not say how many."""


def items_of(plan: Plan, project: Project) -> list[Item]:
    """The items of a plan, in order, with what is expected of each.

    Raises UsageError that tells of everything that does not fit the project, each with its place
    in the plan's file.
    """
    expansion = Expansion(plan, project)
    for at, entry in enumerate(plan.entries):
        expansion.add(f"explore[{at}]", entry)
    faults = [*dict.fromkeys(expansion.faults), *expansion.repeated()]
    items = expansion.items
    if not faults:
        items, faults = expected_of(plan, expansion.items, expansion.scenarios)
    if faults:
        raise report(f"plan {plan.name}", faults)
    return items


@dataclass(slots=True)
class Expansion:
    """What was made so far of a plan's entries.

    `places` has the place of each item's entry, `scenarios` each item's scenario with its
    parameters; both are as long as `items`.
    """

    plan: Plan
    project: Project
    items: list[Item] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    scenarios: list[Scenario] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, place: str, entry: Entry) -> None:
        """All items of an entry."""
        scenarios = self._selected(place, entry)
        before = len(self.items)
        if not self._check_parameters(place, entry, scenarios):
            return
        for scenario in scenarios:
            for values in product(*entry.parameters.values()):
                given = dict(zip(entry.parameters, values, strict=True))
                self._add_with(place, entry, scenario.with_parameters(given))
        if scenarios and len(self.items) == before and not self.faults:
            self.faults.append(f"{place}: makes no item: no scenario has what faults asks for")

    def _selected(self, place: str, entry: Entry) -> list[Scenario]:
        """The scenarios of an entry, each once."""
        found: dict[str, Scenario] = {}
        for at, target in enumerate(entry.scenarios):
            if (one := self.project.scenarios.get(target)) is not None:
                found[target] = one
                continue
            try:
                chosen = self.project.select([target])
            except UsageError as error:
                self.faults.append(f"{place}.scenarios[{at}]: {error}")
                continue
            found.update((scenario.name, scenario) for scenario in chosen)
        return list(found.values())

    def _check_parameters(self, place: str, entry: Entry, scenarios: Sequence[Scenario]) -> bool:
        """Does every scenario have all the parameters, with these values?"""
        said: list[str] = []
        for name, values in entry.parameters.items():
            for value in values:
                errors = list(_errors(scenarios, name, value))
                if errors:
                    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
                    said.append(f"{place}.parameters.{name}: {errors[0]}{more}")
        self.faults += dict.fromkeys(said)
        return not said

    def _add_with(self, place: str, entry: Entry, scenario: Scenario) -> None:
        """A scenario with its parameters, under all faults and strategies."""
        try:
            those = combinations(scenario, entry.faults)
        except UsageError as error:
            self.faults.append(f"{place}.faults: {error}")
            return
        except Exception as error:  # the model's: whoever explores the scenario is told where
            said = " ".join(f"{type(error).__name__}: {error}".split())
            self.faults.append(
                f"{place}.faults: {scenario.name} raises {said}, when it is run to see what its "
                f"faults can be; `lockwright check {scenario.name} --param failures=1` shows "
                "how it comes to that"
            )
            return
        exhaustive = [each for each in entry.strategies if each.name in EXHAUSTIVE]
        drawn = [each for each in entry.strategies if each.name not in EXHAUSTIVE]
        seen: set[tuple[tuple[str, str], ...]] = set()
        for each in those:
            if each.given not in seen:  # an exhaustive strategy tries every delay, slow or not
                seen.add(each.given)
                for steering in exhaustive:
                    self._append(place, each, self._exhaustive(entry, steering))
            if drawn:
                arms = self._arms(entry, drawn)
                self._append(place, each, self._random(entry, drawn, arms, each.slow), arms)

    def _append(
        self, place: str, each: Combination, options: Options, arms: tuple[Arm, ...] = ()
    ) -> None:
        scenario = each.scenario
        given = tuple(sorted((name, value_text(v)) for name, v in scenario.given.items()))
        self.items.append(Item(len(self.items), scenario.name, given, options, arms))
        self.places.append(place)
        self.scenarios.append(scenario)

    def _exhaustive(self, entry: Entry, steering: Steering) -> Options:
        return Options(
            steering.name,
            executions=entry.executions,
            seconds=entry.seconds,
            rules=entry.rules,
            version=self.project.version,
            granularity=entry.granularity,
            bound=steering.bound,
            attempts=self.plan.attempts,
            coverage=self._guided,
        )

    def _random(
        self, entry: Entry, drawn: Sequence[Steering], arms: Sequence[Arm], slow: tuple[str, ...]
    ) -> Options:
        names = tuple((name, 1) for name in dict.fromkeys(steering.name for steering in drawn))
        depths = [each.depth for each in drawn if each.depth is not None]
        return Options(
            names[0][0] if len(names) == 1 else "mix",
            seed=arms[0].seed,
            executions=sum(arm.executions for arm in arms),
            seconds=entry.seconds,
            rules=entry.rules,
            depth=depths[0] if depths else Options().depth,
            version=self.project.version,
            granularity=entry.granularity,
            mix=mix_text(names if len(names) > 1 else MIX),
            attempts=self.plan.attempts,
            coverage=self._guided,
            slow=slow,
        )

    @property
    def _guided(self) -> bool:
        return self.plan.guidance == COVERAGE

    def _arms(self, entry: Entry, drawn: Sequence[Steering]) -> tuple[Arm, ...]:
        """One for each strategy and seed; with guidance another that mutates what was good."""
        executions = entry.executions or EXECUTIONS
        arms = [
            Arm(each.name, seed, executions, each.depth or Options().depth)
            for each in drawn
            for seed in entry.seeds
        ]
        if self._guided:
            arms.append(Arm(CORPUS, entry.seeds[0], 0))
        return tuple(arms)

    def repeated(self) -> list[str]:
        """What is wrong with items that have one name: of each two places, one sentence."""
        first: dict[str, str] = {}
        twice: dict[tuple[str, str], list[str]] = {}
        for item, place in zip(self.items, self.places, strict=True):
            before = first.get(item.name)
            if before is not None:
                twice.setdefault((before, place), []).append(item.name)
            first.setdefault(item.name, place)
        return [
            f"{both[1]}: makes {_shortened(names)}, which {_maker(both)}"
            for both, names in twice.items()
        ]


def _maker(both: tuple[str, str]) -> str:
    one, other = both
    return "it has made already" if one == other else f"{one} makes, too"


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]!r}{more}"


def _errors(scenarios: Sequence[Scenario], name: str, value: str) -> Iterator[str]:
    for scenario in scenarios:
        try:
            scenario.with_parameters({name: value})
        except UsageError as error:
            yield str(error)
