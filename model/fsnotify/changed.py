"""The oldest idea: the file system is told that something changed, and reads the mask itself.

Source: facts 5.3, column C.
"""

from __future__ import annotations

from lockwright.kernel.once import READ_ONCE
from model.fsnotify.aggregated import Aggregated
from model.fsnotify.objects import Inode


class Changed(Aggregated):
    """Variant C: as B, but that what is sent is read when it is sent.  Its switches are B's."""

    async def tell(self, inode: Inode, mask: int, version: int) -> int:
        """Send what i_fsnotify_mask is by now."""
        mask = await READ_ONCE(inode, "i_fsnotify_mask")
        return await self.send(inode, mask, self.client.ledger.version(0, inode.nodeid))
