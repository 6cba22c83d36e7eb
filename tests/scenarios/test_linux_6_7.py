"""What exploring eventfs of 6.7 shows, against what history says of it."""

import pytest

from lockwright.core.world import World
from model.eventfs.directory import EventfsInode
from model.eventfs.layout import BEFORE_IS_EVENTS, Member, sizeof, with_is_events
from model.eventfs.linux_6_7 import Eventfs67
from model.tracing.release import V6_7
from model.tracing.setup import Tracing, tracing
from model.vfs.attr import Stat
from model.vfs.err import ENODEV, ENOENT
from stress.workloads import (
    attributes,
    chmod,
    chown,
    create_event,
    drop_caches,
    hold_open,
    list_directory,
    list_open,
    remount,
    remove_event,
    set_mode,
)
from tests.scenarios.refcounted import findings, kinds, places, said

DESIGN = "eventfs/linux_6_7"
UAF = "use-after-free"
PROMISE = "broken promise"
KP1 = "kprobes/kp1"
ENABLE = "kprobes/kp1/enable"
RECLAIMED = f"{DESIGN}:lookup_vs_remove_then_reclaim"


@pytest.mark.parametrize(
    "case",
    [
        "create_alone",
        "list_alone",
        "long_name",
        "mkdir_rmdir",
        "mount_gid_then_stat",
        "open_close_empty",
        "remount_while_listing",
        "remove_alone",
        "remove_enabled",
        "reproducer",
        "stat_alone",
        "stat_then_open",
        "stat_then_remove",
        "write_alone",
    ],
)
def test_one_user_alone_breaks_nothing(case: str) -> None:
    assert findings(f"{DESIGN}:{case}") == ()


@pytest.mark.parametrize(
    "case",
    [
        "close_vs_close",
        "create_vs_remove",
        "lookup_held_vs_remove",
        "lookup_vs_create",
        "lookup_vs_lookup",
        "open_close_vs_open_close",
        "open_two_cold",
        "open_vs_lookup",
        "open_vs_open",
        "open_vs_remove",
        "remove_vs_remove",
    ],
)
def test_tasks_that_meet_touch_no_freed_memory_and_wait_in_no_circle(case: str) -> None:
    """What is left are broken promises: negative dentries that others see, and what leaks."""
    assert kinds(f"{DESIGN}:{case}") <= {PROMISE}


# Where dentries and directories point to each other, and nobody counts.


def test_an_open_takes_a_reference_on_a_dentry_that_is_dying() -> None:
    """E18: the shrinker has marked it, and d_iput() has not told its directory yet."""
    name = f"{DESIGN}:open_vs_prune"
    assert said(name, "refcount") == {
        "reference taken on dentry tracing/events/kprobes/kp1/enable, which is being killed"
    }
    (found,) = [f for f in findings(name) if f.kind == "refcount"]
    chain = [frame.function for frame in found.chain]
    assert chain[:3] == ["dget", "create_file_dentry", "dcache_dir_open_wrapper"]


def test_a_lookup_that_finds_a_dying_dentry_misses_the_file() -> None:
    """E18: it takes no reference, and what it has hashed stays negative."""
    name = f"{DESIGN}:lookup_vs_shrink"
    missed = "stat of kprobes/kp1/enable fails, although it is there all the time"
    assert {f.message for f in findings(name)} == {missed}


def test_a_negative_dentry_is_published_before_the_inode() -> None:
    """E19."""
    assert "stat of kprobes/kp1/enable fails, although it is there all the time" in said(
        f"{DESIGN}:lookup_vs_lookup", PROMISE
    )


def test_a_directory_can_be_opened_before_its_inode_leads_to_it() -> None:
    """E36: the dentry is positive, ti->private is not set: -EINVAL."""
    assert "opens kprobes/kp1 gives 0 or -2, not -22" in said(f"{DESIGN}:lookup_vs_open", PROMISE)


@pytest.mark.slow
def test_a_recycled_inode_leads_to_a_removed_directory() -> None:
    """E35."""
    name = f"{DESIGN}:recycled_vs_lookup"
    (stale,) = said(name, UAF)
    assert stale.startswith("use-after-free: read of eventfs_inode kp3->is_freed, freed by")
    assert places(name, UAF) == {"eventfs_root_lookup"}
    assert said(name, UAF, zeroes_inodes=True) == set()


def test_an_open_that_meets_a_removal_leaks_a_dentry() -> None:
    """lookup_one_len() gives back what its own ->lookup left unhashed, since the ei is freed;
    made positive, and found to be too late, nobody puts it, and no removal sees it."""
    leaked = "dentry tracing/events/kprobes/kp1/enable has 1 references, and 0 owners"
    assert leaked in said(f"{DESIGN}:open_vs_remove", PROMISE)
    assert leaked not in said(f"{DESIGN}:open_vs_remove", PROMISE, drops_unused=True)


# What was mended on the way to the release.


def test_the_first_form_waited_for_itself_under_memory_pressure() -> None:
    """E05: the shrinker, inside an allocation with the mutex held, needs the mutex."""
    name = f"{DESIGN}:chmod_under_pressure"
    (found,) = [f for f in findings(name, allocates_nofs=False) if f.kind == "deadlock"]
    chain = [frame.function for frame in found.chain]
    assert chain[:3] == ["eventfs_set_ei_status_free", "tracefs_dentry_iput", "__dentry_kill"]
    assert chain[-1] == "__x64_sys_fchmodat"
    assert kinds(name) == set()


def test_a_long_name_made_the_looker_wait_for_itself() -> None:
    """E06."""
    name = f"{DESIGN}:long_name"
    (found,) = findings(name, stops_at_long_name=False)
    assert found.kind == "deadlock"
    assert [frame.function for frame in found.chain][:4] == [
        "d_alloc_parallel",
        "__lookup_slow",
        "lookup_one_len",
        "eventfs_start_creating",
    ]


def test_an_open_locked_its_directory_for_each_child() -> None:
    """E09."""
    torn = "the open of tracing/events/kprobes/kp1 has locked it 2 times to make what is in it"
    name = f"{DESIGN}:open_two_cold"
    assert torn in said(name, PROMISE, locks_whole_open=False)
    assert torn not in said(name, PROMISE)


def test_a_freed_directory_has_dentries_until_their_last_reference_goes() -> None:
    """E17: the assertion that it has none is wrong, in the function that makes dentries."""
    name = f"{DESIGN}:open_vs_remove"
    assert said(name, "WARN", freed_has_no_dentry=True) == {
        "WARN_ON_ONCE(a freed ei with a dentry)"
    }
    assert said(name, "WARN") == set()


def test_without_recursive_removal_a_ghost_stays() -> None:
    """E21."""
    ghost = "kprobes/kp1 is found after its removal has returned"
    name = f"{DESIGN}:stat_then_remove"
    assert ghost in said(name, PROMISE, recursive_removal=False)


@pytest.mark.parametrize("switch", [{"gets_events_dentry": True}, {"own_events_removal": False}])
def test_the_events_directory_of_an_instance_leaked(switch: dict[str, bool]) -> None:
    """E23, E24."""
    assert "dentry tracing/instances/foo/events has 1 references, and 0 owners" in said(
        f"{DESIGN}:mkdir_rmdir", PROMISE, **switch
    )


@pytest.mark.slow
def test_a_mark_that_lies_over_the_callback_reads_as_unset_again() -> None:
    """E27: a dentry is made for what is removed, and outlives it."""
    late = "use-after-free: read of eventfs_inode kp1->dentry, freed by softirq:free_rcu_ei"
    without = said(RECLAIMED, UAF, hooks_dentries=True, own_freed_bit=False)
    assert any(message.startswith(late) for message in without)
    mended = said(RECLAIMED, UAF, hooks_dentries=True)
    assert not any(message.startswith(late) for message in mended)


@pytest.mark.parametrize("switch", [{"hooks_dentries": True}, {"ei_waits_for_dentry": False}])
def test_an_open_directory_led_to_a_freed_one(switch: dict[str, bool]) -> None:
    """E32."""
    name = f"{DESIGN}:lookup_held_vs_remove"
    (message,) = said(name, UAF, **switch)
    assert message.startswith(
        "use-after-free: read of eventfs_inode kp1->is_freed, freed by softirq:free_rcu_ei"
    )
    assert places(name, UAF, **switch) == {"eventfs_root_lookup"}


def test_a_callback_ran_on_the_data_of_a_removed_event() -> None:
    """E34: eventfs_srcu keeps the directory, not what the callback is given."""
    name = f"{DESIGN}:hidden_vs_remove"
    assert "event_callback" in places(name, UAF, hooks_dentries=True, callback_under_mutex=False)
    assert "event_callback" not in places(name, UAF, hooks_dentries=True)


def test_creating_below_a_removed_directory_gives_null() -> None:
    """E48: and whoever looks for error pointers only follows it."""
    name = f"{DESIGN}:make_below_removed"
    assert said(name, "NULL pointer dereference") == {
        "NULL pointer dereference: name of a NULL pointer"
    }
    assert said(name, "NULL pointer dereference", create_says_busy=True) == set()


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


def test_a_failed_creation_followed_what_it_had_not_got() -> None:
    """E50."""
    name = f"{DESIGN}:mkdir_without_memory"
    assert places(name, "NULL pointer dereference", fails_by_stage=False) == {
        "eventfs_create_events_dir"
    }


def test_a_cursor_in_the_way_of_a_new_gid() -> None:
    """E60."""
    assert kinds(f"{DESIGN}:remount_while_listing", skips_cursors=False) == {
        "NULL pointer dereference"
    }


# One user, step by step.


def mounted(*, events: tuple[str, ...] = ("kp1",)) -> Tracing:
    world = World()
    return tracing(world, Eventfs67(world), V6_7, events=events, files=("enable", "filter"))


def stat_of(at: Tracing, path: str) -> Stat:
    got = at.boot(attributes(at, path))
    assert isinstance(got, Stat)
    return got


def test_the_arrays_of_entries_are_static() -> None:
    """Files cost nothing until somebody looks: each directory points to one of three arrays."""
    at = mounted(events=("kp1", "kp2"))
    directories = [obj for obj in at.sb.world.objects if isinstance(obj, EventfsInode)]
    assert [ei.name for ei in directories] == ["events", "kprobes", "kp1", "kp2"]
    assert directories[2].peek("entries") is directories[3].peek("entries")
    assert [d.path for d in at.sb.dentries] == ["tracing", "tracing/events"]


def test_what_an_open_directory_pins_is_not_reclaimed() -> None:
    at = mounted()
    file = at.boot(hold_open(at, KP1))
    at.boot(drop_caches(at))
    assert at.boot(list_open(at, file)) == (".", "..", "filter", "enable")
    paths = {d.path for d in at.sb.dentries if d.alive}
    assert f"tracing/events/{KP1}/filter" in paths


def test_attributes_outlast_the_inode() -> None:
    at = mounted()
    assert at.boot(chmod(at, ENABLE, 0o600)) == 0
    assert at.boot(chown(at, ENABLE, 1, 2)) == 0
    assert at.boot(chown(at, KP1, 3, 4)) == 0
    for _ in range(3):
        at.boot(drop_caches(at))
    file, directory = stat_of(at, ENABLE), stat_of(at, KP1)
    assert (file.mode, file.uid, file.gid) == (0o600, 1, 2)
    assert (directory.uid, directory.gid) == (3, 4)
    assert stat_of(at, f"{KP1}/filter").mode != 0o600


def test_a_new_gid_reaches_what_has_no_inode_and_what_somebody_had_set() -> None:
    at = mounted()
    assert at.boot(chown(at, ENABLE, 1, 2)) == 0
    assert at.boot(remount(at, "gid=5,uid=6")) == 0
    for _ in range(3):
        at.boot(drop_caches(at))
    assert (stat_of(at, ENABLE).uid, stat_of(at, ENABLE).gid) == (1, 5)
    assert (stat_of(at, KP1).uid, stat_of(at, KP1).gid) == (0, 5)


def test_a_removed_directory_that_is_open_gives_errors_and_no_oops() -> None:
    at = mounted()
    file = at.boot(hold_open(at, KP1))
    assert at.boot(remove_event(at, "kp1")) == 0
    assert at.boot(list_open(at, file)) == -ENOENT
    assert at.boot(set_mode(at, file, 0o700)) == -ENODEV
    assert at.boot(attributes(at, KP1)) == -ENOENT


def test_a_directory_made_again_is_another_one() -> None:
    at = mounted(events=())
    at.expect("kp2")
    for _ in range(2):
        assert at.boot(create_event(at, "kp2")) == 0
        assert at.boot(list_directory(at, "kprobes/kp2")) == ("filter", "enable")
        assert at.boot(remove_event(at, "kp2")) == 0
    dead = [obj for obj in at.sb.world.objects if isinstance(obj, EventfsInode) and not obj.alive]
    assert [ei.name for ei in dead] == ["kp2", "kp2"]


# The size of a directory.  What a compiler says of these structs on x86-64 and i386 stands here.


@pytest.mark.parametrize(("pointer", "size"), [(8, 128), (4, 68)])
def test_an_eventfs_inode_is_as_large_as_the_compiler_makes_it(pointer: int, size: int) -> None:
    assert sizeof(with_is_events(nr_entries=30), pointer) == size
    assert sizeof(BEFORE_IS_EVENTS, pointer) == size


def test_a_bit_too_many_takes_an_int_which_64_bits_have_room_for() -> None:
    """E61."""
    assert sizeof(with_is_events(nr_entries=31), pointer=4) == 72
    assert sizeof(with_is_events(nr_entries=31), pointer=8) == 128


def test_the_room_is_what_the_inode_number_of_6_8_lies_in() -> None:
    number = Member("ino", ints=1)
    assert sizeof((*with_is_events(nr_entries=30), number), pointer=8) == 128
    assert sizeof((*with_is_events(nr_entries=31), number), pointer=8) == 136


@pytest.mark.parametrize(
    ("members", "size"),
    [
        ((Member("bits", bits=32), Member("bit", bits=1)), 8),
        ((Member("bit", bits=1), Member("bits", bits=32)), 8),
        ((Member("bit", bits=1), Member("pointer", pointers=1)), 16),
        ((Member("int", ints=1), Member("pointer", pointers=1), Member("int", ints=1)), 24),
        ((Member("int", ints=3), Member("bit", bits=1)), 16),
        ((Member("bits", bits=20), Member("bits", bits=20), Member("bits", bits=20)), 16),
        ((Member("bits", bits=20), Member("bits", bits=12), Member("bits", bits=20)), 8),
    ],
)
def test_members_are_laid_out_by_their_alignment(members: tuple[Member, ...], size: int) -> None:
    assert sizeof(members, pointer=8) == size


def test_every_directory_asks_for_an_int_more() -> None:
    """E61: events, kprobes, kp1 and kp2, on 32 bits alone."""
    name = f"{DESIGN}:size_of_directories"
    assert said(name, PROMISE, bits_fill_int=False, is_64bit=False) == {
        "4 directories ask for 16 bytes more than without is_events, 4 each"
    }
    assert findings(name, is_64bit=False) == ()
    assert findings(name, bits_fill_int=False) == ()
    assert findings(name) == ()
