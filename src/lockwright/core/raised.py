"""Handlers that are tasks of their own, and may run on the CPU of another task.

A callback, a timer or a tasklet is a task in interrupt context, on a CPU of its own.  With
`world.interrupts = "anywhere"` it may as well interrupt another task that has its kind of interrupt
switched on: that task then goes on when the handler is done.  The handler runs once.

What it waits for first (a grace period, say) it waits for anywhere.  Then it is said, in a step of
its own, which CPU it is raised on (`Raise`): its own, or that of a task that it could interrupt.
Each such task looks before each of its operations whether something was raised on its CPU that can
come now (`Look`), and if so lets it come and waits for it (`Suspended`).  A handler that nobody has
let come begins by itself (`Begin`): the task was not running, or is over.

What can be interrupted: the tasks that the set-up has made, and the one that has made the handler.
Others a handler cannot know in every order of things.

For the explorer each CPU has a location, which a Look reads, and writes if something comes.  What
is raised where is a choice that decides which steps conflict at all: `explore/dpor.py` reverses all
races of every execution where there is such a choice, and not those only that are new in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES
from lockwright.core.errors import ModelError, UsageError
from lockwright.core.interrupt import Driver, interruptible
from lockwright.core.line import BENEATH, KINDS, Source, admits
from lockwright.core.location import Location, Value
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from lockwright.core.task import Context, Task

if TYPE_CHECKING:
    from lockwright.core.world import World

OWN, ANYWHERE = "own", "anywhere"


class Cpu(Location):
    """What one task runs on.  Invariant: `value` has the indices of the handlers that were raised
    here and have not begun, oldest first."""

    __slots__ = ("task",)

    value: tuple[int, ...]

    def __init__(self, task: Task) -> None:
        super().__init__(task.world, (), f"CPU of {task.comm}")
        self.task = task

    def offer(self, task: Task) -> Operation | None:
        """What is done where the task could be interrupted; None if it cannot be."""
        kinds = tuple(kind for kind in KINDS if admits(task, kind))
        return Look(self, kinds) if kinds else None

    def offered_to(self, context: Context) -> bool:
        """It is added to its own task by name."""
        return False

    def remove(self, handler: Task) -> None:
        """The handler begins."""
        self.value = tuple(at for at in self.value if at != handler.index)


class Look(Operation):
    """A task looks whether a handler can come that was raised on its CPU.  `taken` is the one."""

    __slots__ = ("kinds", "loc", "taken")

    conditional = True
    looks = True
    buffering = IGNORES
    orders = RELAXED
    kind = "interrupt"
    loc: Cpu

    def __init__(self, loc: Cpu, kinds: tuple[Context, ...]) -> None:
        self.loc = loc
        self.kinds = kinds
        self.taken: Task | None = None

    def writes_at(self, value: tuple[int, ...]) -> bool:
        tasks = self.loc.world.tasks
        return any(tasks[at].context in self.kinds for at in value)

    def run(self, task: Task, touched: list[int]) -> bool | None:
        cpu = self.loc
        if not self.writes_at(cpu.value):
            touched.append(cpu.reading)
            return False
        touched.append(cpu.writing)
        tasks = cpu.world.tasks
        ready = [tasks[at] for at in cpu.value]
        # a hard interrupt does not wait for a soft one
        self.taken = next(each for kind in self.kinds for each in ready if each.context is kind)
        cpu.remove(self.taken)
        return None

    def describe(self) -> str:
        return f"<Interrupt {self.taken.comm}>" if self.taken is not None else "<Interrupt>"


class Raise(Operation):
    """A handler is raised on its own CPU (0), or on that of one of these tasks.

    C: kernel/softirq.c, raise_softirq().  `at` is the CPU, None if it is its own.
    """

    __slots__ = ("at", "cpus")

    chooses = True
    raises = True
    buffering = IGNORES
    orders = RELAXED
    kind = "raise_interrupt"

    def __init__(self, cpus: list[Cpu]) -> None:
        self.cpus = cpus
        self.at: Cpu | None = None

    def options(self) -> int:
        return 1 + len(self.cpus)

    def announce(self, choice: int) -> list[int]:
        return [self.cpus[choice - 1].writing] if choice else []

    def run(self, task: Task, touched: list[int]) -> str | None:
        choice = task.world.choice
        if not choice:
            return None
        self.at = cpu = self.cpus[choice - 1]
        touched.append(cpu.writing)
        cpu.value = (*cpu.value, task.index)
        return f"on the {cpu.name}"

    def describe(self) -> str:
        return f"{self.kind}()"


class Begin(Operation):
    """A handler begins, on top of the task that has let it come, or else by itself.

    `on_top` tells which it was.
    """

    __slots__ = ("handler", "loc", "on_top")

    conditional = True
    buffering = IGNORES
    orders = RELAXED
    kind = "begin_interrupt"
    loc: Cpu

    def __init__(self, handler: Task, loc: Cpu) -> None:
        self.handler = handler
        self.loc = loc
        self.on_top = False

    def writes_at(self, value: tuple[int, ...]) -> bool:
        return self.handler.index in value

    def run(self, task: Task, touched: list[int]) -> None:
        cpu = self.loc
        if not self.writes_at(cpu.value):
            self.on_top = True
            touched.append(cpu.reading)
            return
        touched.append(cpu.writing)
        cpu.remove(task)

    def describe(self) -> str:
        return f"{self.kind}()"


class Drained(Operation):
    """What the CPU has stored lands before a handler begins there; `after` says when it has.

    Source: Intel SDM, volume 3A, "Store Buffer": it is drained when an interrupt is generated.
    """

    __slots__ = ("after",)

    blocking = True
    buffering = IGNORES
    orders = RELAXED
    kind = "drain_interrupted"

    def __init__(self, flags: tuple[Location, ...]) -> None:
        self.after = flags  # type: ignore[misc]  # a slot where there are some

    def run(self, task: Task, touched: list[int]) -> None:
        for flag in self.after:
            touched.append(~flag.number)

    def describe(self) -> str:
        return f"{self.kind}()"


class Raising(Driver):
    """Runs a handler that is a task of its own.

    `waited` says that its first operation was a wait for something, `raised` is its being raised,
    once that was announced, `begins` its beginning, `first` the operation that it begins with, and
    `begun` that it has.
    """

    __slots__ = ("begins", "begun", "first", "raised", "waited")

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.begins: Begin | None = None
        self.begun = False
        self.first: Operation | None = None
        self.raised: Raise | None = None
        self.waited = False
        self.idle = True

    def put_off(self) -> list[Operation | None]:
        return [self.first, *super().put_off()]

    def send(self, result: Value) -> Operation:
        """As any driver, but before the code: to be raised, and to begin."""
        if self.begun:
            return super().send(result)
        if self.raised is None:
            operation = self.resume(result)
            if not isinstance(operation, Operation):
                return operation  # type: ignore[no-any-return]  # the machine will refuse it
            if operation.blocking and not operation.enters and not self.waited:
                self.waited = True
                return operation
            self.first = operation
            self.raised = Raise(cpus_for(self.task))
            return self.raised
        at, self.raised.at = self.raised.at, None
        if at is not None:
            self.begins = Begin(self.task, at)
            return self.begins
        begins, self.begins = self.begins, None
        memory = self.task.world.memory
        if begins is not None and begins.on_top and memory is not None:
            return Drained(memory.stored(begins.loc.task))
        self.begun = True
        self.idle = False
        return self.announce(self.first)


def cpus_for(handler: Task) -> list[Cpu]:
    """Those of the tasks that a handler can interrupt."""
    lines = handler.world.lines
    assert lines is not None, "its driver is there because of them"
    cpus = list(lines.known)
    maker = lines.makers[handler.index]
    if maker is not None and maker not in cpus:
        cpus.append(maker)
    beneath = BENEATH[handler.context]
    return [cpu for cpu in cpus if cpu.task.context in beneath]


class Lines:
    """What can interrupt the tasks of one execution.

    `general` can come on top of every task that it can come on top of at all.  `where` says where
    handlers run that are tasks of their own: if anywhere, `known` has the CPUs of the tasks that
    the set-up has made, `cpus` all by the task's index, and `makers` for each task that is a
    handler that of the one that made it.  `alone` is true while the idle CPU of a line is made.
    """

    __slots__ = ("alone", "cpus", "general", "known", "makers", "where")

    def __init__(self) -> None:
        self.general: list[Source] = []
        self.where = OWN
        self.alone = False
        self.known: list[Cpu] = []
        self.cpus: dict[int, Cpu] = {}
        self.makers: dict[int, Cpu | None] = {}

    def attach(self, task: Task) -> None:
        """A task was made; it has not begun."""
        raises = self.where == ANYWHERE and not self.alone and task.context is not Context.BUFFER
        if raises and task.context in KINDS:
            self._raise(task)
        for source in self.general:
            if source.offered_to(task.context):
                driver = interruptible(task)
                driver.idle = task.context is Context.SOFTIRQ
                driver.add(source)
        if raises and task.context is not Context.HARDIRQ:
            creator = task.world.creator
            cpu = self.cpus[task.index] = Cpu(task)
            interruptible(task).add(cpu)
            if not isinstance(creator, Task):
                self.known.append(cpu)

    def _raise(self, task: Task) -> None:
        creator = task.world.creator
        self.makers[task.index] = self.cpus.get(getattr(creator, "index", -1))
        driver: Driver = Raising(task)
        if task.driver is None:
            task.driver, task.send = driver, driver.send
        else:  # behind a store buffer
            task.driver.resume = driver.send

    def offer_everywhere(self, world: World, source: Source) -> None:
        """Let something interrupt every task that there is and will be."""
        self.general.append(source)
        for task in world.tasks:
            if source.offered_to(task.context):
                interruptible(task).add(source)


def use_interrupts(world: World, where: str) -> None:
    """Say where handlers run that are tasks of their own: OWN or ANYWHERE.

    Raises UsageError for anything else, ModelError if there are tasks already.
    """
    if where not in (OWN, ANYWHERE):
        raise UsageError(f"unknown interrupts {where!r}; there are: {OWN}, {ANYWHERE}")
    if world.tasks:
        raise ModelError("where interrupts come is said before the first task is spawned")
    if where != world.interrupts:
        world.lines = world.lines or Lines()
        world.lines.where = where
