"""A plan's file: TOML text, read and checked, and all that is wrong in it told at once.

`planfile_tables.py` has what each table may hold, `planfile_words.py` how a fault is said.  What
only the project knows, as whether there is such a scenario, is for `expand.py` to say.
"""

from __future__ import annotations

import tomllib

from pydantic import ValidationError

from lockwright.campaign.plan import (
    ANY,
    Dimensions,
    Entry,
    Expectation,
    Limits,
    Plan,
    Steering,
    Stop,
)
from lockwright.campaign.planfile_tables import ExpectTable, ExploreTable, FaultsTable, PlanTable
from lockwright.campaign.planfile_words import faults_in, report
from lockwright.core.errors import UsageError


def read_plan(text: str, name: str) -> Plan:
    """The plan that a file has; `name` is the file's, for messages.

    Raises UsageError that tells of every fault, each with its place in the file.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        said = "too deep" if isinstance(error, RecursionError) else str(error)
        raise UsageError(f"{name}: not TOML: {said}") from None
    try:
        table = PlanTable.model_validate(data)
    except ValidationError as error:
        raise report(name, faults_in(error, data, PlanTable)) from None
    stop = table.stop
    return Plan(
        table.campaign.name,
        tuple(_entry(each) for each in table.explore),
        tuple(_expectation(each) for each in table.expect),
        table.campaign.guidance,
        table.campaign.attempts,
        Stop() if stop is None else Stop(stop.executions, stop.seconds, stop.findings),
        Limits(table.limits.seconds, table.limits.memory_mb),
        text,
    )


def _entry(table: ExploreTable) -> Entry:
    return Entry(
        tuple(table.scenarios),
        tuple(Steering(each.name, each.depth, each.bound) for each in table.strategies),
        tuple(table.seeds),
        {name: tuple(values) for name, values in table.parameters.items()},
        table.executions,
        table.seconds,
        tuple(table.rules),
        table.granularity,
        Dimensions() if table.faults is None else _dimensions(table.faults),
    )


def _dimensions(table: FaultsTable) -> Dimensions:
    return Dimensions(
        tuple(table.allocations),
        tuple(table.allocation_sites),
        tuple(table.signals),
        tuple(table.reclaim),
        tuple(table.shrinkers),
        tuple(table.grace_periods) or (ANY,),
        tuple(table.work_queues) or (ANY,),
        tuple(table.interrupts),
        tuple(table.memory),
    )


def _expectation(table: ExpectTable) -> Expectation:
    return Expectation(
        table.scenario,
        dict(table.parameters),
        table.strategy,
        table.verdict,
        table.executions,
        table.complete,
        None if table.findings is None else tuple(table.findings),
        None if table.outcomes is None else tuple(table.outcomes),
    )
