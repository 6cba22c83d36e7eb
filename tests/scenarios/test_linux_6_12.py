"""What exploring eventfs of 6.12 shows: one fault that real kernels of that time have."""

import pytest

from tests.scenarios.refcounted import findings, kinds, places, said

DESIGN = "eventfs/linux_6_12"
NULL = "NULL pointer dereference"
RECLAIM = f"{DESIGN}:list_vs_remove_vs_reclaim"


def test_a_listing_faults_where_memory_pressure_takes_the_dentry_of_a_removed_child() -> None:
    """E43, as recorded on 6.12 and 6.16: a NULL pointer is followed in eventfs_iterate()."""
    assert said(RECLAIM, NULL) == {
        "NULL pointer dereference: ls walks kprobes->children and follows NULL in eventfs_inode kp1"
    }
    assert places(RECLAIM, NULL) == {"eventfs_iterate"}


def test_a_cached_dentry_prevents_it() -> None:
    """It holds a reference: nothing is freed, and the link stays."""
    assert findings(f"{DESIGN}:list_above_vs_remove_cached") == ()


def test_the_union_is_all_that_is_wrong_with_it() -> None:
    assert findings(RECLAIM, overlays_list=False) == ()


def test_a_child_is_published_by_plain_stores() -> None:
    """E41."""
    assert kinds(f"{DESIGN}:list_vs_create_cold") == {"data race"}
    assert findings(f"{DESIGN}:list_vs_create_cold", list_add_rcu=True) == ()


def test_a_remount_walks_what_is_freed_under_it() -> None:
    """E42."""
    name = f"{DESIGN}:remount_vs_remove_cold"
    assert {"use-after-free", NULL} <= kinds(name)
    assert places(name, "use-after-free") <= {"eventfs_set_attrs", "reset_attrs"}


def test_a_remount_and_a_chown_write_the_same_attributes() -> None:
    """E42, the lost update."""
    (message,) = said(f"{DESIGN}:remount_vs_chown", "data race")
    assert message.startswith("eventfs_inode->attr: ")


def test_a_missing_name_at_the_root_leaves_a_dentry() -> None:
    """E26."""
    assert kinds(f"{DESIGN}:misses_at_the_root") == {"broken promise"}


def test_a_removal_of_a_whole_tree_follows_a_link_that_is_gone() -> None:
    """Mended in 7.2; the tracing core removes the children itself first."""
    assert places(f"{DESIGN}:list_vs_remove_tree", NULL) >= {"eventfs_remove_rec"}


@pytest.mark.parametrize("case", ["chown_remount", "chown_remount_drop", "chown_drop_remount"])
def test_a_remount_overrides_what_users_have_set(case: str) -> None:
    """E66, E67 are gone."""
    assert findings(f"{DESIGN}:{case}") == ()


def test_the_kernel_may_be_locked_down_while_a_parent_is_locked() -> None:
    """E08: and then it stays locked."""
    assert "deadlock" in kinds(f"{DESIGN}:mkdir_locked_down")
    assert findings(f"{DESIGN}:mkdir_locked_down", lockdown_first=True) == ()


def test_creating_below_a_removed_directory_says_that_it_is_busy() -> None:
    """E48 is gone."""
    assert findings(f"{DESIGN}:create_vs_remove_parent", walks_safely=True) == ()
