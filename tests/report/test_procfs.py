"""The kernel's dumps as people send them, and back from what a validator of ours prints."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.lockdep import Validator
from lockwright.report.kernel.procfs import lockdep, lockdep_chains, lockdep_stats
from lockwright.report.read.dump import ChainEntry, ClassEntry, Point, Statistic, implied_edges
from lockwright.report.read.procfs import is_dump, read_dump
from tests.lockdep.tasks import Locker

LOCKDEP = """\
all lock classes:
00000000f2ab3a63 FD:   38 BD:    1 ....: (console_sem).lock
 -> [00000000b1d0c2aa] &p->pi_lock
 -> [0000000037f6e1c8] (work_completion)(&(&x->w)->work)

00000000b1d0c2aa FD:    7 BD:   30 -.-.: &p->pi_lock

"""

CHAINS = """\
all lock chains:
irq_context: 0
[00000000f2ab3a63] cgroup_mutex

irq_context: softirq
[00000000b1d0c2aa] &a->lock
[0000000037f6e1c8] &b->lock#2/1

irq_context: hardirq|softirq
[00000000b1d0c2aa] &a->lock

"""

RULER = "-" * 221
COLUMNS = (
    *("con-bounces", "contentions", "waittime-min", "waittime-max", "waittime-total"),
    *("waittime-avg", "acq-bounces", "acquisitions", "holdtime-min", "holdtime-max"),
    *("holdtime-total", "holdtime-avg"),
)
OLD_COLUMNS = tuple(name for name in COLUMNS if not name.endswith("-avg"))


def table_row(name: str, *values: str) -> str:
    """A line of lock_stat, as seq_stats() pads it."""
    return f"{name:>40}" + "".join(f" {value:>14}" for value in values)


def point(name: str, count: int, address: str, symbol: str) -> str:
    """A line of lock_stat below a row."""
    return f"{name:>40} {count:>14} {f'[<{address}>]':>29} {symbol}"


WRITES = (3, 7, "0.31", "12.50", "40.10", "5.72", 11, 900, "0.05", "77.77", "1234.56", "1.37")
READS = (2, 9, "1.25", "8.00", "30.00", "3.33", 55, 8000, "0.02", "9.99", "4321.00", "0.54")
LOCK_STAT = "\n".join(
    [
        "lock_stat version 0.4",
        RULER,
        table_row("class name", *COLUMNS),
        RULER,
        "",
        table_row("&box->sem-W:", *map(str, WRITES)),
        table_row("&box->sem-R:", *map(str, READS)),
        table_row("-" * 9),
        point("&box->sem", 1, "ffffffff81150001", "box_scan+0x57/0x280"),
        point("&box->sem", 15, "ffffffff81530002", "box_fault+0x1d4/0x510"),
        table_row("-" * 9),
        point("&box->sem", 16, "ffffffff81120003", "box_copy+0xcf/0x5c0 [box]"),
        "",
        "." * 221,
        "",
        table_row("box: its lock#2/1:", "0", "0", "0.00", *"111111111"),
        "",
    ]
)


def test_the_classes_of_a_dump_are_read_with_their_direct_dependencies() -> None:
    dump = read_dump(LOCKDEP)
    assert dump.sections == ["lockdep"]
    assert dump.problems == []
    assert dump.classes == [
        ClassEntry(
            *(2, "00000000f2ab3a63", "(console_sem).lock", "....", None, 38, 1),
            after=("&p->pi_lock", "(work_completion)(&(&x->w)->work)"),
        ),
        ClassEntry(6, "00000000b1d0c2aa", "&p->pi_lock", "-.-.", None, 7, 30),
    ]


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (
            "00000000f2ab3a63 OPS:    1234 FD:   38 BD:    1 +.+.+.: rtnl_mutex",
            ClassEntry(2, "00000000f2ab3a63", "rtnl_mutex", "+.+.+.", 1234, 38, 1),
        ),
        (
            "c0425a3c FD:    1 BD:    1 ..-.: timer:lock: of names",
            ClassEntry(2, "c0425a3c", "timer:lock: of names", "..-.", None, 1, 1),
        ),
        ("ffffffff81a1b2c0: mutex", ClassEntry(2, "ffffffff81a1b2c0", "mutex")),
        ("(____ptrval____): early", ClassEntry(2, "(____ptrval____)", "early")),
    ],
    ids=["operations and six characters", "32 bits", "not proving", "too early"],
)
def test_older_and_other_forms_of_a_class_are_read(line: str, entry: ClassEntry) -> None:
    dump = read_dump(f"all lock classes:\n{line}\n\n")
    assert dump.problems == []
    assert dump.classes == [entry]


def test_chains_are_read_with_their_contexts() -> None:
    dump = read_dump(CHAINS)
    assert dump.problems == []
    assert dump.chains == [
        ChainEntry(2, "process", ("cgroup_mutex",)),
        ChainEntry(5, "softirq", ("&a->lock", "&b->lock#2/1")),
        ChainEntry(9, "hardirq|softirq", ("&a->lock",)),
    ]


def test_old_chains_have_their_contexts_as_numbers() -> None:
    text = "".join(f"irq_context: {n}\n[c0425a3c] A\n\n" for n in range(4))
    contexts = [chain.context for chain in read_dump(text).chains]
    assert contexts == ["process", "softirq", "hardirq", "hardirq|softirq"]


def test_chains_that_the_kernel_had_no_room_for_are_told_of() -> None:
    dump = read_dump(f"(buggered) {CHAINS}")
    assert len(dump.chains) == 3
    assert dump.notes == ["the kernel ran out of room for chains: some are missing"]


def test_a_chain_that_may_go_on_is_not_used() -> None:
    cut = CHAINS[: CHAINS.index("\n\nirq_context: hardirq")] + "\n"
    dump = read_dump(cut)
    assert [chain.whole for chain in dump.chains] == [True, False]
    assert dump.problems == ["line 5: this chain may be cut off: not used"]
    assert implied_edges(dump.chains) == []


def test_lock_stat_is_read_with_points_of_contention() -> None:
    dump = read_dump(LOCK_STAT)
    assert dump.problems == []
    write, read, plain = dump.rows
    assert (write.name, write.mode, write.line) == ("&box->sem", "W", 6)
    assert write.values["contentions"] == 7
    assert write.values["holdtime-avg"] == 1.37
    assert (read.name, read.mode, read.values["acquisitions"]) == ("&box->sem", "R", 8000)
    assert read.points == (
        Point(1, "ffffffff81150001", "box_scan+0x57/0x280", holder=False),
        Point(15, "ffffffff81530002", "box_fault+0x1d4/0x510", holder=False),
        Point(16, "ffffffff81120003", "box_copy+0xcf/0x5c0 [box]", holder=True),
    )
    assert (plain.name, plain.mode, plain.points) == ("box: its lock#2/1", "W", ())


def test_lock_stat_of_version_0_3_has_no_averages() -> None:
    head = f"lock_stat version 0.3\n{RULER}\n{table_row('class name', *OLD_COLUMNS)}\n{RULER}\n\n"
    dump = read_dump(head + table_row("A:", *map(str, range(10))) + "\n")
    assert dump.problems == []
    assert dump.rows[0].values == dict(zip(OLD_COLUMNS, map(float, range(10)), strict=True))


@pytest.mark.parametrize(("columns", "names"), [(10, OLD_COLUMNS), (12, COLUMNS)])
def test_columns_whose_header_was_lost_are_known_by_their_number(
    columns: int, names: tuple[str, ...]
) -> None:
    dump = read_dump("lock_stat version 0.4\n" + table_row("A:", *["1.5"] * columns) + "\n")
    assert dump.rows[0].values == dict.fromkeys(names, 1.5)


def test_lock_stat_says_that_the_validator_was_off() -> None:
    warning = "lock debugging disabled!! - possibly due to a lockdep warning"
    dump = read_dump(LOCK_STAT.replace(RULER, f"*WARNING* {warning}\n{RULER}", 1))
    assert dump.notes == [warning]
    assert len(dump.rows) == 3


def test_statistics_are_read_with_their_limits() -> None:
    text = (
        " lock-classes:                         1745 [max: 8192]\n"
        " all direct dependencies:            123456\n"
        " debug_locks:                             1\n\n"
        " zapped classes:                          3\n"
    )
    dump = read_dump(text)
    assert dump.problems == []
    assert dump.statistics == {
        "lock-classes": Statistic(1745, 8192),
        "all direct dependencies": Statistic(123456, None),
        "debug_locks": Statistic(1, None),
        "zapped classes": Statistic(3, None),
    }


def test_dumps_may_follow_one_another() -> None:
    dump = read_dump(LOCKDEP + CHAINS + LOCK_STAT + " lock-classes:  5\n")
    assert dump.sections == ["lockdep", "lockdep_chains", "lock_stat", "lockdep_stats"]
    assert (len(dump.classes), len(dump.chains), len(dump.rows)) == (2, 3, 3)
    assert dump.problems == []


@pytest.mark.parametrize("head", ["", "> ", "> > "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "^M\n"])
def test_quotes_and_carriage_returns_change_nothing(head: str, end: str) -> None:
    for text in (LOCKDEP, CHAINS, LOCK_STAT):
        spoilt = "".join(f"{head}{line}{end}" for line in text.splitlines())
        assert is_dump(spoilt)
        assert read_dump(spoilt) == read_dump(text)


def test_what_is_not_understood_is_told_of_by_its_line_and_the_rest_is_read() -> None:
    lines = LOCKDEP.splitlines()
    lines[2] = " -> [0000"
    lines.insert(5, "what is \x07 this")
    dump = read_dump("\n".join(lines) + "\n")
    assert [entry.after for entry in dump.classes] == [("(work_completion)(&(&x->w)->work)",), ()]
    assert dump.problems == [
        "line 3: not understood in lockdep: '-> [0000'",
        "line 6: not understood in lockdep: 'what is \\x07 this'",
    ]


def test_a_line_that_is_cut_off_is_not_used() -> None:
    dump = read_dump(LOCKDEP[: LOCKDEP.index("pi_lock") + 3])
    assert dump.classes[0].after == ()
    assert dump.problems == ["line 3: the text ends within a line: that line is not used"]


def test_of_many_problems_the_first_ones_are_told() -> None:
    dump = read_dump("all lock classes:\n" + "?\n" * 100)
    assert len(dump.problems) == 21
    assert dump.problems[-1] == "80 more of this kind"


def test_a_chain_of_more_locks_than_a_task_can_hold_is_refused() -> None:
    text = "irq_context: 0\n" + "".join(f"[c0425a3c] L{n}\n" for n in range(49)) + "\n"
    dump = read_dump(text)
    assert dump.chains == []
    assert dump.problems == ["line 1: a chain of 49 classes: a task holds 48 locks at most"]


@pytest.mark.parametrize("text", ["", "\n", "WARNING: possible circular", "{}", "all lock"])
def test_other_text_is_no_dump(text: str) -> None:
    assert not is_dump(text)
    assert read_dump(text).sections == []


@pytest.mark.parametrize("text", [LOCKDEP, CHAINS, LOCK_STAT, " lock-classes:  5\n"])
def test_each_dump_is_known_as_one(text: str) -> None:
    assert is_dump(text)


def chains(*classes: str) -> list[ChainEntry]:
    """Whole chains in process context, each class one letter."""
    return [ChainEntry(1, "process", tuple(letters)) for letters in classes]


@pytest.mark.parametrize(
    ("known", "edges"),
    [
        (("A", "AB", "ABC"), ["AB", "BC"]),
        (("A", "ABC"), ["BC", "AC"]),  # B was a trylock: it has no edge, and hides none
        (("ABC",), ["BC", "AC"]),
        (("A", "AA"), []),  # nested in some other lock
    ],
)
def test_a_chain_implies_edges_down_to_the_first_lock_that_has_a_chain_of_its_own(
    known: tuple[str, ...], edges: list[str]
) -> None:
    assert implied_edges(chains(*known)) == [tuple(edge) for edge in edges]


def test_a_chain_of_another_context_hides_no_edge() -> None:
    known = [*chains("A"), ChainEntry(1, "softirq", ("A", "B")), *chains("ABC")]
    assert implied_edges(known) == [("A", "B"), ("B", "C"), ("A", "C")]


def test_rcu_stands_in_chains_and_has_no_edges() -> None:
    held = ChainEntry(1, "process", ("A", "rcu_read_lock", "B"))
    assert implied_edges([*chains("A"), held]) == [("A", "B")]


ORDERS = st.lists(
    st.lists(
        st.tuples(st.sampled_from("ABCDE"), st.booleans()),
        min_size=1,
        max_size=4,
        unique_by=lambda step: step[0],
    ),
    max_size=8,
)


def closure(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """All pairs that some path joins."""
    while True:
        more = {(a, d) for a, b in edges for c, d in edges if b == c} - edges
        if not more:
            return edges
        edges = edges | more


@given(ORDERS)
@settings(max_examples=150, deadline=None)
def test_what_a_validator_prints_gives_its_own_edges_again(
    orders: list[list[tuple[str, bool]]],
) -> None:
    """All locks exclusive; what is marked is a trylock."""
    validator = Validator(kernel_search=True)
    task = Locker(validator)
    for order in orders:
        for name, tried in order:
            task.lock(name, trylock=tried)
        for name, _ in reversed(order):
            task.unlock(name)
    known = validator.tables()
    dump = read_dump(lockdep(known) + lockdep_chains(known) + lockdep_stats(known))
    assert dump.problems == []
    edges = {(edge.held.name, edge.new.name) for edge in validator.edges()}
    printed = {(entry.name, after) for entry in dump.classes for after in entry.after}
    implied = set(implied_edges(dump.chains))
    assert printed <= edges
    assert implied <= edges
    assert edges <= closure(printed | implied)  # what is missing is an order all the same
    if not any(tried for order in orders for _, tried in order):
        assert printed == implied == edges
    assert [entry.name for entry in dump.classes] == [name.name for name in validator.classes()]
    assert dump.statistics["lock-classes"].value == len(dump.classes)
    assert dump.statistics["direct dependencies"].value == 2 * len(edges)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_damage_makes_the_reader_fail(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([LOCKDEP, CHAINS, LOCK_STAT, LOCKDEP + LOCK_STAT]))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 40)))
        text = text[:start] + data.draw(st.text(max_size=8)) + text[end:]
    dump = read_dump(text)
    names = {entry.name for entry in dump.classes}
    names.update(name for chain in dump.chains for name in chain.classes)
    names.update(after for entry in dump.classes for after in entry.after)
    assert all(name.strip() for name in names)


@pytest.mark.parametrize(
    "line",
    [
        *("0" * 16, ":" * 50, "OPS: " * 9, " -> [", "irq_context: 0\n[c0425a3c] A", "1 " * 40),
        *("> " * 30, "[<" * 20, "A:" + " 1" * 40, "all lock chains:", "class name acquisitions x"),
    ],
)
def test_a_megabyte_is_read_in_a_moment(line: str) -> None:
    for head in ("all lock classes:\n", "all lock chains:\n", "lock_stat version 0.4\n"):
        for end in ("\n", ""):
            text = head + f"{line}{end}" * (200_000 // len(line))
            before = time.process_time()
            is_dump(text)
            read_dump(text)
            assert time.process_time() - before < 2
