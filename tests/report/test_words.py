"""Kernel reports in words: what is told of real reports, and of each of the pieces."""

from __future__ import annotations

import pytest

from lockwright.report.read import ParsedFrame, ParsedReport, read
from lockwright.report.words import STORIES, TITLES, as_text, explain, kernel_of, story_of
from lockwright.report.words_deadlocks import bit_words
from lockwright.report.words_doubts import doubts
from lockwright.report.words_frames import Taking, place_of, site_of, taking_of
from lockwright.report.words_locks import proves_nesting, usage_words, wait_words
from lockwright.report.words_misuse import count_words
from tests.report.read.corpus import entries, log, number, report


def frames(*functions: str) -> tuple[ParsedFrame, ...]:
    return tuple(ParsedFrame(function, 1, 2) for function in functions)


def part(found: ParsedReport, title: str) -> tuple[str, ...]:
    return next((each.lines for each in explain(found) if each.title == title), ())


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        ("....", "so far never in an interrupt, and only taken with interrupts off or by trylock"),
        ("+...", "taken exclusively with hardirqs on"),
        ("..-.", "taken exclusively in softirq context"),
        (".+.+", "taken by a reader with hardirqs on and softirqs on"),
        (
            "?.+.",
            "taken exclusively in hardirq context, and with hardirqs on and softirqs on",
        ),
        ("-..+", "taken exclusively in hardirq context; taken by a reader with softirqs on"),
        ("....-.", "taken exclusively in memory reclaim context"),
        ("+.+.+.", "taken exclusively with hardirqs on and softirqs on and reclaim allowed"),
        ("x...", ""),
        ("...", ""),
    ],
)
def test_usage_characters_are_decoded_by_position_and_sign(usage: str, words: str) -> None:
    assert usage_words(usage) == words


@pytest.mark.parametrize(
    ("wait", "proved", "words"),
    [
        ((3, 3), True, "a spinlock_t or rwlock_t, which sleeps on PREEMPT_RT"),
        ((3, 3), False, "may sleep"),
        (
            (3, 3),
            None,
            "a spinlock_t if this kernel proves raw lock nesting, else a lock that may sleep",
        ),
        ((2, 2), True, "may only spin (raw_spinlock_t)"),
        ((2, 2), None, "may only spin"),
        ((4, 4), True, "may sleep"),
        ((4, 4), False, "no limit"),
        (
            (1, 3),
            True,
            (
                "a spinlock_t or rwlock_t, which sleeps on PREEMPT_RT, and can be taken where "
                "level 1 is the limit"
            ),
        ),
    ],
)
def test_a_wait_type_means_what_the_kernel_was_built_for(
    wait: tuple[int, int], proved: bool | None, words: str
) -> None:
    assert wait_words(wait, proved=proved) == words


@pytest.mark.parametrize(
    ("start", "kind", "proved"),
    [
        ("001", "circular", False),  # {3:3} of a rwsem
        ("090", "circular", True),  # {4:4}
        ("197", "wait_context", True),  # context-{5:5}
        ("059", "wait_context", False),  # context-{4:4}
        ("066", "wait_context", True),  # {3:3} of a spinlock, below a hard interrupt
        ("032", "circular", None),  # no wait types yet
    ],
)
def test_whether_a_kernel_proves_raw_nesting_is_seen_or_left_open(
    start: str, kind: str, proved: bool | None
) -> None:
    assert proves_nesting(report(start, kind)) is proved


def test_the_site_is_the_first_function_that_is_no_lock() -> None:
    assert site_of(frames("__lock_acquire", "lock_acquire", "down_write", "f", "g")) == "f()"
    assert site_of(frames("mutex_lock_nested", "rtnl_lock", "g")) == "g(), by rtnl_lock()"
    assert site_of(frames("_raw_spin_lock_irqsave", "f.part.0")) == "f()"
    assert site_of(frames("lock_acquire", "__mutex_lock")) is None
    assert site_of(frames("fs_reclaim_acquire", "kmem_cache_alloc")) == "kmem_cache_alloc()"
    assert site_of(()) is None
    unsure = ParsedFrame("left_on_the_stack", 1, 2, unsure=True)
    assert site_of((unsure, *frames("down_read", "f"))) == "f()"


def test_how_a_lock_is_taken_is_told_by_its_own_functions_alone() -> None:
    assert taking_of(frames("lock_acquire", "down_read", "f")) == Taking("rwsem", "reader")
    assert taking_of(frames("percpu_down_write")) == Taking("percpu_rwsem", "writer")
    assert taking_of(frames("_raw_read_lock_irqsave")) == Taking("rwlock", "reader")
    assert taking_of(frames("_raw_spin_trylock")) == Taking("spinlock", "exclusive", trylock=True)
    assert taking_of(frames("__flush_work", "f")) == Taking("work", "waits")
    assert taking_of(frames("f", "mutex_lock")) == Taking()


def test_an_inlined_lock_function_is_not_where_it_was_taken() -> None:
    held = report("197", "wait_context").held
    assert [place_of(lock) for lock in held[-2:]] == [
        "io_req_local_work_add()",
        "io_eventfd_grab()",
    ]


@pytest.mark.parametrize(
    ("bit", "words"),
    [
        ("IN-HARDIRQ-W", "taken exclusively in hard interrupt context"),
        ("IN-SOFTIRQ-R", "taken by a reader in soft interrupt context"),
        ("HARDIRQ-ON-R", "taken by a reader, or held, with hard interrupts on"),
        ("SOFTIRQ-ON-W", "taken exclusively, or held, with soft interrupts on"),
        ("RECLAIM_FS-ON-W", "taken exclusively, or held, with allocations that may enter reclaim"),
        ("IN-NMI", "used in a non-maskable interrupt"),
        ("SOMETHING", "in the state SOMETHING"),
    ],
)
def test_usage_bits_are_decoded(bit: str, words: str) -> None:
    assert bit_words(bit) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0x2, "preemption is switched off 2-fold"),
        (0x101, "preemption is switched off 1-fold and a soft interrupt runs"),
        (0x201, "preemption is switched off 1-fold and soft interrupts are switched off 1-fold"),
        (0x10000, "a hard interrupt runs"),
        (0, "which does not show why"),
        (0xFFFFFE00, "below zero, so that it was lowered more often than raised"),
        (0x7FFFFFFF, "below zero, so that it was lowered more often than raised"),
    ],
)
def test_the_parts_of_preempt_count_are_told(count: int, words: str) -> None:
    assert count_words(count) == words


def test_a_circle_is_told_order_by_order_with_the_functions_that_took_the_locks() -> None:
    found = report("001", "circular")
    assert kernel_of(found) == "kernel 6.5.0-rc1-test+ #576, x86, task trace-cmd/840"
    assert part(found, "The orders") == (
        (
            "#1, earlier: eventfs_rwsem/1 is taken as a reader in eventfs_root_lookup() with "
            "&sb->s_type->i_mutex_key#5 held"
        ),
        (
            "#0, now: &sb->s_type->i_mutex_key#5 is taken as a writer in dcache_dir_open_wrapper() "
            "with eventfs_rwsem/1 held, by trace-cmd/840"
        ),
    )
    assert part(found, "The deadlock, if these meet") == (
        "  task as in #1 holds &sb->s_type->i_mutex_key#5, waits for eventfs_rwsem/1",
        "  trace-cmd/840 (#0) holds eventfs_rwsem/1, waits for &sb->s_type->i_mutex_key#5",
    )
    (readers,) = (line for line in doubts(found) if line.startswith("Readers"))
    assert readers.endswith("is there a writer at all?")


def test_a_cut_circle_tells_no_deadlock() -> None:
    found = report("112", "circular")
    assert found.missing
    assert not part(found, "The deadlock, if these meet")
    assert part(found, "Missing or damaged") == found.missing


def test_one_lock_and_two_locks_of_a_class_are_told_apart() -> None:
    assert "it is one lock" in " ".join(story_of(report("139", "recursive")))
    assert "these are two locks" in " ".join(story_of(report("140", "recursive")))


def test_an_inversion_names_the_lock_that_the_handler_waits_for() -> None:
    forwards = " ".join(story_of(report("152", "irq_inversion")))
    assert "one CPU holds tasklist_lock with interrupts on" in forwards
    assert "its handler waits for &tty->flow.lock" in forwards
    backwards = " ".join(story_of(report("153", "irq_inversion")))
    assert "one CPU holds wq_mayday_lock with interrupts on" in backwards
    assert "its handler waits for &pool->lock" in backwards


def test_the_lock_that_sets_the_limit_is_named() -> None:
    said = " ".join(story_of(report("197", "wait_context")))
    assert "The held lock &ctx->timeout_lock allows no more than level 2" in said
    assert "The context is a hard interrupt" in " ".join(story_of(report("066", "wait_context")))


def test_what_has_happened_raises_no_doubts() -> None:
    assert doubts(report("169", "bad_unlock")) == []


def test_where_rcu_does_not_watch_no_section_is_missed() -> None:
    said = " ".join(story_of(report("179", "rcu")))
    assert "not even an open read-side section protects anything there" in said
    assert "neither a read-side section open" not in said


def test_every_kind_has_a_title_and_a_story() -> None:
    assert set(TITLES) == set(STORIES)
    kinds = {each.kind for entry in entries() for each in log(number(entry)).reports}
    assert kinds <= set(TITLES)
    for kind in TITLES:
        empty = ParsedReport(kind, "", (1, 1))
        assert story_of(empty)
        assert explain(empty)


@pytest.mark.parametrize("width", [40, 80])
def test_no_line_is_wider_than_asked_for_and_none_is_unfinished(width: int) -> None:
    for entry in entries():
        for found in log(number(entry)).reports:
            text = as_text(explain(found), width)
            assert max(map(len, text.splitlines())) <= width, entry["file"]
            for sentence in story_of(found):
                assert sentence[-1] in ".!", (entry["file"], sentence)


def test_a_wait_for_reclaim_is_not_told_as_one_for_a_lock() -> None:
    lines = part(report("090", "circular"), "The deadlock, if these meet")
    assert lines[0].endswith("holds &q->elevator_lock, enters memory reclaim (fs_reclaim)")
    assert "is in memory reclaim (fs_reclaim), waits for" in lines[1]
    assert "Nobody waits for reclaim" in lines[-1]


def test_control_characters_of_a_log_are_made_visible() -> None:
    found = ParsedReport("bad_unlock", "", (1, 1), comm="a\x1b[31mb", extra={"released": "x\x00"})
    text = as_text(explain(found), 80)
    assert "a\\x1b[31mb releases x\\x00," in text
    assert "\x1b" not in text


def test_of_nothing_but_a_headline_all_that_is_missing_is_said() -> None:
    (found,) = read("WARNING: possible circular locking dependency detected\n").reports
    assert "the existing dependency chain is missing" in part(found, "Missing or damaged")
    assert story_of(found)


UNDATED = """\
sh/7 is trying to acquire lock:
 (&a->lock){-+..}, at: [<c02e8a5d>] a_open+0x1c/0x1f
but task is already holding lock:
 (&a->lock){-+..}, at: [<c02e8a5d>] a_open+0x1c/0x1f
"""
HEAD = "[ INFO: possible recursive locking detected ]\n{} #1\n------------------------------\n"


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("", None),
        (HEAD.format("2.6.29"), "taken exclusively in softirq context, and with hardirqs on"),
        (HEAD.format("2.6.30"), "taken exclusively in hardirq context; taken by a reader with"),
    ],
    ids=["not known", "2.6.29", "2.6.30"],
)
def test_usage_is_told_as_the_kernel_meant_it_or_not_at_all(head: str, told: str | None) -> None:
    (found,) = read(head + UNDATED).reports
    lines = part(found, "The locks")

    if told is None:
        assert lines == ("&a->lock {-+..}",)
    else:
        assert lines[1].strip().startswith(told)
