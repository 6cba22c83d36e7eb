"""What the tests of the connection and of the server share: a guest without hooks of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine

from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.result import Result
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.options import Options
from lockwright.scenario import Outcome, Scenario
from lockwright.session import explore
from model.fsnotify.mount import mount
from model.fsnotify.objects import FS_MODIFY, Client, mask_text
from model.fsnotify.remote import Remote
from model.fsnotify.transport import Notification, Request

Act = Coroutine[Value, Value, Value]
Acts = Callable[[Client], list[Act]]
"""The tasks of a scenario: of a guest, what each does."""


class Told(Remote):
    """A guest without hooks that writes down what the server tells it, as it is sent, and what of
    that has `arrived` beside events."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.sent: list[str] = []
        self.arrived: list[str] = []
        client.world.on_step += (self._stepped,)

    async def received(self, told: Notification) -> None:
        """Write it down."""
        self.arrived.append(told.describe())

    def _stepped(self, task: Task, operation: Operation, result: Value) -> None:
        message = getattr(operation, "message", None)
        if isinstance(message, Notification):
            number = message.occurrence
            self.sent.append(str(number) if number else message.describe())


def results(world: World) -> str:
    """What each task gave, but for daemons, which do not end."""
    return "; ".join(str(task.result) for task in world.tasks if task.ended)


def explored(
    acts: Acts,
    *,
    outcome: Outcome = results,
    goals: tuple[str, ...] = (),
    before: Callable[[Client], None] | None = None,
    **given: Value,
) -> Result:
    """Every interleaving of some tasks; `given` is for mount(), `before` what has happened."""

    def build(world: World) -> None:
        at = mount(world, Told, **given)
        if before is not None:
            before(at)
        for nth, act in enumerate(acts(at)):
            world.spawn(act, f"t{nth}")

    return explore(Scenario("a/b:c", build, outcome=outcome, sometimes=goals), Options())


def outcomes(acts: Acts, **given: Value) -> set[str]:
    """The outcomes of an exploration in which nothing is found."""
    result = explored(acts, **given)
    assert [finding.message for finding in result.findings] == []
    assert result.complete
    assert result.executions
    return set(result.outcomes)


def messages(acts: Acts, **given: Value) -> set[str]:
    """What is found."""
    result = explored(acts, **given)
    return {finding.message for finding in result.findings}


def watch(mask: int = FS_MODIFY, nodeid: int = 1, **more: Value) -> Request:
    """FUSE_FSNOTIFY, as the aggregated variant sends it."""
    return Request("FSNOTIFY", nodeid, mask=mask, **more)


def watched(at: Client, nodeid: int = 1) -> str:
    """What the server watches a file for, in the order of the keys."""
    file = at.conn.server.host.files[nodeid].value
    return ", ".join(mask_text(each.mask) for each in file.watches) or "nothing"


def told(world: World) -> str:
    """What the server has told, in order: occurrences by their numbers."""
    at: Client = world.state
    remote = at.remote
    assert isinstance(remote, Told)
    others = [each for each in remote.sent if not each.isdecimal() and each != "flushed"]
    assert remote.arrived == others
    crossed = Counter(each for each in remote.sent if each.isdecimal())
    assert crossed == {str(number): count for number, count in at.ledger.wired.items()}
    return "; ".join(remote.sent)
