"""What exploring eventfs of 7.3 shows: what history mended is gone, and what is left is real."""

import pytest

from tests.scenarios.refcounted import findings, kinds, said

DESIGN = "eventfs/latest"
PROMISE = "broken promise"


@pytest.mark.parametrize(
    "case",
    [
        "list_vs_remove_vs_reclaim",
        "list_vs_remove_cold",
        "list_vs_remove_tree",
        "list_vs_create_cold",
        "lookup_vs_lookup",
        "lookup_vs_remove",
        "lookup_vs_remove_tree",
        "create_vs_remove_parent",
        "remount_vs_remove_cold",
        "remount_vs_chown",
        "read_vs_remove",
        "miss_then_create",
        "misses_at_the_root",
        "chown_remount",
        "chown_remount_drop",
        "chown_drop_remount",
        "number_clash",
        "chown_events",
        "mkdir_locked_down",
    ],
)
def test_what_broke_older_releases_is_mended(case: str) -> None:
    assert findings(f"{DESIGN}:{case}") == ()


def test_a_remount_needs_the_mutex_and_the_srcu_section() -> None:
    """E42."""
    assert "use-after-free" in kinds(f"{DESIGN}:remount_vs_remove_cold", remount_locks=False)
    assert "data race" in kinds(f"{DESIGN}:remount_vs_chown", remount_locks=False)


def test_a_child_is_published_with_a_barrier() -> None:
    """E41."""
    assert kinds(f"{DESIGN}:list_vs_create_cold", list_add_rcu=False) == {"data race"}


def test_the_link_that_readers_follow_must_not_be_overwritten() -> None:
    """E43."""
    name = f"{DESIGN}:list_vs_remove_vs_reclaim"
    assert "NULL pointer dereference" in kinds(name, overlays_list=True)


def test_a_removal_must_know_the_next_child_first() -> None:
    name = f"{DESIGN}:list_vs_remove_tree"
    assert "use-after-free" in kinds(name, walks_safely=False)


def test_a_listing_needs_no_second_look_at_its_directory() -> None:
    """It has the directory open, and so a reference that keeps the list of children."""
    assert findings(f"{DESIGN}:list_vs_remove_tree", rechecks_parent=False) == ()


def test_a_reader_skips_a_child_where_one_that_it_has_read_is_removed() -> None:
    """The position is an index.  As recorded on 7.3."""
    assert said(f"{DESIGN}:list_piecewise_vs_remove", PROMISE) == {
        "a listing of kprobes misses kp2, which is there all the time",
        "a listing of kprobes misses kp3, which is there all the time",
    }


def test_a_stale_file_of_a_system_rules_the_system_that_came_after_it() -> None:
    """As recorded on 7.3."""
    assert said(f"{DESIGN}:stale_system_enable", PROMISE) == {
        "a file of a system that is gone rules nothing in the new one"
    }


def test_a_directory_may_show_two_numbers() -> None:
    """A listing draws the number without the mutex that lookup draws it under."""
    numbers = [m for m in said(f"{DESIGN}:list_vs_number", PROMISE) if "inode numbers" in m]
    assert numbers
    assert all(message.startswith("kprobes/kp1 has") for message in numbers)
