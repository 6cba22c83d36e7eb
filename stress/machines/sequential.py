"""A state machine of Hypothesis for each design: calls one at a time, against the reference.

    TestLatest = machine_of("eventfs/latest").TestCase

Each rule makes one call to its end in a living world, to which all rules of the engine listen
(`lockwright.testing.sequential`), and compares what it gives with what the documentation says
(`reference.py`).  No call is held back: what is not there is removed, what is there is made, what
is closed is closed again.  What calls put off (work items, callbacks of grace periods) is done at
once in some examples, and in others when a rule says so or the example ends.

`smallest` is for faults that are known: it looks for one by its kind and what it says, passes by
all others, and shrinks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from lockwright.calls import Argument, Call, Calls, Program
from lockwright.testing.sequential import ALONE, Sitting, SittingFailed
from model.vfs.err import NAME_MAX
from stress.machines.calls import FLAGS
from stress.machines.descriptors import NUMBERS
from stress.machines.reference import reference_of
from stress.machines.vocabulary import CALLS

LONG = "x" * (NAME_MAX + 1)
EVENTS = (*("kp1",) * 3, *("kp3",) * 3, "kp2", LONG)
"""Much is about one event, so that calls meet."""
INSTANCES = ("foo", "bar")
FILES = (*("enable",) * 3, "filter", "format", "id", "trigger", "hist", "missing")
MODES = (0o600, 0o755, 0, 0o4711)
OWNERS = (None, 0, 5, 6)
OPTIONS = ("gid=7", "uid=8", "mode=700", "uid=8,gid=7", "gid=x", "noexec")
TEXTS = ("1", "0", "common_pid == 1", "2", "")
BUFFERS = (None, 1, 2, 3, 0)
NAMES_AT = ("enable", "kp1", "missing", "..", ".", "kp2/enable")

events = st.sampled_from(EVENTS)
instances = st.sampled_from(INSTANCES)
numbers = st.sampled_from((*(NUMBERS[0],) * 8, NUMBERS[1], "2"))
flags = st.sampled_from((*("r",) * 8, *FLAGS))
modes = st.sampled_from(MODES)
owners = st.sampled_from(OWNERS)
buffers = st.sampled_from(BUFFERS)
files = st.sampled_from(FILES)


def _paths() -> Iterator[str]:
    """Every kind of path; those that most is about come often, and the simplest first."""
    for path, often in OFTEN.items():
        yield from (path,) * often
    for top in ("/instances/foo/events", "", "/instances/bar/events"):
        where = f"{top}/" if top else ""
        yield from (top, f"{where}kprobes", f"{where}enable", f"{where}missing")
        for event in ("kp1", "kp2", "kp3", LONG):
            yield f"{where}kprobes/{event}"
            yield f"{where}kprobes/{event}/enable"
        for file in dict.fromkeys(FILES):
            yield f"{where}kprobes/{file}"
            yield f"{where}kprobes/kp1/{file}"
    yield from ("/instances/bar", "/instances", "/", "/missing", f"/{LONG}", f"/instances/{LONG}")
    yield from ("kprobes/kp1/../kp2", "kprobes/kp1/enable/x", f"kprobes/kp1/{LONG}")


SAME, BELOW, ABOVE = "*", "*/enable", "*/.."
"""The path that the last call was about, a file below it, and the directory that it is in: so that
calls meet.  A program has what they stand for."""
OFTEN = {
    SAME: 50,
    BELOW: 15,
    ABOVE: 10,
    "kprobes/kp1": 20,
    "kprobes/kp1/enable": 20,
    "kprobes": 20,
    "": 8,
    "kprobes/kp3": 8,
    f"kprobes/{LONG}": 12,
    "/instances/foo": 6,
    "/instances/foo/events": 12,
    "kprobes/kp1/format": 10,
    "kprobes/kp1/hist": 10,
    "/": 8,
}
paths = st.sampled_from(tuple(_paths()))
homes = st.builds("/instances/{}".format, instances)
Drawn: TypeAlias = tuple[Argument, ...]


def _calls(*calls: tuple[st.SearchStrategy[Argument] | str, ...]) -> st.SearchStrategy[Drawn]:
    """One of some calls: each its name and strategies for its arguments."""
    return st.one_of(
        *(st.tuples(*(st.just(p) if isinstance(p, str) else p for p in call)) for call in calls)
    )


texts = st.sampled_from(TEXTS)
within = st.one_of(events, files)
LOOKS = _calls(
    ("stat", paths),
    ("show", paths),
    ("cat", paths),
    ("ls", paths, buffers),
    ("has", paths, within, buffers),
)
CHANGES = _calls(("chmod", modes, paths), ("chown", owners, owners, paths), ("echo", texts, paths))
PLACES = _calls(
    ("mkdir", homes), ("rmdir", homes), ("mkdir", paths), ("rmdir", paths), ("unlink", paths)
)
REMOVALS = _calls(("remove", events), ("remove", events), ("clear",))
RECLAIMS = _calls(("drop_caches",), ("reclaim", paths))
USES = _calls(
    ("getdents", numbers, buffers),
    ("rewind", numbers),
    ("read", numbers),
    ("write", numbers, texts),
    ("stat_at", numbers, st.sampled_from(NAMES_AT)),
    ("fchmod", modes, numbers),
    ("fchown", owners, owners, numbers),
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which failure is looked for.

    `kind` is that of a finding, or "reference", and `says` a pattern that its message has.  `rules`
    are the engine's that listen; `without` are calls that are left out, because they meet another
    fault first.
    """

    kind: str
    says: str = ""
    rules: Sequence[str] = ALONE
    without: tuple[str, ...] = ()

    def is_it(self, failed: SittingFailed) -> bool:
        """Is it the one?"""
        said = [(one.kind, one.message) for one in failed.findings]
        for kind, message in said or [("reference", failed.message)]:
            if kind == self.kind and re.search(self.says, message):
                return True
        return False


class SequentialMachine(RuleBasedStateMachine):
    """One user, one call at a time.  `calls` and `parameters` say in which design.

    With `wanted` every other failure ends an example quietly.
    """

    calls: ClassVar[Calls]
    parameters: ClassVar[Mapping[str, str]] = {}
    wanted: ClassVar[Wanted | None] = None

    def __init__(self) -> None:
        super().__init__()
        rules = ALONE if self.wanted is None else self.wanted.rules
        self.sitting = Sitting(self.calls, self.parameters, rules=rules)
        self.reference = reference_of(self.calls.design, self.parameters)
        self.at_once = False
        self.over = False
        self.last = "kprobes/kp1"

    def _meant(self, argument: Argument) -> Argument:
        """What one of the words for paths stands for."""
        last = self.last
        if argument == SAME:
            return last
        if argument == BELOW:
            return "/".join((last, "enable")) if last else "enable"
        return last.rpartition("/")[0] if argument == ABOVE else argument

    def make(self, name: Argument, *drawn: Argument) -> None:
        """One call, compared."""
        assert isinstance(name, str), "a call begins with its name"
        if self.over or (self.wanted is not None and name in self.wanted.without):
            return
        arguments = tuple(self._meant(argument) for argument in drawn)
        for argument in arguments:
            if isinstance(argument, str) and "/" in argument:
                self.last = argument
        if name == "create":
            self.last = "/".join(("kprobes", str(drawn[0])))
        expected = self.reference.expects(name, *arguments)
        try:
            got = self.sitting.call(name, *arguments, background=self.at_once)
            if not expected.allows(got):
                self.sitting.fail(f"{name} gives {got!r}, not {expected}")
        except SittingFailed as failed:
            self._failed(failed)
        else:
            expected.accept(got)

    def _failed(self, failed: SittingFailed) -> None:
        if self.wanted is None or self.wanted.is_it(failed):
            raise failed
        self.over = True

    @initialize(at_once=st.booleans())
    def begin(self, *, at_once: bool) -> None:
        """Is what is put off done at once?"""
        self.at_once = at_once

    @rule(steps=st.sampled_from((None, 1, 2)))
    def rest(self, steps: int | None) -> None:
        """What was put off is done, or some of it."""
        if self.over:
            return
        try:
            self.sitting.rest(steps)
        except SittingFailed as failed:
            self._failed(failed)

    def teardown(self) -> None:
        """What is left to do is done, and the promises are asked."""
        if self.over or self.sitting.over:
            self.sitting.world.close()
            return
        try:
            self.sitting.finish()
        except SittingFailed as failed:
            self._failed(failed)

    @rule(call=LOOKS)
    def look(self, call: Drawn) -> None:
        """A path is looked at."""
        self.make(*call)

    @rule(call=CHANGES)
    def change(self, call: Drawn) -> None:
        """Something is told to a path."""
        self.make(*call)

    @rule(call=PLACES)
    def make_or_remove(self, call: Drawn) -> None:
        """A name is made or removed, of an instance mostly; elsewhere that is refused."""
        self.make(*call)

    @rule(name=events)
    def create(self, name: str) -> None:
        """An event."""
        self.make("create", name)

    @rule(call=REMOVALS)
    def remove(self, call: Drawn) -> None:
        """One event or all of them."""
        self.make(*call)

    @rule(call=RECLAIMS)
    def reclaim(self, call: Drawn) -> None:
        """Memory is short."""
        self.make(*call)

    @rule(options=st.sampled_from(OPTIONS))
    def remount(self, options: str) -> None:
        """Another owner, or a wrong option."""
        self.make("remount", options)

    @rule(number=numbers, path=paths, how=flags)
    def open(self, number: str, path: str, how: str) -> None:
        """A file or directory, to be kept open."""
        self.make("open", number, path, how)

    @rule(number=numbers)
    def close(self, number: str) -> None:
        """What is open, or what is not."""
        self.make("close", number)

    @rule(call=USES)
    def use(self, call: Drawn) -> None:
        """What is open, or what is not."""
        self.make(*call)


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look: examples, and calls in each."""

    examples: int = 2_000
    calls: int = 60
    parameters: Mapping[str, str] = field(default_factory=dict)

    def settings(self, phases: Sequence[Phase] = (Phase.generate, Phase.shrink)) -> settings:
        """The same examples every time, and nothing kept."""
        return settings(
            max_examples=self.examples,
            stateful_step_count=self.calls,
            derandomize=True,
            database=None,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
            report_multiple_bugs=False,
            print_blob=False,
        )


VOCABULARY = {calls.design: calls for calls in CALLS}


def machine_of(
    design: str, parameters: Mapping[str, str] | None = None, wanted: Wanted | None = None
) -> type[SequentialMachine]:
    """The machine of a design: a class, whose `TestCase` is a test."""
    name = "".join(part.capitalize() for part in re.split(r"\W|_", design))
    fields = {"calls": VOCABULARY[design], "parameters": parameters or {}, "wanted": wanted}
    return type(f"{name}Machine", (SequentialMachine,), fields)


def smallest(design: str, wanted: Wanted, effort: Effort) -> SittingFailed | None:
    """The failure that is looked for, in a program of which every call is needed; None if it does
    not come in so many examples.

    What Hypothesis finds, long examples mostly, is made shorter here: that takes a moment, where
    Hypothesis would think about every value that was drawn.  Hypothesis does it where the failure
    depends on when something is done that was put off.
    """
    machine = machine_of(design, effort.parameters, wanted)
    left: SittingFailed | None = None
    for phases in ((Phase.generate,), (Phase.generate, Phase.shrink)):
        try:
            run_state_machine_as_test(machine, settings=effort.settings(phases))
            return None
        except SittingFailed as failed:
            left = failed
            shorter = shorter_than(design, wanted, effort, failed)
        if shorter is not None:
            return shorter
    return left


def shorter_than(
    design: str, wanted: Wanted, effort: Effort, failed: SittingFailed
) -> SittingFailed | None:
    """The same failure in fewer calls, of which none can be left out; None if the calls alone do
    not show it.

    Source: Zeller, Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (IEEE TSE 28(2),
    2002), its algorithm ddmin without the tests of the parts that it leaves out.
    """

    def again(calls: Sequence[Call]) -> SittingFailed | None:
        for at_once in (False, True) if calls else ():
            program = Program((tuple(calls),))
            found = run_program(design, program, wanted, effort.parameters, at_once=at_once)
            if found is not None:
                return found
        return None

    assert failed.program is not None, "what failed was a call"
    left = again(failed.program.calls)
    size = len(failed.program.calls) // 2
    while left is not None and size:
        at = 0
        while left.program is not None and at < len(calls := left.program.calls):
            fewer = again((*calls[:at], *calls[at + size :]))
            left, at = (left, at + size) if fewer is None else (fewer, at)
        size = size // 2
    return left


def run_program(
    design: str,
    program: Program,
    wanted: Wanted,
    parameters: Mapping[str, str] | None = None,
    *,
    at_once: bool = False,
) -> SittingFailed | None:
    """The calls of a program of one task, made and compared as a machine does it; what failed."""
    machine = machine_of(design, parameters, wanted)()
    machine.at_once = at_once
    try:
        for call in program.calls:
            machine.make(call.name, *call.arguments)
        machine.teardown()
    except SittingFailed as failed:
        return failed
    return None


__all__ = ["Effort", "SequentialMachine", "Wanted", "machine_of", "run_program", "smallest"]
