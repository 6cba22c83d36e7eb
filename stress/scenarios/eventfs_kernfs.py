"""The port of eventfs to kernfs under each case.

`removes_under_event_mutex` is how the tracing core removes: with that mutex held, which the file
operations take, too.
"""

from __future__ import annotations

from lockwright.scenario import Scenario
from stress.scenarios.designs import scenarios_of

SCENARIOS: tuple[Scenario, ...] = scenarios_of("eventfs/kernfs")
