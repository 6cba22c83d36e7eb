"""Trace events and their files.

Source: kernel/trace/trace_events.c, 6.5 with the eventfs series.
Lock order: event_mutex, trace_types_lock, trace_event_sem (write), then eventfs's locks.
Left out: filters, triggers, subsystem files, more than one trace instance.
"""

from __future__ import annotations

from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Field, Slab, kfree, kmalloc
from model.eventfs.common import Eventfs, EventfsFile
from model.vfs.err import EBUSY, ENODEV, ENOMEM, IS_ERR, PTR_ERR, is_null
from model.vfs.objects import Dentry, File, FileOperations, Inode


class TraceEventCall(Slab):
    """struct trace_event_call: one event.  Guarded by event_mutex."""

    cache = "trace_event_call"
    size = 144

    perf_refcount: Field[int] = Field(0)

    __slots__ = ()


class TraceSubsystemDir(Slab):
    """struct trace_subsystem_dir: a directory of events.  Guarded by event_mutex."""

    cache = "trace_subsystem_dir"
    size = 56

    ef: Field[EventfsFile] = Field(None)
    nr_events: Field[int] = Field(0)

    __slots__ = ()


class TraceEventFile(Slab):
    """struct trace_event_file: an event in an instance; the data of its files.

    `enabled` and `opens` are guarded by event_mutex.  Nothing counts who uses the object: a file
    of the event that is still open when the event is removed leads to freed memory.
    """

    cache = "trace_event_file"
    size = 96

    ef: Field[EventfsFile] = Field(None)
    event_call: Field[TraceEventCall] = Field(None)
    system: Field[TraceSubsystemDir] = Field(None)
    enabled: Field[bool] = Field(False)
    opens: Field[int] = Field(0)

    __slots__ = ()


class TraceArray:
    """struct trace_array, and the statics of the tracing core: one instance.

    With `open_is_busy` an event with an open file cannot be removed, as the design intends; the
    code has no such check.  `event_files` are the names in an event's directory.  `events` and
    `kprobes` are guarded by event_mutex.
    """

    def __init__(
        self,
        world: World,
        eventfs: Eventfs,
        event_files: tuple[str, ...],
        *,
        open_is_busy: bool = False,
    ) -> None:
        self.world = world
        self.eventfs = eventfs
        self.event_files = event_files
        self.open_is_busy = open_is_busy
        self.event_mutex = Mutex(world, "event_mutex")
        self.trace_types_lock = Mutex(world, "trace_types_lock")
        self.trace_event_sem = RwSem(world, "trace_event_sem")
        self.dyn_event_ops_mutex = Mutex(world, "dyn_event_ops_mutex")
        self.event_dir: Dentry
        self.system: TraceSubsystemDir
        self.events: dict[str, TraceEventFile] = {}
        self.kprobes: dict[str, Slab] = {}
        self.event_fops = FileOperations(
            open=self.event_open, release=self.event_release, read=self.event_enable_read
        )

    async def event_open(self, inode: Inode, file: File) -> int:
        """Open a file of an event.  C: tracing_open_generic(), event_filter's seq_open() alike.

        With `open_is_busy` the open is counted, under event_mutex.
        """
        file.private_data = inode.i_private
        if self.open_is_busy:
            await self.event_mutex.lock()
            event = inode.i_private
            error = 0
            if isinstance(event, TraceEventFile) and event in self.events.values():
                event.opens += 1
            else:
                error = -ENODEV
            await self.event_mutex.unlock()
            return error
        return 0

    async def event_release(self, inode: Inode, file: File) -> int:
        """Close a file of an event; without `open_is_busy` there is nothing to do."""
        if self.open_is_busy:
            await self.event_mutex.lock()
            event = file.private_data
            assert isinstance(event, TraceEventFile), "an event file's data is a trace_event_file"
            event.opens -= 1
            await self.event_mutex.unlock()
        return 0

    async def event_enable_read(self, file: File) -> int:
        """Read `enable`: 0 or 1.  C: event_enable_read(), event_file_data()."""
        await self.event_mutex.lock()
        event: TraceEventFile = await READ_ONCE(file.f_inode, "i_private")
        value = -ENODEV if is_null(event) else int(event.enabled)
        await self.event_mutex.unlock()
        return value

    def busy(self, file: TraceEventFile) -> bool:
        """May the event not be removed now?  The caller holds event_mutex."""
        return file.enabled or (self.open_is_busy and file.opens > 0)


async def trace_add_event_call(tr: TraceArray, call: TraceEventCall) -> int:
    """Make an event known, with its directory.  The caller holds event_mutex."""
    await tr.trace_types_lock.lock()
    error = await __trace_add_new_event(tr, call)
    await tr.trace_types_lock.unlock()
    return error


async def __trace_add_new_event(tr: TraceArray, call: TraceEventCall) -> int:
    """Add the event to one instance.  C: also trace_create_new_event()."""
    file: TraceEventFile = await kmalloc(
        tr.world, lambda: TraceEventFile(tr.world, call.name), "trace_event_file"
    )
    if is_null(file):
        return -ENOMEM
    file.event_call = call
    file.system = tr.system
    tr.events[call.name] = file
    tr.system.nr_events += 1
    return await event_create_dir(tr, file)


async def event_create_dir(tr: TraceArray, file: TraceEventFile) -> int:
    """Make the event's directory and its files in eventfs."""
    eventfs = tr.eventfs
    ef = await eventfs.eventfs_add_dir(file.name, tr.system.ef)
    if IS_ERR(ef):
        return PTR_ERR(ef)
    file.ef = ef
    for name in tr.event_files:
        error = await eventfs.eventfs_add_file(name, ef, file, tr.event_fops)
        if error:
            return error
    return 0


async def trace_remove_event_call(tr: TraceArray, call: TraceEventCall) -> int:
    """Forget an event, unless it is in use.  The caller holds event_mutex."""
    await tr.trace_types_lock.lock()
    await tr.trace_event_sem.down_write()
    error = await probe_remove_event_call(tr, call)
    await tr.trace_event_sem.up_write()
    await tr.trace_types_lock.unlock()
    return error


async def probe_remove_event_call(tr: TraceArray, call: TraceEventCall) -> int:
    """-EBUSY if perf uses the event, or it is enabled; with `open_is_busy`, if it is open."""
    if call.perf_refcount:
        return -EBUSY
    file = tr.events[call.name]
    if tr.busy(file):
        return -EBUSY
    await __trace_remove_event_call(tr, file)
    return 0


async def __trace_remove_event_call(tr: TraceArray, file: TraceEventFile) -> None:
    """C: also event_remove(), inlined."""
    await remove_event_file_dir(tr, file)


async def remove_event_file_dir(tr: TraceArray, file: TraceEventFile) -> None:
    """Remove the event's directory, and free what its files lead to."""
    await tr.eventfs.eventfs_remove(file.ef)
    del tr.events[file.name]
    await remove_subsystem(tr, file.system)
    await kfree(file)


async def remove_subsystem(tr: TraceArray, dir: TraceSubsystemDir) -> None:
    """One event less; the last one takes the subsystem's directory along.

    Left out: freeing the subsystem.
    """
    dir.nr_events -= 1
    if not dir.nr_events:
        await tr.eventfs.eventfs_remove(dir.ef)


async def event_trace_del_tracer(tr: TraceArray) -> int:
    """Remove all events of an instance, and its events directory.

    Takes event_mutex and trace_types_lock first, as instance_rmdir() does.
    Left out: -EBUSY while something of the instance is open; soft-disabling the events.
    """
    await tr.event_mutex.lock()
    await tr.trace_types_lock.lock()
    await tr.trace_event_sem.down_write()
    for file in list(tr.events.values()):
        await remove_event_file_dir(tr, file)
    await tr.eventfs.eventfs_remove(tr.system.ef)
    await tr.eventfs.eventfs_remove_events_dir(tr.event_dir)
    await tr.trace_event_sem.up_write()
    await tr.trace_types_lock.unlock()
    await tr.event_mutex.unlock()
    return 0
