"""The bound within which P1 to P8 are decided: every program of up to three concurrent calls.

Two groups, two files, one server.  A part of the bound is a situation to begin with, a server, and
an alphabet; each of its programs is explored in every interleaving that matters, once, and whatever
promise it breaks is written down with the smallest program that does.

| part | begins with | the server | calls at once |
| --- | --- | --- | --- |
| fresh | no watch | as it should be | 3, of watching, removing, closing, events |
| removing | no watch | as it should be | 2, of these and of unlinking and deleting |
| unlinking | g1 watches i1 | as it should be | 2, of events and unlinking |
| watched | g1 watches i1 | as it should be | 2, of all but unlinking |
| shared | g1 and g2 watch i1 | as it should be | 2, of all but unlinking |
| changing | g1 watches i1 | as it should be | 3, of three |
| leaving | g1 and g2 watch i1 | as it should be | 3, of three |
| refusing | no watch | has none to give | 3, of seven |
| refusing more | g1 watches i1 | has no second one | 2, of seven |
| unsupporting | no watch | knows no watches | 3, of six |
| overflowing | g1 watches i1 | remembers one event | 2, of six |
| overflowing for ever | g1 watches i1 | remembers one event | 3, of three |
| restarting | g1 watches i1 | is started anew | 2, of nine |
| restarting anew | g1 watches i1 | is started anew | 3, of three |

Three calls of which one unlinks or deletes a file have tens of thousands of interleavings each, as
whoever unlinks, and the server, which sees it, both remove the marks: these go by twos.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from lockwright.calls import Call, Calls, Program
from lockwright.scenario import Parameter, Scenario
from lockwright.scope import Scope

TASKS = 3
QUEUES = 3
"""Each task sends by a queue of its own: nothing orders requests but who waits for a reply."""
EXECUTIONS_MAX = 60_000
"""A program that takes more is not decided."""
G1, G2 = "g1", "g2"
I1, I2 = "i1", "i2"
MODIFY, ACCESS = "MODIFY", "ACCESS"


def _watch(fd: str, file: str, mask: str = MODIFY) -> Call:
    return Call("watch", (fd, file, mask))


def _unwatch(fd: str, file: str) -> Call:
    return Call("unwatch", (fd, file))


def _touch(file: str, mask: str = MODIFY) -> Call:
    return Call("touch", (file, mask))


def _on(name: str, *files: str) -> tuple[Call, ...]:
    return tuple(Call(name, (file,)) for file in files)


def _by(name: str, *fds: str) -> tuple[Call, ...]:
    return tuple(Call(name, (fd,)) for fd in fds)


WIDEN1 = Call("widen", (G1, I1, ACCESS))
RESTART = Call("restart")


@dataclass(frozen=True, slots=True)
class Part:
    """One part.  With `alike` the two groups stand for each other, and the two files."""

    name: str
    alphabet: tuple[Call, ...]
    before: tuple[Call, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    alike: bool = False
    tasks: int = TASKS

    def programs(self, calls: Calls) -> Iterator[Program]:
        """Each once, the smallest first."""
        vocabulary = calls.with_alphabet(*self.alphabet)
        if not self.alike:
            vocabulary = replace(vocabulary, alike=())
        for program in Scope(vocabulary, self.tasks, 1).programs():
            yield replace(program, before=self.before)

    def scenario(self, calls: Calls, program: Program) -> Scenario:
        """A program's scenario, with this part's server."""
        given = {name: str(value).lower() for name, value in self.parameters.items()}
        given["queues"] = str(QUEUES)
        return calls.scenario(program).with_parameters(given)


FRESH = (
    *(_watch(fd, file, mask) for fd in (G1, G2) for file in (I1, I2) for mask in (MODIFY, ACCESS)),
    *(_unwatch(fd, file) for fd in (G1, G2) for file in (I1, I2)),
    *_by("close", G1, G2),
    *(_touch(file) for file in (I1, I2)),
    *_on("write", I1, I2),
)
REMOVING = (*FRESH, *_on("unlink", I1, I2), *_on("delete", I1, I2))
UNLINKING = (_touch(I1), *_on("write", I1), *_on("unlink", I1))
WATCHED = (
    *(_watch(G1, I1), _watch(G1, I1, ACCESS), _watch(G2, I1), _watch(G2, I1, ACCESS)),
    *(_watch(G1, I2), WIDEN1, _unwatch(G1, I1)),
    *_by("close", G1),
    *(_touch(I1), _touch(I2)),
    *_on("write", I1),
    *_on("delete", I1),
)
SHARED = (
    *(_watch(G1, I1, ACCESS), WIDEN1, _unwatch(G1, I1), _unwatch(G2, I1)),
    *_by("close", G1),
    *(_touch(I1), _touch(I1, ACCESS)),
    *_on("write", I1),
    *_on("delete", I1),
)
CHANGING = (_watch(G2, I1), _unwatch(G1, I1), _touch(I1))
LEAVING = (WIDEN1, _unwatch(G2, I1), _touch(I1))
REFUSED = (
    *(_watch(G1, I1), _watch(G2, I1), _watch(G1, I1, ACCESS), _watch(G1, I2)),
    *(_unwatch(G1, I1), _touch(I1), *_on("write", I1)),
)
UNSUPPORTED = (
    *(_watch(G1, I1), _watch(G2, I1, ACCESS), _unwatch(G1, I1)),
    *(*_by("close", G1), *_on("write", I1), *_on("unlink", I1)),
)
OVERFLOWING = (
    *(_unwatch(G1, I1), _watch(G2, I1), _watch(G1, I1, ACCESS)),
    *(_touch(I1), *_on("write", I1), *_on("delete", I1)),
)
RESTARTING = (
    RESTART,
    *(_watch(G1, I1), _watch(G1, I1, ACCESS), _watch(G2, I1), _watch(G2, I2)),
    *(_unwatch(G1, I1), *_by("close", G1)),
    *(_touch(I1), *_on("delete", I1)),
)
ONE = (_watch(G1, I1),)
BOTH = (_watch(G1, I1), _watch(G2, I1))
FULL: Mapping[str, Parameter] = {"host_queue": 1}

PARTS: tuple[Part, ...] = (
    Part("fresh", FRESH, alike=True),
    Part("removing", REMOVING, alike=True, tasks=2),
    Part("unlinking", UNLINKING, ONE, tasks=2),
    Part("watched", WATCHED, ONE, tasks=2),
    Part("shared", SHARED, BOTH, tasks=2),
    Part("changing", CHANGING, ONE),
    Part("leaving", LEAVING, BOTH),
    Part("refusing", REFUSED, parameters={"limit": 0}),
    Part("refusing more", REFUSED, ONE, {"limit": 1}, tasks=2),
    Part("unsupporting", UNSUPPORTED, parameters={"support": False}),
    Part("overflowing", OVERFLOWING, ONE, FULL, tasks=2),
    Part("overflowing for ever", (_touch(I1), _watch(G2, I1), *_on("delete", I1)), ONE, FULL),
    Part("restarting", RESTARTING, ONE, tasks=2),
    Part("restarting anew", (RESTART, _watch(G2, I1), _touch(I1)), ONE),
)
