"""The fixture `explore_trio`: one test's way to explorations of real trio programs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from shlex import quote
from typing import TypeVarTuple

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.options import check_name
from lockwright.pytest_plugin.explorer import Run
from lockwright.pytest_plugin.gathered import exploration
from lockwright.pytest_plugin.running import MARKER, run_of
from lockwright.testing.explored import Elsewhere, Explored, Replayed
from lockwright.testing.trio.checking import OPTIONS, check, replayed
from lockwright.testing.trio.naming import name_of
from lockwright.token import Token

Ts = TypeVarTuple("Ts")


class ExploreTrio:
    """`explore_trio(program, *args, **options)` explores, and gives what came of it.

    Options are those of `lockwright.testing.trio.check`; the call's come first, then those of the
    marker `interleavings`, the nearest first, then the command line's seed, then the profile's.
    """

    def __init__(self, run: Run, nodeid: str, markers: dict[str, Value]) -> None:
        self._run = run
        self._nodeid = nodeid
        self._markers = markers
        self._count = 0

    def __call__(
        self,
        program: Callable[[*Ts], Awaitable[object]],
        *args: *Ts,
        **options: Value,
    ) -> Explored:
        """Explore `program(*args)`, or replay the one schedule that the command line gives."""
        __tracebackhide__ = True
        for name in options:
            check_name("option", name, OPTIONS)
        token = self._run.token
        if token is not None:
            return self._along_token(program, args, token)
        seed = {"seed": self._run.command_line.values.get("seed", 0)}
        result = check(program, *args, **{**seed, **self._markers, **options})
        return Explored(result, self._kept(result))

    def _along_token(
        self, program: Callable[..., Awaitable[object]], args: tuple[Value, ...], token: Token
    ) -> Explored:
        """The execution of the token, if it is one of this program."""
        name = name_of(program)
        if name != token.scenario:
            self._run.elsewhere.append(name)
            return Elsewhere(Result(name, "", {}, "replay"))
        self._run.matched = True
        result, events = replayed(program, args, token, force=self._run.force)
        found = Replayed(result, self._kept(result), events=events)
        self._run.replayed.append(found)
        return found

    def _kept(self, result: Result) -> str:
        """Keep it for the report; the command that replays its tokens."""
        command = f"pytest {quote(self._nodeid)} --lockwright-replay"
        self._count += 1
        if self._run.keeping:
            kept = exploration(self._nodeid, self._count, result, command)
            self._run.explorations.append(kept)
        return command


def explorer(request: pytest.FixtureRequest) -> ExploreTrio:
    """The fixture of one test.  Raises UsageError for a marker that is none for trio programs."""
    markers: dict[str, Value] = {}
    for marker in reversed(list(request.node.iter_markers(MARKER))):
        if marker.args:
            raise UsageError(f"{MARKER}() takes options by name, as in {MARKER}(strategy='every')")
        for name in marker.kwargs:
            check_name(f"option of {MARKER}() for a trio program", name, OPTIONS)
        markers.update(marker.kwargs)
    return ExploreTrio(run_of(request.config), request.node.nodeid, markers)
