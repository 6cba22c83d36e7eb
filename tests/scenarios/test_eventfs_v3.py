"""What exploring eventfs v3 shows, against what history says of it (facts E01, E02, E06, ..)."""

import pytest

from lockwright.session import Options, explore
from stress.scenarios import eventfs_v3
from tests.scenarios.exploring import (
    BY_NAME,
    chains,
    deadlocks,
    explored,
    kinds,
    promises,
    reality,
)

CIRCULAR = "possible circular locking dependency"
RECURSIVE = "possible recursive locking"
LOCK_ORDER = {CIRCULAR, RECURSIVE}

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
    assert kinds(f"eventfs/v3:{case}") <= LOCK_ORDER
    assert explored(f"eventfs/v3:{case}").executions == 1


def test_the_cycle_of_the_mail_is_predicted_and_as_posted_nothing_deadlocks() -> None:
    """E01 with the polling writer: the semaphore is only read, and no writer queues."""
    name = "eventfs/v3:open_lookup_remove"
    assert reality(name, CIRCULAR) == {"refuted"}
    assert explored(name).deadlocked == 0


def test_with_a_writer_that_queues_three_tasks_deadlock() -> None:
    """E01: the opener reads and waits for the inode lock, the lookup holds that and waits behind
    the writer, who waits for the opener; or the opener waits behind the writer a second time,
    with the inode lock held, in the lookup that its own creation calls (E02)."""
    name = "eventfs/v3:open_lookup_remove_queued"
    assert reality(name, CIRCULAR) == {"confirmed"}
    writer = "bash in down_write(eventfs_rwsem)"
    reader = "down_read_nested(eventfs_rwsem)"
    assert deadlocks(name) == {
        f"{writer}; stat in {reader}; trace-cmd in down_write({INODE})",
        f"{writer}; stat in down_read({INODE}); trace-cmd in {reader}",
    }


@pytest.mark.parametrize(
    ("case", "who"),
    [("lookup_vs_create", "stat"), pytest.param("list_vs_create", "ls", marks=pytest.mark.slow)],
)
def test_a_reader_that_reads_again_deadlocks_with_a_queued_writer_only(case: str, who: str) -> None:
    """E02: two tasks are enough."""
    assert explored(f"eventfs/v3:{case}").deadlocked == 0
    assert deadlocks(f"eventfs/v3:{case}_queued") == {
        f"bash in down_write(eventfs_rwsem); {who} in down_read_nested(eventfs_rwsem)"
    }


def test_the_polling_writer_is_overtaken_and_the_queued_one_is_not() -> None:
    assert promises("eventfs/v3:writer_starves") == {
        "a reader that asked after a writer got eventfs_rwsem before it"
    }
    assert explored("eventfs/v3:writer_starves_queued").findings == []


def test_a_name_that_is_too_long_hangs_its_looker() -> None:
    """E06."""
    (chain,) = chains("eventfs/v3:long_name", "deadlock")
    assert chain[:6] == [
        "d_alloc_parallel",
        "__lookup_slow",
        "lookup_one_len",
        "eventfs_start_creating",
        "create_dir",
        "eventfs_root_lookup",
    ]


def test_a_second_looker_finds_the_negative_dentry_that_the_first_has_published() -> None:
    """E19."""
    assert promises("eventfs/v3:lookup_vs_lookup") == {
        "stat of kprobes/kp1/enable fails, although it is there all the time"
    }


def test_a_directory_is_visible_before_it_knows_what_is_in_it() -> None:
    """E36."""
    assert "NULL pointer dereference" in kinds("eventfs/v3:lookup_vs_deep_lookup")


@pytest.mark.slow
def test_created_is_true_before_there_is_a_dentry() -> None:
    """E12: no reference is taken, and one is dropped; or an error pointer is followed."""
    name = "eventfs/v3:open_close_vs_open_close"
    assert {"refcount", "invalid pointer"} <= kinds(name)
    assert "dentry tracing/events/kprobes/kp1/enable has -1 references, and 0 owners" in promises(
        name
    )


def test_a_listing_misses_a_file_that_is_being_looked_up() -> None:
    """E12 for the reader of a directory."""
    assert "a listing of kprobes/kp1 misses enable, which is there all the time" in promises(
        "eventfs/v3:list_vs_lookup"
    )


def test_closing_a_directory_puts_what_came_after_its_opening() -> None:
    """E14."""
    assert "dentry tracing/events/kprobes/kp2 has 0 references, and 1 owners" in promises(
        "eventfs/v3:list_vs_create"
    )


def test_a_file_that_is_added_while_its_directory_is_looked_up_lands_at_the_root() -> None:
    """E58: its d_parent stays NULL."""
    assert "enable, a file of an event, is made at the root of tracefs" in promises(
        "eventfs/v3:lookup_vs_create"
    )


@pytest.mark.parametrize(
    "case", ["lookup_vs_remove", "open_vs_remove", "list_vs_remove", "read_vs_remove"]
)
def test_a_removal_frees_what_others_still_use(case: str) -> None:
    assert {"refcount", "use-after-free"} <= kinds(f"eventfs/v3:{case}")


def test_the_list_of_an_instance_is_freed_under_its_reader() -> None:
    """E28."""
    said = [f.message for f in explored("eventfs/v3:open_vs_remove_instance").findings]
    assert any("read of eventfs_inode events->e_top_files" in message for message in said)


def test_the_scenarios_have_names_of_their_own_and_titles() -> None:
    assert len({s.name for s in eventfs_v3.SCENARIOS}) == len(eventfs_v3.SCENARIOS)
    assert all(s.title.endswith(".") for s in BY_NAME.values())


@pytest.mark.parametrize(
    "name",
    [
        "eventfs/v3:open_lookup_remove_queued",
        "eventfs/v3:list_vs_remove",
        "eventfs/v4:list_vs_lookup",
    ],
)
def test_chance_finds_nothing_that_the_exhaustive_search_has_not_found(name: str) -> None:
    exhaustive = {(f.kind, f.signature) for f in explored(name).findings}
    options = Options(strategy="random", seed=1, executions=400, events=False)
    by_chance = {
        (f.kind, f.signature)
        for f in explore(BY_NAME[name], options).findings
        if f.kind not in LOCK_ORDER  # which end of a cycle comes first is a matter of order
    }
    assert by_chance <= exhaustive
