"""A mounted kernfs.

Source: fs/kernfs/mount.c, 6.8.
Left out: several super blocks of one tree.
"""

from __future__ import annotations

from lockwright.core.world import World
from model.kernfs.dir import kernfs_create_root
from model.kernfs.inode import KERNFS_DOPS, kernfs_evict_inode, kernfs_get_inode
from model.kernfs.node import KernfsNode
from model.vfs.objects import Dentry, SuperBlock, SuperOperations
from model.vfs.reclaim import register_shrinker

KERNFS_SOPS = SuperOperations(destroy_inode=kernfs_evict_inode)
"""C: kernfs_sops; destroy_inode stands for evict_inode."""


async def kernfs_fill_super(sb: SuperBlock, kn: KernfsNode, name: str) -> None:
    """Make the root dentry of a tree, which the mount holds."""
    sb.s_d_op = KERNFS_DOPS
    sb.s_op = KERNFS_SOPS
    sb.s_root = Dentry(sb, None, name)
    sb.s_root.d_inode = await kernfs_get_inode(sb, kn, name)
    sb.s_root.d_hashed = True


async def kernfs_mount(world: World, name: str, *, rcu_late: bool = False) -> KernfsNode:
    """An empty tree, mounted; `world.state` is its super block.  For set-up, by boot()."""
    kn = await kernfs_create_root(world)
    sb = SuperBlock(world, rcu_late=rcu_late)
    await kernfs_fill_super(sb, kn, name)
    register_shrinker(sb)
    world.state = sb
    return kn
