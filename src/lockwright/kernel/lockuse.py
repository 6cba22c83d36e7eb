"""What a lock tells the lock validator when it is taken."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from lockwright.core.errors import KernelOops
from lockwright.core.location import Location, Value
from lockwright.core.locknote import LockNote
from lockwright.core.lockuse import WAIT_SLEEP, LockUse
from lockwright.core.lockuse import LockKey as LockClass
from lockwright.core.native import mypyc_attr

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World


__all__ = ["Lock", "LockClass", "LockUse", "Marks", "as_lock"]


class Marks:
    """What annotations say of one lock (`annotate.py`); most have none.

    `subclass` is that of an acquire which names none.  `compare` and `show` are as in `LockUse`.
    """

    __slots__ = ("compare", "notrack", "novalidate", "show", "subclass")

    def __init__(self) -> None:
        self.subclass = 0
        self.novalidate = False
        self.notrack = False
        self.compare: Callable[[int, int], int] | None = None
        self.show: Callable[[int], str] | None = None


@mypyc_attr(allow_interpreted_subclasses=True)
class Lock(Location):
    """Base of everything that the validator tracks: class, address, and a name for people.

    `owner_of` tells who holds it, for deadlock reports; each kind of lock says it in its own way.
    A class that says nothing of wait types gets those of the kind of lock, as in the kernel the
    lock has them, and its class those of the first lock.
    """

    __slots__ = ("address", "cls", "marks")

    wait_inner: ClassVar[int] = WAIT_SLEEP
    wait_outer: ClassVar[int] = 0
    lock_type: ClassVar[str] = ""

    def __init__(
        self, world: World, name: str, *, value: Value, cls: LockClass | None = None
    ) -> None:
        super().__init__(world, value, name)
        if cls is None or cls.wait_inner == WAIT_SLEEP != self.wait_inner:
            site = "" if cls is None else cls.site
            cls = _class_of(name if cls is None else cls.name, site, *self.waits)
        self.cls: LockClass = cls
        self.address: int = world.address()
        if world.locks is not None:
            world.locks.append(self)
        self.marks: Marks | None = None

    @property
    def waits(self) -> tuple[int, int, str]:
        """Wait types and lock type, as a key has them."""
        return self.wait_outer, self.wait_inner, self.lock_type

    def holders(self) -> list[int]:
        """Indices of the tasks that hold it now, in order of acquisition."""
        raise NotImplementedError

    def held_by(self, task: Task, read: int = -1) -> bool:
        """Does the task hold it; as a writer (0), a reader (1), or in any way (-1)?"""
        return task.index in self.holders() and read != 1

    def use(
        self,
        function: str,
        *,
        read: int = 0,
        subclass: int = 0,
        trylock: bool = False,
        nest: Lock | int | None = None,
    ) -> LockUse:
        """What the validator is told of an acquire; `nest` is the lock that serialises the nesting,
        or its address."""
        marks = self.marks
        if marks is None and nest is None:
            return LockUse(self.cls, subclass, self.address, read, trylock, function)
        use = LockUse(self.cls, subclass, self.address, read, trylock, function)
        if isinstance(nest, Lock):
            use = use._replace(nest=nest.address, nest_name=nest.cls.name)
        elif nest is not None:
            use = use._replace(nest=nest)
        if marks is None:
            return use
        return use._replace(
            subclass=subclass or marks.subclass,
            check=not marks.novalidate,
            compare=marks.compare,
            show=marks.show,
        )

    def taken(
        self,
        task: Task,
        function: str,
        *,
        read: int = 0,
        subclass: int = 0,
        trylock: bool = False,
        nest: Lock | int | None = None,
    ) -> None:
        """Tell the listeners of an acquire."""
        if self.marks is None and nest is None:
            use = LockUse(self.cls, subclass, self.address, read, trylock, function)
        else:
            use = self.use(function, read=read, subclass=subclass, trylock=trylock, nest=nest)
            if self.marks is not None and self.marks.notrack:
                return
        for listener in self.world.on_acquire:
            listener(task, use)

    def told(self, task: Task, use: LockUse) -> None:
        """Tell the listeners of an acquire that is put into words already."""
        if self.marks is None or not self.marks.notrack:
            for listener in self.world.on_acquire:
                listener(task, use)

    def released(self, task: Task) -> None:
        """Tell the listeners of a release."""
        if self.marks is None or not self.marks.notrack:
            for listener in self.world.on_release:
                listener(task, self.address)

    def note(self, task: Task, note: LockNote) -> None:
        """Tell the listeners of something else."""
        if self.marks is None or not self.marks.notrack:
            for listener in self.world.on_note:
                listener(task, note)

    def not_held(self, task: Task, *, does: str = "releases", how: str = "") -> KernelOops:
        """The oops of a release by a task that does not hold it; `how` is ` for write`, say."""
        message = f"{task.comm} {does} {self.name}, which it does not hold{how}"
        return KernelOops("bad unlock balance", message, self.name)


def as_lock(location: Location) -> Lock:
    """The location of an operation on a lock, as what it is."""
    assert isinstance(location, Lock), location
    return location


@cache
def _class_of(name: str, site: str, wait_outer: int, wait_inner: int, type_: str) -> LockClass:
    """The class of a lock that is the only one of its class."""
    return LockClass(name, site, wait_outer, wait_inner, type_)
