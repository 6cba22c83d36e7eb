"""Slab objects: fields that are seen when touched, and lives that end with kfree().

A plain read or write of a field is no scheduling point; it belongs to the step it happens in and
feeds that step's footprint.  Touching an object after kfree() is a use-after-free, wherever it
happens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, overload

from lockwright.core.buffering import IGNORES
from lockwright.core.errors import KernelOops
from lockwright.core.location import Location, Value
from lockwright.core.native import slots_in
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from lockwright.core.task import Task
from lockwright.kernel.faults import Faults, site_of
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.reclaim import (
    DIRECT_RECLAIM,
    GFP_KERNEL,
    alloc_pages_slowpath,
    tell_alloc,
)

if TYPE_CHECKING:
    from lockwright.core.world import World

__all__ = [
    "Allocate",
    "Faults",
    "Field",
    "Slab",
    "check_alive",
    "faults_of",
    "free_now",
    "kfree",
    "kmalloc",
]

T = TypeVar("T")
S = TypeVar("S", bound="Slab")


class Field(Generic[T]):
    """A plain field of a slab object: `count: Field[int] = Field(0)`.

    Reading or writing it is recorded as an access of the running step.
    """

    __slots__ = ("default", "index", "name")

    def __init__(self, default: Value = None) -> None:
        self.default = default
        self.index = -1
        self.name = ""

    @overload
    def __get__(self, obj: None, owner: type) -> Self: ...
    @overload
    def __get__(self, obj: Slab, owner: type) -> T: ...
    def __get__(self, obj: Slab | None, owner: type) -> Self | T:
        if obj is None:
            return self
        world = obj.world
        index = self.index
        code = obj._codes[index]
        if code < 0:
            code = obj._number(index)
        life = obj.life
        if life.value is not None:
            _use_after_free(obj, self.name, "read")
        acc = world.acc
        acc.append(code)
        acc.append(life.reading)
        return obj._values[index]  # type: ignore[no-any-return]  # values are of any type

    def __set__(self, obj: Slab, value: T) -> None:
        world = obj.world
        index = self.index
        code = obj._codes[index]
        if code < 0:
            code = obj._number(index)
        life = obj.life
        if life.value is not None:
            _use_after_free(obj, self.name, "write")
        acc = world.acc
        acc.append(code + 1)
        acc.append(life.reading)
        obj._values[index] = value


class Slab:
    """Base of all objects of the simulated kernel.

    Subclasses declare fields with `Field`; `cache` names the slab cache in reports and `size` is
    the object's size in bytes.  `life.value` is None while the object lives, afterwards where and
    by whom it was freed.  The object's name is for people.
    """

    cache: ClassVar[str] = ""
    size: ClassVar[int] = 64
    _fields: ClassVar[tuple[Field[Any], ...]] = ()

    __slots__ = ("_codes", "_values", "address", "born", "life", "name", "world")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        fields = list(cls._fields)
        for key, value in vars(cls).items():
            if isinstance(value, Field):
                value.name = key
                value.index = len(fields)
                fields.append(value)
        cls._fields = tuple(fields)

    def __init__(self, world: World, name: str = "") -> None:
        self.world = world
        creator = world.creator
        made = creator.objects_made
        creator.objects_made = made + 1
        known = creator.name.objects
        if made == len(known):
            known.append({})
        # under another schedule the task's nth object may be of another class
        codes = known[made].get(self.__class__)
        if codes is None:
            codes = known[made][self.__class__] = self._adopted(known[made])
        self._codes = codes
        self._values = [field.default for field in self._fields]
        self.name = name
        self.address = world.address()
        self.life = Location(world, None, f"life of {name}")
        self.born = ""
        world.objects.append(self)

    def _adopted(self, known: dict[type | str, list[int]]) -> list[int]:
        """The codes of the first object of its class in this place: what another process told of
        it by the class's name (`explore/portable.py`), and -1."""
        cls = type(self)
        codes = known.pop(f"{cls.__module__}.{cls.__qualname__}", [])
        codes.extend([-1] * (len(self._fields) - len(codes)))
        for index, code in enumerate(codes):
            if code >= 0:
                self._named(index, code >> 1)
        return codes

    def _named(self, index: int, number: int) -> None:
        what = f"{self.cache or type(self).__name__}->{self._fields[index].name}"
        self.world.names.fields[number] = what

    def _number(self, index: int) -> int:
        number = self.world.names.new_location()
        self._named(index, number)
        code = 2 * number
        self._codes[index] = code
        return code

    def location_of(self, field: str) -> int:
        """The number of a field's location."""
        index = getattr(type(self), field).index
        code = self._codes[index]
        return (code if code >= 0 else self._number(index)) >> 1

    @property
    def alive(self) -> bool:
        """Has it not been freed?  For rules and reports; a model cannot know."""
        return self.life.value is None

    def peek(self, field: str) -> Value:
        """A field's value, unseen by the machine.  For rules and reports."""
        return self._values[getattr(type(self), field).index]

    def poke(self, field: str, value: Value) -> None:
        """Change a field, unseen by the machine.  For what stands in for the machine's memory."""
        self._values[getattr(type(self), field).index] = value

    def describe(self) -> str:
        """Kind and name: `eventfs_file kp1`."""
        return f"{self.cache or type(self).__name__} {self.name}".rstrip()

    def __repr__(self) -> str:
        return f"<{self.describe()}>"


def _use_after_free(obj: Slab, field: str, how: str) -> None:
    # what the step saw belongs to its footprint, whatever it ends with
    obj.world.acc.append(obj.life.reading)
    raise KernelOops(
        "use-after-free",
        f"use-after-free: {how} of {obj.describe()}->{field}, freed by {obj.life.value}",
        f"{how} of {obj.cache or type(obj).__name__}->{field}",
    )


def check_alive(obj: Slab, how: str) -> None:
    """Raise the use-after-free of an operation that touches a freed object."""
    if obj.life.value is not None:
        _use_after_free(obj, how, "use")


class Allocate(Operation):
    """One allocation, of `what`.  `budgets` are those that its failure can be of, None until
    somebody asks; `task` is who allocates, where there is one for one site alone."""

    __slots__ = ("budgets", "faults", "gfp", "make", "task", "what")

    kind = "kmalloc"
    chooses = True
    orders = RELAXED
    buffering = IGNORES

    def __init__(self, what: str, make: Callable[[], Any], faults: Faults, gfp: int) -> None:
        self.what = what
        self.make = make
        self.faults = faults
        self.gfp = gfp
        self.task: Task | None = None
        self.budgets: tuple[Location, ...] | None = faults.anywhere
        if faults.site:
            creator = faults.left.world.creator
            self.task = creator if isinstance(creator, Task) else None
            self.budgets = None

    def _budgets(self) -> tuple[Location, ...]:
        """Asked while the task stands before it, so that the task's functions tell where it is."""
        if self.budgets is None:
            faults, task = self.faults, self.task
            here = task is not None and site_of(task, self.what) == faults.site
            self.budgets = (faults.here, *faults.anywhere) if here else faults.anywhere
        return self.budgets

    def options(self) -> int:
        return 2 if any(budget.value > 0 for budget in self._budgets()) else 1

    def announce(self, choice: int) -> list[int]:
        codes: list[int] = []
        for budget in self._budgets():
            if budget.value > 0:  # the first one that is left pays
                return [*codes, budget.writing if choice else budget.reading]
            codes.append(budget.reading)
        return codes

    def run(self, task: Task, touched: list[int]) -> Value:
        world = task.world
        if task.atomic or world.on_acquire:
            tell_alloc(task, self.gfp, self.kind)
        for budget in self._budgets():
            touched.append(budget.reading)
            if budget.value > 0:
                if world.choice:
                    touched.append(budget.writing)
                    budget.value -= 1
                break
        if world.choice:
            if self.faults.site and self.faults.here in self._budgets():
                self.faults.failed(world)
            return None
        obj = self.make()
        obj.born = task.comm
        return obj

    def describe(self) -> str:
        return f"{self.kind}({self.what})"


def faults_of(world: World) -> Faults:
    """The world's fault budget, made on first use."""
    if world.faults is None:
        world.faults = Faults(world)
    faults: Faults = world.faults
    return faults


def kmalloc(
    world: World,
    make: Callable[[], S],
    what: str,
    *,
    atomic: bool = False,
    gfp: int = GFP_KERNEL,
) -> Awaitable[Any]:
    """`obj = await kmalloc(world, lambda: Dentry(world, "a"), "dentry")`; None if it fails.

    `gfp` is GFP_NOFS, say, from `reclaim.py`; `atomic` is GFP_ATOMIC or GFP_NOWAIT: no sleeping.
    With a fault budget (`Faults(world, n)` in `world.faults`) the explorer tries both outcomes;
    with one for memory pressure (`Reclaim(world, n)`), reclaim before it.
    """
    if atomic:
        gfp &= ~DIRECT_RECLAIM
    allocate = Allocate(what, make, faults_of(world), gfp)
    if world.reclaim is not None and world.reclaim.armed:
        return alloc_pages_slowpath(world, allocate, gfp)
    return allocate


class _Free(Operation):
    __slots__ = ("obj",)

    orders = RELAXED
    kind = "kfree"

    def __init__(self, obj: Slab) -> None:
        self.obj = obj

    def run(self, task: Task, touched: list[int]) -> None:
        free_now(self.obj, task, touched)

    def describe(self) -> str:
        return f"kfree({self.obj.describe()})"


def free_now(obj: Slab, task: Task, touched: list[int]) -> None:
    """End the object's life within a step.  Raises the oops of a double free."""
    life = obj.life
    touched.append(life.writing)
    if life.value is not None:
        raise KernelOops(
            "double free",
            f"double free of {obj.describe()}, first freed by {life.value}",
            f"double free of {obj.cache or type(obj).__name__}",
        )
    site = task.call_site()
    life.value = f"{task.comm} in {site.function}()" if site is not None else task.comm
    if task.world.on_free:
        _tell_freed(obj, task)


def _tell_freed(obj: Slab, task: Task) -> None:
    """Tell the listeners that the locks in an object are gone.  C: debug_check_no_locks_freed()."""
    kept = getattr(obj, "__dict__", None) or {}
    bases = type(obj).__mro__
    slots = [name for cls in bases[: bases.index(Slab)] for name in slots_in(cls)]
    values = [*kept.values(), *(getattr(obj, name, None) for name in slots)]
    locks = tuple(value.address for value in values if isinstance(value, Lock))
    for listener in task.world.on_free:
        listener(task, obj.address, obj.address + obj.size, locks)


def kfree(obj: Slab) -> Operation:
    """`await kfree(obj)`: ends its life; every touch after that is a use-after-free."""
    return _Free(obj)
