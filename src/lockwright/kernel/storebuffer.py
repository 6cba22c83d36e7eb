"""Weak memory: stores that wait in a buffer before others can see them.

    use_memory(world, "tso")       # before the scenario is set up

Two machines.  `tso` (x86): each task has one buffer, first in, first out.  `pso`: it has one for
each location, so that stores to different locations overtake each other unless smp_wmb(), a store
with release or something stronger stands between them.  In both a task sees its own newest store
at once; what drains (`core/buffering.py`) waits until the task's own stores have landed; loads are
done in order, so that smp_rmb() and smp_load_acquire() have nothing to do.

Source: Owens, Sarkar, Sewell, "A Better x86 Memory Model: x86-TSO" (TPHOLs 2009); SPARC
International, "The SPARC Architecture Manual, version 8" (1992), appendix K, for PSO; for exploring
them with tasks that flush: Abdulla, Aronis, Atig, Jonsson, Leonardsson, Sagonas, "Stateless Model
Checking for TSO and PSO" (TACAS 2015).

How it is built.  A `StoreBuffer` stands between a task's code and the machine.  An operation that
stores becomes a `Store`, which only puts it into the buffer: the step does what the kernel's code
does at that point (`retire`) and starts a small task whose one step, a `Flush`, lets the store land
(`land`).  So a store that lands is a step like any other, whatever explores them.  The flushes of
one task wait for each other by one-way flags (first in, first out), and a barrier waits for them in
the same way.  An execution ends when no task can go on, and a flush always can: buffers are empty
then.

What a task reads of a location that it has stored to since it last drained is its *view* of it: a
location of its own, which holds the newest own store, and which the stores of others change once
that has landed.  A load of the view conflicts with exactly those stores of others, and not with
the task's own flush.  So two executions are equivalent for the explorer if and only if they have
the same program order, the same reads-from and the same order of writes to each location.

Plain accesses.  A plain store to a field is done at once, ahead of marked ones that wait.  Nobody
can tell: whoever may look at a plain field is ordered behind its writer by something that releases
(if nobody is, that is a data race), and what releases lands after everything the task stored
before.  But where a field was written with WRITE_ONCE() and is then read or written plainly by the
same task, the task must see its own store, and the plain store must not land before the marked
one: there the plain store goes to the buffer as well.

Left out: lists, completions, wait queues and work items are changed at once, and drain the buffer
first.  For most of them that is what their locks and read-modify-writes do; list_add() and its like
are plain stores, and stronger here than on a processor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lockwright.core.buffering import IGNORES, LOADS, STORES, UPDATES
from lockwright.core.errors import UsageError
from lockwright.core.interrupt import interruptible
from lockwright.core.location import Location, Value
from lockwright.core.operation import Operation
from lockwright.core.orders import WRITE_RELEASES
from lockwright.core.task import Context, Task
from lockwright.kernel.barrier import FullBarrier, StoreBarrier
from lockwright.kernel.once import FieldRead, FieldWrite, Variable, VariableWrite
from lockwright.kernel.stores import (
    Buffered,
    Cell,
    Flush,
    PlainWrite,
    Store,
    Update,
    ViewRead,
    WaitingUpdate,
)

if TYPE_CHECKING:
    from lockwright.core.world import World
    from lockwright.kernel.slab import Slab

SC = "sc"
TSO = "tso"
PSO = "pso"
MEMORY = (SC, TSO, PSO)
ASSUMED = {
    SC: "sequential consistency: no store is delayed",
    TSO: "total store order: a store can be delayed in its task's buffer; loads are done in order",
    PSO: "partial store order: a store can be delayed, and stores to different locations overtake "
    "each other; loads are done in order",
}
"""What a result assumes of memory."""


def check_memory(model: str) -> None:
    """Raise UsageError for a memory model that is not known."""
    if model not in MEMORY:
        raise UsageError(f"unknown memory {model!r}; there are: {', '.join(MEMORY)}")


def use_memory(world: World, model: str) -> None:
    """Have the tasks of a fresh world run on a machine with this memory.  Raises UsageError."""
    check_memory(model)
    world.memory = None if model == SC else StoreBuffers(world, by_location=model == PSO)


class StoreBuffers:
    """The store buffers of one execution.

    Invariant: `cells[number]` is there for each location that a buffered store has landed in;
    `buffers[index]` for each task but those that flush.  `replaced` keeps operations that were made
    by a task and that something else was done for.
    """

    __slots__ = ("buffers", "by_location", "cells", "flushing", "replaced", "world")

    def __init__(self, world: World, *, by_location: bool) -> None:
        self.world = world
        self.by_location = by_location
        self.cells: dict[int, Cell] = {}
        self.buffers: dict[int, StoreBuffer] = {}
        self.replaced: list[Operation] = []
        self.flushing = False

    def attach(self, task: Task) -> None:
        """Give a task its buffer.  What its creator stored before is there for it to see."""
        if self.flushing:
            return
        interruptible(task)
        creator = self.world.creator
        before = self.buffers[creator.index].flags() if isinstance(creator, Task) else ()
        buffer = StoreBuffer(self, task, before)
        self.buffers[task.index] = buffer
        task.send = buffer.send

    def announced(self, task: Task, operation: Operation) -> Operation:
        """What a task that has not begun announces instead of what it had announced before."""
        return self.buffers[task.index].instead(operation)

    def stored(self, task: Task) -> tuple[Location, ...]:
        """The flags that say that all that a task has stored so far has landed."""
        return self.buffers[task.index].flags()

    def cell_of(self, store: VariableWrite | FieldWrite) -> Cell:
        """The cell that a store lands in."""
        number = store.target()
        cell = self.cells.get(number)
        if cell is None:
            cell = self.cells[number] = Cell(store)
        return cell

    def spread(self, codes: list[int]) -> list[int]:
        """What else is touched by the writes among these access codes: the views."""
        touched: list[int] = []
        if self.cells:
            for code in codes:
                if code > 0 and code & 1 and (cell := self.cells.get(code >> 1)) is not None:
                    cell.changed(touched)
        return touched


class StoreBuffer:
    """Between one task's code and the machine.

    `held` is an operation that waits for the buffer to drain, `drains` whether the task's
    operation does; `value` what the task's code returned, when `over`.
    Invariant: `newest` has, by location (or under ANY where all share one buffer), the flag of
    the newest store since the last drain, `fence` the flags of those before the last smp_wmb();
    `views[number]` is how the task sees a location that it has stored to since then, and `fields`
    has those that are fields.
    """

    __slots__ = (
        "drains",
        "fence",
        "fields",
        "held",
        "inherited",
        "memory",
        "newest",
        "over",
        "resume",
        "task",
        "value",
        "views",
    )

    ANY = -1

    def __init__(self, memory: StoreBuffers, task: Task, before: tuple[Location, ...]) -> None:
        self.memory = memory
        self.task = task
        self.resume = task.send
        self.inherited = before
        self.held: Operation | None = None
        self.drains = False
        self.over = False
        self.value: Value = None
        self.newest: dict[int, Location] = {}
        self.fence: tuple[Location, ...] = ()
        self.views: dict[int, Location] = {}
        self.fields: dict[int, tuple[Slab, str]] = {}

    def send(self, result: Value) -> Operation:
        """What the machine does to let the task go on: gives the operation to do next.

        Raises StopIteration when the task is over, as a coroutine does.
        """
        if self.drains:
            self.drains = False
            self.newest.clear()
            self.fence = ()
            self.views.clear()
            self.fields.clear()
        held = self.held
        if held is not None:
            self.held = None
            return self._translated(held)
        if self.over:
            raise StopIteration(self.value)
        self._show_writes()
        try:
            operation = self._resumed(result)
        except StopIteration as stop:
            flags = self.flags()
            if not flags:
                raise
            self.over, self.value = True, stop.value
            return self._drain(flags)
        if not isinstance(operation, Operation):
            return operation  # type: ignore[no-any-return]  # the machine will refuse it
        if self.inherited:
            self.held = operation
            flags, self.inherited = self.inherited, ()
            return FullBarrier("drain", flags)
        return self._translated(operation)

    def instead(self, operation: Operation) -> Operation:
        """The task, which has not begun, asks for this first, and not for what it had asked for."""
        self.held = None
        return self._translated(operation)

    def flags(self) -> tuple[Location, ...]:
        """The flags that say that all stores so far have landed."""
        return (*self.fence, *self.newest.values())

    def put(self, origin: Buffered) -> None:
        """A store enters the buffer, within a step of the task; a step of its own will end it."""
        memory, world, task = self.memory, self.memory.world, self.task
        number = origin.target()
        key = number if memory.by_location else self.ANY
        after: tuple[Location, ...]
        if origin.orders & WRITE_RELEASES:
            after = self.flags()
        else:
            before = self.newest.get(key)
            after = self.fence if before is None else (*self.fence, before)
        flush = Flush(self, origin, after)
        if isinstance(origin, VariableWrite | FieldWrite):
            self.views[number] = flush.view = self._view(number, origin)
        memory.flushing = True
        flusher = world.spawn(
            _to_memory(flush), self._flusher(), context=Context.BUFFER, pid=task.pid
        )
        memory.flushing = False
        self.newest[key] = flusher.done

    def _view(self, number: int, origin: VariableWrite | FieldWrite) -> Location:
        world = self.memory.world
        if isinstance(origin, VariableWrite):
            return Location(world, origin.value, origin.loc.name)
        self.fields[number] = (origin.obj, origin.field)
        view = Location(world, origin.value, origin.field)
        world.names.fields[view.number] = world.names.fields[number]
        return view

    def _flusher(self) -> str:
        comm = self.task.comm
        tasks = self.memory.buffers.values()
        alone = sum(buffer.task.comm == comm for buffer in tasks) == 1
        return f"flush of {comm}" if alone else f"flush of {comm}:{self.task.index}"

    def _drain(self, flags: tuple[Location, ...]) -> Operation:
        self.drains = True
        return FullBarrier("drain", flags)

    def _translated(self, operation: Operation) -> Operation:
        """What is done for an operation that the task's code asks for."""
        buffering = operation.buffering
        if buffering == LOADS:
            return self._load(operation)
        if buffering == IGNORES:
            if isinstance(operation, StoreBarrier) and self.memory.by_location:
                self.fence = self.flags()
                self.newest.clear()
            return operation
        if buffering == STORES:
            self.memory.replaced.append(operation)
            return Store(self, operation)
        flags = self.flags()
        if flags:
            if not isinstance(operation, FullBarrier):
                self.held = operation
                return self._drain(flags)
            operation.after = flags
            self.drains = True
        if buffering == UPDATES or isinstance(operation.loc, Variable):
            self.memory.replaced.append(operation)
            made = WaitingUpdate if operation.blocking else Update
            return made(operation)
        return operation

    def _load(self, operation: Operation) -> Operation:
        """A load reads the task's view where it has one."""
        if isinstance(operation, FieldRead):
            view = self.views.get(operation.aims_at())
            if view is None:
                return operation
            self.memory.replaced.append(operation)
            return ViewRead(operation, view)
        view = self.views.get(operation.loc.number)
        if view is not None:
            operation.loc = view  # type: ignore[misc]  # a slot of every operation on a location
        return operation

    def _show_writes(self) -> None:
        """What the task's operation wrote to memory itself, others see in their views."""
        world = self.memory.world
        codes = self.memory.spread(world.acc)
        if codes:
            at = world.marked
            world.acc[at:at] = codes
            world.marked = at + len(codes)

    def _resumed(self, result: Value) -> Any:  # noqa: ANN401  # as a coroutine gives it
        """Run the task's code up to its next operation."""
        world = self.memory.world
        acc = world.acc
        start = len(acc)
        if not self.fields:
            try:
                return self.resume(result)
            finally:
                acc += self.memory.spread(acc[start:])
        saved = [(obj, field, obj.peek(field)) for obj, field in self.fields.values()]
        for number, (obj, field) in self.fields.items():
            obj.poke(field, self.views[number].value)
        try:
            return self.resume(result)
        finally:
            after = {number: obj.peek(field) for number, (obj, field) in self.fields.items()}
            for obj, field, value in saved:
                obj.poke(field, value)
            self._plain(acc, start, after)

    def _plain(self, acc: list[int], start: int, after: dict[int, Value]) -> None:
        """Plain accesses to fields that the task has stored to: they are of its view."""
        codes, views, fields = acc[start:], self.views, dict(self.fields)
        del acc[start:]
        written: dict[int, None] = {}
        for code in codes:
            number = code >> 1
            if code < 0 or number not in fields:
                acc.append(code)
            elif code & 1:
                written[number] = None
            else:
                acc.append(views[number].reading)
        for number in written:
            obj, field = fields[number]
            self.put(PlainWrite(obj, field, after[number]))
        acc += self.memory.spread(acc[start:])


async def _to_memory(flush: Flush) -> None:
    """The way of one store to memory."""
    await flush
