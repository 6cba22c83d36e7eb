"""Inode numbers: what stat() and listings show."""

from __future__ import annotations

from collections.abc import Iterator

from invariants.objects import counted, eventfs_inodes, inodes, mounted, value
from invariants.truth import changed, listings, stays
from lockwright.core.world import World

FILE_INO = 0x12C4E37
"""What all files have, where numbers are eventfs's own."""


def a_name_has_one_number(world: World) -> Iterator[str]:
    """I14: whoever asks gets the same number for a name, as long as it is there.

    Source: facts 1.6, eventfs_dir_ino(); E64 where the number goes with the inode.
    """
    at = mounted(world)
    changes = changed(at)
    first: dict[str, object] = {}
    for outcome in at.outcomes:
        if outcome.call != "number" or not stays(outcome.path, changes):
            continue
        known = first.setdefault(outcome.path, outcome.result)
        if known != outcome.result:
            yield f"{outcome.path} has the inode numbers {known} and {outcome.result}"


def directories_have_numbers_of_their_own(world: World) -> Iterator[str]:
    """I14: no two directories have one number, nor a directory that of the files, nor 0.

    Source: facts 6.2; E63, E68.
    """
    at = mounted(world)
    there = listings(at)
    seen: dict[object, str] = {}
    for outcome in at.outcomes:
        if outcome.call != "number" or outcome.path not in there:
            continue
        if outcome.result in (0, FILE_INO):
            yield f"the directory {outcome.path} has the inode number {outcome.result}"
        other = seen.setdefault(outcome.result, outcome.path)
        if other != outcome.path:
            yield f"{other} and {outcome.path} have one inode number"


def inodes_have_their_numbers(world: World) -> Iterator[str]:
    """I14: the inode of a directory has the number that is kept for it; a file has the files'.

    Source: facts 1.6 (6.8 and later).
    """
    for inode in inodes(world):
        ei = value(inode, "private")
        if not counted(ei) or not ei.alive or value(ei, "is_events"):
            continue
        kept, shown = value(ei, "ino"), inode.peek("i_ino")
        if inode.peek("i_dir") and kept != shown:
            yield f"{inode.name} has the inode number {shown}, and {kept} is kept for it"


def kept_numbers_differ(world: World) -> Iterator[str]:
    """I14: no two eventfs_inodes keep one number.

    Source: facts 1.6 (6.8 and later).
    """
    seen: dict[object, str] = {}
    for ei in eventfs_inodes(world):
        number = value(ei, "ino", 0)
        if not number or not counted(ei):
            continue
        other = seen.setdefault(number, ei.describe())
        if other != ei.describe():
            yield f"{other} and {ei.describe()} keep one inode number"
