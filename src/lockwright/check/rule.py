"""What a rule is."""

from __future__ import annotations

from typing import ClassVar

from lockwright.core.world import World


class Rule:
    """Listens to executions and reports findings to the world.

    One rule object serves one exploration: `begin` is called with each fresh world before the
    scenario builds it, and is where the rule asks for the events it wants; `finish` when the
    execution has ended.
    """

    name: ClassVar[str] = ""

    def begin(self, world: World) -> None:
        """Ask for events; forget what belonged to the last execution."""

    def finish(self, world: World) -> None:
        """Judge the execution that has ended."""
