"""A thread program on the machine: its objects, and a coroutine for each of its threads.

An instruction is compiled to a small function `(registers) -> Operation`, or to a jump; labels
are resolved to indices, so that running one costs little more than the operation itself.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from lockwright.core.operation import Operation

Registers = dict[str, Any]
MakeOperation = Callable[[Registers], Operation]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
}


class Instruction:
    """One compiled step.

    With `make`: an operation, whose result goes to `register` if there is one; if `jump_if` is
    set, a result equal to it jumps to `target`.  Without `make`: a jump to `target`, taken when
    `condition` is None or true.
    """

    __slots__ = ("condition", "jump_if", "make", "register", "target")

    def __init__(
        self,
        make: MakeOperation | None = None,
        *,
        register: str | None = None,
        jump_if: object = None,
        condition: Callable[[Registers], bool] | None = None,
        target: int = -1,
    ) -> None:
        self.make = make
        self.register = register
        self.jump_if = jump_if
        self.condition = condition
        self.target = target


async def run_thread(code: list[Instruction]) -> Registers:
    """Run compiled code; gives the registers at the end."""
    registers: Registers = {}
    at, end = 0, len(code)
    while at < end:
        instruction = code[at]
        at += 1
        make = instruction.make
        if make is None:
            if instruction.condition is None or instruction.condition(registers):
                at = instruction.target
            continue
        result = await make(registers)
        if instruction.register is not None:
            registers[instruction.register] = result
        elif instruction.jump_if is not None and result == instruction.jump_if:
            at = instruction.target
    return registers


Thread = Callable[[], Coroutine[Any, Any, Any]]


def evaluator(expression: Any) -> Callable[[Registers], Any]:
    """A number, a register, or `["+", a, b]`, as a function of the registers.

    Raises ValueError for anything else.
    """
    if isinstance(expression, bool):
        raise ValueError(f"{expression!r} is no number")
    if isinstance(expression, int):
        return lambda registers: expression
    if isinstance(expression, str):
        return lambda registers: registers[expression]
    if isinstance(expression, list) and len(expression) == 3 and expression[0] == "+":
        left, right = evaluator(expression[1]), evaluator(expression[2])
        return lambda registers: left(registers) + right(registers)
    raise ValueError(f"{expression!r} is no number, register or ['+', a, b]")
