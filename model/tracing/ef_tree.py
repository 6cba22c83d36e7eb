"""The tracing core on an eventfs that is told of each file: v3, v4 and 6.6.

Source: kernel/trace/trace_events.c, 6.5 with the eventfs series, and 6.6:
create_event_toplevel_files(), event_subsystem_dir(), event_create_dir(), event_remove(),
remove_subsystem(), event_trace_del_tracer().

Which files a directory has, the entries of the later designs say, whose callbacks ask what the C
of these releases asks before each call.
Left out: warnings in the log where a file cannot be made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, cast

from lockwright.core.location import Value
from model.vfs.err import ENOMEM, ERR_PTR, IS_ERR, IS_ERR_OR_NULL, is_null
from model.vfs.objects import Dentry, FileOperations

if TYPE_CHECKING:
    from lockwright.kernel.slab import Slab
    from model.tracefs.entry import EventfsEntry
    from model.tracing.core import TraceArray, TraceEventFile, TraceSubsystemDir

Ef = TypeVar("Ef", bound="Slab")


class EfFileSystem(Protocol[Ef]):
    """What a design gives.  Directories are NULL under lockdown, or error pointers."""

    async def eventfs_create_events_dir(self, name: str, parent: Dentry) -> Dentry: ...

    async def eventfs_add_subsystem_dir(self, name: str, parent: Dentry) -> Ef: ...

    async def eventfs_add_dir(self, name: str, ef_parent: Ef) -> Ef: ...

    async def eventfs_add_events_file(
        self, name: str, parent: Dentry, data: object, fop: FileOperations, *, mode: int
    ) -> int: ...

    async def eventfs_add_file(
        self, name: str, ef_parent: Ef, data: object, fop: FileOperations, *, mode: int
    ) -> int: ...

    async def eventfs_remove(self, ef: Ef) -> None: ...

    async def eventfs_remove_events_dir(self, dentry: Dentry) -> None: ...


class EfTree(Generic[Ef]):
    """`model.tracing.tree.EventTree` on such a file system.

    The handle of an events directory is its dentry, those of the others are eventfs_files.
    """

    __slots__ = ("fs",)

    def __init__(self, fs: EfFileSystem[Ef]) -> None:
        self.fs = fs

    async def create_events_dir(self, tr: TraceArray, parent: Dentry) -> Value:
        """The directory `events` of an instance; without its first file it is an error."""
        d_events = await self.fs.eventfs_create_events_dir("events", parent)
        if IS_ERR_OR_NULL(d_events):
            return d_events
        for nth, entry in enumerate(tr.entries.events):
            file = await entry.callback(entry.name, tr)
            if file is None:
                continue
            error = await self.fs.eventfs_add_events_file(
                entry.name, d_events, file.data, file.fops, mode=file.mode
            )
            if error and nth == 0:
                return ERR_PTR(Dentry, -ENOMEM)
        return d_events

    async def create_system_dir(self, tr: TraceArray, system: TraceSubsystemDir) -> Value:
        """The directory of a system, in the instance's `events`."""
        ef = await self.fs.eventfs_add_subsystem_dir(system.name, cast("Dentry", tr.event_dir))
        if not IS_ERR(ef):
            await self._add_files(ef, tr.entries.system, system)
        return ef

    async def create_event_dir(self, file: TraceEventFile, system: TraceSubsystemDir) -> Value:
        """The directory of an event, in that of its system."""
        ef = await self.fs.eventfs_add_dir(file.name, cast("Ef", system.ei))
        if not IS_ERR(ef):
            await self._add_files(ef, file.tr.entries.event, file)
        return ef

    async def _add_files(self, ef: Ef, entries: tuple[EventfsEntry, ...], data: Value) -> None:
        """Nobody looks whether they could be made."""
        for entry in entries:
            made = await entry.callback(entry.name, data)
            if made is not None:
                await self.fs.eventfs_add_file(entry.name, ef, made.data, made.fops, mode=made.mode)

    async def remove_event_dir(self, file: TraceEventFile) -> None:
        """An event goes."""
        await self.fs.eventfs_remove(cast("Ef", file.ei))

    async def remove_system_dir(self, system: TraceSubsystemDir) -> None:
        """The last event of a system has gone, and so does the system."""
        await self.fs.eventfs_remove(cast("Ef", system.ei))

    async def remove_events_dir(self, tr: TraceArray) -> None:
        """An instance goes.  What is still in its `events` is the file system's to know."""
        if not is_null(tr.event_dir):
            await self.fs.eventfs_remove_events_dir(cast("Dentry", tr.event_dir))
