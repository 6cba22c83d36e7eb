"""What a campaign is to do: the plan, as its TOML file says it (`planfile.py` reads one)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockwright.options import RULES, SECTION

COVERAGE, NO_GUIDANCE = GUIDANCES = ("coverage", "none")
"""Seeds and strategies get their time by what they add in coverage; or all the same."""
ANY, SLOW = PACES = ("any", "slow")
"""Grace periods and work end at any time; or as late as they can."""
EACH = "each"
"""Each allocation site, or each task, in turn."""


@dataclass(frozen=True, slots=True)
class Stop:
    """When a campaign ends before all is explored: None for never.

    So many executions, seconds of work (of all its sessions together) or different findings.
    """

    executions: int | None = None
    seconds: float | None = None
    findings: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one piece may take: seconds, and megabytes (2**20 bytes) of address space, 0 for any
    number.

    One that takes more is tried again in another process, and given up after the third time.
    """

    seconds: float = 300.0
    memory_mb: int = 4096


@dataclass(frozen=True, slots=True)
class Steering:
    """One strategy of an entry: its name, and what it takes; None for what is not said."""

    name: str
    depth: int | None = None
    bound: int | None = None


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Faults of the world under test: every combination of these is a campaign's item.

    `allocations`: how many allocations of an execution may fail, whichever; `allocation_sites`:
    "each", or sites as `lockwright.fault_sites` names them, of which one fails in its turn;
    `signals`: "each" task in turn, or comms joined by +, "" for none; `reclaim`: how many
    allocations find memory short; `shrinkers`: how often reclaim runs beside the tasks, at any
    moment; `grace_periods` and `work_queues`: "any" or "slow"; `interrupts`: "own" or "anywhere";
    `memory`: "sc", "tso" or "pso".
    """

    allocations: tuple[int, ...] = ()
    allocation_sites: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    reclaim: tuple[int, ...] = ()
    shrinkers: tuple[int, ...] = ()
    grace_periods: tuple[str, ...] = (ANY,)
    work_queues: tuple[str, ...] = (ANY,)
    interrupts: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One `[[explore]]` table: some scenarios, each with every combination of the parameters and
    the faults, under each strategy.

    `parameters` has for each name the values, as text.  `executions` is for each exhaustive
    strategy, and for each random strategy and seed; `seconds` for each item.
    """

    scenarios: tuple[str, ...]
    strategies: tuple[Steering, ...] = (Steering("dpor"),)
    seeds: tuple[int, ...] = (0,)
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    executions: int | None = None
    seconds: float | None = None
    rules: tuple[str, ...] = RULES
    granularity: str = SECTION
    faults: Dimensions = Dimensions()


@dataclass(frozen=True, slots=True)
class Expectation:
    """One `[[expect]]` table: what an item ends with; None and () for what is not said.

    It is of the items whose scenario, parameters and strategy it names; of all strategies and
    parameters, if it names none.  `findings` are kinds, the exact set of them if not None;
    `outcomes` the exact set of final states.
    """

    scenario: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    strategy: str | None = None
    verdict: str | None = None
    executions: int | None = None
    complete: bool | None = None
    findings: tuple[str, ...] | None = None
    outcomes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan.  `attempts` is spent on each finding's schedule (`Options.attempts`); `text` is
    the file's own."""

    name: str
    entries: tuple[Entry, ...]
    expectations: tuple[Expectation, ...] = ()
    guidance: str = COVERAGE
    attempts: int = 200
    stop: Stop = Stop()
    limits: Limits = Limits()
    text: str = ""
