"""Every two of the calls that concern a watch, at once: nothing breaks, and the masks add up.

And what those that hold the model together are for, taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations_with_replacement
from typing import Any

import pytest

from lockwright.core.operation import Operation
from lockwright.core.promise import always
from lockwright.core.result import Result, Verdict
from lockwright.kernel.context import sleepable
from lockwright.kernel.percpu_ref import PercpuRef
from lockwright.kernel.refcount import refcount_dec_and_test
from lockwright.kernel.slab import Slab, kfree
from lockwright.kernel.waitqueue import Condition, WaitQueue
from lockwright.kernel.work import Work
from lockwright.session import Options, explore
from model.fsnotify import fsnotify as events
from model.fsnotify import inotify, mark
from model.fsnotify.fsnotify import First
from model.fsnotify.mark import fsnotify_final_mark_destroy
from model.fsnotify.objects import Connector, Group, Inode, Mark
from model.fsnotify.remote import Remote
from tests.model.fsnotify_guest import BOTH, CALLS, MODIFY, at_once

PAIRS = list(combinations_with_replacement(CALLS, 2))
ONE: Mapping[str, int] = {"g1": MODIFY}
HEAVY = {("rm", "unlink"), ("close", "close"), ("close", "unlink"), ("unlink", "event")}
HEAVY |= {("unlink", "wait")}
"""With two marks and a reaper that frees them; more than a second each."""


def verified(*calls: str, **options: Any) -> Result:  # noqa: ANN401  # those of at_once
    """Explored to the end, with nothing found; the result."""
    result = explore(at_once(*calls, **options), Options())
    assert [finding.message for finding in result.findings] == []
    assert (result.verdict, result.sleep_set_blocked) == (Verdict.VERIFIED, 0)
    return result


def found(*calls: str, **options: Any) -> set[str]:  # noqa: ANN401  # those of at_once
    """The kinds of what is found."""
    result = explore(at_once(*calls, **options), Options(executions=2000))
    return {finding.kind for finding in result.findings}


@pytest.mark.parametrize("calls", PAIRS, ids="-".join)
def test_any_two_calls_keep_the_masks_and_break_nothing(calls: tuple[str, str]) -> None:
    verified(*calls, frees=calls not in HEAVY)
    verified(*calls, had={})
    verified(*calls, had=ONE)


@pytest.mark.slow
@pytest.mark.parametrize("calls", sorted(HEAVY), ids="-".join)
def test_any_two_calls_that_free_both_marks_break_nothing(calls: tuple[str, str]) -> None:
    verified(*calls)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calls", "had"),
    [
        (("modify:g1", "rm:g2", "event"), {"g2": MODIFY}),
        (("modify:g1", "modify:g2", "event"), {}),
        (("rm:g1", "close:g2", "unlink"), BOTH),
        (("rm:g1", "rm:g1", "wait"), BOTH),
        (("close:g1", "rm:g1", "modify:g1"), BOTH),
    ],
    ids=lambda value: "-".join(value).replace(":", "."),
)
def test_three_calls_keep_the_masks_and_break_nothing(
    calls: tuple[str, ...], had: Mapping[str, int]
) -> None:
    verified(*calls, had=had, frees=False)


@pytest.mark.parametrize(
    "calls",
    [
        ("rm:g1", "rm:g1"),
        ("close:g1", "rm:g1"),
        ("close:g1", "close:g1"),
        ("close:g1", "access:g1"),
    ],
    ids=lambda value: "-".join(value).replace(":", "."),
)
def test_two_calls_by_one_group_break_nothing(calls: tuple[str, str]) -> None:
    verified(*calls, had=ONE)
    verified(*calls, frees=False)


def test_the_locks_are_taken_in_the_order_of_the_c() -> None:
    taken: set[tuple[str, str]] = set()
    for calls, had in ((("modify", "access"), {}), (("rm", "widen"), BOTH)):
        for edge in verified(*calls, had=had, frees=False).lock_graph:
            taken.add((edge["held"].removesuffix("/1"), edge["new"].removesuffix("/1")))
    mutex, lock, conn = "&group->mark_mutex", "&mark->lock", "&conn->lock"
    assert {edge for edge in taken if {*edge} <= {mutex, lock, conn}} == {
        (mutex, lock),
        (mutex, conn),
        (lock, conn),
    }


def test_a_recalculation_and_a_search_of_the_list_have_two_orders() -> None:
    """g2 has the bit already, so that all it does to others' things is to look at the list; and g1
    takes its mark off, and adds up, in one section."""
    assert verified("rm", "widen", frees=False).executions == 2


def test_an_event_and_a_mask_that_grows_have_five_orders() -> None:
    """The event happens (H), then reads the mark's mask (R); the call begins (B), writes the mask
    (W) and returns (T).  H before B, or between B and T: R before or after W, twice 2; H after T: R
    after W, 1.  The inode's mask has the bit, and is not written."""
    assert verified("widen", "event", frees=False).executions == 5


def test_an_event_and_a_mask_that_is_replaced_have_seven_orders() -> None:
    """As above, and the event reads the inode's mask (I), between H and R, which the call writes
    (C), between W and T.  R before W has I before C.  So of the orders of I and C, R and W there
    are 3 where H comes before B, 3 where it comes between B and T, and 1 after T."""
    assert verified("modify:g2", "event", frees=False).executions == 7


def test_an_event_comes_before_the_end_of_the_watch_or_after_it_or_not_at_all() -> None:
    assert set(verified("rm", "event").outcomes) == {
        "g1: MODIFY, IGNORED; g2: nothing",
        "g1: IGNORED, MODIFY; g2: nothing",
        "g1: IGNORED; g2: nothing",
    }


class Closes(Remote):
    async def closed(self, group: Group) -> None:
        world = self.client.world
        always(world, "nobody waits for a user", group.peek("user_waits") == 0)
        marks = [obj for obj in world.objects if isinstance(obj, Mark) and obj.group is group]
        freed = not any(mark.alive for mark in marks) or not self.client.frees
        always(world, "the group's marks are freed", freed)


def test_a_group_that_is_closed_waits_for_the_user_who_thinks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("model.fsnotify.setup.Remote", Closes)
    verified("close", "wait", had=ONE, frees=False)

    async def wait_for_nothing(queue: WaitQueue, condition: Condition) -> None:
        await condition()

    monkeypatch.setattr("model.fsnotify.closing.wait_event", wait_for_nothing)
    assert found("close", "wait", had=ONE, frees=False) == {"broken promise"}


def test_a_group_that_is_closed_waits_for_its_marks_to_be_freed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("model.fsnotify.setup.Remote", Closes)
    verified("close", "event", had=ONE)

    async def flush_nothing(work: Work) -> None:
        pass

    monkeypatch.setattr("model.fsnotify.closing.flush_work", flush_nothing)
    assert found("close", "event", had=ONE) == {"broken promise"}


@pytest.mark.parametrize("calls", [("rm", "event"), ("close", "event"), ("unlink", "widen")])
def test_sections_as_one_step_lose_no_outcome(calls: tuple[str, str]) -> None:
    by_sections = verified(*calls, frees=False)
    by_operations = explore(at_once(*calls, frees=False), Options(granularity="operation"))
    assert set(by_sections.outcomes) == set(by_operations.outcomes)
    assert by_operations.findings == []


@pytest.mark.parametrize("call", ["rm:g2", "close:g2", "modify:g2"])
def test_a_sum_that_is_read_and_written_in_two_steps_loses_a_bit(call: str) -> None:
    """What the kernel does: inotify_update_existing_watch() finds the bit in the inode's mask, and
    leaves it at that, while somebody else is about to write the sum that he read before."""
    message = "the marks of i1 want ACCESS|MODIFY, and its mask is MODIFY"
    result = explore(at_once("widen:g1", call, recalc_split=True, frees=False), Options())
    assert [finding.message for finding in result.findings] == [message]
    verified("widen:g1", call, recalc_split=True, recalc_always=True, frees=False)


class Patch:
    """What replaces a part of the model."""

    async def unprotected(self, inode: Inode, happens: Callable[[], None] | None = None) -> First:
        """The section ends, and another one begins, where the list is walked."""
        idx, conn, first = await FIRST_MARK(inode, happens)
        srcu = inode.client.mark_srcu
        await srcu.read_unlock(idx)
        return await srcu.read_lock(), conn, first

    async def at_once(self, what: Mark, conn: Connector | None) -> None:
        """No grace period."""
        if conn is not None:
            await kfree(conn)
        await fsnotify_final_mark_destroy(what)

    async def write(self, obj: Slab, field: str, value: object) -> None:
        """Not marked."""
        setattr(obj, field, value)


FIRST_MARK = events._first_mark
DO = Patch()


def test_without_adding_up_when_a_mark_goes_its_bits_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mark, "recalc", lambda inode, marks: (0, 0))
    assert found("rm", "event") == {"broken promise"}


def test_without_the_read_section_an_event_finds_freed_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "_first_mark", DO.unprotected)
    assert "use-after-free" in found("rm", "event", had=ONE)


@pytest.mark.parametrize("calls", [("rm", "event"), ("rm", "access")])
def test_what_is_freed_without_a_grace_period_is_found_freed(
    calls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mark, "_destroy_later", DO.at_once)
    assert "use-after-free" in found(*calls, had=ONE)


def test_a_connector_without_a_reference_loses_its_inode(monkeypatch: pytest.MonkeyPatch) -> None:
    get = PercpuRef.get

    def get_paths_only(ref: PercpuRef) -> Operation:
        return sleepable("nothing") if ref.name.startswith("i_count") else get(ref)

    monkeypatch.setattr(PercpuRef, "get", get_paths_only)
    assert found("modify", "access", had={}) == set()
    assert found("modify", "unlink", had={}) & {"refcount", "use-after-free"}


def test_a_last_reference_that_is_dropped_without_the_lock_leaves_the_mark_on_the_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mark, "refcount_dec_not_one", refcount_dec_and_test)
    assert found("rm", "event") - {"leak"}


def test_a_mask_that_is_written_plainly_races_with_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inotify, "WRITE_ONCE", DO.write)
    assert found("widen", "event") == {"data race"}


class Sleeps(Remote):
    async def under_mark_lock(self, mark: Mark) -> None:
        await sleepable("fuse_simple_request")


def test_a_hook_that_sleeps_under_the_marks_lock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.fsnotify.setup.Remote", Sleeps)
    assert found("rm", "event", frees=False) == {"sleeping in atomic context"}
