"""percpu_ref: a reference count that nobody adds up until its owner lets go.

    ref = PercpuRef(world, "q_usage_counter", owner=queue)
    if await ref.tryget(): ...; last = await ref.put()
    last = await ref.kill()

While the owner has not killed it no put can be the last, so that getting and putting by different
tasks is independent, whatever their order: each task counts for itself, as each CPU does.  From
kill() on every operation reads all counts.

Source: lib/percpu-refcount.c, include/linux/percpu-refcount.h.
Left out: the grace period within percpu_ref_kill(), which only switches the counting; reviving.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.location import Location, reserve
from lockwright.core.operation import Operation
from lockwright.core.orders import FULL, RELAXED, RELEASE
from lockwright.kernel.slab import Slab, check_alive

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

CPUS = 16


class PercpuRef(Location):
    """A percpu_ref; `value` is whether its owner has killed it.

    Invariant: the references are the sum of `counts`, and the owner's until it is killed.
    `numbers` are the locations of the counts; a task counts at the place of its own number.
    """

    __slots__ = ("counts", "numbers", "owner")

    def __init__(self, world: World, name: str = "", *, owner: Slab | None = None) -> None:
        super().__init__(world, value=False, name=name)
        self.owner = owner
        self.counts = [0] * CPUS
        self.numbers = reserve(world, CPUS)
        for number in (self.number, *self.numbers):
            world.names.fields[number] = f"{name}.count"

    def get(self) -> Operation:
        """percpu_ref_get(): by somebody who knows that there is a reference."""
        return _Get(self)

    def tryget(self) -> Operation:
        """percpu_ref_tryget(): False if there is none any more."""
        return _TryGet(self)

    def put(self) -> Operation:
        """percpu_ref_put(): True if it was the last one; the release is the caller's."""
        return _Put(self)

    def kill(self) -> Operation:
        """percpu_ref_kill(), which drops the owner's reference; True if it was the last one."""
        return _Kill(self)

    def references(self, touched: list[int]) -> int:
        """How many there are, the owner's left out, within a step."""
        touched.extend(2 * number for number in self.numbers)
        return sum(self.counts)

    def add(self, task: Task, by: int, touched: list[int]) -> None:
        """Count, within a step."""
        at = task.number % CPUS
        touched.append(2 * self.numbers[at] + 1)
        self.counts[at] += by


class _RefOperation(Operation):
    __slots__ = ("loc", "orders")

    stable = False
    loc: PercpuRef

    def __init__(self, loc: PercpuRef) -> None:
        self.loc = loc
        self.orders = RELAXED  # type: ignore[misc]  # depends on what it finds

    def begin(self, touched: list[int], code: int) -> bool:
        """Look at the count's mode; is it killed?"""
        ref = self.loc
        touched.append(code)
        if ref.owner is not None:
            touched.append(ref.owner.life.reading)
            check_alive(ref.owner, ref.name)
        return bool(ref.value)

    def wrong(self, task: Task, complaint: str) -> None:
        """Report what cannot be."""
        name = self.loc.name
        task.world.warn(
            task,
            "refcount",
            f"{self.kind}({name}) by {task.comm}: {complaint}",
            signature=f"{self.kind}({name}): {complaint}",
        )


class _Get(_RefOperation):
    __slots__ = ()

    kind = "percpu_ref_get"

    def run(self, task: Task, touched: list[int]) -> None:
        if self.begin(touched, self.loc.reading) and self.loc.references(touched) == 0:
            self.wrong(task, "takes a reference where there is none")
        self.loc.add(task, 1, touched)


class _TryGet(_RefOperation):
    __slots__ = ()

    kind = "percpu_ref_tryget"

    def run(self, task: Task, touched: list[int]) -> bool:
        if self.begin(touched, self.loc.reading) and self.loc.references(touched) == 0:
            return False
        self.loc.add(task, 1, touched)
        return True


class _Put(_RefOperation):
    __slots__ = ()

    kind = "percpu_ref_put"

    def run(self, task: Task, touched: list[int]) -> bool:
        killed = self.begin(touched, self.loc.reading)
        self.loc.add(task, -1, touched)
        self.orders = RELEASE  # type: ignore[misc]  # as above
        if not killed:
            return False
        left = self.loc.references(touched)
        if left < 0:
            self.wrong(task, "drops a count of 0: one put too many")
        self.orders = FULL if left == 0 else RELEASE  # type: ignore[misc]  # as above
        return left == 0


class _Kill(_RefOperation):
    __slots__ = ()

    kind = "percpu_ref_kill"

    def run(self, task: Task, touched: list[int]) -> bool:
        if self.begin(touched, self.loc.writing):
            self.wrong(task, "killed twice")
            return False
        self.loc.value = True
        left = self.loc.references(touched)
        if left < 0:
            self.wrong(task, "there was one put too many")
        self.orders = FULL if left == 0 else RELEASE  # type: ignore[misc]  # as above
        return left == 0
