"""Calls in which an allocation may fail: what they gave, noted for the promise about that.

    await attempt(at, stat, "kprobes/kp1/enable")
    await attempt(at, read_file, "kprobes/kp1/enable", gives="0\n")

The promise is `invariants/failures.py`: a call in which an allocation fails gives -ENOMEM and can
be made again when there is memory, or it has done all that it does.  Which fail, a scenario's
parameters say: `--param failures=1`, or `--param fails=SITE`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from invariants.failures import ATTEMPT, HERE, NOT_HERE, Attempt, shown
from lockwright.core.location import Value
from model.tracing.setup import Outcome, Tracing

Call = Callable[..., Coroutine[Any, Any, Any]]


async def attempt(at: Tracing, call: Call, *given: object, gives: Value = 0) -> Value:
    """Make a call that gives `gives` when there is memory; where it does not because an
    allocation failed in it, make it once more.  Gives what came last."""
    before = may_fail(at)
    first = await call(at, *given)
    here = may_fail(at) < before
    again = await call(at, *given) if here and shown(first) != shown(gives) else first
    what = " ".join(f"{one}" for one in (call.__name__, *given) if isinstance(one, (str, int)))
    made = Attempt(what, shown(gives), shown(first), shown(again), HERE if here else NOT_HERE)
    at.outcomes.append(Outcome(ATTEMPT, what, tuple(made)))
    return again


def may_fail(at: Tracing) -> int:
    """How many allocations may still fail.  Unseen by the machine: for a task that is alone."""
    faults = at.sb.world.faults
    if faults is None:
        return 0
    left: int = faults.left.value
    return left if faults.here is faults.left else left + faults.here.value
