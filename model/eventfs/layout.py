"""How the compiler lays out struct eventfs_inode of 6.7, and so how large it is.

Source: fs/tracefs/internal.h, 6.7; the System V ABI for i386 and x86-64, "Bit-Fields".

A member begins at a multiple of its alignment; bit fields of `unsigned int` follow each other bit
by bit, but none lies across the border of two ints; the struct ends at a multiple of the largest
alignment, which is that of a pointer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

INT = 4


class Member(NamedTuple):
    """One member: `pointers` of them in a row, or `ints`, or so many `bits` of an unsigned int."""

    name: str
    pointers: int = 0
    ints: int = 0
    bits: int = 0


MEMBERS = (
    Member("list", pointers=2),
    Member("entries", pointers=1),
    Member("name", pointers=1),
    Member("children", pointers=2),
    Member("dentry", pointers=1),
    Member("d_parent", pointers=1),
    Member("d_children", pointers=1),
    Member("entry_attrs", pointers=1),
    Member("attr", ints=3),
    Member("data", pointers=1),
    Member("rcu", pointers=2),
)
"""Those of eventfs_inode before the bit fields."""

BEFORE_IS_EVENTS = (*MEMBERS, Member("is_freed", bits=1), Member("nr_entries", bits=31))
"""The eventfs_inode before the directory `events` was marked."""


def with_is_events(nr_entries: int) -> tuple[Member, ...]:
    """The eventfs_inode with that mark, and so many bits for the number of entries."""
    flags = (Member("is_freed", bits=1), Member("is_events", bits=1))
    return (*MEMBERS, *flags, Member("nr_entries", bits=nr_entries))


def sizeof(members: Iterable[Member], pointer: int) -> int:
    """The bytes of a struct, where a pointer has `pointer` of them."""
    end = 0
    for member in members:
        if member.bits:
            if end // (8 * INT) != (end + member.bits - 1) // (8 * INT):
                end = _up(end, 8 * INT)
            end += member.bits
        else:
            end = _up(end, 8 * (pointer if member.pointers else INT))
            end += 8 * (member.pointers * pointer + member.ints * INT)
    return _up(end, 8 * pointer) // 8


def _up(bits: int, unit: int) -> int:
    return -(-bits // unit) * unit
