"""Making and removing names."""

from collections.abc import Awaitable, Callable

import pytest

from lockwright.core.boot import boot
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from model.vfs.attr import Cred
from model.vfs.create import (
    __x64_sys_linkat as link,
)
from model.vfs.create import (
    __x64_sys_mkdirat as mkdir,
)
from model.vfs.create import (
    __x64_sys_mknodat as mknod,
)
from model.vfs.create import (
    __x64_sys_renameat as rename,
)
from model.vfs.create import (
    __x64_sys_rmdir as rmdir,
)
from model.vfs.create import (
    __x64_sys_symlinkat as symlink,
)
from model.vfs.create import (
    __x64_sys_unlink as unlink,
)
from model.vfs.create import last_of
from model.vfs.dcache import d_instantiate, d_invalidate, dput, simple_positive
from model.vfs.err import (
    EACCES,
    EBUSY,
    EEXIST,
    EINVAL,
    EISDIR,
    ENODEV,
    ENOENT,
    ENOTDIR,
    ENOTEMPTY,
    EPERM,
)
from model.vfs.objects import Dentry, Inode, InodeOperations
from model.vfs.syscalls import (
    __do_sys_newfstatat as fstatat,
)
from model.vfs.syscalls import (
    __x64_sys_openat as openat,
)
from tests.model.disk import Disk, explore

TREE = {"d": {"e": {"f": None}, "g": None}, "h": None}
Call = Callable[..., Awaitable[int]]


def result(call: Call, *args: str, cred: Cred | None = None) -> int:
    """What a call gives, cold; it leaves no reference and no lock."""
    disk = Disk(TREE)
    got: int = disk.run(call(disk.root, *args, cred=cred or Cred()))  # type: ignore[arg-type]
    for dentry in (d for d in disk.sb.dentries if d.alive):
        owned = len(dentry.peek("d_children")) + (dentry is disk.root)
        assert dentry.peek("d_count") == owned, dentry.path
        inode = dentry.peek("d_inode")
        assert inode is None or not inode.peek("i_rwsem").holders()
    return got


@pytest.mark.parametrize(
    ("call", "args", "error"),
    [
        (mkdir, ("x",), EPERM),
        (mkdir, ("x/",), EPERM),
        (mkdir, ("d/x",), EPERM),
        (mkdir, ("d",), EEXIST),
        (mkdir, ("h",), EEXIST),
        (mkdir, ("d/..",), EEXIST),
        (mkdir, ("x/y",), ENOENT),
        (mkdir, ("h/y",), ENOTDIR),
        (rmdir, ("d",), EPERM),
        (rmdir, ("h",), ENOTDIR),
        (rmdir, ("x",), ENOENT),
        (rmdir, ("d/.",), EINVAL),
        (rmdir, ("d/..",), ENOTEMPTY),
        (rmdir, ("/",), EBUSY),
        (rmdir, ("x/.",), ENOENT),
        (unlink, ("h",), EPERM),
        (unlink, ("d/e/f",), EPERM),
        (unlink, ("d",), EISDIR),
        (unlink, ("x",), ENOENT),
        (unlink, ("h/",), ENOTDIR),
        (unlink, ("d/",), EISDIR),
        (unlink, ("d/..",), EISDIR),
        (symlink, ("x",), EPERM),
        (symlink, ("d",), EEXIST),
        (symlink, ("x/",), ENOENT),
        (mknod, ("x",), EACCES),
        (mknod, ("d",), EEXIST),
        (link, ("h", "x"), EPERM),
        (link, ("x", "y"), ENOENT),
        (link, ("h", "d"), EEXIST),
        (rename, ("d", "x"), EPERM),
        (rename, ("h", "x"), EPERM),
        (rename, ("h", "d/x"), EPERM),
        (rename, ("d/e/f", "h"), EPERM),
        (rename, ("d/e/f", "d/g"), EPERM),
        (rename, ("d/e", "x"), EPERM),
        (rename, ("x", "y"), ENOENT),
        (rename, ("h", "d"), EISDIR),
        (rename, ("d", "h"), ENOTDIR),
        (rename, ("d", "d/e/x"), EINVAL),
        (rename, ("d/g", "d"), ENOTEMPTY),
        (rename, ("h", "h"), 0),
        (rename, ("d/..", "x"), EBUSY),
        (rename, ("x/y", "h"), ENOENT),
        (rename, ("h", "x/y"), ENOENT),
    ],
)
def test_a_directory_without_operations_refuses_with_the_kernels_errors(
    call: Call, args: tuple[str, ...], error: int
) -> None:
    assert result(call, *args) == -error


@pytest.mark.parametrize("call", [mkdir, mknod, symlink])
def test_who_may_not_write_a_directory_makes_no_name(call: Call) -> None:
    assert result(call, "x", cred=Cred(5, 5)) == -EACCES
    assert result(call, "d", cred=Cred(5, 5)) == -EEXIST


@pytest.mark.parametrize(("call", "path"), [(unlink, "h"), (rmdir, "d")])
def test_who_may_not_write_a_directory_removes_no_name(call: Call, path: str) -> None:
    assert result(call, path, cred=Cred(5, 5)) == -EACCES


def test_the_last_name_of_a_path() -> None:
    assert [last_of(path) for path in ("a", "a/b/", "/", "a/..", ".")] == ["a", "b", "", "..", "."]


class Instances(Disk):
    """`d` lets directories be made and removed, dropping the locks as tracefs does."""

    def __init__(self, world=None) -> None:  # type: ignore[no-untyped-def]  # an optional World
        super().__init__(TREE, world=world)
        self.made: list[str] = []
        self.sb.declare("r/d/x")
        self.run_set_up()

    def run_set_up(self) -> None:
        """The operations of `d`, whose inode is there from the start."""
        own = InodeOperations(lookup=self._lookup, mkdir=self._mkdir, rmdir=self._rmdir)
        self.dir_iop = InodeOperations(lookup=self._lookup)
        self.own = own

    def allow(self) -> None:
        """Give `d`, which is cached, its operations."""
        self.dentry("r/d").d_inode.i_op = self.own

    async def _mkdir(self, dir: Inode, dentry: Dentry, mode: int) -> int:
        await dir.i_rwsem.up_write()
        self.made.append(dentry.d_name)
        await dir.i_rwsem.down_write()
        await d_instantiate(dentry, self.fill(Inode(self.sb, dentry.path), {}))
        dentry.d_count += 1  # pinned
        return 0

    async def _rmdir(self, dir: Inode, dentry: Dentry) -> int:
        await dentry.d_inode.i_rwsem.up_write()
        await dir.i_rwsem.up_write()
        await dir.i_rwsem.down_write()
        gone = not simple_positive(dentry)
        if not gone:
            await d_invalidate(dentry)
            await dput(dentry)
            dir.i_private = {}
        await dentry.d_inode.i_rwsem.down_write()
        return -ENODEV if gone else 0


def instances() -> Instances:
    disk = Instances()
    disk.run(fstatat(disk.root, "d"))
    disk.allow()
    return disk


def test_a_directory_is_made_with_its_parent_locked_again_after_the_call() -> None:
    disk = instances()
    assert disk.run(mkdir(disk.root, "d/x")) == 0
    assert disk.counts()["r/d/x"] == 1
    assert disk.run(mkdir(disk.root, "d/x")) == -EEXIST
    assert disk.sb.notified == [("mkdir", "r/d/x")]
    assert not disk.dentry("r/d").peek("d_inode").peek("i_rwsem").holders()


@pytest.mark.parametrize("used", [False, True])
def test_a_removed_directory_is_dead_and_its_name_gone(used: bool) -> None:
    disk = instances()
    disk.run(mkdir(disk.root, "d/x"))
    victim = disk.dentry("r/d/x")
    inode = victim.peek("d_inode")
    if used:
        disk.run(openat(disk.root, "d/x"))
    assert disk.run(rmdir(disk.root, "d/x")) == 0
    assert disk.sb.notified[1:] == [("rmdir", "r/d/x")]
    assert disk.run(fstatat(disk.root, "d/x")) == -ENOENT
    assert victim.alive == inode.alive == used
    if used:
        assert inode.peek("i_dead")
        assert not victim.peek("d_hashed")
        assert victim.peek("d_count") == 1
        assert disk.run(fstatat(victim, "y")) == -ENOENT
        assert disk.run(mkdir(victim, "y")) == -ENOENT
        assert disk.run(fstatat(victim, "..")) == 0


def test_rmdir_takes_the_parent_before_the_victim() -> None:
    disk = instances()
    disk.run(mkdir(disk.root, "d/x"))
    locks: list[str] = []

    def listen(task: Task, operation: Operation, result: object) -> None:
        if operation.kind.startswith(("down_write", "up_write")):
            locks.append(operation.describe())

    disk.world.on_step = (listen,)
    disk.run(rmdir(disk.root, "d/x"))
    assert locks[:2] == ["down_write_nested(i_rwsem of r/d)", "down_write(i_rwsem of r/d/x)"]
    assert locks[-2:] == ["up_write(i_rwsem of r/d/x)", "up_write(i_rwsem of r/d)"]


def test_a_rename_across_directories_locks_the_ancestor_first() -> None:
    for old, new in (("h", "d/x"), ("d/g", "x")):
        disk = Disk(TREE)
        locks: list[str] = []

        def listen(
            task: Task, operation: Operation, result: object, locks: list[str] = locks
        ) -> None:
            if operation.kind in ("mutex_lock", "down_write_nested"):
                locks.append(operation.describe())

        disk.world.on_step = (listen,)
        disk.run(rename(disk.root, old, new))
        assert locks == [
            "mutex_lock(s_vfs_rename_mutex)",
            "down_write_nested(i_rwsem of r)",
            "down_write_nested(i_rwsem of r/d)",
        ]


def test_of_two_removals_of_one_directory_one_wins_in_every_interleaving() -> None:
    def make(world):  # type: ignore[no-untyped-def]  # told by explore()
        disk = Instances(world)
        inode = disk.fill(Inode(disk.sb, "r"), {"x": {}})
        disk.root.d_inode = inode
        inode.i_op = disk.own
        disk.sb.declare("r/x")
        boot(world, fstatat(disk.root, "x"))
        disk.dentry("r/x").d_count += 1
        for who in ("one", "two"):
            world.spawn(rmdir(disk.root, "x"), who)
        return lambda world: tuple(sorted(task.result for task in world.tasks))

    outcomes, _ = explore(make)
    assert outcomes == {(-ENOENT, 0), (-ENODEV, 0)}
