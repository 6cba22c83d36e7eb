"""What a process does with a piece of a campaign.

A piece's `work` is one of

    {"kind": "slice", "checkpoint": TEXT or None, "until": N or None, "seconds": S or None}
    {"kind": "finish", "checkpoint": TEXT}
    {"kind": "batch", "batch": ..., "lessons": ..., "races": ...}
    {"kind": "range", "arm": ARM, "range": [FIRST, END], "lessons": ..., "known": FEATURES}

A slice is the exploration of an item from a checkpoint on (None: from its beginning), until it ends
or has had so many executions in all; what is told is the Result or the next checkpoint.  To finish
is to judge what was explored so far, without more of it.  A batch is a part of a search by DPOR
(`explore/rounds.py`); a range, some executions of a random strategy, or with "parents" of schedules
that are mutated.  `parallel.py` has what is told of these two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

from lockwright.campaign.features import Novelty
from lockwright.campaign.item import CORPUS, Arm, Item
from lockwright.campaign.piece import Piece
from lockwright.checkpoint import checkpoint_text, read_checkpoint, resumed
from lockwright.core.coverage import score_of
from lockwright.core.errors import InternalError
from lockwright.core.location import Value
from lockwright.core.result import Progress, Result
from lockwright.core.schedule import schedule_text
from lockwright.explore.guided import guided_search
from lockwright.explore.rehearsal import rehearse
from lockwright.options import Options
from lockwright.parallel import Worker
from lockwright.project import Project
from lockwright.scenario import Scenario
from lockwright.schedule.mutation import Mutated
from lockwright.schedule.replay import Replay
from lockwright.searches import Resumable, Sampling, Search, Worlds, search
from lockwright.session import Session

SLICE, FINISH, BATCH, RANGE = ("slice", "finish", "batch", "range")


class Explorer:
    """Explores pieces of any campaign of one project."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def explore(self, piece: Piece) -> Value:
        """What was found, as JSON has it; raises what the model raises."""
        item = piece.item
        scenario, work = item.made(self.project), piece.work
        explore: dict[str, Callable[[Item, Scenario, Value], Value]] = {
            SLICE: _slice,
            FINISH: _finish,
            BATCH: _batch,
            RANGE: _range,
        }
        return explore[work["kind"]](item, scenario, work)


class _Enough(Exception):
    """The slice is as long as it is to be."""


def _slice(item: Item, scenario: Scenario, work: Value) -> Value:
    options = replace(item.options, seconds=work["seconds"])
    session = _session(scenario, options, work["checkpoint"])
    before, until = session.result.executions, work["until"]
    if not isinstance(session.search, Resumable):
        until = None  # it has to come to its end in one go

    def tell(progress: Progress) -> None:
        if until is not None and progress.executions >= until:
            raise _Enough

    try:
        session.advance(tell)
    except _Enough:
        result = session.result
        told = {
            "checkpoint": checkpoint_text(session),
            "steps": result.steps,
            "covered": score_of(session.judge.covered()),
        }
        found = [finding.as_json() for finding in session.judge.all_findings().values()]
        return {**told, "executions": result.executions - before, "findings": found}
    return _told(item, session.conclude(), before)


def _finish(item: Item, scenario: Scenario, work: Value) -> Value:
    session = _session(scenario, item.options, work["checkpoint"])
    return _told(item, session.conclude(), session.result.executions)


def _session(scenario: Scenario, options: Options, text: str | None) -> Session:
    if text is not None:
        return resumed(scenario, options, read_checkpoint(text))
    session = Session(scenario, options)
    session.begin()
    return session


def _told(item: Item, result: Result, before: int) -> Value:
    """A Result as a campaign keeps it: who wants to see an interleaving can replay it."""
    result.strategy = item.strategy
    for finding in result.findings:
        finding.events, finding.timeline = (), None
        if finding.nearest is not None:
            finding.nearest = replace(finding.nearest, events=())
    data = result.as_json()
    return {
        "result": data,
        "executions": result.executions - before,
        "steps": result.steps,
        "findings": data["findings"],
    }


def _batch(item: Item, scenario: Scenario, work: Value) -> Value:
    return _said(Worker(scenario, item.options).explore(work))


def _range(item: Item, scenario: Scenario, work: Value) -> Value:
    worker = RangeWorker(scenario, item.options, work)
    if work["range"][0] == 0:
        (first,) = guided_search(worker.bare, Replay(()))
        rehearse(worker.bare, first)
    return {**_said(worker.explore({**work, "races": None})), "fresh": worker.fresh}


def _said(more: Value) -> Value:
    return {
        "executions": more["counts"]["executions"],
        "findings": [data for data, _, _ in more["findings"]],
        "more": more,
    }


class RangeWorker(Worker):
    """Explores a range of an arm's executions.

    `fresh` lists those that covered what nobody had: their schedules, and what it was.
    """

    def __init__(self, scenario: Scenario, options: Options, work: Value) -> None:
        super().__init__(scenario, options)
        self.arm = Arm(**work["arm"])
        self.known: list[int] = work["known"]
        self.parents: list[tuple[str, int]] = [(text, n) for text, n in work.get("parents", ())]
        self.fresh: list[tuple[str, list[int]]] = []

    def _range(self, told: Value) -> Value:
        first, end = told
        novelty = Novelty(self.judge, self.known) if self.options.coverage else None
        for run in self._search(first, end):
            schedule = run.schedule
            self.judge.judge(run)
            if novelty is not None and (features := novelty.fresh()):
                self.fresh.append((schedule_text(schedule), features))
        return None

    def _search(self, first: int, end: int) -> Search:
        arm, worlds = self.arm, Worlds(self.make, self.bare)
        if arm.strategy != CORPUS:
            named = {"strategy": arm.strategy, "seed": arm.seed, "depth": arm.depth}
            options = replace(self.options, **named, executions=end)  # type: ignore[arg-type]
            return search(worlds, options, {"first": first})
        if not self.parents:
            raise InternalError("a mutation of nothing")
        return Sampling(worlds, Mutated(arm.seed, end - first, first=first, parents=self.parents))


def arm_told(arm: Arm) -> Value:
    """An arm, for a piece's work."""
    return asdict(arm)
