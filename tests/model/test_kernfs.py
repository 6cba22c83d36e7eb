"""kernfs, one task at a time; and what its promise rests on, taken away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from lockwright.core.boot import boot
from lockwright.core.errors import ModelError
from lockwright.core.location import Value
from lockwright.core.world import World
from lockwright.kernel.context import sleepable
from lockwright.scenario import Scenario
from lockwright.session import Options, explore
from model.kernfs import active, dir, file
from model.kernfs.dir import (
    kernfs_activate,
    kernfs_create_dir,
    kernfs_create_file,
    kernfs_create_root,
    kernfs_remove,
    kernfs_remove_by_name,
)
from model.kernfs.node import INT_MAX, KN_DEACTIVATED_BIAS, KernfsNode, kernfs_name_hash
from model.vfs.err import EEXIST, ENODEV, ENOENT, IS_ERR, PTR_ERR
from model.vfs.objects import File, FileOperations
from model.vfs.readdir import __x64_sys_getdents64 as getdents64
from model.vfs.reclaim import drop_caches
from model.vfs.syscalls import __do_sys_newfstatat as newfstatat
from model.vfs.syscalls import __x64_sys_close as close
from model.vfs.syscalls import __x64_sys_fchmodat as fchmodat
from model.vfs.syscalls import __x64_sys_openat as openat
from model.vfs.syscalls import __x64_sys_statx as statx
from stress.scenarios.kernfs import Tree, open_vs_remove, opened, read_vs_remove, tree


class Alone:
    """A tree, and calls made one after the other."""

    def __init__(self, *, releases: bool = False, more: tuple[str, ...] = ()) -> None:
        self.world = World()
        self.at: Tree = tree(self.world, releases=releases, more=more)

    def __call__(self, call: Awaitable[Value]) -> Value:
        async def enter() -> Value:
            await sleepable("system call")
            return await call

        return boot(self.world, enter())

    def stat(self, path: str) -> int:
        result: int = self(newfstatat(self.at.sb.s_root, path))
        return result

    def open(self, path: str = "d/f") -> File:
        opened: File = self(openat(self.at.sb.s_root, path))
        return opened

    def read(self, opened: File) -> int:
        show = opened.f_inode.i_fop.read
        assert show is not None
        result: int = self(show(opened))
        return result

    def names(self, path: str, limit: int | None = None) -> list[str]:
        listed = self.open(path)
        names: list[str] = []
        while entries := self(getdents64(listed, limit)):
            names.extend(entry.name for entry in entries)
        self(close(listed))
        return names

    def living(self) -> int:
        return sum(isinstance(obj, KernfsNode) and obj.alive for obj in self.world.objects)


def test_a_file_is_found_read_and_closed() -> None:
    do = Alone()
    file = do.open()
    assert do.read(file) == 7
    do(close(file))
    assert do.stat("d/f") == 0
    assert do.stat("d/none") == -ENOENT


def test_after_removal_an_open_file_gives_enodev_and_the_name_is_gone() -> None:
    do = Alone()
    file = do.open()
    do(kernfs_remove(do.at.dir))
    assert do.read(file) == -ENODEV
    assert do.stat("d/f") == -ENOENT
    do(close(file))


def test_a_removed_node_is_freed_with_the_last_inode_that_leads_to_it() -> None:
    do = Alone()
    assert do.living() == 3
    file = do.open()
    do(kernfs_remove(do.at.dir))
    assert do.living() == 3, "the open file keeps it, and it its parent"
    do(close(file))
    do(drop_caches(do.at.sb))
    assert do.living() == 1


def test_release_is_called_once_by_the_removal_or_by_the_close() -> None:
    do = Alone(releases=True)
    file = do.open()
    assert do.at.data.peek("opens") == 1
    do(kernfs_remove(do.at.dir))
    assert do.at.data.peek("opens") == 0
    do(close(file))
    assert do.at.data.peek("opens") == 0


def test_a_name_can_be_used_once_and_again_when_it_is_gone() -> None:
    do = Alone()

    def create() -> int:
        kn = do(kernfs_create_file(do.at.dir, "f", 0o644, FileOperations(), None))
        return PTR_ERR(kn) if IS_ERR(kn) else 0

    assert create() == -EEXIST
    assert do(kernfs_remove_by_name(do.at.dir, "f")) == 0
    assert do(kernfs_remove_by_name(do.at.dir, "f")) == -ENOENT
    assert create() == 0
    assert do.stat("d/f") == 0


def test_nothing_is_made_in_a_directory_that_is_going() -> None:
    do = Alone()
    do(active.kernfs_get(do.at.dir))
    do(kernfs_remove(do.at.dir))
    kn = do(kernfs_create_file(do.at.dir, "new", 0o644, FileOperations(), None))
    assert PTR_ERR(kn) == -ENOENT
    do(active.kernfs_put(do.at.dir))
    assert do.living() == 1


def test_a_miss_is_remembered_until_its_directory_changes() -> None:
    do = Alone()
    assert do.stat("d/new") == -ENOENT
    negative = [d for d in do.at.sb.dentries if d.d_name == "new"]
    assert do.stat("d/new") == -ENOENT
    assert [d for d in do.at.sb.dentries if d.d_name == "new"] == negative
    do(kernfs_create_file(do.at.dir, "new", 0o644, FileOperations(), None))
    assert do.stat("d/new") == 0


def test_what_is_not_activated_is_not_seen_and_not_remembered_as_missing() -> None:
    do = Alone()
    root = do.at.root.root
    root.create_deactivated = True
    kn = do(kernfs_create_dir(do.at.root, "late", 0o755, None))
    assert do.stat("late") == -ENOENT
    assert "late" not in do.names("")
    do(kernfs_activate(kn))
    assert do.stat("late") == 0
    assert "late" in do.names("")


def test_a_directory_is_listed_in_the_order_of_hashes_with_any_buffer() -> None:
    more = ("a", "b", "c", "dd", "ee")
    do = Alone(more=more)
    names = [".", "..", *sorted(("f", *more), key=kernfs_name_hash)]
    for limit in (None, 1, 2, 3):
        assert do.names("d", limit) == names


def test_hashes_keep_off_the_positions_of_the_dots_and_of_the_end() -> None:
    for name in ("", "a", "enable", "x" * 255):
        assert 2 <= kernfs_name_hash(name) < INT_MAX


def test_attributes_are_the_nodes_own_and_outlast_reclaim() -> None:
    do = Alone()
    assert do(fchmodat(do.at.sb.s_root, "d/f", 0o600)) == 0
    do(drop_caches(do.at.sb))
    assert do(statx(do.at.sb.s_root, "d/f")).mode == 0o600


def test_a_directory_counts_its_directories() -> None:
    do = Alone()
    assert do(statx(do.at.sb.s_root, "d")).nlink == 2
    do(kernfs_create_dir(do.at.dir, "below", 0o755, None))
    assert do(statx(do.at.sb.s_root, "d")).nlink == 3


def test_a_tree_can_be_removed_whole() -> None:
    world = World()
    root = boot(world, kernfs_create_root(world))
    boot(world, kernfs_create_dir(root, "d", 0o755, None))
    boot(world, kernfs_remove(root))
    assert not any(obj.alive for obj in world.objects)


def test_an_operation_that_removes_its_own_node_by_the_wrong_call_waits_for_itself() -> None:
    do = Alone()
    kn = do.at.file

    async def own() -> None:
        assert await active.kernfs_get_active(kn)
        await kernfs_remove(kn)

    with pytest.raises(ModelError, match="kn->active of f is drained"):
        do(own())


def test_only_files_are_locks_to_the_validator() -> None:
    world = World()
    at = tree(world)
    taken: list[str] = []
    world.on_acquire = (lambda task, use: taken.append(use.class_name),)

    async def both() -> None:
        for kn in (at.dir, at.file):
            await active.kernfs_get_active(kn)
            await active.kernfs_put_active(kn)

    world.spawn(both(), "user")
    while enabled := world.enabled():
        world.step(enabled[0])
    assert taken == ["kn->active"]


def said(scenario: Scenario) -> set[tuple[str, str]]:
    result = explore(scenario, Options(attempts=0, events=False))
    return {(finding.kind, finding.message) for finding in result.findings}


async def nothing(kn: KernfsNode) -> None:
    """Left out."""


async def begins(kn: KernfsNode) -> bool:
    """Whatever the state."""
    await kn.active.inc()
    return True


async def ends(kn: KernfsNode) -> None:
    """Wakes nobody."""
    await kn.active.dec_return()


MUTANTS: dict[str, tuple[Scenario, object, str, Callable[..., object], str]] = {
    "a drain that does not wait": (
        read_vs_remove,
        dir,
        "_wait_for_operations",
        nothing,
        "broken promise",
    ),
    "an operation that begins in a deactivated node": (
        read_vs_remove,
        file,
        "kernfs_get_active",
        begins,
        "use-after-free",
    ),
    "the last operation wakes nobody": (
        read_vs_remove,
        file,
        "kernfs_put_active",
        ends,
        "deadlock",
    ),
    "a removal that deactivates nothing": (
        read_vs_remove,
        dir,
        "deactivate",
        nothing,
        "deadlock",
    ),
    "a drain that leaves open files alone": (
        open_vs_remove,
        dir,
        "kernfs_drain_open_files",
        nothing,
        "broken promise",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_without_it_the_promise_is_broken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, module, function, mutant, kind = MUTANTS[name]
    monkeypatch.setattr(module, function, mutant)
    assert kind in {found for found, _ in said(scenario)}


def test_the_count_says_who_is_at_work() -> None:
    do = Alone()
    assert do.at.file.active.value == 0
    do(active.kernfs_get_active(do.at.file))
    assert do.at.file.active.value == 1
    do(active.kernfs_put_active(do.at.file))
    do(active.kernfs_get(do.at.file))
    do(kernfs_remove(do.at.file))
    assert do.at.file.active.value == KN_DEACTIVATED_BIAS
    do(active.kernfs_put(do.at.file))


def test_an_open_file_is_in_set_up_what_it_is_in_a_task() -> None:
    do = Alone()
    assert do(opened(do.at)).peek("f_inode").kn is do.at.file
