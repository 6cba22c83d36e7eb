"""The conductor of an item that random strategies explore."""

from __future__ import annotations

from dataclasses import dataclass

from lockwright.campaign.conductor import Conductor, findings_of
from lockwright.campaign.corpus import Corpus
from lockwright.campaign.explored import FINISH, RANGE, arm_told
from lockwright.campaign.features import gained
from lockwright.campaign.guidance import ArmRecord, shares
from lockwright.campaign.item import CORPUS, Arm
from lockwright.campaign.record import GOING, Change, CorpusEntry, Record
from lockwright.checkpoint import checkpoint_text, read_checkpoint, resumed
from lockwright.core.coverage import score_of
from lockwright.core.location import Value
from lockwright.parallel import absorb, lessons_of
from lockwright.scenario import Scenario
from lockwright.searches import RANGE as ALIGNED
from lockwright.session import Session

PIECE = 4 * ALIGNED
"""How many executions a piece has."""
EARLY = 4
"""The first generations of an item that is guided are small, and their pieces too: what the arms
are good for is not known yet, and what is to be mutated has to be found."""


@dataclass(slots=True)
class _Strand:
    """An arm, what it has gained, and the number of its next execution."""

    arm: Arm
    record: ArmRecord
    next: int = 0


class Sampled(Conductor):
    """Some random strategies with their seeds, its arms, which share one judge.

    Each piece is a range of the executions of one arm.  With guidance the arms get the pieces of a
    generation by what they have covered so far, without it each has its own number of executions.
    """

    def __init__(
        self, record: Record, scenario: Scenario, state: Value, corpus: list[CorpusEntry]
    ) -> None:
        super().__init__(record, scenario)
        self.guided = record.item.options.coverage
        arms = record.item.arms
        if state is None:
            self.session = Session(scenario, record.item.options)
            self.strands = [_Strand(arm, ArmRecord()) for arm in arms]
            self.corpus = Corpus()
        else:
            self.session = resumed(
                scenario, record.item.options, read_checkpoint(state["checkpoint"])
            )
            self.strands = [
                _Strand(arm, ArmRecord.from_json(told), following)
                for arm, (told, following) in zip(arms, state["arms"], strict=True)
            ]
            self.corpus = Corpus.from_json(state["corpus"], corpus)

    def works(self, pieces: int, left: float) -> list[Value]:
        self.record.phase = GOING
        total = self.item.options.executions or 0
        left = min(left, total - self._given())
        if left <= 0 or self.over_time:
            self.most = 0
            return [self.finish()]
        size = PIECE
        if self.guided and self.record.served <= EARLY:
            size = min(PIECE, ALIGNED)
            pieces = min(pieces, len(self.strands) << self.record.served)
        works: list[Value] = []
        self.most = 0
        for strand, count in self._shares(min(pieces, -int(-left // size))):
            for _ in range(count):
                most = min(size, left - self.most, self._own(strand))
                if most > 0:
                    works.append(self._range(strand, int(most)))
                    self.most += int(most)
        return works

    def _given(self) -> int:
        """How many executions were given out, be it in vain."""
        return sum(strand.next for strand in self.strands)

    def _own(self, strand: _Strand) -> float:
        """How many executions there are for an arm."""
        return float("inf") if self.guided else strand.arm.executions - strand.next

    def _shares(self, pieces: int) -> list[tuple[_Strand, int]]:
        """How many of the next pieces each arm gets."""
        able = [
            strand
            for strand in self.strands
            if (self.corpus.entries if strand.arm.strategy == CORPUS else self._own(strand) > 0)
        ]
        if self.guided:
            counts = shares([strand.record for strand in able], pieces)
            return list(zip(able, counts, strict=True))
        each, more = divmod(pieces, len(able))
        return [(strand, each + (at < more)) for at, strand in enumerate(able)]

    def _range(self, strand: _Strand, most: int) -> Value:
        first, strand.next = strand.next, strand.next + most
        work = {
            "kind": RANGE,
            "arm": arm_told(strand.arm),
            "range": [first, strand.next],
            "lessons": lessons_of(self.session.judge),
            "known": sorted(self.corpus.known),
        }
        if strand.arm.strategy == CORPUS:
            work["parents"] = self.corpus.parents()
        return work

    def enter(self, work: Value, told: Value) -> None:
        if told is None:  # its executions are not made up for: they are said to be given up
            if work["kind"] == FINISH:
                self.fail("what says what it came to was given up")
            return
        if "result" in told:
            self._ended(told)
            return
        session = self.session
        absorb(session.make, session.judge, told["more"])
        arm = Arm(**work["arm"])
        strand = next(strand for strand in self.strands if strand.arm == arm)
        for schedule, features in told["fresh"]:
            self.corpus.admit(schedule, features, arm.name)
        strand.record.add(told["executions"], gained(told["fresh"], work["known"]))

    def finish(self) -> Value:
        return {"kind": FINISH, "checkpoint": self._checkpoint()}

    def _checkpoint(self) -> str:
        session = self.session
        session.begin({"first": session.result.executions})
        return checkpoint_text(session)

    def change(self) -> Change:
        if self.record.phase != GOING:
            change = self._change(None, self.corpus.entries)
            change.state = {"arms": self._arms()}  # for those who ask what each has given
            return change
        judge = self.session.judge
        self.record.executions = self.session.result.executions
        self.record.steps = self.session.result.steps
        self.record.covered = score_of(judge.covered())
        self.findings = findings_of(self.session)
        for strand in self.strands:
            strand.record.close()
        state = {
            "checkpoint": self._checkpoint(),
            "arms": self._arms(),
            "corpus": self.corpus.as_json(),
        }
        return self._change(state, self.corpus.entries)

    def _arms(self) -> list[Value]:
        return [[strand.record.as_json(), strand.next] for strand in self.strands]
