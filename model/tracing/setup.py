"""A mounted tracefs with events, brought there by the kernel's own functions.

What it leaves has been lived through by `boot()`, before the first task of a scenario.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

from lockwright.core.boot import boot
from lockwright.core.location import Value
from lockwright.core.schedule import STEPS_MAX
from lockwright.core.world import World
from model.tracefs.inode import as_directory, tracefs_get_inode
from model.tracefs.instances import tracefs_create_instance_dir
from model.tracefs.remount import Remounts, tracefs_remount
from model.tracing.control import Control
from model.tracing.core import TraceArray, TraceEventFile, TracingCore
from model.tracing.dynevent import create_or_delete_trace_kprobe
from model.tracing.entries import Callbacks, static_entries
from model.tracing.events import event_subsystem_dir
from model.tracing.instance import instance_mkdir, instance_rmdir
from model.tracing.release import TracingRelease
from model.tracing.static_events import add_static_event
from model.tracing.trace_probe import KPROBE_EVENT_SYSTEM
from model.tracing.tracer import event_trace_add_tracer
from model.tracing.tree import EventTree
from model.vfs.libfs import simple_lookup
from model.vfs.objects import (
    Dentry,
    DentryOperations,
    InodeOperations,
    SuperBlock,
    SuperOperations,
)
from model.vfs.reclaim import register_shrinker
from model.vfs.syscalls import __do_sys_newfstatat

Result: TypeAlias = int | str | tuple[str, ...]
"""An errno or 0, what was read, or the names that a listing gave."""

ROOT = "tracing"


class FileSystem(Remounts, Protocol):
    """What a design's class has."""

    @property
    def dentry_operations(self) -> DentryOperations | None: ...

    @property
    def super_operations(self) -> SuperOperations: ...

    @property
    def tree(self) -> EventTree: ...


class Outcome(NamedTuple):
    """What a call of some task came to: `("stat", "kprobes/kp1", 0)`."""

    call: str
    path: str
    result: Result


@dataclass(slots=True)
class Tracing:
    """The handles of one world; `world.state` of every scenario of a design.

    `tr` is the top instance, `top` the dentry of its directory `events`, if that has one.
    `keeps` says that its system `kprobes` counts one event more than there are.
    `outcomes` has what the tasks' calls gave, in no order that means anything.
    """

    sb: SuperBlock
    fs: Value
    core: TracingCore
    tr: TraceArray
    keeps: bool
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def release(self) -> TracingRelease:
        """The tracing core's."""
        return self.core.release

    @property
    def instances(self) -> dict[str, TraceArray]:
        """The instances that are there now, by name, without the top one."""
        arrays: tuple[TraceArray, ...] = self.core.lists.peek("ftrace_trace_arrays")
        return {tr.name: tr for tr in arrays if tr is not self.tr}

    @property
    def top(self) -> Dentry:
        """The dentry of `events`: NULL for a file system that has none just now."""
        children: tuple[Dentry, ...] = self.sb.s_root.peek("d_children")
        for child in children:
            if child.d_name == "events" and child.peek("d_inode") is not None:
                return child
        return None  # type: ignore[return-value]  # NULL

    @property
    def events(self) -> dict[str, TraceEventFile]:
        """The events of the top instance by name, unseen by the machine."""
        files: tuple[TraceEventFile, ...] = self.tr.peek("events")
        return {file.name: file for file in files}

    def boot(self, coro: Coroutine[Any, Any, Any], *, steps_max: int = STEPS_MAX) -> Value:
        """Let something have happened before the first task, in so many steps at most."""
        return boot(self.sb.world, coro, steps_max=steps_max)

    def warm(self, path: str) -> None:
        """Let a path below `events` have been looked up, and not be in use any more."""
        full = f"events/{path}" if path else "events"
        ret = self.boot(_stat(self.sb.s_root, full))
        assert not ret, f"{full} is there: {ret}"

    def expect(self, name: str) -> None:
        """An event of this name may be made by a task."""
        for tr in ("", *(f"/instances/{instance}" for instance in self.instances)):
            at = f"{ROOT}{tr}/events/{KPROBE_EVENT_SYSTEM}/{name}"
            self.sb.declare(at)
            for entry in self.core.entries.event:
                self.sb.declare(f"{at}/{entry.name}")

    def expect_instance(self, name: str) -> None:
        """An instance of this name may be made by a task, with the events known by now."""
        for path in (*self.sb.slots, f"{ROOT}/events"):
            if path == f"{ROOT}/events" or path.startswith(f"{ROOT}/events/"):
                self.sb.declare(f"{ROOT}/instances/{name}/{path.removeprefix(f'{ROOT}/')}")


async def _stat(dfd: Dentry, path: str) -> Value:
    return await __do_sys_newfstatat(dfd, path)  # within a class the name would be mangled


async def _mount(sb: SuperBlock) -> None:
    """The root of tracefs, an ordinary directory, which its mount holds."""
    inode = await tracefs_get_inode(sb, ROOT)
    as_directory(inode, InodeOperations(lookup=simple_lookup))
    root = Dentry(sb, None, ROOT)
    root.d_inode = inode
    root.d_hashed = True
    sb.s_root = root


async def _live(
    at: Tracing,
    static_events: tuple[tuple[str, str], ...],
    events: tuple[str, ...],
    instances: tuple[str, ...] | None,
    *,
    keeps: bool,
) -> None:
    await _begin(at, static_events, keeps=keeps)
    await _populate(at, events, instances)


async def _begin(at: Tracing, static_events: tuple[tuple[str, str], ...], *, keeps: bool) -> None:
    """The directory `events` of the top instance.  C: event_trace_init()."""
    core, tr = at.core, at.tr
    await core.event_mutex.lock()
    ret = await event_trace_add_tracer(at.sb.s_root, tr)
    for system, name in static_events:
        await add_static_event(core, system, name)
    if keeps:
        await event_subsystem_dir(tr, KPROBE_EVENT_SYSTEM)
    await core.event_mutex.unlock()
    assert not ret, f"the directory events is there: {ret}"
    if core.populate_root is not None:
        await core.populate_root(tr, at.sb.s_root)


async def _populate(
    at: Tracing, events: tuple[str, ...], instances: tuple[str, ...] | None
) -> None:
    core = at.core
    for name in events:
        error = await create_or_delete_trace_kprobe(core, f"p:{name} vfs_read")
        assert not error, f"event {name} is there: {error}"
    if instances is None:
        return
    core.trace_instance_dir = await tracefs_create_instance_dir(
        "instances",
        at.sb.s_root,
        lambda name: instance_mkdir(core, name),
        lambda name: instance_rmdir(core, name),
    )
    for name in instances:
        error = await instance_mkdir(core, name)
        assert not error, f"instance {name} is there: {error}"


def tracing(
    world: World,
    fs: FileSystem,
    release: TracingRelease,
    *,
    events: tuple[str, ...] = ("kp1",),
    files: tuple[str, ...] = ("enable",),
    system_files: tuple[str, ...] = (),
    top_files: tuple[str, ...] = (),
    instances: tuple[str, ...] | None = None,
    static_events: tuple[tuple[str, str], ...] = (),
    keeps: bool = True,
    control: bool = False,
    rcu_late: bool = False,
) -> Tracing:
    """Mount tracefs on a file system of a design, with kprobe events, all cold.

    `files`, `system_files` and `top_files` say which files there are in an event's directory, a
    system's, and `events`; `instances` which instances, None for no directory of them.  With
    `keeps` the system `kprobes` of the top instance counts one event more than there are, so that
    it stays when they go.  `static_events` are (system, name) of events that always were, in the
    order of a listing.  With `control` there are the files beside `events`, too.
    """
    sb = SuperBlock(world, rcu_late=rcu_late)
    sb.s_d_op = fs.dentry_operations
    sb.s_op = replace(fs.super_operations, remount=partial(tracefs_remount, fs))
    core = TracingCore(sb, fs.tree, release)
    calls = Callbacks(core)
    core.entries = static_entries(
        calls, files=files, system_files=system_files, top_files=top_files
    )
    boot(world, _mount(sb))
    tr = TraceArray(core, "")
    tr.ref = 1
    core.lists.ftrace_trace_arrays = (tr,)
    at = Tracing(sb, fs, core, tr, keeps=keeps)
    if control:
        beside = Control(core, calls.event_files, calls.system_files)
        core.populate = beside.populate
        core.populate_root = beside.populate_root
    boot(world, _live(at, static_events, events, instances, keeps=keeps))
    register_shrinker(sb)
    for name in events:
        at.expect(name)
    for name in instances or ():
        at.expect_instance(name)
    world.state = at
    return at
