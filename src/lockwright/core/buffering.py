"""How an operation stands to the store buffer of its task: `Operation.buffering`.

Nothing of this matters while memory is sequentially consistent; `kernel/storebuffer.py` has the
machines that have buffers.
"""

from __future__ import annotations

DRAINS = 0
"""Waits until the buffer is empty, and acts on memory: a read-modify-write, a lock that is taken,
and every operation that says nothing."""
LOADS = 1
"""Reads what its own task sees: its newest store in the buffer, else memory."""
STORES = 2
"""Has two parts: `retire` in its task's order, and `land` when it leaves the buffer."""
UPDATES = 3
"""Drains, and then reads and writes a location that others may have stored to.  What is about a
`Variable` need not say so."""
IGNORES = 4
"""Touches nothing that a buffered store could change."""
