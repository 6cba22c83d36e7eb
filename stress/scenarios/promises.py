"""What every design of eventfs has to keep, and the kernel that the mails were written about."""

from __future__ import annotations

from invariants.dentries import (
    dentry_counts,
    no_lookup_left,
    nothing_at_the_root,
    one_hashed_dentry_a_name,
)
from invariants.events import busy_changes_nothing
from invariants.names import existing_is_found, listing_is_complete, removed_is_gone
from lockwright.scenario import Check

RELEASE = "6.5.0-rc1-test+"

AT_END: tuple[Check, ...] = (
    removed_is_gone,
    existing_is_found,
    listing_is_complete,
    dentry_counts,
    one_hashed_dentry_a_name,
    no_lookup_left,
    busy_changes_nothing,
    nothing_at_the_root,
)
