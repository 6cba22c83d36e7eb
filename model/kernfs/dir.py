"""The tree of kernfs: making nodes, finding them, and removing them so that nothing runs after.

Source: fs/kernfs/dir.c, 6.8.
Left out: namespaces, renames, hidden nodes, the list of super blocks, times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.promise import always
from lockwright.kernel.slab import kmalloc
from model.kernfs.active import (
    activate,
    deactivate,
    kernfs_active,
    kernfs_break_active_protection,
    kernfs_get,
    kernfs_put,
    kernfs_unbreak_active_protection,
)
from model.kernfs.file import kernfs_drain_open_files, kernfs_should_drain_open_files
from model.kernfs.node import (
    KERNFS_ACTIVATED,
    KERNFS_EMPTY_DIR,
    KERNFS_REMOVING,
    KERNFS_SUICIDAL,
    KERNFS_SUICIDED,
    KN_DEACTIVATED_BIAS,
    KernfsNode,
    KernfsRoot,
)
from model.vfs.err import EEXIST, ENOENT, ENOMEM, ERR_PTR, is_null
from model.vfs.memory import memory_for

if TYPE_CHECKING:
    from lockwright.core.world import World
    from model.vfs.objects import FileOperations


async def kernfs_new_node(
    parent: KernfsNode, name: str, *, mode: int, ops: FileOperations | None, priv: object
) -> KernfsNode:
    """Allocate a node; it is neither linked nor active.  NULL if that fails."""
    root = parent.root
    if not await memory_for(root.world, "kernfs_node->name"):
        return None  # type: ignore[return-value]  # NULL
    kn: KernfsNode = await kmalloc(
        root.world, lambda: KernfsNode(root, name, mode=mode, ops=ops), "kernfs_node"
    )
    if is_null(kn):
        return kn
    await kernfs_get(parent)
    kn.parent = parent
    kn.i_private = priv
    kn.uid, kn.gid = parent.uid, parent.gid
    return kn


async def kernfs_create_dir(parent: KernfsNode, name: str, mode: int, priv: object) -> KernfsNode:
    """Make a directory; an error pointer if that fails.  C: kernfs_create_dir_ns()."""
    return await _create(parent, name, mode=mode, ops=None, priv=priv)


async def kernfs_create_file(
    parent: KernfsNode, name: str, mode: int, ops: FileOperations, priv: object
) -> KernfsNode:
    """Make a file; an error pointer if that fails.  C: __kernfs_create_file()."""
    return await _create(parent, name, mode=mode, ops=ops, priv=priv)


async def _create(
    parent: KernfsNode, name: str, *, mode: int, ops: FileOperations | None, priv: object
) -> KernfsNode:
    kn = await kernfs_new_node(parent, name, mode=mode, ops=ops, priv=priv)
    if is_null(kn):
        return ERR_PTR(KernfsNode, -ENOMEM)
    error = await kernfs_add_one(kn)
    if error:
        await kernfs_put(kn)
        return ERR_PTR(KernfsNode, error)
    return kn


async def kernfs_add_one(kn: KernfsNode) -> int:
    """Link a node below its parent, unless that is going, and activate it.

    In a tree that was made so, the user does that, and until then nobody sees the node.
    """
    parent = kn.parent
    rwsem = kn.root.kernfs_rwsem
    await rwsem.down_write()
    if parent.flags & (KERNFS_REMOVING | KERNFS_EMPTY_DIR):
        error = -ENOENT
    else:
        error = _link_sibling(parent, kn)
    await rwsem.up_write()
    if not error and not kn.root.create_deactivated:
        await kernfs_activate(kn)
    return error


def _link_sibling(parent: KernfsNode, kn: KernfsNode) -> int:
    """C: kernfs_link_sibling()."""
    place = (kn.hash, kn.name)
    before = [child for child in parent.children if (child.hash, child.name) < place]
    after = parent.children[len(before) :]
    if after and (after[0].hash, after[0].name) == place:
        return -EEXIST
    parent.children = (*before, kn, *after)
    parent.subdirs += kn.dir
    parent.rev += 1
    kn.linked = True
    return 0


def _unlink_sibling(kn: KernfsNode) -> bool:
    """False if somebody has done so before.  C: kernfs_unlink_sibling()."""
    if not kn.linked:
        return False
    parent = kn.parent
    parent.subdirs -= kn.dir
    parent.rev += 1
    parent.children = tuple(child for child in parent.children if child is not kn)
    kn.linked = False
    return True


async def kernfs_activate(kn: KernfsNode) -> None:
    """From now on operations may begin, unless the node is being removed already."""
    rwsem = kn.root.kernfs_rwsem
    await rwsem.down_write()
    for pos in subtree(kn):
        if pos.flags & KERNFS_ACTIVATED:
            continue
        pos.flags |= KERNFS_ACTIVATED
        if not kernfs_active(pos) and not pos.flags & KERNFS_REMOVING:
            await activate(pos)
    await rwsem.up_write()


def subtree(kn: KernfsNode) -> list[KernfsNode]:
    """A node and all below it, children first.  The caller holds kernfs_rwsem.

    C: kernfs_next_descendant_post().
    """
    return [below for child in kn.children for below in subtree(child)] + [kn]


def kernfs_find(parent: KernfsNode, name: str) -> KernfsNode | None:
    """The child of a name.  The caller holds kernfs_rwsem.  C: kernfs_find_ns()."""
    return next((child for child in parent.children if child.name == name), None)


async def kernfs_remove(kn: KernfsNode) -> None:
    """Remove a node and all below it.  When this returns nothing runs in them any more, and
    nothing ever will: what the operations use may be freed."""
    rwsem = kn.root.kernfs_rwsem
    await rwsem.down_write()
    await __kernfs_remove(kn)
    await rwsem.up_write()


async def kernfs_remove_by_name(parent: KernfsNode, name: str) -> int:
    """Find a node and remove it.  C: kernfs_remove_by_name_ns()."""
    rwsem = parent.root.kernfs_rwsem
    await rwsem.down_write()
    kn = kernfs_find(parent, name)
    if kn is not None:
        await kernfs_get(kn)
        await __kernfs_remove(kn)
        await kernfs_put(kn)
    await rwsem.up_write()
    return 0 if kn is not None else -ENOENT


async def __kernfs_remove(kn: KernfsNode) -> None:
    """Deactivate the subtree, then drain and unlink it node by node.

    The caller holds kernfs_rwsem for writing, which the drain drops.  Several removers may be at
    it; who unlinks a node puts it, and all wait for its drain.
    """
    if is_null(kn) or (not is_null(kn.parent) and not kn.linked):
        return
    for pos in subtree(kn):
        pos.flags |= KERNFS_REMOVING
        if kernfs_active(pos):
            await deactivate(pos)
    done = False
    while not done:
        pos = _leftmost_descendant(kn)
        await kernfs_get(pos)
        await kernfs_drain(pos)
        if is_null(pos.parent) or _unlink_sibling(pos):
            await _gone(pos)
            await kernfs_put(pos)
        done = pos is kn
        await kernfs_put(pos)


async def _gone(kn: KernfsNode) -> None:
    """The model's own: is the promise kept here?"""
    always(
        kn.world,
        f"nothing is at work in {kn.name} when its removal is done",
        await kn.active.read() == KN_DEACTIVATED_BIAS,
    )
    kn.gone = True


def _leftmost_descendant(kn: KernfsNode) -> KernfsNode:
    while kn.children:
        kn = kn.children[0]
    return kn


async def kernfs_drain(kn: KernfsNode) -> None:
    """Wait until the last operation has ended, and release the open files.

    The caller holds kernfs_rwsem for writing; it is dropped meanwhile.
    """
    drained = await kn.active.read() == KN_DEACTIVATED_BIAS
    if drained and not await kernfs_should_drain_open_files(kn):
        return
    rwsem = kn.root.kernfs_rwsem
    await rwsem.up_write()
    await _wait_for_operations(kn)
    await kn.active.drained()
    if await kernfs_should_drain_open_files(kn):
        await kernfs_drain_open_files(kn)
    await rwsem.down_write()


async def _wait_for_operations(kn: KernfsNode) -> None:
    """C: wait_event(root->deactivate_waitq, kn->active == KN_DEACTIVATED_BIAS)."""
    waitq = kn.root.deactivate_waitq
    if await kn.active.read() == KN_DEACTIVATED_BIAS:
        return
    while True:
        await waitq.prepare_to_wait()
        if await kn.active.read() == KN_DEACTIVATED_BIAS:
            break
        await waitq.schedule_for(kn)
    await waitq.finish_wait()


async def kernfs_remove_self(kn: KernfsNode) -> bool:
    """An operation removes its own node.  Of several at once one does, and gets True; the others
    wait until it is done."""
    rwsem = kn.root.kernfs_rwsem
    await rwsem.down_write()
    await kernfs_break_active_protection(kn)
    first = not kn.flags & KERNFS_SUICIDAL
    if first:
        kn.flags |= KERNFS_SUICIDAL
        await __kernfs_remove(kn)
        kn.flags |= KERNFS_SUICIDED
    else:
        await _wait_for_suicide(kn)
    await kernfs_unbreak_active_protection(kn)
    await rwsem.up_write()
    return first


async def _wait_for_suicide(kn: KernfsNode) -> None:
    """The caller holds kernfs_rwsem for writing; it is dropped while sleeping."""
    waitq, rwsem = kn.root.deactivate_waitq, kn.root.kernfs_rwsem
    while True:
        await waitq.prepare_to_wait()
        if kn.flags & KERNFS_SUICIDED and await kn.active.read() == KN_DEACTIVATED_BIAS:
            break
        await rwsem.up_write()
        await waitq.schedule_for(kn)
        await rwsem.down_write()
    await waitq.finish_wait()


async def kernfs_create_root(world: World, *, create_deactivated: bool = False) -> KernfsNode:
    """Make a tree; its root node, which is active.  NULL if that fails.

    With `create_deactivated` (KERNFS_ROOT_CREATE_DEACTIVATED) its nodes are activated by the
    user, who can so make a directory with all its files before anybody sees it.
    """
    kn: KernfsNode = await kmalloc(
        world, lambda: KernfsRoot(world, create_deactivated=create_deactivated).kn, "kernfs_root"
    )
    if not is_null(kn):
        await kernfs_activate(kn)
    return kn
