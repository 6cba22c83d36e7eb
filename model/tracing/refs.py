"""References on instances, on events and on systems.

Source: kernel/trace/trace.c, trace_events.c, 6.5 to 7.3.
"""

from __future__ import annotations

from lockwright.kernel.refcount import refcount_dec_and_test, refcount_inc
from lockwright.kernel.slab import kfree
from model.tracefs.inode import security_locked_down
from model.tracing.core import (
    EVENT_FILE_FL_FREED,
    EventSubsystem,
    TraceArray,
    TraceEventCall,
    TraceEventFile,
    TraceSubsystemDir,
    TracingCore,
    warn,
)
from model.vfs.err import ENODEV, is_null


async def trace_array_get(core: TracingCore, this_tr: TraceArray) -> int:
    """Take a reference on an instance; -ENODEV if it is on the list no more.

    The pointer is compared with those on the list, and not followed before that.
    """
    ret = -ENODEV
    await core.trace_types_lock.lock()
    for tr in core.lists.ftrace_trace_arrays:
        if tr is this_tr:
            tr.ref += 1
            ret = 0
            break
    await core.trace_types_lock.unlock()
    return ret


async def trace_array_put(core: TracingCore, this_tr: TraceArray) -> None:
    """Drop it.  The C tests for NULL first."""
    if is_null(this_tr):
        return
    await core.trace_types_lock.lock()
    if this_tr.ref <= 0:
        warn(
            core.world,
            f"reference dropped on {this_tr.describe()}, which has none",
            "reference dropped on a trace_array that has none",
        )
    this_tr.ref -= 1
    await core.trace_types_lock.unlock()


async def tracing_check_open_get_tr(core: TracingCore, tr: TraceArray | None) -> int:
    """What every open of a tracing file begins with.  Left out: tracing_disabled."""
    ret = await security_locked_down(core.sb)
    if ret:
        return ret
    if tr is not None and await trace_array_get(core, tr) < 0:
        return -ENODEV
    return 0


async def event_file_get(file: TraceEventFile) -> None:
    """The caller holds event_mutex."""
    await refcount_inc(file.ref)


async def event_file_put(file: TraceEventFile) -> None:
    """Drop a reference; the last one frees.  Left out: the test for 0, which the drop reports."""
    if not await refcount_dec_and_test(file.ref):
        return
    if not file.flags & EVENT_FILE_FL_FREED:
        warn(
            file.world,
            f"the last reference on {file.describe()} goes, but its event is there",
            "the last reference on a trace_event_file goes, but its event is there",
        )
    await kfree(file)


def trace_event_try_get_ref(call: TraceEventCall) -> bool:
    """Use an event, so that it stays.  The caller holds event_mutex; in the C it may also hold
    trace_event_sem only, for which the count is atomic.  Left out: static events' modules."""
    call.refcnt += 1
    return True


def trace_event_put_ref(call: TraceEventCall) -> None:
    """The caller holds event_mutex."""
    call.refcnt -= 1


def __get_system(system: EventSubsystem) -> None:
    """The caller holds event_mutex."""
    assert system.ref_count > 0, f"{system.describe()}: somebody has a reference"
    system.ref_count += 1


async def __put_system(core: TracingCore, system: EventSubsystem) -> None:
    """The caller holds event_mutex."""
    system.ref_count -= 1
    if system.ref_count:
        return
    lists = core.lists
    lists.event_subsystems = tuple(s for s in lists.event_subsystems if s is not system)
    await kfree(system)


def get_system_dir(dir: TraceSubsystemDir) -> None:
    """The caller holds event_mutex.  C: __get_system_dir()."""
    dir.ref_count += 1
    __get_system(dir.subsystem)


async def __put_system_dir(core: TracingCore, dir: TraceSubsystemDir) -> None:
    """The caller holds event_mutex."""
    if dir.ref_count <= 0:
        warn(
            core.world,
            f"reference dropped on {dir.describe()}, which has none",
            "reference dropped on a trace_subsystem_dir that has none",
        )
    await __put_system(core, dir.subsystem)
    dir.ref_count -= 1
    if not dir.ref_count:
        await kfree(dir)


async def put_system(core: TracingCore, dir: TraceSubsystemDir) -> None:
    """Drop a reference on a system's directory."""
    await core.event_mutex.lock()
    await __put_system_dir(core, dir)
    await core.event_mutex.unlock()
