"""One item of a campaign, explored piece by piece.

A conductor says what is to be done next (`works`), is told what was found, in the order of the
pieces (`enter`), and says what has become of the item (`change`), from which another conductor goes
on.  It is asked for more when all that it gave out was entered.

Order of reading: `Conductor`; `Exhaustive` and `Sampled` (`sampled.py`), one for each kind of
exploration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from lockwright.campaign.explored import BATCH, FINISH, SLICE
from lockwright.campaign.item import Item
from lockwright.campaign.record import DONE, FAILED, GOING, Change, CorpusEntry, Record
from lockwright.checkpoint import checkpoint_text, read_checkpoint, resumed
from lockwright.core.coverage import score_of
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.explore.export import Export
from lockwright.explore.portable import Portable
from lockwright.explore.rounds import Rounds
from lockwright.parallel import absorb, lessons_of
from lockwright.scenario import Scenario
from lockwright.session import Session

FIRST = 1024
"""A search by DPOR that has not ended after so many executions is shared out."""
LENGTH = 4096
"""How many executions a piece of a search has that goes on from one checkpoint to the next."""


class Conductor:
    """Invariant: `record` is as of the pieces entered so far; `most` is how many executions what
    was given out last can have at most."""

    def __init__(self, record: Record, scenario: Scenario) -> None:
        self.record = replace(record)
        self.scenario = scenario
        self.most = 0
        self.findings: list[Finding] | None = None

    @property
    def item(self) -> Item:
        """Whose conductor it is."""
        return self.record.item

    def works(self, pieces: int, left: float) -> list[Value]:
        """What is to be done next: about so many pieces, with at most `left` executions."""
        raise NotImplementedError

    def enter(self, work: Value, told: Value) -> None:
        """A piece is done; None was told of one that was given up."""
        raise NotImplementedError

    def finish(self) -> Value:
        """The work that says what the item has come to, if no more is explored; None if there is
        nothing to say."""
        raise NotImplementedError

    def change(self) -> Change:
        """All pieces that were given out were entered."""
        raise NotImplementedError

    def fail(self, why: str) -> None:
        """It cannot be explored to its end."""
        if self.record.phase != FAILED:
            self.record.phase, self.record.failure = FAILED, why

    @property
    def over_time(self) -> bool:
        """Has it had all the time that it may take?"""
        most = self.item.options.seconds
        return most is not None and self.record.seconds >= most

    def _ended(self, told: Value) -> None:
        """The item has its Result."""
        record = self.record
        record.phase = DONE
        record.result = result = Result.from_json(told["result"])
        record.executions, record.steps = result.executions, result.steps
        record.covered = score_of(result.coverage)
        self.findings = result.findings

    def _change(self, state: Value, corpus: list[CorpusEntry] | None = None) -> Change:
        going = self.record.phase == GOING
        return Change(self.record, state if going else None, self.findings, corpus)


class Exhaustive(Conductor):
    """A search that ends by itself.

    It begins as a slice, in which most searches end.  One by DPOR goes on in rounds
    (`explore/rounds.py`), whose batches are pieces; any other goes on slice by slice, and so does
    the end of one that may have only so many executions.  `session` is there while it is in rounds.
    """

    def __init__(self, record: Record, scenario: Scenario, state: Value) -> None:
        super().__init__(record, scenario)
        self.checkpoint: str | None = None if state is None else state["checkpoint"]
        self.session: Session | None = None
        self.restart = False

    def works(self, pieces: int, left: float) -> list[Value]:
        self.record.phase = GOING
        if self.checkpoint is not None and self.over_time:
            self.most = 0
            return [self.finish()]
        rounds = self._rounds()
        if rounds is not None and rounds.begin_round():
            batches = rounds.current[rounds.at :]
            self.most = sum(batch.budget for batch in batches)
            if self.most <= min(left, self._left()):
                return self._batches(rounds)
        return [self._slice(left, exhausted=rounds is not None and not rounds.current)]

    def _rounds(self) -> Rounds | None:
        """The search, if it is to be shared out."""
        if self.item.options.strategy != "dpor" or self.checkpoint is None:
            return None
        if self.session is None:
            self.session = resumed(
                self.scenario, self.item.options, read_checkpoint(self.checkpoint)
            )
        search = self.session.search
        return search if isinstance(search, Rounds) else None

    def _left(self) -> float:
        most = self.item.options.executions
        return inf if most is None else most - self.record.executions

    def _slice(self, left: float, *, exhausted: bool) -> Value:
        length = LENGTH if self.checkpoint is not None else FIRST
        self.most = int(min(length, left))
        seconds = self.item.options.seconds
        if seconds is not None:
            seconds = max(seconds - self.record.seconds, 0.0)
        return {
            "kind": SLICE,
            "checkpoint": self.checkpoint,
            "until": None if exhausted else self.record.executions + self.most,
            "seconds": seconds,
        }

    def _batches(self, rounds: Rounds) -> list[Value]:
        assert self.session is not None
        judge, export = self.session.judge, Export(Portable(rounds.names))
        lessons, races = lessons_of(judge), judge.export_races()
        return [
            {
                "kind": BATCH,
                "lessons": lessons,
                "races": races if batch.executions else None,
                "batch": export.task(batch),
            }
            for batch in rounds.current[rounds.at :]
        ]

    def enter(self, work: Value, told: Value) -> None:
        if told is None:
            self.fail("a piece of it was given up")
        elif "result" in told:
            self._ended(told)
        elif work["kind"] == SLICE:
            self.session, self.checkpoint = None, told["checkpoint"]
            self.record.executions += told["executions"]
            self.record.steps, self.record.covered = told["steps"], told["covered"]
            self.findings = [Finding.from_json(finding) for finding in told["findings"]]
        elif not self.restart and self.record.phase == GOING:
            self._enter_batch(told)

    def _enter_batch(self, told: Value) -> None:
        session = self.session
        assert session is not None
        rounds = session.search
        assert isinstance(rounds, Rounds)
        batch = rounds.current[rounds.at]
        absorb(session.make, session.judge, told["more"])
        Export(Portable(rounds.names)).enter(batch, told["more"]["outcome"])
        self.restart = batch.restart  # what the others of this round have found does not count
        rounds.at += not batch.restart

    def finish(self) -> Value:
        return None if self.checkpoint is None else {"kind": FINISH, "checkpoint": self.checkpoint}

    def change(self) -> Change:
        session = self.session
        if self.record.phase == GOING and session is not None:
            assert isinstance(session.search, Rounds)
            session.search.end_round()
            self.restart = False
            self.record.executions = session.result.executions
            self.record.steps = session.result.steps
            self.record.covered = score_of(session.judge.covered())
            self.checkpoint = checkpoint_text(session)
            self.findings = findings_of(session)
        return self._change({"checkpoint": self.checkpoint})


def findings_of(session: Session) -> list[Finding]:
    """What a session has found so far, with tokens and reports, as far as they can be had without
    another execution."""
    found: Sequence[Finding] = list(session.judge.all_findings().values())
    for finding in found:
        finding.token = str(session.token(finding.schedule))
        finding.text = session.judge.order.text(finding)
    return list(found)
