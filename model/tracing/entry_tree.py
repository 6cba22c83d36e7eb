"""The tracing core on an eventfs that keeps static arrays of entries: 6.7 and later.

Source: kernel/trace/trace_events.c, 6.7 to 7.3: event_create_dir(), event_subsystem_dir(),
create_event_toplevel_files(), remove_event_file_dir(), remove_subsystem(),
event_trace_del_tracer().

A file system of this kind is told of directories only; what files a directory has stands in an
array that all directories of its kind share, and whether one of them is there, its callback says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from lockwright.kernel.slab import Slab
    from model.tracefs.entry import EventfsEntry
    from model.tracing.core import TraceArray, TraceEventFile, TraceSubsystemDir
    from model.vfs.objects import Dentry

Ei = TypeVar("Ei", bound="Slab")

Entries = tuple["EventfsEntry", ...]


class EntryFileSystem(Protocol[Ei]):
    """What a design gives: each creating call returns an ei, NULL or an error pointer."""

    async def eventfs_create_events_dir(
        self, name: str, parent: Dentry, entries: Entries, data: object
    ) -> Ei: ...

    async def eventfs_create_dir(
        self, name: str, parent: Ei, entries: Entries, data: object
    ) -> Ei: ...

    async def eventfs_remove_dir(self, ei: Ei) -> None: ...

    async def eventfs_remove_events_dir(self, ei: Ei) -> None: ...


class EventTree(Generic[Ei]):
    """`model.tracing.tree.EventTree` on such a file system; a handle is an ei.

    Without `own_events_removal` an instance's `events` goes as any other directory does, and
    keeps the reference that its creation took.
    """

    __slots__ = ("fs", "own_events_removal")

    def __init__(self, fs: EntryFileSystem[Ei], *, own_events_removal: bool = True) -> None:
        self.fs = fs
        self.own_events_removal = own_events_removal

    async def create_events_dir(self, tr: TraceArray, parent: Dentry) -> Ei:
        """The directory `events` of an instance."""
        return await self.fs.eventfs_create_events_dir("events", parent, tr.entries.events, tr)

    async def create_system_dir(self, tr: TraceArray, system: TraceSubsystemDir) -> Ei:
        """The directory of a system, in the instance's `events`."""
        return await self.fs.eventfs_create_dir(
            system.name, tr.event_dir, tr.entries.system, system
        )

    async def create_event_dir(self, file: TraceEventFile, system: TraceSubsystemDir) -> Ei:
        """The directory of an event, in that of its system."""
        return await self.fs.eventfs_create_dir(file.name, system.ei, file.tr.entries.event, file)

    async def remove_event_dir(self, file: TraceEventFile) -> None:
        """An event goes."""
        await self.fs.eventfs_remove_dir(file.ei)

    async def remove_system_dir(self, system: TraceSubsystemDir) -> None:
        """The last event of a system has gone, and so does the system."""
        await self.fs.eventfs_remove_dir(system.ei)

    async def remove_events_dir(self, tr: TraceArray) -> None:
        """An instance goes."""
        if self.own_events_removal:
            await self.fs.eventfs_remove_events_dir(tr.event_dir)
        else:
            await self.fs.eventfs_remove_dir(tr.event_dir)
