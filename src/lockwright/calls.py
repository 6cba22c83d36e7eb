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
through the whole name; after `+` stands, percent-encoded, what Python writes for other plain data.

What a call of another task gave is waited for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import signature
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote, unquote

from lockwright.core import literal
from lockwright.core.boot import boot
from lockwright.core.errors import UsageError
from lockwright.core.history import History, Moment, Reference
from lockwright.core.location import Value
from lockwright.core.world import World
from lockwright.kernel.variable import Variable, VariableAwait, VariableStore
from lockwright.scenario import Check, Ground, OnGround, Parameter, Scenario

COMM_MAX = 15
_SAFE = "/_.-<>[]{}@"
_BEGIN, _END = "calls(", ")"


class Given(NamedTuple):
    """An argument that is what an earlier call of the program gave; calls count from 0."""

    call: int


Argument: TypeAlias = (
    bool | int | str | float | bytes | Given | list[Any] | tuple[Any, ...] | dict[Any, Any] | None
)
_Numbered: TypeAlias = "list[tuple[int, Call]]"
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

    @property
    def owners(self) -> tuple[int, ...]:
        """For each of `calls` the number of its task, below 0 before there were any."""
        owners = [number for number, task in enumerate(self.tasks) for _ in task]
        return (*(-1 for _ in self.before), *owners)

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
    if type(argument) is str:
        return _quoted(argument)
    if argument is None or type(argument) in (bool, int):
        return f"={json.dumps(argument)}"
    return f"+{_quoted(literal.write(argument, _given_name))}"


def _given_name(value: Value) -> str:
    return f"call{value.call}" if isinstance(value, Given) else ""


def _given_named(name: str) -> Given:
    number = name.removeprefix("call")
    if number == name or not number.isdecimal():
        raise UsageError(f"{name!r} is no literal")
    return Given(int(number))


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
    if not text.startswith(("=", "&", "+")):
        return unquote(text)
    if text.startswith("+"):
        return _structure(case, text)
    try:
        value = json.loads(text[1:])
    except ValueError:
        value = [text]
    if value is None or isinstance(value, bool | int | str):
        return value
    raise UsageError(
        f"{case}: {text!r} is no argument: expected text, =NUMBER, =true, =false, =null or &CALL"
    )


def _structure(case: str, text: str) -> Argument:
    try:
        value: Argument = literal.read(unquote(text[1:]), _given_named)
    except UsageError:
        raise UsageError(
            f"{case}: {text!r} is no argument: expected plain data in Python's notation after +"
        ) from None
    return value


def givens(argument: Value) -> Iterator[Given]:
    """Those that an argument is, or has in its lists, tuples, sets and dictionaries' values."""
    if isinstance(argument, Given):
        yield argument
    elif isinstance(argument, list | tuple):
        for item in argument:
            yield from givens(item)
    elif isinstance(argument, set | frozenset):
        yield from sorted(found for item in argument for found in givens(item))
    elif isinstance(argument, dict):
        yield from givens(list(argument.values()))


def resolved(argument: Value, value: Callable[[Given], Value]) -> Value:
    """The argument, with each `Given` in it replaced by a value."""
    if isinstance(argument, Given):
        return value(argument)
    if type(argument) in (list, tuple, set, frozenset):
        return type(argument)(resolved(item, value) for item in argument)
    if isinstance(argument, dict):
        return {key: resolved(item, value) for key, item in argument.items()}
    return argument


@dataclass(frozen=True, kw_only=True)
class _Fields:
    """What a vocabulary says beside its functions.

    `alphabet` are the calls that small scopes are made of (`scope.py`).  `alike` are groups of
    arguments that stand for each other: a program with two of a group exchanged is the same.
    With a `reference` (`check/linearizability.py`) every execution's calls must be linearizable.
    """

    alphabet: tuple[Call, ...] = ()
    alike: tuple[tuple[Argument, ...], ...] = ()
    at_end: tuple[Check, ...] = ()
    release: str = "lockwright"
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    reference: Reference | None = None


@dataclass(frozen=True)
class Calls(_Fields):
    """The vocabulary of a design: the functions that its users can call, on one ground.

    Raises UsageError when a call of the alphabet has no function, and what a reference's own
    `check(names)` raises.
    """

    design: str
    ground: Ground
    functions: Mapping[str, Function]

    def __post_init__(self) -> None:
        for call in self.alphabet:
            self._check(self.design, call)
        check = getattr(self.reference, "check", None)
        if check is not None:
            check(self.functions)

    def _check(self, where: str, call: Call) -> None:
        if call.name not in self.functions:
            known = ", ".join(self.functions)
            raise UsageError(f"{where}: {self.design} has no call {call.name!r}; it has: {known}")

    def check_arguments(self, where: str, call: Call) -> None:
        """Raise UsageError, which begins with `where`, for a call that its function cannot take."""
        try:
            signature(self.functions[call.name]).bind(None, *call.arguments)
        except TypeError as error:
            said = f"{_joined((call,))} does not fit {call.name}(): {error}"
            raise UsageError(f"{where}: {said}") from None
        except ValueError:
            return  # a function that does not say what it takes

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
            self.check_arguments(name, call)
            for given in givens(call.arguments):
                if given.call >= at:
                    raise UsageError(f"{name}: &{given.call} is no call before {call.name}")

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
        program, reference = self.program, self.calls.reference
        at = self.ground.prepare(world, **parameters)
        made = _Made(self.calls.functions, at, program)
        if reference is not None:
            made.history = History(world, reference, program.owners)
        for nth, call in enumerate(program.before):
            arguments = made.arguments(call)
            made.given[nth] = result = boot(world, made.function(call)(at, *arguments))
            if made.history is not None:
                made.history.happened(nth, call.name, arguments, result)
        first = len(program.before)
        made.shared = _returned(world, program)
        for calls, comm in zip(program.tasks, comms(program), strict=True):
            world.spawn(made._task(list(enumerate(calls, first))), comm)
            first += len(calls)


class _Made:
    """What a world has been given to run a program: one execution's calls.

    `given[n]` is what the call number n gave; `shared[n]` says whether it has returned, where a
    task takes what a call of another one gives.
    """

    __slots__ = ("at", "functions", "given", "history", "shared")

    def __init__(self, functions: Mapping[str, Function], at: Value, program: Program) -> None:
        self.functions = functions
        self.at = at
        self.given: list[Value] = [None] * len(program.calls)
        self.shared: dict[int, Variable] = {}
        self.history: History | None = None

    def function(self, call: Call) -> Function:
        return self.functions[call.name]

    def arguments(self, call: Call) -> list[Value]:
        return [resolved(argument, self._given) for argument in call.arguments]

    def _given(self, wanted: Given) -> Value:
        return self.given[wanted.call]

    async def _task(self, numbered: _Numbered) -> None:
        given, shared, history = self.given, self.shared, self.history
        for nth, call in numbered:
            for wanted in dict.fromkeys(givens(call.arguments)) if shared else ():
                if wanted.call in shared and wanted.call < numbered[0][0]:
                    await VariableAwait(shared[wanted.call], bool)
            if history is None:
                given[nth] = await self.functions[call.name](self.at, *self.arguments(call))
            else:
                given[nth] = await self._recorded(history, nth, call)
            if nth in shared:
                await VariableStore(shared[nth], 1)

    async def _recorded(self, history: History, nth: int, call: Call) -> Value:
        """A call that the history is told of."""
        arguments = self.arguments(call)
        text = history.announce(nth, call.name, arguments)
        result = await self.functions[call.name](self.at, *arguments)
        if history.idle(nth):
            await Moment(text)
        history.returns(nth, result)
        return result


def _returned(world: World, program: Program) -> dict[int, Variable]:
    """For each call whose result another task takes: whether it has returned."""
    shared: dict[int, Variable] = {}
    first = len(program.before)
    for calls in program.tasks:
        for wanted in givens([call.arguments for call in calls]):
            if len(program.before) <= wanted.call < first and wanted.call not in shared:
                name = program.calls[wanted.call].name
                shared[wanted.call] = Variable(world, 0, f"{name}() returned")
        first += len(calls)
    return shared


def _nobody(at: Value) -> None:
    """The tasks of a ground alone."""


def comms(program: Program) -> Iterator[str]:
    """What the tasks are called: by their first call, with a number where two are alike."""
    names = [calls[0].name for calls in program.tasks]
    for at, name in enumerate(names):
        number = f"-{names[: at + 1].count(name)}" if names.count(name) > 1 else ""
        yield f"{name[: COMM_MAX - len(number)]}{number}"
