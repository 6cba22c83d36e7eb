"""What a lock tells beside its acquires and releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lockwright.core.lockuse import LockKey

DOWNGRADED = "downgrade"
RECLASSED = "set class"
CONTENDED = "contended"
PINNED = "pin"
UNPINNED = "unpin"
SILENCED = "lockdep off"
HEARD = "lockdep on"
USER_RETURN = "user return"
NONE_HELD = "none held"


class LockNote(NamedTuple):
    """One event of `World.on_note`.

    `function` is the primitive that was called and `instance` the lock's address.  A held lock that
    gets another class has its `key` and `subclass`; a pin, and what takes it back, a `cookie`.
    """

    what: str
    function: str
    instance: int = 0
    key: LockKey | None = None
    subclass: int = 0
    cookie: int = 0
