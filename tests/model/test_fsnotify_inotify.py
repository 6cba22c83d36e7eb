"""inotify as its manual page has it, one call after the other."""

from __future__ import annotations

import pytest

from lockwright.core.task import Task
from model.fsnotify.fsnotify import fsnotify_overflow
from model.fsnotify.inotify import inotify_forget
from model.fsnotify.notification import fsnotify_add_event
from model.fsnotify.objects import FS_UNMOUNT, IN_MASK_ADD, IN_MASK_CREATE, Group, Inode, Mark
from model.fsnotify.path import path_put, user_path_at
from model.fsnotify.remote import Remote, Updated
from model.vfs.err import EAGAIN, EBADF, EEXIST, EINVAL, ENOENT
from tests.model.fsnotify_guest import ACCESS, DELETE_SELF, IGNORED, MODIFY, Guest


def test_a_watch_tells_what_it_was_asked_for_and_nothing_else() -> None:
    do = Guest()
    do.add(MODIFY)
    do.touch(MODIFY)
    do.touch(ACCESS)
    assert do.read() == "MODIFY of i1"
    assert do.read() == -EAGAIN
    assert do.read("g2") == -EAGAIN


def test_everybody_who_wants_to_know_is_told() -> None:
    do = Guest()
    do.add(MODIFY)
    do.add(MODIFY | ACCESS, name="g2")
    do.add(MODIFY, nodeid=2, name="g2")
    do.touch(MODIFY)
    do.touch(ACCESS)
    do.touch(MODIFY, nodeid=2)
    assert do.read() == "MODIFY of i1"
    assert do.read("g2") == "MODIFY of i1, ACCESS of i1, MODIFY of i2"


def test_a_second_add_replaces_the_mask_and_keeps_the_descriptor() -> None:
    do = Guest()
    assert [do.add(MODIFY), do.add(MODIFY, nodeid=2), do.add(ACCESS)] == [1, 2, 1]
    assert (do.mask(1), do.mask(2)) == ("ACCESS", "MODIFY")
    assert do.living("Mark") == 2


def test_a_narrower_mask_lowers_that_of_the_inode() -> None:
    do = Guest()
    do.add(MODIFY | ACCESS)
    do.add(ACCESS)
    assert do.mask() == "ACCESS"


def test_mask_add_keeps_what_was_there() -> None:
    do = Guest()
    do.add(MODIFY)
    assert do.add(ACCESS | IN_MASK_ADD) == 1
    assert do.mask() == "ACCESS|MODIFY"


def test_mask_create_makes_a_watch_and_changes_none() -> None:
    do = Guest()
    assert do.add(MODIFY | IN_MASK_CREATE) == 1
    assert do.add(ACCESS | IN_MASK_CREATE) == -EEXIST
    assert do.mask() == "MODIFY"
    assert do.inode().peek("i_fsnotify_marks").list.peek()[0].refcnt.value == 2


def test_the_mask_of_the_inode_is_what_all_groups_want() -> None:
    do = Guest()
    do.add(MODIFY)
    do.add(ACCESS, name="g2")
    assert do.mask() == "ACCESS|MODIFY"
    assert do.inode().peek("i_fsnotify_mask") & FS_UNMOUNT
    do.rm()
    assert do.mask() == "ACCESS"
    do.rm(name="g2")
    assert do.inode().peek("i_fsnotify_mask") == 0


@pytest.mark.parametrize("mask", [0, 1 << 27, MODIFY | IN_MASK_ADD | IN_MASK_CREATE])
def test_a_mask_that_makes_no_sense_is_refused(mask: int) -> None:
    do = Guest()
    assert do.add(mask) == -EINVAL
    assert do.living("Mark") == 0
    assert do.close() == 0
    assert do.living("Group") == 1


def test_a_watch_is_removed_once_and_says_so() -> None:
    do = Guest()
    do.add(MODIFY)
    do.touch()
    assert [do.rm(), do.rm()] == [0, -EINVAL]
    do.touch()
    assert do.read() == "MODIFY of i1, IGNORED of i1"
    assert (do.living("Mark"), do.living("Connector"), do.living("Event")) == (0, 0, 0)
    assert do.references() == 1


def test_a_descriptor_is_not_used_twice() -> None:
    do = Guest()
    assert do.add(MODIFY) == 1
    do.rm()
    assert do.add(MODIFY) == 2


def test_events_that_say_the_same_are_one_if_they_follow_each_other() -> None:
    do = Guest()
    do.add(MODIFY | ACCESS)
    do.add(MODIFY, nodeid=2)
    for mask, nodeid in ((MODIFY, 1), (MODIFY, 1), (ACCESS, 1), (MODIFY, 1), (MODIFY, 2)):
        do.touch(mask, nodeid=nodeid)
    told = do.at.ledger.told
    queue = do.at.fds["g1"].value.peek("notification_list")
    assert [event.peek("of") for event in queue] == [(1001, 1002), (1003,), (1004,), (2001,)]
    assert do.read() == "MODIFY of i1, ACCESS of i1, MODIFY of i1, MODIFY of i2"
    assert {number for number, _, _ in told} == {1001, 1002, 1003, 1004, 2001}


@pytest.mark.parametrize(
    ("one", "other", "queued"),
    [
        ((MODIFY, "i1", 1), (MODIFY, "i1", 1), 1),
        ((MODIFY, "i1", 1), (MODIFY, "i1", 2), 2),
        ((MODIFY, "i1", 1), (MODIFY, "i2", 1), 2),
        ((MODIFY, "i1", 1), (ACCESS, "i1", 1), 2),
        ((IGNORED, "i1", 1), (IGNORED, "i1", 1), 2),
    ],
)
def test_two_events_are_one_if_nothing_tells_them_apart(
    one: tuple[int, str, int], other: tuple[int, str, int], queued: int
) -> None:
    do = Guest()
    group = do.at.fds["g1"].value
    for event in (one, other):
        do(fsnotify_add_event(group, event, 0, "local"))
    assert group.peek("q_len") == queued


def test_two_watches_that_end_are_two_events() -> None:
    do = Guest()
    for _ in range(2):
        do.add(MODIFY)
        do.rm()
    assert do.read() == "IGNORED of i1, IGNORED of i1"


def test_a_full_queue_tells_once_that_it_is_and_loses_what_comes() -> None:
    do = Guest(max_events=2)
    do.add(MODIFY | ACCESS)
    for mask in (MODIFY, ACCESS, MODIFY, ACCESS):
        do.touch(mask)
    do.rm()
    assert do.read() == "MODIFY of i1, ACCESS of i1, Q_OVERFLOW"
    assert do.at.ledger.told == {(1001, 1, "local"), (1002, 1, "local")}


def test_a_queue_that_was_read_can_overflow_again() -> None:
    do = Guest(max_events=1)
    do.add(MODIFY | ACCESS)
    for _ in range(2):
        do.touch(MODIFY)
        do.touch(ACCESS)
        assert do.read() == "MODIFY of i1, Q_OVERFLOW"


def test_an_event_is_merged_before_the_queue_is_full() -> None:
    do = Guest(max_events=2)
    do.add(MODIFY)
    for _ in range(5):
        do.touch()
    assert do.read() == "MODIFY of i1"


def test_an_overflow_can_be_told_to_all_who_watch_a_file() -> None:
    do = Guest()
    do.add(MODIFY)
    do(fsnotify_overflow(do.inode()))
    do(fsnotify_overflow(do.inode()))
    assert (do.read(), do.read("g2")) == ("Q_OVERFLOW", -EAGAIN)


def test_what_is_closed_watches_no_more_and_is_freed() -> None:
    do = Guest()
    do.add(MODIFY)
    do.add(MODIFY, nodeid=2)
    do.touch()
    assert [do.close(), do.close()] == [0, -EBADF]
    assert (do.mask(1), do.mask(2)) == ("0", "0")
    assert [do.living(kind) for kind in ("Mark", "Connector", "Event", "Group")] == [0, 0, 0, 1]
    assert [do.add(MODIFY), do.rm(), do.read()] == [-EBADF] * 3


def test_a_group_lies_where_the_newest_of_the_freed_ones_lay_and_has_another_number() -> None:
    do = Guest(groups=("g1", "g2", "g3"))
    for name in ("g1", "g2"):
        do.close(name)
        do.init(name)
    for name in ("g1", "g2"):
        do.close(name)
    for name in ("g1", "g2"):
        assert do.init(name) == 0
    groups = [do.at.fds[name].value for name in ("g1", "g2", "g3")]
    assert [(group.number, group.at) for group in groups] == [(6, 2), (7, 1), (3, 3)]


def test_without_freeing_a_group_that_had_a_watch_keeps_its_place() -> None:
    do = Guest(frees=False)
    do.add(MODIFY)
    do.close()
    do.init("g1")
    assert do.at.fds["g1"].value.at == 3
    assert (do.living("Mark"), do.living("Group")) == (1, 3)


def test_who_watches_an_unlinked_file_is_told_and_watches_no_more() -> None:
    do = Guest()
    do.add(MODIFY)
    do.add(DELETE_SELF, name="g2")
    inode = do.inode()
    assert [do.unlink(), do.unlink()] == [0, -ENOENT]
    assert do.read() == "IGNORED of i1"
    assert do.read("g2") == "DELETE_SELF of i1, IGNORED of i1"
    assert do.inode() is None
    assert not inode.alive
    assert [do.add(MODIFY), do.rm()] == [-ENOENT, -EINVAL]
    assert (do.living("Mark"), do.living("Connector")) == (0, 0)


def test_whoever_has_a_path_keeps_an_unlinked_file() -> None:
    do = Guest()
    do.add(DELETE_SELF)
    inode = do(user_path_at(do.at, 1))
    do.unlink()
    assert do.read() == -EAGAIN
    assert do(user_path_at(do.at, 1)) is None
    do(path_put(inode))
    assert do.read() == "DELETE_SELF of i1, IGNORED of i1"
    assert not inode.alive


def test_a_watch_can_be_forgotten_by_the_file_system() -> None:
    do = Guest()
    do.add(MODIFY)
    for _ in range(2):
        do(inotify_forget(do.at.fds["g1"].value, do.inode()))
    assert do.read() == "IGNORED of i1"
    assert do.rm() == -EINVAL


def test_marks_are_listed_by_the_addresses_of_their_groups_the_highest_first() -> None:
    do = Guest(groups=("g1", "g2", "g3"))
    for name in ("g2", "g1", "g3"):
        do.add(MODIFY, name=name)
    conn = do.inode().peek("i_fsnotify_marks")
    assert [mark.name for mark in conn.list.peek()] == ["g3 on i1", "g2 on i1", "g1 on i1"]
    do.rm(name="g2")
    do.add(MODIFY, name="g2")
    assert [mark.name for mark in conn.list.peek()] == ["g3 on i1", "g2 on i1", "g1 on i1"]


class Told(Remote):
    """Writes down which hook was called, and how deep in atomic context."""

    def __init__(self, do: Guest, *, answer: int = 0, keeps: bool = False) -> None:
        super().__init__(do.at)
        self.answer = answer
        self.keeps = keeps
        self.calls: list[str] = []
        do.at.remote = self

    def note(self, call: str) -> None:
        task = self.client.world.creator
        assert isinstance(task, Task)
        self.calls.append(call + f" at depth {task.atomic}" * (task.atomic > 0))

    async def before_add(self, group: Group, inode: Inode, arg: int) -> int:
        self.note("before_add")
        return self.answer

    async def after_add(self, group: Group, inode: Inode, arg: int, done: Updated) -> int:
        self.note(f"after_add {done.ret} {done.mask & ~FS_UNMOUNT} {done.version}")
        return done.ret

    async def before_rm(self, group: Group, inode: Inode, mark: Mark) -> None:
        self.note("before_rm")

    async def after_rm(self, group: Group, inode: Inode) -> None:
        self.note("after_rm")

    async def under_mark_lock(self, mark: Mark) -> None:
        self.note(f"under_mark_lock {mark.version}")

    async def detached(self, mark: Mark) -> None:
        self.note("detached")

    async def freed(self, mark: Mark) -> None:
        self.note("freed")

    async def mask_changed(self, inode: Inode, old: int, new: int, version: int) -> None:
        assert inode.alive
        assert sum(inode.i_count.counts) > 0
        self.note(f"mask_changed {old & ~FS_UNMOUNT} {new & ~FS_UNMOUNT} {version}")

    async def closed(self, group: Group) -> None:
        assert group.alive
        assert not group.marks_list
        self.note("closed")

    async def unlinked(self, inode: Inode) -> bool:
        self.note("unlinked")
        return self.keeps

    def suppresses(self, inode: Inode, mask: int) -> bool:
        self.calls.append("suppresses")
        return self.keeps


def test_a_file_system_is_told_of_a_watch_that_is_made_and_removed() -> None:
    do = Guest()
    remote = Told(do)
    do.add(MODIFY)
    assert remote.calls == ["before_add", "mask_changed 0 2 1", "after_add 1 2 1"]
    remote.calls.clear()
    do.add(ACCESS | IN_MASK_ADD)
    assert remote.calls == ["before_add", "mask_changed 2 3 2", "after_add 1 3 2"]
    remote.calls.clear()
    do.rm()
    removed = ["before_rm", "under_mark_lock 3 at depth 1", "detached", "freed"]
    assert remote.calls == [*removed, "mask_changed 3 0 3", "after_rm"]


def test_the_mask_is_lowered_with_the_last_reference_and_not_before() -> None:
    do = Guest()
    remote = Told(do)
    do.add(MODIFY)
    do.add(ACCESS, name="g2")
    remote.calls.clear()
    do.rm()
    assert remote.calls.index("freed") < remote.calls.index("mask_changed 3 1 3")
    assert do.references() == 2


def test_a_file_system_can_refuse_a_watch() -> None:
    do = Guest()
    remote = Told(do, answer=-EEXIST)
    assert do.add(MODIFY) == -EEXIST
    assert remote.calls == ["before_add"]
    assert do.living("Mark") == 0


def test_a_file_system_is_told_of_a_group_that_is_closed_when_its_marks_are_gone() -> None:
    do = Guest()
    do.add(MODIFY)
    remote = Told(do)
    do.close()
    gone = ["under_mark_lock 2 at depth 1", "detached", "freed", "mask_changed 2 0 2", "closed"]
    assert remote.calls == gone


def test_a_file_system_can_keep_the_marks_of_an_unlinked_file_and_its_events() -> None:
    do = Guest()
    do.add(DELETE_SELF)
    remote = Told(do, keeps=True)
    do.unlink()
    assert remote.calls == ["suppresses", "unlinked"]
    assert do.read() == -EAGAIN
    assert do.references() == 1
    assert do.rm() == 0
    assert do.inode() is None
