"""What users may expect of a file system that makes its inodes on demand: not to notice it.

Promises that a case of their own is for (`stress/scenarios/cases_d.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from invariants.objects import dentries, is_directory, mounted, open_files, value
from lockwright.core.world import World
from model.tracing.setup import Tracing


def links_are_counted(world: World) -> Iterator[str]:
    """A directory of eventfs has one link, or two and one for each directory in it.

    Source: facts E65; POSIX stat().  What is in it is what its dentry has children of.
    """
    at = mounted(world)
    for dentry in dentries(at.sb):
        inode = dentry.peek("d_inode")
        if not is_directory(inode) or not dentry.path.startswith("tracing/events"):
            continue
        there = _directories_in(at, dentry.path)
        if inode.peek("i_nlink") > 2 + there:
            yield f"{dentry.path} has {inode.peek('i_nlink')} links, and {there} directories in it"


def _directories_in(at: Tracing, path: str) -> int:
    """How many directories are in `events`, or in a directory below it, whether cached or not."""
    parts = path.split("/")[2:]
    systems = at.tr.peek("systems")
    if not parts:
        return len(systems)
    if len(parts) > 1:
        return 0
    return sum(system.peek("nr_events") for system in systems if system.name == parts[0])


def making_is_told_once(world: World) -> Iterator[str]:
    """Who watches a directory is told once that something was made in it.

    Source: facts E65; inotify(7).  For cases in which nothing is made twice.
    """
    at = mounted(world)
    counts: dict[str, int] = {}
    for event, path in at.sb.notified:
        if event in ("create", "mkdir"):
            counts[path] = counts.get(path, 0) + 1
    for path, count in sorted(counts.items()):
        if count > 1:
            yield f"that {path} was made is told {count} times"


def an_open_is_one_section(world: World) -> Iterator[str]:
    """What an open of a directory makes, it makes in one section of the directory's lock.

    Source: facts E09.  Nothing that another task makes in the directory comes in between.
    """
    for file in open_files(mounted(world)):
        sections = value(file.peek("private_data"), "sections", 0)
        if sections > 1:
            where = file.peek("f_dentry").path
            yield f"the open of {where} has locked it {sections} times to make what is in it"


def locked_down_stays(world: World) -> Iterator[str]:
    """Under lockdown nothing is made in tracefs: neither is a path found that was not there.

    Source: facts E69; security_locked_down(LOCKDOWN_TRACEFS).
    """
    for outcome in mounted(world).outcomes:
        if outcome.call == "stat under lockdown" and outcome.result == 0:
            yield f"{outcome.path} is made under lockdown"
