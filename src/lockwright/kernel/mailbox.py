"""Mailboxes: messages from several tasks to one, in the order in which they were sent.

What a queue between a driver and its device or between two processes does, where the locks that it
takes itself are not what is looked at: a virtqueue, a pipe, an inotify queue as its reader sees it.
The receiver is idle while there is nothing (`core/daemon.py`).

Each place for a message is a location, so that nothing but the order of the senders decides
anything: a receipt depends on its own message and on no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.errors import ModelError
from lockwright.core.event import value_text
from lockwright.core.location import Location, Value, reserve
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, RELEASE
from lockwright.core.task import Task
from lockwright.kernel.context import might_sleep

if TYPE_CHECKING:
    from lockwright.core.world import World

CAPACITY = 32


class _Place(Location):
    """Where one message lies.

    Its number is the mailbox's: a place is made when it is first used, by whoever that is.
    """

    __slots__ = ()

    def __init__(self, world: World, number: int, name: str) -> None:
        self.world = world
        self.name = name
        self.value: Value = ()
        self.number = number
        self.reading = 2 * number
        self.writing = 2 * number + 1


class Mailbox(Location):
    """A mailbox; itself the end that its senders write.

    Invariant: message n, from 0, lies at place n modulo `capacity`, as a tuple of one; `()` is an
    empty place.  So many were `sent` and `received`.  `numbers` are those of the places, and only
    one task of an execution receives.
    """

    __slots__ = ("capacity", "numbers", "places", "received", "receiver", "sent")

    def __init__(self, world: World, name: str, capacity: int = CAPACITY) -> None:
        super().__init__(world, None, name)
        if capacity < 1:
            raise ModelError(f"{name} is a mailbox for {capacity} messages: expected 1 or more")
        self.capacity = capacity
        self.sent = 0
        self.received = 0
        self.receiver: Task | None = None
        self.numbers = reserve(world, capacity)
        self.places: list[Location | None] = [None] * capacity

    def send(self, message: Value) -> Operation:
        """Puts a message behind all others; never waits.  Raises ModelError if there is no room."""
        return _Send(self, message)

    def receive(self) -> Operation:
        """Waits for the next message and takes it; gives it.  May sleep.

        Raises ModelError for a second task that wants to.
        """
        task = self.world.creator
        if self.receiver is not task and isinstance(task, Task):
            if self.receiver is not None and self.receiver in self.world.tasks:
                raise ModelError(
                    f"{task.comm} receives from {self.name}, and so does {self.receiver.comm}: "
                    "a mailbox has one receiver"
                )
            self.receiver = task
        return _Receive(self)

    def waiting(self) -> list[Value]:
        """The messages that were not received, the oldest first; unseen by the machine."""
        return [self.place(nth).value[0] for nth in range(self.received, self.sent)]

    def place(self, nth: int) -> Location:
        """Where the nth message lies, or will lie."""
        at = nth % self.capacity
        place = self.places[at]
        if place is None:
            name = f"place {at} of {self.name}"
            place = self.places[at] = _Place(self.world, self.numbers[at], name)
        return place

    def lasting(self) -> dict[str, object]:
        """For snapshots: where the messages lie decides nothing, nor how many there were before."""
        return {"places": self.waiting(), "numbers": (), "sent": 0, "received": 0}


class _MailOperation(Operation):
    """`at` is the place that it was about, when it has run."""

    __slots__ = ("at", "box")

    def __init__(self, box: Mailbox) -> None:
        self.box = box
        self.at: Location | None = None


class _Send(_MailOperation):
    __slots__ = ("message",)

    stable = False
    orders = RELEASE
    kind = "send"

    def __init__(self, box: Mailbox, message: Value) -> None:
        super().__init__(box)
        self.message = message

    @property
    def loc(self) -> Location:
        return self.box.place(self.box.sent) if self.at is None else self.at

    def run(self, task: Task, touched: list[int]) -> None:
        box = self.box
        place = self.at = box.place(box.sent)
        touched.append(place.writing)
        touched.append(box.writing)
        if place.value:
            raise ModelError(
                f"{task.comm} sends to {box.name}, which is full: it has room for {box.capacity}"
            )
        place.value = (self.message,)
        box.sent += 1

    def describe(self) -> str:
        return f"{self.kind}({self.box.name}, {_text(self.message)})"


class _Receive(_MailOperation):
    __slots__ = ()

    blocking = True
    idle = True
    sleeps = True
    orders = ACQUIRE
    kind = "receive"

    @property
    def loc(self) -> Location:
        return self.box.place(self.box.received) if self.at is None else self.at

    def ready(self, value: tuple[Value, ...]) -> bool:
        return bool(value)

    def run(self, task: Task, touched: list[int]) -> Value:
        box = self.box
        place = self.at = box.place(box.received)
        touched.append(place.writing)
        if task.atomic:
            might_sleep(task, self.kind)
        (message,) = place.value
        place.value = ()
        box.received += 1
        return message

    def describe(self) -> str:
        return f"{self.kind}({self.box.name})"


def _text(message: Value) -> str:
    describe = getattr(message, "describe", None)
    return str(describe()) if describe is not None else value_text(message)
