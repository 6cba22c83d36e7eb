"""What exploring eventfs of 6.8-rc1 shows, against what history says of it."""

import pytest

from lockwright.core.world import World
from model.eventfs.linux_6_8_rc1 import EVENTFS_DIR_INODE_INO, Eventfs68rc1
from model.eventfs.refcounted import EVENTFS_FILE_INODE_INO
from model.tracing.release import V6_8
from model.tracing.setup import Tracing, tracing
from model.vfs.attr import Stat
from model.vfs.err import ENOENT
from stress.corpus.e import ENTRIES
from stress.corpus.entry import Entry, run_before
from stress.workloads import (
    attributes,
    chown,
    drop_caches,
    hold_open,
    list_directory,
    list_open,
    remount,
    remove_event,
)
from tests.scenarios.refcounted import findings, kinds, said

DESIGN = "eventfs/linux_6_8_rc1"
PROMISE = "broken promise"
KP1 = "kprobes/kp1"
ENABLE = "kprobes/kp1/enable"


@pytest.mark.parametrize(
    "case",
    [
        "create_alone",
        "list_alone",
        "list_by_ones",
        "long_name",
        "mkdir_rmdir",
        "mount_gid_then_stat",
        "remount_while_listing",
        "remove_alone",
        "reproducer",
        "stat_alone",
        "stat_then_open",
        "stat_then_remove",
    ],
)
def test_one_user_alone_breaks_nothing(case: str) -> None:
    assert findings(f"{DESIGN}:{case}") == ()


def test_listing_needs_no_dentries_and_races_with_nobody() -> None:
    """E22, mended."""
    assert kinds(f"{DESIGN}:list_vs_list") == set()


def test_listing_that_makes_dentries_makes_one_twice() -> None:
    """E22: i_rwsem is held shared, and the mutex is dropped in between.  The search stops there."""
    (entry,) = [entry for entry in ENTRIES if entry.id == "E22" and isinstance(entry, Entry)]
    found = run_before(entry).finding
    assert found is not None
    assert [frame.function for frame in found.chain][:2] == ["d_instantiate", "create_file"]


def test_a_lookup_takes_a_reference_on_a_dentry_that_is_dying() -> None:
    """E18."""
    assert "refcount" in kinds(f"{DESIGN}:lookup_vs_shrink")


def test_a_position_that_counts_only_what_was_given_gives_it_twice() -> None:
    """E62."""
    assert said(f"{DESIGN}:list_by_ones", PROMISE, counts_every_entry=False)
    assert said(f"{DESIGN}:list_by_ones", PROMISE) == set()


def test_a_position_that_is_not_given_back_loses_a_child() -> None:
    """E62."""
    name = f"{DESIGN}:list_children_by_ones"
    lost = "a listing of kprobes misses kp1, which is there all the time"
    assert lost in said(name, PROMISE, gives_back_position=False)
    assert lost not in said(name, PROMISE)


def test_all_directories_have_one_number_before_rc2() -> None:
    """E63."""
    name = f"{DESIGN}:find_loops"
    assert "a directory has another inode number than the one it is in" in said(name, PROMISE)
    assert said(name, PROMISE, own_dir_ino=True) == set()


def test_tasks_that_meet_touch_no_freed_memory() -> None:
    for case in ("lookup_vs_lookup", "list_vs_lookup", "create_vs_remove", "remove_vs_remove"):
        assert kinds(f"{DESIGN}:{case}") <= {PROMISE}


# One user, step by step.


def mounted(*, own_dir_ino: bool = False, events: tuple[str, ...] = ("kp1",)) -> Tracing:
    world = World()
    fs = Eventfs68rc1(world, own_dir_ino=own_dir_ino)
    files = ("enable", "filter")
    return tracing(world, fs, V6_8, events=events, files=files, instances=("foo",))


def stat_of(at: Tracing, path: str) -> Stat:
    got = at.boot(attributes(at, path))
    assert isinstance(got, Stat)
    return got


def test_an_open_directory_pins_nothing_but_itself() -> None:
    at = mounted()
    file = at.boot(hold_open(at, KP1))
    assert at.boot(list_open(at, file)) == (".", "..", "enable", "filter")
    known = [
        d.path for d in at.sb.dentries if d.alive and d.path.startswith(f"tracing/events/{KP1}")
    ]
    assert known == [f"tracing/events/{KP1}"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, None])
def test_a_listing_is_the_same_in_any_buffer(limit: int | None) -> None:
    at = mounted(events=("kp1", "kp2", "kp3"))
    assert at.boot(list_directory(at, "kprobes", limit)) == ("kp1", "kp2", "kp3")
    assert at.boot(list_directory(at, KP1, limit)) == ("enable", "filter")


@pytest.mark.parametrize("limit", [1, 2, 3, 4, None])
def test_children_come_after_the_entries_in_any_buffer(limit: int | None) -> None:
    world = World()
    at = tracing(
        world,
        Eventfs68rc1(world),
        V6_8,
        events=("kp1", "kp2"),
        system_files=("enable", "filter"),
    )
    names = at.boot(list_directory(at, "kprobes", limit))
    assert sorted(names[:2]) == ["enable", "filter"]
    assert names[2:] == ("kp1", "kp2")


def test_numbers_are_those_of_their_kind() -> None:
    at = mounted()
    assert stat_of(at, ENABLE).ino == EVENTFS_FILE_INODE_INO
    assert stat_of(at, KP1).ino == stat_of(at, "kprobes").ino == EVENTFS_DIR_INODE_INO


def test_a_number_of_its_own_outlasts_the_inode() -> None:
    at = mounted(own_dir_ino=True)
    number = stat_of(at, KP1).ino
    for _ in range(3):
        at.boot(drop_caches(at))
    assert stat_of(at, KP1).ino == number
    assert stat_of(at, "kprobes").ino not in (number, EVENTFS_DIR_INODE_INO)


def test_the_top_directory_follows_the_owner_of_the_root() -> None:
    """Also where its own inode has been there all the time; an instance has its own."""
    at = mounted()
    assert at.boot(remount(at, "uid=6,gid=5")) == 0
    for path in ("", "kprobes", ENABLE):
        got = stat_of(at, path)
        assert (got.uid, got.gid) == (6, 5)
    got = stat_of(at, "/instances/foo/events/kprobes/kp1")
    assert (got.uid, got.gid) == (0, 0)


def test_an_owner_that_somebody_has_set_stays() -> None:
    at = mounted()
    assert at.boot(chown(at, "", 7, None)) == 0
    assert at.boot(remount(at, "uid=6,gid=5")) == 0
    got = stat_of(at, "")
    assert (got.uid, got.gid) == (7, 5)


def test_a_removed_directory_that_is_open_lists_nothing() -> None:
    at = mounted()
    file = at.boot(hold_open(at, KP1))
    assert at.boot(remove_event(at, "kp1")) == 0
    assert at.boot(list_open(at, file)) == -ENOENT


def test_an_instance_without_memory_for_a_name_leaves_an_inode_behind() -> None:
    """A06: the inode of `events` is there by then, and nobody puts it.  Gone in 6.8."""
    name = f"{DESIGN}:attempt_mkdir"
    behind = "tracefs_inode_cache tracing/instances/foo/events, allocated by mkdir, is left behind"
    for site in ("d_children", "eventfs_inode.name"):
        fails = f"eventfs_create_events_dir:{site}"
        assert said(name, "leak", fails=fails) == {behind}
        assert kinds(name, fails=fails) == {"leak", PROMISE}
    assert findings(name, fails="eventfs_create_events_dir:eventfs_inode") == ()
    assert said("eventfs/linux_6_8:attempt_mkdir", "leak", failures=1) == set()
