"""A reference for weak memory: the store-buffer machines as their papers draw them.

It knows nothing of Lockwright.  A state is what each task has done, its buffer, the stores that
each location has had, and which store each read has read from; all states are walked, each once.
The final ones are the classes (program order, reads-from, write order).

TSO: a buffer is a list, and its head can go to memory.  PSO: an entry can go when nothing before
it in the list is of the same location, and no barrier stands before it; a store with release can
go when it is the head.  A read takes the newest entry of its own buffer, else memory.  Atomic
read-modify-writes, locks and mb need an empty buffer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

Entry = tuple[str, int, tuple[int, int], bool]
"""Location, value, who stored it (task, step taken), released?  An empty location is a barrier."""


Expression = int | str | list[Any]
Label = tuple[int, int] | None
"""Whose store, or None for the first value."""


class Machine(NamedTuple):
    """One state.  Per task: position, registers, buffer; per location: its stores, oldest first
    (value, who); what was read from whom; who took each lock, in order; who holds it."""

    at: tuple[int, ...]
    taken: tuple[int, ...]
    registers: tuple[tuple[tuple[str, int], ...], ...]
    buffers: tuple[tuple[Entry, ...], ...]
    memory: tuple[tuple[str, tuple[tuple[int, Any], ...]], ...]
    read_from: tuple[tuple[Any, Any], ...]
    locks: tuple[tuple[str, tuple[Any, ...], int], ...]


def classes(program: dict[str, Any], memory: str) -> tuple[set[Any], set[Any], set[Any]]:
    """The classes that complete, those that do not, and the final values of the complete ones."""
    tasks = list(program["tasks"].values())
    first = Machine(
        (0,) * len(tasks),
        (0,) * len(tasks),
        ((),) * len(tasks),
        ((),) * len(tasks),
        tuple((name, ((value, None),)) for name, value in program["vars"].items()),
        (),
        (),
    )
    complete: set[Any] = set()
    stuck: set[Any] = set()
    outcomes: set[Any] = set()
    seen = {first}
    stack = [first]
    while stack:
        state = stack.pop()
        following = list(_following(state, tasks, memory))
        for other in following:
            if other not in seen:
                seen.add(other)
                stack.append(other)
        if following:
            continue
        orders = tuple((name, tuple(who for _, who in stores)) for name, stores in state.memory)
        found = (state.taken, state.read_from, orders, state.locks)
        if all(at == len(steps) for at, steps in zip(state.at, tasks, strict=True)):
            complete.add(found)
            outcomes.add(tuple((name, stores[-1][0]) for name, stores in state.memory))
        else:
            stuck.add(found)
    return complete, stuck, outcomes


def _following(state: Machine, tasks: list[Any], memory: str) -> Iterator[Machine]:
    for task, steps in enumerate(tasks):
        yield from _flushes(state, task, memory)
        if state.at[task] < len(steps):
            yield from _Step(state, task, steps, memory).take()


def _flushes(state: Machine, task: int, memory: str) -> Iterator[Machine]:
    buffer = state.buffers[task]
    for at, (name, value, who, released) in enumerate(buffer):
        before = buffer[:at]
        if not name:
            continue
        if memory == "pso" and not released:
            blocked = any(not other[0] or other[0] == name for other in before)
        else:
            blocked = any(other[0] for other in before)
        if blocked:
            continue
        left = list(before + buffer[at + 1 :])
        while left and not left[0][0]:
            left.pop(0)
        yield _stored(state, name, value, who)._replace(
            buffers=_put(state.buffers, task, tuple(left))
        )


def _stored(state: Machine, name: str, value: int, who: Label) -> Machine:
    memory = tuple(
        (other, (*stores, (value, who)) if other == name else stores)
        for other, stores in state.memory
    )
    return state._replace(memory=memory)


def _put(items: tuple[Any, ...], at: int, item: object) -> tuple[Any, ...]:
    return (*items[:at], item, *items[at + 1 :])


class _Step:
    """One step of one task."""

    def __init__(self, state: Machine, task: int, steps: list[Any], memory: str) -> None:
        self.state, self.task, self.steps, self.memory = state, task, steps, memory
        self.at = state.at[task]
        self.registers = dict(state.registers[task])
        self.who = (task, state.taken[task])
        self.silent()

    def value(self, expression: Expression) -> int:
        if isinstance(expression, list):
            return self.value(expression[1]) + self.value(expression[2])
        return self.registers[expression] if isinstance(expression, str) else expression

    def silent(self) -> None:
        """Pass over what is no operation."""
        while self.at < len(self.steps):
            step = self.steps[self.at]
            if step[0] == "label":
                self.at += 1
            elif step[0] == "goto" or (step[0] == "if" and self.holds(*step[1])):
                self.at = self.steps.index(["label", step[-1]])
            elif step[0] == "if":
                self.at += 1
            else:
                return

    def holds(self, relation: str, left: Expression, right: Expression) -> bool:
        a, b = self.value(left), self.value(right)
        return {"==": a == b, "!=": a != b, "<": a < b}[relation]

    def seen(self, name: str) -> tuple[int, Any]:
        """What the task sees there: the value, and whose it is."""
        for entry in reversed(self.state.buffers[self.task]):
            if entry[0] == name:
                return entry[1], entry[2]
        return dict(self.state.memory)[name][-1]

    def take(self) -> Iterator[Machine]:
        if self.at == len(self.steps):
            yield self.done(self.state)
            return
        name, *args = self.steps[self.at]
        state, own = self.state, self.state.buffers[self.task]
        if name in ("read", "acquire", "await"):
            value, who = self.seen(args[0])
            if name != "await":
                self.registers[args[1]] = value
            elif not self.compare(value, *args[1:]):
                return
            state = state._replace(read_from=(*state.read_from, (self.who, who)))
        elif self.memory == "sc" and name in ("write", "release"):
            state = _stored(state, args[0], self.value(args[1]), self.who)
        elif name in ("write", "release"):
            entry = (args[0], self.value(args[1]), self.who, name == "release")
            state = state._replace(buffers=_put(state.buffers, self.task, (*own, entry)))
        elif name == "wmb":
            if self.memory == "pso" and own:
                barrier = (*own, ("", 0, self.who, False))
                state = state._replace(buffers=_put(state.buffers, self.task, barrier))
        elif name != "rmb":
            changed = None if own else self.drained(name, args)
            if changed is None:
                return
            state = changed
        self.at += 1
        self.silent()
        yield self.done(state)

    def compare(self, value: int, relation: str, number: Expression) -> bool:
        self.registers["?"] = value
        return self.holds(relation, "?", number)

    def drained(self, name: str, args: list[Any]) -> Machine | None:
        """What needs an empty buffer; None if it has to wait for something else."""
        state = self.state
        if name in ("lock", "unlock"):
            return self.lock(name, args[0])
        if name == "mb":
            return state
        old, whose = self.seen(args[0])
        state = state._replace(read_from=(*state.read_from, (self.who, whose)))
        if name == "cas":
            swapped = old == self.value(args[1])
            self.registers[args[3]] = int(swapped)
            return _stored(state, args[0], self.value(args[2]), self.who) if swapped else state
        new = self.value(args[1]) + (old if name == "add" else 0)
        self.registers[args[2]] = old
        return _stored(state, args[0], new, self.who)

    def lock(self, name: str, lock: str) -> Machine | None:
        locks = {held[0]: held for held in self.state.locks}
        _, takers, holder = locks.get(lock, (lock, (), -1))
        if name == "lock" and holder >= 0:
            return None
        locks[lock] = (
            (lock, takers, -1) if name == "unlock" else (lock, (*takers, self.who), self.task)
        )
        return self.state._replace(locks=tuple(sorted(locks.values())))

    def done(self, state: Machine) -> Machine:
        self.registers.pop("?", None)
        return state._replace(
            at=_put(state.at, self.task, self.at),
            taken=_put(state.taken, self.task, self.who[1] + 1),
            registers=_put(state.registers, self.task, tuple(sorted(self.registers.items()))),
            read_from=tuple(sorted(state.read_from, key=repr)),
        )
