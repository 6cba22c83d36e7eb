"""eventfs v3 under each case; as posted the writer polls, `_queued` has one that queues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from invariants.fairness import writer_is_not_overtaken
from lockwright.scenario import Scenario
from stress.scenarios.designs import scenarios_of

QUEUED = ("open_lookup_remove", "lookup_vs_create", "list_vs_create", "writer_starves")
FAIR = ("writer_starves",)


def _make(posted: Scenario) -> Iterator[Scenario]:
    """As posted, and with a writer that queues."""
    if posted.case in FAIR:
        posted = replace(posted, at_end=(*posted.at_end, writer_is_not_overtaken))
    yield posted
    if posted.case in QUEUED:
        title = f"{posted.title.rstrip('.')}; the writer queues."
        yield posted.variant(f"{posted.case}_queued", title=title, writer_queues=True)


SCENARIOS: tuple[Scenario, ...] = tuple(
    made for posted in scenarios_of("eventfs/v3") for made in _make(posted)
)
