"""The bugs of 6.7 and 6.8-rc1."""

from __future__ import annotations

from stress.corpus.entry import At, Entry

V6_7 = "eventfs/linux_6_7"
V6_8_RC1 = "eventfs/linux_6_8_rc1"
V6_8 = "eventfs/linux_6_8"

DYING = "reference taken on dentry .*, which is being killed"
KNOWN_ALL_THE_TIME = "fails, although it is there all the time"
FORGOTTEN = "dentry tracing/instances/foo/events has 1 references, and 0 owners"

ENTRIES = (
    # Lock order.
    Entry(
        id="E05",
        kind="deadlock",
        says="chmod in mutex_lock.eventfs_mutex.",
        before=At(f"{V6_7}:chmod_under_pressure", allocates_nofs=False),
        after=At(f"{V6_7}:chmod_under_pressure"),
    ),
    Entry(
        id="E06",
        kind="deadlock",
        says="stat in d_wait_lookup",
        before=At(f"{V6_7}:long_name", stops_at_long_name=False),
        after=At(f"{V6_7}:long_name"),
    ),
    Entry(
        id="E09",
        kind="broken promise",
        says="has locked it 2 times to make what is in it",
        before=At(f"{V6_7}:open_two_cold", locks_whole_open=False),
        after=At(f"{V6_7}:open_two_cold"),
    ),
    # Dentry references.
    Entry(
        id="E17",
        kind="WARN",
        says="a freed ei with a dentry",
        before=At(f"{V6_7}:open_vs_remove", freed_has_no_dentry=True),
        after=At(f"{V6_7}:open_vs_remove"),
    ),
    Entry(
        id="E18",
        kind="refcount",
        says=DYING,
        before=At(f"{V6_7}:open_vs_prune"),
        after=At(f"{V6_8}:open_vs_prune"),
    ),
    Entry(
        id="E18",
        kind="refcount",
        says=DYING,
        before=At(f"{V6_8_RC1}:lookup_vs_shrink"),
        after=At(f"{V6_8}:lookup_vs_shrink"),
        note="A lookup takes a reference only since rc1; in 6.7 it misses the file instead.",
    ),
    Entry(
        id="E18",
        kind="broken promise",
        says=f"stat of kprobes/kp1/enable {KNOWN_ALL_THE_TIME}",
        before=At(f"{V6_7}:lookup_vs_shrink"),
        after=At(f"{V6_8}:lookup_vs_shrink"),
        note="The new dentry stays a negative one.",
    ),
    Entry(
        id="E21",
        kind="broken promise",
        says="kprobes/kp1 is found after its removal has returned",
        before=At(f"{V6_7}:stat_then_remove", recursive_removal=False),
        after=At(f"{V6_7}:stat_then_remove"),
    ),
    Entry(
        id="E22",
        kind="BUG",
        says="d_instantiate.. of dentry .*/enable, which has an inode",
        before=At(f"{V6_8_RC1}:list_vs_list", iterate_creates=True),
        after=At(f"{V6_8_RC1}:list_vs_list"),
    ),
    Entry(
        id="E23",
        kind="broken promise",
        says=FORGOTTEN,
        before=At(f"{V6_7}:mkdir_rmdir", gets_events_dentry=True),
        after=At(f"{V6_7}:mkdir_rmdir"),
    ),
    Entry(
        id="E24",
        kind="broken promise",
        says=FORGOTTEN,
        before=At(f"{V6_7}:mkdir_rmdir", own_events_removal=False),
        after=At(f"{V6_7}:mkdir_rmdir"),
    ),
    # The eventfs_inode's memory, and what it leads to.
    Entry(
        id="E27",
        kind="use-after-free",
        says="read of eventfs_inode kp1->dentry, freed by softirq:free_rcu_ei",
        before=At(
            f"{V6_7}:lookup_vs_remove_then_reclaim", hooks_dentries=True, own_freed_bit=False
        ),
        after=At(f"{V6_7}:lookup_vs_remove_then_reclaim", hooks_dentries=True),
        note="In the first form, where removal takes the dentries off their ei.",
    ),
    Entry(
        id="E32",
        kind="use-after-free",
        says="read of eventfs_inode kp1->is_freed, freed by softirq:free_rcu_ei",
        before=At(f"{V6_7}:lookup_held_vs_remove", ei_waits_for_dentry=False),
        after=At(f"{V6_7}:lookup_held_vs_remove"),
    ),
    Entry(
        id="E32",
        kind="use-after-free",
        says="read of eventfs_inode kp1->is_freed, freed by softirq:free_rcu_ei",
        before=At(f"{V6_7}:lookup_held_vs_remove", hooks_dentries=True),
        after=At(f"{V6_7}:lookup_held_vs_remove"),
        note="The first form as a whole.",
    ),
    Entry(
        id="E34",
        kind="use-after-free",
        says="read of trace_event_file kp1->event_call",
        before=At(f"{V6_7}:hidden_vs_remove", hooks_dentries=True, callback_under_mutex=False),
        after=At(f"{V6_7}:hidden_vs_remove", hooks_dentries=True),
        note="In the first form: simple_recursive_removal() would wait for the lookup.",
    ),
    Entry(
        id="E35",
        kind="use-after-free",
        says="read of eventfs_inode kp3->is_freed",
        before=At(f"{V6_7}:recycled_vs_lookup"),
        after=At(f"{V6_7}:recycled_vs_lookup", zeroes_inodes=True),
        note="The new inode's `private` is that of the removed directory kp3.",
    ),
    Entry(
        id="E36",
        kind="broken promise",
        says="opens kprobes/kp1 gives 0 or -2, not -22",
        before=At(f"{V6_7}:lookup_vs_open"),
        after=At(f"{V6_8}:lookup_vs_open"),
    ),
    # Contracts.
    Entry(
        id="E48",
        kind="NULL pointer dereference",
        says="name of a NULL pointer",
        before=At(f"{V6_7}:make_below_removed"),
        after=At(f"{V6_7}:make_below_removed", create_says_busy=True),
        note="A caller that looks for error pointers only follows the result.",
    ),
    Entry(
        id="E50",
        kind="NULL pointer dereference",
        says="d_children of a NULL pointer",
        before=At(f"{V6_7}:mkdir_without_memory", fails_by_stage=False),
        after=At(f"{V6_7}:mkdir_without_memory"),
    ),
    # What users see.
    Entry(
        id="E59",
        kind="broken promise",
        says=r"owner_of kprobes/kp1/enable gives .0, 5., not .0, 0.",
        before=At(f"{V6_7}:mount_gid_then_stat", inherits_owner=False),
        after=At(f"{V6_7}:mount_gid_then_stat"),
    ),
    Entry(
        id="E60",
        kind="NULL pointer dereference",
        says="a NULL pointer is followed",
        before=At(f"{V6_7}:remount_while_listing", skips_cursors=False),
        after=At(f"{V6_7}:remount_while_listing"),
    ),
    Entry(
        id="E61",
        kind="broken promise",
        says="bytes more than without is_events, 4 each",
        before=At(f"{V6_7}:size_of_directories", bits_fill_int=False, is_64bit=False),
        after=At(f"{V6_7}:size_of_directories", is_64bit=False),
        note="On 32 bits, 72 bytes for 68; on 64 the int lies in the padding, and both are 128.",
    ),
    Entry(
        id="E62",
        kind="broken promise",
        says="a listing of kprobes/kp1 has .* 2 times",
        before=At(f"{V6_8_RC1}:list_by_ones", counts_every_entry=False),
        after=At(f"{V6_8_RC1}:list_by_ones"),
    ),
    Entry(
        id="E62",
        kind="broken promise",
        says="a listing of kprobes misses kp1",
        before=At(f"{V6_8_RC1}:list_children_by_ones", gives_back_position=False),
        after=At(f"{V6_8_RC1}:list_children_by_ones"),
        note="The sibling: a child that did not fit is not given again.",
    ),
    Entry(
        id="E63",
        kind="broken promise",
        says="a directory has another inode number than the one it is in",
        before=At(f"{V6_8_RC1}:find_loops"),
        after=At(f"{V6_8_RC1}:find_loops", own_dir_ino=True),
    ),
)
