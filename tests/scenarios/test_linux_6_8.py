"""What exploring eventfs of 6.8 shows, against what history says of it."""

import pytest

from tests.scenarios.refcounted import findings, kinds, places, said

DESIGN = "eventfs/linux_6_8"
COLD = f"{DESIGN}:list_vs_remove_cold"
UAF = "use-after-free"
PROMISE = "broken promise"
MENDED = {"list_del_rcu": True, "frees_by_srcu": True, "overlays_list": False}
"""As if the bugs in how a child leaves its list had all been mended at once."""


@pytest.mark.parametrize(
    "case",
    [
        "stat_cold",
        "stat_alone",
        "list_alone",
        "create_alone",
        "remove_alone",
        "remove_enabled",
        "stat_then_remove",
        "stat_then_open",
        "miss_then_create",
        "write_alone",
    ],
)
def test_one_user_alone_breaks_nothing(case: str) -> None:
    assert findings(f"{DESIGN}:{case}") == ()


@pytest.mark.parametrize(
    "case",
    [
        "lookup_vs_lookup",
        "lookup_vs_remove",
        "open_vs_remove",
        "lookup_vs_create",
        "list_vs_lookup",
    ],
)
def test_lookups_are_safe_from_each_other_and_from_removal(case: str) -> None:
    """There are no dentry pointers without a reference any more."""
    assert findings(f"{DESIGN}:{case}") == ()


def test_the_walk_to_the_events_directory_may_not_take_the_mutex_again() -> None:
    """E07."""
    (message,) = said(f"{DESIGN}:stat_cold", "deadlock", em_in_find_events=True)
    assert message == "1 task waits for ever: stat in mutex_lock(eventfs_mutex)"


def test_a_miss_that_is_cached_hides_what_is_created_later() -> None:
    """E20."""
    assert said(f"{DESIGN}:miss_then_create", PROMISE, caches_misses=True) == {
        "stat kprobes/kp2 gives 0, not -2"
    }


def test_without_revalidation_a_removed_event_is_still_found() -> None:
    """E21."""
    assert "kprobes/kp1 is found after its removal has returned" in said(
        f"{DESIGN}:stat_then_remove", PROMISE, revalidates=False
    )


def test_a_listing_meets_the_poison_of_a_child_that_is_removed() -> None:
    """E40."""
    (message,) = said(COLD, "general protection fault")
    assert message.endswith("follows LIST_POISON1 in eventfs_inode kp1")
    assert "general protection fault" not in kinds(COLD, list_del_rcu=True)


def test_a_listing_reads_a_name_that_was_freed_at_once() -> None:
    """E37: by the remover; as mended, no sooner than the object."""
    early = "use-after-free: read of eventfs_inode->name kp1->text, freed by bash in free_content()"
    assert early in said(COLD, UAF)
    assert early not in said(COLD, UAF, frees_content_early=False)


def test_a_listing_reads_a_child_that_rcu_has_freed() -> None:
    """E39: the listing is an SRCU reader."""
    assert places(COLD, UAF) >= {"eventfs_iterate", "eventfs_dir_ino"}
    assert kinds(COLD, frees_by_srcu=True, frees_content_early=False) == {
        "NULL pointer dereference",
        "general protection fault",
        "data race",
    }


def test_with_all_that_mended_a_listing_is_safe_from_a_removal() -> None:
    assert kinds(COLD, frees_content_early=False, **MENDED) == set()


def test_a_remount_changes_nothing_that_a_user_has_set() -> None:
    """E66."""
    assert said(f"{DESIGN}:chown_remount_drop", PROMISE) == {
        "kprobes/kp1/enable belongs to 2, as remounting said, not to 1"
    }


def test_the_events_directory_follows_the_owner_of_the_root() -> None:
    assert findings(f"{DESIGN}:chown_events") == ()
    assert findings(f"{DESIGN}:remount_then_stat_events") == ()
