"""Instances: made by mkdir, removed by rmdir in the directory `instances`.

Source: kernel/trace/trace.c, instance_mkdir(), instance_rmdir(), 6.5 to 7.3.
Left out: buffers; the files of an instance beside its `events` are in `control.py`.
"""

from __future__ import annotations

from lockwright.kernel.slab import kfree, kmalloc
from model.tracefs.inode import tracefs_create_dir, tracefs_remove
from model.tracing.core import TraceArray, TracingCore
from model.tracing.events import trace_array_find
from model.tracing.tracer import event_trace_add_tracer, event_trace_del_tracer
from model.vfs.err import EBUSY, EEXIST, EINVAL, ENODEV, ENOMEM, ERR_PTR, IS_ERR, PTR_ERR, is_null


async def instance_mkdir(core: TracingCore, name: str) -> int:
    """Make an instance with all events there are."""
    await core.event_mutex.lock()
    await core.trace_types_lock.lock()
    if trace_array_find(core, name) is not None:
        ret = -EEXIST
    else:
        tr = await trace_array_create(core, name)
        ret = PTR_ERR(tr) if IS_ERR(tr) else 0
    await core.trace_types_lock.unlock()
    await core.event_mutex.unlock()
    return ret


async def trace_array_create(core: TracingCore, name: str) -> TraceArray:
    """The instance with its directories; or an error pointer."""
    tr: TraceArray = await kmalloc(core.world, lambda: TraceArray(core, name), "trace_array")
    if is_null(tr):
        return ERR_PTR(TraceArray, -ENOMEM)
    ret = await trace_array_create_dir(core, tr)
    if ret:
        await kfree(tr)
        return ERR_PTR(TraceArray, ret)
    lists = core.lists
    lists.ftrace_trace_arrays = (tr, *lists.ftrace_trace_arrays)
    tr.ref += 1
    return tr


async def trace_array_create_dir(core: TracingCore, tr: TraceArray) -> int:
    """Make the instance's own directory, and `events` in it."""
    tr.dir = await tracefs_create_dir(tr.name, core.trace_instance_dir)
    if is_null(tr.dir):
        return -EINVAL
    ret = await event_trace_add_tracer(tr.dir, tr)
    if ret:
        await tracefs_remove(tr.dir)
        return ret
    if core.populate is not None:
        await core.populate(tr, tr.dir)
    return 0


async def instance_rmdir(core: TracingCore, name: str) -> int:
    """Remove an instance."""
    ret = -ENODEV
    await core.event_mutex.lock()
    await core.trace_types_lock.lock()
    tr = trace_array_find(core, name)
    if tr is not None:
        ret = await __remove_instance(tr)
    await core.trace_types_lock.unlock()
    await core.event_mutex.unlock()
    return ret


async def __remove_instance(tr: TraceArray) -> int:
    """-EBUSY while somebody has a reference, or uses the tracer."""
    if tr.ref > 1 or tr.trace_ref:
        return -EBUSY
    lists = tr.core.lists
    lists.ftrace_trace_arrays = tuple(
        known for known in lists.ftrace_trace_arrays if known is not tr
    )
    await event_trace_del_tracer(tr)
    await tracefs_remove(tr.dir)
    await kfree(tr)
    return 0
