"""Synthetic events, and events that user programs register.

Source: kernel/trace/trace_events_synth.c, trace_events_user.c, 6.5 to 7.3.
Left out: what such events record; a user event's file descriptor, status page and enablers.
"""

from __future__ import annotations

from typing import ClassVar

from lockwright.kernel.slab import Field, kfree, kmalloc
from model.tracing.core import TRACE_EVENT_FL_DYNAMIC, TraceEventCall, TracingCore
from model.tracing.dyn_event_base import Command, DynEvent
from model.tracing.events import files_of, is_open, trace_add_event_call, trace_remove_event_call
from model.vfs.err import EBUSY, ECANCELED, EEXIST, EINVAL, ENOMEM, is_null

SYNTH_SYSTEM = "synthetic"
USER_EVENTS_SYSTEM = "user_events"


class OwnEvent(DynEvent):
    """A dynamic event with a trace_event_call of its own.  Guarded by event_mutex.

    `ref` counts what needs it: histogram variables, user programs.
    """

    verb: ClassVar[str]
    system: ClassVar[str]

    call: Field[TraceEventCall] = Field(None)
    ref: Field[int] = Field(0)

    __slots__ = ()

    def match(self, command: Command) -> bool:
        """By name, and by system if there is one."""
        if command.event and command.event != self.call.name:
            return False
        return not command.system or command.system == self.system

    def is_busy(self) -> bool:
        """Only what counts references is looked at here: an enabled event shows in free()."""
        core, call = self.core, self.call
        if core.release.open_is_busy and any(is_open(core, file) for file in files_of(core, call)):
            return True
        return self.ref != 0

    async def free(self) -> int:
        """Remove and free it, unless it is in use."""
        if self.ref or self.call.refcnt:
            return -EBUSY
        ret = await trace_remove_event_call(self.core, self.call)
        if ret:
            return ret
        self.remove()
        await kfree(self.call)
        await kfree(self)
        return 0

    def show(self) -> str:
        """The line that made it, as the kind's own file has it."""
        return " ".join((self.call.name, *self.call.fields))


class SynthEvent(OwnEvent):
    """struct synth_event.  C: its free() is synth_event_release()."""

    cache = "synth_event"
    size = 384
    verb = "s"
    system = SYNTH_SYSTEM

    __slots__ = ()

    def show(self) -> str:
        """C: synth_event_show()."""
        return "\t".join((self.call.name, " ".join(self.call.fields)))


class UserEvent(OwnEvent):
    """struct user_event.  C: its free() is user_event_free(), destroy_user_event()."""

    cache = "user_event"
    size = 448
    verb = "u"
    system = USER_EVENTS_SYSTEM

    __slots__ = ()


async def own_event_create(core: TracingCore, command: Command, kind: type[OwnEvent]) -> int:
    """`s:NAME TYPE FIELD`, `u:NAME`; 0 or an errno, -ECANCELED if it is of another kind.

    C: __create_synth_event(); user_event_parse().
    """
    if command.verb != kind.verb:
        return -ECANCELED
    if not command.event or (command.system and command.system != kind.system):
        return -EINVAL
    await core.event_mutex.lock()
    ret = await _create(core, command, kind)
    await core.event_mutex.unlock()
    return ret


async def _create(core: TracingCore, command: Command, kind: type[OwnEvent]) -> int:
    world, name = core.world, command.event
    for dyn in core.lists.dyn_event_list:
        if type(dyn) is kind and dyn.match(command):
            return -EEXIST
    event: OwnEvent = await kmalloc(world, lambda: kind(core, name), kind.cache)
    if is_null(event):
        return -ENOMEM
    call: TraceEventCall = await kmalloc(
        world, lambda: TraceEventCall(world, name), "trace_event_call"
    )
    if is_null(call):
        await kfree(event)
        return -ENOMEM
    call.system = kind.system
    call.flags = TRACE_EVENT_FL_DYNAMIC
    call.fields = command.argv
    event.call = call
    await trace_add_event_call(core, call)
    event.add()
    return 0
