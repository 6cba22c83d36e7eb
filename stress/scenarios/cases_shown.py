"""One task alone: what is shown of files and directories, by stat() and in listings."""

from __future__ import annotations

from model.tracing.setup import Tracing
from model.vfs.err import (
    EINVAL,
    ENOENT,
    ENOTDIR,
)
from stress.scenarios.case import KREFS, case, spawn
from stress.workloads import (
    attributes,
    chmod,
    chown,
    close,
    create_event,
    drop_caches,
    gives,
    hold_open,
    links_of,
    list_directory,
    list_open,
    mode_of,
    owner_of,
    read_file,
    remount,
    remove_event,
    rewind,
    shown,
    stat,
    write_file,
)

KPROBES = "kprobes"
KP1 = "kprobes/kp1"
ENABLE = "kprobes/kp1/enable"
FILTER = "kprobes/kp1/filter"
FILES = ("enable", "filter")
DIRECTORY = (True, 0o755, 0, 0, 1)
FILE = (False, 0o640, 0, 0, 1)


@case(*FILES, only=KREFS)
def attributes_alone(at: Tracing) -> None:
    """Modes and owners that were set outlast dropped caches, not a removal."""

    async def user() -> None:
        fresh = await mode_of(at, ENABLE)
        await gives(at, chmod(at, ENABLE, 0o600), 0)
        await gives(at, chown(at, ENABLE, 5, None), 0)
        await gives(at, chown(at, FILTER, None, 6), 0)
        await gives(at, chmod(at, KP1, 0o711), 0)
        await gives(at, chown(at, KP1, 7, 8), 0)
        for _ in range(2):
            await gives(at, mode_of(at, ENABLE), 0o600)
            await gives(at, owner_of(at, ENABLE), (5, 0))
            await gives(at, mode_of(at, FILTER), fresh)
            await gives(at, owner_of(at, FILTER), (0, 6))
            await gives(at, mode_of(at, KP1), 0o711)
            await gives(at, owner_of(at, KP1), (7, 8))
            await drop_caches(at)
        await gives(at, chmod(at, ENABLE, 0o604), 0)
        await gives(at, mode_of(at, ENABLE), 0o604)
        await gives(at, owner_of(at, ENABLE), (5, 0))
        await gives(at, remove_event(at, "kp1"), 0)
        await gives(at, create_event(at, "kp1"), 0)
        await gives(at, mode_of(at, ENABLE), fresh)
        await gives(at, owner_of(at, ENABLE), (0, 0))
        await gives(at, mode_of(at, KP1), 0o755)

    spawn(at, ("bash", user()))


@case(*FILES, only=("eventfs/linux_6_12", "eventfs/latest"))
def remount_alone(at: Tracing) -> None:
    """E66, E67: a remount with owners overrides those that were set, cached or not."""

    async def user() -> None:
        for cached in (True, False):
            for path in (ENABLE, KP1, KPROBES):
                await gives(at, chown(at, path, 5, 6), 0)
            await gives(at, chmod(at, ENABLE, 0o600), 0)
            if not cached:
                await drop_caches(at)
            await gives(at, remount(at, "uid=9"), 0)
            for path in (ENABLE, KP1, KPROBES):
                await gives(at, owner_of(at, path), (9, 6))
            await gives(at, remount(at, "gid=10"), 0)
            for path in (ENABLE, KP1, KPROBES):
                await gives(at, owner_of(at, path), (9, 10))
            await gives(at, mode_of(at, ENABLE), 0o600)
        await gives(at, create_event(at, "kp2"), 0)
        await gives(at, owner_of(at, "kprobes/kp2"), (9, 10))
        await gives(at, owner_of(at, "kprobes/kp2/enable"), (9, 10))
        await gives(at, owner_of(at, FILTER), (9, 10))
        await gives(at, remount(at, "uid=x"), -EINVAL)

    at.expect("kp2")
    spawn(at, ("mount", user()))


@case(
    *FILES,
    "btf_ids",
    "hist",
    "format",
    events=("kp1", "kp3"),
    system_files=("filter", "enable"),
    top_files=("enable", "header_page"),
    only=KREFS,
)
def small_buffers(at: Tracing) -> None:
    """E62: with a buffer for one name or two a listing has the same names, once, in one order.

    `btf_ids` is there in 7.3, and hidden: the callback of a kprobe says no.
    """

    async def user() -> None:
        for path in ("", KPROBES, KP1):
            whole = await list_directory(at, path)
            for limit in (1, 2, 3):
                await gives(at, list_directory(at, path, limit), whole)
        directory = await hold_open(at, KPROBES)
        names = await list_open(at, directory, limit=2)
        await gives(at, rewind(at, directory), 0)
        await gives(at, list_open(at, directory), names)
        await gives(at, list_open(at, directory, once=True), ())
        await close(at, directory)

    spawn(at, ("ls", user()))


@case(*FILES, "btf_ids", only=("eventfs/latest",))
def hidden_alone(at: Tracing) -> None:
    """A file whose callback says no is neither listed nor found."""

    async def user() -> None:
        for _ in range(2):
            await gives(at, stat(at, f"{KP1}/btf_ids"), -ENOENT)
            await gives(at, list_directory(at, KP1), FILES)
            await gives(at, stat(at, ENABLE), 0)

    spawn(at, ("stat", user()))


@case("enable", system_files=("enable",), only=KREFS)
def named_like_a_file(at: Tracing) -> None:
    """An event is called like a file beside it: both are listed, and the event is found."""

    async def user() -> None:
        await gives(at, stat(at, "kprobes/enable"), 0)
        await gives(at, create_event(at, "enable"), 0)
        await gives(at, list_directory(at, KPROBES), ("enable", "kp1", "enable"))
        await drop_caches(at)
        await gives(at, stat(at, "kprobes/enable/enable"), 0)
        await gives(at, remove_event(at, "enable"), 0)
        await gives(at, stat(at, "kprobes/enable/enable"), -ENOTDIR)
        await gives(at, read_file(at, "kprobes/enable"), "0\n")

    at.expect("enable")
    spawn(at, ("bash", user()))


@case(
    "enable",
    events=("kp1", "kp3"),
    system_files=("filter", "enable"),
    top_files=("enable", "header_page"),
    only=KREFS,
)
def upper_files_alone(at: Tracing) -> None:
    """The files of a system and of `events` rule all events below, and go with the system."""

    async def user() -> None:
        await gives(at, write_file(at, "kprobes/enable", "1"), 0)
        for path in (ENABLE, "kprobes/kp3/enable", "kprobes/enable", "enable"):
            await gives(at, read_file(at, path), "1\n")
        await gives(at, write_file(at, "enable", "0"), 0)
        for path in (ENABLE, "kprobes/kp3/enable", "kprobes/enable", "enable"):
            await gives(at, read_file(at, path), "0\n")
        await gives(at, chmod(at, "kprobes/enable", 0o600), 0)
        await gives(at, chmod(at, "header_page", 0o604), 0)
        await drop_caches(at)
        await gives(at, mode_of(at, "kprobes/enable"), 0o600)
        await gives(at, mode_of(at, "header_page"), 0o604)

    spawn(at, ("bash", user()))


@case("enable", instances=("foo",), only=KREFS)
def kinds_alone(at: Tracing) -> None:
    """What stat() shows of what nobody has changed: kinds, modes, owners and links."""

    async def user() -> None:
        for path in ("", KPROBES, KP1, "/instances/foo/events"):
            await gives(at, shown(at, path), DIRECTORY)
        for path in (ENABLE, "/instances/foo/events/kprobes/kp1/enable"):
            await gives(at, shown(at, path), FILE)
        await gives(at, links_of(at, "/instances/foo"), 3)
        await gives(at, links_of(at, "/instances"), 3)
        await gives(at, links_of(at, "/"), 4)

    spawn(at, ("stat", user()))


@case("enable", events=("kp1", "kp3"), only=KREFS)
def numbers_alone(at: Tracing) -> None:
    """I14: the number of a directory is its own, and outlasts dropped caches."""

    async def user() -> None:
        for _ in range(2):
            for path in ("", KPROBES, KP1):
                await list_directory(at, path)
            for path in (KPROBES, KP1, "kprobes/kp3", ENABLE, "kprobes/kp3/enable"):
                await attributes(at, path)
            await drop_caches(at)

    spawn(at, ("find", user()))
