"""What a trio program's findings look like, and a check that fails a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVarTuple

from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.report.columns import WIDTH
from lockwright.testing.assertions import assert_no_findings, assert_verified
from lockwright.testing.failure import failure_text
from lockwright.testing.trio.checking import EVERY, check, replay
from lockwright.testing.trio.naming import function_named

Ts = TypeVarTuple("Ts")

COMMAND = "python -m lockwright.testing.trio"
CALL = "lockwright.testing.trio.replay(program, token) with the token"


def report(result: Result, width: int = WIDTH) -> str:
    """Of each finding what broke, the interleaving in columns, and the line that replays it."""
    return failure_text(result, width=width, replay=replay_command(result))


def verify(
    program: Callable[[*Ts], Awaitable[object]],
    *args: *Ts,
    token: str | None = None,
    **options: Value,
) -> Result:
    """`check`, and fail with the report if something was found.

    Under the strategy "every" the search has to come to its end, too, be it that of the bound on
    preemptions.  With a `token` that one execution is run instead.  Raises
    `lockwright.testing.failure.Failure`, an AssertionError.
    """
    __tracebackhide__ = True
    if token is not None:
        result = replay(program, token, *args)
    else:
        result = check(program, *args, **options)
    if token is None and options.get("strategy") == EVERY:
        assert_verified(result, within_bound=True, replay=replay_command(result))
    else:
        assert_no_findings(result, replay=replay_command(result))
    return result


def replay_command(result: Result) -> str:
    """What stands before the token: a command where the program can be found by its name."""
    try:
        found = function_named(result.scenario)
    except UsageError:
        return CALL
    needs = getattr(getattr(found, "__code__", None), "co_argcount", 1)
    return COMMAND if needs == 0 else CALL
