"""Listing a directory: entries, buffers, positions, the cursor."""

import pytest

from lockwright.core.boot import boot
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.world import World
from model.vfs.dcache import d_drop, dput
from model.vfs.err import EBADF, EINVAL, ENOENT, ENOTDIR
from model.vfs.namei import O_PATH
from model.vfs.objects import File, FileOperations
from model.vfs.readdir import (
    DT_DIR,
    DT_REG,
    SEEK_CUR,
    SEEK_END,
    DirContext,
    Dirent,
    dir_emit_dots,
    reclen,
)
from model.vfs.syscalls import (
    __do_sys_newfstatat as fstatat,
)
from model.vfs.syscalls import (
    __x64_sys_close as close,
)
from model.vfs.syscalls import (
    __x64_sys_getdents64 as getdents,
)
from model.vfs.syscalls import (
    __x64_sys_openat as openat,
)
from model.vfs.syscalls import get_file, vfs_llseek
from tests.model.disk import Disk, Tree, begin, explore

TREE: Tree = {"d": {}, "f": None, "g": None}


def warm(disk: Disk, *names: str) -> None:
    """Look names up, so that there is something to list."""
    for name in names:
        disk.run(fstatat(disk.root, name))


def listing(disk: Disk) -> File:
    """An open root directory with three children, youngest first: g, f, d."""
    warm(disk, "d", "f", "g")
    file: File = disk.run(openat(disk.root, "."))
    return file


def names(entries: list[Dirent] | int) -> list[str]:
    assert isinstance(entries, list), entries
    return [entry.name for entry in entries]


def test_a_listing_has_all_with_numbers_kinds_and_positions_and_then_nothing() -> None:
    disk = Disk(TREE)
    file = listing(disk)
    assert disk.run(getdents(file)) == [
        Dirent(".", 1, DT_DIR, 1),
        Dirent("..", 1, DT_DIR, 2),
        Dirent("g", 4, DT_REG, 3),
        Dirent("f", 3, DT_REG, 4),
        Dirent("d", 2, DT_DIR, 5),
    ]
    assert disk.run(getdents(file)) == []
    assert file.f_pos == 5


def test_each_entry_is_copied_out_in_a_step_of_its_own_with_only_i_rwsem_held() -> None:
    """Where a reader can be parked: it holds the directory shared, and the child it gives."""
    disk = Disk(TREE)
    file = listing(disk)
    held: list[tuple[str, dict[str, int], int]] = []

    def listen(task: Task, operation: Operation, result: object) -> None:
        if operation.kind == "dir_emit":
            counts = {path: count for path, count in disk.counts().items() if count and path != "r"}
            counts.pop("r/<cursor>")
            sem = disk.root.peek("d_inode").peek("i_rwsem")
            held.append((operation.describe(), counts, len(sem.holders())))

    disk.world.on_step = (listen,)
    disk.run(getdents(file))
    assert held == [
        ("dir_emit(.)", {}, 1),
        ("dir_emit(..)", {}, 1),
        ("dir_emit(g)", {"r/g": 1}, 1),
        ("dir_emit(f)", {"r/f": 1}, 1),
        ("dir_emit(d)", {"r/d": 1}, 1),
    ]


def test_below_the_root_dots_are_the_directory_and_its_parent() -> None:
    disk = Disk(TREE)
    file = disk.run(openat(disk.root, "d"))
    assert disk.run(getdents(file)) == [Dirent(".", 2, DT_DIR, 1), Dirent("..", 1, DT_DIR, 2)]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_small_buffers_give_each_entry_once(limit: int) -> None:
    disk = Disk(TREE)
    file = listing(disk)
    got: list[str] = []
    while entries := disk.run(getdents(file, limit)):
        assert len(entries) <= limit
        got += names(entries)
    assert got == [".", "..", "g", "f", "d"]


def test_a_buffer_is_measured_in_bytes_as_the_kernel_does() -> None:
    """Recorded: `.` and `..` take 48 bytes, `format` and `id` 56, `hist` 24."""
    assert [reclen(name) for name in (".", "..", "format", "id", "hist")] == [24, 24, 32, 24, 24]
    disk = Disk(TREE)
    file = listing(disk)
    sizes = [names(disk.run(getdents(file, size=size))) for size in (64, 24, 71, 1000)]
    assert sizes == [[".", ".."], ["g"], ["f", "d"], []]


def test_a_buffer_too_small_for_one_entry_is_an_error_and_the_position_stays() -> None:
    disk = Disk(TREE)
    file = listing(disk)
    disk.run(getdents(file, 2))
    assert disk.run(getdents(file, size=23)) == -EINVAL
    assert names(disk.run(getdents(file))) == ["g", "f", "d"]


def test_the_cursor_stands_before_the_next_entry_and_has_neither_name_nor_inode() -> None:
    disk = Disk(TREE)
    file = listing(disk)
    disk.run(getdents(file, 3))
    children = disk.root.peek("d_children")
    assert [child.d_name for child in children] == ["g", "<cursor>", "f", "d"]
    (cursor,) = (child for child in children if child.d_cursor)
    assert (cursor.peek("d_inode"), cursor.peek("d_hashed")) == (None, False)
    assert (cursor.peek("d_count"), cursor.peek("d_parent")) == (1, disk.root)
    disk.run(getdents(file))
    assert [child.d_name for child in disk.root.peek("d_children")] == ["g", "f", "d"]
    disk.run(close(file))
    assert not cursor.alive
    assert disk.counts() == {"r": 4, "r/d": 0, "r/f": 0, "r/g": 0}


def test_closing_in_the_middle_takes_the_cursor_out() -> None:
    disk = Disk(TREE)
    file = listing(disk)
    disk.run(getdents(file, 3))
    disk.run(close(file))
    assert [child.d_name for child in disk.root.peek("d_children")] == ["g", "f", "d"]
    assert disk.counts()["r"] == 4


def test_the_cursor_survives_what_goes_and_comes_around_it() -> None:
    disk = Disk({**TREE, "h": None})
    file = listing(disk)
    disk.run(getdents(file, 3))
    f = disk.dentry("r/f")
    disk.run(d_drop(f))
    warm(disk, "h")
    assert names(disk.run(getdents(file))) == ["d"]


def test_two_listings_meet_each_others_cursors_and_skip_them() -> None:
    disk = Disk(TREE)
    one = listing(disk)
    other = disk.run(openat(disk.root, "."))
    disk.run(getdents(one, 3))
    disk.run(getdents(other, 4))
    assert [child.d_name for child in disk.root.peek("d_children")] == [
        "g",
        "<cursor>",
        "f",
        "<cursor>",
        "d",
    ]
    assert names(disk.run(getdents(one))) == ["f", "d"]
    assert names(disk.run(getdents(other))) == ["d"]


def test_negative_and_unhashed_children_are_not_listed() -> None:
    disk = Disk(TREE)
    warm(disk, "missing")
    file = listing(disk)
    disk.run(d_drop(disk.dentry("r/f")))
    assert names(disk.run(getdents(file))) == [".", "..", "g", "d"]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (0, [".", "..", "g", "f", "d"]),
        (1, ["..", "g", "f", "d"]),
        (2, ["g", "f", "d"]),
        (3, ["f", "d"]),
        (4, ["d"]),
        (5, []),
        (99, []),
    ],
)
def test_a_listing_goes_on_where_it_is_sent(to: int, expected: list[str]) -> None:
    for before in (0, 1, 4, None):
        disk = Disk(TREE)
        file = listing(disk)
        if before != 0:
            disk.run(getdents(file, before))
        assert disk.run(vfs_llseek(file, to)) == to
        assert names(disk.run(getdents(file))) == expected
        disk.run(close(file))
        assert disk.counts() == {"r": 4, "r/d": 0, "r/f": 0, "r/g": 0}


def test_seeking_is_relative_too_and_not_before_the_start() -> None:
    disk = Disk(TREE)
    file = listing(disk)
    disk.run(getdents(file, 3))
    assert disk.run(vfs_llseek(file, 1, SEEK_CUR)) == 4
    assert disk.run(vfs_llseek(file, -5, SEEK_CUR)) == -EINVAL
    assert disk.run(vfs_llseek(file, 0, SEEK_END)) == -EINVAL
    assert disk.run(vfs_llseek(file, 0, SEEK_CUR)) == 4


def test_the_position_of_a_file_is_whatever_the_user_says() -> None:
    disk = Disk(TREE)
    file = disk.run(openat(disk.root, "f"))
    assert disk.run(vfs_llseek(file, 7)) == 7
    assert disk.run(vfs_llseek(file, -1)) == -EINVAL
    assert disk.run(vfs_llseek(file, 0, 9)) == -EINVAL
    assert disk.run(vfs_llseek(file, 1, SEEK_CUR)) == 8
    assert disk.run(vfs_llseek(file, 3, SEEK_END)) == 3


def test_a_dead_directory_lists_nothing_not_even_dots() -> None:
    disk = Disk(TREE)
    file = listing(disk)
    disk.run(getdents(file, 1))
    disk.root.d_inode.i_dead = True
    assert disk.run(getdents(file)) == -ENOENT
    assert file.f_pos == 1


def test_what_is_no_directory_or_only_a_path_is_not_listed() -> None:
    disk = Disk(TREE)
    assert disk.run(getdents(disk.run(openat(disk.root, "f")))) == -ENOTDIR
    path = disk.run(openat(disk.root, "d", O_PATH))
    assert disk.run(getdents(path)) == -EBADF
    assert disk.run(vfs_llseek(path, 0)) == -EBADF


def failing(disk: Disk, *given: str) -> File:
    """An open directory whose listing gives dots and some names, and then fails."""

    async def iterate(file: File, ctx: DirContext) -> int:
        if not await dir_emit_dots(file, ctx):
            return 0
        for name in given[ctx.pos - 2 :]:
            ctx.pos += 1
            if not await ctx.emit(name, 7, DT_REG):
                break
        return -EINVAL

    disk.root.d_inode.i_fop = FileOperations(iterate_shared=iterate)
    file: File = disk.run(openat(disk.root, "."))
    return file


def test_an_error_comes_when_there_is_nothing_to_give_and_the_position_is_kept() -> None:
    """Recorded on a removed directory: first `.` and `..`, then EINVAL."""
    disk = Disk(TREE)
    file = failing(disk)
    assert names(disk.run(getdents(file))) == [".", ".."]
    assert file.f_pos == 2
    assert disk.run(getdents(file)) == -EINVAL


def test_the_offset_of_an_entry_is_where_the_position_stands_at_the_next() -> None:
    """Recorded: a directory that counts the position before it gives the entry is off by one."""
    disk = Disk(TREE)
    entries = disk.run(getdents(failing(disk, "x", "y")))
    assert [(entry.name, entry.d_off) for entry in entries] == [
        (".", 1),
        ("..", 3),
        ("x", 4),
        ("y", 4),
    ]


def test_a_duplicate_shares_the_position_and_the_last_close_releases() -> None:
    disk = Disk(TREE)
    file = listing(disk)
    get_file(file)
    disk.run(getdents(file, 2))
    assert names(disk.run(getdents(get_file(file), 1))) == ["g"]
    assert disk.run(vfs_llseek(file, 0, SEEK_CUR)) == 3
    disk.run(close(file))
    disk.run(close(file))
    assert disk.sb.files == [file]
    assert names(disk.run(getdents(file))) == ["f", "d"]
    disk.run(close(file))
    assert disk.sb.files == []
    assert disk.counts() == {"r": 4, "r/d": 0, "r/f": 0, "r/g": 0}


def booted(world: World, tree: dict[str, None]) -> Disk:
    """A disk whose names are all cached, oldest last in a listing."""
    disk = Disk(tree, world=world)
    for name in tree:
        boot(world, fstatat(disk.root, name))
    return disk


def test_users_of_one_open_file_share_its_entries_out_in_every_interleaving() -> None:
    def make(world):  # type: ignore[no-untyped-def]  # told by explore()
        disk = booted(world, {"b": None, "a": None})
        file = boot(world, openat(disk.root, "."))
        get_file(file)
        for who in ("one", "two"):
            world.spawn(begin(getdents(file, 2)), who)
        return lambda world: tuple(tuple(names(task.result)) for task in world.tasks)

    outcomes, _ = explore(make)
    assert outcomes == {((".", ".."), ("a", "b")), (("a", "b"), (".", ".."))}


def test_two_open_files_list_at_the_same_time_and_both_get_all() -> None:
    def make(world):  # type: ignore[no-untyped-def]
        disk = booted(world, {"a": None})
        files = [boot(world, openat(disk.root, ".")) for _ in range(2)]

        async def user(file: File) -> list[str]:
            got = names(await getdents(file, 3))
            return got + names(await getdents(file, 3))

        for file in files:
            world.spawn(begin(user(file)), "ls")
        return lambda world: (
            *(tuple(task.result) for task in world.tasks),
            disk.dentry("r/a").peek("d_count"),
        )

    outcomes, _ = explore(make)
    everything = (".", "..", "a")
    assert outcomes == {(everything, everything, 0)}


@pytest.mark.parametrize("limit", [3, None])
def test_a_listing_beside_a_removal_has_what_stays_and_perhaps_what_goes(limit: int | None) -> None:
    """With a small buffer the cursor stands beside what goes; the listing holds it, if it is next,
    and kills it then."""

    def make(world):  # type: ignore[no-untyped-def]
        disk = booted(world, {"b": None, "a": None})
        file = boot(world, openat(disk.root, "."))
        a = disk.dentry("r/a")
        a.d_count += 1

        async def ls() -> list[str]:
            got = names(await getdents(file, limit))
            return got + names(await getdents(file, limit))

        async def rm() -> None:
            await d_drop(a)
            await dput(a)

        world.spawn(begin(ls()), "ls")
        world.spawn(rm(), "rm")
        return lambda world: (tuple(world.tasks[0].result), a.alive, disk.counts()["r/b"])

    outcomes, _ = explore(make)
    assert outcomes == {((".", "..", "a", "b"), False, 0), ((".", "..", "b"), False, 0)}
