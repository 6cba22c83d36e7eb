"""Kprobe events: made and removed by a line written to `dynamic_events`.

Source: kernel/trace/trace_kprobe.c, kernel/trace/trace_dynevent.c, 6.5.
Left out: the probe itself; probes that share an event (siblings), triggers.
"""

from __future__ import annotations

from lockwright.kernel.slab import Field, Slab, kfree, kmalloc
from model.tracing.core import (
    TraceArray,
    TraceEventCall,
    trace_add_event_call,
    trace_remove_event_call,
)
from model.vfs.err import EEXIST, EINVAL, ENOENT, ENOMEM, is_null


class TraceKprobe(Slab):
    """struct trace_kprobe.  Guarded by event_mutex."""

    cache = "trace_kprobe"
    size = 320

    call: Field[TraceEventCall] = Field(None)

    __slots__ = ()


async def create_dyn_event(tr: TraceArray, raw_command: str) -> int:
    """`p:NAME` makes an event, `-:NAME` removes it; 0 or an errno.

    C: create_dyn_event(), dyn_event_write() above it.
    """
    verb, _, name = raw_command.partition(":")
    if verb == "-":
        return await dyn_event_release(tr, name)
    await tr.dyn_event_ops_mutex.lock()
    error = await trace_kprobe_create(tr, name) if verb == "p" else -EINVAL
    await tr.dyn_event_ops_mutex.unlock()
    return error


async def trace_kprobe_create(tr: TraceArray, name: str) -> int:
    """C: trace_kprobe_create(), __trace_kprobe_create()."""
    world = tr.world
    tk: TraceKprobe = await kmalloc(world, lambda: TraceKprobe(world, name), "trace_kprobe")
    if is_null(tk):
        return -ENOMEM
    tk.call = await kmalloc(world, lambda: TraceEventCall(world, name), "trace_event_call")
    if is_null(tk.call):
        await kfree(tk)
        return -ENOMEM
    error = await register_trace_kprobe(tr, tk)
    if error:
        await free_trace_kprobe(tk)
    return error


async def free_trace_kprobe(tk: TraceKprobe) -> None:
    """C: free_trace_kprobe(), trace_probe_cleanup()."""
    await kfree(tk.call)
    await kfree(tk)


async def register_trace_kprobe(tr: TraceArray, tk: TraceKprobe) -> int:
    """Register the event under event_mutex."""
    await tr.event_mutex.lock()
    error = -EEXIST if tk.name in tr.kprobes else await register_kprobe_event(tr, tk)
    if not error:
        tr.kprobes[tk.name] = tk
    await tr.event_mutex.unlock()
    return error


async def register_kprobe_event(tr: TraceArray, tk: TraceKprobe) -> int:
    """C: register_kprobe_event(), trace_probe_register_event_call()."""
    return await trace_add_event_call(tr, tk.call)


async def dyn_event_release(tr: TraceArray, name: str) -> int:
    """Find the event and release it, under event_mutex."""
    await tr.event_mutex.lock()
    tk = tr.kprobes.get(name)
    error = await trace_kprobe_release(tr, tk) if isinstance(tk, TraceKprobe) else -ENOENT
    await tr.event_mutex.unlock()
    return error


async def trace_kprobe_release(tr: TraceArray, tk: TraceKprobe) -> int:
    """Unregister and free."""
    error = await unregister_trace_kprobe(tr, tk)
    if not error:
        await free_trace_kprobe(tk)
    return error


async def unregister_trace_kprobe(tr: TraceArray, tk: TraceKprobe) -> int:
    """-EBUSY if the event is in use."""
    error = await trace_remove_event_call(tr, tk.call)
    if not error:
        del tr.kprobes[tk.name]
    return error
