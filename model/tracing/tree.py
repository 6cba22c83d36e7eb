"""What the tracing core asks of a file system: directories of events.

An adaptor turns this into the calls of one generation: `ef_tree.py`, `entry_tree.py` and others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lockwright.core.location import Value

if TYPE_CHECKING:
    from model.tracing.core import TraceArray, TraceEventFile, TraceSubsystemDir
    from model.vfs.objects import Dentry


class EventTree(Protocol):
    """A handle is the file system's own: a pointer, NULL or an error pointer.

    The core keeps handles in `tr.event_dir`, `system.ei` and `file.ei`; the files that belong into
    a directory, with their callbacks, are `tr.entries.events`, `.system` and `.event`.  The
    callers hold event_mutex and, for what removes, trace_event_sem for writing.
    """

    async def create_events_dir(self, tr: TraceArray, parent: Dentry) -> Value:
        """The directory `events` of an instance; the data of its files is `tr`."""
        ...

    async def create_system_dir(self, tr: TraceArray, system: TraceSubsystemDir) -> Value:
        """`system.name` below `tr.event_dir`; the data of its files is `system`."""
        ...

    async def create_event_dir(self, file: TraceEventFile, system: TraceSubsystemDir) -> Value:
        """`file.name` below `system.ei`; the data of its files is `file`."""
        ...

    async def remove_event_dir(self, file: TraceEventFile) -> None:
        """Remove `file.ei`, which may be NULL: then there is nothing to do."""
        ...

    async def remove_system_dir(self, system: TraceSubsystemDir) -> None:
        """Remove `system.ei`, with whatever is left below."""
        ...

    async def remove_events_dir(self, tr: TraceArray) -> None:
        """Remove `tr.event_dir`, with whatever is left below."""
        ...
