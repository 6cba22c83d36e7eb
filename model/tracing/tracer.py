"""The events of an instance: all at once.

Source: kernel/trace/trace_events.c, 6.5 to 7.3.
"""

from __future__ import annotations

from model.tracing.core import TraceArray
from model.tracing.events import (
    __trace_add_new_event,
    ftrace_event_enable_disable,
    remove_event_file_dir,
)
from model.tracing.triggers import clear_event_triggers
from model.vfs.err import ENOMEM, IS_ERR
from model.vfs.objects import Dentry


async def event_trace_add_tracer(parent: Dentry, tr: TraceArray) -> int:
    """Give an instance its directory `events`, with all events there are.

    The caller holds event_mutex.
    """
    core = tr.core
    ret = await create_event_toplevel_files(parent, tr)
    if ret:
        return ret
    await core.trace_event_sem.down_write()
    for call in core.lists.ftrace_events:
        await __trace_add_new_event(call, tr)
    await core.trace_event_sem.up_write()
    return 0


async def create_event_toplevel_files(parent: Dentry, tr: TraceArray) -> int:
    """C: the files beside the directory `events` are made in `control.py`."""
    ei = await tr.core.tree.create_events_dir(tr, parent)
    if IS_ERR(ei):
        return -ENOMEM
    tr.event_dir = ei
    return 0


async def event_trace_del_tracer(tr: TraceArray) -> None:
    """Remove all events of an instance, and its directory.  The caller holds event_mutex.

    Left out: waiting for who runs the events just now.
    """
    core = tr.core
    for file in tr.events:
        clear_event_triggers(file)
        ftrace_event_enable_disable(file, enable=False)
    await core.trace_event_sem.down_write()
    for file in tr.events:
        await remove_event_file_dir(core, file)
    await core.tree.remove_events_dir(tr)
    await core.trace_event_sem.up_write()
    tr.event_dir = None
