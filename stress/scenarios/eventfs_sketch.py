"""A sketch of eventfs for measuring: one lookup, one directory open, one remove over N files.

It has the locking of the designs and little else, a way of taking `eventfs_mutex` again and again
for short sections that do mostly nothing but look.  Lookup and open walk the files in an SRCU read
section.  For each file they ask under the mutex whether its directory is still there, test
`created` without it as v4 does, and make the dentry as the later designs do: they look under the
mutex, allocate without it, and publish under it, unless somebody else was first or the directory
has gone.  Remove marks the directory, then goes from file to file: takes its dentry under the
mutex, kills it, and frees the file by call_srcu().  When a dentry dies, d_iput() takes the mutex
to make its file forget it.

What the mutex guards is plainly touched; `created` is written under it, and read without it.

Source: fs/tracefs/event_inode.c, v4 (13 July 2023) and 6.7: eventfs_root_lookup(),
dcache_dir_open_wrapper(), create_file_dentry(), eventfs_remove_rec(), unhook_dentry().
Left out: the VFS, and with it the inode lock, references and the hash of dentries; the list of
files, which stays as it is; subdirectories.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.slab import Field, Slab, kfree, kmalloc
from lockwright.kernel.srcu import Srcu
from lockwright.scenario import Scenario, scenario
from model.vfs.err import ENOENT


class Directory(Slab):
    """What is in the directory.  `is_freed` belongs to the mutex, once set it stays."""

    cache = "eventfs_inode"

    is_freed: Field[bool] = Field(False)

    __slots__ = ()


class SketchFile(Slab):
    """One file.  `dentry` and `created` belong to the mutex; `created` is also read without it."""

    cache = "eventfs_file"

    dentry: Field[SketchDentry | None] = Field(None)
    created: Field[bool] = Field(False)

    __slots__ = ()


class SketchDentry(Slab):
    """What a file is found by; freed by whoever takes it out of its file, or never put it in."""

    cache = "dentry"

    __slots__ = ()


class Sketch:
    """The file system, and what its users saw.

    With `rechecks=False` the dentry is put into a file whose directory has gone meanwhile.
    `files` are those of the beginning, `found` what the lookup gave, `opened` how many files the
    open has seen.
    """

    def __init__(self, world: World, files: int, *, rechecks: bool) -> None:
        self.world = world
        self.mutex = Mutex(world, "eventfs_mutex")
        self.srcu = Srcu(world, "eventfs_srcu")
        self.directory = Directory(world, "kp1")
        self.files = [SketchFile(world, f"file{nth}") for nth in range(files)]
        self.rechecks = rechecks
        self.found: int | None = None
        self.opened = 0

    async def find(self, ef: SketchFile) -> bool:
        """What lookup and open do for a file: is it there, and has it a dentry now?"""
        if not await self.is_there():
            return False
        if await READ_ONCE(ef, "created"):
            return True
        return await self.create_dentry(ef)

    def gone(self) -> bool:
        """Is the directory being removed?  The caller holds the mutex."""
        return self.directory.is_freed

    async def is_there(self) -> bool:
        """Ask the file's owner, as its callback does, if there is one still."""
        await self.mutex.lock()
        there = not self.gone()
        await self.mutex.unlock()
        return there

    async def create_dentry(self, ef: SketchFile) -> bool:
        """Make a file's dentry unless it has one; has it one now?  C: create_file_dentry()."""
        await self.mutex.lock()
        if self.gone():
            await self.mutex.unlock()
            return False
        if has_dentry(ef):
            await self.mutex.unlock()
            return True
        await self.mutex.unlock()
        dentry = await kmalloc(self.world, lambda: SketchDentry(self.world, ef.name), "dentry")
        await self.mutex.lock()
        too_late = self.gone() and self.rechecks
        if too_late or has_dentry(ef):
            await self.mutex.unlock()
            await self.kill(ef, dentry)
            return not too_late
        ef.dentry = dentry
        await WRITE_ONCE(ef, "created", True)
        await self.mutex.unlock()
        return True

    async def kill(self, ef: SketchFile, dentry: SketchDentry) -> None:
        """A dentry dies, and its file forgets it.  C: eventfs_set_ef_status_free(), from d_iput."""
        await self.mutex.lock()
        if ef.dentry is dentry:
            ef.dentry = None
        await self.mutex.unlock()
        await kfree(dentry)

    async def lookup(self, name: str) -> None:
        """Find one name.  C: eventfs_root_lookup()."""
        found = -ENOENT
        idx = await self.srcu.read_lock()
        if await self.is_there():
            for ef in self.files:
                if ef.name == name and await self.find(ef):
                    found = 0
        await self.srcu.read_unlock(idx)
        self.found = found

    async def open(self) -> None:
        """Make the dentries of all files.  C: dcache_dir_open_wrapper()."""
        opened = 0
        idx = await self.srcu.read_lock()
        if await self.is_there():
            for ef in self.files:
                opened += await self.find(ef)
        await self.srcu.read_unlock(idx)
        self.opened = opened

    async def remove(self) -> None:
        """Take the directory away, file by file.  C: eventfs_remove_rec(), unhook_dentry()."""
        await self.mutex.lock()
        self.directory.is_freed = True
        await self.mutex.unlock()
        for ef in self.files:
            await self.mutex.lock()
            dentry = ef.dentry
            if dentry is not None:
                ef.dentry = None
            await self.mutex.unlock()
            if dentry is not None:
                await self.kill(ef, dentry)
            await self.srcu.call_srcu(partial(self.free_ef, ef), "free_ef")

    async def free_ef(self, ef: SketchFile) -> None:
        """The SRCU callback."""
        await kfree(ef)


def has_dentry(ef: SketchFile) -> bool:
    """Does the file point to a dentry?  The caller holds the mutex."""
    return ef.dentry is not None


def no_dentry_stays(world: World) -> Iterator[str]:
    """What is removed has no dentry any more."""
    at: Sketch = world.state
    for ef in at.files:
        if ef.peek("dentry") is not None:
            yield f"{ef.name} is found after its directory has gone"


def what_they_saw(world: World) -> str:
    """What the lookup gave, and how many files the open saw."""
    at: Sketch = world.state
    return f"lookup {at.found}, opened {at.opened}"


def _users(world: World, *, files: int, rechecks: bool) -> None:
    """The last of some files is looked up while their directory is opened and removed."""
    at = Sketch(world, files, rechecks=rechecks)
    world.state = at
    world.spawn(at.lookup(f"file{files - 1}"), "stat")
    world.spawn(at.open(), "ls")
    world.spawn(at.remove(), "bash")


def _make() -> Iterator[Scenario]:
    name = "eventfs/sketch:lookup_open_remove"
    made = scenario(name, at_end=(no_dentry_stays,), files=1, rechecks=True)(_users)
    checked = replace(made, outcome=what_they_saw)
    yield checked
    yield checked.variant(
        "lookup_open_remove_unchecked",
        title="The same, but who publishes a dentry does not look at the directory again.",
        rechecks=False,
    )


SCENARIOS: tuple[Scenario, ...] = tuple(_make())
