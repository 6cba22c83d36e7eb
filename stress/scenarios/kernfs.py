"""kernfs alone: a directory `d` with a file `f`, whose data goes when the directory has gone.

The promise: when kernfs_remove() returns, nothing is at work below the node, and nothing ever
will be.  So the remover frees the data that the file's operations use, and nothing counts who has
the file open.  The hazard: a remover that holds a mutex which those operations take.

The port of eventfs to kernfs is under the generic cases (`kernfs_eventfs.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from lockwright.core.boot import boot
from lockwright.core.promise import always
from lockwright.core.world import World
from lockwright.kernel.context import sleepable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.slab import Field, Slab, kfree
from lockwright.scenario import scenario
from model.kernfs.active import kernfs_get, kernfs_put
from model.kernfs.dir import (
    kernfs_create_dir,
    kernfs_create_file,
    kernfs_remove,
    kernfs_remove_by_name,
    kernfs_remove_self,
)
from model.kernfs.mount import kernfs_mount
from model.kernfs.node import KN_DEACTIVATED_BIAS, KernfsNode, KernfsOpenFile
from model.vfs.err import ENODEV, ENOENT, IS_ERR, PTR_ERR
from model.vfs.objects import File, FileOperations, Inode, SuperBlock
from model.vfs.readdir import __x64_sys_getdents64
from model.vfs.reclaim import drop_caches
from model.vfs.syscalls import __do_sys_newfstatat, __x64_sys_close, __x64_sys_openat

MODE = 0o644


class Data(Slab):
    """What the operations of a file use.  `value` is guarded by the tree's mutex, if they take
    it; `opens` by whoever calls open and release, one at a time."""

    cache = "data"

    value: Field[int] = Field(7)
    opens: Field[int] = Field(0)

    __slots__ = ()


@dataclass(slots=True)
class Tree:
    """`world.state` of these scenarios.  `outcomes` has (call, path, result), in no order that
    means anything."""

    sb: SuperBlock
    root: KernfsNode
    mutex: Mutex
    data: Data
    dir: KernfsNode
    file: KernfsNode
    outcomes: list[tuple[str, str, object]] = field(default_factory=list)

    def note(self, call: str, path: str, result: object) -> None:
        """Write down what a call gave."""
        self.outcomes.append((call, path, result))


def tree(
    world: World, *, locks: bool = False, releases: bool = False, more: tuple[str, ...] = ()
) -> Tree:
    """Mount it.  With `locks` the file's operations take the mutex; with `releases` it has
    open() and release() of its own.  `more` are further files in `d`."""
    root = boot(world, kernfs_mount(world, "mnt"))
    made = Tree(world.state, root, Mutex(world, "event_mutex"), Data(world, "data"), root, root)
    ops = FileOperations(
        read=partial(_show, made, locks=locks),
        write=partial(_store, made),
        open=_opened if releases else None,
        release=_released if releases else None,
    )

    async def fill() -> None:
        made.dir = await kernfs_create_dir(root, "d", 0o755, None)
        made.file = await kernfs_create_file(made.dir, "f", MODE, ops, made.data)
        for name in more:
            await kernfs_create_file(made.dir, name, MODE, ops, made.data)

    boot(world, fill())
    for name in ("f", "new", *more):
        made.sb.declare(f"mnt/d/{name}")
    made.sb.declare("mnt/new")
    world.state = made
    return made


async def _show(at: Tree, of: File, *, locks: bool) -> int:
    """read(): the value."""
    if locks:
        await at.mutex.lock()
    data = of.f_inode.i_private
    assert isinstance(data, Data), "i_private is the node's data"
    value = data.value
    if locks:
        await at.mutex.unlock()
    return value


async def _store(at: Tree, of: File, text: str) -> int:
    """write(): the file removes itself."""
    assert isinstance(of, KernfsOpenFile), "kernfs gives its own open file"
    first = await kernfs_remove_self(of.kn)
    at.note("remove_self", of.kn.name, first)
    return len(text)


async def _opened(inode: Inode, file: File) -> int:
    data = inode.i_private
    assert isinstance(data, Data), "i_private is the node's data"
    data.opens += 1
    return 0


async def _released(inode: Inode, file: File) -> int:
    data = inode.i_private
    assert isinstance(data, Data), "i_private is the node's data"
    data.opens -= 1
    return 0


async def opened(at: Tree, path: str = "d/f") -> File:
    """A file that is open, in set-up."""
    file = await __x64_sys_openat(at.sb.s_root, path)
    assert not IS_ERR(file), f"{path} is there"
    return file


async def show(at: Tree, file: File) -> None:
    """read()"""
    await sleepable("read")
    call = file.f_inode.i_fop.read
    assert call is not None, "files of kernfs can be read"
    at.note("read", "d/f", await call(file))


async def write(at: Tree, file: File) -> None:
    """write()"""
    await sleepable("write")
    call = file.f_inode.i_fop.write
    assert call is not None, "files of kernfs can be written"
    at.note("write", "d/f", await call(file, "1"))


async def read(at: Tree, path: str = "d/f") -> None:
    """cat PATH"""
    file = await __x64_sys_openat(at.sb.s_root, path)
    if IS_ERR(file):
        at.note("open", path, PTR_ERR(file))
        return
    await show(at, file)
    await __x64_sys_close(file)


async def remove(at: Tree, *, locks: bool = False) -> None:
    """Remove the directory, and free what its file used; with `locks` under the mutex."""
    if locks:
        await at.mutex.lock()
    await kernfs_remove(at.dir)
    always(at.sb.world, "no file is open to its user after removal", at.data.opens == 0)
    await kfree(at.data)
    if locks:
        await at.mutex.unlock()
    at.note("stat after remove", "d/f", await __do_sys_newfstatat(at.sb.s_root, "d/f"))


async def stat(at: Tree, path: str) -> None:
    """stat PATH"""
    at.note("stat", path, await __do_sys_newfstatat(at.sb.s_root, path))


async def create(at: Tree, dir: KernfsNode, name: str) -> None:
    """Make a file in a directory."""
    kn = await kernfs_create_file(dir, name, MODE, FileOperations(), None)
    at.note("create", name, PTR_ERR(kn) if IS_ERR(kn) else 0)


RESULTS: dict[str, tuple[object, ...]] = {
    "open": (0, -ENOENT, -ENODEV),
    "read": (7, -ENODEV),
    "write": (1, -ENODEV),
    "stat": (0, -ENOENT),
    "stat after remove": (-ENOENT,),
    "stat after create": (0,),
    "create": (0, -ENOENT),
    "remove": (0, -ENOENT),
    "remove_self": (True, False),
}


def results_are_allowed(world: World) -> Iterator[str]:
    """Each call gives what its manual says; a removed name is not found."""
    at: Tree = world.state
    for call, path, result in at.outcomes:
        if call in RESULTS and result not in RESULTS[call]:
            yield f"{call} of {path} gives {result}"


def removed_nodes_are_quiet(world: World) -> Iterator[str]:
    """R0: nothing is at work in a node that has been removed, and it is deactivated."""
    for obj in world.objects:
        if isinstance(obj, KernfsNode) and obj.alive and obj.peek("gone"):
            if obj.active.value != KN_DEACTIVATED_BIAS:
                yield f"{obj.name} is active after its removal"
            if obj.peek("linked"):
                yield f"{obj.name} is found after its removal"


def one_removes_itself(world: World) -> Iterator[str]:
    """Of those who remove one node from inside, one does."""
    at: Tree = world.state
    firsts = [result for call, _, result in at.outcomes if call == "remove_self"]
    if firsts and firsts.count(True) != 1:
        yield f"{firsts.count(True)} of {len(firsts)} tasks have removed the node themselves"


def listing_has_what_stays(world: World) -> Iterator[str]:
    """I12: a listing has each name that is there all the time once, whatever else goes."""
    at: Tree = world.state
    gone = [path for call, path, _ in at.outcomes if call == "remove"]
    stay = [kn.name for kn in at.dir.peek("children")]
    for call, path, names in at.outcomes:
        if call == "list" and isinstance(names, tuple):
            for name in (".", "..", *stay):
                if names.count(name) != 1:
                    yield f"{name} is {names.count(name)} times in a listing of {path}"
            for name in gone:
                if names.count(name) > 1:
                    yield f"{name} is {names.count(name)} times in a listing of {path}"


AT_END = (results_are_allowed, removed_nodes_are_quiet, one_removes_itself)


@scenario("kernfs/tree:read_vs_remove", at_end=AT_END)
def read_vs_remove(world: World) -> None:
    """A file is read while its directory is removed, and its data freed."""
    at = tree(world)
    world.spawn(read(at), "cat")
    world.spawn(remove(at), "rmdir")


@scenario("kernfs/tree:read_vs_remove_locked", at_end=AT_END, removes_under_event_mutex=True)
def read_vs_remove_locked(world: World, *, removes_under_event_mutex: bool) -> None:
    """A file whose read() takes event_mutex is read while its directory is removed under it."""
    at = tree(world, locks=True)
    world.spawn(read(at), "cat")
    world.spawn(remove(at, locks=removes_under_event_mutex), "rmdir")


@scenario("kernfs/tree:open_vs_remove", at_end=AT_END, orders_release=False)
def open_vs_remove(world: World, *, orders_release: bool) -> None:
    """A file with a release() of its own is closed during the removal.

    A drain that finds it released without taking the mutex is not ordered after what release()
    did: a data race, which the C has.
    """
    at = tree(world, releases=True)
    at.root.root.orders_release = orders_release
    file = boot(world, opened(at))

    async def close() -> None:
        await sleepable("close")
        await __x64_sys_close(file)

    world.spawn(close(), "cat")
    world.spawn(remove(at), "rmdir")


@scenario("kernfs/tree:remove_vs_remove", at_end=AT_END)
def remove_vs_remove(world: World) -> None:
    """Two remove one directory while a file in it is read: each waits until that is over."""
    at = tree(world)
    file = boot(world, opened(at))

    async def by_name(*, frees: bool) -> None:
        at.note("remove", "d", await kernfs_remove_by_name(at.root, "d"))
        if frees:
            await kfree(at.data)

    world.spawn(show(at, file), "cat")
    world.spawn(by_name(frees=True), "rmdir-1")
    world.spawn(by_name(frees=False), "rmdir-2")


@scenario("kernfs/tree:create_vs_remove", at_end=AT_END, serialised=True)
def create_vs_remove(world: World, *, serialised: bool) -> None:
    """A file is made in a directory that is being removed, by users who keep the two apart.

    Who makes it has a reference on the directory.  If nobody keeps them apart that is not enough:
    a new node can be removed, and freed, before kernfs_add_one() has activated it.
    """
    at = tree(world)
    boot(world, kernfs_get(at.dir))

    async def make() -> None:
        if serialised:
            await at.mutex.lock()
        await create(at, at.dir, "new")
        if serialised:
            await at.mutex.unlock()
        await kernfs_put(at.dir)

    world.spawn(make(), "mk")
    world.spawn(remove(at, locks=serialised), "rmdir")


@scenario("kernfs/tree:self_vs_self", at_end=AT_END)
def self_vs_self(world: World) -> None:
    """Two writes to an open file, each of which removes it from inside."""
    at = tree(world)
    files = [boot(world, opened(at)) for _ in range(2)]
    world.spawn(write(at, files[0]), "echo-1")
    world.spawn(write(at, files[1]), "echo-2")


@scenario("kernfs/tree:self_vs_remove", at_end=AT_END)
def self_vs_remove(world: World) -> None:
    """A file removes itself while its directory is removed."""
    at = tree(world)
    file = boot(world, opened(at))
    world.spawn(write(at, file), "echo")
    world.spawn(remove(at), "rmdir")


@scenario("kernfs/tree:stat_vs_create", at_end=AT_END)
def stat_vs_create(world: World) -> None:
    """A name is looked up, and found missing, while it is made; who made it finds it."""
    at = tree(world)

    async def make() -> None:
        await create(at, at.root, "new")
        at.note("stat after create", "new", await __do_sys_newfstatat(at.sb.s_root, "new"))

    world.spawn(stat(at, "new"), "stat")
    world.spawn(make(), "mk")


@scenario("kernfs/tree:stat_vs_remove", at_end=AT_END)
def stat_vs_remove(world: World) -> None:
    """A cached directory without files is looked up while it goes."""
    at = tree(world)
    boot(world, kernfs_remove(at.file))
    boot(world, stat(at, "d"))
    world.spawn(stat(at, "d"), "stat")
    world.spawn(kernfs_remove(at.dir), "rmdir")


@scenario("kernfs/tree:stat_vs_reclaim", at_end=AT_END)
def stat_vs_reclaim(world: World) -> None:
    """A cached file is looked up while the caches are dropped."""
    at = tree(world)
    boot(world, stat(at, "d/f"))
    world.spawn(stat(at, "d/f"), "stat")
    world.spawn(drop_caches(at.sb), "sync")


@scenario("kernfs/tree:list_vs_remove", at_end=(*AT_END, listing_has_what_stays), victim="f2")
def list_vs_remove(world: World, *, victim: str) -> None:
    """A directory is listed with a buffer for one entry, while one of three files goes.

    A position is a name's hash, so nothing moves; but where the node that was read last is gone,
    the search for its hash can end at the one after it, which is then skipped.
    """
    at = tree(world, more=("f1", "f2"))
    file = boot(world, opened(at, "d"))

    async def ls() -> None:
        await sleepable("getdents64")
        names: list[str] = []
        while isinstance(got := await __x64_sys_getdents64(file, limit=1), list) and got:
            names.extend(entry.name for entry in got)
        at.note("list", "d", tuple(names))

    async def rm() -> None:
        at.note("remove", victim, await kernfs_remove_by_name(at.dir, victim))

    world.spawn(ls(), "ls")
    world.spawn(rm(), "rm")
