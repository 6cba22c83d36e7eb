"""The three static arrays: what files there are in `events`, in a system, in an event.

Source: kernel/trace/trace_events.c, events_callback(), system_callback(), event_callback(),
event_release(), 6.7 to 7.3; event_create_dir() and its like before that.
"""

from __future__ import annotations

from lockwright.core.location import Value
from model.tracefs.entry import EntryFile, EventfsEntry
from model.tracing.core import (
    TRACE_EVENT_FL_IGNORE_ENABLE,
    TRACE_EVENT_FL_TRACEPOINT,
    Entries,
    TraceArray,
    TraceEventFile,
    TraceSubsystemDir,
    TracingCore,
)
from model.tracing.event_files import EventFiles
from model.tracing.refs import event_file_put
from model.tracing.system_files import SystemFiles
from model.vfs.objects import FileOperations

TRACE_MODE_WRITE = 0o640
TRACE_MODE_READ = 0o440

EVENTS = ("enable", "header_page", "header_event")
EVENTS_READ_ONLY_FIRST = ("header_page", "header_event", "enable")
SYSTEM = ("filter", "enable")
EVENT = ("enable", "filter", "trigger", "format", "id", "hist")
EVENT_READ_ONLY_FIRST = ("format", "id", "btf_ids", "enable", "filter", "trigger", "hist")

FTRACE_SYSTEM = "ftrace"
"""Its events cannot be enabled, and it has no files of its own."""


class Callbacks:
    """The callbacks, with the file operations that they hand out."""

    def __init__(self, core: TracingCore) -> None:
        self.core = core
        self.event_files = EventFiles(core)
        self.system_files = SystemFiles(core, self.event_files)

    async def events_callback(self, name: str, data: TraceArray) -> EntryFile | None:
        """A file of `events`."""
        files = self.system_files
        if name == "enable":
            return EntryFile(TRACE_MODE_WRITE, data, files.tr_enable)
        if name == "header_page":
            return EntryFile(TRACE_MODE_READ, data, files.header_page)
        if name == "header_event":
            return EntryFile(TRACE_MODE_READ, data, files.header_event)
        return None

    async def system_callback(self, name: str, data: TraceSubsystemDir) -> EntryFile | None:
        """A file of a system.  C: event_subsystem_dir() gives `ftrace` no entries at all."""
        if data.name == FTRACE_SYSTEM:
            return None
        if name == "filter":
            return EntryFile(TRACE_MODE_WRITE, data, self.system_files.filter)
        if name == "enable":
            return EntryFile(TRACE_MODE_WRITE, data, self.system_files.enable)
        return None

    async def event_callback(self, name: str, data: TraceEventFile) -> EntryFile | None:
        """A file of an event."""
        files, release = self.event_files, self.core.release
        call = data.event_call
        if name == "format":
            shown: Value = data if release.format_checks or release.open_is_busy else call
            return EntryFile(TRACE_MODE_READ, shown, files.format)
        if name == "id":
            return EntryFile(TRACE_MODE_READ, call.type, files.id)
        if name == "hist":
            return EntryFile(TRACE_MODE_READ, data, files.hist)
        if name == "btf_ids":
            known = call.flags & TRACE_EVENT_FL_TRACEPOINT
            return EntryFile(TRACE_MODE_READ, call.type, files.id) if known else None
        if call.flags & TRACE_EVENT_FL_IGNORE_ENABLE:
            return None
        writable: dict[str, FileOperations] = {
            "enable": files.enable,
            "filter": files.filter,
            "trigger": files.trigger,
        }
        return EntryFile(TRACE_MODE_WRITE, data, writable[name]) if name in writable else None

    async def event_release(self, name: str, data: TraceEventFile) -> None:
        """The directory of an event is freed: it lets go of the trace_event_file."""
        await event_file_put(data)


def static_entries(
    calls: Callbacks,
    *,
    files: tuple[str, ...],
    system_files: tuple[str, ...] = (),
    top_files: tuple[str, ...] = (),
) -> Entries:
    """The arrays of a release, with the files that a scenario wants, in the release's order.

    The release callback belongs to `enable`; where that is not wanted, to the first file.
    """
    core = calls.core
    first = core.release.read_only_first
    events = EVENTS_READ_ONLY_FIRST if first else EVENTS
    order = EVENT_READ_ONLY_FIRST if first else EVENT
    names = [name for name in order if name in files]
    last = "enable" if "enable" in names else names[0] if names else ""
    return Entries(
        tuple(EventfsEntry(name, calls.events_callback) for name in events if name in top_files),
        tuple(EventfsEntry(name, calls.system_callback) for name in SYSTEM if name in system_files),
        tuple(
            EventfsEntry(
                name,
                calls.event_callback,
                calls.event_release if core.release.dir_holds_file and name == last else None,
            )
            for name in names
        ),
    )
