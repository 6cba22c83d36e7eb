"""Removal of an event: done, or refused as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.world import World
from model.tracing.setup import Tracing
from model.vfs.err import EBUSY


def busy_changes_nothing(world: World) -> Iterator[str]:
    """I15: a removal that says EBUSY leaves the event's files as they were.

    Source: facts 0.4, the rules of unregister_trace_kprobe().
    """
    at: Tracing = world.state
    removals = [done for done in at.outcomes if done.call == "remove"]
    for outcome in removals:
        if outcome.result != -EBUSY or any(
            other.path == outcome.path and other.result == 0 for other in removals
        ):
            continue
        ef = at.efs.get(outcome.path)
        if ef is not None and not ef.alive:
            yield f"the removal of {outcome.path} says EBUSY, and has freed its directory"


def open_event_is_busy(world: World) -> Iterator[str]:
    """An event is not removed while one of its files is open.

    Source: seed 003; the intent, which only `open_is_busy` implements.
    """
    at: Tracing = world.state
    for file in at.sb.files:
        data = file.peek("private_data")
        if data is not None and not getattr(data, "alive", True):
            yield f"{file.peek('f_dentry').path} is open, and its event has been removed"
