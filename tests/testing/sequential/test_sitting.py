"""Calls one after the other in a living world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lockwright.calls import Calls, Given
from lockwright.core.errors import UsageError
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, atomic_add
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.slab import Field, Slab, kfree, kmalloc
from lockwright.project import Project
from lockwright.session import Options, Session
from lockwright.testing.sequential import Sitting, SittingFailed
from lockwright.token import parse_token


class Entry(Slab):
    """What a table has."""


class Table(Slab):
    """A ground: entries under a lock, and how many were freed."""

    entries: Field[tuple[Entry, ...]] = Field(())
    freed: Field[int] = Field(0)

    def __init__(self, world: World, *, leaks: bool = False, late: bool = True) -> None:
        super().__init__(world, "table")
        self.lock = Mutex(world, "lock")
        self.other = Mutex(world, "other")
        self.rcu = Rcu(world)
        self.leaks, self.late = leaks, late
        world.state = self


async def insert(at: Table, name: str) -> int:
    entry = await kmalloc(at.world, lambda: Entry(at.world, name), "entry")
    await at.lock.lock()
    at.entries = (*at.entries, entry)
    count = len(at.entries)
    await at.lock.unlock()
    return count


async def remove(at: Table, name: str) -> int:
    await at.lock.lock()
    gone = next((entry for entry in at.entries if entry.name == name), None)
    at.entries = tuple(entry for entry in at.entries if entry is not gone)
    await at.lock.unlock()
    if gone is None:
        return -2
    if at.late:
        await at.rcu.call_rcu(lambda: _free(at, gone), "free_entry")
    elif not at.leaks:
        await kfree(gone)
    return 0


async def _free(at: Table, entry: Entry) -> None:
    await kfree(entry)
    await atomic_add(at, "freed", 1)


async def freed(at: Table) -> int:
    count: int = await READ_ONCE(at, "freed")
    return count


async def both(at: Table) -> None:
    await at.lock.lock()
    await at.other.lock()
    await at.other.unlock()
    await at.lock.unlock()


async def both_the_other_way(at: Table) -> None:
    await at.other.lock()
    await at.lock.lock()
    await at.lock.unlock()
    await at.other.unlock()


async def twice(at: Table) -> None:
    await at.lock.lock()
    await at.lock.lock()


async def keep(at: Table) -> None:
    await at.other.lock()


def at_most_two(world: World) -> Iterator[str]:
    if len(world.state.peek("entries")) > 2:
        yield "a table has two entries at most"


CALLS = Calls(
    "mine/table",
    Table,
    {f.__name__: f for f in (insert, remove, freed, both, both_the_other_way, twice, keep)},
    at_end=(at_most_two,),
    parameters={"leaks": False, "late": True},
)


def replay(failed: SittingFailed) -> list[str]:
    """What its token shows, as the command line would have it."""
    token = parse_token(failed.token)
    scenario = Project({}, token.version, {"mine/table": CALLS}).scenario(token.scenario)
    session = Session(scenario.with_parameters(dict(token.parameters)), Options(strategy="replay"))
    record, findings = session.run_once(token.schedule, token.marks)
    assert (record.misfit, record.difference) == ("", "")
    return [finding.kind for finding in findings]


def test_each_call_comes_to_its_end_and_gives_what_it_gives() -> None:
    with Sitting(CALLS) as sitting:
        assert [sitting.call("insert", name) for name in "ab"] == [1, 2]
        assert [sitting.call("remove", name) for name in "abb"] == [0, 0, -2]
    assert sitting.done[0] == "insert a -> 1"
    assert str(sitting.program) == "calls(insert:a;insert:b;remove:a;remove:b;remove:b)"


def test_what_is_put_off_is_done_when_it_is_asked_for_or_at_once() -> None:
    with Sitting(CALLS) as sitting:
        for name in "abc":
            sitting.call("insert", name)
        sitting.call("remove", "a")
        assert sitting.call("freed") == 0
        assert sitting.rest() > 0
        assert sitting.call("freed") == 1
        assert sitting.rest() == 0
        sitting.call("remove", "b", background=True)
        assert sitting.call("freed") == 2


def test_of_what_is_put_off_some_steps_can_be_taken() -> None:
    with Sitting(CALLS) as sitting:
        sitting.call("insert", "a")
        sitting.call("remove", "a")
        assert sitting.rest(1) == 1
        assert sitting.rest() > 0


def test_a_lock_order_that_two_calls_disagree_on_is_found_and_replays() -> None:
    sitting = Sitting(CALLS)
    sitting.call("both")
    with pytest.raises(SittingFailed, match="possible circular locking dependency") as raised:
        sitting.call("both_the_other_way")
    failed = raised.value
    assert failed.calls == ("both -> None", "both_the_other_way -> None")
    assert [kind for kind, _ in failed.kinds] == ["possible circular locking dependency"]
    assert replay(failed) == ["possible circular locking dependency"]
    shown = str(failed)
    assert shown.startswith("calls:\n  both -> None\n  both_the_other_way -> None\n\n=====")
    assert shown.endswith(f"replay: lockwright replay '{failed.token}'")


def test_a_call_that_never_ends_is_a_deadlock_that_replays() -> None:
    sitting = Sitting(CALLS)
    sitting.call("insert", "a")
    with pytest.raises(SittingFailed, match="1 task waits for ever") as raised:
        sitting.call("twice")
    assert raised.value.calls[-1] == "twice does not come to its end"
    assert replay(raised.value) == ["deadlock", "possible recursive locking"]


def test_a_call_that_returns_with_a_lock_fails_at_once() -> None:
    sitting = Sitting(CALLS)
    with pytest.raises(SittingFailed, match=r"keep.840 still has locks held") as raised:
        sitting.call("keep")
    assert raised.value.calls == ("keep -> None",)
    assert replay(raised.value) == ["lock held at task exit"]


def test_at_the_end_the_promises_are_asked_and_what_is_lost_is_found() -> None:
    sitting = Sitting(CALLS)
    for name in "abc":
        sitting.call("insert", name)
    with pytest.raises(SittingFailed, match="a table has two entries at most") as raised:
        sitting.finish()
    assert replay(raised.value) == ["broken promise"]
    sitting.finish()  # once is enough

    losing = Sitting(CALLS, {"leaks": "true", "late": "false"})
    losing.call("insert", "a")
    losing.call("remove", "a")
    with pytest.raises(SittingFailed, match="leak: Entry a, allocated by insert, is left") as lost:
        losing.finish()
    assert "leaks=true" in lost.value.token
    assert replay(lost.value) == ["leak"]


def test_an_expectation_that_is_not_met_shows_the_calls_and_the_line_that_replays_them() -> None:
    sitting = Sitting(CALLS)
    sitting.call("insert", "a")
    got = sitting.call("remove", "b")
    sitting.expect(got == -2, "b is not there")
    with pytest.raises(SittingFailed, match="remove gives -2, not 0") as raised:
        sitting.expect(got == 0, "remove gives -2, not 0")
    assert str(raised.value) == (
        "calls:\n  insert a -> 1\n  remove b -> -2\n\nremove gives -2, not 0\n\n"
        f"replay: lockwright replay '{raised.value.token}'"
    )
    assert replay(raised.value) == []


def test_what_a_rule_does_not_listen_to_is_not_found() -> None:
    with Sitting(CALLS, rules=("deadlock",)) as sitting:
        sitting.call("both")
        sitting.call("both_the_other_way")


def test_the_schedule_is_that_of_the_program() -> None:
    with Sitting(CALLS) as sitting:
        sitting.call("insert", "a")
        sitting.call("remove", "a")
        sitting.call("freed", background=True)
    assert sitting.program is not None
    session = Session(CALLS.scenario(sitting.program), Options(strategy="replay"))
    record, findings = session.run_once(sitting.schedule)
    assert (record.misfit, record.stopped, findings) == ("", False, [])
    assert len([event for event in record.events if event.step >= 0]) == len(sitting.schedule)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("steal", (), "has no call 'steal'; it has: insert, remove"),
        ("both", ("x",), r"both:x does not fit both\(\): too many positional arguments"),
    ],
)
def test_a_call_that_there_is_not_is_refused(name: str, arguments: tuple[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Sitting(CALLS).call(name, *arguments)


def test_a_result_is_given_as_it_is_and_not_by_the_number_of_its_call() -> None:
    sitting = Sitting(CALLS)
    sitting.call("freed")
    with pytest.raises(UsageError, match="&0 is no call before insert"):
        sitting.call("insert", Given(0))


def test_nothing_is_called_when_the_sitting_is_over() -> None:
    sitting = Sitting(CALLS)
    sitting.finish()
    with pytest.raises(UsageError, match="insert is called when the sitting is over"):
        sitting.call("insert", "a")


def test_a_parameter_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="has no parameter 'leak'; it has: leaks, late"):
        Sitting(CALLS, {"leak": "true"})
