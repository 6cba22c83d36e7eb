"""Allocations that fail: how many of an execution, and where.

A world's `Faults` says how many of its allocations may still fail.  The explorer tries each of
them, failing and not.  With a site, one of that place may: whichever it is, the first time or a
later one, by whatever way the place was come to.

A site is the innermost model function that allocates, and what it allocates:
`eventfs_create_dir:eventfs_inode`, of a field `eventfs_create_dir:eventfs_inode.name`.  Two
allocations of the same thing in one function are one site.

Source: Documentation/fault-injection/fault-injection.rst (failslab, its filter by stack trace).
Left out: allocations that cannot fail (__GFP_NOFAIL), which a model does not make with kmalloc().
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockwright.core.errors import UsageError
from lockwright.core.location import Location, Value
from lockwright.core.task import shown

if TYPE_CHECKING:
    from types import FrameType

    from lockwright.core.task import Task
    from lockwright.core.world import World

FAILURES = "failures"
"""The parameter that every scenario has: how many allocations of an execution may fail, wherever;
none if not given, but those that its world allows for itself."""
FAILS = "fails"
"""The parameter that every scenario has: the site at which one allocation of an execution may fail,
besides those of FAILURES; none if not given."""
ALLOCATORS = (
    *("kmalloc", "kzalloc", "kcalloc", "krealloc", "kmem_cache_", "kmemdup", "kstrdup"),
    *("kvmalloc", "kvzalloc", "kvcalloc", "kvrealloc", "vmalloc", "vzalloc"),
)
"""How functions begin that allocate for whoever calls them: no site is in them."""
NOWHERE = "-"
NO_SITE = f"{NOWHERE}:{NOWHERE}"
"""Where nothing allocates."""
# what a shell, a token and a command line leave as it is
_SITE = re.compile(r"[\w.-]+:[\w.-]+", re.ASCII)
_SPECIAL = re.compile(r"[^\w.-]+", re.ASCII)


class Faults:
    """How many allocations may still fail in this execution: `left` wherever, and `here` at the
    site, if there is one; none by default.

    What a world allows for itself comes after what it was given from outside, and does not
    take that back.
    Invariant: `anywhere` has `left` if there ever was any.
    """

    __slots__ = ("anywhere", "armed", "here", "left", "site")

    left: Location
    site: str

    def __init__(self, world: World, most: int = 0, site: str = "") -> None:
        before: Faults | None = world.faults
        if before is not None:
            most, site = max(most, before.left.value), site or before.site
        self.site = site
        self.armed = most > 0 or bool(site)
        self.left = Location(world, most, "allocation faults")
        self.here = Location(world, 1, f"allocation fault at {site}") if site else self.left
        self.anywhere = (self.left,) if most > 0 else ()

    def failed(self, world: World) -> None:
        """An allocation fails at the site: what was asked for has happened."""
        goal = goal_of(self.site)
        if goal not in world.reached:
            world.reached.append(goal)


def goal_of(site: str) -> str:
    """What an exploration with a site has to come to, or nothing was tried."""
    return f"the allocation at {site} fails"


def site_of(task: Task, what: str) -> str:
    """Where a task allocates, that stands before the allocation of `what`."""
    return f"{_special(_function(task))}:{_special(what)}"


def check_site(text: str) -> str:
    """The same text.  Raises UsageError for what no site can be called."""
    if not _SITE.fullmatch(text):
        raise UsageError(
            f"{FAILS} is a site, FUNCTION:WHAT, say eventfs_create_dir:eventfs_inode, not {text!r}"
        )
    return text


def _special(text: str) -> str:
    return _SPECIAL.sub("_", text.replace("->", ".")) or NOWHERE


def _function(task: Task) -> str:
    """The innermost function of the model's own that is none of ALLOCATORS; if all its functions
    are called as inlined ones are, the innermost of these."""
    inlined = ""
    for coro in (task.coro, *task.beneath):
        shown_name, hidden = _innermost(coro)
        if shown_name:
            return shown_name
        inlined = inlined or hidden
    return inlined or NOWHERE


def _innermost(coro: Value) -> tuple[str, str]:
    """The names of the innermost function that is shown, and of the innermost of all."""
    found = hidden = ""
    at = coro
    while (frame := getattr(at, "cr_frame", None)) is not None:
        name = frame.f_code.co_name
        if not _is_ours(frame) and not name.lstrip("_").startswith(ALLOCATORS):
            hidden = name
            if shown(name):
                found = name
        at = at.cr_await
    return found, hidden


def _is_ours(frame: FrameType) -> bool:
    """Is it the machine's function, by which a model allocates?"""
    module = str(frame.f_globals.get("__name__", ""))
    return module.startswith(("lockwright.core.", "lockwright.kernel."))
