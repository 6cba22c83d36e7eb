"""What exploring eventfs of 6.6 shows, as released and mended, against what history says of it."""

import pytest

from lockwright.scenario import Parameter
from model.eventfs.linux_6_6 import Eventfs66
from stress.scenarios.designs import scenarios_of, switches_of
from tests.scenarios.refcounted import findings, kinds, said

DESIGN = "eventfs/linux_6_6"
UAF = "use-after-free"
NULL = "NULL pointer dereference"
PROMISE = "broken promise"
LOCK_ORDER = {"possible circular locking dependency", "possible recursive locking", "deadlock"}

AS_RELEASED: dict[str, Parameter] = {
    "remembers_dentries": True,
    "tests_array": True,
    "dput_frees_top": True,
    "frees_top_files": True,
    "srcu_iterator": True,
    "checks_lockdown": True,
}
MENDED: dict[str, Parameter] = {
    "freed_bit": True,
    "lookup_returns_error": True,
    "fills_private_first": True,
    "refuses_null_parent": True,
    "lockdown_first": True,
    "locks_whole_open": True,
    "list_add_rcu": True,
    "single_links": True,
    "saves_attributes": True,
    "setattr_tests_ef": True,
}
"""Every later fix that the design takes."""


def test_the_switches_are_those_fixes_and_the_defaults_are_the_release() -> None:
    released = dict.fromkeys(MENDED, False)
    assert switches_of(Eventfs66) == {**AS_RELEASED, **released}


def test_there_is_a_scenario_of_each_case_with_a_name_of_its_own() -> None:
    names = [scenario.name for scenario in scenarios_of(DESIGN)]
    assert len(set(names)) == len(names) > 50


@pytest.mark.parametrize("switches", [{}, MENDED], ids=["released", "mended"])
@pytest.mark.parametrize(
    "case",
    [
        "stat_then_open",
        "create_alone",
        "stat_alone",
        "list_alone",
        "write_alone",
        "remove_alone",
        "remove_enabled",
        "stat_then_remove",
        "reproducer",
        "open_close_empty",
        "open_create_close",
        "open_remove_close",
        "make_and_remove_instance",
        "chmod_events",
        "create_locked_down",
    ],
)
def test_one_user_alone_breaks_nothing(case: str, switches: dict[str, Parameter]) -> None:
    assert findings(f"{DESIGN}:{case}", **switches) == ()


@pytest.mark.parametrize("case", ["open_vs_lookup", "open_vs_open", "open_vs_read"])
def test_opening_a_directory_deadlocks_with_nobody(case: str) -> None:
    """E03: the mutex is not held over the inode lock any more."""
    assert kinds(f"{DESIGN}:{case}") <= {PROMISE}


def test_the_cycle_of_the_mail_is_gone() -> None:
    """E01, E02: readers neither wait for a writer nor keep one waiting."""
    assert not kinds(f"{DESIGN}:lookup_vs_create") & LOCK_ORDER
    assert not kinds(f"{DESIGN}:writer_starves")


def test_a_directory_that_is_opened_twice_at_once_is_balanced() -> None:
    """E12, E13: whether a file has a dentry is known under the mutex only."""
    assert findings(f"{DESIGN}:open_vs_open") == ()


def test_a_name_that_is_too_long_hangs_its_looker_until_the_error_is_returned() -> None:
    """E06."""
    assert kinds(f"{DESIGN}:long_name") == {"deadlock"}
    assert findings(f"{DESIGN}:long_name", lookup_returns_error=True) == ()


def test_a_second_looker_finds_the_negative_dentry_that_the_first_has_published() -> None:
    """E19, which no switch mends."""
    for switches in ({}, MENDED):
        assert said(f"{DESIGN}:open_vs_lookup", PROMISE, **switches) == {
            "stat of kprobes/kp1/enable fails, although it is there all the time"
        }


def test_an_open_locks_its_directory_for_each_file_or_for_all() -> None:
    """E09."""
    interrupted = (
        "the open of tracing/events/kprobes/kp1 has locked it 2 times to make what is in it"
    )
    assert said(f"{DESIGN}:open_cold", PROMISE) == {interrupted}
    assert findings(f"{DESIGN}:open_cold", locks_whole_open=True) == ()


def test_a_dentry_that_the_shrinker_is_killing_is_taken_again() -> None:
    """E18, which no switch mends: the mutex does not tell that a dentry is dying."""
    dying = "reference taken on dentry tracing/events/kprobes/kp1/enable, which is being killed"
    for switches in ({}, MENDED):
        assert said(f"{DESIGN}:open_vs_prune", "refcount", **switches) == {dying}


def test_a_removed_file_is_made_anew_because_it_does_not_look_removed() -> None:
    """E27: its last dput() writes to memory that SRCU has freed."""
    name = f"{DESIGN}:lookup_vs_remove_reclaim"
    (message,) = said(name, UAF)
    assert message.startswith("use-after-free: write of eventfs_file kp1->dentry, freed by softirq")
    assert findings(name, freed_bit=True) == ()


def test_an_open_directory_leads_to_a_list_that_is_freed() -> None:
    """E32, which no switch mends: nothing counts who uses an eventfs_file."""
    for switches in ({}, MENDED):
        (message,) = said(f"{DESIGN}:open_remove_lookup", UAF, **switches)
        assert "read of eventfs_inode kp1->e_top_files, freed by softirq:free_ef" in message


def test_closing_puts_what_came_after_the_opening_unless_it_was_noted_down() -> None:
    """E14."""
    name = f"{DESIGN}:open_create_close"
    assert said(name, PROMISE, remembers_dentries=False) == {
        "dentry tracing/events/kprobes/kp2 has 0 references, and 1 owners"
    }


def test_closing_an_empty_directory_looks_into_no_array() -> None:
    """E15."""
    assert kinds(f"{DESIGN}:open_close_empty", tests_array=False) == {NULL}


def test_an_instance_goes_with_its_list_and_its_files() -> None:
    """E28, E29."""
    freed = said(f"{DESIGN}:open_vs_rmdir", UAF, dput_frees_top=False)
    assert any("eventfs_inode events->e_top_files, freed by rmdir" in message for message in freed)
    kept = said(f"{DESIGN}:open_vs_rmdir", UAF)
    assert not any("eventfs_inode events" in message for message in kept)
    assert said(f"{DESIGN}:make_and_remove_instance", "leak", frees_top_files=False) == {
        "eventfs_file enable, allocated by bash, is left behind"
    }


def test_a_list_of_srcus_is_not_walked_as_one_of_rcus() -> None:
    """E31."""
    assert kinds(f"{DESIGN}:list_alone", srcu_iterator=False) == {"suspicious RCU usage"}


def test_lockdown_in_the_middle_leaves_the_parent_locked_until_it_is_asked_for_first() -> None:
    """E08."""
    name = f"{DESIGN}:mkdir_vs_lockdown"
    assert said(name, "lock held at task exit") == {"mkdir holds &sb->s_type->i_mutex_key"}
    assert findings(name, lockdown_first=True) == ()


def test_under_lockdown_nothing_is_made_where_each_call_asks_for_it() -> None:
    """E69."""
    assert said(f"{DESIGN}:create_locked_down", PROMISE, checks_lockdown=False) == {
        "kprobes/kp2/enable is made under lockdown"
    }


def test_the_events_directory_has_no_eventfs_file_to_remember_its_mode() -> None:
    """E49."""
    assert kinds(f"{DESIGN}:chmod_events", saves_attributes=True) == {NULL}


def test_every_lookup_counts_a_link_and_tells_of_a_new_directory() -> None:
    """E64, E65; the inode's number no switch mends."""
    numbers = {f"kprobes has the inode numbers 3 and {other}" for other in (4, 5)}
    links = {
        "tracing/events has 5 links, and 1 directories in it",
        "that tracing/events/kprobes was made is told 3 times",
    }
    assert said(f"{DESIGN}:stat_reclaim_stat", PROMISE) == numbers | links
    assert said(f"{DESIGN}:stat_reclaim_stat", PROMISE, **MENDED) == numbers


@pytest.mark.slow
def test_a_directory_is_visible_before_it_knows_what_is_in_it() -> None:
    """E36; with a complete inode, but children that know no parent yet, E58 comes next."""
    name = f"{DESIGN}:lookup_vs_deep_lookup"
    root = "enable, a file of an event, is made at the root of tracefs"
    assert kinds(name) == {NULL, PROMISE}
    assert NULL not in kinds(name, fills_private_first=True)
    assert root in said(name, PROMISE, fills_private_first=True)
    mended = said(name, PROMISE, fills_private_first=True, refuses_null_parent=True)
    assert root not in mended


@pytest.mark.slow
def test_a_lookup_that_races_with_a_removal_can_bring_a_directory_back() -> None:
    """R0: it is visible until create_dentry() looks at the ef again."""
    for switches in ({}, {"freed_bit": True}):
        assert said(f"{DESIGN}:lookup_vs_remove_empty", PROMISE, **switches) == {
            "kprobes/kp1 is found after its removal has returned"
        }


@pytest.mark.slow
@pytest.mark.parametrize("case", ["lookup_vs_remove", "open_vs_remove"])
def test_a_removal_frees_the_list_under_who_is_in_the_directory(case: str) -> None:
    """E32."""
    assert kinds(f"{DESIGN}:{case}") == {UAF}
    assert all("eventfs_inode kp1->e_top_files" in text for text in said(f"{DESIGN}:{case}", UAF))
