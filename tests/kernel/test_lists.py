"""Lock-less lists, and lists that readers walk without the writers' lock."""

import pytest

from lockwright.core.operation import Operation
from lockwright.core.world import World
from lockwright.kernel.llist import LList
from lockwright.kernel.rculist import ListHead
from lockwright.kernel.slab import Slab, kfree
from lockwright.kernel.srcu import Srcu
from tests.kernel.searching import Setup, alone, does, kinds, messages, results, search


class Node(Slab):
    """Something on a list."""

    cache = "node"


def test_an_llist_tells_its_first_and_gives_all_newest_first() -> None:
    def setup(world: World) -> None:
        llist = LList[str](world, "&free_list")
        world.spawn(
            does(llist.empty(), llist.add("a"), llist.add("b"), llist.empty()),
            "task",
        )

        async def taker() -> tuple[str, ...]:
            return tuple(await llist.del_all())

        world.spawn(taker(), "taker")

    assert {run.world.tasks[1].result for run in search(setup)} == {(), ("a",), ("b", "a")}


def test_exactly_one_of_two_adders_is_the_first() -> None:
    def setup(world: World) -> None:
        llist = LList[str](world, "&list")
        world.spawn(does(llist.add("a")), "a")
        world.spawn(does(llist.add("b")), "b")

    assert results(search(setup)) == {((True,), (False,)), ((False,), (True,))}


def test_adding_a_node_twice_or_after_its_end_is_found() -> None:
    def twice(world: World) -> None:
        llist, node = LList[Node](world, "&list"), Node(world, "n")
        world.spawn(does(llist.add(node), llist.add(node)), "task")

    def late(world: World) -> None:
        llist, node = LList[Node](world, "&list"), Node(world, "n")
        world.spawn(does(kfree(node), llist.add(node)), "task")

    assert kinds([alone(twice)]) == {"list corruption"}
    assert kinds([alone(late)]) == {"use-after-free"}


async def walk(lst: ListHead[Node]) -> str:
    """The names of the nodes, link by link."""
    found = ""
    node = await lst.first()
    while node is not None:
        found += node.name
        node = await lst.next(node)
    return found


def walk_and_write(remove: str = "", add: str = "") -> Setup:
    """A list a, b, c; a reader walks it, a writer changes it."""

    def setup(world: World) -> None:
        lst = ListHead[Node](world, "&children")
        nodes = {name: Node(world, name) for name in "abcd"}

        async def main() -> None:
            for name in "abc":
                await lst.add_tail(nodes[name])
            world.spawn(walk(lst), "reader")
            if remove:
                operation: Operation = getattr(lst, remove)(nodes["b"])
                await operation
            if add:
                operation = getattr(lst, add)(nodes["d"])
                await operation

        world.spawn(main(), "main")

    return setup


def walks(setup: Setup) -> set[object]:
    return {run.world.tasks[1].result for run in search(setup)}


def test_a_reader_on_a_removed_node_finds_its_way() -> None:
    assert walks(walk_and_write(remove="del_rcu")) == {"abc", "ac"}
    assert kinds(search(walk_and_write(remove="del_rcu"))) == set()


def test_a_reader_on_a_node_removed_by_list_del_follows_poison() -> None:
    runs = search(walk_and_write(remove="del_"))
    assert kinds(runs) == {"general protection fault"}
    assert messages(runs) == {
        "general protection fault: reader walks &children and follows LIST_POISON1 in node b"
    }


@pytest.mark.parametrize("add", ["add_tail", "add_tail_rcu"])
def test_a_node_added_at_the_tail_is_seen_or_not(add: str) -> None:
    assert walks(walk_and_write(add=add)) == {"abc", "abcd"}


@pytest.mark.parametrize("add", ["add", "add_rcu"])
def test_a_node_added_in_front_is_seen_by_those_who_come_later(add: str) -> None:
    assert walks(walk_and_write(add=add)) == {"abc", "dabc"}


def test_a_reader_may_miss_the_first_change_and_see_the_second() -> None:
    # It has passed b's place before b goes, or stands on b, and comes to d either way.
    assert walks(walk_and_write(remove="del_rcu", add="add_tail_rcu")) == {
        "abc",
        "ac",
        "abcd",
        "acd",
    }


def freeing_reader(grace: bool) -> Setup:
    def setup(world: World) -> None:
        srcu, lst = Srcu(world, "srcu"), ListHead[Node](world, "&children")
        node = Node(world, "a")

        async def reader() -> str:
            idx = await srcu.read_lock()
            found = await walk(lst)
            await srcu.read_unlock(idx)
            return found

        async def main() -> None:
            await lst.add_tail(node)
            world.spawn(reader(), "reader")
            await lst.del_rcu(node)
            if grace:
                await srcu.synchronize_srcu()
            await kfree(node)

        world.spawn(main(), "main")

    return setup


def test_a_node_freed_without_a_grace_period_is_a_use_after_free() -> None:
    assert kinds(search(freeing_reader(grace=False))) == {"use-after-free"}


def test_and_not_after_one() -> None:
    assert kinds(search(freeing_reader(grace=True))) == set()


def test_memory_that_a_link_shares_is_overwritten() -> None:
    """E43 of the corpus: `list` and `rcu` in one union, a reader stands on the node."""

    def setup(world: World) -> None:
        lst = ListHead[Node](world, "&ei->children")
        nodes = [Node(world, name) for name in "ab"]

        async def main() -> None:
            for node in nodes:
                await lst.add_tail(node)
            world.spawn(walk(lst), "reader")
            await lst.del_rcu(nodes[0])
            await lst.overwrite(nodes[0])

        world.spawn(main(), "main")

    runs = search(setup)
    assert kinds(runs) == {"NULL pointer dereference"}
    assert messages(runs) == {
        "NULL pointer dereference: reader walks &ei->children and follows NULL in node a"
    }


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        (["del_rcu"], "list_del_rcu() by task: node a is not on &list"),
        (["add_tail", "del_", "del_"], "list_del() by task: node a is not on &list"),
        (["add_tail", "add_tail_rcu"], "list_add_tail_rcu() by task: node a is already on &list"),
        (["add_tail", "overwrite"], "overwrite next() by task: node a is still on &list"),
        (["overwrite"], "overwrite next() by task: node a is not yet on &list"),
        (
            ["next"],
            "NULL pointer dereference: task walks &list and follows NULL in node a",
        ),
    ],
)
def test_misuse_is_found(calls: list[str], message: str) -> None:
    def setup(world: World) -> None:
        lst, node = ListHead[Node](world, "&list"), Node(world, "a")
        world.spawn(does(*(getattr(lst, call)(node) for call in calls)), "task")

    assert messages([alone(setup)]) == {message}


def test_writers_touch_the_memory_of_the_node_before() -> None:
    def setup(world: World) -> None:
        lst = ListHead[Node](world, "&list")
        a, b = Node(world, "a"), Node(world, "b")
        world.spawn(does(lst.add_tail(a), kfree(a), lst.add_tail(b)), "task")

    assert kinds([alone(setup)]) == {"use-after-free"}


def test_under_the_writers_lock_a_list_is_read_in_one_step() -> None:
    def setup(world: World) -> None:
        lst = ListHead[Node](world, "&list")
        a, b = Node(world, "a"), Node(world, "b")

        async def task() -> tuple[object, ...]:
            empty = await lst.empty()
            await lst.add_tail(a)
            await lst.add(b)
            names = [node.name for node in lst.entries()]
            await lst.del_rcu(b)
            await lst.add_tail(b)
            return empty, await lst.empty(), *names, *(node.name for node in lst.peek())

        world.spawn(task(), "task")

    run = alone(setup)
    assert run.world.tasks[0].result == (True, False, "b", "a", "a", "b")
    # entries() reads the head's link, and the life and the link of each of two nodes; list_add()
    # read b's life.
    assert len([code for code in run.touched[2] if not code & 1]) == 5 + 1
