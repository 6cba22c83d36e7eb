"""What happens in the eventfs scenarios, whatever the design: who does what at the same time.

Each case gets a mounted tracefs with the event kp1, all cold but the directory `kprobes`, and
spawns its tasks.  `designs.py` makes scenarios of them.
"""

from __future__ import annotations

from model.tracing.setup import Tracing
from model.vfs.err import NAME_MAX
from model.vfs.namei import O_CREAT
from stress.scenarios.case import CASES, Case, case, spawn
from stress.workloads import (
    create_event,
    forget_instance,
    hold_open,
    list_directory,
    open_and_close,
    read_file,
    remove_event,
    remove_then_stat,
    reproduce,
    set_enabled,
    stat,
)

KP1 = "kprobes/kp1"
ENABLE = "kprobes/kp1/enable"
FILTER = "kprobes/kp1/filter"

__all__ = ["CASES", "Case"]


# One task alone.


@case("enable", "filter")
def stat_then_open(at: Tracing) -> None:
    """trace-cmd looks a file up and then opens its directory: the splat of the mail thread."""

    async def user() -> None:
        await stat(at, ENABLE)
        await open_and_close(at, KP1)

    at.warm(KP1)
    spawn(at, ("trace-cmd", user()))


@case("enable")
def create_alone(at: Tracing) -> None:
    """A kprobe event is made, and a file of it is read."""

    async def user() -> None:
        await create_event(at, "kp2")
        await read_file(at, "kprobes/kp2/enable")

    at.expect("kp2")
    spawn(at, ("bash", user()))


@case("enable")
def stat_alone(at: Tracing) -> None:
    """A cold file is looked up twice."""

    async def user() -> None:
        await stat(at, ENABLE)
        await stat(at, ENABLE)

    spawn(at, ("stat", user()))


@case("enable", "filter")
def list_alone(at: Tracing) -> None:
    """A directory is listed twice."""

    async def user() -> None:
        await list_directory(at, KP1)
        await list_directory(at, KP1)

    spawn(at, ("ls", user()))


@case("enable")
def write_alone(at: Tracing) -> None:
    """A cold file is opened with O_CREAT, as a shell's `>` does."""
    spawn(at, ("bash", hold_open(at, ENABLE, O_CREAT)))


@case("enable")
def remove_alone(at: Tracing) -> None:
    """A cold event is removed."""
    spawn(at, ("bash", remove_then_stat(at, "kp1")))


@case("enable")
def remove_enabled(at: Tracing) -> None:
    """An enabled event is not removed."""
    at.boot(set_enabled(at, ENABLE, on=True))
    spawn(at, ("bash", remove_then_stat(at, "kp1")))


@case("enable")
def stat_then_remove(at: Tracing) -> None:
    """A file is looked up, and then its event is removed."""

    async def user() -> None:
        await stat(at, ENABLE)
        await remove_then_stat(at, "kp1")

    spawn(at, ("bash", user()))


@case("enable")
def reproducer(at: Tracing) -> None:
    """An event is made, its directory is listed, it is removed: the reproducer of the mails."""
    at.expect("kp2")
    spawn(at, ("bash", reproduce(at, "kp2")))


@case(events=("x" * (NAME_MAX + 1),))
def long_name(at: Tracing) -> None:
    """An event whose name is too long for the VFS is looked up."""
    spawn(at, ("stat", stat(at, f"kprobes/{'x' * (NAME_MAX + 1)}")))


# Two tasks.


@case("enable")
def lookup_vs_lookup(at: Tracing) -> None:
    """Two tasks look up one cold file."""
    at.warm(KP1)
    spawn(at, ("stat-1", stat(at, ENABLE)), ("stat-2", stat(at, ENABLE)))


@case("enable")
def lookup_vs_deep_lookup(at: Tracing) -> None:
    """A cold directory is looked up while a file in it is."""
    spawn(at, ("stat-1", stat(at, KP1)), ("stat-2", stat(at, ENABLE)))


@case("enable")
def open_vs_lookup(at: Tracing) -> None:
    """A directory is opened while a cold file in it is looked up."""
    at.warm(KP1)
    spawn(at, ("trace-cmd", hold_open(at, KP1)), ("stat", stat(at, ENABLE)))


@case("enable")
def open_vs_lookup_dir(at: Tracing) -> None:
    """The directory of all kprobes is opened while a cold directory in it is looked up."""
    spawn(at, ("trace-cmd", hold_open(at, "kprobes")), ("stat", stat(at, KP1)))


@case("enable")
def list_vs_lookup(at: Tracing) -> None:
    """A directory is listed while a cold file in it is looked up."""
    at.warm(KP1)
    spawn(at, ("ls", list_directory(at, KP1)), ("stat", stat(at, ENABLE)))


@case("enable")
def open_vs_open(at: Tracing) -> None:
    """Two tasks open one cold directory; one closes it."""
    at.warm(KP1)
    spawn(at, ("ls-1", open_and_close(at, KP1)), ("ls-2", hold_open(at, KP1)))


@case("enable")
def close_vs_close(at: Tracing) -> None:
    """Two tasks open and close one directory, which is cached with what is in it."""
    at.warm(ENABLE)
    spawn(at, ("ls-1", open_and_close(at, KP1)), ("ls-2", open_and_close(at, KP1)))


@case("enable")
def open_close_vs_open_close(at: Tracing) -> None:
    """Two tasks open one cold directory and close it again."""
    at.warm(KP1)
    spawn(at, ("ls-1", open_and_close(at, KP1)), ("ls-2", open_and_close(at, KP1)))


@case("enable")
def open_vs_read(at: Tracing) -> None:
    """A directory is opened while a file in it is read."""
    at.warm(KP1)
    spawn(at, ("trace-cmd", hold_open(at, KP1)), ("cat", read_file(at, ENABLE)))


@case("enable")
def lookup_vs_remove(at: Tracing) -> None:
    """A cold file is looked up while its event is removed."""
    at.warm(KP1)
    spawn(at, ("stat", stat(at, ENABLE)), ("bash", remove_event(at, "kp1")))


@case()
def lookup_vs_remove_empty(at: Tracing) -> None:
    """A cold directory is looked up while its event is removed; then it is looked for again."""
    spawn(at, ("stat", stat(at, KP1)), ("bash", remove_then_stat(at, "kp1")))


@case("enable")
def open_vs_remove(at: Tracing) -> None:
    """A directory is opened while its event is removed."""
    at.warm(KP1)
    spawn(at, ("trace-cmd", hold_open(at, KP1)), ("bash", remove_event(at, "kp1")))


@case("enable", "filter")
def list_vs_remove(at: Tracing) -> None:
    """A directory is listed while its event is removed."""
    at.warm(KP1)
    spawn(at, ("ls", open_and_close(at, KP1)), ("bash", remove_event(at, "kp1")))


@case("enable")
def read_vs_remove(at: Tracing) -> None:
    """A file is read while its event is removed."""
    at.warm(ENABLE)
    spawn(at, ("cat", read_file(at, ENABLE)), ("bash", remove_event(at, "kp1")))


@case("enable", open_is_busy=True)
def read_vs_remove_busy(at: Tracing) -> None:
    """A file is read while its event is removed, in a core where an open file makes it busy."""
    at.warm(ENABLE)
    spawn(at, ("cat", read_file(at, ENABLE)), ("bash", remove_event(at, "kp1")))


@case("enable")
def lookup_vs_create(at: Tracing) -> None:
    """An event is made while its file is looked up."""
    at.expect("kp2")
    spawn(at, ("stat", stat(at, "kprobes/kp2/enable")), ("bash", create_event(at, "kp2")))


@case("enable")
def list_vs_create(at: Tracing) -> None:
    """The directory of all kprobes is held open while an event is made and a file of it used."""

    async def user() -> None:
        await create_event(at, "kp2")
        await stat(at, "kprobes/kp2/enable")

    at.expect("kp2")
    at.warm(KP1)
    spawn(at, ("ls", open_and_close(at, "kprobes")), ("bash", user()))


@case("enable")
def create_vs_remove(at: Tracing) -> None:
    """One event is made while another is removed."""
    at.expect("kp2")
    at.warm(KP1)
    spawn(at, ("bash-1", create_event(at, "kp2")), ("bash-2", remove_event(at, "kp1")))


@case(events=(), instances=("foo",))
def open_vs_remove_instance(at: Tracing) -> None:
    """The events directory of an instance is opened while the instance is removed."""
    spawn(
        at,
        ("ls", hold_open(at, "/instances/foo/events")),
        ("rmdir", forget_instance(at, "foo")),
    )


@case("enable")
def remove_vs_remove(at: Tracing) -> None:
    """Two tasks remove one event."""
    at.warm(ENABLE)
    spawn(at, ("bash-1", remove_event(at, "kp1")), ("bash-2", remove_event(at, "kp1")))


# Three tasks.


@case("enable", events=("kp1", "kp2"))
def open_lookup_remove(at: Tracing) -> None:
    """A directory is opened, a cold file in it is looked up, and another event is removed.

    Another one, so that the removal's other faults do not end executions early: the writer is
    all that the deadlock needs.
    """
    at.warm(KP1)
    spawn(
        at,
        ("trace-cmd", hold_open(at, KP1)),
        ("stat", stat(at, ENABLE)),
        ("bash", remove_event(at, "kp2")),
    )


@case(events=("kp1", "kp3"))
def writer_starves(at: Tracing) -> None:
    """Missing names are looked up in two directories while an event is made."""
    at.expect("kp2")
    for name in at.events:
        at.warm(f"kprobes/{name}")
        at.sb.declare(f"tracing/events/kprobes/{name}/missing")
    spawn(
        at,
        ("stat-1", stat(at, "kprobes/kp1/missing")),
        ("stat-2", stat(at, "kprobes/kp3/missing")),
        ("bash", create_event(at, "kp2")),
    )


@case("enable")
def reproducer_with_lister(at: Tracing) -> None:
    """An event is made and removed, while another task opens and closes its directory."""

    async def user() -> None:
        await create_event(at, "kp2")
        await remove_event(at, "kp2")

    at.expect("kp2")
    spawn(
        at,
        ("bash", user()),
        ("ls", open_and_close(at, "kprobes/kp2")),
    )
