"""The memory barriers, which all forms with variables spell alike."""

from __future__ import annotations

from typing import Any

from lockwright.kernel.barrier import FullBarrier, LoadBarrier, StoreBarrier
from lockwright.program.compiler import Op, TaskCode

BARRIERS = (FullBarrier, LoadBarrier, StoreBarrier)
"""What the lines name."""


def _mb(code: TaskCode, args: list[Any]) -> str:
    return "await FullBarrier('smp_mb')"


def _wmb(code: TaskCode, args: list[Any]) -> str:
    return "await StoreBarrier()"


def _rmb(code: TaskCode, args: list[Any]) -> str:
    return "await LoadBarrier()"


BARRIER_OPS = {
    "mb": Op("[mb]", _mb),
    "wmb": Op("[wmb]", _wmb),
    "rmb": Op("[rmb]", _rmb),
}
