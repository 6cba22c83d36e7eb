"""What a path leads to: nothing after a removal, and what is there while it is there."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.world import World
from model.tracing.setup import Outcome, Tracing
from model.vfs.err import ENOENT


def removed_is_gone(world: World) -> Iterator[str]:
    """R0, I6: when the removal of an event has returned, its directory is not found.

    Source: facts 0.4 (seed 003); the ghost of E11.
    """
    at: Tracing = world.state
    for outcome in at.outcomes:
        if outcome.call == "stat after remove" and outcome.result == 0:
            yield f"{outcome.path} is found after its removal has returned"


def existing_is_found(world: World) -> Iterator[str]:
    """A path that nobody makes or removes is found by every stat and open.

    Source: the VFS's promise to its users; E19 breaks it with a negative dentry in between.
    """
    at: Tracing = world.state
    for outcome in at.outcomes:
        if outcome.call in ("stat", "open") and outcome.result == -ENOENT and _stays(at, outcome):
            yield f"{outcome.call} of {outcome.path} fails, although it is there all the time"


def listing_is_complete(world: World) -> Iterator[str]:
    """I12: a listing of an event that nobody makes or removes has each of its files once.

    Source: POSIX readdir().
    """
    at: Tracing = world.state
    for outcome in at.outcomes:
        if outcome.call == "list" and _stays(at, outcome):
            expected = sorted(
                path.rpartition("/")[2]
                for path in at.efs
                if path.rpartition("/")[0] == outcome.path
            )
            got = sorted(outcome.result) if isinstance(outcome.result, tuple) else []
            if got != expected:
                yield f"a listing of {outcome.path} gives {_text(got)}, not {_text(expected)}"


def _stays(at: Tracing, outcome: Outcome) -> bool:
    """Was the path there from the start, and does no task remove or make its event?"""
    changed = [done.path for done in at.outcomes if done.call in ("create", "remove")]
    return outcome.path in at.efs and not any(
        outcome.path == path or outcome.path.startswith(f"{path}/") for path in changed
    )


def _text(names: list[str]) -> str:
    return ", ".join(names) or "nothing"
