"""Stores for tests: small campaigns, all that is in a store, and a long history to cut short.

`python -m tests.campaign.stores FILE` is for the tests that kill: for each line `FIRST COUNT` of
its input it forks a process that applies those steps of the history to the store, and writes an
`A` when a step is done; its own line says the process's id first.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from lockwright.campaign.item import Arm, Item
from lockwright.campaign.piece import Ended, Failure, Piece
from lockwright.campaign.plan import Expectation
from lockwright.campaign.record import Change, CorpusEntry, Head, Record
from lockwright.campaign.store import Store
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.result import Result, Verdict
from lockwright.core.schedule import parse_schedule, schedule_text
from lockwright.options import Options

HEAD = Head("night", 'name = "night"\n', "abc123", "0.5.0", "coverage")
EXPECTED = Expectation("eventfs/v3:s1", {"files": "2"}, "dpor", "violated", findings=("deadlock",))
DIED = Failure("died", "SIGKILL")
Step = Callable[[Store], object]


def items(count: int = 3) -> list[Item]:
    """Some items: the first is sampled, the second expected to end with something."""
    made = [Item(at, f"eventfs/v3:s{at}", (("files", "2"),), Options()) for at in range(count)]
    made[0] = replace(made[0], arms=(Arm("random", 1, 100), Arm("pct", 2, 100, 5)))
    if count > 1:
        made[1] = replace(made[1], expected=(EXPECTED,))
    return made


def finding(
    signature: str, schedule: str = "2x0.1", executions: int = 1, kind: str = "deadlock"
) -> Finding:
    """A finding with nothing but what a store reads."""
    steps = tuple(parse_schedule(schedule))
    return Finding(kind, signature, signature, 0, "", executions=executions, schedule=steps)


def piece(item: Item, ordinal: int, generation: int = 0, kind: str = "range") -> Piece:
    """A piece of a campaign."""
    return Piece(generation, ordinal, item, {"kind": kind})


def told(executions: int, *findings: Finding, more: str = "") -> Value:
    """What a piece found."""
    found = [each.as_json() for each in findings]
    return {"executions": executions, "findings": found, "more": more}


def result(item: Item, *findings: Finding) -> Result:
    """What an item ended with."""
    return Result(
        *(item.scenario, "A title.", {"files": 2}, item.strategy),
        verdict=Verdict.VIOLATED if findings else Verdict.VERIFIED,
        complete=True,
        executions=7,
        findings=list(findings),
        outcomes={"a": 3, "b": 4},
    )


def contents(store: Store) -> Value:
    """All that can be read of a store, for comparing."""
    with store.snapshot():
        return {
            "head": store.head,
            "generation": store.generation,
            "seconds": store.seconds,
            "records": [_plain(record) for record in store.records()],
            "states": [store.state(record.item.number) for record in store.records()],
            "corpora": [store.corpus(record.item.number) for record in store.records()],
            "ended": store.ended(),
            "told": store.told(),
            "found": [store.findings_of(record.item.number) for record in store.records()],
            "deaths": store.deaths(),
            "given up": store.given_up(),
            "findings": [
                (each.identity, each.finding.as_json(), each.executions, each.items)
                for each in store.findings()
            ],
        }


def _plain(record: Record) -> Value:
    ended = None if record.result is None else record.result.as_json()
    return replace(record, result=None), ended


class History:
    """What one campaign does to its store, step by step; the same for the same seed.

    Generations of four pieces, of which some die first and some are given up; what they tell is of
    all sizes, and hardly shorter when compressed.
    """

    PIECES = 4

    def __init__(self, generations: int, seed: int = 0) -> None:
        self.chance = random.Random(f"history {seed}")
        self.items = items()
        self.steps: list[Step] = []
        for generation in range(generations):
            for ordinal in range(self.PIECES):
                self._try(generation, ordinal)
            self._close(generation)

    def _try(self, generation: int, ordinal: int) -> None:
        chance, mine = self.chance, self.items[ordinal % len(self.items)]
        at = piece(mine, ordinal, generation)
        deaths = chance.choice((0, 0, 0, 1, 3))
        for _ in range(deaths):
            self.steps.append(lambda store: store.enter_death(Ended(at, failure=DIED, seconds=1.5)))
        if deaths < 3:
            size = chance.choice((10, 1000, 20_000))
            found = finding(f"sig {chance.randrange(5)}", f"{chance.randrange(1, 9)}x0.1")
            said = told(chance.randrange(99), found, more=chance.randbytes(size).hex())
            self.steps.append(lambda store: store.enter(Ended(at, said, seconds=2.0, who="w1")))

    def _close(self, generation: int) -> None:
        chance, changes = self.chance, []
        for item in self.items:
            found = [finding(f"sig {n}", executions=generation + 1) for n in range(item.number + 1)]
            record = Record(item, "going", generation + 1, 10 * generation, 7, 3, 0.5 * generation)
            if generation % 3 == item.number:
                record.phase, record.result = "done", result(item, *found)
            entries = [CorpusEntry("0.1", (1, generation), "random:1")] * chance.randrange(4)
            state = {"next": generation, "noise": chance.randbytes(chance.randrange(9000)).hex()}
            changes.append(Change(record, chance.choice((state, None)), found, entries))
        self.steps.append(lambda store: store.close_generation(changes, 1.25))


def prefixes(path: Path, steps: Sequence[Step], *, made: Sequence[Item]) -> list[Value]:
    """What is in an undisturbed store before the first step, and after each."""
    with Store.create(path, HEAD, made) as store:
        found = [contents(store)]
        for step in steps:
            step(store)
            found.append(contents(store))
    return found


def shortest(schedules: Sequence[str]) -> str:
    """The schedule with the fewest steps, as text."""
    return schedule_text(min((parse_schedule(text) for text in schedules), key=len))


def _apply(path: Path, generations: int, first: int, count: int) -> None:
    steps = History(generations).steps[first : first + count]
    store = Store.open(path, write=True)
    for step in steps:
        step(store)
        os.write(1, b"A")
    os.write(1, b"E")
    os._exit(0)  # the store is not closed: the log stays as it is


def _serve(path: Path, generations: int) -> None:
    for line in sys.stdin:
        first, count = map(int, line.split())
        if child := os.fork():
            os.write(1, f"{child}\n".encode())
            os.waitpid(child, 0)
            os.write(1, b"\n")
        else:
            _apply(path, generations, first, count)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
