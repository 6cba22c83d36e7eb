"""eventfs v3 and v4, one user at a time."""

import pytest

from model.eventfs.v3 import Eventfs3
from model.tracing.setup import Tracing
from model.vfs.err import EBUSY, EEXIST, ENOENT
from model.vfs.objects import DEAD
from model.vfs.syscalls import __x64_sys_close
from stress.workloads import (
    create_event,
    hold_open,
    list_directory,
    open_and_close,
    read_file,
    remove_event,
    remove_instance,
    remove_then_stat,
    stat,
)
from tests.model.alone import DESIGNS, chains, found, mounted, references, run

both = pytest.mark.parametrize("design", list(DESIGNS))


def state(at: Tracing) -> dict[str, object]:
    """What can be told of dentries, inodes and efs, by name."""
    efs = {
        path: (ef.peek("created"), getattr(ef.peek("dentry"), "path", None))
        for path, ef in at.efs.items()
    }
    parents = {path: getattr(ef.peek("d_parent"), "path", None) for path, ef in at.efs.items()}
    inodes = {
        dentry.path: (
            dentry.peek("d_inode").peek("i_nlink"),
            dentry.peek("d_inode").peek("flags"),
            getattr(dentry.peek("d_inode").peek("private"), "name", None),
            dentry.peek("d_inode").peek("i_fop"),
            dentry.peek("d_hashed"),
            getattr(dentry.peek("d_fsdata"), "name", None),
        )
        for dentry in at.sb.dentries
        if dentry is not at.sb.s_root
    }
    return {"efs": efs, "parents": parents, "inodes": inodes, "references": references(at)}


@both
def test_the_set_up_leaves_what_a_lookup_leaves(design: str) -> None:
    looked_up, set_up = mounted(design), mounted(design)
    run(looked_up, stat(looked_up, "kprobes/kp1/enable"))
    set_up.warm("kprobes/kp1/enable")
    for at in (looked_up, set_up):
        state_of = state(at)
        assert state_of["references"] == {
            "events": 2,
            "events/kprobes": 1,
            "events/kprobes/kp1": 1,
            "events/kprobes/kp1/enable": 0,
        }
    ours, theirs = state(set_up), state(looked_up)
    for inodes in (ours["inodes"], theirs["inodes"]):
        assert isinstance(inodes, dict)
        for path, values in inodes.items():
            inodes[path] = tuple(v for v in values if v is None or isinstance(v, (int, str)))
    assert ours == theirs


@both
def test_an_event_that_was_made_is_found_and_read(design: str) -> None:
    at = mounted(design)
    at.expect("kp2")
    run(at, create_event(at, "kp2"))
    run(at, read_file(at, "kprobes/kp2/enable"))
    assert [done.result for done in at.outcomes] == [0, 0, 0]
    assert found(at) == []


@both
def test_an_event_is_made_once(design: str) -> None:
    at = mounted(design)
    assert run(at, create_event(at, "kp1")).result == -EEXIST


@both
def test_a_removed_event_is_gone_with_all_its_objects(design: str) -> None:
    at = mounted(design)
    file = at.tr.events["kp1"]
    run(at, remove_then_stat(at, "kp1"))
    assert [done.result for done in at.outcomes] == [0, -ENOENT]
    assert not file.alive
    assert not any(ef.alive for path, ef in at.efs.items() if path != "kprobes")
    assert at.tr.events == {}
    assert found(at) == []


@both
def test_removing_an_unknown_event_fails(design: str) -> None:
    at = mounted(design)
    assert run(at, remove_event(at, "kp9")).result == -ENOENT


@both
@pytest.mark.parametrize("why", ["enabled", "perf", "open"])
def test_an_event_in_use_is_busy_and_stays(design: str, why: str) -> None:
    at = mounted(design)
    at.tr.open_is_busy = True
    event = at.tr.events["kp1"]
    if why == "enabled":
        event.enabled = True
    elif why == "perf":
        event.event_call.perf_refcount = 1
    else:
        run(at, hold_open(at, "kprobes/kp1/enable"))
    assert run(at, remove_event(at, "kp1")).result == -EBUSY
    assert run(at, stat(at, "kprobes/kp1/enable")).result == 0
    assert found(at) == []


@both
def test_a_closed_file_keeps_nobody_busy(design: str) -> None:
    at = mounted(design, rcu_late=True)
    at.tr.open_is_busy = True
    run(at, read_file(at, "kprobes/kp1/enable"))
    assert run(at, remove_event(at, "kp1")).result == 0


@both
def test_without_a_busy_rule_a_file_open_over_the_removal_reads_freed_memory(design: str) -> None:
    """E51, E52: the core frees the trace_event_file, and the open file's inode still leads to it.

    In v3 and v4 the dentry is over-put as well; an additional reference keeps that out.
    """
    at = mounted(design)
    file = run(at, hold_open(at, "kprobes/kp1/enable")).result
    for path in ("kprobes/kp1", "kprobes/kp1/enable"):
        at.warm(path).d_count += 5
    run(at, remove_event(at, "kp1"))
    read = file.peek("f_inode").peek("i_fop").read
    run(at, read(file))
    (said,) = found(at)
    assert said.endswith(
        "read of trace_event_file kp1->enabled, freed by user in remove_event_file_dir()"
    )


def test_v3_removes_what_was_looked_up_by_dropping_a_reference_nobody_took() -> None:
    """A lookup leaves dentries with no reference; the removal puts each of them all the same."""
    at = mounted("v3")
    run(at, stat(at, "kprobes/kp1/enable"))
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
    run(at, stat(at, "kprobes/kp1/enable"))
    run(at, remove_event(at, "kp1"))
    assert found(at) == []
    assert [path for path, count in references(at).items() if count != DEAD] == ["events"]


def test_v4_invalidates_a_directory_without_holding_it() -> None:
    """The children were the directory's last references: it dies under d_invalidate()."""
    at = mounted("v4")
    run(at, stat(at, "kprobes/kp1/enable"))
    run(at, remove_event(at, "kp1"))
    (finding,) = at.sb.world.findings
    assert finding.signature == "read of dentry->d_count"
    assert [frame.function for frame in finding.chain][:2] == [
        "shrink_dcache_parent",
        "d_invalidate",
    ]


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


async def open_remove_close(at: Tracing) -> None:
    file = await hold_open(at, "kprobes/kp1")
    await remove_event(at, "kp1")
    await __x64_sys_close(file)


@both
def test_an_instance_is_removed_as_a_whole(design: str) -> None:
    at = mounted(design)
    run(at, remove_instance(at))
    assert run(at, stat(at, "")).result == -ENOENT
    assert not any(ef.alive for ef in at.efs.values())


@both
def test_opening_twice_and_closing_twice_is_balanced(design: str) -> None:
    at = mounted(design, "enable", "filter")
    for _ in range(2):
        run(at, open_and_close(at, "kprobes/kp1"))
    run(at, list_directory(at, "kprobes"))
    assert references(at) == {
        "events": 2,
        "events/kprobes": 1,
        "events/kprobes/kp1": 2,
        "events/kprobes/kp1/enable": 0,
        "events/kprobes/kp1/filter": 0,
    }
    assert found(at) == []


def test_the_removal_takes_its_locks_in_the_order_of_the_tracing_core() -> None:
    at = mounted("v4")
    got = chains(at, remove_event(at, "kp1"), "mutex_lock")
    assert [chain[0] for chain in got] == [
        "dyn_event_release",
        "trace_remove_event_call",
        "eventfs_remove",
    ]


def test_the_polling_writer_never_queues() -> None:
    at = mounted("v3")
    assert isinstance(at.eventfs, Eventfs3)
    assert chains(at, remove_event(at, "kp1"), "down_write") == [
        [
            "trace_remove_event_call",
            "unregister_trace_kprobe",
            "trace_kprobe_release",
            "dyn_event_release",
            "create_dyn_event",
            "remove_event",
        ]
    ]
