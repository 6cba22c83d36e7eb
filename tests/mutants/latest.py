"""Faults in `latest`, in its own module and in those of the releases that it builds on."""

from __future__ import annotations

from tests.mutants.hunting import Mutant

REFERENCES = "model.eventfs.references"
ATTRIBUTES = "model.eventfs.attributes"
L68 = "model.eventfs.linux_6_8"
L69 = "model.eventfs.linux_6_9"
L612 = "model.eventfs.linux_6_12"
LATEST = "model.eventfs.latest"


def at(*cases: str) -> tuple[str, ...]:
    """Scenarios of `latest`."""
    return tuple(f"eventfs/latest:{case}" for case in cases)


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a lookup of a file takes no reference on its directory",
        L68,
        """        inode.i_ino = EVENTFS_FILE_INODE_INO
        dentry.d_fsdata = await self.get_ei(ei)
""",
        """        inode.i_ino = EVENTFS_FILE_INODE_INO
        dentry.d_fsdata = ei
""",
        at("stale_file"),
        "broken promise",
    ),
    Mutant(
        "a lookup of a directory takes no reference on it",
        L68,
        """        inode.i_ino = await self.eventfs_dir_ino(ei, dentry.d_sb)
        dentry.d_fsdata = await self.get_ei(ei)
""",
        """        inode.i_ino = await self.eventfs_dir_ino(ei, dentry.d_sb)
        dentry.d_fsdata = ei
""",
        at("stat_then_remove"),
        "refcount",
    ),
    Mutant(
        "a dentry of a directory is published before it leads anywhere",
        L68,
        """        dentry.d_fsdata = await self.get_ei(ei)
        await d_add(dentry, inode)
        return NO_DENTRY

    async def eventfs_root_lookup""",
        """        await d_add(dentry, inode)
        dentry.d_fsdata = await self.get_ei(ei)
        return NO_DENTRY

    async def eventfs_root_lookup""",
        at("lookup_vs_lookup_dir"),
        "data race",
    ),
    Mutant(
        "a lookup does not take the mutex",
        L68,
        """        await self.mutex.lock()
        result = await self._lookup(ti, dentry)
        if self.caches_misses and is_null(result) and dentry.d_in_lookup:
            await d_add(dentry, None)
        await self.mutex.unlock()
""",
        """        result = await self._lookup(ti, dentry)
""",
        at("lookup_vs_remove"),
        "data race",
    ),
    Mutant(
        "a lookup that finds a name forgets to drop the mutex",
        L68,
        """            await d_add(dentry, None)
        await self.mutex.unlock()
        return result
""",
        """            await d_add(dentry, None)
        if dentry.d_in_lookup:
            await self.mutex.unlock()
        return result
""",
        at("stat_alone"),
        "deadlock",
    ),
    Mutant(
        "a lookup does not ask whether its directory has been removed",
        L68,
        "        if ei is None or ei.is_freed:\n            return NO_DENTRY\n",
        "        if ei is None:\n            return NO_DENTRY\n",
        at("stale_directory"),
        "use-after-free",
    ),
    Mutant(
        "a miss is hashed as a negative dentry",
        L68,
        "        if self.caches_misses and is_null(result)",
        "        if is_null(result)",
        at("create_vs_stat"),
        "broken promise",
    ),
    Mutant(
        "a hidden file is found",
        L68,
        """                if file is None:
                    return NO_DENTRY
                return await self.lookup_file(dentry, ei, idx, file)
""",
        """                if file is None:
                    return await self.lookup_dir_entry(dentry, ei)
                return await self.lookup_file(dentry, ei, idx, file)
""",
        at("hidden_alone"),
        "broken promise",
    ),
    Mutant(
        "files have the number of their directory",
        L68,
        "        inode.i_ino = EVENTFS_FILE_INODE_INO\n",
        "        inode.i_ino = ei.ino\n",
        at("numbers_alone"),
        "broken promise",
    ),
    Mutant(
        "a directory draws a number each time it is looked up",
        L68,
        "        if not ino:\n            ino = self.draw_ino(sb)",
        "        if ino or not ino:\n            ino = self.draw_ino(sb)",
        at("numbers_alone"),
        "broken promise",
    ),
    Mutant(
        "a number that was drawn is not kept",
        L68,
        '            await WRITE_ONCE(ei, "ino", ino)\n',
        "",
        at("numbers_alone"),
        "broken promise",
    ),
    Mutant(
        "a listing does not protect itself by SRCU",
        L68,
        """        idx = await self.srcu.read_lock()
        ret = await self._iterate(ti, ctx)
        await self.srcu.read_unlock(idx)
""",
        """        ret = await self._iterate(ti, ctx)
""",
        at("list_above_vs_remove"),
        "suspicious RCU usage",
    ),
    Mutant(
        "a listing of a removed directory returns with the mutex",
        L68,
        """            if ei.is_freed:
                await self.mutex.unlock()
                return self.stopped
""",
        """            if ei.is_freed:
                return self.stopped
""",
        at("list_inside_vs_remove"),
        "possible circular locking dependency",
    ),
    Mutant(
        "a listing asks no directory whether it has been removed",
        L68,
        """            if ei.is_freed:
                await self.mutex.unlock()
                return self.stopped
            found""",
        "            found",
        at("list_inside_vs_remove"),
        "use-after-free",
    ),
    Mutant(
        "a listing counts only the entries that it gives",
        L68,
        """                    return self.stopped
            ctx.pos += 1
        c -=""",
        """                    return self.stopped
                ctx.pos += 1
        c -=""",
        at("small_buffers"),
        "broken promise",
    ),
    Mutant(
        "a full buffer does not undo the position",
        L68,
        "                        ctx.pos -= 1\n",
        "",
        at("small_buffers"),
        "broken promise",
    ),
    Mutant(
        "the children are counted from the first entry on",
        L68,
        "        c -= min(c, ei.nr_entries)\n",
        "",
        at("small_buffers"),
        "broken promise",
    ),
    Mutant(
        "a directory is added without the mutex",
        L68,
        """        await self.mutex.lock()
        if not parent.is_freed:
            children = ei.head = parent.children
            add = children.add_tail_rcu if self.list_add_rcu else children.add_tail
            await add(ei)
        await self.mutex.unlock()
""",
        """        if not parent.is_freed:
            children = ei.head = parent.children
            add = children.add_tail_rcu if self.list_add_rcu else children.add_tail
            await add(ei)
""",
        at("lookup_vs_create"),
        "data race",
    ),
    Mutant(
        "a directory is added to one that has been removed",
        L68,
        "        if not parent.is_freed:\n            children = ei.head",
        "        if True:\n            children = ei.head",
        at("create_vs_remove_parent"),
        "broken promise",
    ),
    Mutant(
        "what could not be added is not freed",
        L68,
        "            await self.cleanup_ei(ei)\n            return ERR_PTR(EventfsInode, -EBUSY)",
        "            return ERR_PTR(EventfsInode, -EBUSY)",
        at("create_vs_remove_parent"),
        "leak",
    ),
    Mutant(
        "a directory is on the list before it has its data",
        L68,
        """        ei.data = data
        await self.mutex.lock()
        if not parent.is_freed:
            children = ei.head = parent.children
            add = children.add_tail_rcu if self.list_add_rcu else children.add_tail
            await add(ei)
        await self.mutex.unlock()
""",
        """        await self.mutex.lock()
        if not parent.is_freed:
            children = ei.head = parent.children
            add = children.add_tail_rcu if self.list_add_rcu else children.add_tail
            await add(ei)
        await self.mutex.unlock()
        ei.data = data
""",
        at("lookup_vs_create"),
        "data race",
    ),
    Mutant(
        "a removal leaves the children where they are",
        L68,
        """            for below in ei.children.entries():
                await self.eventfs_remove_rec(below, level + 1)
""",
        """            pass
""",
        at("list_vs_remove_tree"),
        "WARN",
    ),
    Mutant(
        "a removed directory stays on the list",
        L68,
        "            await unlink(ei)\n",
        "",
        at("remove_alone"),
        "WARN",
    ),
    Mutant(
        "removal does not take the mutex",
        L68,
        """        await self.mutex.lock()
        await self.eventfs_remove_rec(ei, 0)
        await self.mutex.unlock()
""",
        "        await self.eventfs_remove_rec(ei, 0)\n",
        at("lookup_vs_remove"),
        "data race",
    ),
    Mutant(
        "the directory of a removed instance stays hashed",
        L68,
        "        await d_invalidate(dentry)\n",
        "",
        at("instance_alone"),
        "use-after-free",
    ),
    Mutant(
        "the dentry of a removed instance keeps its pin",
        L68,
        "        await d_invalidate(dentry)\n        await dput(dentry)\n",
        "        await d_invalidate(dentry)\n",
        at("instance_alone"),
        "broken promise",
    ),
    Mutant(
        "removed and listed in the wrong order: freed before it is off the list",
        L68,
        """            await unlink(ei)
        await self.free_ei(ei)
""",
        """            await self.free_ei(ei)
            await unlink(ei)
        else:
            await self.free_ei(ei)
""",
        at("remove_alone"),
        "use-after-free",
    ),
    Mutant(
        "a dentry that goes keeps its reference",
        REFERENCES,
        "        if isinstance(ei, EventfsInode):\n            await self.put_ei(ei)\n",
        "        if isinstance(ei, EventfsInode) and dentry.d_hashed:\n"
        "            await self.put_ei(ei)\n",
        at("stat_then_remove"),
        "broken promise",
    ),
    Mutant(
        "walks do not ask whether a directory has been removed",
        REFERENCES,
        "        return 0 if isinstance(ei, EventfsInode) and ei.is_freed else 1\n",
        "        return 1\n",
        at("stat_then_remove"),
        "broken promise",
    ),
    Mutant(
        "the slow walk does not ask whether a directory has been removed",
        REFERENCES,
        '        if isinstance(ei, EventfsInode) and await READ_ONCE(ei, "is_freed"):\n',
        "        if False:\n",
        at("stale_directory"),
        "broken promise",
    ),
    Mutant(
        "what is removed keeps its first reference",
        LATEST,
        "        await smp_wmb()\n        await self.put_ei(ei)\n",
        "        await smp_wmb()\n",
        at("remove_alone"),
        "broken promise",
    ),
    Mutant(
        "what is removed is not marked",
        LATEST,
        '        await WRITE_ONCE(ei, "is_freed", True)\n',
        "",
        at("stat_then_remove"),
        "broken promise",
    ),
    Mutant(
        "the mark comes after the last reference has gone",
        LATEST,
        """        await WRITE_ONCE(ei, "is_freed", True)
        await smp_wmb()
        await self.put_ei(ei)
""",
        """        await self.put_ei(ei)
        await WRITE_ONCE(ei, "is_freed", True)
        await smp_wmb()
""",
        at("list_vs_remove_tree"),
        "use-after-free",
    ),
    Mutant(
        "remounting does not take the mutex",
        LATEST,
        "        await self.mutex.lock()\n        return await self.srcu.read_lock()\n",
        "        return await self.srcu.read_lock()\n",
        at("remount_vs_chown"),
        "bad unlock balance",
    ),
    Mutant(
        "remounting forgets to drop the mutex",
        LATEST,
        """            await self.srcu.read_unlock(section)
            await self.mutex.unlock()
""",
        """            await self.srcu.read_unlock(section)
""",
        at("remount_alone"),
        "possible circular locking dependency",
    ),
    Mutant(
        "dentries of events go with their last reference",
        LATEST,
        "    return is_null(dentry.d_fsdata)\n",
        "    return not is_null(dentry.d_fsdata)\n",
        at("misses_at_the_root"),
        "broken promise",
    ),
    Mutant(
        "the name is freed before the grace period",
        REFERENCES,
        "        if self.frees_content_early:\n            await self.free_content(ei)\n"
        "        await self.free_later(ei)\n",
        "        await self.free_content(ei)\n        await self.free_later(ei)\n",
        at("remove_alone"),
        "double free",
    ),
    Mutant(
        "what is removed is freed without a grace period",
        REFERENCES,
        '            await self.srcu.call_srcu(free, "free_ei_rcu")\n        else',
        "            await free()\n        else",
        at("list_above_vs_remove"),
        "use-after-free",
    ),
    Mutant(
        "what is removed is freed when RCU readers are done, not SRCU readers",
        REFERENCES,
        "        if self.frees_by_srcu:\n",
        "        if not self.frees_by_srcu:\n",
        at("list_above_vs_remove"),
        "use-after-free",
    ),
    Mutant(
        "the attributes of a removed directory are not freed",
        REFERENCES,
        "        if not is_null(ei.entry_attrs):\n            await kfree(ei.entry_attrs)\n",
        "",
        at("attributes_alone"),
        "leak",
    ),
    Mutant(
        "the release callbacks are not called",
        L69,
        "                await entry.release(entry.name, ei.data)\n",
        "                pass\n",
        at("remove_alone"),
        "broken promise",
    ),
    Mutant(
        "what could not be created has its release callbacks called",
        L69,
        "                ei.nr_entries = 0\n",
        "                pass\n",
        at("create_vs_remove_parent"),
        "broken promise",
    ),
    Mutant(
        "a remount leaves out the directories below",
        L69,
        "            await self.eventfs_set_attrs(use(child), uid, gid, level + 1)\n",
        "            use(child)\n",
        at("remount_alone"),
        "broken promise",
    ),
    Mutant(
        "a chmod does not take the mutex",
        ATTRIBUTES,
        """        await self.mutex.lock()
        error = await self._set_attr(dentry, iattr)
        await self.mutex.unlock()
""",
        "        error = await self._set_attr(dentry, iattr)\n",
        at("chmod_vs_chmod"),
        "data race",
    ),
    Mutant(
        "a chmod of what has been removed succeeds",
        ATTRIBUTES,
        "        if ei.is_freed:\n            return -ENODEV\n",
        "",
        at("stale_directory"),
        "broken promise",
    ),
    Mutant(
        "a second chmod begins with fresh attributes",
        ATTRIBUTES,
        "        if not inode.i_dir and is_null(ei.entry_attrs):\n",
        "        if not inode.i_dir:\n",
        at("attributes_alone"),
        "broken promise",
    ),
    Mutant(
        "a chmod of one file is one of all files beside it",
        ATTRIBUTES,
        "                update_attr(attr, iattr) if name == dentry.d_name else attr\n",
        "                update_attr(attr, iattr)\n",
        at("attributes_alone"),
        "broken promise",
    ),
    Mutant(
        "a directory's attributes are not remembered",
        L612,
        "        if not ei.is_events:\n            ei.attr",
        "        if ei.is_events:\n            ei.attr",
        at("attributes_alone"),
        "broken promise",
    ),
    Mutant(
        "creating below a removed directory gives NULL",
        L612,
        "        returns_ebusy: bool = True,\n",
        "        returns_ebusy: bool = False,\n",
        at("create_vs_remove_parent"),
        "NULL pointer dereference",
    ),
)
