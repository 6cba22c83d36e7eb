"""eventfs of Linux 6.12 under each case."""

from __future__ import annotations

from lockwright.scenario import Scenario
from stress.scenarios.designs import scenarios_of

SCENARIOS: tuple[Scenario, ...] = scenarios_of("eventfs/linux_6_12")
