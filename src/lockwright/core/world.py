"""The machine: one execution of a world, one step of one task at a time.

A world is built by a scenario, lives for one execution, and can do one thing: `step`.  It tells
what happened through `listeners`, and each kind of listener costs nothing while nobody listens.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any, Protocol

from lockwright.core.daemon import Daemon, add_daemon
from lockwright.core.errors import KernelOops, ModelError
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.location import Location, Names, Value
from lockwright.core.locknote import LockNote
from lockwright.core.lockuse import LockUse
from lockwright.core.native import mypyc_attr
from lockwright.core.operation import Operation
from lockwright.core.raised import OWN, Lines, use_interrupts
from lockwright.core.task import Context, Creator, Task, chain_of, place_of

FIRST_PID = 840
KERNEL_ADDRESS = 0xFFFF888100000000


class Memory(Protocol):
    """What makes stores late (`kernel/storebuffer.py`)."""

    def attach(self, task: Task) -> None:
        """A task was made; it has not begun."""

    def announced(self, task: Task, operation: Operation) -> Operation:
        """What a task that has not begun announces instead of what it had announced before."""

    def stored(self, task: Task) -> tuple[Location, ...]:
        """The flags that say that all that a task has stored so far has landed."""


@mypyc_attr(allow_interpreted_subclasses=True)
class World:
    """All state of one execution.

    `acc` collects the access codes of the step that runs now; the first `marked` of the last step
    are its operation's, the others those of the plain code after it.  `by_number[n]` is the task
    whose number is n, or None while it does not exist.  `reached` lists the goals that this
    execution has come to (`promise.py`).
    `log` is what whoever runs the world writes down of it, as in `explore/run.py`; it may be empty.
    Listeners: `on_step(task, operation, result)`, `on_acquire(task, use)` and
    `on_release(task, instance)` for locks, `on_irq(task, event)` for interrupts switched, entered
    and left (`irqs.py`), `on_note(task, note)` for what else a lock tells (`locknote.py`),
    `on_warn(task, finding, about)` for what `warn` records, `on_free(task, low, high, instances)`
    for memory whose locks are gone or initialised anew, `on_task_end(task)`.
    `reclaim` are the shrinkers of the world, if it has any (`kernel/reclaim.py`).
    `signals` are those of the world, if it has any (`kernel/signal.py`).
    `history` writes down the calls of its users, if somebody wants to know (`history.py`).
    `locks` lists all locks, in order of creation, if somebody has put a list there before.
    `booting` tells that the scenario's set-up is being run (`boot.py`); `daemons` has those to be
    spawned with it and after it (`daemon.py`).
    `memory` stands between the tasks and their operations if stores can be delayed; None is
    sequential consistency.  `lines` says what can interrupt the tasks (`raised.py`); None: nothing.
    Invariant: between steps every task is pending, ended or died.
    """

    __slots__ = (
        "acc",
        "addresses",
        "booting",
        "by_number",
        "choice",
        "creator",
        "daemons",
        "faults",
        "findings",
        "history",
        "lines",
        "locks",
        "log",
        "marked",
        "memory",
        "names",
        "objects",
        "on_acquire",
        "on_free",
        "on_irq",
        "on_note",
        "on_release",
        "on_step",
        "on_task_end",
        "on_warn",
        "reached",
        "reclaim",
        "signals",
        "state",
        "steps",
        "tasks",
    )

    def __init__(self, names: Names | None = None) -> None:
        self.names = names if names is not None else Names()
        self.creator = Creator(self.names.root)
        self.acc: list[int] = []
        self.by_number: list[Task | None] = []
        self.tasks: list[Task] = []
        self.choice = 0
        self.locks: Any = None
        self.log: list[Any] = []
        self.marked = 0
        self.memory: Memory | None = None
        self.lines: Lines | None = None
        self.steps = 0
        self.addresses = 0
        self.booting = False
        self.daemons: list[Daemon] = []
        self.faults: Any = None
        self.history: Any = None
        self.reclaim: Any = None
        self.findings: list[Finding] = []
        self.reached: list[str] = []
        self.objects: list[Any] = []
        self.state: Any = None
        self.on_step: tuple[Callable[[Task, Operation, Any], None], ...] = ()
        self.on_acquire: tuple[Callable[[Task, LockUse], None], ...] = ()
        self.on_release: tuple[Callable[[Task, int], None], ...] = ()
        self.on_free: tuple[Callable[[Task, int, int, tuple[int, ...]], None], ...] = ()
        self.on_irq: tuple[Callable[[Task, int], None], ...] = ()
        self.on_note: tuple[Callable[[Task, LockNote], None], ...] = ()
        self.on_warn: tuple[Callable[[Task, Finding, Value], None], ...] = ()
        self.on_task_end: tuple[Callable[[Task], None], ...] = ()
        self.signals: Any = None

    def address(self, size: int = 0x100) -> int:
        """A fake kernel address, the same for the same schedule."""
        self.addresses += 1
        return KERNEL_ADDRESS + self.addresses * size

    @property
    def interrupts(self) -> str:
        """Where tasks in interrupt context run: on a CPU of their own (`own`), or as well on top of
        any task that has their kind of interrupt switched on (`anywhere`)."""
        return OWN if self.lines is None else self.lines.where

    @interrupts.setter
    def interrupts(self, where: str) -> None:
        use_interrupts(self, where)

    def spawn(
        self,
        coro: Coroutine[Any, Any, Any],
        comm: str,
        *,
        context: Context = Context.PROCESS,
        pid: int | None = None,
    ) -> Task:
        """Make a task and bring it to its first operation.

        Raises ModelError if `coro` is no coroutine, or if it touches shared state before its first
        operation, because that would happen outside every step.
        """
        if not isinstance(coro, CoroutineType):
            raise ModelError(
                f"spawn() of {comm!r} wants a coroutine and got a {type(coro).__name__}; "
                "call the async function"
            )
        creator = self.creator
        nth = creator.children_made
        creator.children_made = nth + 1
        children = creator.name.children
        name = children[nth] if nth < len(children) else self.names.child(creator.name, nth)
        tasks = self.tasks
        index = len(tasks)
        task = Task(self, name, index, coro, comm)
        task.pid = FIRST_PID + index if pid is None else pid
        if context is not Context.PROCESS:
            task.context = context
            if context is not Context.WORKQUEUE and context is not Context.BUFFER:
                task.atomic = 1
        tasks.append(task)
        by_number = self.by_number
        while len(by_number) <= name.number:
            by_number.append(None)
        by_number[name.number] = task
        if isinstance(creator, Task):
            task.fresh = True
            self.acc.append(2 * name.done + 1)
        if self.memory is not None:
            self.memory.attach(task)
        if self.lines is not None:
            self.lines.attach(task)
        self._prime(task)
        return task

    def daemon(
        self,
        make: Callable[[], Coroutine[Any, Any, Any]],
        comm: str,
        *,
        context: Context = Context.PROCESS,
        pid: int | None = None,
    ) -> None:
        """Have a task that is always there (`daemon.py`); `make()` is the coroutine of its loop."""
        add_daemon(self, Daemon(make, comm, context, pid))

    def _prime(self, task: Task) -> None:
        """Bring a task to its first operation, which must come before any access."""
        outer, creator = self.acc, self.creator
        acc: list[int] = []
        self.acc = acc
        self.creator = task
        try:
            task.pending = task.send(None)
            if not isinstance(task.pending, Operation):
                raise self._foreign(task)
        except StopIteration as stop:
            self._end(task, stop.value)
            outer.append(acc.pop())
        except (KernelOops, AttributeError) as error:
            self._die(task, _oops(error), chain_of(error.__traceback__) + task.chain_beneath())
        self.acc = outer
        self.creator = creator
        if acc:
            raise ModelError(
                f"task {task.comm} touched {self._touched(acc)} before its first operation"
                f"{place_of(task)}: the first thing it does must be to await an operation"
            )

    def _foreign(self, task: Task) -> ModelError:
        got = type(task.pending).__name__
        where = place_of(task)
        task.pending = None
        return ModelError(
            f"task {task.comm} awaited something that is no operation of the machine{where}\n"
            f"expected: an operation, such as mutex.lock()\ngot: a {got}"
        )

    def _touched(self, acc: list[int]) -> str:
        names = self.names.fields
        fields = [names[code >> 1] for code in acc if code >= 0 and code >> 1 in names]
        return ", ".join(dict.fromkeys(fields)) or "shared state"

    def step(self, task: Task, choice: int = 0) -> list[int]:
        """Run one step of `task`; returns the access codes of what it touched.

        The main location of a blocking operation comes first.  A code below 0 is the inverted
        number of a one-way flag that had to be set: it orders, and cannot be raced with.
        """
        op = task.pending
        acc: list[int] = []
        self.acc = acc
        self.creator = task
        self.choice = choice
        try:
            result = op.run(task, acc)  # type: ignore[union-attr]  # a pending task has one
        except (KernelOops, AttributeError) as error:
            self._die(task, _oops(error), task.call_chain())
            if task.fresh:
                acc.append(~task.name.done)
            self.marked = len(acc)
            self.steps += 1
            return acc
        try:
            self.marked = len(acc)
            if self.on_step:
                for listener in self.on_step:
                    listener(task, op, result)  # type: ignore[arg-type]  # the same
            if task.fresh:
                task.fresh = False
                acc.append(~task.name.done)
            task.pending = op = task.send(result)
            if not isinstance(op, Operation):
                raise self._foreign(task)
        except StopIteration as stop:
            self._end(task, stop.value)
        except (KernelOops, AttributeError) as error:
            self._die(task, _oops(error), chain_of(error.__traceback__) + task.chain_beneath())
        self.steps += 1
        return acc

    def _end(self, task: Task, result: Value) -> None:
        task.result = result
        task.pending = None
        task.ended = True
        if task.flag is not None:
            task.flag.value = True
        self.acc.append(2 * task.name.done + 1)
        for listener in self.on_task_end:
            listener(task)

    def _die(self, task: Task, oops: KernelOops, chain: tuple[Frame, ...]) -> None:
        task.pending = None
        task.died = True
        task.close()
        self.report(Finding(oops.kind, oops.message, oops.signature, task.index, task.comm, chain))

    @property
    def oopsed(self) -> bool:
        """Did some task die?  What is left undone after that is no finding of its own."""
        return any(finding.fatal for finding in self.findings)

    def report(self, finding: Finding) -> None:
        """Record a broken rule; of several fatal ones only the first counts."""
        if finding.fatal and self.oopsed:
            return
        finding.step = self.steps
        self.findings.append(finding)

    def warn(
        self, task: Task, kind: str, message: str, *, signature: str = "", about: Value = None
    ) -> None:
        """Record a broken rule that does not stop the task, as a WARN does.

        `about` is for those who listen: what the kernel's report has beyond the message.
        After an oops nothing of the kind counts: it may be a consequence.
        """
        if self.oopsed:
            return
        chain = task.call_chain()
        where = chain[0].function if chain else ""
        finding = Finding(
            kind,
            message,
            signature or f"{message} in {where}",
            task.index,
            task.comm,
            chain,
            fatal=False,
        )
        self.report(finding)
        for listener in self.on_warn:
            listener(task, finding, about)

    def enabled(self) -> list[Task]:
        """The tasks that can take a step now, in order of creation."""
        return [
            task
            for task in self.tasks
            if (op := task.pending) is not None and (not op.blocking or op.enabled())
        ]

    def blocked(self) -> list[Task]:
        """The tasks that wait for something; the whole deadlock, if asked when nothing is enabled.

        One that is idle waits for nothing.
        """
        return [
            task
            for task in self.tasks
            if (op := task.pending) is not None and op.blocking and not op.idle and not op.enabled()
        ]

    def close(self) -> None:
        """Abandon all tasks quietly."""
        for task in self.tasks:
            if task.pending is not None:
                task.close()

    def discard(self) -> None:
        """Abandon the tasks and let go of everything, by whoever wants nothing more of the world.

        Tasks, objects and world refer to each other; a search makes many thousands of them, and
        what is taken apart here the collector need not find.
        """
        self.close()
        self.tasks = []
        self.by_number = []
        self.objects = []
        self.daemons = []
        self.state = None
        self.history = None
        self.faults = None
        self.reclaim = None
        self.creator = Creator(self.names.root)


def _oops(error: KernelOops | AttributeError) -> KernelOops:
    """What the kernel would make of it.  Any attribute of None is a NULL dereference; another
    AttributeError is a bug of the model, and raised again."""
    if isinstance(error, KernelOops):
        return error
    if error.obj is not None:
        raise error
    return KernelOops(
        "NULL pointer dereference",
        f"NULL pointer dereference: {error.name} of a NULL pointer",
        str(error.name),
    )
