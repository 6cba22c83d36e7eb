"""Operations of programs of steps: what each tells the validator, and what it checks itself."""

from __future__ import annotations

import pytest

from lockwright.core.frame import Frame
from lockwright.core.location import Value
from lockwright.lockdep import NestLockReport, RecursiveReport, Report, Validator
from lockwright.program.stepping import Stepping, gfp_flags

WW, CTX = ("ww_mutex", "ww_lockdep_mutex"), ("ww_acquire_ctx", "ww_lockdep_acquire")
LOCKS = {"o": WW, "o2": WW, "o3": WW, "t": CTX, "t2": CTX, "lock_A": ("spinlock", "lock_A")}
STACK = (Frame("lock", 0, 1), Frame("locking_selftest", 0, 1))
T = {"nest": "t"}
Op = tuple[str, str | None, Value]
# another context, older than t, has o2
CONTENDED: list[Op] = [
    ("ww_base_lock", "o2", None),
    ("lockdep_release", "o2", None),
    ("set", None, {"what": "o2.ctx = t2"}),
    ("ww_acquire_init", "t", None),
    ("set", None, {"what": "t2 = copy of t"}),
    ("set", None, {"what": "t2.stamp -= 1"}),
    ("ww_lock", "o", T),
]
BACKED_OFF = [*CONTENDED, ("ww_lock", "o2", T)]
# it has given o2 free
FREE: list[Op] = [
    ("set", None, {"what": "o2.ctx = NULL"}),
    ("lockdep_acquire_try", "o2", None),
    ("ww_base_unlock", "o2", None),
]


def play(*ops: Op, locks: dict[str, tuple[str, str]] | None = None) -> list[Report | None]:
    """What the validator says to each operation."""
    steps = Stepping(locks or LOCKS, Validator(), lambda: STACK)
    return [steps.perform(op, lock, None, info) for op, lock, info in ops]


def conditions(reports: list[Report | None]) -> list[str | None]:
    """The conditions of API warnings, the kinds of other reports."""
    return [
        None if report is None else getattr(report, "condition", report.kind) for report in reports
    ]


def last(*ops: Op) -> str | None:
    """What comes of the last operation; of the others nothing may come."""
    *before, end = conditions(play(*ops))
    assert before == [None] * len(before)
    return end


def test_a_context_that_backs_off_takes_the_contended_mutex_first_and_goes_on() -> None:
    good: list[Op] = [
        *BACKED_OFF,
        *FREE,
        ("ww_unlock", "o", None),
        ("ww_lock_slow", "o2", T),
        ("ww_lock", "o", T),
        ("ww_unlock", "o", None),
        ("ww_unlock", "o2", None),
        ("ww_acquire_done", "t", None),
        ("ww_acquire_fini", "t", None),
    ]
    assert conditions(play(*good)) == [None] * len(good)


@pytest.mark.parametrize("how", ["ww_lock", "ww_lock_slow"])
def test_what_a_context_does_wrong_after_backing_off(how: str) -> None:
    released: list[Op] = [*BACKED_OFF, *FREE, ("ww_unlock", "o", None)]
    assert last(*released, (how, "o3", T)) == "ww_ctx->contending_lock != ww"
    assert last(*BACKED_OFF, *FREE, (how, "o2", T)) == "ww_ctx->acquired > 0"
    again: list[Op] = [("ww_base_lock", "o3", None), ("lockdep_release", "o3", None)]
    again += [("set", None, {"what": "o3.ctx = t2"}), *BACKED_OFF]
    assert last(*again, (how, "o3", T)) == "ww_ctx->contending_lock"


def test_a_younger_holder_is_waited_for() -> None:
    older: list[Op] = [("set", None, {"what": "t2.stamp += 2"}), ("ww_lock", "o2", T)]
    # the mutex is taken in spite of its holder, as one task plays both: the wait itself is no wrong
    assert last(*CONTENDED, *older) == "ww->ctx"


@pytest.mark.parametrize(
    ("ops", "condition"),
    [
        ([("ww_acquire_done", "t", None), ("ww_acquire_done", "t", None)], "ctx->done_acquire"),
        ([("ww_acquire_done", "t", None), ("ww_lock", "o", T)], "ww_ctx->done_acquire"),
        ([("ww_lock_slow", "o", T)], "!ctx->contending_lock"),
        ([("ww_lock", "o", T), ("ww_acquire_fini", "t", None)], "ctx->acquired"),
        ([("set", None, {"what": "o.ctx = t2"}), ("ww_lock", "o", T)], "ww->ctx"),
        (
            [("set", None, {"what": "t.ww_class = NULL"}), ("ww_lock", "o", T)],
            "ww_ctx->ww_class != ww->ww_class",
        ),
        (
            [
                ("ww_lock", "o", T),
                ("set", None, {"what": "t.acquired = 0"}),
                ("ww_unlock", "o", None),
            ],
            "!lock->ctx->acquired",
        ),
        ([("ww_lock", "o", T), ("if_trylock_then_unlock", "o", None)], "!ww_mutex_trylock()"),
    ],
)
def test_a_functions_own_check_is_an_api_warning(ops: list[Op], condition: str) -> None:
    assert last(("ww_acquire_init", "t", None), *ops) == condition


def test_what_is_held_already_by_the_context_is_no_new_acquire() -> None:
    assert play(("ww_acquire_init", "t", None), ("ww_lock", "o", T), ("ww_lock", "o", T))[2] is None
    assert play(("ww_lock", "o", None), ("ww_lock", "o", None))[1] is not None


def test_a_trylock_that_fails_is_told_to_nobody() -> None:
    ops: list[Op] = [("ww_lock", "o", None), ("ww_trylock", "o", None), ("ww_unlock", "o", None)]
    assert conditions(play(*ops, ("ww_unlock", "o", None))) == [
        None,
        None,
        None,
        "bad unlock balance",
    ]
    assert play(("if_trylock_then_unlock", "o", None), ("ww_lock", "o", None)) == [None, None]


def test_a_mutex_under_which_a_context_begins_is_one_of_its_class() -> None:
    report = play(("ww_trylock", "o", None), ("ww_acquire_init", "t", None))[1]
    assert isinstance(report, RecursiveReport)
    assert report.new.lock.name == "ww_lockdep_mutex"


def test_a_context_that_is_initialised_again_while_it_runs_is_freed_memory() -> None:
    ops: list[Op] = [("ww_acquire_init", "t", None), ("ww_acquire_init", "t", None)]
    assert conditions(play(*ops))[1] == "held lock freed"


def test_the_nest_lock_has_its_name_though_it_was_never_taken() -> None:
    report = play(("lock", "lock_A", {"nest": "o"}))[0]
    assert isinstance(report, NestLockReport)
    assert report.nest_name == "ww_lockdep_mutex"


# Reclaim


@pytest.mark.parametrize(
    ("mask", "flags"),
    [
        ("GFP_KERNEL", {"__GFP_DIRECT_RECLAIM", "__GFP_FS", "__GFP_IO"}),
        ("GFP_NOFS", {"__GFP_DIRECT_RECLAIM", "__GFP_IO"}),
        ("GFP_KERNEL & ~__GFP_FS", {"__GFP_DIRECT_RECLAIM", "__GFP_IO"}),
        ("GFP_NOIO|__GFP_NOWARN", {"__GFP_DIRECT_RECLAIM", "__GFP_NOWARN"}),
        ("GFP_ATOMIC", set()),
    ],
)
def test_a_mask_is_the_flags_that_it_names(mask: str, flags: set[str]) -> None:
    assert gfp_flags(mask) == flags


@pytest.mark.parametrize(
    ("ops", "reported"),
    [
        ([("might_alloc", None, {"gfp": "GFP_KERNEL"})], True),
        ([("might_alloc", None, {"gfp": "GFP_NOFS"})], False),
        ([("might_alloc", None, {"gfp": "GFP_ATOMIC"})], False),
        ([("might_alloc", None, {"gfp": "GFP_KERNEL | __GFP_NOLOCKDEP"})], False),
        (
            [("memalloc_noio_save", None, None), ("might_alloc", None, {"gfp": "GFP_KERNEL"})],
            False,
        ),
        (
            [
                ("memalloc_nofs_save", None, None),
                ("memalloc_nofs_restore", None, None),
                ("might_alloc", None, {"gfp": "GFP_KERNEL"}),
            ],
            True,
        ),
        (
            [("memalloc_noreclaim_save", None, None), ("might_alloc", None, {"gfp": "GFP_KERNEL"})],
            False,
        ),
    ],
)
def test_an_allocation_in_reclaim_must_not_enter_it_again(ops: list[Op], reported: bool) -> None:
    locks = {"fs_reclaim": ("fs_reclaim", "fs_reclaim")}
    entered = ("fs_reclaim_acquire", "fs_reclaim", {"gfp": "GFP_KERNEL"})
    found = play(entered, *ops, locks=locks)[-1]
    assert isinstance(found, RecursiveReport) == reported
    assert reported or found is None


def test_reclaim_is_left_as_it_was_entered() -> None:
    for mask in ("GFP_KERNEL", "GFP_NOFS", "GFP_ATOMIC"):
        steps = Stepping(LOCKS, Validator(), lambda: STACK)
        for op in ("fs_reclaim_acquire", "fs_reclaim_release", "might_alloc"):
            assert steps.perform(op, "fs_reclaim", None, {"gfp": mask}) is None
        assert steps.task.held == []
