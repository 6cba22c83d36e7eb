"""What a lock tells the lock validator when it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.errors import KernelOops
from lockwright.core.location import Location, Value
from lockwright.core.lockuse import LockKey as LockClass
from lockwright.core.lockuse import LockUse

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World


__all__ = ["Lock", "LockClass", "LockUse"]


class Lock(Location):
    """Base of everything that the validator tracks: class, address, and a name for people.

    `owner_of` tells who holds it, for deadlock reports; each kind of lock says it in its own way.
    """

    __slots__ = ("address", "cls")

    wait_inner = 3
    wait_outer = 0

    def __init__(
        self, world: World, name: str, *, value: Value, cls: LockClass | None = None
    ) -> None:
        super().__init__(world, value, name)
        self.cls = cls or LockClass(name, "", self.wait_outer, self.wait_inner)
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
