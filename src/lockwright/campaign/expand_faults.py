"""Faults of the world under test, as a plan's dimensions: which combinations there are.

The order, what varies slowest first: memory, interrupts, reclaim, shrinkers, allocations, signals,
allocation_sites, grace_periods, work_queues.  "each" is looked up in the scenario with the faults
that come before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from lockwright import fault_sites
from lockwright.campaign.plan import EACH, SLOW, Dimensions
from lockwright.core.event import value_text
from lockwright.core.world import World
from lockwright.kernel.faults import FAILS, FAILURES
from lockwright.scenario import INTERRUPTS, MEMORY, RECLAIM, SHRINKERS, SIGNALS, Scenario

SLOW_GRACE_PERIODS, SLOW_WORK = "grace periods", "work"
"""As `Options.slow` names them."""


@dataclass(frozen=True, slots=True)
class Combination:
    """A scenario with parameters and faults, and what is slow in it."""

    scenario: Scenario
    slow: tuple[str, ...] = ()

    @property
    def given(self) -> tuple[tuple[str, str], ...]:
        """The parameters, as text."""
        return tuple((name, value_text(value)) for name, value in self.scenario.given.items())


def combinations(scenario: Scenario, faults: Dimensions) -> list[Combination]:
    """Every combination of the faults, of a scenario that has its parameters.

    Those of "each" task, or site, of which the scenario has none, are none.  Raises UsageError for
    a value that cannot be, and what the scenario's functions raise.
    """
    paces = product(
        [(SLOW_GRACE_PERIODS,) if pace == SLOW else () for pace in faults.grace_periods],
        [(SLOW_WORK,) if pace == SLOW else () for pace in faults.work_queues],
    )
    slow = [grace_periods + work for grace_periods, work in paces]
    return [Combination(faulty, each) for faulty in _faulty(scenario, faults) for each in slow]


def _faulty(scenario: Scenario, faults: Dimensions) -> Iterator[Scenario]:
    given = {
        MEMORY: faults.memory,
        INTERRUPTS: faults.interrupts,
        RECLAIM: tuple(map(str, faults.reclaim)),
        SHRINKERS: tuple(map(str, faults.shrinkers)),
        FAILURES: tuple(map(str, faults.allocations)),
    }
    those = {name: values for name, values in given.items() if values}
    for values in product(*those.values()):
        one = scenario.with_parameters(dict(zip(those, values, strict=True)))
        for signalled in _each(one, SIGNALS, faults.signals, fault_sites.signal_targets):
            _check_tasks(signalled)
            for faulty in _each(signalled, FAILS, faults.allocation_sites, fault_sites.sites_of):
                if EACH not in faults.allocation_sites:
                    fault_sites.check_fails(faulty)
                yield faulty


def _each(
    scenario: Scenario,
    name: str,
    values: Sequence[str],
    look_up: Callable[[Scenario], list[str]],
) -> Iterator[Scenario]:
    """The scenario with each of the values, of which one may stand for all that there are."""
    if not values:
        yield scenario
    for value in values:
        for one in look_up(scenario) if value == EACH else [value]:
            yield scenario.with_parameters({name: one})


def _check_tasks(scenario: Scenario) -> None:
    """Raise UsageError if there is no such task to signal, or nothing to reclaim from."""
    if SIGNALS in scenario.parameters or SHRINKERS in scenario.parameters:
        world = World()
        scenario.set_up(world)
        world.close()
