"""The files of `events` and of a system's directory: enable, filter, header_page, header_event.

Source: kernel/trace/trace_events.c, trace.c, 6.5 to 7.3.

An open `<system>/enable` holds its trace_subsystem_dir and its instance.  It goes by the name of
the system: when that has been removed and made again, it rules the new one.
"""

from __future__ import annotations

from lockwright.kernel.once import READ_ONCE
from lockwright.kernel.slab import kfree, kmalloc
from model.tracing.core import (
    EVENT_FILE_FL_ENABLED,
    TRACE_EVENT_FL_IGNORE_ENABLE,
    TraceArray,
    TraceSubsystemDir,
    TracingCore,
)
from model.tracing.event_files import EventFiles
from model.tracing.events import ftrace_event_enable_disable
from model.tracing.filters import apply_event_filter, unknown_field
from model.tracing.refs import (
    get_system_dir,
    put_system,
    trace_array_get,
    trace_array_put,
    tracing_check_open_get_tr,
)
from model.vfs.err import EINVAL, ENODEV, ENOMEM, is_null
from model.vfs.objects import File, FileOperations, Inode

NO_FILTER = """\
### global filter ###
# Use this to set filters for multiple events.
# Only events with the given fields will be affected.
# If no events are modified, an error message will be displayed here"""

NOT_FIT = "\n^\nparse_error: Couldn't find or set field in one of a subsystem's events\n"

HEADER_EVENT = """\
# compressed entry header
\ttype_len    :    5 bits
\ttime_delta  :   27 bits
\tarray       :   32 bits
"""


def header_page(*, signed: bool) -> str:
    """C: ring_buffer_print_page_header().  A detail of the newest release is the type of a flag."""
    overwrite = "int" if signed else "char"
    fields = (
        ("u64 timestamp", 0, 8, 0),
        ("local_t commit", 8, 8, 1),
        (f"{overwrite} overwrite", 8, 1, int(signed)),
        ("char data", 16, 4080, 1),
    )
    return "".join(
        f"\tfield: {what};\toffset:{offset};\tsize:{size};\tsigned:{sign};\n"
        for what, offset, size, sign in fields
    )


class SystemFiles:
    """The file operations of directories of events, and of `events`."""

    def __init__(self, core: TracingCore, event_files: EventFiles) -> None:
        self.core = core
        self.event_files = event_files
        self.filter = FileOperations(
            open=self.subsystem_open,
            release=self.subsystem_release,
            read=self.subsystem_filter_read,
            write=self.subsystem_filter_write,
        )
        self.enable = FileOperations(
            open=self.subsystem_open,
            release=self.subsystem_release,
            read=self.system_enable_read,
            write=self.system_enable_write,
        )
        self.tr_enable = FileOperations(
            open=self.system_tr_open,
            release=self.subsystem_release,
            read=self.system_enable_read,
            write=self.system_enable_write,
        )
        self.header_page = self.header(header_page(signed=not core.release.read_only_first))
        self.header_event = self.header(HEADER_EVENT)

    def header(self, text: str) -> FileOperations:
        """A file that shows a text, and holds the instance."""

        async def read(file: File) -> int | str:
            return text

        return FileOperations(
            open=self.tracing_open_generic_tr, release=self.tracing_release_generic_tr, read=read
        )

    async def tracing_open_generic_tr(self, inode: Inode, file: File) -> int:
        """Take a reference on the instance."""
        tr: TraceArray = inode.i_private  # type: ignore[assignment]  # what it is
        ret = await tracing_check_open_get_tr(self.core, tr)
        if not ret:
            file.private_data = tr
        return ret

    async def tracing_release_generic_tr(self, inode: Inode, file: File) -> int:
        """Drop it."""
        tr: TraceArray = inode.i_private  # type: ignore[assignment]  # as opened
        await trace_array_put(self.core, tr)
        return 0

    async def subsystem_open(self, inode: Inode, file: File) -> int:
        """Take references on the system's directory and on the instance, if they are there still.

        The pointer is compared with those on the lists, and not followed before that.
        """
        dir: TraceSubsystemDir = inode.i_private  # type: ignore[assignment]  # what it is
        core = self.core
        found: TraceArray | None = None
        await core.event_mutex.lock()
        await core.trace_types_lock.lock()
        for tr in core.lists.ftrace_trace_arrays:
            if any(known is dir for known in tr.systems) and dir.nr_events:
                get_system_dir(dir)
                found = tr
                break
        await core.trace_types_lock.unlock()
        await core.event_mutex.unlock()
        if found is None:
            return -ENODEV
        if await trace_array_get(core, found) < 0:
            await put_system(core, dir)
            return -ENODEV
        ret = await tracing_check_open_get_tr(core, None)
        if ret:
            await trace_array_put(core, found)
            await put_system(core, dir)
            return ret
        file.private_data = dir
        return 0

    async def system_tr_open(self, inode: Inode, file: File) -> int:
        """Open `events/enable`: a directory of all systems is made up for it."""
        tr: TraceArray = inode.i_private  # type: ignore[assignment]  # what it is
        world = self.core.world
        dir: TraceSubsystemDir = await kmalloc(
            world, lambda: TraceSubsystemDir(world, "all systems"), "trace_subsystem_dir"
        )
        if is_null(dir):
            return -ENOMEM
        ret = await self.tracing_open_generic_tr(inode, file)
        if ret:
            await kfree(dir)
            return ret
        dir.tr = tr
        file.private_data = dir
        return 0

    async def subsystem_release(self, inode: Inode, file: File) -> int:
        """Drop what either of them took."""
        dir: TraceSubsystemDir = file.private_data  # type: ignore[assignment]  # as opened
        await trace_array_put(self.core, dir.tr)
        if not is_null(dir.subsystem):
            await put_system(self.core, dir)
        else:
            await kfree(dir)
        return 0

    async def system_enable_read(self, file: File) -> int | str:
        """`0`, `1`, `X` for some of each, `?` for none at all."""
        dir: TraceSubsystemDir = file.private_data  # type: ignore[assignment]  # as opened
        seen = set()
        await self.core.event_mutex.lock()
        system = dir.subsystem
        for event in dir.tr.events:
            call = event.event_call
            if call.flags & TRACE_EVENT_FL_IGNORE_ENABLE:
                continue
            if not is_null(system) and call.system != system.name:
                continue
            seen.add(bool(event.flags & EVENT_FILE_FL_ENABLED))
        await self.core.event_mutex.unlock()
        if len(seen) == 2:  # both
            return "X\n"
        return "1\n" if True in seen else "0\n" if seen else "?\n"

    async def system_enable_write(self, file: File, text: str) -> int:
        """Enable or disable all events of the system, by its name.

        C: also __ftrace_set_clr_event(): -EINVAL if there is no such event.
        """
        if text.strip() not in ("0", "1"):
            return -EINVAL
        dir: TraceSubsystemDir = file.private_data  # type: ignore[assignment]  # as opened
        ret = -EINVAL
        await self.core.event_mutex.lock()
        system = dir.subsystem
        for event in dir.tr.events:
            call = event.event_call
            if call.flags & TRACE_EVENT_FL_IGNORE_ENABLE:
                continue
            if not is_null(system) and call.system != system.name:
                continue
            ftrace_event_enable_disable(event, enable=text.strip() == "1")
            ret = len(text)
        await self.core.event_mutex.unlock()
        return ret

    async def subsystem_filter_read(self, file: File) -> int | str:
        """What was last written, or a text that says how to, from the beginning only.

        It is read without a lock.
        """
        if file.f_pos:
            return ""
        dir: TraceSubsystemDir = file.private_data  # type: ignore[assignment]  # as opened
        filter: str = await READ_ONCE(dir.subsystem, "filter")
        return f"{filter or NO_FILTER}\n"

    async def subsystem_filter_write(self, file: File, text: str) -> int:
        """Set the filter of all events of the system.  C: apply_subsystem_event_filter()."""
        dir: TraceSubsystemDir = file.private_data  # type: ignore[assignment]  # as opened
        ret = -ENODEV
        await self.core.event_mutex.lock()
        if dir.nr_events:
            ret = len(text) if self.filter_events(dir, text) else -EINVAL
        await self.core.event_mutex.unlock()
        return ret

    def filter_events(self, dir: TraceSubsystemDir, text: str) -> bool:
        """Set it where the fields are known; was there any such event?

        The caller holds event_mutex.  C: process_system_preds().
        """
        filter = text.strip()
        clears = filter == "0"
        files = [event for event in dir.tr.events if event.system is dir]
        fit = [e for e in files if clears or unknown_field(e.event_call, filter) < 0]
        for event in fit:
            apply_event_filter(event, text)
        dir.subsystem.filter = "" if clears else filter
        if not fit:
            dir.subsystem.filter += NOT_FIT
        return bool(fit)
