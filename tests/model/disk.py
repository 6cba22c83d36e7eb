"""A small file system for the tests of the VFS: a tree of names, inodes made on demand."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

from lockwright.core.location import Names, Value
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.kernel.context import sleepable
from lockwright.kernel.slab import kmalloc
from model.vfs.dcache import d_add, d_make_root
from model.vfs.objects import (
    Dentry,
    DentryOperations,
    File,
    FileOperations,
    Inode,
    InodeOperations,
    SuperBlock,
)
from model.vfs.readdir import SIMPLE_DIR_OPERATIONS

Tree: TypeAlias = Mapping[str, Any]
"""A directory: names with None for a file, or another directory."""
Read: TypeAlias = Callable[[World], Value]
"""What reads the outcome of a world at its end."""


async def begin(coro: Coroutine[Any, Any, Any]) -> Value:
    """Enter the kernel: a task may not touch anything before its first step."""
    await sleepable("syscall")
    return await coro


class Disk:
    """A mounted file system.  `asked` has what it was called for: `("lookup", "r/a")`.

    A missing name is cached as a negative dentry only with `caches_misses`.  `stale` has the paths
    that d_revalidate() refuses, where `revalidates`.
    """

    def __init__(
        self,
        tree: Tree,
        *,
        world: World | None = None,
        caches_misses: bool = True,
        revalidates: bool = False,
        rcu: bool = True,
    ) -> None:
        self.world = world or World()
        self.caches_misses = caches_misses
        self.asked: list[tuple[str, str]] = []
        self.stale: set[str] = set()
        self.sb = SuperBlock(self.world)
        self.sb.s_d_op = DentryOperations()
        if revalidates:
            self.sb.s_d_op = DentryOperations(
                d_revalidate=self._revalidate, d_revalidate_rcu=self._valid if rcu else None
            )
        self.dir_iop = InodeOperations(lookup=self._lookup)
        self.file_iop = InodeOperations()
        self.file_fop = FileOperations(open=self._open, release=self._release, read=self._read)
        self._declare("r", tree)
        self.root = d_make_root(self.sb, "r", self.fill(Inode(self.sb, "r"), tree))

    def _declare(self, path: str, tree: Tree | None) -> None:
        self.sb.declare(path)
        for name, below in (tree or {}).items():
            self._declare(f"{path}/{name}", below)

    def fill(self, inode: Inode, tree: Tree | None) -> Inode:
        """Make an inode a directory or a file."""
        inode.i_ino = self.sb.next_ino()
        inode.i_private = tree
        inode.i_dir = tree is not None
        inode.i_mode = 0o755 if tree is not None else 0o640
        inode.i_op = self.dir_iop if tree is not None else self.file_iop
        inode.i_fop = SIMPLE_DIR_OPERATIONS if tree is not None else self.file_fop
        return inode

    async def _lookup(self, dir: Inode, dentry: Dentry, flags: int) -> Dentry:
        self.asked.append(("lookup", dentry.path))
        tree: Tree = dir.i_private  # type: ignore[assignment]  # what fill() put there
        if dentry.d_name in tree:
            inode = await kmalloc(self.world, lambda: Inode(self.sb, dentry.path), "inode")
            await d_add(dentry, self.fill(inode, tree[dentry.d_name]))
        elif self.caches_misses:
            await d_add(dentry, None)
        return None  # type: ignore[return-value]  # NULL

    async def _revalidate(self, dentry: Dentry) -> int:
        self.asked.append(("revalidate", dentry.path))
        return self._valid(dentry)

    def _valid(self, dentry: Dentry) -> int:
        return 0 if dentry.path in self.stale else 1

    async def _open(self, inode: Inode, file: File) -> int:
        self.asked.append(("open", inode.name))
        return 0

    async def _release(self, inode: Inode, file: File) -> int:
        self.asked.append(("release", inode.name))
        return 0

    async def _read(self, file: File) -> str:
        return "0123456789"

    def run(self, coro: Coroutine[Any, Any, Any]) -> Value:
        """Run one task to its end, and what it sets off; its result.  It leaves no lock taken."""
        task = self.world.spawn(begin(coro), "user")
        while enabled := self.world.enabled():
            self.world.step(task if task in enabled else enabled[0])
        assert task.ended, [finding.message for finding in self.world.findings]
        for obj in self.world.objects:
            if isinstance(obj, Inode):
                assert not obj.peek("i_rwsem").holders(), obj.name
        assert not self.sb.s_umount.holders()
        return task.result

    def dentry(self, path: str) -> Dentry:
        """The youngest living dentry of a path."""
        return [d for d in self.sb.dentries if d.path == path and d.alive][-1]

    def counts(self) -> dict[str, int]:
        """The counts of all living dentries, by path."""
        return {d.path: d.peek("d_count") for d in self.sb.dentries if d.alive}


def explore(
    make: Callable[[World], Read],
) -> tuple[set[Value], int]:
    """All outcomes of a world, and how many executions it took.

    `make` fills a world with tasks and gives what reads the outcome at the end.
    """

    def build(names: Names) -> World:
        world = World(names)
        world.state = make(world)
        return world

    outcomes, executions = set(), 0
    for run in Dpor(build):
        executions += 1
        assert not run.world.findings, [finding.message for finding in run.world.findings]
        assert not run.world.blocked()
        outcomes.add(run.world.state(run.world))
    return outcomes, executions
