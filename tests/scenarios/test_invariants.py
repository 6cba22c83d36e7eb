"""Each invariant holds over a world that is in order, and says what is wrong with one that is not.

The designs break most of them by themselves (tests/scenarios), faults the rest (tests/mutants).
"""

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from invariants import dentries, events, metadata, names, numbers, results, tracing
from invariants.__main__ import main
from invariants.catalogue import CATALOGUE, checks
from invariants.fairness import writer_is_not_overtaken
from invariants.objects import eventfs_inodes
from lockwright.core.world import World
from lockwright.kernel.slab import Slab
from lockwright.scenario import Check
from model.eventfs.latest import EventfsLatest
from model.eventfs.v3 import Eventfs3
from model.tracefs.inode import TRACEFS_EVENT_INODE, TracefsInode
from model.tracing.core import EVENT_FILE_FL_FREED, TraceArray, TraceEventCall, TraceEventFile
from model.tracing.release import V7_3
from model.tracing.setup import Outcome, Tracing
from model.tracing.setup import tracing as mount
from model.vfs.dcache import slot_of
from model.vfs.err import EBUSY, EINVAL, ENODEV, ENOENT
from model.vfs.objects import Dentry, File
from stress.corpus import ENTRIES
from stress.scenarios.promises import AT_END
from tests.model.alone import mounted as mounted_v3
from tests.mutants.test_mutants import MUTANTS

KP1 = "kprobes/kp1"
ENABLE = "kprobes/kp1/enable"
Breaks = Callable[[Tracing], object]


def mounted() -> Tracing:
    """The newest design, with an instance, and the event kp1 cached in the top one."""
    world = World()
    at: Tracing = mount(world, EventfsLatest(world), V7_3, instances=("foo",))
    at.warm(ENABLE)
    return at


def dentry_of(at: Tracing, path: str) -> Dentry:
    """The cached dentry of a path below `events`."""
    (found,) = [d for d in at.sb.dentries if d.alive and d.path == f"tracing/events/{path}"]
    return found


def ei_of(at: Tracing, name: str) -> Slab:
    """The top instance's eventfs_inode of this name: it was made first."""
    return next(ei for ei in eventfs_inodes(at.sb.world) if ei.name == name)


def outcome(call: str, path: str, result: object) -> Breaks:
    """Somebody's call gave this."""
    return lambda at: at.outcomes.append(Outcome(call, path, result))  # type: ignore[arg-type]


def poked(of: Callable[[Tracing], Slab], field: str, value: object) -> Breaks:
    """A field has another value."""
    return lambda at: of(at).poke(field, value)


def freed(of: Callable[[Tracing], Slab]) -> Breaks:
    """An object's life has ended."""

    def end(at: Tracing) -> None:
        of(at).life.value = "somebody"

    return end


def dentry(path: str) -> Callable[[Tracing], Dentry]:
    return lambda at: dentry_of(at, path)


def ei(name: str) -> Callable[[Tracing], Slab]:
    return lambda at: ei_of(at, name)


def event(at: Tracing) -> TraceEventFile:
    return at.events["kp1"]


def second_dentry(at: Tracing) -> None:
    known = dentry_of(at, KP1)
    other = Dentry(at.sb, known.d_parent, "kp1")
    other.d_parent = known.d_parent
    slot_of(known).put(((known, False), (other, False)))


def stray(at: Tracing) -> None:
    other = Dentry(at.sb, at.sb.s_root, "enable")
    other.d_parent = at.sb.s_root
    other.d_inode = inode = TracefsInode(at.sb, "enable")
    inode.flags = TRACEFS_EVENT_INODE


def orphan(at: Tracing) -> None:
    TracefsInode(at.sb, "orphan")


def open_and_removed(at: Tracing) -> None:
    file = File(at.sb.world, "enable")
    file.f_dentry = dentry_of(at, ENABLE)
    file.private_data = event(at)
    event(at).life.value = "somebody"
    at.sb.files.append(file)


def unlisted(at: Tracing) -> None:
    ei_of(at, "kprobes").peek("children").value = ()


def forgotten(at: Tracing) -> None:
    gone = ei_of(at, "kp1")
    gone.poke("is_freed", True)
    for cached in (dentry_of(at, ENABLE), dentry_of(at, KP1)):
        cached.poke("d_fsdata", None)


def lost_event(at: Tracing) -> None:
    at.tr.poke("events", ())


def lost_instance(at: Tracing) -> None:
    TraceArray(at.core, "bar")


def lost_call(at: Tracing) -> None:
    TraceEventCall(at.sb.world, "kp9")


def surplus_reference(at: Tracing) -> None:
    event(at).ref.value += 1


def surplus_kref(at: Tracing) -> None:
    ei_of(at, "kp1").peek("kref").value += 1


def same_number(at: Tracing) -> None:
    ei_of(at, "kp1").poke("ino", ei_of(at, "kprobes").peek("ino"))


def half_removed(at: Tracing) -> None:
    at.outcomes.append(Outcome("remove", KP1, -EBUSY))
    ei_of(at, "kp1").poke("is_freed", True)


def other_number(at: Tracing) -> None:
    ei_of(at, "kp1").poke("ino", 98)
    dentry_of(at, KP1).peek("d_inode").poke("i_ino", 99)


BROKEN: list[tuple[Check, Breaks, str]] = [
    (
        names.removed_is_gone,
        outcome("stat after remove", KP1, 0),
        "kprobes/kp1 is found after its removal has returned",
    ),
    (
        names.existing_is_found,
        outcome("stat", KP1, -ENOENT),
        "stat of kprobes/kp1 fails, although it is there all the time",
    ),
    (
        names.existing_is_found,
        outcome("open", "/instances/foo/events/kprobes/kp1/enable", -ENODEV),
        "open of /instances/foo/events/kprobes/kp1/enable fails, although it is there all the time",
    ),
    (
        names.missing_is_not_found,
        outcome("stat", "kprobes/kp9", 0),
        "stat of kprobes/kp9 succeeds, although it is not there",
    ),
    (
        names.listing_is_complete,
        outcome("list", KP1, ("enable", "enable")),
        "a listing of kprobes/kp1 has enable 2 times",
    ),
    (
        names.listing_is_complete,
        outcome("list", KP1, ()),
        "a listing of kprobes/kp1 misses enable, which is there all the time",
    ),
    (
        names.listing_is_complete,
        outcome("list", "kprobes", ("kp1", "kp9")),
        "a listing of kprobes has kp9, which is not there",
    ),
    (
        names.listing_is_complete,
        outcome("list", KP1, -EINVAL),
        "a listing of kprobes/kp1 gives -22",
    ),
    (results.results_are_allowed, outcome("chmod", KP1, -EINVAL), "chmod of kprobes/kp1 gives -22"),
    (
        numbers.a_name_has_one_number,
        lambda at: [outcome("number", KP1, n)(at) for n in (5, 6)],
        "kprobes/kp1 has the inode numbers 5 and 6",
    ),
    (
        numbers.directories_have_numbers_of_their_own,
        lambda at: [outcome("number", path, 5)(at) for path in (KP1, "kprobes")],
        "kprobes/kp1 and kprobes have one inode number",
    ),
    (
        numbers.directories_have_numbers_of_their_own,
        outcome("number", KP1, numbers.FILE_INO),
        "the directory kprobes/kp1 has the inode number 19680823",
    ),
    (
        numbers.inodes_have_their_numbers,
        other_number,
        "tracing/events/kprobes/kp1 has the inode number 99, and 98 is kept for it",
    ),
    (
        numbers.kept_numbers_differ,
        same_number,
        "eventfs_inode kprobes and eventfs_inode kp1 keep one inode number",
    ),
    (
        dentries.dentry_counts,
        poked(dentry(KP1), "d_count", 2),
        "dentry tracing/events/kprobes/kp1 has 2 references, and 1 owners",
    ),
    (
        dentries.one_hashed_dentry_a_name,
        second_dentry,
        "tracing/events/kprobes/kp1 is hashed twice in one directory",
    ),
    (
        dentries.no_lookup_left,
        poked(dentry(KP1), "d_in_lookup", True),
        "tracing/events/kprobes/kp1 is still in lookup",
    ),
    (
        dentries.unused_is_found,
        poked(dentry(ENABLE), "d_hashed", False),
        "dentry tracing/events/kprobes/kp1/enable is neither used nor hashed, and not freed",
    ),
    (
        dentries.used_is_found,
        poked(dentry(KP1), "d_hashed", False),
        "dentry tracing/events/kprobes/kp1 is in use, and its name does not lead to it",
    ),
    (
        dentries.inodes_have_dentries,
        orphan,
        "inode orphan has no dentry, and is not freed",
    ),
    (
        dentries.nothing_at_the_root,
        stray,
        "enable, a file of an event, is made at the root of tracefs",
    ),
    (
        events.busy_changes_nothing,
        half_removed,
        "the removal of kprobes/kp1 says EBUSY, and has freed its directory",
    ),
    (
        events.open_event_is_busy,
        open_and_removed,
        "tracing/events/kprobes/kp1/enable is open, and its event has been removed",
    ),
    (
        metadata.directories_are_counted,
        surplus_kref,
        "eventfs_inode kp1 has 4 references, and 3 owners",
    ),
    (
        metadata.freed_is_off_the_list,
        poked(ei("kp1"), "is_freed", True),
        "eventfs_inode kp1 is freed, and on the list of eventfs_inode kprobes",
    ),
    (
        metadata.freed_is_off_the_list,
        unlisted,
        "eventfs_inode kp1 is on no list, and not freed",
    ),
    (
        metadata.removed_is_forgotten,
        forgotten,
        "eventfs_inode kp1 is removed, nothing leads to it, and it is not freed",
    ),
    (
        tracing.data_is_there,
        freed(event),
        (
            "tracing/events/kprobes/kp1/enable can be found, and leads to trace_event_file kp1, "
            "which is freed"
        ),
    ),
    (
        tracing.event_files_are_counted,
        surplus_reference,
        "trace_event_file kp1 has 3 references, and 2 owners",
    ),
    (
        tracing.event_files_are_listed,
        poked(event, "flags", EVENT_FILE_FL_FREED),
        "trace_event_file kp1 is freed, and on the list of its instance",
    ),
    (
        tracing.event_files_are_listed,
        lost_event,
        "trace_event_file kp1 is on no list, and not freed",
    ),
    (tracing.events_are_listed, lost_call, "trace_event_call kp9 is on no list, and not freed"),
    (tracing.events_are_listed, lost_event, "trace_probe_event kp1 is in trace_array 0 times"),
    (
        tracing.instances_are_counted,
        poked(lambda at: at.instances["foo"], "ref", 2),
        "trace_array foo has 2 references, and 1 owner",
    ),
    (
        tracing.instances_are_listed,
        lost_instance,
        "trace_array bar is on no list, and not freed",
    ),
    (
        tracing.instances_are_listed,
        freed(lambda at: at.instances["foo"]),
        "trace_array foo is freed, and on the list",
    ),
    (
        tracing.systems_are_counted,
        poked(lambda at: event(at).peek("system"), "nr_events", 5),
        "trace_subsystem_dir kprobes has 5 events and 1 references, and 2 events and 1 owners",
    ),
    (
        tracing.systems_are_counted,
        poked(lambda at: event(at).peek("system").peek("subsystem"), "ref_count", 1),
        "event_subsystem kprobes has 1 references, and 2 owners",
    ),
]


@pytest.mark.parametrize(
    ("check", "breaks", "sentence"), BROKEN, ids=[f"{b[0].__name__}: {b[2]}" for b in BROKEN]
)
def test_an_invariant_says_what_is_wrong(check: Check, breaks: Breaks, sentence: str) -> None:
    at = mounted()
    assert list(check(at.sb.world)) == []
    breaks(at)
    assert list(check(at.sb.world)) == [sentence]


def test_every_check_has_a_world_that_breaks_it() -> None:
    assert {*checks()} <= {check for check, _, _ in BROKEN}


def test_a_polling_writer_is_overtaken() -> None:
    at = mounted_v3("v3")
    assert list(writer_is_not_overtaken(at.sb.world)) == []
    assert isinstance(at.fs, Eventfs3)
    at.fs.rwsem.overtakes = 1
    assert list(writer_is_not_overtaken(at.sb.world)) == [
        "a reader that asked after a writer got eventfs_rwsem before it"
    ]


def test_what_somebody_removes_or_makes_may_be_missing() -> None:
    at = mounted()
    at.outcomes += [
        Outcome("remove", KP1, 0),
        Outcome("stat", ENABLE, -ENOENT),
        Outcome("list", KP1, ()),
        Outcome("list", KP1, -EINVAL),
        Outcome("list", "kprobes", ()),
        Outcome("stat", "/instances/foo/events/kprobes/kp1", -ENOENT),
        Outcome("stat after remove", KP1, -ENOENT),
    ]
    for check in (names.existing_is_found, names.listing_is_complete, names.removed_is_gone):
        assert list(check(at.sb.world)) == []


def test_what_is_refused_has_changed_nothing() -> None:
    at = mounted()
    at.outcomes += [Outcome("remove", KP1, -EBUSY), Outcome("stat", ENABLE, -ENOENT)]
    assert list(names.existing_is_found(at.sb.world)) == [
        "stat of kprobes/kp1/enable fails, although it is there all the time"
    ]


def test_every_scenario_of_a_design_keeps_the_whole_catalogue() -> None:
    assert checks() == AT_END
    ids = [one.id for one in CATALOGUE]
    assert len(ids) == len({*ids})
    assert all(one.checks or one.rules or one.special for one in CATALOGUE)


def test_what_breaks_a_promise_is_there() -> None:
    known = {entry.id for entry in ENTRIES} | {mutant.says for mutant in MUTANTS}
    missing = [(one.id, what) for one in CATALOGUE for what in one.broken_by if what not in known]
    assert missing == []


def test_the_catalogue_is_printed() -> None:
    shown = CliRunner().invoke(main, env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    for one in CATALOGUE:
        assert one.id in shown.output
        assert all(check.__name__ in shown.output for check in one.checks)
