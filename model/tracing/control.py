"""The files of an instance beside `events`, and the ones that make dynamic events.

Source: kernel/trace/trace.c, init_tracer_tracefs(), tracer_init_tracefs_work_func();
trace_events.c, create_event_toplevel_files(); trace_kprobe.c and its like, 6.5 to 7.3.

Made only where a scenario wants them: each is a dentry that is pinned for good.
Left out: what the files other than these show and do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from model.tracefs.inode import tracefs_create_dir, tracefs_create_file
from model.tracing.core import TRACE_EVENT_FL_IGNORE_ENABLE, TraceArray, TracingCore
from model.tracing.dynevent import COMMAND_FILES, CommandFile, dyn_events_show, probes_open
from model.tracing.entries import TRACE_MODE_READ, TRACE_MODE_WRITE
from model.tracing.event_files import EventFiles
from model.tracing.events import ftrace_event_enable_disable
from model.tracing.refs import trace_array_put, tracing_check_open_get_tr
from model.tracing.system_files import SystemFiles
from model.vfs.err import EINVAL, is_null
from model.vfs.namei import O_ACCMODE, O_TRUNC
from model.vfs.objects import Dentry, File, FileOperations, Inode

PLAIN = {
    "trace": TRACE_MODE_WRITE,
    "tracing_on": TRACE_MODE_WRITE,
    "trace_marker": 0o220,
    "available_events": TRACE_MODE_READ,
}
"""Files that hold their instance while they are open."""


def lines_of(text: str) -> Iterator[str]:
    """The commands in what was written.  C: trace_parse_run_command()."""
    for line in text.splitlines():
        command = line.partition("#")[0].strip()
        if command:
            yield command


@dataclass(frozen=True, slots=True)
class Control:
    """The file operations of these files."""

    core: TracingCore
    event_files: EventFiles
    system_files: SystemFiles

    def command_file(self, file: CommandFile) -> FileOperations:
        """A file to which lines are written that make events."""
        core = self.core

        async def open(inode: Inode, opened: File) -> int:
            truncate = opened.f_flags & O_ACCMODE and opened.f_flags & O_TRUNC
            return await probes_open(core, truncate=bool(truncate), kind=file.kind)

        async def read(opened: File) -> int | str:
            return await dyn_events_show(core, file.kind)

        async def write(opened: File, text: str) -> int:
            for command in lines_of(text):
                ret = await file.write(core, command)
                if ret:
                    return ret
            return len(text)

        return FileOperations(open=open, read=read, write=write)

    def plain(self) -> FileOperations:
        """A file that holds its instance.  C: tracing_open_generic_tr() and its like."""

        async def read(file: File) -> int | str:
            return "\n"

        async def write(file: File, text: str) -> int:
            return len(text)

        return FileOperations(
            open=self.system_files.tracing_open_generic_tr,
            release=self.system_files.tracing_release_generic_tr,
            read=read,
            write=write,
        )

    def option(self) -> FileOperations:
        """A file of `options`, which holds its instance in newer releases."""
        if self.core.release.options_hold_instance:
            return self.plain()

        async def read(file: File) -> int | str:
            tr: TraceArray = file.f_inode.i_private  # type: ignore[assignment]  # if it is there
            return f"{tr.trace_flags & 1}\n"

        return FileOperations(open=self.event_files.tracing_open_generic, read=read)

    def set_event(self) -> FileOperations:
        """Events are enabled by name.  C: ftrace_event_set_open(), ftrace_event_write()."""
        return FileOperations(
            open=self.ftrace_event_set_open,
            release=self.ftrace_event_release,
            read=self.set_event_read,
            write=self.set_event_write,
        )

    async def ftrace_event_set_open(self, inode: Inode, file: File) -> int:
        """Hold the instance; with O_TRUNC for writing, all its events are disabled."""
        tr: TraceArray = inode.i_private  # type: ignore[assignment]  # what it is
        ret = await tracing_check_open_get_tr(self.core, tr)
        if ret:
            return ret
        file.private_data = tr
        if file.f_flags & O_ACCMODE and file.f_flags & O_TRUNC:
            await self.ftrace_set_clr_event(tr, "", enable=False)
        return 0

    async def ftrace_event_release(self, inode: Inode, file: File) -> int:
        """Drop it."""
        tr: TraceArray = inode.i_private  # type: ignore[assignment]  # as opened
        await trace_array_put(self.core, tr)
        return 0

    async def ftrace_set_clr_event(self, tr: TraceArray, what: str, *, enable: bool) -> int:
        """`SYSTEM`, `SYSTEM:EVENT`, `SYSTEM:` or nothing for all; -EINVAL if there is none."""
        system, _, name = what.partition(":")
        ret = -EINVAL
        await self.core.event_mutex.lock()
        for file in tr.events:
            call = file.event_call
            if call.flags & TRACE_EVENT_FL_IGNORE_ENABLE:
                continue
            if system and system not in (call.system, *([] if name else [call.name])):
                continue
            if name and name != call.name:
                continue
            ftrace_event_enable_disable(file, enable=enable)
            ret = 0
        await self.core.event_mutex.unlock()
        return ret

    async def set_event_read(self, file: File) -> int | str:
        """The events that are enabled."""
        tr: TraceArray = file.private_data  # type: ignore[assignment]  # as opened
        await self.core.event_mutex.lock()
        enabled = [f"{e.event_call.system}:{e.name}\n" for e in tr.events if e.flags & 1]
        await self.core.event_mutex.unlock()
        return "".join(enabled)

    async def set_event_write(self, file: File, text: str) -> int:
        """`[!]SYSTEM:EVENT`"""
        tr: TraceArray = file.private_data  # type: ignore[assignment]  # as opened
        for word in text.split():
            what = word.removeprefix("!")
            ret = await self.ftrace_set_clr_event(tr, what, enable=what == word)
            if ret:
                return ret
        return len(text)

    async def populate(self, tr: TraceArray, dir: Dentry) -> None:
        """The files of an instance; nobody asks whether each is made.  C: init_tracer_tracefs()."""
        for name, mode in PLAIN.items():
            await tracefs_create_file(name, mode, dir, tr, self.plain())
        await tracefs_create_file("set_event", TRACE_MODE_WRITE, dir, tr, self.set_event())
        options = await tracefs_create_dir("options", dir)
        if not is_null(options):
            await tracefs_create_file("overwrite", TRACE_MODE_WRITE, options, tr, self.option())
        await tracefs_create_dir("per_cpu", dir)

    async def populate_root(self, tr: TraceArray, dir: Dentry) -> None:
        """The files of the top instance."""
        await self.populate(tr, dir)
        for name, file in COMMAND_FILES.items():
            await tracefs_create_file(name, TRACE_MODE_WRITE, dir, tr, self.command_file(file))
