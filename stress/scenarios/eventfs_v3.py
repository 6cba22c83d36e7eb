"""eventfs v3 under each case; as posted the writer polls, `_queued` has one that queues."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from invariants.fairness import writer_is_not_overtaken
from lockwright.core.world import World
from lockwright.scenario import Scenario, scenario
from model.eventfs.v3 import Eventfs3
from model.tracing.setup import tracing
from stress.scenarios.cases import CASES, Case
from stress.scenarios.promises import AT_END, RELEASE

QUEUED = ("open_lookup_remove", "lookup_vs_create", "list_vs_create", "writer_starves")
FAIR = ("writer_starves",)
BUSY = ("read_vs_remove_busy",)


def _build(world: World, *, case: Case, writer_queues: bool, open_is_busy: bool) -> None:
    eventfs = Eventfs3(world, writer_queues=writer_queues)
    case.spawn(
        tracing(world, eventfs, events=case.events, files=case.files, open_is_busy=open_is_busy)
    )


def _make(case: Case) -> tuple[Scenario, ...]:
    at_end = (*AT_END, writer_is_not_overtaken) if case.name in FAIR else AT_END
    build: Callable[..., None] = partial(_build, case=case)
    made = scenario(
        f"eventfs/v3:{case.name}",
        release=RELEASE,
        at_end=at_end,
        writer_queues=False,
        open_is_busy=case.name in BUSY,
    )(build)
    posted = made.variant(case.name, title=case.title)
    if case.name not in QUEUED:
        return (posted,)
    title = f"{case.title.rstrip('.')}; the writer queues."
    return posted, posted.variant(f"{case.name}_queued", title=title, writer_queues=True)


SCENARIOS: tuple[Scenario, ...] = tuple(made for case in CASES.values() for made in _make(case))
