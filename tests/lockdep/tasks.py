"""A task that locks, for tests: one instance a class unless said otherwise, frames by number."""

from __future__ import annotations

from lockwright.core.frame import Frame
from lockwright.lockdep import LockKey, LockUse, Report, Validator


def key(name: str) -> LockKey:
    """A lock's key, without a wait type."""
    return LockKey(name, "init", wait_inner=0)


class Locker:
    """One task; `stacks` counts how often the validator asked for a stack."""

    def __init__(self, validator: Validator, comm: str = "task", pid: int = 1) -> None:
        self.validator = validator
        self.locks = validator.task(comm, pid)
        self.stacks = 0
        self.function = comm
        self.line = 0

    def lock(self, name: str, read: int = 0, /, **how: object) -> Report | None:
        """Acquire; `how` are further fields of LockUse."""
        self.line += 1
        fields: dict[str, object] = {"subclass": 0, "instance": address(name), "read": read}
        use = LockUse(**{"key": key(name), **fields, **how})  # type: ignore[arg-type]  # by name
        return self.validator.acquire(self.locks, use, self.stack)

    def unlock(self, name: str) -> Report | None:
        """Release."""
        self.line += 1
        return self.validator.release(self.locks, address(name), self.stack)

    def downgrade(self, name: str) -> Report | None:
        """From writer to reader."""
        self.line += 1
        return self.validator.downgrade(self.locks, address(name), self.stack)

    def order(self, *names: str) -> Report | None:
        """Lock all, in this order, and unlock them; `A:2` is a recursive reader of A."""
        found = None
        taken = [name.partition(":") for name in names]
        for name, _, read in taken:
            report = self.lock(name, int(read or 0))
            found = found or report
        for name, _, _ in reversed(taken):
            self.unlock(name)
        return found

    def hardirqs_on(self) -> Report | None:
        """local_irq_enable()."""
        self.line += 1
        return self.validator.hardirqs_on(self.locks, self.stack)

    def hardirqs_off(self) -> None:
        """local_irq_disable()."""
        self.line += 1
        self.validator.hardirqs_off(self.locks, self.stack)

    def softirqs_on(self) -> Report | None:
        """local_bh_enable()."""
        self.line += 1
        return self.validator.softirqs_on(self.locks, self.stack)

    def softirqs_off(self) -> None:
        """local_bh_disable()."""
        self.line += 1
        self.validator.softirqs_off(self.locks, self.stack)

    def hardirq(self, *names: str, threaded: bool = True) -> Report | None:
        """A hardirq handler takes locks, in this order, and ends."""
        self.validator.hardirq_enter(self.locks, threaded=threaded, stack=self.stack)
        found = self.order(*names)
        self.validator.hardirq_exit(self.locks, self.stack)
        return found

    def softirq(self, *names: str) -> Report | None:
        """A softirq handler takes locks, in this order, and ends."""
        self.validator.softirq_enter(self.locks, self.stack)
        found = self.order(*names)
        self.validator.softirq_exit(self.locks, self.stack)
        return found

    def quietly(self, *names: str) -> Report | None:
        """The same as order(), with hardirqs off."""
        self.hardirqs_off()
        found = self.order(*names)
        self.hardirqs_on()
        return found

    def exit(self) -> Report | None:
        """The task ends."""
        return self.validator.task_exit(self.locks, self.stack)

    def holds(self) -> list[str]:
        """The classes held, oldest first."""
        return [entry.node.lock.name for entry in self.locks.held]

    def stack(self) -> tuple[Frame, ...]:
        """The call chain: a primitive, and the function of the task with the line it is at."""
        self.stacks += 1
        return (Frame("lock_primitive", 1, 2), Frame(self.function, self.line, 99))


def address(name: str) -> int:
    """The instance of the lock that a test calls `name`."""
    return int.from_bytes(name.encode()[:7], "big")


def edge_names(validator: Validator) -> list[tuple[str, str, tuple[str, ...]]]:
    """All edges: held class, new class, types."""
    return [(edge.held.name, edge.new.name, edge.types) for edge in validator.edges()]
