import pickle
from random import Random

import pytest

from lockwright.check.datarace import DataRaces, look_again, races_along
from lockwright.check.ordering import Ordering
from lockwright.check.witness import Log
from lockwright.core.location import Names
from lockwright.core.race import RaceReport
from lockwright.core.task import Context
from lockwright.core.world import World
from lockwright.kernel.context import sleepable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.rculist import ListHead
from lockwright.kernel.slab import kfree, kmalloc
from lockwright.report.race import format_race
from tests.check.oracle import SECTIONS, building, hidden, raced, scripts
from tests.check.racing import Box, Setup, logs, making, pairs, races
from tests.check.sections import class_of, ordered_by_sections

IDENT = "6.5.0 #1 Not tainted"


def fill(node: Box, value: int) -> None:
    node.data = value


async def eventfs_lookup(list_: ListHead[Box]) -> None:
    node = await list_.first()
    while node is not None:
        check(node)
        node = await list_.next(node)


def check(node: Box) -> int:
    return node.data


async def eventfs_create(world: World, list_: ListHead[Box], mutex: Mutex, how: str) -> None:
    node = await kmalloc(world, lambda: Box(world, "n"), "box")
    fill(node, 1)
    await mutex.lock()
    await getattr(list_, how)(node)
    await mutex.unlock()


def publishing(how: str) -> Setup:
    def build(world: World) -> None:
        list_, mutex = ListHead[Box](world, "list"), Mutex(world, "M")
        world.spawn(eventfs_create(world, list_, mutex, how), "mkdir")
        world.spawn(eventfs_lookup(list_), "stat")

    return build


def test_an_object_that_is_published_without_a_release_races() -> None:
    found = races(publishing("add_tail"))
    assert set(found) == {
        "box->data: check / fill",
        "box->list.next: eventfs_create / eventfs_lookup",
    }
    finding = found["box->data: check / fill"]
    assert (finding.kind, finding.fatal) == ("data race", False)
    assert finding.message == (
        "box->data: write by mkdir in fill() and read by stat in check(), with nothing to order "
        "them"
    )


def test_an_object_that_is_published_with_a_release_does_not() -> None:
    assert races(publishing("add_tail_rcu")) == {}


def test_the_report_is_the_one_of_the_kernels_detector() -> None:
    report = races(publishing("add_tail"))["box->data: check / fill"].report
    assert format_race(report, ident=IDENT).splitlines() == [
        "==================================================================",
        "BUG: KCSAN: data-race in check / fill",
        "",
        "read to 0xffff888100000200 of 8 bytes by task 841 on cpu 1:",
        " check+0x1/0x2",
        " eventfs_lookup+0x3/0x5",
        "",
        "write to 0xffff888100000200 of 8 bytes by task 840 on cpu 0:",
        " fill+0x1/0x2",
        " eventfs_create+0x2/0x6",
        "",
        "Reported by Kernel Concurrency Sanitizer on:",
        "CPU: 0 PID: 840 Comm: mkdir Not tainted 6.5.0 #1",
        "Hardware name: lockwright simulated machine",
        "==================================================================",
    ]


def test_a_report_needs_release_version_and_taint() -> None:
    report = races(publishing("add_tail"))["box->data: check / fill"].report
    with pytest.raises(ValueError, match=r"'6\.5\.0' is not like '6\.5\.0-rc1 "):
        format_race(report, ident="6.5.0")


def two(one: str, other: str, *, context: Context = Context.PROCESS) -> Setup:
    """Two tasks, each with one access of one field, in a function of its own."""

    async def access(box: Box, how: str) -> None:
        if how == "READ_ONCE":
            await READ_ONCE(box, "data")
        elif how == "WRITE_ONCE":
            await WRITE_ONCE(box, "data", 5)
        elif how == "read":
            _ = box.data
        elif how == "add":
            box.data = box.data + 3
        else:
            box.data = 7

    async def alpha(box: Box) -> None:
        await sleepable("x")
        await access(box, one)

    async def beta(box: Box) -> None:
        await READ_ONCE(box, "flag")  # in interrupt context, too
        await access(box, other)

    def build(world: World) -> None:
        box = Box(world, "b")
        world.spawn(alpha(box), "a")
        world.spawn(beta(box), "b", context=context)

    return build


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("read", "read", None),
        ("read", "READ_ONCE", None),
        ("READ_ONCE", "WRITE_ONCE", None),
        ("WRITE_ONCE", "WRITE_ONCE", None),
        ("read", "write", {"read", "write"}),
        ("write", "write", {"write"}),
        ("read", "WRITE_ONCE", {"read", "write (marked)"}),
        ("READ_ONCE", "write", {"read (marked)", "write"}),
        ("write", "WRITE_ONCE", {"write", "write (marked)"}),
        ("add", "add", {"read", "write"}),
    ],
)
def test_accesses_race_if_one_writes_and_one_is_plain(
    one: str, other: str, how: set[str] | None
) -> None:
    for pair in ((one, other), (other, one)):
        found = races(two(*pair))
        assert len(found) == (how is not None)
        for finding in found.values():
            report = finding.report
            assert {report.first.how, report.second.how} == how


def test_a_race_is_the_same_finding_whichever_way_the_schedule_went() -> None:
    rule = DataRaces(making(two("write", "read")))
    seen = []
    for log in logs(two("write", "read")):
        (finding,) = rule.judge(log)
        (alone,) = DataRaces(rule.make).judge(Log.of(rule.make, Names(), log.schedule))
        assert alone.signature == finding.signature == "box->data: access / access"
        seen.append((alone.report.first.comm, alone.report.second.comm))
    assert set(seen) == {("a", "b"), ("b", "a")}


def test_a_report_tells_the_values_that_a_write_has_changed() -> None:
    (first, *_) = logs(two("read", "write"))
    (finding,) = DataRaces(making(two("read", "write"))).judge(first)
    assert (finding.report.second.comm, finding.report.values) == ("b", (0, 7))
    assert "value changed: 0x0000000000000000 -> 0x0000000000000007\n" in format_race(
        finding.report, ident=IDENT
    )


def test_a_task_in_interrupt_context_is_called_an_interrupt() -> None:
    (finding,) = races(two("read", "write", context=Context.SOFTIRQ)).values()
    text = format_race(finding.report, ident=IDENT)
    assert "write to 0xffff888100000100 of 8 bytes by interrupt on cpu 1:" in text
    assert "read to 0xffff888100000100 of 8 bytes by task 840 on cpu 0:" in text


def test_both_stacks_end_where_the_access_is_made() -> None:
    def helper(box: Box) -> int:
        return box.data

    def deep(box: Box) -> int:
        box.other = 1
        return helper(box) + 1

    async def reads(box: Box) -> None:
        await sleepable("x")
        _ = deep(box) + box.flag

    async def __x64_sys_read(box: Box) -> None:  # as the kernel calls it
        await reads(box)

    async def user(box: Box) -> None:
        await __x64_sys_read(box)

    async def writes(box: Box) -> None:
        await sleepable("x")
        box.data = 1
        box.flag = 1

    def build(world: World) -> None:
        box = Box(world, "b")
        world.spawn(user(box), "reader")
        world.spawn(writes(box), "writer")

    found = races(build)
    stacks = {
        signature: {
            tuple(frame.function for frame in access.stack)
            for access in (finding.report.first, finding.report.second)
        }
        for signature, finding in found.items()
    }
    assert stacks == {
        "box->data: helper / writes": {("helper", "deep", "reads", "__x64_sys_read"), ("writes",)},
        "box->flag: reads / writes": {("reads", "__x64_sys_read"), ("writes",)},
    }


def test_a_freed_object_is_no_data_race_besides() -> None:
    def build(world: World) -> None:
        box = Box(world, "b")

        async def frees() -> None:
            await kfree(box)

        async def reads() -> None:
            await sleepable("x")
            _ = box.data

        world.spawn(frees(), "frees")
        world.spawn(reads(), "reads")

    assert races(build) == {}


def test_what_comes_after_an_oops_does_not_count() -> None:
    """The writer does not get to its second write; what the reader does after that is not judged,
    what both did before is."""

    def build(world: World) -> None:
        box, gone = Box(world, "b"), Box(world, "g")
        gone.life.value = "somebody"

        async def dies() -> None:
            await sleepable("x")
            box.data = 1
            await READ_ONCE(gone, "data")

        async def reads() -> None:
            await sleepable("x")
            _ = box.data
            await sleepable("y")
            box.data = 2

        world.spawn(dies(), "dies")
        world.spawn(reads(), "reads")

    rule = DataRaces(making(build))
    dies, reads = (0, 0), (1, 0)
    before = rule.judge(Log.of(rule.make, Names(), [dies, reads, dies, reads]))
    after = rule.judge(Log.of(rule.make, Names(), [dies, dies, reads, reads]))
    assert [finding.signature for finding in before] == ["box->data: dies / reads"]
    assert after == []


def test_what_is_shared_with_the_execution_before_is_judged_once_and_counts_again() -> None:
    compared = races_seen = 0
    for seed in range(40):
        build = building(scripts(Random(f"shared {seed}"), 2, 4))
        rule = DataRaces(making(build))
        for log in logs(build, 40):
            found = {finding.signature for finding in rule.judge(log)}
            alone = DataRaces(rule.make).judge(Log.of(rule.make, Names(), log.schedule))
            assert found == {finding.signature for finding in alone}
            compared += log.shared > 0
            races_seen += len(found)
    assert compared > 500
    assert races_seen > 500


def test_another_search_starts_anew() -> None:
    """After a restart there are other names, and nothing is shared."""
    build = two("write", "read")
    rule = DataRaces(making(build))
    for _ in range(2):
        for log in logs(build):
            assert [finding.signature for finding in rule.judge(log)] == [
                "box->data: access / access"
            ]


def test_the_races_are_those_of_the_definition() -> None:
    """Against the transitive closure of all pairs, on every interleaving of random programs."""
    executions = found = 0
    for seed in range(150):
        chosen = scripts(Random(f"races {seed}"), 2 + seed % 2, 4, sections=SECTIONS)
        for log in logs(building(chosen), 60):
            wanted = raced(log.world.state.events)
            assert pairs(log) == wanted, (seed, chosen, log.schedule)
            assert pairs(log, lambda one, other: True) == wanted
            executions += 1
            found += len(wanted)
    assert executions > 5_000
    assert found > 10_000


def named(
    log: Log, found: set[tuple[int, int, str]]
) -> set[tuple[frozenset[tuple[int, int]], str]]:
    """Races by task and operation, so that they can be compared between executions."""
    nth: dict[int, int] = {}
    names = []
    for number, _, _, _ in log.log:
        names.append((number, nth.get(number, 0)))
        nth[number] = nth.get(number, 0) + 1
    return {(frozenset((names[one], names[other])), field) for one, other, field in found}


def test_one_execution_of_each_class_by_sections_shows_the_races_of_all_interleavings() -> None:
    """Orders of critical sections that do not conflict are arbitrary, and do not hide a race; and
    each race that is reported so comes with a schedule that shows it as it is."""
    hidden_ones = shown = 0
    for seed in range(120):
        chosen = hidden(Random(f"hidden {seed}"))
        build = building(chosen)
        rule = DataRaces(making(build))
        everywhere, by_sections, as_they_went = set(), set(), set()
        classes: set[object] = set()
        for log in logs(build):
            everywhere |= named(log, pairs(log))
            log.ordered = ordered_by_sections(log)
            if log.ordered is None or class_of(log) in classes:
                continue
            classes.add(class_of(log))
            by_sections |= named(log, pairs(log, log.ordered))
            as_they_went |= named(log, pairs(log))
            log.shared = 0
            for finding in rule.judge(log):
                again = races_along(rule.make, finding.schedule)
                assert finding.signature in {other.signature for other in again}
                shown += 1
        assert by_sections == everywhere, chosen
        hidden_ones += as_they_went != everywhere
        assert rule.unshown == []
        assert None not in rule.known.values()
    assert hidden_ones > 0
    assert shown > 200


def test_a_race_that_no_schedule_shows_is_no_proof_of_anything() -> None:
    """Here what stands for the exploration's orders lies: the lock orders the two everywhere."""

    def build(world: World) -> None:
        box, mutex = Box(world, "b"), Mutex(world, "M")

        async def adds() -> None:
            await mutex.lock()
            box.data = box.data + 1
            await mutex.unlock()

        world.spawn(adds(), "a")
        world.spawn(adds(), "b")

    rule = DataRaces(making(build))
    for log in logs(build):
        log.ordered = lambda one, other: False
        assert rule.judge(log) == []
    assert rule.unshown == ["box->data"]


def test_a_finding_says_what_its_schedule_shows() -> None:
    make = making(two("write", "read"))
    (finding,) = races_along(make, [(0, 0), (0, 0), (1, 0)])
    assert finding.report.second.comm == "b"
    finding.schedule = ((1, 0), (0, 0))
    assert look_again(make, finding)
    assert (finding.report.second.comm, finding.comm, finding.task) == ("a", "a", 0)
    finding.signature = "box->other: access / access"
    assert not look_again(make, finding)


def test_entries_that_are_taken_back_leave_nothing_behind() -> None:
    for seed in range(30):
        build = building(scripts(Random(f"back {seed}"), 3, 4))
        *_, one, other = logs(build, 40)
        ordering, fresh = Ordering(one.world.names.fields), Ordering(one.world.names.fields)
        ordering.starts = fresh.starts = {2 * task.name.done + 1 for task in other.world.tasks}
        for step in other.log:
            fresh.add(step)
        for length in range(other.shared + 1):
            for step in one.log[len(ordering) :]:
                ordering.add(step)
            ordering.truncate(length)
            for step in other.log[length:]:
                ordering.add(step)
            assert (ordering.races, ordering.clocks) == (fresh.races, fresh.clocks)
            ordering.truncate(length)


def test_two_accesses_of_one_place_in_a_row_are_one_race() -> None:
    async def adds(box: Box) -> None:
        await sleepable("x")
        box.data = box.data + 1
        box.data = box.data + 1

    def build(world: World) -> None:
        box = Box(world, "b")
        world.spawn(adds(box), "a")
        world.spawn(adds(box), "b")

    rule = DataRaces(making(build))
    (finding,) = rule.judge(Log.of(rule.make, Names(), []))
    assert finding.signature == "box->data: adds / adds"
    assert rule.ordering is not None
    assert len(rule.ordering.races) == 1


def test_a_buffered_memory_is_not_judged() -> None:
    """Races are judged where memory is sequentially consistent."""

    rule = DataRaces(making(two("write", "write")))
    log = Log.of(rule.make, Names(), [])
    assert rule.judge(log)
    log.world.memory = object()  # type: ignore[assignment]  # something
    assert rule.judge(log) == []


def test_a_report_can_be_made_into_bytes_and_back() -> None:
    (finding,) = races(two("write", "write")).values()
    report = pickle.loads(pickle.dumps(finding.report))
    assert isinstance(report, RaceReport)
    assert report == finding.report
