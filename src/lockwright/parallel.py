"""One exploration by several processes.

What there is to do comes in pieces whose outcome depends on nothing but the piece: a batch of a
search by rounds (`explore/rounds.py`), or a range of a random strategy's executions.  Each is
judged where it is explored, and what was found is entered in the order of the pieces; so the
Result is that of one process, however many there are.  A piece whose process dies is given to
another; nothing of it was entered.

Order of reading: `Crew` (the processes), `Worker` (what one does), `absorb` (entering what was
found), `explore_batches` and `explore_ranges` (the two kinds of pieces).
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from lockwright.core.errors import InternalError, UsageError
from lockwright.core.finding import Finding
from lockwright.core.goal import Reached
from lockwright.core.location import Names, Value
from lockwright.core.race import RaceReport
from lockwright.core.result import Result
from lockwright.core.schedule import Choice, parse_schedule, schedule_text
from lockwright.core.world import World
from lockwright.explore.export import Export
from lockwright.explore.lasso import LIVENESS
from lockwright.explore.portable import Portable
from lockwright.explore.rounds import Rounds
from lockwright.judge import Judge, cost
from lockwright.lessons import teach
from lockwright.options import Options
from lockwright.scenario import Scenario
from lockwright.searches import RANGE, Sampling, Worlds, search

COUNTS = ("executions", "deadlocked", "sleep_set_blocked", "steps")
DEATHS_MAX = 3
"""A piece that so many processes have died of is given up."""
ALONE = ("dfs", "bounded", LIVENESS)
"""The strategies whose searches are no pieces."""
FAILED = "failed"
"""Stands for what was found in a piece where an exception was raised."""
RANGES = 64
"""So many ranges of a random strategy are given out before the next are looked at."""
TICK_S = 0.1
"""So often the one who waits looks up."""


def check_jobs(options: Options) -> None:
    """Raise UsageError if these processes cannot be had."""
    if options.jobs < 1:
        raise UsageError(f"{options.jobs} jobs: expected 1 or more")
    if options.jobs > 1 and (options.strategy in ALONE or options.prefix):
        raise UsageError(f"strategy {options.strategy} explores in one process: leave out the jobs")
    if options.jobs > 1 and "fork" not in multiprocessing.get_all_start_methods():
        raise UsageError("more than one job needs fork(), which this system does not have")


class Worker:
    """What a process explores with: the scenario, under rules of its own for each piece."""

    def __init__(self, scenario: Scenario, options: Options) -> None:
        self.scenario = scenario
        self.options = options
        self.judge = self._new_judge()

    def _new_judge(self) -> Judge:
        scenario = self.scenario
        blank = Result(scenario.name, scenario.title, {}, self.options.strategy)
        return Judge(scenario, self.options.rules, blank, coverage=self.options.coverage)

    def make(self, names: Names) -> World:
        """A world that the rules listen to."""
        world = self.judge.world(names)
        self.judge.begin(world)
        self.scenario.set_up(world)
        return world

    def bare(self, names: Names) -> World:
        """A world that no rule listens to."""
        world = World(names)
        self.scenario.set_up(world)
        return world

    def explore(self, piece: Value) -> Value:
        """Explore a piece; returns what was found."""
        self.judge = judge = self._new_judge()
        for text, ended in piece["lessons"]:
            teach(self.make, judge, parse_schedule(text), ended=ended)
        judge.learnt = judge.order.validator.learnt
        if judge.races is not None and piece["races"] is not None:
            judge.races.restore(piece["races"])
        outcome = self._batch(piece["batch"]) if "batch" in piece else self._range(piece["range"])
        return {**_told(judge), "outcome": outcome}

    def _batch(self, told: Value) -> Value:
        worlds = Worlds(self.make, self.bare)
        rounds = search(worlds, self.options)
        assert isinstance(rounds, Rounds)
        export = Export(Portable(rounds.names))
        batch = export.task_of(told)
        for run in batch.runs(rounds.dpor):
            self.judge.judge(run)
        return export.outcome(batch)

    def _range(self, told: Value) -> Value:
        first, end = told
        options = replace(self.options, executions=end)
        for run in search(Worlds(self.make, self.bare), options, {"first": first}):
            self.judge.judge(run)
        return None


def _told(judge: Judge) -> dict[str, Value]:
    """What a judge has found, for another process; findings and lessons with the numbers of the
    executions where they were first seen."""
    result = judge.result
    return {
        "counts": {name: getattr(result, name) for name in COUNTS},
        "steps_longest": result.steps_longest,
        "outcomes": list(result.outcomes.items()),
        "lessons": [
            (schedule_text(lesson), ended, at)
            for (lesson, ended), at in zip(judge.lessons[-1], judge.learned_at, strict=True)
        ],
        "findings": [
            (
                {**finding.as_json(), "report": None},
                judge.seen_at[key],
                finding.report is not None and not isinstance(finding.report, RaceReport),
            )
            for key, finding in judge.findings.items()
        ],
        "goals": [goal.as_json() for goal in judge.goals.reached.values()],
        "races": judge.export_races(),
        "coverage": judge.export_coverage(),
    }


def absorb(make: Callable[[Names], World], judge: Judge, told: Value) -> None:
    """Enter what another process has found, as if this one had found it now."""
    result = judge.result
    for name in COUNTS:
        setattr(result, name, getattr(result, name) + told["counts"][name])
    result.steps_longest = max(result.steps_longest, told["steps_longest"])
    for outcome, count in told["outcomes"]:
        result.outcomes[outcome] = result.outcomes.get(outcome, 0) + count
    _absorb_findings(make, judge, told)
    judge.goals.merge(Reached.from_json(goal) for goal in told["goals"])
    if judge.races is not None:
        judge.races.add(told["races"])
    if judge.covering is not None:
        judge.covering.add(told["coverage"])


def _absorb_findings(make: Callable[[Names], World], judge: Judge, told: Value) -> None:
    """Enter findings in the order in which one process would have seen them.

    What the validator says depends on all that it has learned before, so that is heard from the
    judge's own validator.
    """
    found: dict[int, list[Finding]] = {}
    for data, at, reported in told["findings"]:
        finding = Finding.from_json(data)
        if finding.fatal or not reported:
            found.setdefault(at, []).append(finding)
    for text, ended, at in told["lessons"]:
        schedule = parse_schedule(text)
        theirs = {(finding.kind, finding.signature): finding for finding in found.pop(at, ())}
        later: list[Finding] = []
        for finding in teach(make, judge, schedule, ended=ended):
            key = (finding.kind, finding.signature)
            if key in theirs:
                theirs[key].report = theirs[key].report or finding.report
                later.append(theirs.pop(key))
            elif finding.report is not None:
                finding.schedule = tuple(schedule)
                later.append(finding)
        judge.learned(schedule, ended=ended)
        found[at] = [*later, *theirs.values()]
    for at in sorted(found):
        for finding in found[at]:
            _merge(judge.findings, finding)


def _merge(findings: dict[tuple[str, str], Finding], finding: Finding) -> None:
    key = (finding.kind, finding.signature)
    known = findings.get(key)
    if known is None:
        findings[key] = finding
        return
    known.executions += finding.executions
    if cost(finding.schedule) < cost(known.schedule):
        finding.executions = known.executions
        finding.report = finding.report or known.report
        findings[key] = finding


@dataclass(slots=True)
class _Hand:
    """One process, and the number of the piece that it has, -1 if none."""

    process: BaseProcess
    pipe: Connection
    piece: int = -1


class Crew:
    """Some processes that explore pieces of one scenario."""

    def __init__(self, scenario: Scenario, options: Options) -> None:
        self.worker = Worker(scenario, options)
        self.jobs = options.jobs
        self.context = multiprocessing.get_context("fork")
        self.hands: list[_Hand] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *exc: object) -> None:
        for hand in self.hands:
            self._dismiss(hand)
        self.hands.clear()

    def _dismiss(self, hand: _Hand) -> None:
        hand.process.kill()
        hand.process.join()
        hand.pipe.close()

    def _hire(self) -> _Hand:
        here, there = self.context.Pipe()
        ours = [here, *(hand.pipe for hand in self.hands if not hand.pipe.closed)]
        process = self.context.Process(target=_serve, args=(self.worker, there, ours), daemon=True)
        process.start()
        there.close()
        return _Hand(process, here)

    def outcomes(self, pieces: Sequence[Callable[[], Value]]) -> Iterator[Value]:
        """What was found in each piece, in order; a piece is made when it is given out.

        None where nothing has come for a while.  Ends before a piece that raised an exception.
        Raises InternalError for one that kills its processes.
        """
        for at, hand in enumerate(self.hands):
            if hand.piece >= 0:  # nobody waits any more for what it does
                self._dismiss(hand)
                self.hands[at] = self._hire()
        while len(self.hands) < min(self.jobs, len(pieces)):
            self.hands.append(self._hire())
        todo = list(range(len(pieces)))[::-1]
        deaths = [0] * len(pieces)
        found: dict[int, Value] = {}
        for following in range(len(pieces)):
            while following not in found:
                self._give_out(pieces, todo)
                ready = self._ready()
                if not ready:
                    yield None
                for hand in ready:
                    at, hand.piece = hand.piece, -1
                    told = self._received(hand)
                    if told is None:
                        deaths[at] += 1
                        self._bury(hand, deaths[at])
                        todo.append(at)
                    else:
                        found[at] = told
            if found[following] == FAILED:
                return
            yield found.pop(following)

    def _give_out(self, pieces: Sequence[Callable[[], Value]], todo: list[int]) -> None:
        for hand in self.hands:
            if hand.piece < 0 and todo:
                hand.piece = todo.pop()
                with suppress(OSError):  # it is dead, which `_ready` will see
                    hand.pipe.send(pieces[hand.piece]())

    def _ready(self) -> list[_Hand]:
        """Those who have finished a piece, or died; waits a while if there is none."""
        busy = [hand for hand in self.hands if hand.piece >= 0]
        done = wait([hand.pipe for hand in busy], TICK_S)
        return [hand for hand in busy if hand.pipe in done]

    def _received(self, hand: _Hand) -> Value:
        """What was found; None if the process has died."""
        try:
            return hand.pipe.recv()
        except (EOFError, OSError):
            return None

    def _bury(self, hand: _Hand, deaths: int) -> None:
        """A process has died.  Hire another one, unless it was the piece that killed it."""
        hand.process.join()
        code = hand.process.exitcode or 0
        hand.pipe.close()
        if deaths == DEATHS_MAX:
            self.hands.remove(hand)
            how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            raise InternalError(
                f"{deaths} processes died of the same executions, the last of {how}; is there "
                "enough memory? one job may tell more"
            )
        self.hands[self.hands.index(hand)] = self._hire()


def _serve(worker: Worker, pipe: Connection, inherited: list[Connection]) -> None:
    """The life of a process.

    It ends when nobody has the other end of its pipe any more, so that the copies of such ends
    that a fork makes have to go.
    """
    for other in inherited:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever gave the work ends it
    while True:
        try:
            piece = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            told = worker.explore(piece)
        except (Exception, SystemExit):
            told = FAILED
        try:
            pipe.send(told)
        except OSError:
            return


def explore_batches(
    crew: Crew, rounds: Rounds, make: Callable[[Names], World], judge: Judge
) -> Iterator[None]:
    """Explore all rounds, or those that cannot exceed the number of executions that is allowed.

    Comes back after each piece, when what it found is entered, and now and then in between.  What
    is not explored at its end is for this process: a piece that raised an exception, say.
    """
    most = crew.worker.options.executions
    export = Export(Portable(rounds.names))

    def piece(at: int) -> Callable[[], Value]:
        batch = rounds.current[at]
        races = judge.export_races() if batch.executions else None
        return lambda: {"lessons": lessons_of(judge), "races": races, "batch": export.task(batch)}

    while rounds.begin_round():
        begun = rounds.at
        batch = rounds.current[-1]
        to_come = sum(batch.budget for batch in rounds.current[begun:])
        if most is not None and judge.result.executions + to_come > most:
            return
        pieces = [piece(at) for at in range(begun, len(rounds.current))]
        for told in crew.outcomes(pieces):
            if told is None:
                yield
                continue
            batch = rounds.current[rounds.at]
            absorb(make, judge, told)
            export.enter(batch, told["outcome"])
            if batch.restart:
                break
            rounds.at += 1
            yield
        if not batch.restart and rounds.at < len(rounds.current):
            return  # the next one raises an exception, which this process is to see
        rounds.end_round()


def explore_ranges(
    crew: Crew, sampling: Sampling, make: Callable[[Names], World], judge: Judge
) -> Iterator[None]:
    """Explore the executions of a random strategy, as `explore_batches` does."""
    begun = judge.export_races()  # of a range that is to be finished

    def piece(first: int, end: int) -> Callable[[], Value]:
        races = begun if first % RANGE else None
        return lambda: {"lessons": lessons_of(judge), "races": races, "range": (first, end)}

    while ranges := sampling.pieces(RANGES):
        ends = [end for _, end in ranges]
        for told in crew.outcomes([piece(*bounds) for bounds in ranges]):
            if told is not None:
                absorb(make, judge, told)
                sampling.skip_to(ends.pop(0))
            yield
        if ends:
            return


def lessons_of(judge: Judge) -> list[tuple[str, bool]]:
    """What the judge's validator was taught since the search began last, for another process."""
    lessons: list[tuple[tuple[Choice, ...], bool]] = judge.lessons[-1]
    return [(schedule_text(schedule), ended) for schedule, ended in lessons]
