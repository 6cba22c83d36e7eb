"""Attributes, link counts, remount."""

import pytest

from lockwright.core.operation import Operation
from lockwright.core.task import Task
from model.vfs.attr import Cred, Iattr, Stat, clear_nlink, drop_nlink, inc_nlink
from model.vfs.err import EACCES, EBADF, EINVAL, EISDIR, ENODEV, ENOENT, EPERM
from model.vfs.namei import O_PATH, O_WRONLY
from model.vfs.objects import Dentry, InodeOperations, MountOptions, SuperBlock, SuperOperations
from model.vfs.syscalls import (
    __do_sys_newfstatat as fstatat,
)
from model.vfs.syscalls import (
    __x64_sys_fchmod as fchmod,
)
from model.vfs.syscalls import (
    __x64_sys_fchmodat as fchmodat,
)
from model.vfs.syscalls import (
    __x64_sys_fchown as fchown,
)
from model.vfs.syscalls import (
    __x64_sys_fchownat as fchownat,
)
from model.vfs.syscalls import (
    __x64_sys_openat as openat,
)
from model.vfs.syscalls import (
    __x64_sys_statx as statx,
)
from model.vfs.syscalls import (
    do_remount,
    do_sys_ftruncate,
    do_sys_truncate,
    do_utimes,
    parse_options,
    vfs_fstat,
)
from tests.model.disk import Disk, explore

TREE = {"a": {"b": None}, "f": None}
USER = Cred(1000, 1000)


def test_stat_gives_what_is_in_the_inode() -> None:
    disk = Disk(TREE)
    assert disk.run(statx(disk.root, "f")) == Stat(2, 0o640, 1, 0, 0, directory=False)
    assert disk.run(statx(disk.root, "a")) == Stat(3, 0o755, 1, 0, 0, directory=True)
    assert disk.run(statx(disk.root, "x")) == -ENOENT


def test_chmod_changes_the_permission_bits_and_nothing_else() -> None:
    disk = Disk(TREE)
    disk.run(fstatat(disk.root, "f"))
    disk.dentry("r/f").d_inode.i_mode = 0o100640
    assert disk.run(fchmodat(disk.root, "f", 0o106777)) == 0
    assert disk.dentry("r/f").peek("d_inode").peek("i_mode") == 0o106777
    assert disk.run(statx(disk.root, "f")) == Stat(2, 0o6777, 1, 0, 0, directory=False)


def test_chown_changes_what_is_given() -> None:
    disk = Disk(TREE)
    assert disk.run(fchownat(disk.root, "f", 7, None)) == 0
    assert disk.run(fchownat(disk.root, "f", None, 8)) == 0
    assert disk.run(statx(disk.root, "f"))[3:5] == (7, 8)
    assert disk.run(fchownat(disk.root, "f", 9, 9)) == 0
    assert disk.run(statx(disk.root, "f"))[3:5] == (9, 9)


def test_only_the_owner_changes_the_mode_and_only_root_the_owner() -> None:
    disk = Disk(TREE)
    assert disk.run(fchmodat(disk.root, "f", 0o600, USER)) == -EPERM
    disk.run(fchownat(disk.root, "f", 1000, 1000))
    assert disk.run(fchmodat(disk.root, "f", 0o600, USER)) == 0
    assert disk.run(fchownat(disk.root, "f", None, 5, USER)) == -EPERM
    assert disk.run(fchownat(disk.root, "f", 5, None, USER)) == -EPERM
    assert disk.run(statx(disk.root, "f")) == Stat(2, 0o600, 1, 1000, 1000, directory=False)


def test_attributes_are_changed_under_the_inodes_lock_by_the_file_systems_own_way() -> None:
    disk = Disk(TREE)
    got: list[Iattr] = []
    locks: list[str] = []

    async def setattr(dentry: Dentry, attr: Iattr) -> int:
        got.append(attr)
        locks.append("setattr")
        return -ENODEV

    def listen(task: Task, operation: Operation, result: object) -> None:
        if operation.kind in ("down_write", "up_write"):
            locks.append(operation.describe())

    disk.file_iop = InodeOperations(setattr=setattr)
    disk.world.on_step = (listen,)
    assert disk.run(fchmodat(disk.root, "f", 0o600)) == -ENODEV
    assert got == [Iattr(mode=0o600)]
    assert locks == ["down_write(i_rwsem of r/f)", "setattr", "up_write(i_rwsem of r/f)"]
    assert disk.counts() == {"r": 2, "r/f": 0}


def test_descriptors_reach_attributes_without_a_walk_but_not_those_of_a_path_only() -> None:
    disk = Disk(TREE)
    file, path = disk.run(openat(disk.root, "f")), disk.run(openat(disk.root, "f", O_PATH))
    assert disk.run(fchmod(file, 0o611)) == 0
    assert disk.run(fchown(file, 3, 4)) == 0
    assert disk.run(fchmod(path, 0o622)) == -EBADF
    assert disk.run(fchown(path, 3, 4)) == -EBADF
    assert disk.run(vfs_fstat(path)) == Stat(2, 0o611, 1, 3, 4, directory=False)


def test_sizes_and_times_are_asked_of_the_file_system() -> None:
    disk = Disk(TREE)
    got: list[Iattr] = []

    async def setattr(dentry: Dentry, attr: Iattr) -> int:
        got.append(attr)
        return 0

    disk.file_iop = InodeOperations(setattr=setattr)
    assert disk.run(do_sys_truncate(disk.root, "f", 100)) == 0
    assert disk.run(do_utimes(disk.root, "f")) == 0
    assert disk.run(do_sys_ftruncate(disk.run(openat(disk.root, "f", O_WRONLY)), 0)) == 0
    assert got == [Iattr(size=100), Iattr(), Iattr(size=0)]
    assert disk.run(do_sys_truncate(disk.root, "f", 0, USER)) == -EACCES
    assert disk.run(do_sys_truncate(disk.root, "a", 0)) == -EISDIR
    assert disk.run(do_sys_truncate(disk.root, "x", 0)) == -ENOENT
    assert disk.run(do_sys_ftruncate(disk.run(openat(disk.root, "f")), 0)) == -EINVAL
    assert disk.run(do_sys_ftruncate(disk.run(openat(disk.root, "f", O_PATH)), 0)) == -EBADF
    assert len(got) == 3


def test_a_file_system_sets_what_it_wants_before_attributes_are_read() -> None:
    disk = Disk(TREE)

    async def getattr(dentry: Dentry) -> None:
        dentry.d_inode.i_uid = 77

    disk.file_iop = InodeOperations(getattr=getattr)
    assert disk.run(statx(disk.root, "f")).uid == 77


def test_links_are_counted_and_not_below_nothing() -> None:
    disk = Disk(TREE)
    inode = disk.root.peek("d_inode")
    disk.run(inc_nlink(inode))
    disk.run(drop_nlink(inode))
    assert inode.peek("i_nlink") == 1
    disk.run(clear_nlink(inode))
    disk.world.spawn(drop_nlink(inode), "bad")
    disk.world.step(disk.world.enabled()[0])
    (finding,) = disk.world.findings
    assert finding.message == "link count of inode_cache r falls below 0"


def test_stat_beside_chown_sees_all_or_nothing_and_is_no_finding() -> None:
    def make(world):  # type: ignore[no-untyped-def]  # told by explore()
        disk = Disk(TREE, world=world)
        inode = disk.root.d_inode
        world.spawn(statx(disk.root, ""), "stat")
        world.spawn(fchownat(disk.root, "", 5, 6), "chown")
        return lambda world: (world.tasks[0].result[3:5], inode.peek("i_uid"))

    outcomes, _ = explore(make)
    assert outcomes == {((0, 0), 5), ((5, 6), 5)}


@pytest.mark.parametrize(
    ("options", "parsed"),
    [
        ("gid=1234", MountOptions(gid=1234)),
        ("uid=7,gid=8,mode=0755", MountOptions(uid=7, gid=8, mode=0o755)),
        ("gid=1,gid=2", MountOptions(gid=2)),
        ("gid=notanumber", -EINVAL),
        ("gid=-1", -EINVAL),
        ("gid=", -EINVAL),
        ("mode=0788", -EINVAL),
        ("bogus=1", -EINVAL),
        ("", -EINVAL),
    ],
)
def test_mount_options_are_numbers(options: str, parsed: MountOptions | int) -> None:
    assert parse_options(options) == parsed


def test_a_remount_runs_with_s_umount_held_for_writing() -> None:
    disk = Disk(TREE)
    seen: list[object] = []

    async def remount(sb: SuperBlock, options: MountOptions) -> int:
        seen.append(options)
        return -EACCES

    def listen(task: Task, operation: Operation, result: object) -> None:
        seen.append(operation.kind)

    disk.sb.s_op = SuperOperations(remount=remount)
    disk.world.on_step = (listen,)
    assert disk.run(do_remount(disk.sb, "gid=5")) == -EACCES
    assert seen[1:] == ["down_write", MountOptions(gid=5), "up_write"]
    assert disk.run(do_remount(disk.sb, "gid=x")) == -EINVAL
    assert not disk.sb.s_umount.holders()
