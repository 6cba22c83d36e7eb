"""A store stays small, however long its campaign goes on."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from lockwright.campaign.item import Item
from lockwright.campaign.piece import Ended
from lockwright.campaign.record import GOING, Change, CorpusEntry, Record
from lockwright.campaign.store import Store
from lockwright.core.schedule import schedule_text
from tests.campaign.stores import HEAD, finding, items, piece, result, told

GENERATION = 64
MEGABYTE = 2**20


class Campaign:
    """A campaign that is made up: its pieces tell what real ones do, of the same lengths.

    `largest` is the most that the store had on disk at any moment, log and all.
    """

    def __init__(self, path: Path, count: int) -> None:
        self.chance = random.Random(1)
        self.items = items(count)
        self.store = Store.create(path, HEAD, self.items)
        self.corpora: list[list[CorpusEntry]] = [[] for _ in self.items]
        self.largest = 0

    def schedule(self) -> str:
        """About a hundred steps of three tasks."""
        chance = self.chance
        return schedule_text([(chance.randrange(3), 0) for _ in range(chance.randrange(60, 140))])

    def generation(self) -> None:
        """One generation: pieces of 5 to 20 KB, then all items with their states and corpora."""
        number = self.store.generation
        for ordinal in range(GENERATION):
            mine = self.items[ordinal % len(self.items)]
            size = self.chance.randrange(5, 20)
            noise = self.chance.randbytes(size * 300).hex()  # JSON of ours gets as short as this
            said = told(1000, finding(f"sig {ordinal % 4}", self.schedule()), more=noise * 2)
            self.store.enter(Ended(piece(mine, ordinal, number), said, seconds=20.0, who="w1"))
            self.look()
        self.store.close_generation([self.change(item, number) for item in self.items], 600.0)
        self.look()

    def change(self, item: Item, number: int) -> Change:
        corpus = self.corpora[item.number]
        for _ in range(20):
            features = tuple(sorted(self.chance.sample(range(2**32), 8)))
            corpus.append(CorpusEntry(self.schedule(), features, "random:1"))
        del corpus[:-200]
        found = [finding(f"sig {n}", self.schedule(), 1000 * number) for n in range(4)]
        outcomes = {f"outcome {n}": n for n in range(100)}
        ended = replace(result(item, *found), outcomes=outcomes)
        record = Record(item, GOING, number + 1, 1000 * number, 9**9, 300, 0.0, result=ended)
        state = {"known": [self.chance.randrange(2**32) for _ in range(3000)]}
        return Change(record, state, found, corpus)

    def look(self) -> None:
        path = self.store.path
        sizes = [Path(f"{path}{end}") for end in ("", "-wal", "-shm")]
        self.largest = max(self.largest, sum(file.stat().st_size for file in sizes))


def test_generation_after_generation_takes_the_place_of_the_last(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path / "night.db", 4)
    sizes = []
    for _ in range(12):
        campaign.generation()
        sizes.append(campaign.store.path.stat().st_size)
    campaign.store.close()
    assert campaign.largest < 8 * MEGABYTE
    assert MEGABYTE / 4 < sizes[-1] < 1.5 * sizes[5]


def test_a_log_that_was_long_once_is_cut(tmp_path: Path) -> None:
    noise = random.Random(2).randbytes(6 * MEGABYTE).hex()
    path = tmp_path / "night.db"
    with Store.create(path, HEAD, items()) as store:
        log = Path(f"{path}-wal")
        store.close_generation([Change(Record(items()[0]), noise)], 0.0)
        assert log.stat().st_size > 5 * MEGABYTE
        store.close_generation([], 0.0)
        assert log.stat().st_size <= 4 * MEGABYTE


@pytest.mark.slow
def test_a_campaign_of_a_million_executions_stays_under_a_hundred_megabytes(
    tmp_path: Path,
) -> None:
    campaign = Campaign(tmp_path / "night.db", 60)
    for _ in range(16):  # of 64 pieces of 1,000 executions
        campaign.generation()
    campaign.store.close()
    assert campaign.largest < 25 * MEGABYTE


@pytest.mark.slow
def test_nor_does_the_log_grow_while_somebody_reads(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path / "night.db", 4)
    for _ in range(20):
        campaign.generation()
        with Store.open(campaign.store.path) as reader:
            reader.records()
    campaign.store.close()
    assert campaign.largest < 15 * MEGABYTE
