"""Triggers of events: commands that run when an event is hit.

Source: kernel/trace/trace_events_trigger.c, trace_events_hist.c, 6.5 to 7.3.

A trigger has its event enabled, softly: it is hit, but recorded only if somebody enables it
besides.  One that is about another event keeps that one: a dynamic event cannot be removed then.
Left out: counts, filters and what the commands do.
"""

from __future__ import annotations

from model.tracing.core import TraceEventFile
from model.tracing.events import find_event_file, ftrace_event_enable_disable
from model.tracing.refs import trace_event_put_ref, trace_event_try_get_ref
from model.vfs.err import EEXIST, EINVAL, ENOENT

COMMANDS = (
    "traceon",
    "traceoff",
    "snapshot",
    "stacktrace",
    "enable_event",
    "disable_event",
    "enable_hist",
    "disable_hist",
    "hist",
)
AVAILABLE = f"# Available triggers:\n# {' '.join(COMMANDS)}\n"
ABOUT_OTHERS = ("enable_event", "disable_event", "enable_hist", "disable_hist")


def trigger_process_regex(file: TraceEventFile, command: str) -> int:
    """`COMMAND` adds a trigger, `!COMMAND` takes it off.  The caller holds event_mutex."""
    trigger = command.removeprefix("!")
    if trigger.partition(":")[0] not in COMMANDS:
        return -EINVAL
    if command == trigger:
        return register_trigger(file, trigger)
    if trigger not in file.triggers:
        return -ENOENT if is_hist(trigger) else 0
    unregister_trigger(file, trigger)
    return 0


def register_trigger(file: TraceEventFile, trigger: str) -> int:
    """C: also event_enable_trigger_parse(), hist_register_trigger()."""
    if trigger in file.triggers:
        return -EEXIST
    other = named_by(file, trigger)
    if other is None:
        return -EINVAL
    if other is not file:
        trace_event_try_get_ref(other.event_call)
        ftrace_event_enable_disable(other, enable=True, soft_disable=True)
    file.triggers = (*file.triggers, trigger)
    ftrace_event_enable_disable(file, enable=True, soft_disable=True)
    return 0


def unregister_trigger(file: TraceEventFile, trigger: str) -> None:
    """Undo that."""
    file.triggers = tuple(known for known in file.triggers if known != trigger)
    ftrace_event_enable_disable(file, enable=False, soft_disable=True)
    other = named_by(file, trigger)
    if other is not None and other is not file:
        ftrace_event_enable_disable(other, enable=False, soft_disable=True)
        trace_event_put_ref(other.event_call)


def named_by(file: TraceEventFile, trigger: str) -> TraceEventFile | None:
    """The event that `enable_event:SYSTEM:EVENT` is about; for other commands, its own."""
    kind, _, rest = trigger.partition(":")
    if kind not in ABOUT_OTHERS:
        return file
    system, _, name = rest.partition(":")
    return find_event_file(file.tr, system, name.partition(":")[0])


def clear_event_triggers(file: TraceEventFile, *, keeps_hist: bool = False) -> None:
    """Take the triggers off.  The caller holds event_mutex."""
    for trigger in file.triggers:
        if not (keeps_hist and is_hist(trigger)):
            unregister_trigger(file, trigger)


def is_hist(trigger: str) -> bool:
    """Is it a histogram?"""
    return trigger.partition(":")[0] == "hist"


def show_triggers(file: TraceEventFile) -> str:
    """What `trigger` shows.  C: trigger_start(), trigger_show()."""
    lines = [f"{t} [active]" if is_hist(t) else f"{t}:unlimited" for t in file.triggers]
    return "".join(f"{line}\n" for line in lines) or AVAILABLE


def show_hists(file: TraceEventFile) -> str:
    """What `hist` shows.  C: hist_show()."""
    hists = [trigger for trigger in file.triggers if is_hist(trigger)]
    return "\n\n".join(f"# event histogram\n#\n# trigger info: {t} [active]\n#\n" for t in hists)
