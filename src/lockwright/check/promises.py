"""The design's own promises, checked when an execution has ended well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lockwright.check.rule import Rule
from lockwright.core.finding import Finding
from lockwright.core.world import World


class Promises(Rule):
    """Runs a scenario's checks; each sentence they give is a finding."""

    name = "promises"

    def __init__(self, checks: Sequence[Callable[[World], Iterable[str]]]) -> None:
        self.checks = checks

    def finish(self, world: World) -> None:
        if world.oopsed or world.blocked():
            return
        for check in self.checks:
            for sentence in check(world):
                world.report(
                    Finding(
                        "broken promise",
                        sentence,
                        sentence,
                        0,
                        "",
                        fatal=False,
                    )
                )
