"""The files of an event's directory: enable, filter, trigger, format, id, hist.

Source: kernel/trace/trace.c, trace_events.c, trace_events_trigger.c, trace_events_hist.c,
6.5 to 7.3.

| file | its inode's i_private | what open takes |
| --- | --- | --- |
| enable, filter | trace_event_file | references on trace_array and trace_event_file |
| hist | trace_event_file | the same, with `hist_refs` |
| trigger | trace_event_file | nothing |
| format | with `format_checks` trace_event_file, before that trace_event_call | nothing |
| id | the number | nothing |

What has no reference of its own is kept in memory by the directory, in releases where that holds
the trace_event_file; or by nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lockwright.core.location import Value
from lockwright.kernel.once import READ_ONCE
from model.tracefs.inode import security_locked_down
from model.tracing.core import (
    EVENT_FILE_FL_ENABLED,
    EVENT_FILE_FL_FREED,
    EVENT_FILE_FL_SOFT_DISABLED,
    EVENT_FILE_FL_SOFT_MODE,
    TraceArray,
    TraceEventCall,
    TraceEventFile,
    TracingCore,
)
from model.tracing.events import ftrace_event_enable_disable
from model.tracing.filters import apply_event_filter
from model.tracing.refs import (
    event_file_get,
    event_file_put,
    trace_array_put,
    tracing_check_open_get_tr,
)
from model.tracing.triggers import (
    clear_event_triggers,
    show_hists,
    show_triggers,
    trigger_process_regex,
)
from model.vfs.err import EINVAL, ENODEV, is_null
from model.vfs.namei import O_ACCMODE, O_TRUNC
from model.vfs.objects import File, FileOperations, Inode

Open = Callable[[Inode, File], Awaitable[int]]


class EventFiles:
    """The file operations of all events' files."""

    def __init__(self, core: TracingCore) -> None:
        self.core = core
        refs = core.release.open_holds_instance
        opening = self.tracing_open_file_tr if refs else self.tracing_open_generic
        closing = self.tracing_release_file_tr if refs else None
        hist_refs = refs and core.release.hist_refs
        self.enable = self.fops(opening, closing, self.event_enable_read, self.event_enable_write)
        self.filter = self.fops(opening, closing, self.event_filter_read, self.event_filter_write)
        self.trigger = self.fops(
            self.event_trigger_open, None, self.event_trigger_read, self.event_trigger_write
        )
        self.format = self.fops(self.trace_format_open, None, self.format_read)
        self.id = FileOperations(open=self.tracing_open_generic, read=self.event_id_read)
        self.hist = self.fops(
            opening if hist_refs else self.tracing_open_generic,
            closing if hist_refs else None,
            self.hist_show,
        )

    def fops(
        self,
        open: Open,
        release: Open | None,
        read: Callable[[File], Awaitable[int | str]],
        write: Callable[[File, str], Awaitable[int]] | None = None,
    ) -> FileOperations:
        """Where an open file makes an event busy, opens are counted; but for `id`, which leads to
        no event."""
        if not self.core.release.open_is_busy:
            return FileOperations(open=open, release=release, read=read, write=write)

        async def counted_open(inode: Inode, file: File) -> int:
            return await open(inode, file) or await self.count_open(inode, file, release)

        async def counted_release(inode: Inode, file: File) -> int:
            await self.count(file, -1)
            return await release(inode, file) if release is not None else 0

        return FileOperations(open=counted_open, release=counted_release, read=read, write=write)

    async def count_open(self, inode: Inode, file: File, release: Open | None) -> int:
        """With `open_is_busy`: note that a file is open; -ENODEV if its event has gone."""
        file.private_data = inode.i_private
        if await self.count(file, 1):
            return 0
        if release is not None:
            await release(inode, file)
        return -ENODEV

    async def count(self, file: File, by: int) -> bool:
        """One open file more or less; False if its event has gone, with its instance perhaps.

        The pointer is compared with the events there are, and not followed before that.
        """
        await self.core.event_mutex.lock()
        known = [
            event
            for tr in self.core.lists.ftrace_trace_arrays
            for event in tr.events
            if event is file.private_data
        ]
        for event in known:
            event.opens += by
        await self.core.event_mutex.unlock()
        return bool(known)

    async def tracing_open_generic(self, inode: Inode, file: File) -> int:
        """Take no reference on anything.

        Left out: private_data, which the operations of these files do not use.
        """
        return await tracing_check_open_get_tr(self.core, None)

    async def tracing_open_file_tr(self, inode: Inode, file: File) -> int:
        """Take references on the instance, and on the trace_event_file unless it is freed.

        The instance is read before anything is locked or held: what keeps the trace_event_file
        in memory until then must be the file's directory.
        """
        event: TraceEventFile = inode.i_private  # type: ignore[assignment]  # what it is
        tr: TraceArray = await READ_ONCE(event, "tr")
        ret = await tracing_check_open_get_tr(self.core, tr)
        if ret:
            return ret
        if self.core.release.file_refs:
            await self.core.event_mutex.lock()
            if event.flags & EVENT_FILE_FL_FREED:
                ret = -ENODEV
            else:
                await event_file_get(event)
            await self.core.event_mutex.unlock()
            if ret:
                await trace_array_put(self.core, tr)
                return ret
        file.private_data = event
        return 0

    async def tracing_release_file_tr(self, inode: Inode, file: File) -> int:
        """Drop them."""
        event: TraceEventFile = inode.i_private  # type: ignore[assignment]  # as opened
        await trace_array_put(self.core, event.tr)
        if self.core.release.file_refs:
            await event_file_put(event)
        return 0

    def event_file_data(self, file: File) -> Value:
        """What the file's inode leads to; NULL when removal has cleared that.

        The caller holds event_mutex.
        """
        return file.f_inode.i_private

    def event_file_file(self, file: File, *, checked: bool) -> TraceEventFile | None:
        """The trace_event_file, or None if its event has gone: where `checked`, that is marked.

        The caller holds event_mutex.
        """
        event: TraceEventFile = self.event_file_data(file)
        if is_null(event):
            return None
        if checked and event.flags & EVENT_FILE_FL_FREED:
            return None
        return event

    async def event_enable_read(self, file: File) -> int | str:
        """`0` or `1`, with a `*` if triggers have it enabled."""
        await self.core.event_mutex.lock()
        event = self.event_file_file(file, checked=self.core.release.file_refs)
        flags = 0 if event is None else event.flags
        await self.core.event_mutex.unlock()
        if event is None:
            return -ENODEV
        text = "0"
        if flags & EVENT_FILE_FL_ENABLED and not flags & EVENT_FILE_FL_SOFT_DISABLED:
            text = "1"
        if flags & (EVENT_FILE_FL_SOFT_DISABLED | EVENT_FILE_FL_SOFT_MODE):
            text += "*"
        return f"{text}\n"

    async def event_enable_write(self, file: File, text: str) -> int:
        """Left out: the ring buffer, which grows when the first event is enabled."""
        if text.strip() not in ("0", "1"):
            return -EINVAL
        ret = -ENODEV
        await self.core.event_mutex.lock()
        event = self.event_file_file(file, checked=self.core.release.file_refs)
        if event is not None:
            ftrace_event_enable_disable(event, enable=text.strip() == "1")
            ret = len(text)
        await self.core.event_mutex.unlock()
        return ret

    async def event_filter_read(self, file: File) -> int | str:
        """The filter, or `none`, from the beginning only."""
        if file.f_pos:
            return ""
        ret: int | str = -ENODEV
        await self.core.event_mutex.lock()
        event = self.event_file_file(file, checked=self.core.release.file_refs)
        if event is not None:
            ret = f"{event.filter or 'none'}\n"
        await self.core.event_mutex.unlock()
        return ret

    async def event_filter_write(self, file: File, text: str) -> int:
        """`FIELD OP VALUE`, or `0` for none."""
        ret = -ENODEV
        await self.core.event_mutex.lock()
        event = self.event_file_file(file, checked=self.core.release.file_refs)
        if event is not None:
            ret = apply_event_filter(event, text) or len(text)
        await self.core.event_mutex.unlock()
        return ret

    async def event_trigger_open(self, inode: Inode, file: File) -> int:
        """Opening for writing with O_TRUNC takes the plain triggers off.

        C: event_trigger_regex_open().
        """
        ret = await security_locked_down(self.core.sb)
        if ret:
            return ret
        await self.core.event_mutex.lock()
        event = self.event_file_file(file, checked=self.core.release.format_checks)
        if event is None:
            ret = -ENODEV
        elif file.f_flags & O_ACCMODE and file.f_flags & O_TRUNC:
            clear_event_triggers(event, keeps_hist=True)
        await self.core.event_mutex.unlock()
        return ret

    async def event_trigger_read(self, file: File) -> int | str:
        """The triggers, one a line, or a list of what there is.  C: trigger_start()."""
        ret: int | str = -ENODEV
        await self.core.event_mutex.lock()
        event = self.event_file_file(file, checked=self.core.release.format_checks)
        if event is not None:
            ret = show_triggers(event)
        await self.core.event_mutex.unlock()
        return ret

    async def event_trigger_write(self, file: File, text: str) -> int:
        """`COMMAND` adds a trigger, `!COMMAND` takes it off."""
        command = text.strip()
        await self.core.event_mutex.lock()
        event = self.event_file_file(file, checked=self.core.release.format_checks)
        ret = -ENODEV if event is None else trigger_process_regex(event, command)
        await self.core.event_mutex.unlock()
        return ret or len(text)

    async def trace_format_open(self, inode: Inode, file: File) -> int:
        """Nothing is looked at before the first read."""
        return await security_locked_down(self.core.sb)

    async def format_read(self, file: File) -> int | str:
        """Print the event's fields.  C: f_start(), f_next(), f_show(), f_stop()."""
        ret: int | str = -ENODEV
        await self.core.event_mutex.lock()
        release = self.core.release
        if release.format_checks or release.open_is_busy:
            event = self.event_file_file(file, checked=release.format_checks)
            call = None if event is None else event.event_call
        else:
            call = self.event_file_data(file)
        if call is not None:
            ret = format_of(call)
        await self.core.event_mutex.unlock()
        return ret

    async def event_id_read(self, file: File) -> int | str:
        """The event's number.  It is read without a lock, where removal clears it."""
        number: int | None = await READ_ONCE(file.f_inode, "i_private")
        return f"{number}\n" if number else -ENODEV

    async def hist_show(self, file: File) -> int | str:
        """The event's histograms."""
        ret: int | str = -ENODEV
        await self.core.event_mutex.lock()
        event = self.event_file_file(file, checked=self.core.release.format_checks)
        if event is not None:
            ret = show_hists(event)
        await self.core.event_mutex.unlock()
        return ret


def format_of(call: TraceEventCall) -> str:
    """Left out: offsets, sizes, and print fmt."""
    fields = "".join(f"\tfield:{field};\n" for field in call.fields)
    return f"name: {call.name}\nID: {call.type}\nformat:\n{fields}"
