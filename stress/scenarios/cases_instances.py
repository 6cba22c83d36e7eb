"""Instances: made by mkdir, removed by rmdir, while somebody is in them."""

from __future__ import annotations

from model.tracing.setup import Tracing
from model.vfs.err import EBUSY, EEXIST, ENODEV, ENOENT
from stress.scenarios.case import ENTRIES, KREFS, LAZY, case, spawn
from stress.workloads import (
    close,
    create_event,
    drop_caches,
    forget_instance,
    gives,
    held,
    hold_open,
    list_open,
    make_directory,
    make_instance,
    owner_of,
    read_file,
    read_from,
    read_open,
    reclaim_one,
    remount,
    remove_event,
    remove_instance,
    set_enabled,
    stat,
    stat_from,
    warm,
)

FOO = "/instances/foo"
FOO_EVENTS = f"{FOO}/events"
FOO_KP1 = f"{FOO_EVENTS}/kprobes/kp1"
FOO_ENABLE = f"{FOO_KP1}/enable"


@case("enable", instances=(), only=KREFS)
def instance_alone(at: Tracing) -> None:
    """An instance is made, used, refused to go while a file is open, removed, and made again."""

    async def user() -> None:
        for _ in range(2):
            await gives(at, make_instance(at, "foo"), 0)
            await gives(at, make_instance(at, "foo"), -EEXIST)
            await gives(at, read_file(at, FOO_ENABLE), "0\n")
            await gives(at, remove_instance(at, "foo"), 0)
            await gives(at, stat(at, FOO_ENABLE), -ENOENT)
            await gives(at, stat(at, FOO), -ENOENT)
            await gives(at, remove_instance(at, "foo"), -ENOENT)

    spawn(at, ("bash", user()))


@case("enable", instances=("foo",), only=KREFS)
def instance_busy(at: Tracing) -> None:
    """E51: an instance with an open event file stays; without, it goes."""

    async def user() -> None:
        file = await hold_open(at, FOO_ENABLE)
        await gives(at, remove_instance(at, "foo"), -EBUSY)
        await gives(at, read_open(at, file), "0\n")
        await close(at, file)
        await gives(at, stat(at, FOO_ENABLE), 0)
        await gives(at, remove_instance(at, "foo"), 0)
        await gives(at, stat(at, FOO_ENABLE), -ENOENT)

    spawn(at, ("bash", user()))


@case("enable", instances=("foo",), only=KREFS)
def instance_stale(at: Tracing) -> None:
    """An instance is removed with its directories open: it goes, and they can be closed."""

    async def user() -> None:
        held = [await hold_open(at, path) for path in (FOO, FOO_EVENTS, FOO_KP1)]
        await gives(at, remove_instance(at, "foo"), 0)
        await drop_caches(at)
        for file in held:
            await close(at, file)
        await drop_caches(at)
        await gives(at, make_instance(at, "foo"), 0)
        await gives(at, stat(at, FOO_ENABLE), 0)

    spawn(at, ("bash", user()))


@case("enable", instances=("foo",), only=(*KREFS, "tracefs/pinned"))
def instance_event_alone(at: Tracing) -> None:
    """An event comes and goes in all instances; enabled in one of them it stays in all."""

    async def user() -> None:
        await gives(at, create_event(at, "kp2"), 0)
        await gives(at, stat(at, f"{FOO_EVENTS}/kprobes/kp2/enable"), 0)
        await gives(at, set_enabled(at, f"{FOO_EVENTS}/kprobes/kp2/enable", on=True), 0)
        await gives(at, remove_event(at, "kp2"), -EBUSY)
        await gives(at, stat(at, "kprobes/kp2"), 0)
        await gives(at, set_enabled(at, f"{FOO_EVENTS}/kprobes/kp2/enable", on=False), 0)
        await gives(at, remove_event(at, "kp2"), 0)
        await gives(at, stat(at, "kprobes/kp2"), -ENOENT)
        await gives(at, stat(at, f"{FOO_EVENTS}/kprobes/kp2"), -ENOENT)

    at.expect("kp2")
    spawn(at, ("bash", user()))


@case("enable", instances=(), only=("eventfs/linux_6_12", "eventfs/latest"))
def instance_owner(at: Tracing) -> None:
    """An instance that is made has the owner that remounting has given to what it is made in."""

    async def user() -> None:
        await gives(at, remount(at, "uid=9,gid=10"), 0)
        await gives(at, make_instance(at, "foo"), 0)
        for path in (FOO, FOO_EVENTS, FOO_KP1, FOO_ENABLE):
            await gives(at, owner_of(at, path), (9, 10))

    at.expect_instance("foo")
    spawn(at, ("mkdir", user()))


@case(instances=(), but=("eventfs/v?",))
def mkdir_vs_mkdir(at: Tracing) -> None:
    """Two tasks make one instance: one does, one is told that it exists."""
    instances = held(at, "/instances")
    at.expect_instance("foo")
    spawn(
        at,
        ("mkdir-1", gives(at, make_directory(at, instances, "foo"), 0, -EEXIST)),
        ("mkdir-2", gives(at, make_directory(at, instances, "foo"), 0, -EEXIST)),
    )


@case(instances=(), but=("eventfs/v?",))
def mkdir_vs_rmdir(at: Tracing) -> None:
    """An instance is made by one task and removed by another as soon as it is there."""
    instances = held(at, "/instances")
    at.expect_instance("foo")
    spawn(
        at,
        ("mkdir", gives(at, make_directory(at, instances, "foo"), 0)),
        ("rmdir", gives(at, forget_instance(at, "foo"), 0, -ENODEV)),
    )


@case(instances=("foo",), but=("eventfs/v?",))
def rmdir_vs_rmdir(at: Tracing) -> None:
    """Two tasks remove one instance: one does."""
    spawn(
        at,
        ("rmdir-1", gives(at, forget_instance(at, "foo"), 0, -ENODEV)),
        ("rmdir-2", gives(at, forget_instance(at, "foo"), 0, -ENOENT, -ENODEV)),
    )


@case(instances=("foo",), only=LAZY)
def rmdir_vs_lookup(at: Tracing) -> None:
    """A directory in an instance is looked up while the instance is removed."""
    kprobes = held(at, f"{FOO_EVENTS}/kprobes")
    spawn(
        at,
        ("stat", gives(at, stat_from(at, kprobes, "kp1"), 0, -ENOENT)),
        ("rmdir", gives(at, forget_instance(at, "foo"), 0)),
    )


@case("enable", instances=("foo",), only=ENTRIES)
def rmdir_vs_read(at: Tracing) -> None:
    """S9: a file of an instance is opened and read while the instance is removed."""
    directory = held(at, FOO_KP1)
    spawn(
        at,
        ("cat", gives(at, read_from(at, directory, "enable"), "0\n", -ENOENT, -ENODEV)),
        ("rmdir", gives(at, forget_instance(at, "foo"), 0, -EBUSY)),
    )


@case("enable", instances=("foo",), only=ENTRIES)
def rmdir_vs_close(at: Tracing) -> None:
    """S9: a file of an instance is closed while the instance is removed."""
    file = held(at, FOO_ENABLE)
    spawn(
        at,
        ("cat", close(at, file)),
        ("rmdir", gives(at, forget_instance(at, "foo"), 0, -EBUSY)),
    )


@case(instances=("foo",), but=("eventfs/v?",))
def rmdir_vs_list(at: Tracing) -> None:
    """A directory in an instance is listed while the instance is removed."""
    kprobes = held(at, f"{FOO_EVENTS}/kprobes")
    spawn(
        at,
        ("ls", list_open(at, kprobes)),
        ("rmdir", gives(at, forget_instance(at, "foo"), 0)),
    )


@case(instances=("foo",), only=LAZY, but=("eventfs/v?",))
def rmdir_vs_create(at: Tracing) -> None:
    """An event is made while an instance is removed."""
    at.expect("kp2")
    spawn(
        at,
        ("bash", gives(at, create_event(at, "kp2"), 0)),
        ("rmdir", gives(at, forget_instance(at, "foo"), 0)),
    )


@case(instances=("foo",), only=LAZY, but=("eventfs/v?",))
def rmdir_vs_remove(at: Tracing) -> None:
    """An event is removed while an instance is."""
    spawn(
        at,
        ("bash", gives(at, remove_event(at, "kp1"), 0)),
        ("rmdir", gives(at, forget_instance(at, "foo"), 0)),
    )


@case(instances=("foo",), only=KREFS)
def rmdir_vs_reclaim(at: Tracing) -> None:
    """An instance is removed while an unused dentry in it is reclaimed."""
    warm(at, FOO_KP1)
    spawn(
        at,
        ("rmdir", gives(at, forget_instance(at, "foo"), 0)),
        ("kswapd0", reclaim_one(at, FOO_KP1)),
    )
