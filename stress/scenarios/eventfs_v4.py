"""eventfs v4 under each case.

In `_rcu_late` dead dentries stay in memory, as in the mail with the page fault.  In `_iput_locks`
d_iput() takes the mutex (and the work item leaves the dentries alone, which would hide it).
"""

from __future__ import annotations

from lockwright.scenario import Scenario
from stress.scenarios.designs import scenarios_of

_posted = {made.case: made for made in scenarios_of("eventfs/v4")}

SCENARIOS: tuple[Scenario, ...] = (
    *_posted.values(),
    _posted["list_vs_remove"].variant(
        "list_vs_remove_rcu_late",
        title="A directory is listed while its event is removed, and no RCU grace period ends: "
        "the page fault of the mail thread.",
        rcu_late=True,
    ),
    _posted["stat_then_remove"].variant(
        "stat_then_remove_iput_locks",
        title="A file is looked up and its event removed, and d_iput() takes the mutex.",
        iput_locks=True,
        worker_puts=False,
    ),
)
