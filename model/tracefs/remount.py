"""Remounting tracefs: owner, group and mode.

Source: fs/tracefs/inode.c, tracefs_reconfigure(), tracefs_remount(), tracefs_apply_options(),
6.5 to 7.3.
"""

from __future__ import annotations

from typing import Protocol

from model.vfs.attr import Iattr, setattr_copy
from model.vfs.objects import MountOptions, SuperBlock


class Remounts(Protocol):
    """What a design adds: what it does with the inodes below the root."""

    async def remount(
        self,
        sb: SuperBlock,
        *,
        uid: int | None = None,
        gid: int | None = None,
        mode: int | None = None,
    ) -> int: ...


async def tracefs_remount(fs: Remounts, sb: SuperBlock, options: MountOptions) -> int:
    """Give the root what was asked for, and let the file system see to the rest.

    The caller holds s_umount.  `mode` is for the root alone.
    """
    if options.uid is not None:
        sb.uid = options.uid
    if options.gid is not None:
        sb.gid = options.gid
    iattr = Iattr(mode=options.mode, uid=options.uid, gid=options.gid)
    await setattr_copy(sb.s_root.d_inode, iattr)
    return await fs.remount(sb, uid=options.uid, gid=options.gid, mode=options.mode)
