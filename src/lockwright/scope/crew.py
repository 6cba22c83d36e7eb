"""The programs of a scope explored by several processes, each program by one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from lockwright.calls import Program
from lockwright.core.errors import InternalError
from lockwright.core.location import Value
from lockwright.options import Options
from lockwright.parallel import FAILED, Crew, Worker
from lockwright.scenario import Scenario
from lockwright.scope.result import Telling


class Task(NamedTuple):
    """A program, its place in the scope, and how many seconds it may take."""

    at: int
    program: Program
    seconds: float | None


Explore = Callable[[Task], Telling]


class ProgramWorker(Worker):
    """What a process explores with: its pieces are whole programs."""

    def __init__(self, scenario: Scenario, options: Options, explore: Explore) -> None:
        super().__init__(scenario, options)
        self.one = explore

    def explore(self, piece: Value) -> Value:
        """Explore a program; returns what there is to tell."""
        return self.one(piece)


class ProgramCrew(Crew):
    """Some processes that explore programs.  `scenario` is that of any one."""

    def __init__(self, scenario: Scenario, options: Options, explore: Explore) -> None:
        super().__init__(scenario, options)
        self.worker = ProgramWorker(scenario, options, explore)

    def explored(self, tasks: Iterator[Task]) -> Iterator[tuple[Task, Telling | None] | None]:
        """Each task with what there is to tell, as they end; one is asked for when it can begin.

        Without what there is to tell where an exception was raised, and None where nothing has come
        for a while.  Raises InternalError for a program that kills its processes.
        """
        again: list[Task] = []
        busy: dict[int, Task] = {}
        deaths: dict[int, int] = {}
        while True:
            while len(self.hands) < self.jobs:
                self.hands.append(self._hire())
            for hand in self.hands:
                task = None
                if hand.piece < 0:
                    task = again.pop() if again else next(tasks, None)
                if task is not None:
                    hand.piece = task.at
                    busy[task.at] = task
                    with suppress(OSError):  # it is dead, which `_ready` will see
                        hand.pipe.send(task)
            if not busy:
                return
            ready = self._ready()
            if not ready:
                yield None
            for hand in ready:
                task, hand.piece = busy.pop(hand.piece), -1
                told = self._received(hand)
                if told is None:
                    deaths[task.at] = deaths.get(task.at, 0) + 1
                    again.append(task)
                    try:
                        self._bury(hand, deaths[task.at])
                    except InternalError as error:
                        raise InternalError(f"{task.program}: {error}") from None
                else:
                    yield task, None if told == FAILED else told
