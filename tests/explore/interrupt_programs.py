"""Random little programs with interrupts, and a model of them that knows nothing of the machine.

A unit is a task or a handler: a list of instructions.

    ("lock", X) ("unlock", X)      spin_lock(), spin_unlock()
    ("save", X) ("restore", X)     the same with irqs off
    ("try", X, n)                  spin_trylock(); goes n instructions further where it fails
    ("off",) ("on",)               local_irq_save(), local_irq_restore()
    ("set", F) ("get", F)          add one to a flag; note what it is
    ("wait", C) ("complete", C)    a completion
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, NamedTuple

from lockwright.core.location import Names
from lockwright.core.task import Context, Task
from lockwright.core.world import World
from lockwright.kernel.completion import Completion
from lockwright.kernel.irq import interrupt
from lockwright.kernel.irqflags import local_irq_restore, local_irq_save
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.spinlock import SpinLock

Code = tuple[tuple[Any, ...], ...]

LOCKS = ("A", "B")
FLAGS = ("x", "y")
SECTIONS = (("lock", "unlock"), ("save", "restore"), ("try", "unlock"))


@dataclass(frozen=True)
class Interrupt:
    """A line: what it runs, on which tasks, of which kind, and whether an idle CPU may take it.

    With None for the tasks it comes on any of them, and is declared before they are.
    """

    code: Code
    on: tuple[int, ...] | None
    hard: bool = True
    idle: bool = False


@dataclass(frozen=True)
class Program:
    """Tasks, by their code, and lines.

    With `anywhere` the handlers are tasks of their own, which come on any CPU that lets them, or on
    an idle one.
    """

    tasks: tuple[Code, ...]
    lines: tuple[Interrupt, ...]
    anywhere: bool = False

    def build(self, world: World) -> None:
        """Make it on the machine; `world.state` then tells the outcome."""
        if self.anywhere:
            world.interrupts = "anywhere"
        machine = _Machine(world)
        lines = list(enumerate(self.lines, len(self.tasks)))
        if self.anywhere:
            for at, code in enumerate(self.tasks):
                world.spawn(machine.run(at, code), f"T{at}")
            for at, line in lines:
                context = Context.HARDIRQ if line.hard else Context.SOFTIRQ
                world.spawn(machine.run(at, line.code), f"irq{at}", context=context)
            return
        for at, line in lines:
            if line.on is None:
                machine.declare(at, line, None)
        made = [world.spawn(machine.run(at, code), f"T{at}") for at, code in enumerate(self.tasks)]
        for at, line in lines:
            if line.on is not None:
                machine.declare(at, line, [made[task] for task in line.on])

    def make(self, names: Names) -> World:
        """A world of it."""
        world = World(names)
        self.build(world)
        return world


class _Machine:
    def __init__(self, world: World) -> None:
        self.locks = {name: SpinLock(world, name) for name in LOCKS}
        self.flags = {name: Variable(world, 0, name) for name in FLAGS}
        self.completions = {"c": Completion(world, "c")}
        self.at: dict[int, int] = {}
        self.got: dict[int, list[int]] = {}
        self.world = world
        world.state = self

    def declare(self, at: int, line: Interrupt, on: list[Task] | None) -> None:
        interrupt(
            self.world,
            partial(self.run, at, line.code),
            f"irq{at}",
            on=on,
            context=Context.HARDIRQ if line.hard else Context.SOFTIRQ,
            idle=line.idle,
        )

    async def run(self, unit: int, code: Code) -> None:
        pc = 0
        while True:
            self.at[unit] = pc
            if pc == len(code):
                return
            what, *about = code[pc]
            pc += 1
            if what in ("lock", "save", "unlock", "restore"):
                lock = self.locks[about[0]]
                call = {
                    "lock": lock.lock,
                    "save": lock.lock_irqsave,
                    "unlock": lock.unlock,
                    "restore": lock.unlock_irqrestore,
                }[what]
                await call()
            elif what == "try":
                if not await self.locks[about[0]].trylock():
                    pc += about[1]
            elif what == "off":
                await local_irq_save()
            elif what == "on":
                await local_irq_restore()
            elif what == "set":
                await WRITE_ONCE(self.flags[about[0]], 10 * unit + pc)
            elif what == "get":
                got = await READ_ONCE(self.flags[about[0]])
                self.got.setdefault(unit, []).append(got)
            elif what == "wait":
                await self.completions[about[0]].wait_for_completion()
            else:
                await self.completions[about[0]].complete()

    def outcome(self) -> tuple[Any, ...]:
        """How far each unit came, what it got, and what the flags are."""
        return (
            tuple(sorted(self.at.items())),
            tuple(sorted((unit, tuple(got)) for unit, got in self.got.items())),
            tuple(self.flags[name].value for name in FLAGS),
        )


def outcome(world: World) -> tuple[Any, ...]:
    """The outcome of an execution of a program."""
    assert isinstance(world.state, _Machine)
    return world.state.outcome()


class Running(NamedTuple):
    """A unit that runs: its number, where it is, and how often it has switched irqs off."""

    unit: int
    pc: int
    irqs_off: int


class State(NamedTuple):
    """A state of the model: for each CPU its stack of units, innermost last; the lines that are
    still to come; the CPU that holds each lock; flags, what was read, the completion's count."""

    stacks: tuple[tuple[Running, ...], ...]
    lines: tuple[int, ...]
    locks: tuple[int, ...]
    flags: tuple[int, ...]
    got: tuple[tuple[int, ...], ...]
    at: tuple[int, ...]
    completed: int


class Model:
    """All outcomes of a program, by looking at every state.  An interrupt need not come unless an
    idle CPU can take it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.codes = [*program.tasks, *(line.code for line in program.lines)]
        self.tasks = len(program.tasks)

    def outcomes(self) -> set[tuple[Any, ...]]:
        """As `outcome` tells them."""
        units = len(self.codes)
        start = State(
            (
                *(((Running(task, 0, 0)),) for task in range(self.tasks)),
                *(() for _ in self.program.lines),
            ),
            tuple(range(len(self.program.lines))),
            (-1,) * len(LOCKS),
            (0,) * len(FLAGS),
            ((),) * units,
            tuple(0 if unit < self.tasks or self.program.anywhere else -1 for unit in range(units)),
            0,
        )
        seen, todo, found = {start}, [start], set()
        while todo:
            state = todo.pop()
            ends = True
            for following, sure in self.following(state):
                ends = ends and not sure
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
            if ends:
                found.add(self.told(state))
        return found

    def told(self, state: State) -> tuple[Any, ...]:
        return (
            tuple((unit, pc) for unit, pc in enumerate(state.at) if pc >= 0),
            tuple((unit, got) for unit, got in enumerate(state.got) if got),
            state.flags,
        )

    def following(self, state: State) -> Iterator[tuple[State, bool]]:
        """The next states, and whether the step is one that is sure to be taken."""
        for cpu, stack in enumerate(state.stacks):
            if stack:
                after = self.step(state, cpu)
                if after is not None:
                    yield after, True
        for line in state.lines:
            about = self.program.lines[line]
            for cpu in range(len(state.stacks)) if about.on is None else about.on:
                if self.admits(state.stacks[cpu], hard=about.hard):
                    yield self.begun(state, cpu, line), False
            if about.idle:
                yield self.begun(state, self.tasks + line, line), True

    def admits(self, stack: tuple[Running, ...], *, hard: bool) -> bool:
        lines = self.program.lines
        handlers = [lines[run.unit - self.tasks] for run in stack if run.unit >= self.tasks]
        if not stack or any(run.irqs_off for run in stack) or any(each.hard for each in handlers):
            return False
        return hard or not handlers

    def begun(self, state: State, cpu: int, line: int) -> State:
        unit = self.tasks + line
        stacks = list(state.stacks)
        stacks[cpu] = (*stacks[cpu], Running(unit, 0, 0))
        at = list(state.at)
        at[unit] = 0
        left = tuple(each for each in state.lines if each != line)
        return state._replace(stacks=tuple(stacks), lines=left, at=tuple(at))

    def step(self, state: State, cpu: int) -> State | None:
        """The innermost unit of a CPU does its next instruction; None if it cannot."""
        stack = state.stacks[cpu]
        unit, pc, irqs_off = stack[-1]
        code = self.codes[unit]
        if pc == len(code):
            if len(stack) == 1:
                return None
            return self.put(state, cpu, stack[:-1])
        what, *about = code[pc]
        pc += 1
        if what in ("lock", "save", "try", "unlock", "restore"):
            lock = LOCKS.index(about[0])
            owner = state.locks[lock]
            if what in ("unlock", "restore"):
                assert owner == cpu
                owner = -1
            elif owner == -1:
                owner = cpu
            elif what == "try":
                pc += about[1]
            else:
                return None
            locks = list(state.locks)
            locks[lock] = owner
            state = state._replace(locks=tuple(locks))
        elif what == "set":
            flags = list(state.flags)
            flags[FLAGS.index(about[0])] = 10 * unit + pc
            state = state._replace(flags=tuple(flags))
        elif what == "get":
            got = list(state.got)
            got[unit] = (*got[unit], state.flags[FLAGS.index(about[0])])
            state = state._replace(got=tuple(got))
        elif what == "wait":
            if not state.completed:
                return None
            state = state._replace(completed=state.completed - 1)
        elif what == "complete":
            state = state._replace(completed=state.completed + 1)
        irqs_off += (what in ("save", "off")) - (what in ("restore", "on"))
        at = list(state.at)
        at[unit] = pc
        state = state._replace(at=tuple(at))
        return self.put(state, cpu, (*stack[:-1], Running(unit, pc, irqs_off)))

    def put(self, state: State, cpu: int, stack: tuple[Running, ...]) -> State:
        stacks = list(state.stacks)
        stacks[cpu] = stack
        return state._replace(stacks=tuple(stacks))


def random_program(random: Random, anywhere: float = 0.0) -> Program:
    """A small program, of one to three tasks and one or two lines; `anywhere` is how likely the
    handlers are tasks."""
    tasks = random.choice((1, 1, 2, 2, 2, 3))
    most = {1: 4, 2: 3, 3: 1}[tasks]
    codes = tuple(_code(random, most, waits=True) for _ in range(tasks))
    lines = []
    for _ in range(1 if tasks == 3 else random.choice((1, 1, 2))):
        on = tuple(task for task in range(tasks) if random.random() < 0.7) or None
        code = _code(random, 2, waits=False)
        lines.append(Interrupt(code, on, random.random() < 0.6, random.random() < 0.3))
    if random.random() < anywhere:
        return Program(codes, tuple(replace(line, on=None, idle=True) for line in lines), True)
    return Program(codes, tuple(lines))


def _code(random: Random, most: int, *, waits: bool) -> Code:
    code: list[tuple[Any, ...]] = []
    while len(code) < most and (not code or random.random() < 0.8):
        left = most - len(code)
        if left >= 2 and random.random() < 0.6:
            inner = [_single(random, waits=False) for _ in range(random.randrange(left - 1))]
            if random.random() < 0.2:
                code += [("off",), *inner, ("on",)]
                continue
            begin, end = random.choice(SECTIONS)
            lock = random.choice(LOCKS)
            further = (len(inner) + 1,) if begin == "try" else ()
            code += [(begin, lock, *further), *inner, (end, lock)]
        else:
            code.append(_single(random, waits=waits))
    return tuple(code)


def _single(random: Random, *, waits: bool) -> tuple[Any, ...]:
    what = random.choice(("set", "get", "get", "complete", "wait" if waits else "set"))
    return (what, random.choice(FLAGS) if what in ("set", "get") else "c")
