"""Dynamic events: what is common to kprobe, synthetic and user events.

Source: kernel/trace/trace_dynevent.c, trace_dynevent.h, 6.5 to 7.3.
"""

from __future__ import annotations

from typing import NamedTuple

from lockwright.kernel.slab import Slab
from model.tracing.core import TracingCore


class Command(NamedTuple):
    """A line: `VERB[:[SYSTEM/]EVENT] [ARGV]`."""

    verb: str
    system: str
    event: str
    argv: tuple[str, ...]


def parse(raw_command: str) -> Command:
    """Take a line to pieces."""
    head, *argv = raw_command.split() or [""]
    verb, _, name = head.partition(":")
    system, slash, event = name.partition("/")
    if not slash:
        system, event = "", name
    return Command(verb, system, event, tuple(argv))


class DynEvent(Slab):
    """struct dyn_event, in the event that it belongs to.  Guarded by event_mutex.

    The methods are its dyn_event_operations; `create` is a function of each kind's module.
    """

    __slots__ = ("core",)

    core: TracingCore

    def __init__(self, core: TracingCore, name: str) -> None:
        super().__init__(core.world, name)
        self.core = core

    def match(self, command: Command) -> bool:
        """Is it this one?"""
        raise NotImplementedError

    def is_busy(self) -> bool:
        """Can it not be removed now, as far as its kind knows?"""
        raise NotImplementedError

    async def free(self) -> int:
        """Remove and free it; or an errno."""
        raise NotImplementedError

    def show(self) -> str:
        """The line that made it."""
        raise NotImplementedError

    def add(self) -> None:
        """C: dyn_event_add()."""
        lists = self.core.lists
        lists.dyn_event_list = (*lists.dyn_event_list, self)

    def remove(self) -> None:
        """C: dyn_event_remove()."""
        lists = self.core.lists
        lists.dyn_event_list = tuple(dyn for dyn in lists.dyn_event_list if dyn is not self)
