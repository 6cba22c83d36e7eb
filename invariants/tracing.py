"""The tracing core's objects: who keeps them.

What an open file holds is the affair of its kind and of the release; so these checks count when
no file is open any more, and every case has somebody close what was opened, or says nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator

from invariants.objects import dentries, eventfs_inodes, living, mounted, open_files, value
from lockwright.core.world import World
from model.tracing.core import (
    EVENT_FILE_FL_FREED,
    EventSubsystem,
    TraceArray,
    TraceEventCall,
    TraceEventFile,
    TraceSubsystemDir,
)
from model.tracing.trace_probe import KPROBE_EVENT_SYSTEM


def _instances(world: World) -> tuple[TraceArray, ...]:
    found: tuple[TraceArray, ...] = mounted(world).core.lists.peek("ftrace_trace_arrays")
    return found


def _quiet(world: World) -> bool:
    return not open_files(mounted(world))


def event_files_are_counted(world: World) -> Iterator[str]:
    """I16: a trace_event_file is kept by its event, and where the release has it so by its
    directory; by nobody else when no file is open.

    Source: facts 1.7, trace_event_file refs.
    """
    core = mounted(world).core
    if not _quiet(world) or not core.release.file_refs:
        return
    listed = [file for tr in _instances(world) for file in tr.peek("events")]
    kept = []
    if core.release.dir_holds_file and any(entry.release for entry in core.entries.event):
        kept = [value(ei, "data") for ei in eventfs_inodes(world)]
    for file in living(world):
        if not isinstance(file, TraceEventFile):
            continue
        owners = sum(one is file for one in listed) + sum(one is file for one in kept)
        if file.ref.value != owners:
            yield f"{file.describe()} has {file.ref.value} references, and {owners} owners"


def event_files_are_listed(world: World) -> Iterator[str]:
    """I16: a trace_event_file is on its instance's list until it is marked as freed.

    Source: facts 0.4, remove_event_file_dir().
    """
    core = mounted(world).core
    listed = [file for tr in _instances(world) for file in tr.peek("events")]
    for file in listed:
        if not file.alive or file.peek("flags") & EVENT_FILE_FL_FREED:
            yield f"{file.describe()} is freed, and on the list of its instance"
    for file in living(world):
        if not isinstance(file, TraceEventFile) or any(one is file for one in listed):
            continue
        if not core.release.file_refs or not file.peek("flags") & EVENT_FILE_FL_FREED:
            yield f"{file.describe()} is on no list, and not freed"


def instances_are_counted(world: World) -> Iterator[str]:
    """E51: an instance has one reference, that of the list, when no file is open.

    Source: facts 0.4, trace_array_get(), instance_rmdir().
    """
    if not _quiet(world):
        return
    for tr in _instances(world):
        if tr.peek("ref") != 1:
            yield f"{tr.describe()} has {tr.peek('ref')} references, and 1 owner"


def instances_are_listed(world: World) -> Iterator[str]:
    """An instance is in memory as long as it is on the list.

    Source: facts 0.4, the rules of mkdir and rmdir.
    """
    listed = _instances(world)
    for tr in listed:
        if not tr.alive:
            yield f"{tr.describe()} is freed, and on the list"
    for obj in living(world):
        if isinstance(obj, TraceArray) and not any(obj is one for one in listed):
            yield f"{obj.describe()} is on no list, and not freed"


def systems_are_counted(world: World) -> Iterator[str]:
    """A system's directory counts its events, a system its directories, when no file is open.

    Source: kernel/trace/trace_events.c, event_subsystem_dir(), remove_subsystem().
    """
    if not _quiet(world):
        return
    dirs = [dir for tr in _instances(world) for dir in tr.peek("systems")]
    files = [file for tr in _instances(world) for file in tr.peek("events")]
    for dir in living(world):
        if isinstance(dir, TraceSubsystemDir) and dir.peek("subsystem") is not None:
            events = sum(file.peek("system") is dir for file in files) + _kept(world, dir)
            owners = sum(one is dir for one in dirs)
            if (dir.peek("nr_events"), dir.peek("ref_count")) != (events, owners):
                yield (
                    f"{dir.describe()} has {dir.peek('nr_events')} events and "
                    f"{dir.peek('ref_count')} references, and {events} events and {owners} owners"
                )
    for system in living(world):
        if isinstance(system, EventSubsystem):
            owners = sum(dir.peek("subsystem") is system for dir in dirs)
            if system.peek("ref_count") != owners:
                count = system.peek("ref_count")
                yield f"{system.describe()} has {count} references, and {owners} owners"


def _kept(world: World, dir: TraceSubsystemDir) -> bool:
    """Does the scenario's set-up count one event more in it?"""
    at = mounted(world)
    return at.keeps and dir.name == KPROBE_EVENT_SYSTEM and dir.peek("tr") is at.tr


def events_are_listed(world: World) -> Iterator[str]:
    """I15: an event is in every instance, or it is gone from all, and from memory.

    Source: facts 0.4; remove returns -EBUSY or completes.
    """
    calls = mounted(world).core.lists.peek("ftrace_events")
    for call in living(world):
        if isinstance(call, TraceEventCall) and not any(call is one for one in calls):
            yield f"{call.describe()} is on no list, and not freed"
    for call in calls:
        if not call.alive:
            yield f"{call.describe()} is freed, and on the list of events"
            continue
        for tr in _instances(world):
            there = sum(file.peek("event_call") is call for file in tr.peek("events"))
            if there != 1 and not _starved(world):
                yield f"{call.describe()} is in {tr.describe()} {there} times"


def _starved(world: World) -> bool:
    """May an allocation have failed?"""
    return world.faults is not None and world.faults.armed


def data_is_there(world: World) -> Iterator[str]:
    """I3, R0: what the inode of a file that can be found leads to has not been freed.

    Source: facts 0.4, R0: no open of a file of a removed event reaches the tracing data.
    """
    at = mounted(world)
    for dentry in dentries(at.sb):
        inode = dentry.peek("d_inode")
        if inode is None or not dentry.peek("d_hashed") or _stale(dentry):
            continue
        data = inode.peek("i_private")
        if not getattr(data, "alive", True):
            yield f"{dentry.path} can be found, and leads to {data.describe()}, which is freed"


def _stale(dentry: object) -> bool:
    """Will d_revalidate() see that it is removed?"""
    ei = value(dentry, "d_fsdata")
    return bool(value(ei, "is_freed", False))
