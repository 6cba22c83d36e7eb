"""eventfs v3, v4 and 6.6, one user at a time."""

import pytest

from model.eventfs.v3 import Eventfs3
from model.tracing.core import EVENT_FILE_FL_ENABLED
from model.tracing.setup import Tracing
from model.vfs.attr import Iattr
from model.vfs.err import EBUSY, EEXIST, ENOENT
from model.vfs.objects import DEAD, Dentry, File
from stress.workloads import (
    attributes,
    chmod,
    close,
    create_event,
    drop_caches,
    hold_open,
    list_directory,
    mode_of,
    open_and_close,
    read_file,
    read_open,
    remount,
    remove_event,
    remove_then_stat,
    stat,
    stat_from,
)
from tests.model.alone import DESIGNS, chains, found, mounted, references, run

every = pytest.mark.parametrize("design", list(DESIGNS))

KP1 = "kprobes/kp1"
ENABLE = "kprobes/kp1/enable"


def dentry_of(at: Tracing, path: str) -> Dentry:
    """The living dentry of a path below `events`."""
    (dentry,) = (
        d
        for d in at.sb.dentries
        if d.alive and d.path == f"tracing/events/{path}" and d.peek("d_count") != DEAD
    )
    return dentry


@every
def test_a_lookup_leaves_dentries_that_nobody_uses(design: str) -> None:
    at = mounted(design)
    run(at, stat(at, ENABLE))
    assert references(at) == {
        "events": 2,
        "events/kprobes": 1,
        "events/kprobes/kp1": 1,
        "events/kprobes/kp1/enable": 0,
    }


@every
def test_an_event_that_was_made_is_found_and_read(design: str) -> None:
    at = mounted(design)
    at.expect("kp2")
    run(at, create_event(at, "kp2"))
    run(at, read_file(at, "kprobes/kp2/enable"))
    assert [done.result for done in at.outcomes] == [0, 0, "0\n"]
    assert found(at) == []


@every
def test_an_event_is_made_once(design: str) -> None:
    at = mounted(design)
    assert run(at, create_event(at, "kp1")).result == -EEXIST


@every
def test_a_removed_event_is_gone_with_all_its_objects(design: str) -> None:
    at = mounted(design)
    file = at.events["kp1"]
    run(at, remove_then_stat(at, "kp1"))
    assert [done.result for done in at.outcomes] == [0, -ENOENT]
    assert not file.alive
    left = [obj.name for obj in at.sb.world.objects if obj.alive and "eventfs" in obj.cache]
    assert left == ["events", "kprobes", "kprobes"]
    assert at.events == {}
    assert found(at) == []


@every
def test_removing_an_unknown_event_fails(design: str) -> None:
    at = mounted(design)
    assert run(at, remove_event(at, "kp9")).result == -ENOENT


@every
@pytest.mark.parametrize("why", ["enabled", "perf", "open"])
def test_an_event_in_use_is_busy_and_stays(design: str, why: str) -> None:
    at = mounted(design, flags={"open_is_busy": True})
    event = at.events["kp1"]
    if why == "enabled":
        event.flags |= EVENT_FILE_FL_ENABLED
    elif why == "perf":
        event.event_call.perf_refcount = 1
    else:
        run(at, hold_open(at, ENABLE))
    assert run(at, remove_event(at, "kp1")).result == -EBUSY
    assert run(at, stat(at, ENABLE)).result == 0
    assert found(at) == []


@every
def test_a_closed_file_keeps_nobody_busy(design: str) -> None:
    at = mounted(design, rcu_late=True, flags={"open_is_busy": True})
    run(at, read_file(at, ENABLE))
    assert run(at, remove_event(at, "kp1")).result == 0


@every
def test_without_a_busy_rule_a_file_open_over_the_removal_reads_freed_memory(design: str) -> None:
    """E51, E52: the core frees the trace_event_file, and the open file's inode still leads to it.

    In v3 and v4 the dentry is over-put as well; an additional reference keeps that out.
    """
    at = mounted(design)
    file: File = run(at, hold_open(at, ENABLE)).result
    for path in (KP1, ENABLE):
        dentry_of(at, path).d_count += 5
    run(at, remove_event(at, "kp1"))
    run(at, read_open(at, file))
    (said,) = found(at)
    assert said.endswith(
        "read of trace_event_file kp1->flags, freed by user in remove_event_file_dir()"
    )


def test_v3_removes_what_was_looked_up_by_dropping_a_reference_nobody_took() -> None:
    """A lookup leaves dentries with no reference; the removal puts each of them all the same."""
    at = mounted("v3")
    run(at, stat(at, ENABLE))
    run(at, remove_event(at, "kp1"))
    assert found(at) == [
        f"refcount: reference dropped on dentry tracing/events/kprobes/{path}, which has none"
        for path in ("kp1/enable", "kp1")
    ]


def test_v4_removes_what_was_looked_up_when_nothing_comes_between() -> None:
    """The work item runs when the removal has ended, and finds no dentry any more; and no RCU
    grace period ends while d_invalidate() still looks at the directory that it has killed.

    The directory above loses its last reference in the shrinker, too, and goes with it.
    """
    at = mounted("v4", rcu_late=True)
    run(at, stat(at, ENABLE))
    run(at, remove_event(at, "kp1"))
    assert found(at) == []
    assert [path for path, count in references(at).items() if count != DEAD] == ["events"]


def test_v4_invalidates_a_directory_without_holding_it() -> None:
    """The children were the directory's last references: it dies under d_invalidate()."""
    at = mounted("v4")
    run(at, stat(at, ENABLE))
    run(at, remove_event(at, "kp1"))
    (finding,) = at.sb.world.findings
    assert finding.signature == "read of dentry->d_count"
    assert [frame.function for frame in finding.chain][:2] == [
        "shrink_dcache_parent",
        "d_invalidate",
    ]


def test_6_6_holds_what_it_invalidates_and_leaves_nothing_behind() -> None:
    at = mounted("linux_6_6")
    run(at, stat(at, ENABLE))
    run(at, remove_event(at, "kp1"))
    assert found(at) == []
    assert references(at) == {"events": 2, "events/kprobes": 0}


async def open_remove_close(at: Tracing) -> None:
    file = await hold_open(at, KP1)
    await remove_event(at, "kp1")
    await close(at, file)


def test_v4_drops_the_parents_reference_once_too_often_after_a_directory_was_open() -> None:
    """E10, the page fault of the mail thread, with k = 2 files.

    Open, remove, close, then the work item: D has 2 references, its children 1 each.  D is put
    first; the child that was added last is killed and puts D, which is killed, too, while its ef
    is freed already.  Where nobody notices that write, the other child's d_iput() comes next and
    finds no inode at D: the scenario list_vs_remove_rcu_late has it.
    """
    at = mounted("v4", "enable", "filter", rcu_late=True)
    run(at, open_remove_close(at))
    (finding,) = (f for f in at.sb.world.findings if f.fatal)
    assert finding.signature == "use of eventfs_file->created"
    assert "eventfs_file kp1->created, freed by kworker" in finding.message
    assert [frame.function for frame in finding.chain][:5] == [
        "eventfs_set_ef_status_free",
        "tracefs_dentry_iput",
        "__dentry_kill",
        "dput",
        "eventfs_workfn",
    ]


def test_6_6_puts_each_dentry_of_an_open_directory_once() -> None:
    at = mounted("linux_6_6", "enable", "filter")
    run(at, open_remove_close(at))
    assert found(at) == []
    assert references(at) == {"events": 2, "events/kprobes": 0}


@every
def test_opening_twice_and_closing_twice_is_balanced(design: str) -> None:
    at = mounted(design, "enable", "filter")
    for _ in range(2):
        run(at, open_and_close(at, KP1))
    run(at, list_directory(at, "kprobes"))
    assert references(at) == {
        "events": 2,
        "events/kprobes": 1,
        "events/kprobes/kp1": 2,
        "events/kprobes/kp1/enable": 0,
        "events/kprobes/kp1/filter": 0,
    }
    assert found(at) == []


@every
def test_a_listing_gives_the_files_and_ends(design: str) -> None:
    at = mounted(design, "enable", "filter")
    assert set(run(at, list_directory(at, KP1)).result) == {"enable", "filter"}


@every
def test_a_missing_name_is_not_found_and_not_cached(design: str) -> None:
    at = mounted(design)
    assert run(at, stat(at, f"{KP1}/missing")).result == -ENOENT
    assert "events/kprobes/kp1/missing" not in references(at)


@every
def test_inodes_come_back_after_reclaim_with_another_number(design: str) -> None:
    """E64."""
    at = mounted(design)
    before = run(at, attributes(at, KP1)).result
    run(at, drop_caches(at))
    assert references(at) == {"events": 1}
    after = run(at, attributes(at, KP1)).result
    assert after.ino != before.ino
    assert (after.mode, after.directory) == (before.mode, True) == (0o755, True)


def test_the_mode_of_a_file_is_lost_to_reclaim_unless_it_is_saved() -> None:
    lost, kept = mounted("linux_6_6"), mounted("linux_6_6", saves_attributes=True)
    modes = []
    for at in (lost, kept):
        run(at, chmod(at, ENABLE, 0o400))
        run(at, drop_caches(at))
        modes.append(run(at, mode_of(at, ENABLE)).result)
    assert modes == [0o640, 0o400]


def test_a_mode_of_a_removed_directory_cannot_be_set() -> None:
    """6.6.y: -ENODEV; here the directory's ef is not freed yet."""
    at = mounted("linux_6_6", saves_attributes=True, freed_bit=True)
    run(at, stat(at, KP1))
    dentry = dentry_of(at, KP1)
    ef = dentry.peek("d_fsdata")
    ef.is_freed = True
    assert run(at, at.fs.eventfs_set_attr(dentry, Iattr(mode=0o700))).result == -19
    assert run(at, mode_of(at, KP1)).result == 0o755


@every
def test_a_remount_gives_its_group_to_what_has_an_inode_now(design: str) -> None:
    at = mounted(design)
    run(at, stat(at, KP1))
    run(at, remount(at, "gid=7"))
    groups = [run(at, attributes(at, path)).result.gid for path in ("kprobes", KP1, ENABLE)]
    assert groups == [7, 7, 0]


def test_what_an_open_of_6_6_holds_on_to_is_noted_down() -> None:
    at = mounted("linux_6_6", "enable", "filter")
    file: File = run(at, hold_open(at, KP1)).result
    dlist = file.peek("private_data")
    held = [dentry.d_name for dentry in dlist.peek("dentries").peek("items")]
    assert held == ["enable", "filter"]
    assert dlist.peek("sections") == 2
    run(at, close(at, file))
    assert not dlist.alive
    assert not dlist.peek("dentries").alive


def test_6_6_frees_an_eventfs_file_while_a_directory_is_open() -> None:
    """E32: the open directory's inode still leads to its list."""
    at = mounted("linux_6_6")
    file = run(at, hold_open(at, KP1)).result
    run(at, remove_event(at, "kp1"))
    run(at, stat_from(at, file, "enable"))
    (said,) = found(at)
    assert "read of eventfs_inode kp1->e_top_files, freed by softirq:free_ef" in said


def test_is_freed_of_what_was_removed_last_reads_as_not_set() -> None:
    """E27: the link of the last SRCU callback is NULL."""
    overlaid, own = mounted("linux_6_6"), mounted("linux_6_6", freed_bit=True)
    read = []
    for at in (overlaid, own):
        efs = [obj for obj in at.sb.world.objects if obj.cache == "eventfs_file"]
        run(at, remove_event(at, "kp1"))
        read.append({ef.name: ef.peek("is_freed") for ef in efs})
    assert read == [
        {"kprobes": False, "kp1": False, "enable": True},
        {"kprobes": False, "kp1": True, "enable": True},
    ]


def test_the_removal_takes_its_locks_in_the_order_of_the_tracing_core() -> None:
    at = mounted("v4")
    got = chains(at, remove_event(at, "kp1"), "mutex_lock")
    assert [chain[0] for chain in got] == [
        "dyn_event_release",
        "trace_remove_event_call",
        "eventfs_remove",
    ]


def test_6_6_takes_its_mutex_again_for_each_dentry_and_when_it_dies() -> None:
    """The directory is invalidated first, and dies last: with its child's reference."""
    at = mounted("linux_6_6")
    run(at, stat(at, ENABLE))
    got = [chain[0] for chain in chains(at, remove_event(at, "kp1"), "mutex_lock")]
    assert got[2:] == [
        "eventfs_remove",
        "eventfs_remove",
        "eventfs_remove",
        "eventfs_set_ef_status_free",
        "eventfs_set_ef_status_free",
    ]


def test_the_polling_writer_never_queues() -> None:
    at = mounted("v3")
    assert isinstance(at.fs, Eventfs3)
    got = chains(at, remove_event(at, "kp1"), "down_write")
    assert [chain[0] for chain in got] == ["trace_remove_event_call"]
