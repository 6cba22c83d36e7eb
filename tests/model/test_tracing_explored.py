"""What each release changed in the tracing core: explored without it, and with it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import pytest

from lockwright import session
from lockwright.core.result import Result
from lockwright.core.world import World
from lockwright.kernel.context import cond_resched
from lockwright.kernel.slab import Faults
from lockwright.options import Options
from lockwright.pytest_plugin.explorer import Explore
from lockwright.scenario import Scenario
from model.eventfs.latest import EventfsLatest
from model.eventfs.linux_6_6 import Eventfs66
from model.eventfs.linux_6_8 import Eventfs68
from model.eventfs.linux_6_9 import Eventfs69
from model.eventfs.linux_6_12 import Eventfs612
from model.tracefs.pinned import Pinned
from model.tracing import release
from model.tracing.core import (
    EventSubsystem,
    TraceArray,
    TraceEventCall,
    TraceEventFile,
    TraceSubsystemDir,
)
from model.tracing.dyn_event_base import DynEvent
from model.tracing.dynevent import create_dyn_event
from model.tracing.release import TracingRelease
from model.tracing.setup import Tracing, tracing
from model.vfs.err import EEXIST, ENOENT
from stress.workloads import (
    chmod,
    clear_events,
    close,
    create_event,
    drop_caches,
    hold_open,
    list_directory,
    make_instance,
    read_file,
    read_open,
    remount,
    remove_event,
    remove_instance,
    write_file,
)

KP1 = "kprobes/kp1"
IN_FOO = "/instances/foo/events/kprobes/kp1"
USED = "user_events/used"


def spawn(at: Tracing, **tasks: Coroutine[Any, Any, Any]) -> None:
    for comm, coro in tasks.items():
        at.sb.world.spawn(coro, comm)


async def begin(coro: Coroutine[Any, Any, Any]) -> None:
    await cond_resched()
    await coro


def read_vs_remove(at: Tracing, file: str) -> None:
    """The path is cached; the race is between the open file's operations and the removal."""
    at.warm(f"{KP1}/{file}")
    spawn(at, cat=read_file(at, f"{KP1}/{file}"), bash=remove_event(at, "kp1"))


def close_vs_remove(at: Tracing, file: str) -> None:
    """A file that is open is closed."""
    opened = at.boot(hold_open(at, f"{KP1}/{file}"))
    spawn(at, cat=begin(close(at, opened)), bash=remove_event(at, "kp1"))


def read_open_vs_rmdir(at: Tracing, file: str) -> None:
    """A file of an instance that is open is read."""
    opened = at.boot(hold_open(at, f"{IN_FOO}/{file}"))
    spawn(at, cat=begin(read_open(at, opened)), rmdir=remove_instance(at, "foo"))


def read_vs_remove_user_event(at: Tracing, file: str) -> None:
    async def remove() -> None:
        await create_dyn_event(at.core, "-:used")

    at.boot(create_dyn_event(at.core, "u:used u32 a"))
    at.warm(f"{USED}/{file}")
    spawn(at, cat=read_file(at, f"{USED}/{file}"), bash=remove())


EVERYTHING: dict[str, Any] = {
    "files": ("enable", "filter", "trigger", "format", "id", "hist"),
    "system_files": ("filter", "enable"),
    "top_files": ("enable", "header_page"),
    "instances": (),
    "control": True,
    "keeps": False,
}


OURS = (TraceArray, TraceEventCall, TraceEventFile, TraceSubsystemDir, EventSubsystem, DynEvent)


class Changed(NamedTuple):
    """A flag, a case that shows what it changed, and the kind and words of the finding."""

    flag: str
    case: Callable[[Tracing, str], None]
    file: str
    design: Callable[[World], Any]
    core: TracingRelease
    kind: str
    says: str


CHANGED = (
    Changed(
        "clears_i_private",
        read_vs_remove,
        "enable",
        Pinned,
        release.V6_5,
        "use-after-free",
        "trace_event_file kp1->flags",
    ),
    Changed(
        "open_holds_instance",
        read_open_vs_rmdir,
        "enable",
        Eventfs68,
        replace(release.V6_8, dir_holds_file=False),
        "use-after-free",
        "trace_event_file kp1->",
    ),
    Changed(
        "file_refs",
        close_vs_remove,
        "enable",
        Eventfs68,
        release.V6_8,
        "use-after-free",
        "trace_event_file kp1->",
    ),
    Changed(
        "hist_refs",
        read_open_vs_rmdir,
        "hist",
        Eventfs68,
        release.V6_8,
        "use-after-free",
        "trace_event_file kp1->",
    ),
    Changed(
        "dir_holds_file",
        read_vs_remove,
        "enable",
        Eventfs69,
        release.V6_9,
        "use-after-free",
        "trace_event_file kp1->tr",
    ),
    Changed(
        "format_checks",
        read_vs_remove_user_event,
        "format",
        Eventfs69,
        release.V6_12,
        "use-after-free",
        "trace_event_call used->",
    ),
)


def built(world: World, *, changed: Changed, on: bool) -> None:
    core = replace(changed.core, **{changed.flag: on})
    at = tracing(world, changed.design(world), core, files=(changed.file,), instances=("foo",))
    changed.case(at, changed.file)


def searched(changed: Changed, *, on: bool) -> Result:
    scenario = Scenario("tracing:case", partial(built, changed=changed, on=on))
    result = session.explore(scenario, Options(events=False))
    assert result.complete
    return result


@pytest.mark.parametrize("changed", CHANGED, ids=lambda changed: changed.flag)
def test_what_a_release_mended_is_broken_before_and_not_after(changed: Changed) -> None:
    broken = [f for f in searched(changed, on=False).findings if f.kind == changed.kind]
    assert any(changed.says in finding.message for finding in broken), broken
    mended = [f for f in searched(changed, on=True).findings if f.kind == changed.kind]
    assert not any(changed.says in finding.message for finding in mended), mended


def everything(at: Tracing) -> Coroutine[Any, Any, Any]:
    async def user() -> None:
        for path in (KP1, "kprobes", ""):
            for file in ("enable", "filter", "trigger", "format", "id", "hist", "header_page"):
                await read_file(at, f"{path}/{file}".lstrip("/"))
            await list_directory(at, path)
        await write_file(at, f"{KP1}/enable", "1")
        await write_file(at, "kprobes/enable", "0")
        await write_file(at, "kprobes/filter", "common_pid == 1")
        await write_file(at, "enable", "0")
        await write_file(at, f"{KP1}/trigger", "traceoff")
        await write_file(at, f"{KP1}/trigger", "!traceoff")
        await make_instance(at, "foo")
        await write_file(at, "/instances/foo/set_event", "kprobes:kp1")
        await make_instance(at, "foo")
        await create_event(at, "kp2")
        await write_file(at, "/synthetic_events", "wake u64 lat")
        await read_file(at, "/dynamic_events")
        await read_file(at, f"{IN_FOO}/enable")
        await list_directory(at, "/instances/foo/events/kprobes")
        await chmod(at, f"{KP1}/enable", 0o600)
        await remount(at, "gid=5")
        await remove_event(at, "kp2")
        await remove_instance(at, "foo")
        await drop_caches(at)
        await clear_events(at)
        await remove_event(at, "kp1")

    return user()


@pytest.mark.parametrize(
    ("design", "core"),
    [
        (Pinned, release.V6_5),
        (Eventfs68, release.V6_8),
        (partial(Eventfs69, clears_flag_at_drop=True), release.V6_9),
        (Eventfs612, release.V6_12),
        (EventfsLatest, release.V7_3),
        (EventfsLatest, replace(release.V7_3, open_is_busy=True)),
    ],
)
@pytest.mark.interleavings(seconds=None)
def test_one_user_who_does_everything_breaks_no_lock_order(
    explore: Explore, design: Callable[[World], Any], core: TracingRelease
) -> None:
    def build(world: World) -> None:
        at = tracing(world, design(world), core, **EVERYTHING)
        at.sb.world.spawn(everything(at), "bash")

    assert explore(build).assert_verified().executions == 1


def outcomes(*tasks: Callable[[Tracing], Coroutine[Any, Any, Any]]) -> set[tuple[int, ...]]:
    """What the tasks' calls come to, over all executions; none of them breaks anything."""
    seen: set[tuple[int, ...]] = set()

    def build(world: World) -> None:
        at = tracing(world, EventfsLatest(world), release.V7_3, files=(), instances=())
        at.expect("kp2")
        at.expect_instance("foo")
        for nth, task in enumerate(tasks):
            world.spawn(task(at), f"user-{nth}")

    def ended(world: World) -> list[str]:
        seen.add(tuple(task.result for task in world.tasks[: len(tasks)]))
        return []

    result = session.explore(
        Scenario("tracing:race", build, at_end=(ended,)), Options(events=False)
    )
    assert result.complete
    assert [finding.message for finding in result.findings] == []
    return seen


def test_of_two_who_make_an_instance_one_makes_it() -> None:
    """The loser is told by the directory's lookup, or by the list of instances."""
    make = partial(make_instance, name="foo")
    assert outcomes(make, make) == {(0, -EEXIST), (-EEXIST, 0)}


def test_of_two_who_make_an_event_one_makes_it() -> None:
    """The other one makes a second probe for it, at the same place."""
    make = partial(create_event, name="kp2")
    assert outcomes(make, make) == {(0, -EEXIST), (-EEXIST, 0)}


def test_of_two_who_remove_an_event_one_removes_it() -> None:
    remove = partial(remove_event, name="kp1")
    assert outcomes(remove, remove) == {(0, -ENOENT), (-ENOENT, 0)}


def test_an_event_and_an_instance_made_at_once_find_each_other() -> None:
    """Whichever comes first, the event is in the instance; the checks of events see to it."""
    assert outcomes(partial(create_event, name="kp2"), partial(make_instance, name="foo")) == {
        (0, 0)
    }


def run_with_fault(at: Tracing, coro: Coroutine[Any, Any, Any], nth: int) -> bool:
    """Run one task whose nth allocation fails; False if it makes fewer."""
    world = at.sb.world
    world.faults = Faults(world, 1)
    world.spawn(begin(coro), "bash")
    left = nth
    while enabled := world.enabled():
        op = enabled[0].pending
        chooses = op is not None and op.chooses and op.options() > 1
        world.step(enabled[0], int(chooses and left == 0))
        left -= chooses
    return left < 0


@pytest.mark.parametrize("stores", [False, True])
def test_what_a_failed_creation_returns_is_not_removed_later(stores: bool) -> None:
    """E30: one allocation after another fails while an event is made, which is removed then."""
    kinds: set[str] = set()
    nth, more = 0, True
    while more:
        world = World()
        world.faults = Faults(world, 0)
        core = replace(release.V6_6, stores_only_pointers=stores)
        at = tracing(world, Eventfs66(world), core)
        at.expect("kp2")
        more = run_with_fault(at, make_and_remove(at), nth)
        kinds |= {finding.kind for finding in world.findings}
        nth += 1
    assert nth > 5
    assert kinds == (set() if stores else {"invalid pointer"})


async def make_and_remove(at: Tracing) -> None:
    await create_event(at, "kp2")
    await remove_event(at, "kp2")


async def make_and_remove_instance(at: Tracing) -> None:
    await make_instance(at, "foo")
    await remove_instance(at, "foo")


@pytest.mark.parametrize(
    ("users", "events"), [(make_and_remove, ()), (make_and_remove_instance, ("kp1",))]
)
def test_whichever_allocation_fails_nothing_is_left_behind(
    users: Callable[[Tracing], Coroutine[Any, Any, Any]], events: tuple[str, ...]
) -> None:
    """A system made for an event's sake, the event, an instance: freed, and on no list."""
    nth, more = 0, True
    while more:
        world = World()
        world.faults = Faults(world, 0)
        at = tracing(
            world,
            EventfsLatest(world),
            release.V7_3,
            events=events,
            system_files=("enable",),
            instances=(),
            keeps=False,
        )
        before = [thing for thing in world.objects if thing.alive and isinstance(thing, OURS)]
        more = run_with_fault(at, users(at), nth)
        after = [thing for thing in world.objects if thing.alive and isinstance(thing, OURS)]
        assert after == before, f"allocation {nth} fails"
        assert [finding.message for finding in world.findings] == []
        assert len(at.core.lists.event_subsystems) == len(events)
        nth += 1
    assert nth > 5
