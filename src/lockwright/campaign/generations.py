"""A campaign, generation by generation: what is to be done next, and what is known by now.

Everything here is a function of what the store holds: a campaign that was killed makes the same
generation again, of which some pieces are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from lockwright.campaign.conductor import Conductor, Exhaustive
from lockwright.campaign.piece import DEATHS_MAX, ERROR, Ended, Failure, Piece
from lockwright.campaign.plan import Plan
from lockwright.campaign.record import GOING, TODO, Change, Record
from lockwright.campaign.sampled import Sampled
from lockwright.campaign.store import Store
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.project import Project

WIDTH = 64
"""So many items are explored at once, those first that had the fewest generations; and so many
pieces make a generation, or a few more."""
KEPT = 2 * WIDTH
"""So many conductors are kept; another one is made anew when its item's turn comes."""
EXPLORED, EXECUTIONS, FINDINGS = "explored", "executions", "findings"
"""Why there is no further generation."""


class Generations:
    """Invariant: `pieces` are those of the open generation, of which the first `entered` were
    entered with their conductors; `told` has what was found in others of them, by ordinal, and for
    those that were given up None, or why if that ends the item.  `records` are as of the last
    generation that was closed.
    """

    def __init__(self, store: Store, plan: Plan, project: Project) -> None:
        self.store = store
        self.plan = plan
        self.project = project
        self.records = store.records()
        self.conductors: dict[int, Conductor] = {}
        self.pieces: list[Piece] = []
        self.told: dict[int, Value] = {}
        self.turn: list[int] = []
        self.entered = 0

    def begin(self) -> str:
        """Make the pieces of the next generation; returns why there is none, or ""."""
        self.pieces, self.told, self.entered = [], {}, 0
        if stop := self._stopped():
            return stop
        live = [record for record in self.records if record.phase in (TODO, GOING)]
        first = sorted(live, key=lambda record: (record.served, record.item.number))[:WIDTH]
        if not first:
            return EXPLORED
        self.turn, left = [], self._left()
        for number in sorted(record.item.number for record in first):
            if left > 0:
                self.turn.append(number)
                left -= self._give(number, max(WIDTH // len(first), 1), left)
        for at, failures in self.store.deaths().items():
            if given_up(failures):
                self.told[at] = _vain(failures)
        self.told.update(self.store.ended())
        self._advance()
        return ""

    def _stopped(self) -> str:
        if self._left() <= 0:
            return EXECUTIONS
        most = self.plan.stop.findings
        return FINDINGS if most is not None and len(self.store.findings()) >= most else ""

    def _left(self) -> float:
        most = self.plan.stop.executions
        return inf if most is None else most - sum(record.executions for record in self.records)

    def _give(self, number: int, pieces: int, left: float) -> int:
        """Give out an item's next pieces; returns how many executions they can have at most."""
        conductor = self.conductor(number)
        conductor.record.served += 1
        try:
            works = conductor.works(pieces, left)
        except Exception as error:  # the model's own, say: it is the item's, not the campaign's
            conductor.fail(said(error))
            return 0
        generation, item = self.store.generation, conductor.item
        for work in works:
            self.pieces.append(Piece(generation, len(self.pieces), item, work))
        return conductor.most

    def conductor(self, number: int) -> Conductor:
        """The conductor of an item, made anew if it was let go."""
        conductor = self.conductors.pop(number, None)
        if conductor is None:
            conductor = self._made(self.records[number])
        self.conductors[number] = conductor  # the last ones are those used last
        return conductor

    def _made(self, record: Record) -> Conductor:
        item = record.item
        try:
            state, scenario = self.store.state(item.number), item.made(self.project)
            if not item.arms:
                return Exhaustive(record, scenario, state)
            return Sampled(record, scenario, state, self.store.corpus(item.number))
        except Exception as error:
            return Hopeless(record, said(error))

    @property
    def todo(self) -> list[Piece]:
        """The pieces that are not done."""
        return [piece for piece in self.pieces if piece.ordinal not in self.told]

    def enter(self, ended: Ended) -> None:
        """A piece is done: commit it."""
        self.store.enter(ended)
        self._known(ended, ended.told)

    def died(self, ended: Ended) -> tuple[int, bool]:
        """A try at a piece has failed: commit that.  Returns the how manyth try it was, and whether
        the piece is given up."""
        tries = self.store.enter_death(ended)
        failures = self.store.deaths().get(ended.piece.ordinal, [])
        over = given_up(failures)
        if over:
            self._known(ended, _vain(failures))
        return tries, over

    def _known(self, ended: Ended, told: Value) -> None:
        self.told[ended.piece.ordinal] = told
        self.conductors[ended.piece.item.number].record.seconds += ended.seconds
        self._advance()

    def _advance(self) -> None:
        """Enter what is known with the conductors, in the order of the pieces."""
        while self.entered in self.told:
            piece, told = self.pieces[self.entered], self.told[self.entered]
            self.told[self.entered] = None
            self.entered += 1
            conductor = self.conductors[piece.item.number]
            try:
                if isinstance(told, str):
                    conductor.fail(told)
                else:
                    conductor.enter(piece.work, told)
            except Exception as error:
                conductor.fail(said(error))

    def close(self, seconds: float) -> None:
        """All pieces are done: close the generation."""
        changes = [self._change(self.conductors[number]) for number in self.turn]
        self.store.close_generation(changes, seconds)
        for change in changes:
            number = change.record.item.number
            self.records[number] = replace(change.record)
            if change.record.phase not in (TODO, GOING):
                del self.conductors[number]
        for number in list(self.conductors)[:-KEPT]:
            del self.conductors[number]

    def _change(self, conductor: Conductor) -> Change:
        try:
            return conductor.change()
        except Exception as error:
            conductor.fail(said(error))
            return Change(conductor.record)

    def unfinished(self) -> list[Piece]:
        """What says what the items have come to that have not ended, when no more is explored.

        These pieces are of no generation.
        """
        pieces: list[Piece] = []
        self.conductors.clear()
        for record in self.records:
            if record.phase == GOING and (work := self.conductor(record.item.number).finish()):
                pieces.append(Piece(-1, len(pieces), record.item, work))
        return pieces

    def note(self, ended: Ended) -> None:
        """Keep what an item has come to that has not ended."""
        number = ended.piece.item.number
        result = Result.from_json(ended.told["result"])
        self.records[number] = record = replace(self.records[number], result=result)
        self.store.note(record)


class Hopeless(Conductor):
    """Of an item that cannot be begun, or gone on with."""

    def __init__(self, record: Record, why: str) -> None:
        self.record, self.most, self.findings = replace(record), 0, None
        self.fail(why)

    def works(self, pieces: int, left: float) -> list[Value]:
        return []

    def finish(self) -> Value:
        return None

    def change(self) -> Change:
        return Change(self.record)


def given_up(failures: Sequence[Failure]) -> bool:
    """Is a piece to be tried no more?  What an exception ended, another try would end as well."""
    return len(failures) >= DEATHS_MAX or any(failure.kind == ERROR for failure in failures)


def _vain(failures: Sequence[Failure]) -> str | None:
    """What is known of a piece that was given up: an error, which is its item's."""
    return next((failure.text for failure in failures if failure.kind == ERROR), None)


def said(error: Exception) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")
