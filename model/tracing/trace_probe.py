"""Events made of probes: kprobe events, and their kin for user programs, functions and events.

Source: kernel/trace/trace_kprobe.c, trace_probe.c, trace_uprobe.c, trace_fprobe.c,
trace_eprobe.c, 6.5 to 7.3.
The four kinds are alike but for their system, and for what they probe.
Left out: the probe itself.
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

from lockwright.kernel.slab import Field, kfree, kmalloc
from model.tracing.core import (
    TRACE_EVENT_FL_DYNAMIC,
    TRACE_EVENT_FL_IGNORE_ENABLE,
    TRACE_EVENT_FL_PROBE,
    TraceEventCall,
    TracingCore,
)
from model.tracing.dyn_event_base import Command, DynEvent
from model.tracing.events import files_of, is_open, trace_add_event_call, trace_remove_event_call
from model.vfs.err import EBUSY, ECANCELED, EEXIST, ENODEV, ENOMEM, is_null

KPROBE_EVENT_SYSTEM = "kprobes"

P = TypeVar("P", bound="TraceProbe")


class TraceProbeEvent(TraceEventCall):
    """struct trace_probe_event with the trace_event_call in it: an event that probes share.

    Guarded by event_mutex.  `probes` has all the probes of the event.
    """

    cache = "trace_probe_event"
    size = 320

    probes: Field[tuple[TraceProbe, ...]] = Field(())

    __slots__ = ()


NO_EPROBE = TRACE_EVENT_FL_IGNORE_ENABLE | TRACE_EVENT_FL_PROBE


class TraceProbe(DynEvent):
    """A probe: struct trace_probe in a trace_kprobe or one of its kin.  Guarded by event_mutex.

    `event` is what it belongs to, with its siblings; `symbol` and `args` say what it probes, and
    `verb` with which letter it was made: `r` is a probe at the end of a function.
    `verbs` are the letters of its kind.
    """

    size = 320
    verbs: ClassVar[str]
    system: ClassVar[str]

    event: Field[TraceProbeEvent] = Field(None)
    symbol: Field[str] = Field("")
    args: Field[tuple[str, ...]] = Field(())
    verb: Field[str] = Field("")

    __slots__ = ()

    @classmethod
    def takes(cls, core: TracingCore, command: Command) -> int:
        """0, -ECANCELED for a line of another kind, or an errno.  The C parses here."""
        mine = command.verb in cls.verbs and len(command.argv) > 0
        return 0 if mine else -ECANCELED

    def match(self, command: Command) -> bool:
        """C: trace_kprobe_match(), with the symbol and the arguments if the command has them."""
        event = self.event
        if command.event and command.event != event.name:
            return False
        if command.system and command.system != event.system:
            return False
        return not command.argv or command.argv == (self.symbol, *self.args)

    def is_busy(self) -> bool:
        """C: trace_kprobe_is_busy(), trace_probe_is_enabled()."""
        core, event = self.core, self.event
        return event.perf_refcount > 0 or event.users > 0 or _any_open(core, event)

    async def free(self) -> int:
        """C: trace_kprobe_release()."""
        ret = await unregister_trace_kprobe(self.core, self)
        if not ret:
            await free_trace_kprobe(self)
        return ret

    def show(self) -> str:
        """C: trace_kprobe_show()."""
        event = self.event
        return " ".join((f"{self.verb}:{event.system}/{event.name}", self.symbol, *self.args))


class TraceKprobe(TraceProbe):
    """struct trace_kprobe: a place in the kernel."""

    cache = "trace_kprobe"
    verbs = "pr"
    system = KPROBE_EVENT_SYSTEM

    __slots__ = ()

    @classmethod
    def takes(cls, core: TracingCore, command: Command) -> int:
        """A path is a user program's."""
        ret = super().takes(core, command)
        return ret or (-ECANCELED if "/" in command.argv[0] else 0)


class TraceUprobe(TraceProbe):
    """struct trace_uprobe: a place in a user program."""

    cache = "trace_uprobe"
    verbs = "pr"
    system = "uprobes"

    __slots__ = ()

    @classmethod
    def takes(cls, core: TracingCore, command: Command) -> int:
        """`PATH:OFFSET`"""
        ret = super().takes(core, command)
        return ret or (0 if "/" in command.argv[0] else -ECANCELED)


class TraceFprobe(TraceProbe):
    """struct trace_fprobe: a function."""

    cache = "trace_fprobe"
    verbs = "f"
    system = "fprobes"

    __slots__ = ()


class TraceEprobe(TraceProbe):
    """struct trace_eprobe: a static event."""

    cache = "trace_eprobe"
    verbs = "e"
    system = "eprobes"

    __slots__ = ()

    @classmethod
    def takes(cls, core: TracingCore, command: Command) -> int:
        """`SYSTEM.EVENT`, which must be there and no probe.

        C: find_and_get_event(), under event_mutex; static events stay, so that it does not matter.
        """
        ret = super().takes(core, command)
        if ret:
            return ret
        system, _, event = command.argv[0].replace("/", ".").partition(".")
        for call in core.lists.ftrace_events:
            if (call.system, call.name) == (system, event) and not call.flags & NO_EPROBE:
                return 0
        return -ENODEV


def _any_open(core: TracingCore, call: TraceEventCall) -> bool:
    return core.release.open_is_busy and any(is_open(core, file) for file in files_of(core, call))


async def trace_kprobe_create(core: TracingCore, command: Command) -> int:
    """`p[:[GROUP/]EVENT] SYMBOL [ARGS]`, `r...`; 0 or an errno, -ECANCELED for another kind."""
    return await trace_probe_create(core, command, TraceKprobe)


async def trace_probe_create(core: TracingCore, command: Command, kind: type[TraceProbe]) -> int:
    """C: __trace_kprobe_create(), alloc_trace_kprobe(), trace_probe_init(), and their like.

    Left out: that the symbol must exist.
    """
    ret = kind.takes(core, command)
    if ret:
        return ret
    world = core.world
    symbol, *args = command.argv
    name = command.event or f"{command.verb}_{symbol}_0"
    tk: TraceProbe = await kmalloc(world, lambda: kind(core, name), kind.cache)
    if is_null(tk):
        return -ENOMEM
    tk.event = await kmalloc(world, lambda: TraceProbeEvent(world, name), "trace_probe_event")
    if is_null(tk.event):
        await kfree(tk)
        return -ENOMEM
    tk.event.system = command.system or kind.system
    tk.event.flags = TRACE_EVENT_FL_DYNAMIC | TRACE_EVENT_FL_PROBE
    tk.event.fields = ("__probe_ip", *args)
    tk.event.probes = (tk,)
    tk.symbol = symbol
    tk.args = tuple(args)
    tk.verb = command.verb
    ret = await register_trace_kprobe(core, tk)
    if ret:
        await free_trace_kprobe(tk)
    return ret


async def free_trace_kprobe(tk: TraceProbe) -> None:
    """C: free_trace_kprobe(), trace_probe_cleanup(), trace_probe_unlink()."""
    event = tk.event
    event.probes = tuple(probe for probe in event.probes if probe is not tk)
    if not event.probes:
        await kfree(event)
    await kfree(tk)


async def register_trace_kprobe(core: TracingCore, tk: TraceProbe) -> int:
    """Register a probe, with its event if that is new."""
    await core.event_mutex.lock()
    old_tk = find_trace_kprobe(core, type(tk), tk.event.name, tk.event.system)
    if old_tk is not None:
        ret = await append_trace_kprobe(core, tk, old_tk)
    else:
        ret = await trace_add_event_call(core, tk.event)
        if not ret:
            tk.add()
    await core.event_mutex.unlock()
    return ret


def find_trace_kprobe(core: TracingCore, kind: type[P], event: str, group: str) -> P | None:
    """The first probe of an event.  The caller holds event_mutex."""
    for dyn in core.lists.dyn_event_list:
        if type(dyn) is kind and (dyn.event.name, dyn.event.system) == (event, group):
            return dyn
    return None


async def append_trace_kprobe(core: TracingCore, tk: TraceProbe, to: TraceProbe) -> int:
    """One more probe for an event: at another place, with arguments of the same kinds.

    C: append_trace_kprobe(), trace_probe_append(), trace_probe_compare_arg_type().
    """
    if tk.verb != to.verb or len(tk.args) != len(to.args):
        return -EEXIST
    if any((probe.symbol, probe.args) == (tk.symbol, tk.args) for probe in to.event.probes):
        return -EEXIST
    own = tk.event
    tk.event = to.event
    tk.event.probes = (*tk.event.probes, tk)
    await kfree(own)
    tk.add()
    return 0


async def unregister_trace_kprobe(core: TracingCore, tk: TraceProbe) -> int:
    """-EBUSY if the event is in use; of several probes of an event, all but the last just go.

    The caller holds event_mutex.
    """
    event = tk.event
    if len(event.probes) == 1:
        if event.users or event.perf_refcount:
            return -EBUSY
        if event.refcnt:
            return -EBUSY
        if await trace_remove_event_call(core, event):
            return -EBUSY
    tk.remove()
    return 0
