"""What an operation orders, in the kernel's memory model: `Operation.orders`.

A number made of flags.  It says what the operation's own accesses mean to the data-race check, and
to nobody else: the machine executes every operation at once and in full.  An access *acquires*
what was released to its location, and *releases* to it all that its task did before.

Of an operation whose own accesses are to several locations the flags speak of the first; a write
of another one is a release, since it sets a flag that lets somebody go on (a wakeup, a grant, the
start of a task), and a read of another one orders nothing.  With EVERY they speak of all.  The end
of a wait for a one-way flag (a code below 0) always acquires.

Left out: that a write barrier does not order earlier reads and a read barrier not later writes;
FENCE_BEFORE and FENCE_AFTER do, as the fences of C11.

Source: Documentation/memory-barriers.txt, Documentation/atomic_t.txt,
Documentation/core-api/refcount-vs-atomic.rst, tools/memory-model/Documentation/explanation.txt.
"""

from __future__ import annotations

READ_ACQUIRES = 1
"""A read acquires."""
WRITE_ACQUIRES = 2
"""A write acquires: a lock that was got, a read-modify-write."""
WRITE_RELEASES = 4
"""A write releases."""
READ_RELEASES = 8
"""A read releases: a read-modify-write that happens to change nothing."""
STORE = 16
"""A write that reads nothing: it replaces what was released to its location."""
SHARED = 32
"""On behalf of readers of a lock, who are not ordered among themselves."""
PLAIN = 64
"""Plain accesses of the C; if there are other flags, all but the last access, whose they are."""
FENCE_BEFORE = 128
"""What came before is released by the task's later marked writes, too."""
FENCE_AFTER = 256
"""What the task's earlier marked reads could have acquired is acquired now."""
EVERY = 512
"""The flags speak of every location that the operation accesses itself."""

RELAXED = 0
"""Marked, and orders nothing: READ_ONCE(), a read-modify-write that returns no value."""
LOAD_ACQUIRE = READ_ACQUIRES
STORE_RELEASE = STORE | WRITE_RELEASES
ACQUIRE = WRITE_ACQUIRES
"""Where it writes; one that only reads has failed, and orders nothing."""
RELEASE = WRITE_RELEASES
ACQUIRE_RELEASE = WRITE_ACQUIRES | WRITE_RELEASES
MB = FENCE_BEFORE | FENCE_AFTER
"""smp_mb()"""
ATOMIC = ACQUIRE_RELEASE | MB
"""A read-modify-write that returns a value: a barrier before it and one after.  One that only
reads has failed, and orders nothing."""
FULL = READ_ACQUIRES | ACQUIRE_RELEASE | EVERY
"""What an operation is that says nothing: a short section under a lock of its own."""
