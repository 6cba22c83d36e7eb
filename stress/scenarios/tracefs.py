"""tracefs without eventfs, where everything is pinned, under each case.

Beside the cases, one that needs a file of an instance which no event owns: removal clears the
i_private of an event's files, and of no others.
"""

from __future__ import annotations

from dataclasses import replace

from lockwright.core.world import World
from lockwright.scenario import Scenario, scenario
from model.tracefs.pinned import Pinned
from model.tracing.release import V6_5
from model.tracing.setup import tracing
from stress.scenarios.case import spawn
from stress.scenarios.designs import DESIGNS, scenarios_of
from stress.scenarios.promises import AT_END
from stress.workloads import close, held, read_open, remove_instance


@scenario(
    "tracefs/pinned:option_vs_rmdir",
    release=DESIGNS["tracefs/pinned"].kernel,
    at_end=AT_END,
    options_hold_instance=False,
)
def option_vs_rmdir(world: World, *, options_hold_instance: bool) -> None:
    """E51: a file of `options` of an instance is open, and read while the instance goes."""
    release = replace(V6_5, options_hold_instance=options_hold_instance)
    at = tracing(world, Pinned(world), release, events=(), instances=("foo",), control=True)
    file = held(at, "/instances/foo/options/overwrite")

    async def user() -> None:
        await read_open(at, file)
        await close(at, file)

    spawn(at, ("cat", user()), ("rmdir", remove_instance(at, "foo")))


SCENARIOS: tuple[Scenario, ...] = scenarios_of("tracefs/pinned")
