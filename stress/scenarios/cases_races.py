"""Two and three tasks at once, on one event or on two: every pair of operations that can meet.

The classic cases of the mails are in `cases.py`; instances are in `cases_instances.py`.  What a
task must get although others are at work stands beside its call (`gives`).
"""

from __future__ import annotations

from model.tracing.setup import Tracing
from model.vfs.err import EBUSY, EEXIST, ENODEV, ENOENT
from model.vfs.namei import O_RDWR
from stress.scenarios.case import ENTRIES, KREFS, LAZY, case, spawn
from stress.workloads import (
    chmod,
    close,
    create_event,
    drop_caches,
    gives,
    held,
    list_directory,
    list_open,
    mode_of,
    open_and_close,
    read_file,
    read_open,
    reclaim_one,
    remove_event,
    remove_then_stat,
    set_enabled,
    stat,
    stat_from,
    write_open,
)

KPROBES = "kprobes"
KP1 = "kprobes/kp1"
ENABLE = "kprobes/kp1/enable"


# Lookups, listings and the shrinker.


@case("enable")
def lookup_vs_reclaim(at: Tracing) -> None:
    """S5: a cached file is looked up while unused dentries are reclaimed."""
    at.warm(ENABLE)
    spawn(at, ("stat", gives(at, stat(at, ENABLE), 0)), ("kswapd0", drop_caches(at)))


@case("enable")
def open_vs_reclaim(at: Tracing) -> None:
    """A cached directory is opened and closed while unused dentries are reclaimed."""
    at.warm(ENABLE)
    spawn(at, ("ls", open_and_close(at, KP1)), ("kswapd0", drop_caches(at)))


@case("enable")
def read_vs_reclaim(at: Tracing) -> None:
    """A cached file is read while unused dentries are reclaimed."""
    at.warm(ENABLE)
    spawn(at, ("cat", gives(at, read_file(at, ENABLE), "0\n")), ("kswapd0", drop_caches(at)))


@case("enable", only=LAZY)
def two_lookups_and_reclaim(at: Tracing) -> None:
    """Two tasks look one directory up while its dentry is reclaimed."""
    at.warm(KP1)
    kprobes = held(at, "kprobes")
    spawn(
        at,
        ("stat-1", gives(at, stat_from(at, kprobes, "kp1"), 0)),
        ("stat-2", gives(at, stat_from(at, kprobes, "kp1"), 0)),
        ("kswapd0", reclaim_one(at, KP1)),
    )


@case("enable")
def lookup_vs_lookup_dir(at: Tracing) -> None:
    """Two tasks look up one cold directory."""
    spawn(at, ("stat-1", gives(at, stat(at, KP1), 0)), ("stat-2", gives(at, stat(at, KP1), 0)))


@case("enable", "filter")
def lookup_vs_sibling(at: Tracing) -> None:
    """Two tasks look up two cold files of one directory."""
    at.warm(KP1)
    spawn(
        at,
        ("stat-1", gives(at, stat(at, ENABLE), 0)),
        ("stat-2", gives(at, stat(at, f"{KP1}/filter"), 0)),
    )


@case("enable", but=("eventfs/v?",))
def list_vs_list(at: Tracing) -> None:
    """S6: two tasks list one cold directory."""
    at.warm(KP1)
    spawn(
        at,
        ("ls-1", gives(at, list_directory(at, KP1), ("enable",))),
        ("ls-2", gives(at, list_directory(at, KP1), ("enable",))),
    )


@case("enable", but=("eventfs/v?",))
def list_vs_list_above(at: Tracing) -> None:
    """Two tasks list the directory of all kprobes, cold: both may be the first to number them."""
    spawn(at, ("ls-1", list_directory(at, KPROBES)), ("ls-2", list_directory(at, KPROBES)))


@case("enable", but=("eventfs/v?",))
def list_vs_stat(at: Tracing) -> None:
    """The directory of all kprobes is listed while a directory in it is looked up: one number."""
    spawn(at, ("ls", list_directory(at, KPROBES)), ("stat", stat(at, KP1)))


@case("enable")
def list_vs_reclaim(at: Tracing) -> None:
    """A cached directory is listed while unused dentries are reclaimed."""
    at.warm(ENABLE)
    spawn(
        at,
        ("ls", gives(at, list_directory(at, KP1), ("enable",))),
        ("kswapd0", drop_caches(at)),
    )


# Creation.


@case("enable")
def create_vs_create(at: Tracing) -> None:
    """Two tasks make events of one name: one does, one is told that it exists."""
    at.expect("kp2")
    spawn(
        at,
        ("bash-1", gives(at, create_event(at, "kp2"), 0, -EEXIST)),
        ("bash-2", gives(at, create_event(at, "kp2"), 0, -EEXIST)),
    )


@case("enable", but=("eventfs/v?",))
def create_vs_other(at: Tracing) -> None:
    """Two tasks make two events."""
    at.expect("kp2")
    at.expect("kp4")
    spawn(
        at,
        ("bash-1", gives(at, create_event(at, "kp2"), 0)),
        ("bash-2", gives(at, create_event(at, "kp4"), 0)),
    )


@case("enable")
def create_vs_stat(at: Tracing) -> None:
    """S14: a name is looked for, while it is made and then looked up."""

    async def maker() -> None:
        await gives(at, create_event(at, "kp2"), 0)
        await gives(at, stat(at, "kprobes/kp2"), 0)

    at.expect("kp2")
    spawn(at, ("stat", gives(at, stat(at, "kprobes/kp2"), 0, -ENOENT)), ("bash", maker()))


@case("enable")
def list_above_vs_create(at: Tracing) -> None:
    """The directory of all kprobes is listed while an event is made: the others are all there."""
    at.expect("kp2")
    spawn(at, ("ls", list_directory(at, KPROBES)), ("bash", create_event(at, "kp2")))


# Removal.


@case("enable", events=("kp1", "kp3"))
def list_above_vs_remove(at: Tracing) -> None:
    """S7: the directory of all kprobes is listed while one is removed: the others are all there."""
    spawn(at, ("ls", list_directory(at, KPROBES)), ("bash", remove_event(at, "kp1")))


@case("enable", events=("kp1", "kp3"), only=LAZY)
def list_above_vs_remove_cached(at: Tracing) -> None:
    """S7, where the one that goes has been looked up."""
    at.warm(KP1)
    spawn(at, ("ls", list_directory(at, KPROBES)), ("bash", remove_event(at, "kp1")))


@case("enable", events=("kp1", "kp3"), only=KREFS)
def list_above_vs_remove_vs_reclaim(at: Tracing) -> None:
    """The directory of all kprobes is listed while a cached one is removed and reclaimed."""
    at.warm(KP1)
    spawn(
        at,
        ("ls", list_directory(at, KPROBES)),
        ("bash", remove_event(at, "kp1")),
        ("kswapd0", drop_caches(at)),
    )


@case("enable", events=("kp1", "kp3"), only=KREFS)
def list_above_vs_two_removals(at: Tracing) -> None:
    """The directory of all kprobes is listed while two of three are removed."""

    async def remover() -> None:
        await remove_event(at, "kp1")
        await remove_event(at, "kp3")

    spawn(at, ("ls", list_directory(at, KPROBES)), ("bash", remover()))


@case("enable", events=("kp1", "kp3"), only=KREFS)
def list_above_vs_recreate(at: Tracing) -> None:
    """The directory of all kprobes is listed while one is removed and made again."""

    async def remover() -> None:
        await remove_event(at, "kp1")
        await create_event(at, "kp1")

    spawn(at, ("ls", list_directory(at, KPROBES)), ("bash", remover()))


@case("enable", but=("eventfs/v?",))
def list_inside_vs_remove(at: Tracing) -> None:
    """A directory is listed while its event is removed: all of its files, or an error."""
    at.warm(KP1)
    spawn(at, ("ls", list_directory(at, KP1)), ("bash", remove_event(at, "kp1")))


@case("enable", but=("eventfs/v?",))
def stat_vs_recreate(at: Tracing) -> None:
    """A directory is looked up while its event is removed and made again."""

    async def remover() -> None:
        await gives(at, remove_event(at, "kp1"), 0)
        await gives(at, create_event(at, "kp1"), 0)

    at.warm(KP1)
    spawn(at, ("stat", gives(at, stat(at, KP1), 0, -ENOENT)), ("bash", remover()))


@case("enable", but=("eventfs/v?",))
def two_stats_vs_remove(at: Tracing) -> None:
    """A cached file is looked up while its event is removed; what is gone stays gone."""

    async def user() -> None:
        if await stat(at, ENABLE) != 0:
            await gives(at, stat(at, ENABLE), -ENOENT)

    at.warm(ENABLE)
    spawn(at, ("stat", user()), ("bash", remove_event(at, "kp1")))


@case("enable", but=("eventfs/v?",))
def remove_vs_reclaim(at: Tracing) -> None:
    """A cached event is removed while unused dentries are reclaimed."""
    at.warm(ENABLE)
    spawn(at, ("bash", remove_then_stat(at, "kp1")), ("kswapd0", drop_caches(at)))


@case("enable", events=("kp1", "kp3"))
def remove_vs_other(at: Tracing) -> None:
    """Two tasks remove two events."""
    at.warm(KP1)
    spawn(
        at,
        ("bash-1", gives(at, remove_event(at, "kp1"), 0)),
        ("bash-2", gives(at, remove_event(at, "kp3"), 0)),
    )


@case("enable")
def remove_vs_create_again(at: Tracing) -> None:
    """One task removes an event while another makes one of the same name."""
    spawn(
        at,
        ("bash-1", gives(at, remove_event(at, "kp1"), 0)),
        ("bash-2", gives(at, create_event(at, "kp1"), 0, -EEXIST)),
    )


@case("enable", only=LAZY)
def enable_vs_remove(at: Tracing) -> None:
    """An event is enabled while it is removed: it is busy, or it is gone."""

    async def user() -> None:
        enabled = await gives(at, set_enabled(at, ENABLE, on=True), 0, -ENOENT, -ENODEV)
        if enabled == 0:
            await gives(at, stat(at, ENABLE), 0)

    at.warm(ENABLE)
    spawn(at, ("echo", user()), ("bash", gives(at, remove_event(at, "kp1"), 0, -EBUSY)))


@case("enable", only=LAZY)
def read_open_vs_remove(at: Tracing) -> None:
    """S8: an open file is read and closed while its event is removed."""

    async def user() -> None:
        await gives(at, read_open(at, file), "0\n", -ENODEV)
        await close(at, file)

    file = held(at, ENABLE, O_RDWR)
    spawn(at, ("cat", user()), ("bash", gives(at, remove_event(at, "kp1"), 0)))


@case("enable", only=LAZY)
def write_open_vs_remove(at: Tracing) -> None:
    """An open file is written while its event is removed."""

    async def user() -> None:
        await gives(at, write_open(at, file, "1"), 1, -ENODEV)
        await close(at, file)

    file = held(at, ENABLE, O_RDWR)
    spawn(at, ("echo", user()), ("bash", gives(at, remove_event(at, "kp1"), 0, -EBUSY)))


@case("enable", only=LAZY)
def close_directory_vs_remove(at: Tracing) -> None:
    """S13: a directory is closed while its event is removed and its dentries are reclaimed."""
    directory = held(at, KP1)
    spawn(
        at,
        ("ls", close(at, directory)),
        ("bash", remove_then_stat(at, "kp1")),
        ("kswapd0", drop_caches(at)),
    )


@case("enable", only=LAZY)
def list_open_vs_remove(at: Tracing) -> None:
    """S13: an open directory is listed while its event is removed."""

    async def user() -> None:
        await list_open(at, directory)
        await close(at, directory)

    directory = held(at, KP1)
    spawn(at, ("ls", user()), ("bash", remove_event(at, "kp1")))


# Attributes.


@case("enable", only=ENTRIES)
def chmod_vs_remove(at: Tracing) -> None:
    """S11: a file's mode is set while its event is removed."""
    at.warm(ENABLE)
    spawn(
        at,
        ("chmod", gives(at, chmod(at, ENABLE, 0o600), 0, -ENOENT, -ENODEV)),
        ("bash", gives(at, remove_event(at, "kp1"), 0)),
    )


@case("enable", "filter", only=ENTRIES)
def chmod_vs_chmod(at: Tracing) -> None:
    """Two tasks set the modes of two files of one directory: neither is lost."""

    async def user(path: str, mode: int) -> None:
        await gives(at, chmod(at, path, mode), 0)
        await gives(at, mode_of(at, path), mode)

    at.warm(ENABLE)
    at.warm(f"{KP1}/filter")
    spawn(
        at,
        ("chmod-1", user(ENABLE, 0o600)),
        ("chmod-2", user(f"{KP1}/filter", 0o604)),
    )


@case("enable", only=ENTRIES)
def chmod_vs_reclaim(at: Tracing) -> None:
    """A mode is set while unused dentries are reclaimed: it is not lost."""

    async def user() -> None:
        await gives(at, chmod(at, ENABLE, 0o600), 0)
        await gives(at, mode_of(at, ENABLE), 0o600)

    at.warm(ENABLE)
    spawn(at, ("chmod", user()), ("kswapd0", drop_caches(at)))


@case("enable", only=ENTRIES)
def chmod_vs_lookup(at: Tracing) -> None:
    """A directory's mode is set while a file in it is looked up."""
    at.warm(KP1)
    spawn(
        at,
        ("chmod", gives(at, chmod(at, KP1, 0o700), 0)),
        ("stat", gives(at, stat(at, ENABLE), 0)),
    )
