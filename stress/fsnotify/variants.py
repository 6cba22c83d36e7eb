"""The variants by name.  Each is a design: `lockwright check fsnotify/aggregated`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from lockwright.core.world import World
from lockwright.scenario import Parameter
from model.fsnotify.aggregated import Aggregated
from model.fsnotify.armed import Armed
from model.fsnotify.changed import Changed
from model.fsnotify.mount import PLENTY, mount
from model.fsnotify.objects import Client
from model.fsnotify.per_group import PerGroup
from model.fsnotify.remote import Remote
from stress.scenarios.designs import switches_of


@dataclass(frozen=True, slots=True)
class Variant:
    """One design.  `title` is what its column is called, `server` its server's switches."""

    name: str
    title: str
    kind: Callable[..., Remote]
    server: Mapping[str, Parameter] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All that its scenarios can be given, with what holds if they are not."""
        return {**ENVIRONMENT, **self.server, **switches_of(self.kind)}

    @property
    def ground(self) -> Callable[..., Client]:
        """What its scenarios stand on."""
        return partial(_mounted, kind=self.kind)


def _mounted(
    world: World, *, kind: Callable[..., Remote], **parameters: bool | int | str
) -> Client:
    return mount(world, kind, **parameters)  # type: ignore[arg-type]  # by their names


ENVIRONMENT: dict[str, Parameter] = {
    "support": True,
    "limit": PLENTY,
    "host_queue": PLENTY,
    "queues": 1,
    "max_events": PLENTY,
    "reports_overflow": False,
    "rechecks": False,
    "frees": False,
    "recalc_split": False,
    "recalc_always": False,
}
"""Of every variant; as `mount()` has them."""

VARIANTS: tuple[Variant, ...] = (
    Variant("fsnotify/per_group", "A: a watch for each group", PerGroup),
    Variant("fsnotify/aggregated", "B: the aggregated mask", Aggregated),
    Variant("fsnotify/changed", "C: something changed", Changed),
    Variant(
        "fsnotify/armed",
        "B, armed first",
        Armed,
        {"reports_overflow": True, "rechecks": True, "recalc_always": True},
    ),
)
RELEASE = "5.14.0"
