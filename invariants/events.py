"""Removal of an event: done, or refused as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from invariants.objects import mounted, value
from lockwright.core.world import World
from lockwright.kernel.slab import Slab
from model.vfs.err import EBUSY


def busy_changes_nothing(world: World) -> Iterator[str]:
    """I15: a removal that says EBUSY leaves the event and its directory as they were.

    Source: facts 0.4, the rules of unregister_trace_kprobe().
    """
    at = mounted(world)
    removals = [done for done in at.outcomes if done.call == "remove"]
    gone = [done.path for done in removals if done.result == 0]
    for outcome in removals:
        if outcome.result != -EBUSY or outcome.path in gone:
            continue
        name = outcome.path.rpartition("/")[2]
        event = at.events.get(name)
        handle = value(event, "ei")
        freed = isinstance(handle, Slab) and (not handle.alive or value(handle, "is_freed", False))
        if event is None or freed:
            yield f"the removal of {outcome.path} says EBUSY, and has freed its directory"


def open_event_is_busy(world: World) -> Iterator[str]:
    """An event is not removed while one of its files is open.

    Source: seed 003; the intent, which only `open_is_busy` implements.
    """
    for file in mounted(world).sb.files:
        data = file.peek("private_data")
        if data is not None and not getattr(data, "alive", True):
            yield f"{file.peek('f_dentry').path} is open, and its event has been removed"
