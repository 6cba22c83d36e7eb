"""What the documented tracefs promises, on small examples."""

from __future__ import annotations

import pytest

from lockwright.calls import Argument, parse_program
from lockwright.check.linearizability import Linearization, linearize
from lockwright.core.errors import UsageError
from lockwright.core.history import Entry
from lockwright.core.location import Value
from lockwright.session import explore
from model.vfs.err import (
    EACCES,
    EBADF,
    EBUSY,
    EEXIST,
    EINVAL,
    EISDIR,
    ENODEV,
    ENOENT,
    ENOTDIR,
    EPERM,
)
from stress.machines.linear import LinearReference, linearizability
from stress.machines.reference import Tracefs, reference_of
from stress.machines.sequential import LONG, VOCABULARY

LATEST = "eventfs/latest"
FOO = "/instances/foo"


def after(*calls: tuple[str, Value]) -> Tracefs:
    """The tree when these calls have given these results: `("remove:kp1", 0)`."""
    tree = reference_of(LATEST, {})
    for said, result in calls:
        (call,) = parse_program(f"calls({said})").calls
        expected = tree.expects(call.name, *call.arguments)
        assert expected.allows(result), f"{said} gives {expected}"
        expected.accept(result)
    return tree


@pytest.mark.parametrize(
    ("before", "call", "right", "wrong"),
    [
        ((), ("stat", "kprobes/kp1/enable"), 0, -ENOENT),
        ((), ("stat", "kprobes/kp3"), -ENOENT, 0),
        ((), ("stat", "kprobes/kp1/enable/x"), -ENOTDIR, -ENOENT),
        ((), ("ls", "kprobes"), ("kp2", "kp1"), ("kp1",)),
        ((), ("ls", "kprobes"), ("kp1", "kp2"), ("kp1", "kp2", "kp1")),
        ((), ("ls", "kprobes/kp1/enable"), -ENOTDIR, ()),
        ((), ("has", "kprobes", "kp1"), True, False),
        ((("create:kp3", 0),), ("create", "kp3"), -EEXIST, 0),
        ((("echo:1:kprobes/kp1/enable", 0),), ("remove", "kp1"), -EBUSY, 0),
        ((("echo:1:kprobes/kp1/enable", 0),), ("clear",), -EBUSY, 0),
        ((("echo:1:kprobes/kp1/enable", 0),), ("cat", "kprobes/kp1/enable"), "1\n", "0\n"),
        ((("remove:kp1", 0),), ("remove", "kp1"), -ENOENT, 0),
        ((("clear", 0),), ("stat", "kprobes"), -ENOENT, 0),
        ((("chmod:=384:kprobes", 0),), ("show", "kprobes"), ("dir", 384, 0, 0), ("dir", 0, 0, 0)),
        ((("remount:gid=7", 0),), ("show", "kprobes"), ("dir", 0, 0, 7), ("dir", 0, 0, 0)),
        ((), ("remount", "gid=x"), -EINVAL, 0),
        ((), ("mkdir", "kprobes/x"), -EPERM, 0),
        ((), ("mkdir", "kprobes"), -EEXIST, -EPERM),
        (((f"mkdir:{FOO}", 0),), ("stat", f"{FOO}/events/kprobes/kp1/enable"), 0, -ENOENT),
        (((f"mkdir:{FOO}", 0), (f"rmdir:{FOO}", 0)), ("stat", FOO), -ENOENT, 0),
        ((), ("rmdir", "kprobes/kp1"), -EPERM, 0),
        ((), ("unlink", "kprobes/kp1/enable"), -EPERM, 0),
        ((), ("unlink", "kprobes/kp1"), -EISDIR, -EPERM),
        ((), ("open", "3", "kprobes/new", "creat"), -EACCES, 0),
        ((), ("open", "3", "kprobes", "rw"), -EISDIR, 0),
        ((), ("open", "3", "kprobes/kp1/enable", "dir"), -ENOTDIR, 0),
        ((), ("close", "3"), -EBADF, 0),
        ((("open:3:kprobes", 0),), ("read", "3"), -EISDIR, ""),
        ((("open:3:kprobes:path", 0),), ("getdents", "3"), -EBADF, ()),
        ((("open:3:kprobes", 0),), ("getdents", "3", 1), (".",), (".", "..")),
        ((("open:3:kprobes", 0),), ("getdents", "3", 0), -EINVAL, ()),
        (
            (("open:3:kprobes/kp1/enable", 0), ("remove:kp1", 0)),
            ("read", "3"),
            -ENODEV,
            "0\n",
        ),
        ((("open:3:kprobes/kp1/enable", 0),), ("write", "3", "1"), -EBADF, 1),
        ((("open:3:kprobes/kp1", 0), ("remove:kp1", 0)), ("stat_at", "3", "enable"), -ENOENT, 0),
        ((("open:3:kprobes", 0), ("remove:kp1", 0)), ("stat_at", "3", "kp2"), 0, -ENOENT),
        (((f"create:{LONG}", 0),), ("stat", f"kprobes/{LONG}"), -ENOENT, -ENOTDIR),
    ],
)
def test_a_call_may_give_this_and_not_that(
    before: tuple[tuple[str, Value], ...],
    call: tuple[str, *tuple[Argument, ...]],
    right: Value,
    wrong: Value,
) -> None:
    expected = after(*before).expects(call[0], *call[1:])
    assert (expected.allows(right), expected.allows(wrong)) == (True, False), str(expected)


def test_an_instance_with_an_open_file_stays_and_one_with_an_open_directory_goes() -> None:
    made = (f"mkdir:{FOO}", 0)
    file = after(made, (f"open:3:{FOO}/events/kprobes/kp1/enable", 0))
    assert file.expects("rmdir", FOO).values == (-EBUSY,)
    directory = after(made, (f"open:3:{FOO}/events/kprobes/kp1", 0))
    assert directory.expects("rmdir", FOO).values == (0,)


def test_a_listing_by_parts_has_what_stays_once_and_what_comes_or_goes_perhaps() -> None:
    begun = (("open:3:kprobes", 0), ("getdents:3:=3", (".", "..", "kp1")))
    assert not after(*begun).expects("getdents", "3").allows(("kp1", "kp2"))
    assert not after(*begun).expects("getdents", "3").allows(())
    assert after(*begun, ("remove:kp2", 0)).expects("getdents", "3").allows(())
    assert after(*begun, ("create:kp3", 0)).expects("getdents", "3").allows(("kp2", "kp3"))
    assert after(*begun, ("create:kp3", 0)).expects("getdents", "3").allows(("kp2",))


def test_a_mode_that_nobody_set_is_always_the_same() -> None:
    tree = after(("show:kprobes/kp1", ("dir", 0o755, 0, 0)))
    assert not tree.expects("show", "kprobes/kp2").allows(("dir", 0o700, 0, 0))
    assert tree.expects("show", "kprobes/kp2/enable").allows(("file", 0o640, 0, 0))


def history(*calls: tuple[int, str, tuple[Value, ...], int, int, Value]) -> list[Entry]:
    return [Entry(*call) for call in calls]


def test_a_history_is_possible_one_call_after_the_other_or_not() -> None:
    reference = LinearReference(LATEST, {})
    removed = (0, "remove", ("kp1",), 0, 3, 0)
    assert isinstance(
        linearize(history(removed, (1, "stat", ("kprobes/kp1",), 1, 2, 0)), reference),
        Linearization,
    )
    ghost = history(removed, (1, "stat", ("kprobes/kp1",), 4, 5, 0))
    assert not isinstance(linearize(ghost, reference), Linearization)


def test_a_listing_is_no_call_at_one_moment() -> None:
    reference = LinearReference(LATEST, {})
    with pytest.raises(UsageError, match="ls is not one call at one moment; use `has`"):
        list(reference.apply(reference.initial(), "ls", ("kprobes",)))


def test_a_reader_with_a_small_buffer_misses_an_event_that_is_there_all_the_time() -> None:
    """What real kernels do (kernel_behaviour 7): a position is an index, and removal shifts it."""
    calls = linearizability(VOCABULARY[LATEST])
    whole = explore(calls.scenario("calls(has:kprobes:kp2|remove:kp1)"))
    assert [finding.kind for finding in whole.findings] == []
    small = explore(calls.scenario("calls(has:kprobes:kp2:=1|remove:kp1)"))
    assert {finding.kind for finding in small.findings} == {"not linearizable"}
