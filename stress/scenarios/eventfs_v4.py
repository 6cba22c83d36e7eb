"""eventfs v4 under each case.

In `_rcu_late` dead dentries stay in memory, as in the mail with the page fault.  In `_iput_locks`
d_iput() takes the mutex (and the work item leaves the dentries alone, which would hide it).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lockwright.core.world import World
from lockwright.scenario import Scenario, scenario
from model.eventfs.v4 import Eventfs4
from model.tracing.setup import tracing
from stress.scenarios.cases import CASES, Case
from stress.scenarios.promises import AT_END, RELEASE


def _build(
    world: World,
    *,
    case: Case,
    iput_locks: bool,
    worker_puts: bool,
    open_is_busy: bool,
    rcu_late: bool,
) -> None:
    at = tracing(
        world,
        Eventfs4(world, iput_locks=iput_locks, worker_puts=worker_puts),
        events=case.events,
        files=case.files,
        open_is_busy=open_is_busy,
        rcu_late=rcu_late,
    )
    case.spawn(at)


def _make(case: Case) -> Scenario:
    build: Callable[..., None] = partial(_build, case=case)
    made = scenario(
        f"eventfs/v4:{case.name}",
        release=RELEASE,
        at_end=AT_END,
        iput_locks=False,
        worker_puts=True,
        open_is_busy=case.name == "read_vs_remove_busy",
        rcu_late=False,
    )(build)
    return made.variant(case.name, title=case.title)


_posted = {name: _make(case) for name, case in CASES.items()}

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
