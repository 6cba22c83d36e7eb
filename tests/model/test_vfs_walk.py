"""Path walk: what leads where, which locks are held, and which references are left."""

import pytest

from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.kernel.context import sleepable
from model.vfs.attr import Cred, Iattr, simple_setattr
from model.vfs.dcache import dget
from model.vfs.err import (
    EACCES,
    EBADF,
    EEXIST,
    EINVAL,
    EISDIR,
    ENAMETOOLONG,
    ENOENT,
    ENOTDIR,
    EOPNOTSUPP,
    ERR_PTR,
    IS_ERR,
    NAME_MAX,
    PTR_ERR,
)
from model.vfs.libfs import simple_lookup
from model.vfs.namei import (
    O_CREAT,
    O_DIRECT,
    O_DIRECTORY,
    O_EXCL,
    O_PATH,
    O_RDWR,
    O_TMPFILE,
    O_TRUNC,
    O_WRONLY,
    getname,
    lookup_one_len,
)
from model.vfs.objects import Dentry, File, Inode, InodeOperations
from model.vfs.syscalls import (
    __do_sys_newfstatat as fstatat,
)
from model.vfs.syscalls import (
    __x64_sys_close as close,
)
from model.vfs.syscalls import (
    __x64_sys_openat as openat,
)
from model.vfs.syscalls import (
    __x64_sys_statx as statx,
)
from model.vfs.syscalls import (
    do_faccessat,
    reopen,
    vfs_fstat,
    vfs_read,
    vfs_write,
)
from tests.model.disk import Disk, explore

TREE = {"a": {"b": {"f": None}, "g": None}, "h": None}


def opened(disk: Disk, path: str, flags: int = 0, *, cred: Cred | None = None) -> File | int:
    """Open a file; gives it or the errno."""
    file = disk.run(openat(disk.root, path, flags, cred or Cred()))
    return PTR_ERR(file) if IS_ERR(file) else file


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("a", 0),
        ("a/b/f", 0),
        ("a/", 0),
        ("a//b/./f", 0),
        ("a/..", 0),
        ("../../a/b/../g", 0),
        (".", 0),
        ("", 0),
        ("h/", -ENOTDIR),
        ("h/.", -ENOTDIR),
        ("h/..", -ENOTDIR),
        ("h/x", -ENOTDIR),
        ("a/x", -ENOENT),
        ("x/y", -ENOENT),
        ("x/..", -ENOENT),
    ],
)
def test_a_path_leads_where_it_should_cold_and_cached(path: str, result: int) -> None:
    disk = Disk(TREE)
    assert disk.run(fstatat(disk.root, path)) == result
    before = disk.counts()
    assert disk.run(fstatat(disk.root, path)) == result
    assert disk.counts() == before
    leaves = [d for d in disk.sb.dentries if d.alive and not d.peek("d_children")]
    assert all(d.peek("d_count") == 0 for d in leaves if d is not disk.root)


def test_each_name_is_looked_up_once_and_then_cached() -> None:
    disk = Disk(TREE)
    disk.run(fstatat(disk.root, "a/b/f"))
    disk.run(fstatat(disk.root, "a/b/f"))
    assert disk.asked == [("lookup", "r/a"), ("lookup", "r/a/b"), ("lookup", "r/a/b/f")]


def test_a_miss_is_cached_only_if_the_file_system_hashes_it() -> None:
    for caches, asked in ((True, 1), (False, 2)):
        disk = Disk(TREE, caches_misses=caches)
        disk.run(fstatat(disk.root, "x"))
        disk.run(fstatat(disk.root, "x"))
        assert len(disk.asked) == asked
        assert disk.counts() == ({"r": 2, "r/x": 0} if caches else {"r": 1})


def test_a_long_name_is_the_file_systems_business() -> None:
    disk = Disk(TREE)
    long = "x" * (NAME_MAX + 1)
    assert disk.run(fstatat(disk.root, f"a/{long}")) == -ENOENT
    disk.root.d_inode.i_op = InodeOperations(lookup=simple_lookup)
    assert disk.run(fstatat(disk.root, long)) == -ENAMETOOLONG
    assert disk.run(fstatat(disk.root, "x" * NAME_MAX)) == -ENOENT
    assert disk.dentry("r/" + "x" * NAME_MAX).peek("d_hashed")


def test_a_name_in_the_root_dies_at_once_where_the_file_system_has_no_operations() -> None:
    disk = Disk(TREE)
    disk.sb.s_d_op = None
    disk.root.d_inode.i_op = InodeOperations(lookup=simple_lookup)
    assert disk.run(fstatat(disk.root, "x")) == -ENOENT
    assert disk.counts() == {"r": 1}


def test_a_path_has_a_beginning_and_an_end() -> None:
    assert [getname(path) for path in ("", "a", "a/" * 2047, "a/" * 2048)] == [
        -ENOENT,
        0,
        0,
        -ENAMETOOLONG,
    ]


def test_a_directory_without_lookup_is_none_to_a_walk() -> None:
    disk = Disk(TREE)
    disk.run(fstatat(disk.root, "a"))
    disk.dentry("r/a").d_inode.i_op = InodeOperations()
    assert disk.run(fstatat(disk.root, "a")) == 0
    assert disk.run(fstatat(disk.root, "a/g")) == -ENOTDIR


def test_an_error_of_the_lookup_is_the_walks_and_leaves_nothing() -> None:
    disk = Disk(TREE)

    async def fails(dir: Inode, dentry: Dentry, flags: int) -> Dentry:
        return ERR_PTR(Dentry, -EINVAL)

    disk.root.d_inode.i_op = InodeOperations(lookup=fails)
    assert disk.run(fstatat(disk.root, "a")) == -EINVAL
    assert opened(disk, "a", O_CREAT) == -EINVAL
    assert disk.counts() == {"r": 1}


def test_in_a_dead_directory_nothing_is_looked_up() -> None:
    disk = Disk(TREE)
    disk.run(fstatat(disk.root, "a"))
    disk.dentry("r/a").d_inode.i_dead = True
    assert disk.run(fstatat(disk.root, "a/g")) == -ENOENT
    assert opened(disk, "a/g", O_CREAT) == -ENOENT
    assert disk.asked == [("lookup", "r/a")]


@pytest.mark.parametrize("rcu", [True, False])
def test_a_dentry_that_is_not_good_any_more_is_invalidated_and_looked_up_again(rcu: bool) -> None:
    disk = Disk(TREE, revalidates=True, rcu=rcu)
    disk.run(fstatat(disk.root, "a/g"))
    old = disk.dentry("r/a")
    disk.stale = {"r/a"}
    # it stays stale: the new one, which is not asked again, is found by the lookup
    assert disk.run(fstatat(disk.root, "a/g")) == 0
    assert not old.alive
    again = [("lookup", "r/a"), ("lookup", "r/a/g")]
    asked = [call for call in disk.asked if call[0] == "lookup"]
    assert asked == again * 2
    assert disk.counts() == {"r": 2, "r/a": 1, "r/a/g": 0}
    revalidated = [path for call, path in disk.asked if call == "revalidate"]
    assert revalidated == ([] if rcu else ["r/a"])


def test_a_stale_dentry_that_is_in_use_is_unhashed_and_stays() -> None:
    disk = Disk(TREE, revalidates=True)
    file = opened(disk, "a")
    assert isinstance(file, File)
    disk.stale = {"r/a"}
    assert disk.run(fstatat(disk.root, "a")) == 0
    old, new = (d for d in disk.sb.dentries if d.path == "r/a")
    assert [(d.peek("d_hashed"), d.peek("d_count")) for d in (old, new)] == [(False, 1), (True, 0)]
    # where the walk starts, nothing is asked
    disk.asked.clear()
    assert disk.run(fstatat(old, "g")) == 0
    assert disk.asked == [("lookup", "r/a/g")]


def test_the_slow_way_revalidates_what_another_has_hashed_meanwhile() -> None:
    """lookup_one_len(), as the slow way: a dentry that is not good is not given."""
    disk = Disk(TREE, revalidates=True)
    disk.run(fstatat(disk.root, "a"))
    disk.stale = {"r/a"}
    disk.run(lookup_one_len("a", disk.root))
    assert [call for call in disk.asked if call[0] == "lookup"] == [("lookup", "r/a")] * 2


def test_an_error_of_the_revalidation_is_the_walks() -> None:
    disk = Disk(TREE, revalidates=True, rcu=False)
    disk.run(fstatat(disk.root, "a"))
    disk._valid = lambda dentry: -EINVAL  # type: ignore[method-assign]  # a broken file system
    assert disk.run(fstatat(disk.root, "a")) == -EINVAL
    assert disk.counts() == {"r": 2, "r/a": 0}


def locks(disk: Disk, path: str, flags: int) -> list[str]:
    """The lock operations of an open, in order, and the calls of the file system between."""
    got: list[str] = []
    disk.asked.clear()

    def listen(task: Task, operation: Operation, result: object) -> None:
        for call in disk.asked:
            got.append(call[0])
        disk.asked.clear()
        if operation.kind.startswith(("down", "up")):
            got.append(operation.kind)

    disk.world.on_step = (listen,)
    opened(disk, path, flags)
    return got + [call[0] for call in disk.asked]


def test_a_lookup_shares_the_directory_and_open_has_no_lock() -> None:
    disk = Disk(TREE)
    assert locks(disk, "h", 0) == ["down_read", "lookup", "up_read", "open"]


def test_o_creat_locks_the_directory_for_writing_around_the_lookup_only() -> None:
    disk = Disk(TREE)
    assert locks(disk, "h", O_CREAT) == ["down_write", "lookup", "up_write", "open"]
    assert locks(disk, "h", O_CREAT) == ["down_write", "up_write", "open"]


@pytest.mark.parametrize(
    ("path", "flags", "error"),
    [
        ("x", O_CREAT, EACCES),
        ("a/x", O_CREAT | O_WRONLY, EACCES),
        ("h", O_CREAT | O_EXCL, EEXIST),
        ("a", O_CREAT, EISDIR),
        ("a/", O_CREAT, EISDIR),
        ("a", O_RDWR, EISDIR),
        ("a", O_TRUNC, EISDIR),
        ("h", O_DIRECTORY, ENOTDIR),
        ("h", O_DIRECT, EINVAL),
        ("a", O_TMPFILE | O_RDWR, EOPNOTSUPP),
        ("a", O_TMPFILE, EINVAL),
        ("h", O_TMPFILE | O_RDWR, ENOTDIR),
        ("x", O_TMPFILE | O_RDWR, ENOENT),
        ("h/x", 0, ENOTDIR),
        ("x", 0, ENOENT),
        ("a/x", 0, ENOENT),
    ],
)
def test_an_open_that_fails_leaves_no_reference(path: str, flags: int, error: int) -> None:
    disk = Disk(TREE)
    assert opened(disk, path, flags) == -error
    assert all(count == 0 for path, count in disk.counts().items() if path not in ("r", "r/a"))
    assert disk.sb.files == []


@pytest.mark.parametrize("path", ["..", "a/..", "a/.", "a/../a/"])
def test_dots_can_be_opened(path: str) -> None:
    for cold in (True, False):
        disk = Disk(TREE)
        if not cold:
            disk.run(fstatat(disk.root, "a"))
        file = opened(disk, path)
        assert isinstance(file, File)
        disk.run(close(file))
        assert max(disk.counts().values()) <= 2


def test_o_direct_is_refused_when_the_file_is_open_and_it_is_closed() -> None:
    disk = Disk(TREE)
    opened(disk, "h", O_DIRECT)
    assert disk.asked == [("lookup", "r/h"), ("open", "r/h"), ("release", "r/h")]


def test_truncating_changes_the_size_under_the_inodes_lock() -> None:
    disk = Disk(TREE)
    got: list[Iattr] = []

    async def setattr(dentry: Dentry, attr: Iattr) -> int:
        got.append(attr)
        return await simple_setattr(dentry, attr)

    disk.file_iop = InodeOperations(setattr=setattr)
    assert locks(disk, "h", O_CREAT | O_TRUNC | O_WRONLY) == [
        "down_write",
        "lookup",
        "up_write",
        "open",
        "down_write",
        "up_write",
    ]
    assert got == [Iattr(size=0)]


def test_a_truncation_that_fails_closes_the_file() -> None:
    disk = Disk(TREE)

    async def setattr(dentry: Dentry, attr: Iattr) -> int:
        return -EINVAL

    disk.file_iop = InodeOperations(setattr=setattr)
    assert opened(disk, "h", O_TRUNC | O_WRONLY) == -EINVAL
    assert disk.asked[-1] == ("release", "r/h")
    assert disk.counts() == {"r": 2, "r/h": 0}


def test_an_o_path_descriptor_opens_nothing_and_can_be_reopened() -> None:
    disk = Disk(TREE, revalidates=True)
    path = opened(disk, "h", O_PATH)
    assert isinstance(path, File)
    assert disk.asked == [("lookup", "r/h")]
    assert disk.run(vfs_read(path)) == -EBADF
    assert disk.run(vfs_write(path, "1")) == -EBADF
    assert disk.run(vfs_fstat(path)).mode == 0o640
    disk.stale = {"r/h"}
    again = disk.run(reopen(path, 0))
    assert disk.asked == [("lookup", "r/h"), ("open", "r/h")]
    assert disk.counts() == {"r": 2, "r/h": 2}
    disk.run(close(path))
    disk.run(close(again))
    assert disk.asked[2:] == [("release", "r/h")]
    assert disk.counts() == {"r": 2, "r/h": 0}


def test_reopening_asks_for_permission_again() -> None:
    disk = Disk(TREE)
    path = opened(disk, "h", O_PATH, cred=Cred(1000, 1000))
    assert isinstance(path, File)
    assert PTR_ERR(disk.run(reopen(path, 0, Cred(1000, 1000)))) == -EACCES
    assert PTR_ERR(disk.run(reopen(path, O_DIRECTORY))) == -ENOTDIR
    assert disk.counts() == {"r": 2, "r/h": 1}


@pytest.mark.parametrize(
    ("cred", "path", "flags", "result"),
    [
        (Cred(1000, 1000), "h", 0, -EACCES),
        (Cred(1000, 7), "h", 0, 0),
        (Cred(1000, 7), "h", O_WRONLY, -EACCES),
        (Cred(5, 7), "h", O_WRONLY, 0),
        (Cred(0, 0), "h", O_RDWR, 0),
        (Cred(1000, 1000), "a", 0, 0),
        (Cred(1000, 1000), "a/b/f", 0, -EACCES),
        (Cred(1000, 1000), "x", O_CREAT, -EACCES),
    ],
)
def test_who_may_open(cred: Cred, path: str, flags: int, result: int) -> None:
    disk = Disk(TREE)

    async def own() -> None:
        await sleepable("own")
        inode = disk.dentry("r/h").d_inode
        inode.i_uid, inode.i_gid = 5, 7

    disk.run(fstatat(disk.root, "h"))
    disk.run(own())
    file = opened(disk, path, flags, cred=cred)
    assert (file if isinstance(file, int) else 0) == result


@pytest.mark.parametrize("cold", [True, False])
def test_a_directory_that_may_not_be_searched_hides_what_is_in_it(cold: bool) -> None:
    disk = Disk(TREE)
    disk.run(fstatat(disk.root, "a" if cold else "a/b/f"))
    disk.dentry("r/a").d_inode.i_mode = 0o700
    user = Cred(1000, 1000)
    assert disk.run(fstatat(disk.root, "a", user)) == 0
    assert disk.run(fstatat(disk.root, "a/b/f", user)) == -EACCES
    assert disk.run(fstatat(disk.root, "a/x", user)) == -EACCES
    assert disk.run(fstatat(disk.root, "a/b/f")) == 0


def test_access_is_asked_of_the_inode() -> None:
    disk = Disk(TREE)
    user = Cred(1000, 1000)
    got = [
        disk.run(do_faccessat(disk.root, "h", mask, who))
        for mask in (4, 1)
        for who in (user, Cred())
    ]
    assert got == [-EACCES, 0, -EACCES, -EACCES]
    assert disk.run(do_faccessat(disk.root, "a", 1)) == 0


def test_permission_of_the_file_system_is_asked_on_the_way() -> None:
    disk = Disk(TREE)
    asked: list[str] = []
    disk.dir_iop = InodeOperations(
        lookup=disk._lookup, permission=lambda inode: asked.append(inode.name)
    )
    disk.run(fstatat(disk.root, "a/b/f"))
    assert asked == ["r/a", "r/a/b"]
    disk.run(fstatat(disk.root, "a/b/f"))
    assert asked[2:] == ["r/a", "r/a/b"]


def test_a_read_goes_on_where_the_last_one_ended() -> None:
    disk = Disk(TREE)
    file = opened(disk, "h")
    assert isinstance(file, File)
    assert [disk.run(vfs_read(file, 4)) for _ in range(4)] == ["0123", "4567", "89", ""]
    assert disk.run(vfs_write(file, "1")) == -EBADF


def test_a_directory_is_not_read_and_a_file_without_write_not_written() -> None:
    disk = Disk(TREE)
    directory, file = opened(disk, "a"), opened(disk, "h", O_RDWR)
    assert isinstance(directory, File)
    assert isinstance(file, File)
    assert disk.run(vfs_read(directory)) == -EISDIR
    assert disk.run(vfs_write(file, "1")) == -EINVAL


def test_a_walk_holds_its_start_only_if_it_ends_there() -> None:
    disk = Disk(TREE)
    assert disk.run(statx(disk.root, "")).ino == disk.root.peek("d_inode").peek("i_ino")
    assert disk.counts() == {"r": 1}


def test_two_lookups_of_one_name_make_one_inode_in_every_interleaving() -> None:
    disks: list[Disk] = []

    def make(world):  # type: ignore[no-untyped-def]  # told by explore()
        disk = Disk({"a": None}, world=world)
        disks.append(disk)
        for who in ("one", "two"):
            world.spawn(fstatat(disk.root, "a"), who)

        def read(world):  # type: ignore[no-untyped-def]
            results = tuple(task.result for task in world.tasks)
            return results, tuple(disk.asked), tuple(sorted(disk.counts().items()))

        return read

    outcomes, _ = explore(make)
    assert outcomes == {((0, 0), (("lookup", "r/a"),), (("r", 2), ("r/a", 0)))}


def test_two_lookups_of_a_missing_name_each_ask_where_misses_are_not_cached() -> None:
    """Who waits for the other's lookup finds its dentry unhashed, and looks up by itself."""

    def make(world):  # type: ignore[no-untyped-def]  # told by explore()
        disk = Disk({"x": None}, world=world, caches_misses=False)
        disk.root.d_inode.i_private = {}
        for who in ("one", "two"):
            world.spawn(fstatat(disk.root, "x"), who)

        def read(world):  # type: ignore[no-untyped-def]
            results = tuple(task.result for task in world.tasks)
            return results, len(disk.asked), tuple(disk.counts().items())

        return read

    outcomes, _ = explore(make)
    assert outcomes == {((-ENOENT, -ENOENT), 2, (("r", 1),))}


def test_a_reference_of_the_caller_keeps_a_stale_start_alive() -> None:
    disk = Disk(TREE)
    disk.run(fstatat(disk.root, "a"))
    start = disk.dentry("r/a")
    disk.run(dget(start))
    assert disk.run(fstatat(start, "../h")) == 0
    assert disk.counts()["r/a"] == 1
