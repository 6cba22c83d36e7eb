"""The one place that reaches into trio: what happens where trio is another one."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import pytest
import trio

from lockwright.core.errors import UsageError
from lockwright.testing.trio import check, driver, hook
from tests.testing.trio import racy

if TYPE_CHECKING:
    from trio.lowlevel import Task


class OtherQueue(deque["Task"]):
    """What a trio of tomorrow might keep its runnable tasks in."""


@pytest.mark.filterwarnings("error")
def test_a_trio_whose_queue_is_another_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook, "deque", OtherQueue)
    with pytest.raises(UsageError, match=r"^trio \S+ cannot be made to follow a schedule: its run"):
        check(racy.two_locks)


def test_a_trio_without_the_loop_that_we_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook, "LOOP", "trio._core._other_run")
    with pytest.raises(UsageError, match=r"no queue that could be replaced; tried with trio \d"):
        check(racy.lost_update)


def test_a_loop_that_does_not_look_at_the_queue_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "put_queue", hook.OneEachRound)
    with pytest.raises(UsageError, match="it has resumed a task that was not chosen"):
        check(racy.lost_update)


def test_a_round_is_given_one_task_and_forgets_that_one_alone() -> None:
    async def program() -> None:
        tasks = []

        async def note() -> None:
            tasks.append(trio.lowlevel.current_task())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(note)
            nursery.start_soon(note)
        one, two = tasks
        queue = hook.OneEachRound(lambda ready: ready[-1])
        queue.extend(tasks)
        assert list(queue) == [two]
        queue.clear()
        assert queue.ready() == [one]

    trio.run(program)
