"""The tracing core on a tracefs without eventfs: each directory and file is made at once.

Source: kernel/trace/trace_events.c, 6.5: create_event_toplevel_files(), event_subsystem_dir(),
event_create_dir(), remove_event_file_dir(), remove_subsystem(); kernel/trace/trace.c,
trace_create_file().
Left out: warnings in the log where a file cannot be made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lockwright.core.location import Value
from model.tracefs.inode import tracefs_create_dir, tracefs_create_file, tracefs_remove
from model.vfs.err import ENOMEM, ERR_PTR, is_null
from model.vfs.objects import Dentry

if TYPE_CHECKING:
    from model.tracefs.entry import EventfsEntry
    from model.tracing.core import TraceArray, TraceEventFile, TraceSubsystemDir


class PinnedTree:
    """`model.tracing.tree.EventTree`; a handle is a pinned dentry.

    Which files a directory has, the entries of the later designs say, whose callbacks ask what
    the C asks before each call.
    """

    __slots__ = ()

    async def create_events_dir(self, tr: TraceArray, parent: Dentry) -> Value:
        """The directory `events` of an instance; without its first file it is an error."""
        d_events = await tracefs_create_dir("events", parent)
        if is_null(d_events):
            return ERR_PTR(Dentry, -ENOMEM)
        if not await self._create_files(d_events, tr.entries.events, tr):
            return ERR_PTR(Dentry, -ENOMEM)
        return d_events

    async def create_system_dir(self, tr: TraceArray, system: TraceSubsystemDir) -> Value:
        """The directory of a system, in the instance's `events`."""
        dir = await tracefs_create_dir(system.name, cast("Dentry", tr.event_dir))
        if is_null(dir):
            return ERR_PTR(Dentry, -ENOMEM)
        await self._create_files(dir, tr.entries.system, system)
        return dir

    async def create_event_dir(self, file: TraceEventFile, system: TraceSubsystemDir) -> Value:
        """The directory of an event, in that of its system."""
        dir = await tracefs_create_dir(file.name, cast("Dentry", system.ei))
        if is_null(dir):
            return ERR_PTR(Dentry, -ENOMEM)
        await self._create_files(dir, file.tr.entries.event, file)
        return dir

    async def _create_files(
        self, dir: Dentry, entries: tuple[EventfsEntry, ...], data: Value
    ) -> bool:
        """Could the first one be made?  Of the others nobody asks.  C: trace_create_file()."""
        first = True
        for nth, entry in enumerate(entries):
            file = await entry.callback(entry.name, data)
            if file is None:
                continue
            made = await tracefs_create_file(entry.name, file.mode, dir, file.data, file.fops)
            if nth == 0:
                first = not is_null(made)
        return first

    async def remove_event_dir(self, file: TraceEventFile) -> None:
        """An event goes.  The tracing core has cleared the i_private of its files."""
        await tracefs_remove(cast("Dentry", file.ei))

    async def remove_system_dir(self, system: TraceSubsystemDir) -> None:
        """The last event of a system has gone, and so does the system."""
        await tracefs_remove(cast("Dentry", system.ei))

    async def remove_events_dir(self, tr: TraceArray) -> None:
        """An instance goes, with what is left in its `events`."""
        await tracefs_remove(cast("Dentry", tr.event_dir))
