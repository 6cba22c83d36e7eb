"""Grace periods: what RCU and SRCU have in common.

A reader begins a section and ends it; it never waits.  An updater takes a snapshot of all
sections that have begun, and waits until they have ended, or has a callback run then.

Beginning a section reads the domain and taking a snapshot writes it, so readers are independent
of each other.  Ending a section sets the section's own one-way flag and touches nothing else.  A
snapshot holds ended sections as well: what a step touches must not depend on what happened to be
over already, and an ended section holds nobody up.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, ClassVar

from lockwright.core.location import Location
from lockwright.core.lockuse import LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import MB, RELAXED, RELEASE
from lockwright.core.task import Context
from lockwright.kernel.context import might_sleep, scheduling
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.rcuusage import (
    OPEN_SECTIONS,
    in_reader_of,
    rcu_sections_depth,
    suspicious,
)
from lockwright.kernel.slab import Slab, check_alive, free_now

if TYPE_CHECKING:
    from lockwright.core.lockuse import LockKey
    from lockwright.core.task import Task
    from lockwright.core.world import World

Callback = Callable[[], Coroutine[Any, Any, Any]]


class Section(Location):
    """One read-side section.  `value` is True when it has ended; `depth` counts nesting in it.

    `flavour` is RCU's name for the section: RCU, RCU-bh or RCU-sched.  Of a section of SRCU it is
    empty, and `began` is the call that began it.
    """

    __slots__ = ("began", "depth", "domain", "flavour", "task")

    def __init__(self, domain: Domain, task: Task, flavour: str = "", began: str = "") -> None:
        super().__init__(domain.world, value=False, name=f"{domain.name} section of {task.comm}")
        self.domain = domain
        self.task = task
        self.depth = 1
        self.flavour = flavour
        self.began = began


def open_sections(task: Task) -> list[Section]:
    """The read sections that the task is in, outermost first.

    A rule asks for it when a task ends: it must be empty then.
    """
    sections: list[Section] = task.local.setdefault(OPEN_SECTIONS, [])
    return sections


class Domain(Lock):
    """Whose readers an updater waits for: RCU, or one srcu_struct.

    Invariant: `sections` holds every section begun in this execution, `callbacks` the exit flag
    of every callback queued; `newest[index]` is the exit flag of the newest one that the task
    queued.  Nobody waits for the value of the domain itself.
    """

    __slots__ = ("callbacks", "newest", "sections")

    misuse: ClassVar[str] = "RCU misuse"
    wait_inner = 0

    def __init__(self, world: World, name: str, *, cls: LockKey | None = None) -> None:
        super().__init__(world, name, value=None, cls=cls)
        self.sections: list[Section] = []
        self.callbacks: list[Location] = []
        self.newest: dict[int, Location] = {}

    def holders(self) -> list[int]:
        return [section.task.index for section in self.sections if not section.value]

    def lasting(self) -> dict[str, object]:
        """For snapshots: what is over holds nobody up, and who began first decides nothing."""
        return {
            "sections": sorted((s for s in self.sections if not s.value), key=_index),
            "callbacks": [flag for flag in self.callbacks if not flag.value],
            "newest": {index: flag for index, flag in self.newest.items() if not flag.value},
        }

    def innermost(self, task: Task, flavour: str = "") -> Section | None:
        """The newest section of this domain and flavour that the task is in."""
        for section in reversed(open_sections(task)):
            if section.domain is self and section.flavour == flavour:
                return section
        return None

    def begin(self, task: Task, touched: list[int], flavour: str = "", began: str = "") -> Section:
        """Begin a section within a step."""
        touched.append(self.reading)
        section = Section(self, task, flavour, began)
        self.sections.append(section)
        open_sections(task).append(section)
        return section

    def leave(self, section: Section) -> None:
        """The task is in the section no more, whatever others can see of that."""
        open_sections(section.task).remove(section)

    def snapshot(self, touched: list[int]) -> tuple[Location, ...]:
        """All sections so far, in an order that does not depend on who was first."""
        touched.append(self.writing)
        return tuple(sorted(self.sections, key=_number))

    def tell(self, task: Task, use: LockUse) -> None:
        """Tell the listeners of an acquire."""
        for listener in self.world.on_acquire:
            listener(task, use)


def _number(location: Location) -> int:
    return location.number


def _index(section: Section) -> int:
    return section.task.index


class GraceWait(Operation):
    """Waits for the end of each section of a snapshot."""

    __slots__ = ("after", "lock", "text")

    blocking = True
    orders = MB
    kind = "grace_period"
    after: tuple[Location, ...]

    def __init__(self, lock: Domain, after: tuple[Location, ...], text: str) -> None:
        self.lock = lock
        self.after = after
        self.text = text

    def run(self, task: Task, touched: list[int]) -> None:
        for flag in self.after:
            touched.append(~flag.number)

    def describe(self) -> str:
        return self.text


class _GraceFree(GraceWait):
    """Waits for a grace period and frees an object."""

    __slots__ = ("obj",)

    kind = "kvfree_rcu"

    def __init__(self, lock: Domain, after: tuple[Location, ...], text: str, obj: Slab) -> None:
        super().__init__(lock, after, text)
        self.obj = obj

    def run(self, task: Task, touched: list[int]) -> None:
        super().run(task, touched)
        touched.append(self.obj.life.reading)
        free_now(self.obj, task, touched)


class Synchronize(Operation):
    """Base of synchronize_rcu() and synchronize_srcu(): takes a snapshot, then waits for it."""

    __slots__ = ("loc", "waiting")

    orders = RELEASE | MB
    loc: Domain

    def __init__(self, loc: Domain) -> None:
        self.loc = loc
        self.waiting: GraceWait | None = None

    def __await__(self) -> Generator[Operation, Any, None]:
        yield self
        if self.waiting is not None:
            yield self.waiting

    def start(self, task: Task, touched: list[int], illegal: str) -> None:
        """Check who calls, and take the snapshot; without any section there is nothing to wait for.

        It may not be called in a section of the domain or of RCU's, nor where a task may not sleep
        for another reason than such a section.
        """
        domain = self.loc
        depth = rcu_sections_depth(task)
        if depth or in_reader_of(task, domain):
            suspicious(task, illegal)
        if task.atomic > depth:
            might_sleep(task, self.kind)
        after = domain.snapshot(touched)
        if after:
            self.waiting = GraceWait(domain, after, self.describe())
            if task.atomic > depth:
                scheduling(task, self.kind)


class Barrier(Operation):
    """rcu_barrier(), srcu_barrier(): waits for all callbacks that are queued."""

    __slots__ = ("kind", "loc", "waiting")

    orders = RELAXED
    loc: Domain

    def __init__(self, loc: Domain, kind: str) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # each domain has its own name for it
        self.waiting: GraceWait | None = None

    def __await__(self) -> Generator[Operation, Any, None]:
        yield self
        if self.waiting is not None:
            yield self.waiting

    def run(self, task: Task, touched: list[int]) -> None:
        domain = self.loc
        if task.atomic:
            might_sleep(task, self.kind)
        touched.append(domain.reading)
        if domain.callbacks:
            self.waiting = GraceWait(domain, tuple(domain.callbacks), self.describe())
            if task.atomic:
                scheduling(task, self.kind)


class Call(Operation):
    """Base of call_rcu() and call_srcu(): has a callback run in softirq after a grace period.

    Callbacks queued by one task run in that order, those of different tasks in any order.
    """

    __slots__ = ("callback", "invoke", "kind", "loc", "what")

    orders = RELEASE
    loc: Domain

    def __init__(
        self,
        loc: Domain,
        callback: Callback,
        what: str,
        *,
        kind: str,
        invoke: Callable[[GraceWait, Callback], Coroutine[Any, Any, None]],
    ) -> None:
        self.loc = loc
        self.callback = callback
        self.what = what
        self.kind = kind  # type: ignore[misc]  # each domain has its own name for it
        self.invoke = invoke

    def run(self, task: Task, touched: list[int]) -> None:
        domain = self.loc
        after = domain.snapshot(touched)
        before = domain.newest.get(task.index)
        if before is not None:
            after = (*after, before)
        wait = GraceWait(domain, after, f"grace period of {domain.name} before {self.what}")
        handler = domain.world.spawn(
            self.invoke(wait, self.callback), f"softirq:{self.what}", context=Context.SOFTIRQ
        )
        domain.newest[task.index] = handler.done
        domain.callbacks.append(handler.done)

    def describe(self) -> str:
        return f"{self.kind}({self.what})"


class KfreeRcu(Operation):
    """kfree_rcu(): kfree() after a grace period, in no order with other callbacks."""

    __slots__ = ("loc", "obj")

    orders = RELEASE
    kind = "kfree_rcu"
    loc: Domain

    def __init__(self, loc: Domain, obj: Slab) -> None:
        self.loc = loc
        self.obj = obj

    def run(self, task: Task, touched: list[int]) -> None:
        domain = self.loc
        obj = self.obj
        after = domain.snapshot(touched)
        touched.append(obj.life.reading)
        check_alive(obj, "rcu")
        text = f"grace period of {domain.name} before kfree({obj.describe()})"
        domain.world.spawn(
            _kvfree_rcu(_GraceFree(domain, after, text, obj)),
            f"softirq:kfree {obj.name}",
            context=Context.SOFTIRQ,
        )

    def describe(self) -> str:
        return f"{self.kind}({self.obj.describe()})"


async def _kvfree_rcu(free: _GraceFree) -> None:
    await free
