"""A validator and tasks whose stacks are written out: a kernel of 6.5, without raw nesting."""

from __future__ import annotations

import re
from collections.abc import Callable

from lockwright.core.frame import Frame
from lockwright.core.lockuse import WAIT_CONFIG, WAIT_SLEEP
from lockwright.lockdep import LockKey, LockUse, Report, TaskLocks, Validator

INODE = LockKey("&sb->s_type->i_mutex_key", "tracefs", wait_inner=WAIT_SLEEP)
RWSEM = LockKey("eventfs_rwsem", "eventfs_rwsem", wait_inner=WAIT_SLEEP)
MUTEX = LockKey("eventfs_mutex", "eventfs_mutex", wait_inner=WAIT_SLEEP)
EVENT_MUTEX = LockKey("event_mutex", "event_mutex", wait_inner=WAIT_SLEEP)
SPIN = LockKey("&dentry->d_lock", "d_alloc", wait_inner=WAIT_CONFIG)
SRCU = LockKey("eventfs_srcu", "eventfs_srcu", wait_inner=0)
ADDRESSES = {
    INODE: 0xFFFF888100001000,
    RWSEM: 0xFFFFFFFF82000040,
    MUTEX: 0xFFFFFFFF82000080,
    EVENT_MUTEX: 0xFFFFFFFF820000C0,
    SRCU: 0xFFFFFFFF82000100,
    SPIN: 0xFFFF888100002058,
}


def frame(text: str) -> Frame:
    """`down_write+0x3b/0xd0` as a frame."""
    function, offset, size = re.split(r"[+/]", text)
    return Frame(function, int(offset, 16), int(size, 16))


class Scene:
    """A validator and tasks whose stacks are written out."""

    def __init__(self) -> None:
        self.validator = Validator(raw_nesting=False)

    def task(self, comm: str, pid: int, cpu: int = 0) -> TaskLocks:
        return self.validator.task(comm, pid, cpu)

    def lock(self, task: TaskLocks, key: LockKey, stack: str, **how: int) -> Report | None:
        """Acquire; `how` are read, subclass, sync, nest."""
        use = LockUse(
            key,
            how.get("subclass", 0),
            how.get("instance", ADDRESSES[key]),
            read=how.get("read", 0),
            sync=bool(how.get("sync", 0)),
            nest=how.get("nest"),
        )
        return self.validator.acquire(task, use, stack_of(stack))

    def unlock(self, task: TaskLocks, key: LockKey, stack: str) -> Report | None:
        return self.validator.release(task, ADDRESSES[key], stack_of(stack))


def stack_of(text: str) -> Callable[[], tuple[Frame, ...]]:
    frames = tuple(frame(part) for part in text.split())
    return lambda: frames
