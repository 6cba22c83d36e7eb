"""The bugs of the reference-counted designs: 6.8, 6.9, 6.12 and 7.3."""

from __future__ import annotations

from stress.corpus.entry import At, Entry, NotModelled

L68, L69, L612, LATEST = (
    f"eventfs/{design}" for design in ("linux_6_8", "linux_6_9", "linux_6_12", "latest")
)
PROMISE = "broken promise"
NULL = "NULL pointer dereference"
UAF = "use-after-free"

ENTRIES: tuple[Entry | NotModelled, ...] = (
    Entry(
        id="E07",
        kind="deadlock",
        says="eventfs_mutex",
        before=At(f"{L68}:stat_cold", em_in_find_events=True),
        after=At(f"{L68}:stat_cold"),
    ),
    Entry(
        id="E08",
        kind="deadlock",
        says="i_rwsem",
        before=At(f"{L612}:mkdir_locked_down"),
        after=At(f"{LATEST}:mkdir_locked_down"),
    ),
    Entry(
        id="E20",
        kind=PROMISE,
        says="kprobes/kp2",
        before=At(f"{L68}:miss_then_create", caches_misses=True),
        after=At(f"{L68}:miss_then_create"),
    ),
    Entry(
        id="E21",
        kind=PROMISE,
        says="kprobes/kp1",
        before=At(f"{L68}:stat_then_remove", revalidates=False),
        after=At(f"{L68}:stat_then_remove"),
    ),
    Entry(
        id="E26",
        kind=PROMISE,
        says="leave no dentry",
        before=At(f"{L612}:misses_at_the_root"),
        after=At(f"{LATEST}:misses_at_the_root"),
    ),
    Entry(
        id="E37",
        kind=UAF,
        says="eventfs_inode->name .* freed by bash",
        before=At(f"{L68}:list_vs_remove_cold"),
        after=At(f"{L68}:list_vs_remove_cold", frees_content_early=False),
        note="what is left after it is E39: all is freed, but for the wrong readers",
    ),
    NotModelled(
        "E38",
        "It is in the model, `passes_null_on` of linux_6_9, and never comes to pass: all who walk "
        "up to `events` are in a lookup, which has found its directory not freed and holds "
        "eventfs_mutex until it ends; a removal needs that too, and marks all below before a "
        "directory itself. Explore eventfs/linux_6_9:lookup_vs_remove_tree with that switch and "
        "without, with walks_safely and clears_flag_at_drop: every execution, and no finding.",
    ),
    Entry(
        id="E39",
        kind=UAF,
        says="eventfs_inode kp1",
        before=At(f"{L69}:list_vs_remove_cold"),
        after=At(f"{L69}:list_vs_remove_cold", frees_by_srcu=True),
    ),
    Entry(
        id="E40",
        kind="general protection fault",
        says="LIST_POISON1",
        before=At(f"{L69}:list_vs_remove_cold"),
        after=At(f"{L69}:list_vs_remove_cold", list_del_rcu=True),
    ),
    Entry(
        id="E41",
        kind="data race",
        says="eventfs_inode->",
        before=At(f"{L612}:list_vs_create_cold"),
        after=At(f"{LATEST}:list_vs_create_cold"),
        note="as what it makes possible on a weak machine: fields read before they are set",
    ),
    Entry(
        id="E42",
        kind=UAF,
        says="eventfs_inode kp1",
        before=At(f"{L612}:remount_vs_remove_cold"),
        after=At(f"{LATEST}:remount_vs_remove_cold"),
    ),
    Entry(
        id="E42",
        kind="data race",
        says="eventfs_inode->attr",
        before=At(f"{L612}:remount_vs_chown"),
        after=At(f"{LATEST}:remount_vs_chown"),
        note="the lost update",
    ),
    Entry(
        id="E43",
        kind=NULL,
        says="ls walks kprobes->children",
        before=At(f"{L612}:list_vs_remove_vs_reclaim"),
        after=At(f"{LATEST}:list_vs_remove_vs_reclaim"),
    ),
    Entry(
        id="E45",
        kind="list corruption",
        says="i_lru.next of tracefs_inode_cache .* is NULL",
        before=At(f"{L69}:stat_vs_drop_caches", clears_flag_at_drop=True, randomized_layout=True),
        after=At(
            f"{L69}:stat_vs_drop_caches",
            clears_flag_at_drop=True,
            own_rcu_head=False,
            randomized_layout=True,
        ),
        note="in 6.10; in 6.9 no inode whose dentry goes is freed at all (E47)",
    ),
    NotModelled(
        "E46",
        "Neither memory cgroups nor the lists of their reclaim are in the model; nothing that "
        "a task of it does depends on them.",
    ),
    Entry(
        id="E47",
        kind=UAF,
        says="eventfs_inode kp1->attr",
        before=At(f"{L69}:remount_twice_vs_remove_cached"),
        after=At(f"{L69}:remount_twice_vs_remove_cached", clears_flag_at_drop=True),
        note="the first remount gives the flag back, as it stores what it loaded before d_iput()",
    ),
    Entry(
        id="E47",
        kind=PROMISE,
        says="inode tracing/events/kprobes/kp1 has no dentry, and is not freed",
        before=At(f"{L69}:stat_vs_drop_caches"),
        after=At(f"{L69}:stat_vs_drop_caches", clears_flag_at_drop=True),
        note="d_iput() drops no reference: the inode stays, and is what remounting comes to",
    ),
    Entry(
        id="E48",
        kind=NULL,
        says="a NULL pointer is followed",
        before=At(f"{L69}:create_vs_remove_parent"),
        after=At(f"{L612}:create_vs_remove_parent"),
        note="without event_mutex, which the tracing core holds over both",
    ),
    Entry(
        id="E54",
        kind=PROMISE,
        says="trace_event_file kp1 has 1 references, and 2 owners",
        before=At(f"{LATEST}:create_vs_remove_parent", cleans_up=False),
        after=At(f"{LATEST}:create_vs_remove_parent"),
        note="without event_mutex, as E48; a release more would be the last, and free it",
    ),
    Entry(
        id="E66",
        kind=PROMISE,
        says="as remounting said",
        before=At(f"{L68}:chown_remount_drop"),
        after=At(f"{L69}:chown_remount_drop"),
    ),
    Entry(
        id="E67",
        kind=PROMISE,
        says="as remounting said",
        before=At(f"{L69}:chown_drop_remount"),
        after=At(f"{L69}:chown_drop_remount", remount_recurses=True),
    ),
    Entry(
        id="E68",
        kind=PROMISE,
        says="the files have",
        before=At(f"{L69}:number_clash"),
        after=At(f"{L69}:number_clash", avoids_file_ino=True),
    ),
)
