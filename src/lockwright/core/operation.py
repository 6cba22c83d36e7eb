"""The one suspension point: `await operation`.

A task announces what it is about to do by yielding an `Operation`.  The machine asks it whether
it can go on (`enabled`), does it (`run`), and learns from the list `touched` what it touched.  A
new primitive is a new subclass; the scheduler, the explorer and the rules need no change.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar

from lockwright.core.location import NOWHERE, Location, Nowhere, Value

if TYPE_CHECKING:
    from lockwright.core.task import Task


class Operation:
    """Base of all operations.

    A subclass that can be held up sets `blocking = True` and defines `ready(value)`, which says
    whether it can go on while `loc.value` is `value`; it must append its access to `loc` first of
    all in `run`.  `after` holds one-way flags: the operation waits until each is set, and since
    they are never unset no schedule can put the operation before what set them.

    An explorer has to know what an operation would touch at another moment.  `conditional` marks
    those that read their location where they fail and write it where they do not (`writes_at`);
    `stable = False` those of which one cannot say, because what they touch depends on more.
    """

    __slots__ = ()

    blocking: ClassVar[bool] = False
    conditional: ClassVar[bool] = False
    stable: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    chooses: ClassVar[bool] = False
    kind: ClassVar[str] = "operation"
    varies: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Sets `varies`: does an explorer have to keep the operation to know its footprint?"""
        super().__init_subclass__()
        cls.varies = cls.blocking or cls.conditional or not cls.stable

    loc: Location | Nowhere = NOWHERE
    after: tuple[Location, ...] = ()

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


class Touch(Operation):
    """Base of operations on one location."""

    __slots__ = ("loc",)

    loc: Location

    def __init__(self, loc: Location) -> None:
        self.loc = loc
