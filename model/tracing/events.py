"""Events: added to and removed from all instances, each with its directory.

Source: kernel/trace/trace_events.c, 6.5 to 7.3.
Left out: modules; event_define_fields(), whose result is there from the start.
"""

from __future__ import annotations

from lockwright.kernel.slab import kfree, kmalloc
from model.tracing.core import (
    EVENT_FILE_FL_ENABLED,
    EVENT_FILE_FL_FREED,
    EVENT_FILE_FL_SOFT_DISABLED,
    EVENT_FILE_FL_SOFT_MODE,
    EventSubsystem,
    TraceArray,
    TraceEventCall,
    TraceEventFile,
    TraceSubsystemDir,
    TracingCore,
)
from model.tracing.refs import (
    __get_system,
    __put_system,
    __put_system_dir,
    event_file_get,
    event_file_put,
)
from model.vfs.err import EBUSY, ENOMEM, EPERM, IS_ERR, is_null
from model.vfs.objects import Dentry, Section


async def trace_add_event_call(core: TracingCore, call: TraceEventCall) -> int:
    """Make an event known, in all instances.  The caller holds event_mutex.

    A directory that cannot be made is no error: the event is there without it.
    """
    await core.trace_types_lock.lock()
    await __register_event(core, call)
    for tr in core.lists.ftrace_trace_arrays:
        await __trace_add_new_event(call, tr)
    await core.trace_types_lock.unlock()
    return 0


async def __register_event(core: TracingCore, call: TraceEventCall) -> None:
    """Left out: the event's own raw_init(), which can fail."""
    lists = core.lists
    await core.trace_event_sem.down_write()
    call.type = lists.next_type
    lists.next_type += 1
    lists.ftrace_events = (call, *lists.ftrace_events)
    await core.trace_event_sem.up_write()


async def trace_create_new_event(call: TraceEventCall, tr: TraceArray) -> TraceEventFile:
    """The event's part in an instance; NULL without memory."""
    world = tr.world
    file: TraceEventFile = await kmalloc(
        world, lambda: TraceEventFile(world, call.name), "trace_event_file"
    )
    if is_null(file):
        return file
    file.event_call = call
    file.tr = tr
    tr.events = (file, *tr.events)
    return file


async def __trace_add_new_event(call: TraceEventCall, tr: TraceArray) -> int:
    """Add an event to an instance.  The caller holds event_mutex and trace_types_lock."""
    file = await trace_create_new_event(call, tr)
    if is_null(file):
        return -ENOMEM
    return await event_create_dir(tr, file)


async def event_subsystem_dir(tr: TraceArray, name: str) -> TraceSubsystemDir:
    """The directory of a system, which is made with its first event; NULL if that fails.

    It counts one event more when this returns.
    C: the caller's `file->system` is set here, and the handle returned.
    """
    for known in tr.systems:
        if known.subsystem.name == name:
            known.nr_events += 1
            return known
    core, world = tr.core, tr.world
    dir: TraceSubsystemDir = await kmalloc(
        world, lambda: TraceSubsystemDir(world, name), "trace_subsystem_dir"
    )
    if is_null(dir):
        return dir
    system = await _find_system(core, name)
    if is_null(system):
        await kfree(dir)
        return system  # type: ignore[return-value]  # NULL
    ei = await core.tree.create_system_dir(tr, dir)
    if IS_ERR(ei):
        await __put_system(core, system)
        await kfree(dir)
        return None  # type: ignore[return-value]  # NULL
    dir.ei = ei
    dir.tr = tr
    dir.ref_count = 1
    dir.nr_events = 1
    dir.subsystem = system
    tr.systems = (dir, *tr.systems)
    return dir


async def _find_system(core: TracingCore, name: str) -> EventSubsystem:
    """The system, with a reference; NULL without memory.  C: also create_new_subsystem()."""
    lists = core.lists
    for system in lists.event_subsystems:
        if system.name == name:
            __get_system(system)
            return system
    made: EventSubsystem = await kmalloc(
        core.world, lambda: EventSubsystem(core.world, name), "event_subsystem"
    )
    if not is_null(made):
        lists.event_subsystems = (made, *lists.event_subsystems)
    return made


async def event_create_dir(tr: TraceArray, file: TraceEventFile) -> int:
    """Make the event's directory.  Whatever comes of it, the event stays."""
    core = tr.core
    system = await event_subsystem_dir(tr, file.event_call.system)
    if is_null(system):
        return -ENOMEM
    file.system = system
    if IS_ERR(system.ei) or is_null(system.ei):
        return -ENOMEM
    ei = await core.tree.create_event_dir(file, system)
    if IS_ERR(ei) and core.release.stores_only_pointers:
        return -EPERM
    file.ei = ei
    if core.release.dir_holds_file and releases(core):
        await event_file_get(file)
    return -EPERM if IS_ERR(ei) else 0


def releases(core: TracingCore) -> bool:
    """Does freeing an event's directory call back?  It does not if a scenario's has no files."""
    return any(entry.release is not None for entry in core.entries.event)


async def trace_remove_event_call(core: TracingCore, call: TraceEventCall) -> int:
    """Forget an event, unless it is in use.  The caller holds event_mutex."""
    await core.trace_types_lock.lock()
    await core.trace_event_sem.down_write()
    ret = await probe_remove_event_call(core, call)
    await core.trace_event_sem.up_write()
    await core.trace_types_lock.unlock()
    return ret


async def probe_remove_event_call(core: TracingCore, call: TraceEventCall) -> int:
    """-EBUSY if perf uses the event, or it is enabled in any instance; with `open_is_busy`, if a
    file of it is open."""
    if call.perf_refcount:
        return -EBUSY
    for file in files_of(core, call):
        if file.flags & EVENT_FILE_FL_ENABLED or is_open(core, file):
            return -EBUSY
    await __trace_remove_event_call(core, call)
    return 0


def is_open(core: TracingCore, file: TraceEventFile) -> bool:
    """Is a file of the event open, where that counts?"""
    return core.release.open_is_busy and file.opens > 0


def files_of(core: TracingCore, call: TraceEventCall) -> list[TraceEventFile]:
    """The event's files in all instances: one a piece.  C: do_for_each_event_file()."""
    return [
        file
        for tr in core.lists.ftrace_trace_arrays
        for file in tr.events
        if file.event_call is call
    ]


async def __trace_remove_event_call(core: TracingCore, call: TraceEventCall) -> None:
    """C: also event_remove(), remove_event_from_tracers().

    Left out: waiting for who runs the event just now; its fields are freed with it.
    """
    for file in files_of(core, call):
        ftrace_event_enable_disable(file, enable=False)
    for file in files_of(core, call):
        await remove_event_file_dir(core, file)
    lists = core.lists
    lists.ftrace_events = tuple(known for known in lists.ftrace_events if known is not call)


async def remove_event_file_dir(core: TracingCore, file: TraceEventFile) -> None:
    """Remove the event's directory; what its files lead to is freed, or counted down."""
    if core.release.clears_i_private:
        await _clear_i_private(file.ei)
    await core.tree.remove_event_dir(file)
    tr = file.tr
    tr.events = tuple(known for known in tr.events if known is not file)
    await remove_subsystem(core, file.system)
    if core.release.file_refs:
        file.flags |= EVENT_FILE_FL_FREED
        await event_file_put(file)
    else:
        await kfree(file)


async def _clear_i_private(dir: Dentry) -> None:
    """Nothing leads from the directory's files to their data any more.  Under dir's d_lock.

    Readers look at it under event_mutex, or in one word, and cope with NULL.
    """
    if is_null(dir):
        return

    def clear(task: object) -> None:
        for child in dir.d_children:
            if not is_null(child.d_inode):
                child.d_inode.i_private = None

    await Section("clear_i_private", dir, clear)


async def remove_subsystem(core: TracingCore, dir: TraceSubsystemDir) -> None:
    """One event less; the last one takes the system's directory along."""
    if is_null(dir):
        return
    dir.nr_events -= 1
    if dir.nr_events:
        return
    await core.tree.remove_system_dir(dir)
    tr = dir.tr
    tr.systems = tuple(known for known in tr.systems if known is not dir)
    await __put_system_dir(core, dir)


def ftrace_event_enable_disable(
    file: TraceEventFile, *, enable: bool, soft_disable: bool = False
) -> None:
    """Enable or disable an event in an instance.  The caller holds event_mutex.

    `soft_disable` is what triggers do: the event is enabled, but records nothing; the last of
    them disables it.  C: also __ftrace_event_enable_disable().
    Left out: registering at the tracepoint or probe, which cannot fail here.
    """
    was = bool(file.flags & EVENT_FILE_FL_ENABLED)
    if soft_disable:
        file.sm_ref += 1 if enable else -1
        if enable and file.sm_ref == 1:
            file.flags |= EVENT_FILE_FL_SOFT_MODE
            if not was:
                file.flags |= EVENT_FILE_FL_SOFT_DISABLED
        elif not enable and not file.sm_ref:
            enable = not file.flags & EVENT_FILE_FL_SOFT_DISABLED
            file.flags &= ~(EVENT_FILE_FL_SOFT_MODE | EVENT_FILE_FL_SOFT_DISABLED)
        else:
            return
    elif enable:
        file.flags &= ~EVENT_FILE_FL_SOFT_DISABLED
    elif file.flags & EVENT_FILE_FL_SOFT_MODE:
        file.flags |= EVENT_FILE_FL_SOFT_DISABLED
        return
    if enable == was:
        return
    file.flags ^= EVENT_FILE_FL_ENABLED
    file.event_call.users += 1 if enable else -1


def find_event_file(tr: TraceArray, system: str, event: str) -> TraceEventFile | None:
    """The caller holds event_mutex."""
    for file in tr.events:
        if file.event_call.system == system and file.event_call.name == event:
            return file
    return None


def trace_array_find(core: TracingCore, name: str) -> TraceArray | None:
    """The caller holds trace_types_lock."""
    for tr in core.lists.ftrace_trace_arrays:
        if tr.name == name:
            return tr
    return None
