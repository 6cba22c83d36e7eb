"""What a lock tells the lock validator when it is taken."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, ClassVar

from lockwright.core.errors import KernelOops
from lockwright.core.location import Location, Value
from lockwright.core.lockuse import LockKey as LockClass
from lockwright.core.lockuse import LockUse
from lockwright.core.native import mypyc_attr

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World


__all__ = ["Lock", "LockClass", "LockUse", "as_lock"]


@mypyc_attr(allow_interpreted_subclasses=True)
class Lock(Location):
    """Base of everything that the validator tracks: class, address, and a name for people.

    `owner_of` tells who holds it, for deadlock reports; each kind of lock says it in its own way.
    """

    __slots__ = ("address", "cls")

    wait_inner: ClassVar[int] = 3
    wait_outer: ClassVar[int] = 0

    def __init__(
        self, world: World, name: str, *, value: Value, cls: LockClass | None = None
    ) -> None:
        super().__init__(world, value, name)
        if cls is None:
            cls = _own_class(name, self.wait_outer, self.wait_inner)
        self.cls = cls
        self.address = world.address()

    def holders(self) -> list[int]:
        """Indices of the tasks that hold it now, in order of acquisition."""
        raise NotImplementedError

    def taken(
        self, task: Task, function: str, *, read: int = 0, subclass: int = 0, trylock: bool = False
    ) -> None:
        """Tell the listeners of an acquire."""
        use = LockUse(self.cls, subclass, self.address, read, trylock, function)
        for listener in self.world.on_acquire:
            listener(task, use)

    def released(self, task: Task) -> None:
        """Tell the listeners of a release."""
        for listener in self.world.on_release:
            listener(task, self.address)

    def not_held(self, task: Task, *, does: str = "releases", how: str = "") -> KernelOops:
        """The oops of a release by a task that does not hold it; `how` is ` for write`, say."""
        message = f"{task.comm} {does} {self.name}, which it does not hold{how}"
        return KernelOops("bad unlock balance", message, self.name)


def as_lock(location: Location) -> Lock:
    """The location of an operation on a lock, as what it is."""
    assert isinstance(location, Lock), location
    return location


@cache
def _own_class(name: str, wait_outer: int, wait_inner: int) -> LockClass:
    """The class of a lock that is the only one of its class."""
    return LockClass(name, "", wait_outer, wait_inner)
