"""What exploring eventfs v4 shows, against what history says of it (facts E03, E04, E10, E11)."""

import pytest

from tests.scenarios.exploring import chains, deadlocks, explored, kinds, promises, reality

CIRCULAR = "possible circular locking dependency"
INODE = "i_rwsem of tracing/events/kprobes/kp1"


@pytest.mark.parametrize(
    "case",
    [
        "create_alone",
        "stat_alone",
        "list_alone",
        "write_alone",
        "remove_alone",
        "remove_enabled",
        "stat_then_open",
    ],
)
def test_one_user_alone_breaks_nothing_but_lock_order(case: str) -> None:
    assert kinds(f"eventfs/v4:{case}") <= {CIRCULAR}


@pytest.mark.parametrize(
    ("case", "opener", "looker"),
    [
        ("open_vs_lookup", "trace-cmd", "stat"),
        ("list_vs_lookup", "ls", "stat"),
        ("open_vs_read", "trace-cmd", "cat"),
    ],
)
def test_opening_a_cold_directory_deadlocks_with_a_lookup_in_it(
    case: str, opener: str, looker: str
) -> None:
    """E03: the mutex and the inode lock, each under the other."""
    name = f"eventfs/v4:{case}"
    pair = (f"{looker} in mutex_lock(eventfs_mutex)", f"{opener} in down_write({INODE})")
    assert deadlocks(name) == {"; ".join(sorted(pair))}
    assert reality(name, CIRCULAR) == {"confirmed"}


def test_d_iput_that_takes_the_mutex_waits_for_its_own_task() -> None:
    """E04."""
    (chain,) = chains("eventfs/v4:stat_then_remove_iput_locks", "deadlock")
    assert chain[:7] == [
        "eventfs_set_ef_status_free",
        "tracefs_dentry_iput",
        "__dentry_kill",
        "shrink_dcache_parent",
        "d_invalidate",
        "eventfs_remove_rec",
        "eventfs_remove",
    ]


@pytest.mark.slow
def test_the_page_fault_of_the_mail_comes_out_in_the_work_item() -> None:
    """E10: eventfs_workfn() puts a directory once too often, and a child finds it without inode."""
    assert [
        "eventfs_set_ef_status_free",
        "tracefs_dentry_iput",
        "__dentry_kill",
        "dput",
        "eventfs_workfn",
        "process_one_work",
    ] in chains("eventfs/v4:list_vs_remove_rcu_late", "NULL pointer dereference")


def test_a_directory_is_found_after_its_removal_has_returned() -> None:
    """R0, E11: a lookup that began before the removal creates the dentry after it."""
    assert "kprobes/kp1 is found after its removal has returned" in promises(
        "eventfs/v4:lookup_vs_remove_empty"
    )


def test_looking_up_and_removing_is_enough_to_touch_freed_memory() -> None:
    """The work item of the first call_srcu() runs while the removal is still at it."""
    assert {"refcount", "use-after-free"} <= kinds("eventfs/v4:stat_then_remove")


@pytest.mark.slow
def test_a_file_that_is_read_while_its_event_goes_leads_to_freed_data() -> None:
    """E51, E52; a core that refuses to remove an event with an open file has it not."""

    def reads_freed_event(name: str) -> bool:
        said = [finding.message for finding in explored(name).findings]
        return any("read of trace_event_file kp1->flags" in message for message in said)

    assert reads_freed_event("eventfs/v4:read_vs_remove")
    assert not reads_freed_event("eventfs/v4:read_vs_remove_busy")


@pytest.mark.parametrize("case", ["lookup_vs_lookup", "open_vs_lookup", "list_vs_lookup"])
def test_a_negative_dentry_is_published_before_the_inode(case: str) -> None:
    """E19."""
    assert "stat of kprobes/kp1/enable fails, although it is there all the time" in promises(
        f"eventfs/v4:{case}"
    )


def test_closing_a_directory_puts_what_came_after_its_opening() -> None:
    """E14."""
    assert "dentry tracing/events/kprobes/kp2 has 0 references, and 1 owners" in promises(
        "eventfs/v4:list_vs_create"
    )


def test_readers_keep_no_writer_away() -> None:
    """What SRCU is there for: no step of a reader of the list conflicts with one of the writer."""
    assert explored("eventfs/v4:writer_starves").executions == 1


def test_the_list_of_an_instance_is_freed_under_its_reader() -> None:
    """E28."""
    said = [f.message for f in explored("eventfs/v4:open_vs_remove_instance").findings]
    assert any("read of eventfs_inode events->e_top_files" in message for message in said)
