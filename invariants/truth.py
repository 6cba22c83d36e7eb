"""What there is, by the tracing core's own lists: what paths lead to, whatever eventfs thinks."""

from __future__ import annotations

from collections.abc import Awaitable

from lockwright.core.errors import KernelOops
from model.tracefs.entry import EventfsEntry
from model.tracing.core import TraceArray, TraceEventFile, TraceSubsystemDir
from model.tracing.setup import Tracing

CHANGES = {"create": 0, "remove": 0, "clear": 0, "mkdir": 0, "rmdir": 0}
"""Calls that change what paths lead to, and what they give when they have done so."""


def listings(at: Tracing) -> dict[str, tuple[str, ...]]:
    """The names in each directory of events, by its path as `workloads` has it; in no order."""
    found: dict[str, tuple[str, ...]] = {}
    arrays: tuple[TraceArray, ...] = at.core.lists.peek("ftrace_trace_arrays")
    for tr in arrays:
        top = "" if tr is at.tr else f"/instances/{tr.name}/events"
        systems: tuple[TraceSubsystemDir, ...] = tr.peek("systems")
        names = [system.name for system in systems]
        found[top] = (*_files(at.core.entries.events, tr), *names)
        for system in systems:
            files = _files(at.core.entries.system, system)
            path = f"{top}/{system.name}" if top else system.name
            events: tuple[TraceEventFile, ...] = tr.peek("events")
            mine = [file for file in events if file.alive and file.peek("system") is system]
            found[path] = (*files, *(file.name for file in mine))
            for file in mine:
                found[f"{path}/{file.name}"] = _files(at.core.entries.event, file)
    return found


def paths(at: Tracing) -> set[str]:
    """The paths that lead somewhere; for membership only."""
    there = listings(at)
    return {
        *there,
        *(
            f"{above}/{name}".lstrip("/") if not above.startswith("/") else f"{above}/{name}"
            for above, names in there.items()
            for name in names
        ),
    }


def changed(at: Tracing) -> list[str]:
    """The paths that tasks have made or removed: these, and what is below, may come and go.

    A system that nothing keeps comes with its first event, and goes with its last.
    """
    paths = [done.path for done in at.outcomes if CHANGES.get(done.call) == done.result]
    return paths if at.keeps else [*paths, *(path.partition("/")[0] for path in paths)]


def stays(path: str, changes: list[str]) -> bool:
    """Has nobody made or removed it, nor anything above it?

    An event comes and goes in every instance, and takes its system along where it is the only one.
    """
    if _below(path, changes):
        return False
    if not path.startswith("/instances/"):
        return True
    return not _below(
        _in_top(path), [change.partition("/")[0] for change in changes if change[0] != "/"]
    )


def _below(path: str, changes: list[str]) -> bool:
    return any(path == change or path.startswith(f"{change}/") for change in changes)


def _in_top(path: str) -> str:
    """The same path in the top instance."""
    return path.partition("/events/")[2] if path.startswith("/instances/") else path


def _files(entries: tuple[EventfsEntry, ...], data: object) -> tuple[str, ...]:
    """The names that are there by their callbacks, which never wait."""
    return tuple(entry.name for entry in entries if _result(entry.callback(entry.name, data)))


def _result(call: Awaitable[object]) -> object:
    try:
        next(call.__await__())
    except StopIteration as stop:
        return stop.value
    except KernelOops:
        return True  # what its data leads to is freed, which is for other rules to tell
    raise AssertionError("the callback of an entry waits")
