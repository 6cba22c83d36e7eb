"""Calls: what users of a design can do to it, and the scenarios that are made of them.

    CALLS = Calls(
        "mine/table",
        ground,
        {"insert": insert, "remove": remove},
        alphabet=(Call("insert", ("a",)), Call("remove", ("a",))),
    )

    mine/table:calls(insert:a;remove:a|insert:b)         two tasks, the first makes two calls
    mine/table:calls(insert:a!remove:a|remove:a)         `a` was inserted before they began

A module of the project that has a `Calls` among its attributes makes every such name a scenario,
as the names of `[tool.lockwright] scenarios` do (`project.py`): tokens carry it, and `check` and
`replay` take it.  In the name tasks are joined by `|`, the calls of a task by `;`, a call and its
arguments by `:`.  An argument is text as it stands, percent-encoded where it could be mistaken;
`=5`, `=true` and `=null` are values of JSON, `&2` is what the call number 2 gave, counted from 0
through the whole name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote, unquote

from lockwright.core.boot import boot
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.core.world import World
from lockwright.scenario import Check, Ground, OnGround, Parameter, Scenario

COMM_MAX = 15
_SAFE = "/_.-<>[]{}@"
_BEGIN, _END = "calls(", ")"


class Given(NamedTuple):
    """An argument that is what an earlier call of the program gave; calls count from 0."""

    call: int


Argument: TypeAlias = bool | int | str | Given | None
Function = Callable[..., Coroutine[Any, Any, Any]]
"""Takes what the ground made, and then the arguments."""


class Call(NamedTuple):
    """One call: `Call("chmod", ("kprobes", 0o700))`."""

    name: str
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """Who calls what: one tuple of calls a task, in order; `before` are those before the tasks."""

    tasks: tuple[tuple[Call, ...], ...]
    before: tuple[Call, ...] = ()

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls, as they are counted: those before the tasks, then task by task."""
        return (*self.before, *(call for task in self.tasks for call in task))

    def __str__(self) -> str:
        before = f"{_joined(self.before)}!" if self.before else ""
        return f"{_BEGIN}{before}{'|'.join(map(_joined, self.tasks))}{_END}"


def is_program(case: str) -> bool:
    """Does this, the part of a name after its colon, say a program?"""
    return case.startswith(_BEGIN) and case.endswith(_END)


def parse_program(case: str) -> Program:
    """What `str` of a program gave.  Raises UsageError for anything else."""
    if not is_program(case):
        raise UsageError(f"{case!r} is no program: expected calls(CALL;CALL|CALL)")
    first, mark, rest = case[len(_BEGIN) : -len(_END)].partition("!")
    before, tasks = (first, rest) if mark else ("", first)
    return Program(tuple(_calls(case, one) for one in tasks.split("|")), _calls(case, before))


def _joined(calls: Sequence[Call]) -> str:
    return ";".join(
        ":".join((_quoted(call.name), *map(_argument_text, call.arguments))) for call in calls
    )


def _quoted(text: str) -> str:
    return quote(text, safe=_SAFE).replace("~", "%7E")  # which a token is divided by


def _argument_text(argument: Argument) -> str:
    if isinstance(argument, Given):
        return f"&{argument.call}"
    if isinstance(argument, str):
        return _quoted(argument)
    return f"={json.dumps(argument)}"


def _calls(case: str, text: str) -> tuple[Call, ...]:
    return tuple(_call(case, one) for one in text.split(";")) if text else ()


def _call(case: str, text: str) -> Call:
    name, *arguments = text.split(":")
    if not name:
        raise UsageError(f"{case}: {text!r} is no call: expected NAME or NAME:ARGUMENT:ARGUMENT")
    return Call(unquote(name), tuple(_argument(case, one) for one in arguments))


def _argument(case: str, text: str) -> Argument:
    if text.startswith("&") and text[1:].isdecimal():
        return Given(int(text[1:]))
    if not text.startswith(("=", "&")):
        return unquote(text)
    try:
        value = json.loads(text[1:])
    except ValueError:
        value = [text]
    if value is None or isinstance(value, bool | int | str):
        return value
    raise UsageError(
        f"{case}: {text!r} is no argument: expected text, =NUMBER, =true, =false, =null or &CALL"
    )


@dataclass(frozen=True, kw_only=True)
class _Fields:
    """What a vocabulary says beside its functions.

    `alphabet` are the calls that small scopes are made of (`scope.py`).  `alike` are groups of
    arguments that stand for each other: a program with two of a group exchanged is the same.
    """

    alphabet: tuple[Call, ...] = ()
    alike: tuple[tuple[Argument, ...], ...] = ()
    at_end: tuple[Check, ...] = ()
    release: str = "lockwright"
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True)
class Calls(_Fields):
    """The vocabulary of a design: the functions that its users can call, on one ground.

    Raises UsageError when a call of the alphabet has no function.
    """

    design: str
    ground: Ground
    functions: Mapping[str, Function]

    def __post_init__(self) -> None:
        for call in self.alphabet:
            self._check(self.design, call)

    def _check(self, where: str, call: Call) -> None:
        if call.name not in self.functions:
            known = ", ".join(self.functions)
            raise UsageError(f"{where}: {self.design} has no call {call.name!r}; it has: {known}")

    def program(self, case: str) -> Program:
        """Read a program of this vocabulary.  Raises UsageError."""
        program = parse_program(case)
        self.check(program)
        return program

    def check(self, program: Program) -> None:
        """Raise UsageError for a program that cannot be run."""
        name = f"{self.design}:{program}"
        if not program.tasks or not all(program.tasks):
            raise UsageError(f"{name}: expected at least one call for each task")
        for at, call in enumerate(program.calls):
            self._check(name, call)
            for argument in call.arguments:
                if isinstance(argument, Given) and argument.call >= at:
                    raise UsageError(f"{name}: &{argument.call} is no call before {call.name}")

    def scenario(self, program: Program | str) -> Scenario:
        """The scenario in which the tasks make these calls.  Raises UsageError."""
        if isinstance(program, str):
            program = parse_program(program)
        self.check(program)
        return Scenario(
            f"{self.design}:{program}",
            _Build(self, program),
            f"{len(program.tasks)} tasks, {len(program.calls)} calls",
            self.release,
            self.at_end,
            dict(self.parameters),
        )

    def with_alphabet(self, *calls: Call) -> Calls:
        """The same vocabulary, with other calls to make small scopes of."""
        return replace(self, alphabet=calls)


class _Build:
    """Builds the world of a program: its ground, what was called before, and its tasks."""

    __slots__ = ("calls", "ground", "program")

    def __init__(self, calls: Calls, program: Program) -> None:
        self.calls = calls
        self.program = program
        self.ground = OnGround(calls.ground, _nobody)

    def __call__(self, world: World, **parameters: Parameter) -> None:
        program, given = self.program, [None] * len(self.program.calls)
        at = self.ground.prepare(world, **parameters)
        for nth, call in enumerate(program.before):
            given[nth] = boot(world, self._made(at, given, call))
        first = len(program.before)
        for calls, comm in zip(program.tasks, comms(program), strict=True):
            world.spawn(self._task(at, given, first, calls), comm)
            first += len(calls)

    def _made(self, at: Value, given: list[Value], call: Call) -> Coroutine[Any, Any, Any]:
        arguments = [given[a.call] if isinstance(a, Given) else a for a in call.arguments]
        return self.calls.functions[call.name](at, *arguments)

    async def _task(self, at: Value, given: list[Value], first: int, calls: Sequence[Call]) -> None:
        for nth, call in enumerate(calls, first):
            given[nth] = await self._made(at, given, call)


def _nobody(at: Value) -> None:
    """The tasks of a ground alone."""


def comms(program: Program) -> Iterator[str]:
    """What the tasks are called: by their first call, with a number where two are alike."""
    names = [calls[0].name for calls in program.tasks]
    for at, name in enumerate(names):
        number = f"-{names[: at + 1].count(name)}" if names.count(name) > 1 else ""
        yield f"{name[: COMM_MAX - len(number)]}{number}"
