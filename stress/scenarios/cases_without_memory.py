"""One task alone, and one allocation that fails, whichever it is: nothing is half made."""

from __future__ import annotations

from model.tracing.setup import Tracing
from model.vfs.err import (
    ENOENT,
    ENOMEM,
)
from stress.scenarios.case import KREFS, case, spawn
from stress.workloads import (
    chmod,
    create_event,
    drop_caches,
    gives,
    list_directory,
    make_instance,
    mode_of,
    opens,
    remove_event,
    remove_instance,
    stat,
)

KP1 = "kprobes/kp1"
ENABLE = "kprobes/kp1/enable"
FILTER = "kprobes/kp1/filter"
FILES = ("enable", "filter")


@case(*FILES, faults=1, only=KREFS)
def lookup_without_memory(at: Tracing) -> None:
    """An allocation fails while a cold file is looked up and opened; then all is well."""

    async def user() -> None:
        await stat(at, ENABLE)
        await opens(at, ENABLE)
        await list_directory(at, KP1)
        await drop_caches(at)

    spawn(at, ("stat", user()))


@case(*FILES, faults=1, only=KREFS)
def create_without_memory(at: Tracing) -> None:
    """An allocation fails while an event is made; it is looked up, and removed."""

    async def user() -> None:
        await create_event(at, "kp2")
        await stat(at, "kprobes/kp2/enable")
        await remove_event(at, "kp2")
        await drop_caches(at)
        await gives(at, stat(at, ENABLE), 0, -ENOMEM)

    at.expect("kp2")
    at.warm(ENABLE)
    spawn(at, ("bash", user()))


@case(*FILES, faults=1, only=KREFS)
def chmod_without_memory(at: Tracing) -> None:
    """An allocation fails while modes are set: those that were set are there."""

    async def user() -> None:
        for path in (ENABLE, FILTER):
            if await chmod(at, path, 0o600) == 0:
                await gives(at, mode_of(at, path), 0o600)

    at.warm(ENABLE)
    at.warm(FILTER)
    spawn(at, ("chmod", user()))


@case("enable", faults=1, instances=(), only=KREFS)
def instance_without_memory(at: Tracing) -> None:
    """An allocation fails while an instance is made: it can be made then, and removed."""

    async def user() -> None:
        if await make_instance(at, "foo") != 0:
            await gives(at, stat(at, "/instances/foo"), -ENOENT)
            await gives(at, make_instance(at, "foo"), 0)
        await gives(at, remove_instance(at, "foo"), 0)
        await gives(at, stat(at, "/instances/foo"), -ENOENT, -ENOMEM)

    at.expect_instance("foo")
    spawn(at, ("bash", user()))


@case("enable", events=(), faults=1, keeps=False, cold=True, only=KREFS)
def system_without_memory(at: Tracing) -> None:
    """An allocation fails while a system is made with its first event; all of it is removed."""

    async def user() -> None:
        await create_event(at, "kp2")
        await stat(at, "kprobes/kp2/enable")
        await remove_event(at, "kp2")
        await drop_caches(at)

    at.expect("kp2")
    spawn(at, ("bash", user()))
