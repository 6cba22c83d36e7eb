"""The operations of a machine with store buffers (`storebuffer.py` says how they work together)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lockwright.core.buffering import LOADS
from lockwright.core.location import NOWHERE, Location, Value
from lockwright.core.operation import Operation
from lockwright.kernel.once import FieldRead, FieldWrite, VariableWrite
from lockwright.kernel.slab import check_alive

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.kernel.slab import Slab
    from lockwright.kernel.storebuffer import StoreBuffer


class Buffered(Protocol):
    """What an operation offers whose `buffering` is STORES."""

    @property
    def orders(self) -> int:
        """What it orders (`core/orders.py`): one that releases overtakes nothing."""

    @property
    def loc(self) -> Location:
        """What the operation is about; where it stores, if it has that number."""

    def retire(self, task: Task, touched: list[int]) -> bool:
        """Do what is not delayed; False if nothing is left that others could see."""

    def land(self, task: Task, touched: list[int]) -> None:
        """Do the rest."""

    def target(self) -> int:
        """The number of the location that `land` writes."""

    def describe(self) -> str:
        """The call."""


class Cell:
    """A location with data that somebody stored to through a buffer.

    Invariant: `views[index]` is how the task of that index sees the location since the newest of
    its own stores that has landed.
    """

    __slots__ = ("store", "views")

    def __init__(self, store: VariableWrite | FieldWrite) -> None:
        self.store = store
        self.views: dict[int, Location] = {}

    def changed(self, touched: list[int]) -> None:
        """Memory was written: all who look see it."""
        value = self.store.held()
        for view in self.views.values():
            view.value = value
            touched.append(view.writing)


class PlainWrite(FieldWrite):
    """A plain store to a field, where it has to go through the buffer."""

    __slots__ = ()

    def __init__(self, obj: Slab, field: str, value: Value) -> None:
        super().__init__(obj, field, value, "store")


class Store(Operation):
    """A store as its task does it: it goes to the task's buffer."""

    __slots__ = ("buffer", "kind", "origin")

    def __init__(self, buffer: StoreBuffer, origin: Operation) -> None:
        self.buffer = buffer
        self.origin: Any = origin
        self.kind = origin.kind  # type: ignore[misc]  # what it stands for

    @property
    def loc(self) -> Location:
        return self.origin.loc  # type: ignore[no-any-return]  # of an operation

    def aims_at(self) -> int:
        return self.origin.aims_at()  # type: ignore[no-any-return]  # of an operation

    def run(self, task: Task, touched: list[int]) -> None:
        if self.origin.retire(task, touched):
            self.buffer.put(self.origin)

    def describe(self) -> str:
        return str(self.origin.describe())


class ViewRead(Operation):
    """A load of a field that the task itself has stored to."""

    __slots__ = ("kind", "origin", "view")

    buffering = LOADS

    def __init__(self, origin: FieldRead, view: Location) -> None:
        self.origin = origin
        self.view = view
        self.kind = origin.kind  # type: ignore[misc]  # what it stands for

    def run(self, task: Task, touched: list[int]) -> Value:
        obj = self.origin.obj
        touched.append(self.view.reading)
        touched.append(obj.life.reading)
        check_alive(obj, self.origin.field)
        return self.view.value

    def describe(self) -> str:
        return self.origin.describe()


class Flush(Operation):
    """A store lands in memory, after those that have to land before it.

    Which views it touches depends on what has landed there before it.
    """

    __slots__ = ("after", "buffer", "loc", "origin", "view")

    blocking = True
    stable = False
    kind = "flush"
    loc: Location
    after: tuple[Location, ...]

    def __init__(self, buffer: StoreBuffer, origin: Buffered, after: tuple[Location, ...]) -> None:
        self.buffer = buffer
        self.origin = origin
        self.after = after
        self.view: Location | None = None
        loc = origin.loc
        self.loc = loc if loc.number == origin.target() else NOWHERE

    def enabled(self) -> bool:
        return all(flag.value for flag in self.after)

    def run(self, task: Task, touched: list[int]) -> None:
        owner, origin, view = self.buffer.task, self.origin, self.view
        try:
            origin.land(owner, touched)
            if view is not None:
                cell = self.buffer.memory.cell_of(origin)  # type: ignore[arg-type]  # it has a view
                cell.changed(touched)
                cell.views[owner.index] = view
        finally:
            for flag in self.after:
                touched.append(~flag.number)

    def describe(self) -> str:
        return f"flush {self.origin.describe()}"


class Update(Operation):
    """A read-modify-write, which others see in their views.

    Which views there are depends on what has landed before it.
    """

    __slots__ = ("kind", "origin")

    stable = False

    def __init__(self, origin: Operation) -> None:
        self.origin = origin
        self.kind = origin.kind  # type: ignore[misc]  # what it stands for

    @property
    def loc(self) -> Location:
        return self.origin.loc

    def aims_at(self) -> int:
        return self.origin.aims_at()

    def run(self, task: Task, touched: list[int]) -> Value:
        return self.origin.run(task, touched)

    def describe(self) -> str:
        return self.origin.describe()


class WaitingUpdate(Update):
    """The same of an operation that can be held up."""

    __slots__ = ()

    blocking = True

    @property
    def after(self) -> tuple[Location, ...]:
        return self.origin.after

    def ready(self, value: Value) -> bool:
        return self.origin.ready(value)
