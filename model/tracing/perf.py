"""Perf, as far as it uses an event.

Source: kernel/trace/trace_event_perf.c, 6.5 to 7.3.
"""

from __future__ import annotations

from model.tracing.core import TraceEventCall, TracingCore
from model.tracing.refs import trace_event_put_ref, trace_event_try_get_ref
from model.vfs.err import EINVAL, ERR_PTR


async def perf_trace_init(core: TracingCore, type: int) -> TraceEventCall:
    """perf_event_open() of an event, by its number; the event is in use from now on.

    C: also perf_trace_event_reg().
    """
    found = ERR_PTR(TraceEventCall, -EINVAL)
    await core.event_mutex.lock()
    for call in core.lists.ftrace_events:
        if call.type == type and trace_event_try_get_ref(call):
            call.perf_refcount += 1
            found = call
            break
    await core.event_mutex.unlock()
    return found


async def perf_trace_destroy(core: TracingCore, call: TraceEventCall) -> None:
    """Close it."""
    await core.event_mutex.lock()
    call.perf_refcount -= 1
    trace_event_put_ref(call)
    await core.event_mutex.unlock()
