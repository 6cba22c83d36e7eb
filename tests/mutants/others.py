"""Faults in the other designs, in the tracing core, and in the VFS's own functions."""

from __future__ import annotations

from tests.mutants.hunting import Mutant

D66 = "model.eventfs.linux_6_6"
TREE66 = "model.eventfs.tree_6_6"
D67 = "model.eventfs.linux_6_7"
CREATE67 = "model.eventfs.linux_6_7_create"
REMOVAL67 = "model.eventfs.linux_6_7_removal"
RC1 = "model.eventfs.linux_6_8_rc1"
V4 = "model.eventfs.v4"
EVENTS = "model.tracing.events"
REFS = "model.tracing.refs"
FILES = "model.tracing.event_files"
INSTANCE = "model.tracing.instance"
TRACEFS = "model.tracefs.inode"
LIBFS = "model.vfs.libfs"
ACTIVE = "model.kernfs.active"
KERNFS = "model.kernfs.dir"


def at(*scenarios: str) -> tuple[str, ...]:
    """Scenarios of designs below `eventfs`, or of others by their whole names."""
    return tuple(name if "/" in name else f"eventfs/{name}" for name in scenarios)


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "6.6: a lookup keeps the reference of the creation",
        D66,
        "        if lookup or invalidate:\n            await dput(dentry)\n",
        "        if invalidate:\n            await dput(dentry)\n",
        at("linux_6_6:stat_alone"),
        "broken promise",
    ),
    Mutant(
        "6.6: an open of what is there takes no reference",
        D66,
        """            dentry = ef.dentry
            if not lookup:
                await dget(dentry)
            await self.mutex.unlock()
            return dentry
        await self.mutex.unlock()
""",
        """            dentry = ef.dentry
            await self.mutex.unlock()
            return dentry
        await self.mutex.unlock()
""",
        at("linux_6_6:list_alone"),
        "refcount",
    ),
    Mutant(
        "6.6: a dentry does not know its ef",
        D66,
        "            dentry.d_fsdata = ef\n",
        "",
        at("linux_6_6:stat_reclaim_stat"),
        "broken promise",
    ),
    Mutant(
        "6.6: a lookup leaves the SRCU section open",
        D66,
        "        await self.srcu.read_unlock(idx)\n        return ret\n\n"
        "    async def dcache_dir_open",
        "        return ret\n\n    async def dcache_dir_open",
        at("linux_6_6:stat_alone"),
        "lock held at task exit",
    ),
    Mutant(
        "6.6: an open puts nothing back",
        D66,
        "        for dentry in array.items:\n            await dput(dentry)\n",
        "",
        at("linux_6_6:list_alone"),
        "broken promise",
    ),
    Mutant(
        "6.6: removal takes no reference of its own",
        TREE66,
        "                await dget(dentry)\n",
        "",
        at("linux_6_6:stat_then_remove"),
        "warning",
    ),
    Mutant(
        "6.6: removal holds the mutex over d_invalidate()",
        TREE66,
        """        await self.mutex.unlock()
        while dentry_list is not None:
            dentry_list = await self._invalidate(dentry_list)
""",
        """        while dentry_list is not None:
            dentry_list = await self._invalidate(dentry_list)
        await self.mutex.unlock()
""",
        at("linux_6_6:stat_then_remove"),
        "deadlock",
    ),
    Mutant(
        "6.6: a dentry that dies is not forgotten",
        TREE66,
        "        ef.dentry = None  # type: ignore[assignment]  # NULL\n\n",
        "\n",
        at("linux_6_6:stat_reclaim_stat"),
        "broken promise",
    ),
    Mutant(
        "6.6: what is removed is freed without a grace period",
        TREE66,
        '            await self.srcu.call_srcu(partial(self.free_ef, at), "free_ef")\n',
        "            await self.free_ef(at)\n",
        at("linux_6_6:lookup_vs_remove"),
        "use-after-free",
    ),
    Mutant(
        "6.7: the events directory keeps the reference of its creation",
        REMOVAL67,
        "        await self.eventfs_remove_dir(ei)\n        await dput(dentry)\n",
        "        await self.eventfs_remove_dir(ei)\n",
        at("linux_6_7:mkdir_rmdir"),
        "broken promise",
    ),
    Mutant(
        "6.7: removal takes one reference too few",
        REMOVAL67,
        "        taken = 2 if self.ei_waits_for_dentry else 1\n",
        "        taken = 1\n",
        at("linux_6_7:stat_then_remove"),
        "use-after-free",
    ),
    Mutant(
        "6.7: the work item drops no references",
        REMOVAL67,
        """on the free list"):
                await dput(dentry)
""",
        """on the free list"):
                pass
""",
        at("linux_6_7:stat_then_remove"),
        "broken promise",
    ),
    Mutant(
        "6.7: removal does not mark",
        REMOVAL67,
        "            await self.eventfs_remove_rec(child, level + 1)\n        ei.is_freed = True\n",
        "            await self.eventfs_remove_rec(child, level + 1)\n",
        at("linux_6_7:stat_then_remove"),
        "broken promise",
    ),
    Mutant(
        "6.7: removal leaves the dentries where they are",
        REMOVAL67,
        "            await simple_recursive_removal(dentry)\n",
        "            pass\n",
        at("linux_6_7:stat_then_remove"),
        "broken promise",
    ),
    Mutant(
        "6.7: a lookup keeps the reference of the creation",
        CREATE67,
        "        if lookup:\n            await dput(dentry)\n        return dentry\n",
        "        return dentry\n",
        at("linux_6_7:stat_alone"),
        "broken promise",
    ),
    Mutant(
        "6.7: the dentry of a file is not remembered",
        CREATE67,
        "            ei.d_children[idx].put(dentry)\n",
        "",
        at("linux_6_7:stat_then_remove"),
        "WARN",
    ),
    Mutant(
        "6.7: an open leaves its directory locked",
        D67,
        """        if self.locks_whole_open:
            await inode.i_rwsem.up_write()
        await self.srcu.read_unlock(idx)
""",
        """        await self.srcu.read_unlock(idx)
""",
        at("linux_6_7:list_alone"),
        "deadlock",
    ),
    Mutant(
        "6.7: a closed directory's array is not freed",
        D67,
        "            await kfree(array)\n",
        "",
        at("linux_6_7:list_alone"),
        "leak",
    ),
    Mutant(
        "v4: the mutex is not dropped at the end of a removal",
        V4,
        "        await self.eventfs_remove_rec(ef, 0)\n        await self.mutex.unlock()\n",
        "        await self.eventfs_remove_rec(ef, 0)\n",
        at("v4:remove_alone"),
        "lock held at task exit",
    ),
    Mutant(
        "v4: removal leaves the file on its list",
        V4,
        "        await ef.head.del_rcu(ef)\n",
        "",
        at("v4:remove_alone"),
        "refcount",
    ),
    Mutant(
        "tracing: the directory holds no reference on its trace_event_file",
        EVENTS,
        "        await event_file_get(file)\n    return -EPERM",
        "        pass\n    return -EPERM",
        at("latest:remove_alone"),
        "refcount",
    ),
    Mutant(
        "tracing: a removed trace_event_file is not marked",
        EVENTS,
        "        file.flags |= EVENT_FILE_FL_FREED\n",
        "",
        at("latest:remove_alone"),
        "refcount",
    ),
    Mutant(
        "tracing: the last event of a system leaves the system",
        EVENTS,
        "    await core.tree.remove_system_dir(dir)\n",
        "",
        at("latest:system_alone"),
        "broken promise",
    ),
    Mutant(
        "tracing: an event goes from one instance only",
        EVENTS,
        """    for file in files_of(core, call):
        await remove_event_file_dir(core, file)
""",
        """    for file in files_of(core, call)[:1]:
        await remove_event_file_dir(core, file)
""",
        at("latest:instance_event_alone"),
        "broken promise",
    ),
    Mutant(
        "tracing: open takes no reference on the instance",
        REFS,
        "            tr.ref += 1\n",
        "            pass\n",
        at("latest:instance_busy"),
        "broken promise",
    ),
    Mutant(
        "tracing: open does not ask whether the event has gone",
        FILES,
        "            if event.flags & EVENT_FILE_FL_FREED:\n                ret = -ENODEV\n",
        "            if False:\n                ret = -ENODEV\n",
        at("latest:stale_file"),
        "broken promise",
    ),
    Mutant(
        "tracing: close keeps the reference on the trace_event_file",
        FILES,
        "            await event_file_put(event)\n        return 0\n",
        "            pass\n        return 0\n",
        at("latest:create_alone"),
        "broken promise",
    ),
    Mutant(
        "tracing: an instance is removed whoever uses it",
        INSTANCE,
        "    if tr.ref > 1 or tr.trace_ref:\n",
        "    if tr.trace_ref:\n",
        at("latest:instance_busy"),
        "broken promise",
    ),
    Mutant(
        "tracing: an instance that is removed stays on the list",
        INSTANCE,
        "known for known in lists.ftrace_trace_arrays if known is not tr\n",
        "known for known in lists.ftrace_trace_arrays\n",
        at("latest:instance_alone"),
        "broken promise",
    ),
    Mutant(
        "tracing: rmdir of an instance that is not there says that it is busy",
        INSTANCE,
        "    ret = -ENODEV\n",
        "    ret = -EBUSY\n",
        at("latest:rmdir_vs_rmdir"),
        "broken promise",
    ),
    Mutant(
        "tracefs: what cannot be made leaves its parent locked",
        TRACEFS,
        "    await dentry.d_parent.d_inode.i_rwsem.up_write()\n    await dput(dentry)\n",
        "    await dput(dentry)\n",
        at("linux_6_7:mkdir_without_memory"),
        "deadlock",
    ),
    Mutant(
        "libfs: removal does not drop the pins",
        LIBFS,
        "            await callback(victim)\n        await dput(victim)\n",
        "            await callback(victim)\n",
        at("tracefs/pinned:remove_alone"),
        "broken promise",
    ),
    Mutant(
        "libfs: a directory that is removed is not marked as dead",
        LIBFS,
        "        inode.i_dead = True\n",
        "        pass\n",
        at("tracefs/pinned:stale_directory"),
        "broken promise",
    ),
    Mutant(
        "pinned: removal leaves i_private",
        EVENTS,
        "        await _clear_i_private(file.ei)\n",
        "        pass\n",
        at("tracefs/pinned:read_vs_remove"),
        "use-after-free",
    ),
    Mutant(
        "kernfs: a node that is removed is not deactivated",
        ACTIVE,
        "    kn.deactivated = True\n    await kn.active.add(KN_DEACTIVATED_BIAS)\n",
        "    kn.deactivated = True\n",
        at("kernfs/tree:read_vs_remove"),
        "deadlock",
    ),
    Mutant(
        "kernfs: the last operation does not wake who waits for it",
        ACTIVE,
        "        await root.deactivate_waitq.wake_up_all()\n",
        "        pass\n",
        at("kernfs/tree:read_vs_remove"),
        "deadlock",
    ),
)
