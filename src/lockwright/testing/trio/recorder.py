"""What is written down of a run that is reported: its steps, their marks, how it got stuck."""

from __future__ import annotations

import trio

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.schedule import mark
from lockwright.testing.trio.driver import Driver
from lockwright.testing.trio.places import Place, place_of
from lockwright.testing.trio.stands import Crowd, Stand
from lockwright.testing.trio.stuck import DEADLOCK, Wait, stuck_finding
from lockwright.testing.trio.wakeups import Wakeups

ENDLESS = "endless"


class Recorder:
    """`marks` has one character a step, for what the step began with; `expected` are those of a
    token, and `difference` tells of the first step that is another one now."""

    def __init__(self, expected: str = "") -> None:
        self.expected = expected
        self.marks: list[str] = []
        self.events: list[Event] = []
        self.difference = ""
        self.findings: list[Finding] = []
        self.wakeups = Wakeups(lambda: len(self.marks) - 1)
        self.raised = 0

    def before(self, stand: Stand, step: int) -> None:
        now = "clock" if stand.task is None else place_of(stand.task).lasting
        self.marks.append(mark(f"{stand.comm} {now}"))
        self.raised = len(_exceptions(stand))
        expected = self.expected[step : step + 1]
        if expected not in ("", self.marks[-1]) and not self.difference:
            self.difference = (
                f"step {step}, of {stand.comm}, goes on from {now} now; it was something else when "
                "the token was made"
            )

    def after(self, stand: Stand, step: int, *, blocked: bool) -> None:
        if stand.task is None:
            self._note(stand, step, f"time is {trio.current_time():g}", ())
        elif stand.ended:
            raised = _exceptions(stand)[self.raised :]
            text = f"ends with {type(raised[0]).__name__}" if raised else "ends"
            self._note(stand, step, text, ())
        else:
            place = place_of(stand.task)
            self._note(stand, step, place.step + (": waits" if blocked else ""), (place.frame,))

    def _note(self, stand: Stand, step: int, text: str, chain: tuple[Frame, ...]) -> None:
        kind = "clock" if stand.task is None else "step"
        self.events.append(Event(step, stand.index, stand.comm, "process", kind, text, "", chain))

    def stopped(self, driver: Driver) -> None:
        crowd = Crowd(driver.stands)
        waits = [
            Wait(stand, crowd.head(stand), place_of(task))
            for task, stand in driver.stands.items()
            if not stand.ended
        ]
        if driver.stuck:
            self.findings.append(stuck_finding(waits, crowd, self.wakeups))
        elif driver.endless:
            self.findings.append(_endless(driver, crowd))
        for wait in waits:
            what = "blocked" if driver.stuck else "still runs"
            self._end(wait.stand, what, wait.place)

    def _end(self, stand: Stand, kind: str, place: Place) -> None:
        self.events.append(
            Event(-1, stand.index, stand.comm, "process", kind, place.step, "", (place.frame,))
        )


def _endless(driver: Driver, crowd: Crowd) -> Finding:
    """The tasks that took steps among the last ones are those that go on for ever."""
    late = driver.schedule[driver.steps_max :]
    busy = {index for index, _ in late}
    names = [crowd.head(stand) for stand in driver.everyone if stand.index in busy]
    places = sorted(
        place_of(task).lasting
        for task, stand in driver.stands.items()
        if stand.index in busy and not stand.ended
    )
    message = (
        f"{ENDLESS}: after {driver.steps_max} steps as they came and as many with the tasks taking "
        f"turns, the program still runs: {', '.join(names)}"
    )
    lines = [
        f"  {crowd.head(stand)} {'runs' if stand.index in busy else 'waits'}: "
        f"{place_of(task).primitive} ({place_of(task).where})"
        for task, stand in driver.stands.items()
        if not stand.ended
    ]
    return Finding(ENDLESS, message, "; ".join(places), 0, names[0], lines=tuple(lines))


def _exceptions(stand: Stand) -> list[BaseException]:
    """What the children of a task's nursery have raised so far."""
    nursery = stand.task.parent_nursery if stand.task is not None else None
    return list(getattr(nursery, "_pending_excs", ()))


__all__ = ["DEADLOCK", "ENDLESS", "Recorder"]
