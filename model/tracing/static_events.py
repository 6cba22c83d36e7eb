"""Events that the kernel was built with.

Source: kernel/trace/trace_events.c, event_trace_init(); trace_export.c; include/trace/events/, 6.5
to 7.3.
"""

from __future__ import annotations

from lockwright.kernel.slab import kmalloc
from model.tracing.core import (
    TRACE_EVENT_FL_IGNORE_ENABLE,
    TRACE_EVENT_FL_TRACEPOINT,
    TraceEventCall,
    TracingCore,
)
from model.tracing.entries import FTRACE_SYSTEM
from model.tracing.events import trace_add_event_call

FIELDS = {
    ("sched", "sched_switch"): (
        "char prev_comm[16]",
        "pid_t prev_pid",
        "int prev_prio",
        "long prev_state",
        "char next_comm[16]",
        "pid_t next_pid",
        "int next_prio",
    ),
}
"""Left out: the fields of all others."""


async def add_static_event(core: TracingCore, system: str, name: str) -> None:
    """Make it known.  The caller holds event_mutex.

    The kernel adds to the front of a list first and makes directories from its end afterwards; so
    the directories come in the order of these calls, and in an instance the other way round.
    """
    world = core.world
    call: TraceEventCall = await kmalloc(
        world, lambda: TraceEventCall(world, name), "trace_event_call"
    )
    call.system = system
    call.flags = TRACE_EVENT_FL_TRACEPOINT
    if system == FTRACE_SYSTEM:
        call.flags = TRACE_EVENT_FL_IGNORE_ENABLE
    call.fields = FIELDS.get((system, name), ())
    await trace_add_event_call(core, call)
