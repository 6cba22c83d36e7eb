"""tracefs before eventfs: every file of every event is a dentry and an inode, pinned for good.

Source: fs/tracefs/inode.c, 6.5, which has all there is to it (`inode.py` here).

Creation pins: the reference that lookup_one_len() gave is kept, and removal drops it
(simple_recursive_removal()).  So memory does not depend on use, and nothing is made or found out
at a lookup: what is not in the dentry cache is not there.  What the files lead to is freed at
removal; before that the tracing core clears their i_private, and their operations look at it
under event_mutex (`TracingRelease.clears_i_private`).
"""

from __future__ import annotations

from lockwright.core.world import World
from model.tracing.pinned_tree import PinnedTree
from model.vfs.objects import SuperBlock, SuperOperations


class Pinned:
    """Generation (a).  It has no statics, no locks and no dentry operations of its own."""

    dentry_operations = None
    super_operations = SuperOperations()

    def __init__(self, world: World) -> None:
        self.world = world
        self.tree = PinnedTree()

    async def remount(
        self,
        sb: SuperBlock,
        *,
        uid: int | None = None,
        gid: int | None = None,
        mode: int | None = None,
    ) -> int:
        """Attributes of what is there are left as they are, but for the root's, which are
        tracefs's own to change."""
        return 0
