"""Small faults of `latest` that no scenario can show, each with the reason.

By module, and by what the fault is (`Fault.name`).  What is not run at all, because a later
release has a method of its own in its place, is not made (`systematic.reached`).
"""

from __future__ import annotations

from collections.abc import Mapping

OFF = "a switch that `latest` has the other way keeps this from being run"
NEVER_NULL = "the pointer is never NULL where this asks: the C asks all the same"
KEPT = (
    "whoever lists a directory has it open, and with it a reference that keeps the list of children"
)

EQUIVALENT: Mapping[str, Mapping[str, str]] = {
    "model.eventfs.latest": {
        "free_ei: without await smp_wmb()": KEPT,
        "goes_on: not not self.rechecks_parent": KEPT,
        "goes_on: without await smp_rmb()": KEPT,
    },
    "model.eventfs.linux_6_12": {},
    "model.eventfs.references": {
        "release_ei: without await self.free_content(ei)": OFF,
        "free_later: without await ei.children.reuse()": KEPT,
        "free_later: not not is_null(ei.head)": OFF,
        "free_later: without await ei.head.overwrite(ei)": OFF,
        "free_later: without await self.rcu.call_rcu(free, 'free_ei_rcu')": OFF,
    },
    "model.eventfs.linux_6_8": {
        "eventfs_root_lookup: without is_null(result) in "
        "self.caches_misses and is_null(result) and dentry.d_in_lookup": OFF,
        "eventfs_root_lookup: without dentry.d_in_lookup in "
        "self.caches_misses and is_null(result) and dentry.d_in_lookup": OFF,
        "eventfs_root_lookup: without await d_add(dentry, None)": OFF,
        "_lookup: without ei is None in ei is None or ei.is_freed": NEVER_NULL,
        "_iterate: without ei is not None in ei is not None and ei.is_freed": NEVER_NULL,
        "eventfs_create_events_dir: without self.lockdown_first in "
        "self.lockdown_first and await security_locked_down(sb)": OFF,
        "eventfs_create_events_dir: without await security_locked_down(sb) in "
        "not self.lockdown_first and await security_locked_down(sb)": OFF,
        "eventfs_remove_rec: not child is not None": OFF,
        "eventfs_remove_rec: without await self.eventfs_remove_rec(child, level + 1)": OFF,
        "eventfs_remove_events_dir: without ei.events_dir = NO_DENTRY": (
            "nobody removes an events directory twice"
        ),
    },
}
