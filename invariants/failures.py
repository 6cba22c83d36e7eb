"""What a call gives in which an allocation fails: the errno rule.

Source: the manuals' ENOMEM; Documentation/fault-injection/fault-injection.rst, which asks of error
paths what is asked here.  That nothing leaks and no lock stays held, the engine's own rules see.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from invariants.objects import mounted
from lockwright.core.location import Value
from lockwright.core.world import World
from model.vfs.err import ENOMEM

ATTEMPT = "attempt"
"""The outcomes that this is about: their result is an `Attempt`."""
HERE, NOT_HERE = "here", ""


class Attempt(NamedTuple):
    """A call, what it gives when there is memory, what it gave, and what it gave the next time.

    `here` says whether an allocation failed in the first of them.
    """

    call: str
    gives: str
    first: str
    again: str
    here: str


def shown(result: Value) -> str:
    """A result as an attempt notes it; of a listing the names, in no order."""
    if isinstance(result, tuple):
        return "(" + ", ".join(sorted(f"{name}" for name in result)) + ")"
    return f"{result}"


def faults_of(attempt: Attempt) -> Iterator[str]:
    """What is wrong with an attempt, as sentences."""
    call, gives, first, again, here = attempt
    if here == HERE and first not in (f"{-ENOMEM}", gives):
        yield f"{call} gives {first} where an allocation fails, not {-ENOMEM} or {gives}"
    if here == HERE and gives not in (first, again):
        yield f"{call} gives {again} when there is memory again, not {gives}"
    if here != HERE and first != gives:
        yield f"{call} gives {first}, not {gives}"


def failures_are_told(world: World) -> Iterator[str]:
    """A call in which an allocation fails gives -ENOMEM, and can be made again; or it has done
    all that it does."""
    for outcome in mounted(world).outcomes:
        if outcome.call == ATTEMPT:
            assert isinstance(outcome.result, tuple), "an attempt is a tuple"
            yield from faults_of(Attempt(*outcome.result))
