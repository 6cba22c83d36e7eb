"""Who gets a lock in turn."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.world import World
from model.eventfs.v3 import Eventfs3
from model.tracing.setup import Tracing


def writer_is_not_overtaken(world: World) -> Iterator[str]:
    """Once a writer has asked for eventfs_rwsem, no reader that asks later gets it first.

    Source: rw_semaphore's first-come queue, which the polling writer of v3 stays out of: a stream
    of readers keeps it away for ever.
    """
    at: Tracing = world.state
    assert isinstance(at.fs, Eventfs3), "only v3 has this semaphore"
    if at.fs.rwsem.overtakes:
        yield "a reader that asked after a writer got eventfs_rwsem before it"
