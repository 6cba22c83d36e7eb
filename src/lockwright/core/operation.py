"""The one suspension point: `await operation`.

A task announces what it is about to do by yielding an `Operation`.  The machine asks it whether
it can go on (`enabled`), does it (`run`), and learns from the list `touched` what it touched.  A
new primitive is a new subclass; the scheduler, the explorer and the rules need no change.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from lockwright.core.buffering import DRAINS
from lockwright.core.location import NOWHERE, Location, Value
from lockwright.core.native import mypyc_attr
from lockwright.core.orders import FULL

if TYPE_CHECKING:
    from lockwright.core.task import Task


class _Watch:
    """Who is told of operations whose last reference goes."""

    __slots__ = ("told",)

    def __init__(self) -> None:
        self.told: Callable[[Operation], None] | None = None


_WATCH: Final = _Watch()


@mypyc_attr(allow_interpreted_subclasses=True)
class Operation:
    """Base of all operations.

    A subclass that can be held up sets `blocking = True` and defines `ready(value)`, which says
    whether it can go on while `loc.value` is `value`; it must append its access to `loc` first of
    all in `run`.  `after` holds one-way flags: the operation waits until each is set, and since
    they are never unset no schedule can put the operation before what set them.

    An explorer has to know what an operation would touch at another moment.  `conditional` marks
    those that read their location where they fail and write it where they do not (`writes_at`);
    `stable = False` those of which one cannot say, because what they touch depends on more.

    What begins a critical section by taking the lock `loc`, having waited for it, has `enters`,
    and `shares` if others may hold the lock too; what ends one has `leaves`.  Such a lock has a
    class `cls` and tells its `holders()`.  `fused` marks what stands for a whole section.

    One that is `idle` waits for work: a task that is held up in it has nothing to do, and may stay
    so for ever (`daemon.py`).

    `arrives` marks the offer of an interrupt that comes once (`core/interrupt.py`): `ready(value)`
    says whether it could still come now; `looks` a look at whether one was raised, and `raises`
    the choice of where (`raised.py`).

    `orders` says what it means for memory ordering (`core/orders.py`), `buffering` what a store
    buffer means to it (`core/buffering.py`).
    """

    __slots__ = ()

    blocking: ClassVar[bool] = False
    conditional: ClassVar[bool] = False
    stable: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    chooses: ClassVar[bool] = False
    kind: ClassVar[str] = "operation"
    varies: ClassVar[bool] = False
    enters: ClassVar[bool] = False
    leaves: ClassVar[bool] = False
    shares: ClassVar[bool] = False
    fused: ClassVar[bool] = False
    idle: ClassVar[bool] = False
    arrives: ClassVar[bool] = False
    looks: ClassVar[bool] = False
    raises: ClassVar[bool] = False
    orders: ClassVar[int] = FULL
    buffering: ClassVar[int] = DRAINS

    def __init_subclass__(cls) -> None:
        """Sets `varies`: does an explorer have to keep the operation to know its footprint?"""
        super().__init_subclass__()
        cls.varies = cls.blocking or cls.conditional or not cls.stable

    @property
    def loc(self) -> Location:
        """The location that `ready` and `writes_at` are asked about; a slot where there is one."""
        return NOWHERE

    @property
    def after(self) -> tuple[Location, ...]:
        """The one-way flags that it waits for; a slot where there are some."""
        return ()

    def ready(self, value: Value) -> bool:
        """Can the operation go on while its location's value is `value`?"""
        return True

    def writes_at(self, value: Value) -> bool:
        """Does `run` write the location while its value is `value`, or only read it?

        Only asked when `conditional`; must be a pure function.
        """
        return True

    def enabled(self) -> bool:
        """Can the operation run now?"""
        for flag in self.after:
            if not flag.value:
                return False
        return self.ready(self.loc.value)

    def aims_at(self) -> int:
        """The number of the location that it is about, below 0 if it tells none.

        For strategies: what `run` touches beside it is not told.
        """
        return self.loc.number

    def options(self) -> int:
        """How many outcomes there are to choose from (only asked when `chooses`)."""
        return 1

    def announce(self, choice: int) -> list[int]:
        """Access codes that `run` will touch with this choice (only asked when `chooses`)."""
        return []

    def run(self, task: Task, touched: list[int]) -> Value:
        """Do it: append access codes to `touched`, return what `await` gives to the model."""
        raise NotImplementedError

    def describe(self) -> str:
        """The call as a kernel developer would write it."""
        return f"{self.kind}({self.loc.name})"

    def __await__(self) -> Generator[Operation, Any, Any]:
        return (yield self)

    def __del__(self) -> None:
        if _WATCH.told is not None:
            _WATCH.told(self)


_INTERPRETED: Final = isinstance(Operation.run, FunctionType)
_FINALIZER: Final = vars(Operation)["__del__"]


def watch_dropped(told: Callable[[Operation], None] | None) -> None:
    """Tell of each operation when its last reference goes, from now on; None: tell nobody.

    A finalizer costs the interpreter as much as the operation itself, so it is there only while
    somebody wants to know; compiled it costs next to nothing, and cannot be taken out.
    """
    _WATCH.told = told
    if _INTERPRETED:
        if told is None:
            del Operation.__del__
        else:
            Operation.__del__ = _FINALIZER  # type: ignore[method-assign]  # taken out below


if _INTERPRETED:
    del Operation.__del__


@mypyc_attr(allow_interpreted_subclasses=True)
class Touch(Operation):
    """Base of operations on one location."""

    __slots__ = ("loc",)

    loc: Location

    def __init__(self, loc: Location) -> None:
        self.loc = loc
