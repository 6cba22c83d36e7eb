"""The tracing core's structures, and its locks.

Source: kernel/trace/trace.h, include/linux/trace_events.h, 6.5 to 7.3.

Lock order, outermost first: dyn_event_ops_mutex, event_mutex, trace_types_lock, trace_event_sem,
then the locks of the file system.

| structure | holds |
| --- | --- |
| TracingCore | the statics: the locks, and the lists that no instance owns |
| TraceArray | an instance: a directory `events` of its own |
| TraceEventCall | an event, which all instances share |
| TraceEventFile | an event in an instance: the data of the files of its directory |
| EventSubsystem, TraceSubsystemDir | a system, and its directory in an instance |

Left out: ring buffers, tracers, pid filters, modules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from lockwright.core.location import Value
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.refcount import Refcount
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Field, Slab

if TYPE_CHECKING:
    from model.tracefs.entry import EventfsEntry
    from model.tracing.dyn_event_base import DynEvent
    from model.tracing.release import TracingRelease
    from model.tracing.tree import EventTree
    from model.vfs.objects import Dentry, SuperBlock

EVENT_FILE_FL_ENABLED = 1 << 0
EVENT_FILE_FL_SOFT_MODE = 1 << 5
EVENT_FILE_FL_SOFT_DISABLED = 1 << 6
EVENT_FILE_FL_TRIGGER_MODE = 1 << 7
EVENT_FILE_FL_FREED = 1 << 11

TRACE_EVENT_FL_IGNORE_ENABLE = 1 << 3
"""An event of ftrace itself: it has neither `enable` nor `filter`."""
TRACE_EVENT_FL_TRACEPOINT = 1 << 5
TRACE_EVENT_FL_PROBE = 1 << 6
TRACE_EVENT_FL_DYNAMIC = 1 << 7

FIRST_TYPE = 21


class Entries(NamedTuple):
    """The three static arrays, one for each kind of directory."""

    events: tuple[EventfsEntry, ...]
    system: tuple[EventfsEntry, ...]
    event: tuple[EventfsEntry, ...]


class Lists(Slab):
    """The lists that no instance owns.

    `ftrace_trace_arrays` is guarded by trace_types_lock; `ftrace_events` is changed under
    event_mutex and trace_event_sem and read under either; the others are guarded by event_mutex.
    """

    cache = "tracing"
    size = 0

    ftrace_trace_arrays: Field[tuple[TraceArray, ...]] = Field(())
    ftrace_events: Field[tuple[TraceEventCall, ...]] = Field(())
    event_subsystems: Field[tuple[EventSubsystem, ...]] = Field(())
    dyn_event_list: Field[tuple[DynEvent, ...]] = Field(())
    next_type: Field[int] = Field(FIRST_TYPE)

    __slots__ = ()


class TracingCore:
    """The statics of the tracing core; `tree` is where its directories are.

    event_mutex guards events, their files and dynamic events, in all instances; trace_types_lock
    guards the list of instances and their reference counts; trace_event_sem the list of events
    against those who walk it without event_mutex.  dyn_event_ops_mutex guards the list of kinds
    of dynamic events.  `populate` and `populate_root` make the files beside `events`, if a scenario
    wants any.
    """

    def __init__(self, sb: SuperBlock, tree: EventTree, release: TracingRelease) -> None:
        self.sb = sb
        self.world: World = sb.world
        self.tree = tree
        self.release = release
        self.dyn_event_ops_mutex = Mutex(self.world, "dyn_event_ops_mutex")
        self.event_mutex = Mutex(self.world, "event_mutex")
        self.trace_types_lock = Mutex(self.world, "trace_types_lock")
        self.trace_event_sem = RwSem(self.world, "trace_event_sem")
        self.lists = Lists(self.world, "lists")
        self.entries = Entries((), (), ())
        self.trace_instance_dir: Dentry
        self.populate: Populate | None = None
        self.populate_root: Populate | None = None


Populate = Callable[["TraceArray", "Dentry"], Awaitable[None]]


class TraceArray(Slab):
    """struct trace_array: an instance.

    `ref` is guarded by trace_types_lock; 1 is nobody but the list.  `trace_ref` counts who uses
    the current tracer.  `trace_flags` are its options; none changes here.  `events` and `systems`
    are guarded by event_mutex.  `event_dir` is the file system's handle of `events`; `dir` the
    instance's own directory.
    """

    cache = "trace_array"
    size = 8192

    ref: Field[int] = Field(0)
    trace_ref: Field[int] = Field(0)
    trace_flags: Field[int] = Field(1)
    dir: Field[Dentry] = Field(None)
    event_dir: Field[Value] = Field(None)
    events: Field[tuple[TraceEventFile, ...]] = Field(())
    systems: Field[tuple[TraceSubsystemDir, ...]] = Field(())

    __slots__ = ("core",)

    core: TracingCore

    def __init__(self, core: TracingCore, name: str) -> None:
        super().__init__(core.world, name)
        self.core = core

    @property
    def entries(self) -> Entries:
        """The static arrays."""
        return self.core.entries


class TraceEventCall(Slab):
    """struct trace_event_call: an event.  Guarded by event_mutex.

    `system` is the name of its system.  `refcnt` counts triggers and the like that use a dynamic
    event; `perf_refcount` perf's; `users` the instances in which it is enabled.  `fields` is the
    list that `format` prints.
    """

    cache = "trace_event_call"
    size = 144

    system: Field[str] = Field("")
    flags: Field[int] = Field(0)
    type: Field[int] = Field(0)
    fields: Field[tuple[str, ...]] = Field(())
    refcnt: Field[int] = Field(0)
    perf_refcount: Field[int] = Field(0)
    users: Field[int] = Field(0)

    __slots__ = ()


class EventSubsystem(Slab):
    """struct event_subsystem: a system, for all instances.  Guarded by event_mutex."""

    cache = "event_subsystem"
    size = 40

    ref_count: Field[int] = Field(1)
    filter: Field[str] = Field("")

    __slots__ = ()


class TraceSubsystemDir(Slab):
    """struct trace_subsystem_dir: the directory of a system in an instance.

    Guarded by event_mutex.  `ei` is the file system's handle.  Without a `subsystem` it is what
    opening `events/enable` makes up, for all systems.
    """

    cache = "trace_subsystem_dir"
    size = 56

    subsystem: Field[EventSubsystem] = Field(None)
    tr: Field[TraceArray] = Field(None)
    ei: Field[Value] = Field(None)
    ref_count: Field[int] = Field(0)
    nr_events: Field[int] = Field(0)

    __slots__ = ()


class TraceEventFile(Slab):
    """struct trace_event_file: an event in an instance; the data of the event's files.

    `flags`, `filter`, `triggers` and `opens` are guarded by event_mutex.  `ref` counts, in the
    releases that have it: the event itself, open files, and the event's directory.  `opens` is
    there for the intent that an event with open files is busy.
    """

    cache = "trace_event_file"
    size = 88

    ei: Field[Value] = Field(None)
    event_call: Field[TraceEventCall] = Field(None)
    system: Field[TraceSubsystemDir] = Field(None)
    tr: Field[TraceArray] = Field(None)
    flags: Field[int] = Field(0)
    sm_ref: Field[int] = Field(0)
    filter: Field[str] = Field("")
    triggers: Field[tuple[str, ...]] = Field(())
    opens: Field[int] = Field(0)

    __slots__ = ("ref",)

    ref: Refcount

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.ref = Refcount(world, 1, f"{name}->ref", owner=self)


def warn(world: World, message: str, signature: str) -> None:
    """A WARN_ON() about a count, in the running step."""
    task = world.creator
    assert isinstance(task, Task), "the kernel's code runs in a task"
    world.warn(task, "refcount", message, signature=signature)
