"""The lock validator: lock classes, their dependencies, and what they prove.

`Validator` is what the machine talks to; `reports` holds what comes out.
"""

from lockwright.core.lockuse import EXCLUSIVE, READER, RECURSIVE_READER, LockKey, LockUse
from lockwright.lockdep.classes import ClassName
from lockwright.lockdep.held import TaskLocks
from lockwright.lockdep.reports import (
    BadUnlockReport,
    ChainEntry,
    CircularReport,
    EdgeSeen,
    HeldFreedReport,
    LockAt,
    NestLockReport,
    RecursiveReport,
    Report,
    StillHeldReport,
    Who,
)
from lockwright.lockdep.validator import Validator

__all__ = [
    "EXCLUSIVE",
    "READER",
    "RECURSIVE_READER",
    "BadUnlockReport",
    "ChainEntry",
    "CircularReport",
    "ClassName",
    "EdgeSeen",
    "HeldFreedReport",
    "LockAt",
    "LockKey",
    "LockUse",
    "NestLockReport",
    "RecursiveReport",
    "Report",
    "StillHeldReport",
    "TaskLocks",
    "Validator",
    "Who",
]
