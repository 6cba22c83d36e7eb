"""eventfs v4 under each case; in `_rcu_late` dead dentries stay in memory, as after the mail's oops."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from invariants.dentries import (
    dentry_counts,
    no_lookup_left,
    nothing_at_the_root,
    one_hashed_dentry_a_name,
)
from invariants.events import busy_changes_nothing
from invariants.names import existing_is_found, listing_is_complete, removed_is_gone
from lockwright.core.world import World
from lockwright.scenario import Check, Scenario, scenario
from model.eventfs.v4 import Eventfs4
from model.tracing.setup import tracing
from stress.scenarios.cases import CASES, Case

RELEASE = "6.5.0-rc1-test+"

AT_END: tuple[Check, ...] = (
    removed_is_gone,
    existing_is_found,
    listing_is_complete,
    dentry_counts,
    one_hashed_dentry_a_name,
    no_lookup_left,
    busy_changes_nothing,
    nothing_at_the_root,
)

BUSY = ("read_vs_remove_busy",)
LATE = ("list_vs_remove",)


def _build(world: World, *, case: Case, rcu_late: bool, open_is_busy: bool) -> None:
    eventfs = Eventfs4(world)
    case.spawn(
        tracing(world, eventfs, files=case.files, open_is_busy=open_is_busy, rcu_late=rcu_late)
    )


def _make(case: Case) -> tuple[Scenario, ...]:
    build: Callable[..., None] = partial(_build, case=case)
    made = scenario(
        f"eventfs/v4:{case.name}",
        release=RELEASE,
        at_end=AT_END,
        rcu_late=False,
        open_is_busy=case.name in BUSY,
    )(build)
    posted = made.variant(case.name, title=case.title)
    if case.name not in LATE:
        return (posted,)
    title = f"{case.title.rstrip('.')}; no RCU grace period ends meanwhile."
    return posted, posted.variant(f"{case.name}_rcu_late", title=title, rcu_late=True)


SCENARIOS: tuple[Scenario, ...] = tuple(made for case in CASES.values() for made in _make(case))
