"""A concurrent machine for each design: calls of several tasks, and a schedule that is drawn too.

    TestLatest = machine_of("eventfs/latest").TestCase

Each machine has every call of the vocabulary, the promises that every design keeps, and all rules
of the engine; `linear=True` holds its calls against the reference as well (`linear.py`).  No call
is held back.  What is drawn is about few things: an example has one event and one instance that
most of its calls name, so that they meet.

`smallest` is for bugs that are known: it looks for one of them, passes by all others, and shrinks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st

from lockwright.calls import Calls, Program, parse_program
from lockwright.core.errors import ModelError
from lockwright.core.finding import Finding
from lockwright.options import RULES
from lockwright.refine import Refinery
from lockwright.scenario import Check, Scenario
from lockwright.testing import profiles
from lockwright.testing.failure import Failure
from lockwright.testing.machine import ConcurrentStateMachine, run_concurrently
from lockwright.testing.schedules import Trials
from stress.machines.linear import NOT_ATOMIC, linearizability
from stress.machines.sequential import (
    FILES,
    LONG,
    NAMES_AT,
    TEXTS,
    VOCABULARY,
    buffers,
    flags,
    modes,
    numbers,
    owners,
)

T = TypeVar("T")
Strategy = st.SearchStrategy[str]
Strategies = Sequence[st.SearchStrategy[Any]]

event = st.shared(st.sampled_from(("kp1",) * 8 + ("kp2", "kp3", LONG)), key="event")
"""The event that an example is about."""
instance = st.shared(st.sampled_from(("foo",) * 3 + ("bar",)), key="instance")
"""The instance that it is about."""
inside = st.shared(st.sampled_from((False,) * 5 + (True,)), key="inside")
"""Is it about what is in that instance?"""
file = st.shared(st.sampled_from(tuple(dict.fromkeys(FILES))), key="file")
"""A file that it is about, beside `enable`."""


@st.composite
def _below(draw: st.DrawFn) -> str:
    """A path to, or near, what the example is about."""
    name = draw(event)
    shape = draw(st.sampled_from(NEAR))
    path = shape.format(name, draw(file)) if "{1}" in shape else shape.format(name)
    top = f"/instances/{draw(instance)}/events" if draw(inside) else ""
    return "/".join(part for part in (top, path) if part)


NEAR = (
    *("kprobes/{0}",) * 8,
    *("kprobes/{0}/enable",) * 8,
    *("kprobes",) * 5,
    "",
    *("kprobes/{0}/{1}",) * 2,
    *("kprobes/{1}", "kprobes/kp2", "kprobes/{0}/missing", "kprobes/missing"),
)
instance_path = st.builds("/instances/{}".format, instance)


def mostly(often: Strategy, times: int, else_: Strategy) -> Strategy:
    """So many times as often the one as the other; `one_of` takes each of its own once."""
    choice = st.sampled_from((*(often,) * times, else_))
    return choice.flatmap(lambda chosen: chosen)


elsewhere = st.one_of(instance_path, st.sampled_from(("/", "/missing", "/instances", f"/{LONG}")))
paths = mostly(_below(), 8, elsewhere)
events = mostly(event, 6, st.sampled_from(("kp1", "kp2", "kp3")))
made = mostly(instance_path, 4, paths)
texts = st.sampled_from(TEXTS)
REMOUNTS = ("uid=8", "gid=7", "uid=8,gid=7", "mode=700", "gid=x", "noexec")

ARGUMENTS: dict[str, Strategies] = {
    "stat": (paths,),
    "show": (paths,),
    "cat": (paths,),
    "echo": (texts, paths),
    "ls": (paths, buffers),
    "has": (paths, st.one_of(event, file), buffers),
    "chmod": (modes, paths),
    "chown": (owners, owners, paths),
    "mkdir": (made,),
    "rmdir": (made,),
    "unlink": (paths,),
    "reclaim": (paths,),
    "create": (events,),
    "remove": (events,),
    "clear": (),
    "drop_caches": (),
    "remount": (st.sampled_from(REMOUNTS),),
    "open": (numbers, paths, flags),
    "close": (numbers,),
    "getdents": (numbers, buffers),
    "rewind": (numbers,),
    "read": (numbers,),
    "write": (numbers, texts),
    "fchmod": (modes, numbers),
    "fchown": (owners, owners, numbers),
    "stat_at": (numbers, st.sampled_from(NAMES_AT)),
}
"""For each call a strategy for each of its arguments."""
OFTEN = {
    **dict.fromkeys(("stat", "ls", "cat", "open", "remove"), 8),
    **dict.fromkeys(("create", "reclaim", "drop_caches", "remount"), 4),
    **dict.fromkeys(("chmod", "chown", "mkdir", "rmdir", "show"), 2),
    **dict.fromkeys(("close", "read", "stat_at", "write"), 2),
}
"""What is called more often than the rest: looking, removing, and memory pressure."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which finding is looked for: its `kind`, any if that is empty, and a pattern that its message
    has.

    `rules` are the engine's that listen, `promises` those of the end beside the design's.  `but`
    are findings that are passed by in any case, as kind and pattern.
    """

    kind: str = ""
    says: str = ""
    rules: tuple[str, ...] = RULES
    promises: tuple[Check, ...] = ()
    but: tuple[tuple[str, str], ...] = ()

    def is_it(self, finding: Finding) -> bool:
        """Is it the one?"""
        return _is(finding, self.kind, self.says) and not any(
            _is(finding, kind, says) for kind, says in self.but
        )


def _is(finding: Finding, kind: str, says: str) -> bool:
    return kind in ("", finding.kind) and re.search(says, finding.message) is not None


def machine_of(
    design: str,
    given: Mapping[str, str] | None = None,
    wanted: Wanted | None = None,
    *,
    linear: bool = False,
) -> type[ConcurrentStateMachine]:
    """The machine of a design, with some parameters other than its own: a class, whose `TestCase`
    is a test.  With `wanted` all other findings are passed by."""
    calls = VOCABULARY[design]
    arguments = ARGUMENTS
    if linear:
        calls = linearizability(calls, given)
        arguments = {name: each for name, each in ARGUMENTS.items() if name not in NOT_ATOMIC}
    fields: dict[str, Any] = {"given": dict(given or {}), "often": OFTEN}
    if wanted is not None:
        fields |= {"checks": wanted.rules, "only": staticmethod(wanted.is_it)}
        calls = _promising(calls, wanted.promises)
    made: type[ConcurrentStateMachine] = type(
        "Concurrent", (ConcurrentStateMachine,), {**fields, "__module__": __name__}
    )
    return made.of(calls, arguments)


def _promising(calls: Calls, promises: tuple[Check, ...]) -> Calls:
    return replace(calls, at_end=(*calls.at_end, *promises)) if promises else calls


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look: `examples` at most, of so many calls, and each under as many schedules as
    the profile says."""

    examples: int = 2_000
    calls: int = 24
    profile: str = "dev"

    def settings(self) -> settings:
        """The same examples every time, and nothing kept."""
        return settings(
            max_examples=self.examples,
            stateful_step_count=self.calls,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
            report_multiple_bugs=False,
            print_blob=False,
        )


SEARCH_MAX = 400
"""So many schedules are tried of a program from which a call was left out."""


class Size(NamedTuple):
    """How large a program is: calls before the tasks, and those of each task, the most first."""

    before: int
    tasks: tuple[int, ...]

    @classmethod
    def of(cls, program: Program) -> Size:
        """The size of a program."""
        return cls(len(program.before), tuple(sorted(map(len, program.tasks), reverse=True)))


class Found(NamedTuple):
    """The smallest failure that was found."""

    program: Program
    finding: Finding


def smallest(machine: type[ConcurrentStateMachine], effort: Effort) -> Found | None:
    """What the machine finds, in the fewest calls; None if nothing comes in so many examples.

    First Hypothesis makes it smaller.  It tries a few schedules of a large program, which may all
    miss, and so may leave calls that it does not take; these are then left out one by one, each
    time with a search for the schedule.
    """
    before = profiles.use(effort.profile)
    try:
        run_concurrently(machine, settings=effort.settings())
    except Failure as failed:
        return _without_more(machine, _found(failed))
    finally:
        profiles.use(before)
    return None


def _found(failed: Failure) -> Found:
    assert failed.result is not None
    case = failed.result.scenario.partition(":")[2]
    return Found(parse_program(case), failed.findings[0])


def _without_more(machine: type[ConcurrentStateMachine], found: Found) -> Found:
    for fewer in fewer_calls(found.program):
        scenario = machine.calls.scenario(fewer).with_parameters(machine.given)
        finding = _shown(machine, scenario)
        if finding is not None:
            shrunk = Refinery(scenario, machine.checks).shrunk(finding, SEARCH_MAX)
            return _without_more(machine, Found(fewer, shrunk))
    return found


def fewer_calls(program: Program) -> Iterator[Program]:
    """The program without one of its tasks, and without one of its calls."""
    tasks = program.tasks
    for at in range(len(tasks)):
        if len(tasks) > 1:
            yield replace(program, tasks=_without(tasks, at))
    for at in range(len(program.before)):
        yield replace(program, before=_without(program.before, at))
    for nth, task in enumerate(tasks):
        for at in range(len(task)):
            if len(task) > 1:
                yield replace(program, tasks=(*tasks[:nth], _without(task, at), *tasks[nth + 1 :]))


def _without(several: tuple[T, ...], at: int) -> tuple[T, ...]:
    return (*several[:at], *several[at + 1 :])


def _shown(machine: type[ConcurrentStateMachine], scenario: Scenario) -> Finding | None:
    """What is looked for, in the first schedule with few preemptions that shows it."""
    only = machine.only
    try:
        for ran in Trials(scenario, machine.checks).systematic(SEARCH_MAX):
            for finding in ran.findings:
                if only is None or only(finding):
                    return finding
    except ModelError:  # a call before the tasks does not come to its end
        pass
    return None
