"""Dynamic events: made, removed one by one, and removed all at once.

Source: kernel/trace/trace_dynevent.c, and the writing to kprobe_events, synthetic_events and
user_events_data, 6.5 to 7.3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from model.tracefs.inode import security_locked_down
from model.tracing.core import TracingCore
from model.tracing.dyn_event_base import Command, DynEvent, parse
from model.tracing.trace_probe import (
    TraceEprobe,
    TraceFprobe,
    TraceKprobe,
    TraceProbe,
    TraceUprobe,
    trace_probe_create,
)
from model.tracing.trace_synth import OwnEvent, SynthEvent, UserEvent, own_event_create
from model.vfs.err import EBUSY, ECANCELED, EINVAL, ENOENT


async def create_dyn_event(core: TracingCore, raw_command: str) -> int:
    """A line written to `dynamic_events`; 0 or an errno."""
    if raw_command.startswith(("-", "!")):
        return await dyn_event_release(core, raw_command)
    command = parse(raw_command)
    ret = -ECANCELED
    await core.dyn_event_ops_mutex.lock()
    for kind in KINDS:
        ret = await _create(core, command, kind)
        if ret != -ECANCELED:
            break
    await core.dyn_event_ops_mutex.unlock()
    return -EINVAL if ret == -ECANCELED else ret


async def _create(core: TracingCore, command: Command, kind: type[DynEvent]) -> int:
    if issubclass(kind, OwnEvent):
        return await own_event_create(core, command, kind)
    assert issubclass(kind, TraceProbe), "there are probes, and events of their own"
    return await trace_probe_create(core, command, kind)


async def create_or_delete_trace_kprobe(core: TracingCore, raw_command: str) -> int:
    """A line written to `kprobe_events`."""
    return await _create_or_delete(core, raw_command, TraceKprobe)


async def create_or_delete_trace_uprobe(core: TracingCore, raw_command: str) -> int:
    """A line written to `uprobe_events`."""
    return await _create_or_delete(core, raw_command, TraceUprobe)


async def _create_or_delete(core: TracingCore, raw_command: str, kind: type[TraceProbe]) -> int:
    if raw_command.startswith("-"):
        return await dyn_event_release(core, raw_command, kind)
    ret = await trace_probe_create(core, parse(raw_command), kind)
    return -EINVAL if ret == -ECANCELED else ret


async def create_or_delete_synth_event(core: TracingCore, raw_command: str) -> int:
    """A line written to `synthetic_events`: `NAME TYPE FIELD`, or `!NAME` to remove it."""
    if raw_command.startswith("!"):
        words = raw_command[1:].split()
        return await dyn_event_release(core, f"-:{words[0] if words else ''}", SynthEvent)
    command = parse(f"s:{raw_command.removeprefix('s:')}")
    return await own_event_create(core, command, SynthEvent)


async def dyn_event_release(
    core: TracingCore, raw_command: str, kind: type[DynEvent] | None = None
) -> int:
    """`-:[SYSTEM/]EVENT [ARGV]`: remove all that match, until one cannot be removed.

    `!...` is a line that made an event, with a mark before it.
    """
    command = parse(raw_command)
    if raw_command.startswith("-") and command.verb != "-":
        return -EINVAL
    if not command.event and not command.system:
        return -EINVAL
    ret = -ENOENT
    await core.event_mutex.lock()
    for dyn in core.lists.dyn_event_list:
        if (kind is not None and type(dyn) is not kind) or not dyn.match(command):
            continue
        ret = await dyn.free()
        if ret:
            break
    await core.event_mutex.unlock()
    return ret


async def dyn_events_release_all(core: TracingCore, kind: type[DynEvent] | None = None) -> int:
    """Remove all of a kind, or nothing if any of them is busy.

    That an event has a dynamic reference only, as a histogram's variable takes, is found out when
    its turn comes; those before it are gone by then.
    """
    ret = 0
    await core.event_mutex.lock()
    for dyn in core.lists.dyn_event_list:
        if (kind is None or type(dyn) is kind) and dyn.is_busy():
            ret = -EBUSY
            break
    else:
        for dyn in core.lists.dyn_event_list:
            if kind is not None and type(dyn) is not kind:
                continue
            ret = await dyn.free()
            if ret:
                break
    await core.event_mutex.unlock()
    return ret


async def probes_open(
    core: TracingCore, *, truncate: bool, kind: type[DynEvent] | None = TraceKprobe
) -> int:
    """Open `kprobe_events`, or the file of another kind; with O_TRUNC for writing, all go."""
    ret = await security_locked_down(core.sb)
    if ret or not truncate:
        return ret
    return await dyn_events_release_all(core, kind)


async def dyn_events_show(core: TracingCore, kind: type[DynEvent] | None = None) -> str:
    """The lines that made the events there are."""
    await core.event_mutex.lock()
    lines = [dyn.show() for dyn in core.lists.dyn_event_list if kind is None or type(dyn) is kind]
    await core.event_mutex.unlock()
    return "".join(f"{line}\n" for line in lines)


KINDS: tuple[type[DynEvent], ...] = (
    SynthEvent,
    UserEvent,
    TraceKprobe,
    TraceUprobe,
    TraceFprobe,
    TraceEprobe,
)
"""Which kind makes something of a line is asked in this order.  C: dyn_event_ops_list."""


class CommandFile(NamedTuple):
    """A file to which lines are written: what a line does, and of which kind its events are."""

    write: Callable[[TracingCore, str], Awaitable[int]]
    kind: type[DynEvent] | None = None


COMMAND_FILES: dict[str, CommandFile] = {
    "dynamic_events": CommandFile(create_dyn_event),
    "kprobe_events": CommandFile(create_or_delete_trace_kprobe, TraceKprobe),
    "uprobe_events": CommandFile(create_or_delete_trace_uprobe, TraceUprobe),
    "synthetic_events": CommandFile(create_or_delete_synth_event, SynthEvent),
}
