"""Open files of kernfs: each operation holds an active reference while it is at work.

Source: fs/kernfs/file.c, 6.8.
Left out: mmap, poll, the seq_file between read() and the user's show(), permission checks of its
own, pre-allocated buffers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.orders import EVERY, LOAD_ACQUIRE, RELAXED
from lockwright.core.promise import always
from lockwright.kernel.once import WRITE_ONCE, smp_store_release
from lockwright.kernel.slab import Slab, kfree, kmalloc
from model.kernfs.active import kernfs_get_active, kernfs_put_active
from model.kernfs.node import (
    KernfsInode,
    KernfsNode,
    KernfsOpenFile,
    KernfsOpenNode,
)
from model.vfs.err import EINVAL, ENODEV, ENOMEM, is_null
from model.vfs.objects import File, FileOperations, Inode

if TYPE_CHECKING:
    from lockwright.core.task import Task


async def kernfs_fop_open(inode: Inode, file: File) -> int:
    """Open a file, unless its node is being removed."""
    kn = cast("KernfsInode", inode).kn
    if not await kernfs_get_active(kn):
        return -ENODEV
    error = await _open(kn, file)
    await kernfs_put_active(kn)
    return error


async def _open(kn: KernfsNode, file: File) -> int:
    of: KernfsOpenFile = await kmalloc(kn.world, lambda: KernfsOpenFile(kn), "kernfs_open_file")
    if is_null(of):
        return -ENOMEM
    as_inode = cast("Inode", kn)
    of.f_inode, of.f_dentry, of.f_flags = as_inode, file.f_dentry, file.f_flags
    file.private_data = of
    error = await kernfs_get_open_node(kn, of)
    if error:
        await kfree(of)
        return error
    ops = kn.ops
    if ops is not None and ops.open is not None:
        error = await ops.open(as_inode, of)
    if error:
        await kernfs_unlink_open_file(kn, of, open_failed=True)
        await kfree(of)
    return error


async def kernfs_get_open_node(kn: KernfsNode, of: KernfsOpenFile) -> int:
    """Enter an open file into its node's list, which the first one makes."""
    await kn.open_file_mutex.lock()
    error = 0
    if is_null(kn.open):
        on = await kmalloc(kn.world, lambda: KernfsOpenNode(kn.world, kn.name), "kernfs_open_node")
        if is_null(on):
            error = -ENOMEM
        else:
            await WRITE_ONCE(kn, "open", on)
    if not error:
        kn.open.files = (*kn.open.files, of)
        if kn.has_release:
            await WRITE_ONCE(kn.open, "nr_to_release", kn.open.nr_to_release + 1)
    await kn.open_file_mutex.unlock()
    return error


async def kernfs_unlink_open_file(
    kn: KernfsNode, of: KernfsOpenFile, *, open_failed: bool = False
) -> None:
    """Take an open file out again; the last one frees the list."""
    await kn.open_file_mutex.lock()
    on = kn.open
    if kn.has_release:
        always(kn.world, f"{kn.name} is released if it was opened", of.released != open_failed)
        if open_failed:
            await WRITE_ONCE(on, "nr_to_release", on.nr_to_release - 1)
    on.files = tuple(other for other in on.files if other is not of)
    if not on.files:
        await _publish(kn, kn, "open", None)
        await kfree(on)
    await kn.open_file_mutex.unlock()


async def kernfs_release_file(kn: KernfsNode, of: KernfsOpenFile) -> None:
    """Call the user's release(), once.  The caller holds open_file_mutex.

    A drain and a close may both come here: without an active reference, because the node may be
    deactivated by now.
    """
    if of.released or kn.ops is None or kn.ops.release is None:
        return
    always(kn.world, f"{kn.name} is released before its removal is done", not kn.gone)
    await kn.ops.release(of.f_inode, of)
    of.released = True
    await _publish(kn, kn.open, "nr_to_release", kn.open.nr_to_release - 1)


async def _publish(kn: KernfsNode, obj: Slab, field: str, value: Value) -> None:
    """Write what a drain reads without the mutex."""
    if kn.root.orders_release:
        await smp_store_release(obj, field, value)
    else:
        await WRITE_ONCE(obj, field, value)


async def kernfs_fop_release(inode: Inode, file: File) -> int:
    """Close a file."""
    kn = cast("KernfsInode", inode).kn
    of = cast("KernfsOpenFile", file.private_data)
    if kn.has_release:
        await kn.open_file_mutex.lock()
        await kernfs_release_file(kn, of)
        await kn.open_file_mutex.unlock()
    await kernfs_unlink_open_file(kn, of)
    await kfree(of)
    return 0


class _ToRelease(Operation):
    """Are there open files to release?  One step: the C is in an RCU read section meanwhile.

    It reads without the mutex under which that changes, and without a barrier: so who finds that
    all have been released is not ordered after what their release() did.  With the root's
    `orders_release` it is.
    """

    __slots__ = ("kn", "orders")

    stable = False
    kind = "rcu_dereference"

    def __init__(self, kn: KernfsNode) -> None:
        self.kn = kn
        self.orders = LOAD_ACQUIRE | EVERY if kn.root.orders_release else RELAXED  # type: ignore[misc]  # as above

    def run(self, task: Task, touched: list[int]) -> bool:
        on = self.kn.open
        return not is_null(on) and on.nr_to_release > 0

    def describe(self) -> str:
        return f"{self.kind}({self.kn.describe()}->open)"


async def kernfs_should_drain_open_files(kn: KernfsNode) -> bool:
    """Does the removal of a drained node have to release open files?"""
    should: bool = await _ToRelease(kn)
    return should


async def kernfs_drain_open_files(kn: KernfsNode) -> None:
    """Release all files that are open."""
    await kn.open_file_mutex.lock()
    on = kn.open
    if not is_null(on):
        for of in on.files:
            if kn.has_release:
                await kernfs_release_file(kn, of)
        always(kn.world, f"all open files of {kn.name} are released", on.nr_to_release == 0)
    await kn.open_file_mutex.unlock()


async def kernfs_fop_read(file: File) -> int | str:
    """C: kernfs_seq_start(), kernfs_seq_show(), kernfs_seq_stop()."""
    of = cast("KernfsOpenFile", file.private_data)
    kn = of.kn
    await of.mutex.lock()
    result: int | str = -ENODEV
    if await kernfs_get_active(kn):
        read = kn.ops.read if kn.ops is not None else None
        result = await read(of) if read is not None else -EINVAL
        await kernfs_put_active(kn)
    await of.mutex.unlock()
    return result


async def kernfs_fop_write(file: File, text: str) -> int:
    """C: kernfs_fop_write_iter()."""
    of = cast("KernfsOpenFile", file.private_data)
    kn = of.kn
    await of.mutex.lock()
    result = -ENODEV
    if await kernfs_get_active(kn):
        write = kn.ops.write if kn.ops is not None else None
        result = await write(of, text) if write is not None else -EINVAL
        await kernfs_put_active(kn)
    await of.mutex.unlock()
    return result


KERNFS_FILE_FOPS = FileOperations(
    open=kernfs_fop_open,
    release=kernfs_fop_release,
    read=kernfs_fop_read,
    write=kernfs_fop_write,
)
"""C: kernfs_file_fops."""
