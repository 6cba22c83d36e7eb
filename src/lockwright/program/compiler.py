"""From the steps of one task to a coroutine function.

Each step becomes one line of Python, and the function is compiled from those lines, so that a
program costs no more to run than a model written by hand.  No text of the input gets into the
source: registers become r0, r1, ..., objects o0, o1, ..., and numbers are printed from integers.

The lines between two labels are a block.  `pc` is the block that was jumped to; blocks before it
are passed over, and those after it are fallen into:

    while True:
        if pc <= 0:
            r0 = await VariableRead(o0)
            if r0 == 1: pc = 1; continue
            await VariableWrite(o1, r0)
        if pc <= 1:
            await o2.unlock()
        return

The function is called what the task is called, and step n stands n lines below its head, so that
call chains and reports name the step: T1+0x2/0x6 is step 2 of 6.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, TypeAlias

from lockwright.core.task import shown as shown_in_chains
from lockwright.program.document import Place, items, number_of, one_of, shown, unknown
from lockwright.program.machine import RELATIONS

FILE = "<thread program>"
DEPTH_MAX = 50

Body: TypeAlias = Callable[..., Coroutine[Any, Any, None]]
Step: TypeAlias = tuple[Place, list[Any]]


@dataclass(frozen=True, slots=True)
class Op:
    """How a form spells an operation, and what makes the line of Python for it."""

    usage: str
    line: Callable[[TaskCode, list[Any]], str]

    @property
    def length(self) -> int:
        """How many items a step has."""
        return self.usage.count(",") + 1


@dataclass(slots=True)
class Objects:
    """The shared objects of a program, numbered in the order of first use.

    `kinds[name]` says what an object is; a name means one thing in the whole program.
    """

    kinds: dict[str, str] = field(default_factory=dict)

    def use(self, place: Place, kind: str, name: object) -> int:
        """The number of an object, which is made if it is new."""
        if not isinstance(name, str) or not name.isprintable() or not name:
            place.fault(f"{shown(name)} is no name", f"the name of a {kind}")
        known = self.kinds.setdefault(name, kind)
        if known != kind:
            place.fault(f"{shown(name)} is a {known}", f"a {kind}")
        return list(self.kinds).index(name)


@dataclass(slots=True)
class TaskCode:
    """One task while its steps are read.

    `place` is the step that is being read.  `used` has the numbers of the objects that the source
    names, `reads` where each register is read first; `threads` are those of the whole program.
    """

    objects: Objects
    steps: Sequence[Step]
    place: Place
    threads: tuple[str, ...]
    labels: dict[str, int] = field(default_factory=dict)
    registers: dict[str, str] = field(default_factory=dict)
    written: dict[str, None] = field(default_factory=dict)
    reads: dict[str, Place] = field(default_factory=dict)
    used: dict[int, None] = field(default_factory=dict)

    def number(self, kind: str, name: object) -> str:
        """A shared object, in the source."""
        number = self.objects.use(self.place, kind, name)
        self.used[number] = None
        return f"o{number}"

    def register(self, name: object) -> str:
        """A register that the step sets, in the source."""
        self._check_register(name)
        self.written[str(name)] = None
        return self._local(str(name))

    def expression(self, value: object, depth: int = 0) -> str:
        """A number, a register, or a sum of two expressions, in the source."""
        if depth > DEPTH_MAX:
            self.place.fault("it is nested too deeply", f"at most {DEPTH_MAX} sums in each other")
        if isinstance(value, int) and not isinstance(value, bool):
            return f"({value:d})"
        if isinstance(value, str):
            self._check_register(value)
            self.reads.setdefault(value, self.place)
            return self._local(value)
        if isinstance(value, list) and len(value) == 3 and value[0] == "+":
            left, right = (self.expression(each, depth + 1) for each in value[1:])
            return f"({left} + {right})"
        self.place.fault(
            f"{shown(value)} is no expression", 'a whole number, a register, or ["+", a, b]'
        )

    def constant(self, value: object) -> str:
        """A number, in the source."""
        return f"({number_of(value, self.place, 'the value'):d})"

    def relation(self, value: object) -> str:
        """One of RELATIONS."""
        if not isinstance(value, str) or value not in RELATIONS:
            self.place.fault(f"unknown relation {shown(value)}", f"one of {' '.join(RELATIONS)}")
        return value

    def jump(self, label: object) -> str:
        """The statements that go on at a label."""
        if not isinstance(label, str) or label not in self.labels:
            remedy = f'a step ["label", {shown(label)}] in the same task'
            unknown(self.place, "label", label, self.labels, remedy)
        return f"pc = {self.labels[label]}; continue"

    def _check_register(self, name: object) -> None:
        if not isinstance(name, str) or not name.isprintable() or not name:
            self.place.fault(f"{shown(name)} is no register", "the name of a register")

    def _local(self, name: str) -> str:
        return self.registers.setdefault(name, f"r{len(self.registers)}")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A task's coroutine function, and the numbers of the objects that it wants as arguments."""

    name: str
    body: Body
    uses: tuple[int, ...]


def compile_task(
    name: str,
    steps: Sequence[Step],
    objects: Objects,
    *,
    ops: Mapping[str, Op],
    scope: Mapping[str, object],
    threads: tuple[str, ...] = (),
) -> Compiled:
    """Compile a task.  `scope` has what the lines of `ops` name.  Raises UsageError."""
    code = TaskCode(objects, steps, steps[0][0], threads)
    _read_labels(code)
    lines = [_line(code, place, step, ops) for place, step in steps]
    for register, place in code.reads.items():
        if register not in code.written:
            place.fault(
                f"register {shown(register)} is read, and no step of the task sets it",
                one_of(
                    register,
                    code.written,
                    f'a step before this one that sets it, such as ["read", var, '
                    f"{shown(register)}]",
                ),
            )
    uses = tuple(sorted(code.used))
    body = _function(name, _source(lines, uses), dict(scope))
    return Compiled(name, body, uses)


@dataclass(frozen=True, slots=True)
class _Line:
    """One step's source; empty for a label, which begins the block of its number."""

    source: str
    block: int = 0


def _read_labels(code: TaskCode) -> None:
    for place, step in code.steps:
        if step[0] != "label":
            continue
        if len(step) != 2 or not isinstance(step[1], str) or not step[1].isprintable():
            place.fault("it is no label", "[label, name]")
        if step[1] in code.labels:
            place.fault(f"label {shown(step[1])} is there twice", "each label once in a task")
        code.labels[step[1]] = len(code.labels) + 1


def _line(code: TaskCode, place: Place, step: list[Any], ops: Mapping[str, Op]) -> _Line:
    code.place = place
    if step[0] == "label":
        return _Line("", code.labels[step[1]])
    if step[0] not in ops:
        unknown(place, "operation", step[0], [*ops, "label"])
    op = ops[step[0]]
    if len(step) != op.length:
        place.fault(items(len(step)), op.usage)
    return _Line(op.line(code, step[1:]))


def check_flow(steps: Sequence[Step], silent: Mapping[str, int]) -> None:
    """Refuse a task that can go round, or end, without any operation.

    `silent` has the steps that are no operations: where in each the label stands that it jumps
    to.  A loop of such steps alone, once entered, never ends.
    """
    at_label = {step[1]: at for at, (_, step) in enumerate(steps) if step[0] == "label"}

    def following(at: int) -> list[int]:
        step = steps[at][1]
        if step[0] == "label":
            return [at + 1]
        if step[0] not in silent:
            return []
        target = at_label[step[silent[step[0]]]]
        return [target] if step[0] == "goto" else [at + 1, target]

    done: set[int] = set()
    for start in range(len(steps)):
        stack: list[tuple[int, bool]] = [(start, False)]
        path: set[int] = set()
        while stack:
            at, left = stack.pop()
            if left:
                path.discard(at)
                done.add(at)
            elif at in path:
                steps[start][0].fault(
                    "a loop without an operation never ends", "an operation in it"
                )
            elif at < len(steps) and at not in done:
                path.add(at)
                stack.append((at, True))
                stack.extend((after, False) for after in following(at))


def _source(lines: Sequence[_Line], uses: Sequence[int]) -> list[tuple[int, str]]:
    """The function as (step, line); lines of no step of their own go with the next one."""
    arguments = ", ".join(f"o{number}" for number in uses)
    source = [(0, f"async def task({arguments}):")]
    looping = any(line.block for line in lines)
    indent = "    "
    if looping:
        source += [(0, "    pc = 0"), (0, "    while True:"), (0, "        if pc <= 0:")]
        indent = "            "
    empty = True
    for step, line in enumerate(lines):
        if line.source:
            source.append((step, indent + line.source))
            empty = False
            continue
        if empty:
            source.append((step, indent + "pass"))
        source.append((step, f"        if pc <= {line.block}:"))
        empty = True
    if looping and empty:
        source.append((len(lines) - 1, indent + "pass"))
    source.append((len(lines) - 1, ("        " if looping else "    ") + "return"))
    return source


def _function(name: str, source: list[tuple[int, str]], scope: dict[str, object]) -> Body:
    tree = ast.parse("\n".join(line for _, line in source))
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt | ast.arg):
            node.lineno = 1 + source[node.lineno - 1][0]
            node.end_lineno = node.lineno
    scope["__name__"] = __name__
    exec(compile(tree, FILE, "exec"), scope)
    made = scope["task"]
    assert isinstance(made, FunctionType)
    title = name if shown_in_chains(name) else f"task {name}"
    made.__code__ = made.__code__.replace(co_name=title, co_qualname=title)
    return made
