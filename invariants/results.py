"""What calls may give: the table of errnos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from invariants.objects import mounted
from lockwright.core.world import World
from model.vfs.err import (
    EACCES,
    EBUSY,
    EEXIST,
    EINVAL,
    ENAMETOOLONG,
    ENODEV,
    ENOENT,
    ENOMEM,
    ENOTDIR,
    EPERM,
)

ALLOWED: Mapping[str, tuple[int, ...]] = {
    "stat": (0, -ENOENT, -ENAMETOOLONG, -ENOTDIR),
    "stat after remove": (0, -ENOENT),
    "open": (0, -ENOENT, -ENODEV, -ENAMETOOLONG, -ENOTDIR, -EACCES, -EPERM),
    "list": (-ENOENT, -EINVAL),
    "read": (-ENODEV,),
    "write": (0, -ENODEV),
    "chmod": (0, -ENOENT, -ENODEV),
    "chown": (0, -ENOENT, -ENODEV),
    "create": (0, -EEXIST),
    "remove": (0, -EBUSY, -ENOENT),
    "clear": (0, -EBUSY),
    "mkdir": (0, -EEXIST, -EINVAL),
    "rmdir": (0, -EBUSY, -ENODEV, -ENOENT),
    "remount": (0, -EINVAL),
}
"""By call; -ENOMEM besides where an allocation may fail, and then -EPERM, too, of a creation.
-EINVAL is what mkdir gives where the kernel is locked down.

Source: facts 6.3, and what real kernels gave under stress.
"""


def results_are_allowed(world: World) -> Iterator[str]:
    """A call gives what its manual says, and no other errno.

    Source: facts 6.3.
    """
    at = mounted(world)
    armed = world.faults is not None and world.faults.armed
    for outcome in at.outcomes:
        allowed = ALLOWED.get(outcome.call)
        result = outcome.result
        if allowed is None or not isinstance(result, int) or result in allowed:
            continue
        if not (armed and result in (-ENOMEM, -EINVAL, -EPERM)):
            yield f"{outcome.call} of {outcome.path} gives {result}"
