"""Cases for the designs that know each file (v3, v4, 6.6), where no general case is enough."""

from __future__ import annotations

from invariants.eventfs_file import (
    an_open_is_one_section,
    links_are_counted,
    locked_down_stays,
    making_is_told_once,
)
from lockwright.kernel.once import WRITE_ONCE
from lockwright.kernel.variable import Variable
from model.tracing.setup import Outcome, Tracing
from model.vfs.syscalls import __do_sys_newfstatat
from stress.scenarios.case import case, spawn
from stress.scenarios.cases import ENABLE, KP1
from stress.workloads import (
    attributes,
    chmod,
    close,
    create_event,
    drop_caches,
    full,
    hold_open,
    make_instance,
    open_and_close,
    reclaim_one,
    remove_event,
    remove_instance,
    stat,
    stat_from,
)

ANY = ("eventfs/*",)
KNOWS_FILES = ("eventfs/v3", "eventfs/v4", "eventfs/linux_6_6")


@case(only=ANY)
def open_close_empty(at: Tracing) -> None:
    """A directory that has nothing in it is opened and closed."""
    spawn(at, ("ls", open_and_close(at, KP1)))


@case("enable", "filter", only=KNOWS_FILES, at_end=(an_open_is_one_section,))
def open_cold(at: Tracing) -> None:
    """A directory with two cold files is opened, while a third name is looked up in it."""
    at.warm(KP1)
    at.sb.declare(f"tracing/events/{KP1}/missing")
    spawn(at, ("ls", hold_open(at, KP1)), ("stat", stat(at, f"{KP1}/missing")))


@case("enable", only=ANY)
def open_vs_prune(at: Tracing) -> None:
    """A directory is opened while the shrinker takes the one file in it, which is cached."""
    at.warm(ENABLE)
    spawn(at, ("ls", hold_open(at, KP1)), ("kswapd0", reclaim_one(at, ENABLE)))


@case("enable", only=ANY)
def lookup_vs_prune(at: Tracing) -> None:
    """A file is looked up while the shrinker takes its dentry."""
    at.warm(ENABLE)
    spawn(at, ("stat", stat(at, ENABLE)), ("kswapd0", reclaim_one(at, ENABLE)))


@case(only=ANY, at_end=(links_are_counted, making_is_told_once))
def stat_reclaim_stat(at: Tracing) -> None:
    """A directory is looked at, falls out of the caches, and is looked at again, twice."""

    async def user() -> None:
        for _ in range(3):
            await attributes(at, "kprobes")
            await drop_caches(at)

    spawn(at, ("find", user()))


@case("enable", only=ANY)
def open_create_close(at: Tracing) -> None:
    """The directory of all kprobes is open while an event is made and a file of it looked up."""

    async def user() -> None:
        file = await hold_open(at, "kprobes")
        await create_event(at, "kp2")
        await stat(at, "kprobes/kp2/enable")
        await close(at, file)

    at.expect("kp2")
    spawn(at, ("bash", user()))


@case(only=ANY)
def lookup_vs_remove_reclaim(at: Tracing) -> None:
    """A cold directory is looked up while its event is removed; then caches are dropped."""

    async def remover() -> None:
        await remove_event(at, "kp1")
        await drop_caches(at)

    spawn(at, ("stat", stat(at, KP1)), ("bash", remover()))


@case("enable", "filter", only=ANY)
def open_remove_close(at: Tracing) -> None:
    """A directory stays open while its event is removed: the page fault of the mail thread."""

    async def user() -> None:
        file = await hold_open(at, KP1)
        await remove_event(at, "kp1")
        await close(at, file)

    at.warm(KP1)
    spawn(at, ("bash", user()))


@case("enable", only=ANY)
def open_remove_lookup(at: Tracing) -> None:
    """A directory stays open while its event is removed, and is looked into after that."""

    async def user() -> None:
        file = await hold_open(at, KP1)
        await remove_event(at, "kp1")
        await stat_from(at, file, "enable")
        await close(at, file)

    spawn(at, ("bash", user()))


@case(only=ANY)
def chmod_events(at: Tracing) -> None:
    """The directory `events` gets another mode."""

    async def user() -> None:
        await chmod(at, "", 0o700)

    spawn(at, ("chmod", user()))


@case("enable", only=KNOWS_FILES, at_end=(locked_down_stays,))
def create_locked_down(at: Tracing) -> None:
    """An event is made under lockdown, and looked up."""
    at.sb.lockdown = Variable(at.sb.world, 1, "lockdown")

    async def user() -> None:
        await create_event(at, "kp2")
        result = await __do_sys_newfstatat(at.sb.s_root, full("kprobes/kp2/enable"))
        at.outcomes.append(Outcome("stat under lockdown", "kprobes/kp2/enable", result))

    at.expect("kp2")
    spawn(at, ("bash", user()))


@case(only=ANY, instances=())
def mkdir_vs_lockdown(at: Tracing) -> None:
    """An instance is made while tracefs is locked down."""
    at.sb.lockdown = lockdown = Variable(at.sb.world, 0, "lockdown")

    async def admin() -> None:
        await WRITE_ONCE(lockdown, 1)

    at.expect_instance("foo")
    spawn(at, ("mkdir", make_instance(at, "foo")), ("admin", admin()))


@case("enable", only=ANY, faults=1)
def create_then_remove_without_memory(at: Tracing) -> None:
    """An event is made and removed, and an allocation fails."""

    async def user() -> None:
        await create_event(at, "kp2")
        await remove_event(at, "kp2")

    at.expect("kp2")
    spawn(at, ("bash", user()))


@case(only=ANY, instances=(), top_files=("enable",))
def make_and_remove_instance(at: Tracing) -> None:
    """An instance is made and removed again."""

    async def user() -> None:
        await make_instance(at, "foo")
        await remove_instance(at, "foo")

    at.expect_instance("foo")
    spawn(at, ("bash", user()))


@case(events=(), only=ANY, instances=("foo",), top_files=("enable",))
def open_vs_rmdir(at: Tracing) -> None:
    """The events directory of an instance is opened while the instance is removed."""
    spawn(
        at,
        ("ls", hold_open(at, "/instances/foo/events")),
        ("rmdir", remove_instance(at, "foo")),
    )
