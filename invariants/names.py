"""What a path leads to: nothing after a removal, and what is there while it is there."""

from __future__ import annotations

from collections.abc import Iterator

from invariants.objects import mounted
from invariants.truth import changed, listings, paths, stays
from lockwright.core.world import World
from model.tracing.setup import Outcome
from model.vfs.err import ENODEV, ENOENT, ENOMEM

FINDING = ("stat", "open", "read", "write", "chmod", "chown")
"""Calls that walk a path."""


def removed_is_gone(world: World) -> Iterator[str]:
    """R0, I6: when the removal of an event has returned, its directory is not found.

    Source: facts 0.4 (seed 003); the ghost of E11.
    """
    for outcome in mounted(world).outcomes:
        if outcome.call == "stat after remove" and outcome.result == 0:
            yield f"{outcome.path} is found after its removal has returned"


def existing_is_found(world: World) -> Iterator[str]:
    """A path that nobody makes or removes is found by every call that walks it.

    Source: the VFS's promise to its users; E19 breaks it with a negative dentry in between.
    """
    at = mounted(world)
    there, changes = paths(at), changed(at)
    for outcome in at.outcomes:
        fails = outcome.call in FINDING and outcome.result in (-ENOENT, -ENODEV)
        if fails and outcome.path in there and stays(outcome.path, changes):
            yield f"{outcome.call} of {outcome.path} fails, although it is there all the time"


def missing_is_not_found(world: World) -> Iterator[str]:
    """A path that leads nowhere, and that nobody has made, is not found.

    Source: the VFS's promise to its users; I12's names whose callback says no.
    """
    at = mounted(world)
    there, changes = paths(at), changed(at)
    for outcome in at.outcomes:
        known = outcome.path in there or outcome.path.startswith("/")
        found = outcome.call in ("stat", "open") and outcome.result == 0
        if found and not known and stays(outcome.path, changes):
            yield f"{outcome.call} of {outcome.path} succeeds, although it is not there"


def listing_is_complete(world: World) -> Iterator[str]:
    """I12: a listing has each name that stays once, and no name that is not there.

    What is made or removed meanwhile may be in it or not.
    Source: POSIX readdir().
    """
    at = mounted(world)
    there, changes = listings(at), changed(at)
    for outcome in at.outcomes:
        if outcome.call != "list":
            continue
        stable = stays(outcome.path, changes)
        if isinstance(outcome.result, tuple):
            yield from _wrong_names(outcome, there.get(outcome.path, ()), changes, stable=stable)
        elif stable and outcome.path in there and outcome.result != -ENOMEM:
            yield f"a listing of {outcome.path} gives {outcome.result}"


def _wrong_names(
    outcome: Outcome, there: tuple[str, ...], changes: list[str], *, stable: bool
) -> Iterator[str]:
    got = outcome.result if isinstance(outcome.result, tuple) else ()
    where = f"{outcome.path}/" if outcome.path else ""
    for name in dict.fromkeys(got):
        if stays(f"{where}{name}", changes):
            if name not in there:
                yield f"a listing of {outcome.path} has {name}, which is not there"
            elif got.count(name) > 1:
                yield f"a listing of {outcome.path} has {name} {got.count(name)} times"
    missing = [name for name in there if stable and name not in got]
    for name in missing:
        if stays(f"{where}{name}", changes):
            yield f"a listing of {outcome.path} misses {name}, which is there all the time"
