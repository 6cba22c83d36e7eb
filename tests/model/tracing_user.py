"""One user of a mounted tracefs: what the tests of the tracing core share."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from lockwright.core.location import Value
from lockwright.core.world import World
from lockwright.kernel.context import cond_resched
from model.eventfs.latest import EventfsLatest
from model.eventfs.linux_6_8 import Eventfs68
from model.eventfs.linux_6_9 import Eventfs69
from model.eventfs.linux_6_12 import Eventfs612
from model.tracefs.pinned import Pinned
from model.tracing import release
from model.tracing.setup import Tracing, tracing

FILES = ("enable", "filter", "trigger", "format", "id", "hist")
KINDS: dict[str, Any] = {
    "V6_5": Pinned,
    "V6_8": Eventfs68,
    "V6_9": Eventfs69,
    "V6_12": Eventfs612,
    "V7_3": EventfsLatest,
}


def mounted(
    of: str = "V7_3",
    *,
    flags: dict[str, bool] | None = None,
    **given: Any,  # noqa: ANN401  # the keywords of tracing()
) -> Tracing:
    """Tracefs of a release with the event kp1 and all files, and an empty `instances`.

    `flags` are those of the tracing core that are not as released.
    """
    world = World()
    wanted: dict[str, Any] = {
        "files": FILES,
        "system_files": ("filter", "enable"),
        "top_files": ("enable", "header_page"),
        "instances": (),
        "control": True,
        "keeps": False,
        **given,
    }
    core = replace(getattr(release, of), **(flags or {}))
    return tracing(world, KINDS[of](world), core, **wanted)


def run(at: Tracing, coro: Coroutine[Any, Any, Any], comm: str = "user") -> Value:
    """Run one task, and whatever it sets off, until nothing can go on; its result."""

    async def begin() -> Value:
        await cond_resched()
        return await coro

    world = at.sb.world
    task = world.spawn(begin(), comm)
    while enabled := world.enabled():
        world.step(task if task in enabled else enabled[0])
    assert task.ended, f"{comm} waits in {task.pending.describe() if task.pending else ''}"
    return task.result


def found(at: Tracing) -> list[str]:
    """The findings so far, each as `kind: message`."""
    return [f"{finding.kind}: {finding.message}" for finding in at.sb.world.findings]
