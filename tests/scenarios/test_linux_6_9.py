"""What exploring eventfs of 6.9 shows, against what history says of it."""

import pytest

from stress.corpus.entry import At
from tests.scenarios.refcounted import explored, findings, kinds, places, said

DESIGN = "eventfs/linux_6_9"
COLD = f"{DESIGN}:list_vs_remove_cold"
UAF = "use-after-free"
PROMISE = "broken promise"


def test_a_name_lives_as_long_as_its_directory() -> None:
    """E37 is gone; what frees a name is the callback that frees all."""
    freed = [message for message in said(COLD, UAF) if "eventfs_inode->name" in message]
    assert freed
    assert all("freed by softirq:free_ei_rcu" in message for message in freed)


def test_a_listing_is_no_rcu_reader() -> None:
    """E39."""
    assert "eventfs_iterate" in places(COLD, UAF)
    assert UAF not in kinds(COLD, frees_by_srcu=True)


def test_a_listing_meets_the_poison_of_a_child_that_is_removed() -> None:
    """E40."""
    assert "general protection fault" in kinds(COLD)
    assert "general protection fault" not in kinds(COLD, list_del_rcu=True)


def test_a_creation_below_a_removed_directory_gives_null() -> None:
    """E48: whoever tests for an error pointer follows it."""
    null = "NULL pointer dereference: a NULL pointer is followed"
    name = f"{DESIGN}:create_vs_remove_parent"
    assert null in said(name, "NULL pointer dereference")
    assert null not in said(name, "NULL pointer dereference", returns_ebusy=True)


def test_what_could_not_be_created_gives_back_nothing() -> None:
    """E54: a release callback would drop a reference that was not taken."""
    name = f"{DESIGN}:create_vs_remove_parent"
    mended = {"returns_ebusy": True, "walks_safely": True}
    assert findings(name, **mended) == ()
    assert said(name, PROMISE, cleans_up=False, **mended) == {
        "trace_event_file kp1 has 1 references, and 2 owners"
    }


def test_a_remount_reaches_what_has_an_inode_only() -> None:
    """E66 is gone, E67 is not."""
    assert findings(f"{DESIGN}:chown_remount_drop", clears_flag_at_drop=True) == ()
    missed = f"{DESIGN}:chown_drop_remount"
    for clears_flag_at_drop in (False, True):
        broken = said(missed, PROMISE, clears_flag_at_drop=clears_flag_at_drop)
        assert any("belongs to 2, as remounting said, not to 1" in text for text in broken)
    assert findings(missed, remount_recurses=True, clears_flag_at_drop=True) == ()


def test_a_remount_leaves_inodes_as_they_are() -> None:
    assert PROMISE in kinds(f"{DESIGN}:chown_remount")
    assert findings(f"{DESIGN}:chown_remount", remount_writes_inodes=True) == ()


def test_a_directory_may_draw_the_number_of_the_files() -> None:
    """E68."""
    assert PROMISE in kinds(f"{DESIGN}:number_clash")
    assert findings(f"{DESIGN}:number_clash", avoids_file_ino=True) == ()


def test_a_dentry_that_goes_leaves_its_inode_behind() -> None:
    """E47: whoever has a d_iput() has to call iput() there."""
    left = f"{DESIGN}:stat_vs_drop_caches"
    assert said(left, PROMISE) == {
        f"inode tracing/events/{path} has no dentry, and is not freed"
        for path in ("kprobes", "kprobes/kp1")
    }
    assert findings(left, clears_flag_at_drop=True) == ()
    assert findings("eventfs/linux_6_12:stat_vs_drop_caches") == ()


def test_an_inode_that_stays_may_lead_a_remount_to_a_directory_that_does_not() -> None:
    """E47: the event flag, which d_iput() has cleared, is stored again by a remount before."""
    name = f"{DESIGN}:remount_twice_vs_remove_cached"
    (uaf,) = (finding for finding in findings(name) if finding.kind == UAF)
    assert "eventfs_inode kp1->attr, freed by softirq:free_ei_rcu" in uaf.message
    assert uaf.chain[0].function == "reset_attrs"
    assert findings(name, clears_flag_at_drop=True) == ()


def test_a_rcu_head_over_a_list_head_spoils_the_next_inode() -> None:
    """E45: only with a layout that has the list head there, and only for who gets the memory."""
    name = f"{DESIGN}:stat_vs_drop_caches"
    mended = {"clears_flag_at_drop": True}
    assert kinds(name, randomized_layout=True, **mended) == {"list corruption"}
    assert places(name, "list corruption", randomized_layout=True, **mended) == {"leave_lru"}
    assert findings(name, randomized_layout=True, own_rcu_head=False, **mended) == ()
    assert findings("eventfs/linux_6_12:stat_vs_drop_caches", randomized_layout=True) == ()


def test_no_inode_is_spoilt_where_none_is_freed() -> None:
    """E45 hides behind E47: as 6.9 was released, the memory of an inode is not used again."""
    assert "list corruption" not in kinds(f"{DESIGN}:stat_vs_drop_caches", randomized_layout=True)


@pytest.mark.parametrize("passes_null_on", [True, False])
def test_no_lookup_meets_a_freed_directory_on_its_way_up(passes_null_on: bool) -> None:
    """E38 cannot happen: the mutex is held, and children are marked before their parents."""
    name = f"{DESIGN}:lookup_vs_remove_tree"
    mended = {"walks_safely": True, "clears_flag_at_drop": True}
    assert findings(name, passes_null_on=passes_null_on, **mended) == ()
    assert explored(At(name, passes_null_on=passes_null_on, **mended)).executions > 1


def test_what_a_user_gives_away_is_the_default_of_all_below() -> None:
    """Of the directory `events`; not in 6.8, and no more in 6.12."""
    assert said(f"{DESIGN}:chown_events", PROMISE) == {
        "owner_of kprobes/kp1 gives (0, 0), not (1, 0)"
    }
