"""What is entered into a store is in it, once, for whoever opens it next."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from lockwright.campaign.identity import identity
from lockwright.campaign.item import Item
from lockwright.campaign.piece import DEATHS_MAX, Ended, Failure
from lockwright.campaign.record import DONE, GOING, Change, CorpusEntry, Found, GivenUp, Record
from lockwright.campaign.store import Store
from lockwright.core.errors import InternalError
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.schedule import schedule_text
from lockwright.judge import cost
from tests.campaign.stores import (
    DIED,
    EXPECTED,
    HEAD,
    History,
    contents,
    finding,
    items,
    piece,
    result,
    told,
)

ITEMS = items()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "night.db", HEAD, ITEMS) as made:
        yield made


def enter(store: Store, ordinal: int, said: Value, *, item: Item = ITEMS[0]) -> None:
    store.enter(Ended(piece(item, ordinal, store.generation), said))


def die(store: Store, ordinal: int, why: Failure = DIED) -> int:
    return store.enter_death(Ended(piece(ITEMS[0], ordinal, store.generation), failure=why))


def test_a_new_store_has_its_campaign_and_items_and_nothing_done(store: Store) -> None:
    assert store.head == HEAD
    assert (store.generation, store.seconds) == (0, 0.0)
    assert store.records() == [Record(item) for item in ITEMS]
    assert (store.ended(), store.deaths(), store.given_up(), store.findings()) == ({}, {}, [], [])
    assert [store.state(item.number) for item in ITEMS] == [None] * 3
    assert [store.corpus(item.number) for item in ITEMS] == [[]] * 3


def test_an_item_comes_back_with_what_it_is_expected_to_end_with(store: Store) -> None:
    assert [record.item.expected for record in store.records()] == [(), (EXPECTED,), ()]


def test_a_piece_is_there_for_the_next_who_opens_the_store(store: Store) -> None:
    said = told(3, finding("s"))
    enter(store, 5, said)
    store.close()
    with Store.open(store.path, write=True) as again:
        assert again.ended() == {5: said}


def test_a_piece_that_is_entered_twice_counts_as_it_was_first(store: Store) -> None:
    enter(store, 0, told(3))
    enter(store, 0, told(4))
    assert store.ended() == {0: told(3)}


def test_a_piece_of_a_closed_generation_changes_nothing(store: Store) -> None:
    late = piece(ITEMS[0], 0, store.generation)
    store.close_generation([], 1.0)
    store.enter(Ended(late, told(3)))
    assert store.enter_death(Ended(late, failure=DIED)) == 0
    assert (store.ended(), store.deaths()) == ({}, {})


def test_a_piece_of_a_generation_to_come_is_our_mistake(store: Store) -> None:
    with pytest.raises(InternalError, match=r"^a piece of generation 1 while 0 is open$"):
        store.enter(Ended(piece(ITEMS[0], 0, 1), told(1)))


def test_deaths_are_counted_by_piece_and_keep_their_reasons(store: Store) -> None:
    late = Failure("late", "took more than 300 s")
    assert [die(store, 0), die(store, 1), die(store, 0, late)] == [1, 1, 2]
    assert store.deaths() == {0: [DIED, late], 1: [DIED]}


def test_a_death_of_a_piece_that_is_done_changes_nothing(store: Store) -> None:
    die(store, 0)
    enter(store, 0, told(1))
    assert die(store, 0) == 1
    assert store.deaths() == {0: [DIED]}


def test_a_piece_is_given_up_after_its_last_try_and_stays_so(store: Store) -> None:
    tries = [die(store, 2) for _ in range(DEATHS_MAX)]
    gone = [GivenUp(ITEMS[0].name, "range", (DIED,) * DEATHS_MAX)]
    assert tries == [1, 2, 3]
    assert store.given_up() == gone
    store.close_generation([], 0.0)
    assert (store.deaths(), store.given_up()) == ({}, gone)


def test_who_died_and_was_explored_after_all_is_not_given_up(store: Store) -> None:
    die(store, 0)
    die(store, 0)
    enter(store, 0, told(1))
    die(store, 1)
    for _ in range(DEATHS_MAX):
        die(store, 2)
    enter(store, 2, told(1))  # one that was taken for dead
    assert store.given_up() == []
    store.close_generation([], 0.0)
    assert store.given_up() == []


def test_closing_a_generation_replaces_what_is_said_and_leaves_the_rest(store: Store) -> None:
    one, two = (Record(ITEMS[n], GOING, 1, 10, 20, 3, 0.5) for n in (0, 1))
    entry = CorpusEntry("0.1", (3, 9), "pct:1")
    enter(store, 0, told(1))
    store.close_generation(
        [Change(one, {"a": [1, None]}, [finding("s")], [entry]), Change(two, [0])], 2.0
    )
    store.close_generation([Change(replace(one, served=2))], 3.0)
    assert (store.generation, store.seconds, store.ended()) == (2, 5.0, {})
    assert [record.served for record in store.records()] == [2, 1, 0]
    assert [store.state(n) for n in range(3)] == [None, [0], None]
    assert store.corpus(0) == [entry]
    assert [found.identity for found in store.findings()] == [identity(finding("s"))]
    store.close_generation([Change(one, None, [], [])], 0.0)
    assert (store.corpus(0), store.findings()) == ([], [])


def test_a_closed_generation_is_closed_whole_or_not_at_all(store: Store) -> None:
    enter(store, 0, told(1))
    before = contents(store)
    unknown = Record(replace(ITEMS[0], number=9))
    with pytest.raises(InternalError, match=r"night\.db: FOREIGN KEY constraint failed$"):
        store.close_generation([Change(Record(ITEMS[0], DONE)), Change(unknown)], 1.0)
    assert contents(store) == before


def test_a_result_that_is_noted_is_read_back_whole(store: Store) -> None:
    ended = result(ITEMS[1], finding("s"))
    store.note(Record(ITEMS[1], GOING, failure="who knows", result=ended))
    record = store.records()[1]
    assert record.result is not None
    assert record.result.as_json() == ended.as_json()
    assert record.failure == "who knows"
    assert store.records(results=False)[1].result is None
    store.note(Record(ITEMS[1], GOING))
    assert store.records()[1] == Record(ITEMS[1], GOING)


def test_a_corpus_is_replaced_as_a_whole(store: Store) -> None:
    entries = [CorpusEntry(f"{n}x0", (n, 2**32 - 1), "random:1") for n in range(1, 4)]
    store.replace_corpus(2, entries)
    store.replace_corpus(1, entries[:1])
    store.replace_corpus(2, entries[1:])
    assert [store.corpus(n) for n in range(3)] == [[], entries[:1], entries[1:]]


def test_one_thing_found_in_two_items_is_one_with_the_shortest_schedule(store: Store) -> None:
    long, short = finding("s", "0.1.0.1", 5), finding("s", "3x0.1", 2)
    changes = [Change(Record(item), None, [found]) for item, found in zip(ITEMS, (long, short))]  # noqa: B905  # the third has none
    store.close_generation(changes, 0.0)
    counts = {ITEMS[0].name: 5, ITEMS[1].name: 2}
    assert store.findings() == [Found(identity(short), short, 7, counts)]


def test_what_a_piece_has_found_is_there_before_its_generation_is_closed(store: Store) -> None:
    store.close_generation([Change(Record(ITEMS[0]), None, [finding("s", "0.1.0", 5)])], 0.0)
    enter(store, 0, told(9, finding("s", "0.1", 2), finding("t", "0", 1)))
    [first, second] = store.findings()
    assert (first.executions, schedule_text(first.finding.schedule)) == (7, "0.1")
    assert (second.identity, second.executions) == ("deadlock: t", 1)


def test_a_piece_that_tells_of_all_of_its_item_is_not_counted_twice(store: Store) -> None:
    store.close_generation([Change(Record(ITEMS[0]), None, [finding("s", "0.1.0", 5)])], 0.0)
    whole = piece(ITEMS[0], 0, store.generation, "slice")
    store.enter(Ended(whole, told(9, finding("s", "0.1.0", 8))))
    assert [found.executions for found in store.findings()] == [8]


def test_a_shorter_schedule_replaces_a_finding_and_that_of_the_result(store: Store) -> None:
    record = Record(ITEMS[1], DONE, result=result(ITEMS[1], finding("t"), finding("s", "0.1.0.1")))
    found = [finding("t"), finding("s", "0.1.0.1", 3)]
    store.close_generation([Change(record, None, found)], 0.0)
    store.replace_finding(1, finding("s", "0.1", 3))
    texts = [schedule_text(found.finding.schedule) for found in store.findings()]
    assert texts == ["2x0.1", "0.1"]
    ended = store.records()[1].result
    assert ended is not None
    assert [schedule_text(each.schedule) for each in ended.findings] == ["2x0.1", "0.1"]
    with pytest.raises(InternalError, match=r"^item 0 has no finding \('deadlock', 's'\)"):
        store.replace_finding(0, finding("s"))


def test_who_reads_sees_one_moment_and_nobody_waits(store: Store) -> None:
    with Store.open(store.path) as reader:
        with reader.snapshot():
            before = contents(reader)
            for step in History(3).steps:
                step(store)
            assert contents(reader) == before
        assert contents(reader) == contents(store)
        with reader.snapshot():
            reader.records()
            store.close()  # while somebody reads
        assert reader.generation == 3


def test_whoever_reads_meanwhile_sees_whole_generations(store: Store) -> None:
    def write() -> None:
        for at in range(30):
            enter(store, 0, told(at))
            records = [Record(item, GOING, at + 1) for item in ITEMS]
            store.close_generation([Change(record, [at]) for record in records], 1.0)

    seen: set[int] = set()
    with ThreadPoolExecutor(1) as pool, Store.open(store.path) as reader:
        writing = pool.submit(write)
        while not writing.done() or 30 not in seen:
            with reader.snapshot():
                at = reader.generation
                assert reader.seconds == at
                assert {record.served for record in reader.records()} == {at}
                assert reader.state(2) == ([at - 1] if at else None)
                assert reader.ended() in ({}, {0: told(at)})
            seen.add(at)
        writing.result()
    assert len(seen) > 2


def test_threads_may_enter_at_once(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda at: enter(store, at, told(at)), range(60)))
    assert store.ended() == {at: told(at) for at in range(60)}


def test_all_of_a_closed_store_is_in_the_one_file(store: Store, tmp_path: Path) -> None:
    for step in History(2).steps:
        step(store)
    expected = contents(store)
    with Store.open(store.path):
        store.close()
        copy = tmp_path / "copy.db"
        copy.write_bytes(store.path.read_bytes())
        with Store.open(copy) as copied:
            assert contents(copied) == expected


def test_a_commit_is_on_disk_before_it_is_acknowledged(store: Store) -> None:
    # what no test can see that does not cut the power
    asked = ("journal_mode", "synchronous", "foreign_keys")
    said = [store._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
    full = 2
    assert said == ["wal", full, 1]


def test_who_opened_it_to_read_cannot_write(store: Store) -> None:
    with (
        Store.open(store.path) as reader,
        pytest.raises(InternalError, match=r"night\.db was opened to read$"),
    ):
        reader.close_generation([], 0.0)


def test_a_snapshot_is_not_written_in(store: Store) -> None:
    before = contents(store)
    with (
        store.snapshot(),
        pytest.raises(InternalError, match=r"night\.db is written within a snapshot of it$"),
    ):
        store.close_generation([], 1.0)
    assert contents(store) == before


NUMBERS = st.integers(0, len(ITEMS) - 1)
ORDINALS = st.integers(0, 3)
SCHEDULES = st.sampled_from(("0", "0.1", "0.1.0", "2x0.1", "0.1.0.1"))
FINDINGS = st.builds(finding, st.sampled_from("abc"), SCHEDULES, st.integers(1, 9))
DISTINCT = st.lists(FINDINGS, max_size=3, unique_by=lambda each: each.signature)
JSON = st.none() | st.recursive(
    st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ENTRIES = st.lists(
    st.builds(CorpusEntry, SCHEDULES, st.tuples(st.integers(0, 2**32 - 1)), st.text(max_size=5)),
    max_size=3,
)


class StoreMachine(RuleBasedStateMachine):
    """A store beside dictionaries that say what is to be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.store = Store.create(Path(self.directory.name) / "m.db", HEAD, ITEMS)
        self.generation, self.seconds = 0, 0.0
        self.records: dict[int, Record] = {item.number: Record(item) for item in ITEMS}
        self.states: dict[int, Value] = {}
        self.corpora: dict[int, list[CorpusEntry]] = {}
        self.found: dict[int, list[Finding]] = {}
        self.told: dict[int, tuple[int, Value]] = {}
        self.deaths: dict[int, list[Failure]] = {}
        self.gone: list[GivenUp] = []

    def teardown(self) -> None:
        self.store.close()
        self.directory.cleanup()

    @rule(ordinal=ORDINALS, findings=DISTINCT, back=st.integers(0, 1))
    def enter(self, ordinal: int, findings: list[Finding], back: int) -> None:
        said = told(1, *findings)
        item = ITEMS[ordinal % 3]
        self.store.enter(Ended(piece(item, ordinal, self.generation - back), said))
        if not back:
            self.told.setdefault(ordinal, (item.number, said))

    @rule(ordinal=ORDINALS, text=st.text())
    def die(self, ordinal: int, text: str) -> None:
        failure = Failure("error", text)
        at = piece(ITEMS[ordinal % 3], ordinal, self.generation)
        tries = self.store.enter_death(Ended(at, failure=failure))
        if ordinal not in self.told:
            self.deaths.setdefault(ordinal, []).append(failure)
        assert tries == len(self.deaths.get(ordinal, ()))

    @rule(
        states=st.dictionaries(NUMBERS, JSON),
        findings=st.dictionaries(NUMBERS, DISTINCT),
        corpora=st.dictionaries(NUMBERS, ENTRIES),
        seconds=st.floats(0, 1e6),
    )
    def close(
        self,
        states: dict[int, Value],
        findings: dict[int, list[Finding]],
        corpora: dict[int, list[CorpusEntry]],
        seconds: float,
    ) -> None:
        changes = []
        for number in {**states, **findings, **corpora}:
            record = replace(self.records[number], phase=GOING, served=self.generation)
            self.records[number] = record
            state = self.states[number] = states.get(number)
            self.found[number] = findings.get(number, self.found.get(number, []))
            self.corpora[number] = corpora.get(number, self.corpora.get(number, []))
            changes.append(Change(record, state, findings.get(number), corpora.get(number)))
        self.store.close_generation(changes, seconds)
        self.gone = self.all_gone()
        self.told, self.deaths = {}, {}
        self.generation, self.seconds = self.generation + 1, self.seconds + seconds

    @rule(number=NUMBERS, text=st.text(), findings=DISTINCT)
    def note(self, number: int, text: str, findings: list[Finding]) -> None:
        record = Record(ITEMS[number], DONE, failure=text, result=result(ITEMS[number], *findings))
        self.records[number] = record
        self.store.note(record)

    @rule(number=NUMBERS, entries=ENTRIES)
    def replace_corpus(self, number: int, entries: list[CorpusEntry]) -> None:
        self.corpora[number] = entries
        self.store.replace_corpus(number, entries)

    @rule(found=FINDINGS, number=NUMBERS)
    def replace_finding(self, number: int, found: Finding) -> None:
        mine = self.found.get(number, [])
        if found.signature in [each.signature for each in mine]:
            self.store.replace_finding(number, found)
            self.found[number] = [found if f.signature == found.signature else f for f in mine]
            if (ended := self.records[number].result) is not None:
                ended.findings = [
                    found if f.signature == found.signature else f for f in ended.findings
                ]

    @rule(write=st.booleans())
    def reopen(self, write: bool) -> None:
        self.store.close()
        path = self.store.path
        if not write:
            with Store.open(path) as reader:
                assert contents(reader)["generation"] == self.generation
        self.store = Store.open(path, write=True)

    def all_gone(self) -> list[GivenUp]:
        return self.gone + [
            GivenUp(ITEMS[at % 3].name, "range", tuple(deaths))
            for at, deaths in sorted(self.deaths.items())
            if len(deaths) >= DEATHS_MAX and at not in self.told
        ]

    def all_found(self) -> dict[str, tuple[int, str, dict[str, int]]]:
        """By identity: executions, the best schedule, and the executions by item."""
        seen = [(n, each) for n in sorted(self.found) for each in self.found[n]]
        for _, (number, said) in sorted(self.told.items()):
            seen += [
                (number, Finding.from_json({**data, "report": None})) for data in said["findings"]
            ]
        found = {}
        for what in {identity(each) for _, each in seen}:
            mine = [(n, each) for n, each in seen if identity(each) == what]
            best = min(mine, key=lambda pair: (*cost(pair[1].schedule), pair[0]))[1]
            counts = {
                ITEMS[n].name: sum(each.executions for m, each in mine if m == n)
                for n in {n for n, _ in mine}
            }
            found[what] = (sum(counts.values()), schedule_text(best.schedule), counts)
        return found

    @invariant()
    def agree(self) -> None:
        now, numbers = contents(self.store), range(len(ITEMS))
        assert (now["generation"], now["seconds"]) == (self.generation, self.seconds)
        expected = [self.records[n] for n in numbers]
        assert [record for record, _ in now["records"]] == [
            replace(r, result=None) for r in expected
        ]
        results = [None if r.result is None else r.result.as_json() for r in expected]
        assert [ended for _, ended in now["records"]] == results
        assert now["states"] == [self.states.get(n) for n in numbers]
        assert now["corpora"] == [self.corpora.get(n, []) for n in numbers]
        assert now["ended"] == {at: said for at, (_, said) in self.told.items()}
        assert now["told"] == [told_of for _, told_of in sorted(self.told.items())]
        assert now["found"] == [self.found.get(n, []) for n in numbers]
        assert now["deaths"] == self.deaths
        assert now["given up"] == self.all_gone()
        found = {
            what: (count, data["schedule"], dict(by_item))
            for what, data, count, by_item in now["findings"]
        }
        assert found == self.all_found()


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    deadline=None, max_examples=8, stateful_step_count=12, derandomize=True
)


@pytest.mark.slow
def test_a_store_and_its_model_agree_for_long() -> None:
    run_state_machine_as_test(
        StoreMachine, settings=settings(deadline=None, max_examples=150, stateful_step_count=30)
    )
