"""The bugs of v3, v4 and 6.6."""

from __future__ import annotations

from stress.corpus.entry import At, Entry

V3 = "eventfs/v3"
V4 = "eventfs/v4"
V6_6 = "eventfs/linux_6_6"
V6_7 = "eventfs/linux_6_7"
V6_8 = "eventfs/linux_6_8"

KNOWN_ALL_THE_TIME = "fails, although it is there all the time"
DYING = "reference taken on dentry .*, which is being killed"
NO_SUCH_REFERENCE = "reference dropped on dentry .*, which has none"
AT_THE_ROOT = "is made at the root of tracefs"
LOST_LIST = "e_top_files of a NULL pointer"
TOO_LONG = "stat in d_wait_lookup"
RENUMBERED = "kprobes has the inode numbers"
LINKS = "tracing/events has . links, and 1 directories in it"
TOLD = "that tracing/events/kprobes was made is told . times"

ENTRIES = (
    # Lock order.
    Entry(
        id="E01",
        kind="deadlock",
        says="stat in down_read_nested.eventfs_rwsem.; bash in down_write.eventfs_rwsem.",
        before=At(f"{V3}:open_lookup_remove", writer_queues=True),
        after=At(f"{V6_6}:open_lookup_remove"),
        note="The writer queues.  As posted it polls, and the cycle is predicted, but not met.",
    ),
    Entry(
        id="E01",
        kind="possible circular locking dependency",
        says="eventfs_rwsem/1",
        before=At(f"{V3}:stat_then_open"),
        after=At(f"{V6_6}:stat_then_open"),
        note="The report of the mail thread, from one task alone.",
    ),
    Entry(
        id="E02",
        kind="deadlock",
        says="stat in down_read_nested.eventfs_rwsem.; bash in down_write.eventfs_rwsem.",
        before=At(f"{V3}:lookup_vs_create", writer_queues=True),
        after=At(f"{V6_6}:lookup_vs_create"),
        note="The writer queues.",
    ),
    Entry(
        id="E03",
        kind="deadlock",
        says="stat in mutex_lock.eventfs_mutex.",
        before=At(f"{V4}:open_vs_lookup"),
        after=At(f"{V6_6}:open_vs_lookup"),
    ),
    Entry(
        id="E04",
        kind="deadlock",
        says="bash in mutex_lock.eventfs_mutex.",
        before=At(f"{V4}:stat_then_remove", iput_locks=True, worker_puts=False),
        after=At(f"{V6_6}:stat_then_remove"),
        note="v4 with the lock in d_iput() that it lacks.",
    ),
    *(
        Entry(
            id="E06",
            kind="deadlock",
            says=TOO_LONG,
            before=At(f"{design}:long_name"),
            after=At(f"{V6_6}:long_name", lookup_returns_error=True),
        )
        for design in (V3, V4, V6_6)
    ),
    Entry(
        id="E08",
        kind="lock held at task exit",
        says="mkdir holds",
        before=At(f"{V6_6}:mkdir_vs_lockdown"),
        after=At(f"{V6_6}:mkdir_vs_lockdown", lockdown_first=True),
    ),
    Entry(
        id="E09",
        kind="broken promise",
        says="has locked it 2 times to make what is in it",
        before=At(f"{V6_6}:open_cold"),
        after=At(f"{V6_6}:open_cold", locks_whole_open=True),
    ),
    # References on dentries.
    Entry(
        id="E10",
        kind="NULL pointer dereference",
        says="flags of a NULL pointer",
        before=At(f"{V4}:open_remove_close", rcu_late=True),
        after=At(f"{V6_6}:open_remove_close", rcu_late=True),
        note="No RCU grace period ends, as in the mail; else it is a use-after-free.",
    ),
    Entry(
        id="E11",
        kind="broken promise",
        says="kprobes/kp1 is found after its removal has returned",
        before=At(f"{V4}:stat_then_remove", worker_invalidates=True, rcu_late=True),
        after=At(f"{V4}:stat_then_remove", rcu_late=True),
    ),
    *(
        Entry(
            id="E12",
            kind="refcount",
            says=NO_SUCH_REFERENCE,
            before=At(f"{design}:open_close_vs_open_close"),
            after=At(f"{V6_6}:open_close_vs_open_close"),
        )
        for design in (V3, V4)
    ),
    Entry(
        id="E13",
        kind="data race",
        says="eventfs_file->dentry: .* eventfs_set_ef_status_free",
        before=At(f"{V4}:open_vs_prune", iput_marks=False),
        after=At(f"{V6_6}:open_vs_prune"),
        note="v4 with the plain stores of its C, as KCSAN would have it.",
    ),
    *(
        Entry(
            id="E14",
            kind="broken promise",
            says="kprobes/kp2 has 0 references, and 1 owners",
            before=before,
            after=At(f"{V6_6}:open_create_close"),
        )
        for before in (
            At(f"{V3}:open_create_close"),
            At(f"{V4}:open_create_close"),
            At(f"{V6_6}:open_create_close", remembers_dentries=False),
        )
    ),
    Entry(
        id="E15",
        kind="NULL pointer dereference",
        before=At(f"{V6_6}:open_close_empty", tests_array=False),
        after=At(f"{V6_6}:open_close_empty"),
    ),
    Entry(
        id="E18",
        kind="refcount",
        says=DYING,
        before=At(f"{V6_6}:open_vs_prune"),
        after=At(f"{V6_8}:open_vs_prune"),
    ),
    Entry(
        id="E18",
        kind="broken promise",
        says=KNOWN_ALL_THE_TIME,
        before=At(f"{V6_6}:lookup_vs_prune"),
        after=At(f"{V6_8}:lookup_vs_prune"),
        note="The variant that leaves a negative dentry behind.",
    ),
    *(
        Entry(
            id="E19",
            kind="broken promise",
            says=KNOWN_ALL_THE_TIME,
            before=At(f"{design}:lookup_vs_lookup"),
            after=At(f"{V6_8}:lookup_vs_lookup"),
        )
        for design in (V3, V4, V6_6)
    ),
    # Memory of eventfs_files and of lists.
    Entry(
        id="E27",
        kind="use-after-free",
        says="eventfs_file kp1->dentry, freed by .*free_ef",
        before=At(f"{V6_6}:lookup_vs_remove_reclaim"),
        after=At(f"{V6_6}:lookup_vs_remove_reclaim", freed_bit=True),
    ),
    *(
        Entry(
            id="E28",
            kind="use-after-free",
            says="eventfs_inode events->e_top_files",
            before=before,
            after=At(f"{V6_6}:open_vs_rmdir"),
        )
        for before in (At(f"{V4}:open_vs_rmdir"), At(f"{V6_6}:open_vs_rmdir", dput_frees_top=False))
    ),
    Entry(
        id="E29",
        kind="leak",
        says="eventfs_file enable",
        before=At(f"{V6_6}:make_and_remove_instance", frees_top_files=False),
        after=At(f"{V6_6}:make_and_remove_instance"),
    ),
    Entry(
        id="E30",
        kind="invalid pointer",
        says="ei of the error pointer -12",
        before=At(f"{V6_6}:create_then_remove_without_memory", stores_only_pointers=False),
        after=At(f"{V6_6}:create_then_remove_without_memory"),
    ),
    Entry(
        id="E31",
        kind="suspicious RCU usage",
        before=At(f"{V6_6}:list_alone", srcu_iterator=False),
        after=At(f"{V6_6}:list_alone"),
    ),
    Entry(
        id="E32",
        kind="use-after-free",
        says="eventfs_inode kp1->e_top_files",
        before=At(f"{V6_6}:open_remove_lookup"),
        after=At(f"{V6_7}:open_remove_lookup"),
    ),
    *(
        Entry(
            id="E36",
            kind="NULL pointer dereference",
            says=LOST_LIST,
            before=At(f"{design}:lookup_vs_deep_lookup"),
            after=At(f"{V6_6}:lookup_vs_deep_lookup", fills_private_first=True),
        )
        for design in (V3, V4, V6_6)
    ),
    Entry(
        id="E41",
        kind="data race",
        says="eventfs_file->filename",
        before=At(f"{V4}:lookup_vs_create"),
        after=At(f"{V4}:lookup_vs_create", list_add_rcu=True),
        note="6.6 looks at what it finds under the mutex only, which orders it.",
    ),
    # What is left out of the calls, or of their errors.
    Entry(
        id="E49",
        kind="NULL pointer dereference",
        before=At(f"{V6_6}:chmod_events", saves_attributes=True),
        after=At(f"{V6_6}:chmod_events", saves_attributes=True, setattr_tests_ef=True),
    ),
    Entry(
        id="E58",
        kind="broken promise",
        says=AT_THE_ROOT,
        before=At(f"{V3}:lookup_vs_create"),
        after=At(f"{V6_6}:lookup_vs_create"),
    ),
    Entry(
        id="E58",
        kind="broken promise",
        says=AT_THE_ROOT,
        before=At(f"{V6_6}:lookup_vs_deep_lookup", fills_private_first=True),
        after=At(
            f"{V6_6}:lookup_vs_deep_lookup", fills_private_first=True, refuses_null_parent=True
        ),
        note="With the directory's inode complete, for else E36 comes first.",
    ),
    Entry(
        id="E64",
        kind="broken promise",
        says=RENUMBERED,
        before=At(f"{V6_6}:stat_reclaim_stat"),
        after=At(f"{V6_8}:stat_reclaim_stat"),
    ),
    *(
        Entry(
            id="E65",
            kind="broken promise",
            says=says,
            before=At(f"{design}:stat_reclaim_stat"),
            after=At(f"{V6_6}:stat_reclaim_stat", single_links=True),
        )
        for design in (V3, V4, V6_6)
        for says in (LINKS, TOLD)
    ),
    Entry(
        id="E69",
        kind="broken promise",
        says="is made under lockdown",
        before=At(f"{V6_6}:create_locked_down", checks_lockdown=False),
        after=At(f"{V6_6}:create_locked_down"),
    ),
)
