"""The pieces that reports are made of, each in every form that kernels print."""

from __future__ import annotations

import pytest

from lockwright.report.read import ParsedFrame, ParsedIrqs, ParsedLock, read
from lockwright.report.read.decode import plain
from lockwright.report.read.edges import taken_as
from lockwright.report.read.frames import format_frame, parse_frame
from lockwright.report.read.headlines import headline
from lockwright.report.read.lines import Cleaner
from lockwright.report.read.locks import format_lock, parse_lock, parse_who, split_irqs
from lockwright.report.read.unwrap import continued
from tests.report.read.corpus import report

FRAMES = {
    "fn+0x10/0x20": ParsedFrame("fn", 0x10, 0x20),
    "? fn.part.0+0x10/0x20 [bluetooth]": ParsedFrame(
        "fn.part.0", 0x10, 0x20, module="bluetooth", unsure=True
    ),
    "[<ffffffff810abb9b>] fn+0xbb/0xc0": ParsedFrame("fn", 0xBB, 0xC0, "ffffffff810abb9b"),
    "[<ffffffff810abb9b>] ? fn+0xbb/0xc0": ParsedFrame(
        "fn", 0xBB, 0xC0, "ffffffff810abb9b", unsure=True
    ),
    "fn+0x6e/0x3a0 net/bluetooth/sock.c:73": ParsedFrame(
        "fn", 0x6E, 0x3A0, file="net/bluetooth/sock.c:73"
    ),
    "fn drivers/tty/tty_ioctl.c:-1": ParsedFrame("fn", file="drivers/tty/tty_ioctl.c:-1"),
    "fn ./include/linux/fs.h:741 [inline]": ParsedFrame(
        "fn", file="./include/linux/fs.h:741", inlined=True
    ),
    "fn (a/b.c:1 c.h:2 (discriminator 3))": ParsedFrame(
        "fn", file="a/b.c:1 c.h:2 (discriminator 3)", parens=True
    ),
    "fn (??:?)": ParsedFrame("fn", file="??:?", parens=True),
    "0xffffffffc0273000": ParsedFrame("0xffffffffc0273000"),
    "[<0000000000000000>] 0x0": ParsedFrame("0x0", address="0000000000000000"),
    "[<00000000>] (null)": ParsedFrame("(null)", address="00000000"),
    "show_stack+0x24/0x38 (C)": ParsedFrame("show_stack", 0x24, 0x38, mark="(C)"),
    "show_stack from dump_stack_lvl+0x58/0x70": ParsedFrame(
        "show_stack", origin=ParsedFrame("dump_stack_lvl", 0x58, 0x70)
    ),
    "[<c0112710>] (unwind_backtrace) from [<c010e1f4>] (show_stack+0x10/0x14)": ParsedFrame(
        "unwind_backtrace",
        address="c0112710",
        parens=True,
        origin=ParsedFrame("show_stack", 0x10, 0x14, "c010e1f4", parens=True),
    ),
    "[<bf000000>] (fn [mod]) from [<c010e1f4>] (other+0x10/0x14 [mod])": ParsedFrame(
        "fn",
        address="bf000000",
        module="mod",
        parens=True,
        origin=ParsedFrame("other", 0x10, 0x14, "c010e1f4", module="mod", parens=True),
    ),
    "fn [mod] from other+0x10/0x14": ParsedFrame(
        "fn", module="mod", origin=ParsedFrame("other", 0x10, 0x14)
    ),
    "fn+0x10/0x20 [zfs 0123456789abcdef]": ParsedFrame(
        "fn", 0x10, 0x20, module="zfs 0123456789abcdef"
    ),
}
NO_FRAMES = (
    "two words",
    "f from " * 600,
    "(" * 3000,
    "[<ffff>] " * 400,
    "from x+0x1/0x2",
    "",
    "RIP: 0033:0x7f",
    "[inline]",
    "from",
    "? ",
    "()",
    "a:",
    "#0: x",
)


@pytest.mark.parametrize(("text", "frame"), FRAMES.items())
def test_a_frame_is_read_and_printed_the_same(text: str, frame: ParsedFrame) -> None:
    assert parse_frame(text) == frame
    assert format_frame(frame) == text


@pytest.mark.parametrize("text", NO_FRAMES)
def test_what_is_no_frame_is_none(text: str) -> None:
    assert parse_frame(text) is None


LOCKS = {
    "ffff888100dc1a20 (&dev->mutex){....}-{3:3}, at: f+0x1/0x2": ParsedLock(
        "&dev->mutex", "....", (3, 3), "ffff888100dc1a20", ParsedFrame("f", 1, 2)
    ),
    " #0:  (&pipe->mutex/1){+.+.+.}, at: [<ffffffff81844c6b>] f+0x1/0x2": ParsedLock(
        "&pipe->mutex/1", "+.+.+.", None, None, ParsedFrame("f", 1, 2, "ffffffff81844c6b"), 0
    ),
    " #12: c1ce66b0 ((work_completion)(&(&x->w)->work)){+.+.}-{0:0}, at: f a.c:1 [inline]": (
        ParsedLock(
            "(work_completion)(&(&x->w)->work)",
            "+.+.",
            (0, 0),
            "c1ce66b0",
            ParsedFrame("f", file="a.c:1", inlined=True),
            12,
        )
    ),
    " #3: <RELEASED>": ParsedLock("<RELEASED>", number=3),
}


@pytest.mark.parametrize(("text", "lock"), LOCKS.items())
def test_a_lock_is_read_and_printed_the_same(text: str, lock: ParsedLock) -> None:
    assert parse_lock(text) == lock
    assert format_lock(lock) == [text]


@pytest.mark.parametrize(
    "text", ["", "(a)", "x (a){....}", "(a){....} and more", "#1: ", "(a){...}, at: f+0x1/0x2"]
)
def test_what_is_no_whole_lock_is_none(text: str) -> None:
    assert parse_lock(text) is None


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("kworker/u8:2/35", ("kworker/u8:2", 35)),
        ("swapper/0", ("swapper", 0)),
        ("a b/7", ("a b", 7)),
        ("nobody", None),
        ("x/", None),
        ("/5", ("", 5)),
    ],
)
def test_the_pid_stands_after_the_last_slash(text: str, who: tuple[str, int] | None) -> None:
    assert parse_who(text) == who


def test_the_interrupt_state_is_split_off() -> None:
    assert split_irqs("a/1 [HC0[2]:SC1[3]:HE1:SE0]") == (
        "a/1",
        ParsedIrqs(0, 2, 1, 3, True, False),
    )
    assert split_irqs("a/1 [HC0]") == ("a/1 [HC0]", None)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[ INFO: possible circular locking dependency detected ]", "circular"),
        ("WARNING: possible circular locking dependency detected", "circular"),
        ("[ BUG: held lock freed! ]", "held_freed"),
        ("[ BUG: syz-executor/31761 still has locks held! ]", "still_held"),
        ("WARNING: a b/5 still has locks held!", "still_held"),
        ("[ INFO: suspicious RCU usage. ]", "rcu"),
        ("[ INFO: suspicious rcu_dereference_check() usage. ]", "rcu"),
        ("[ BUG: lock held at task exit time! ]", "still_held"),
        ("[ INFO: SOFTIRQ-READ-safe -> SOFTIRQ-READ-unsafe lock order detected ]", "irq_order"),
        ("WARNING: HARDIRQ-safe -> SOFTIRQ-unsafe lock order detected", None),
        ("BUG: MAX_LOCKDEP_CHAIN_HLOCKS too low!", "limit"),
        ("BUG: key ffff888100001000 has not been registered!", "unregistered_key"),
        ("INFO: trying to register non-static key.", "unregistered_key"),
        ("WARNING: chain_key collision", "chain_collision"),
        ("BUG: workqueue leaked lock or atomic: kworker/0:1/0x00000001/12", "workqueue_leak"),
        ("possible circular locking dependency detected", None),
        ("Re: WARNING: inconsistent lock state", None),
        ("WARNING: inconsistent lock state in foo", None),
    ],
)
def test_headlines_of_all_times(text: str, kind: str | None) -> None:
    assert headline(text) == kind


@pytest.mark.parametrize(
    ("functions", "how"),
    [
        (("__lock_acquire", "lock_acquire", "down_read", "f"), ("N", False)),
        (("lock_acquire", "down_write"), ("N", False)),
        (("lock_acquire", "_raw_read_lock"), ("?", False)),
        (("lock_acquire", "__srcu_read_lock"), ("R", False)),
        (("__mutex_lock", "mutex_lock_nested"), ("N", True)),
        (("_raw_spin_lock_irqsave", "f"), ("N", True)),
        (("ext4_read", "f"), ("?", False)),
    ],
)
def test_how_a_lock_was_taken_is_read_from_its_function(
    functions: tuple[str, ...], how: tuple[str, bool]
) -> None:
    assert taken_as([ParsedFrame(function) for function in functions]) == how


def test_edges_of_a_chain_lead_from_the_lower_number_to_the_higher() -> None:
    edges = report("049", "circular").edges

    assert [(edge.held, edge.taken, edge.kind) for edge in edges] == [
        ("loop_index_mutex", "&lo->lo_ctl_mutex#2", "EN"),
        ("&bdev->bd_mutex", "loop_index_mutex", "EN"),
        ("&lo->lo_ctl_mutex#2", "&bdev->bd_mutex", "EN"),
    ]
    assert edges[0].frames[2].function == "lo_release"


def test_a_reader_that_the_scenario_names_is_the_holder_of_the_new_edge() -> None:
    lines = (
        "WARNING: possible circular locking dependency detected\n"
        "6.5.0 #1 Not tainted\n" + "-" * 54 + "\n"
        "a/1 is trying to acquire lock:\n"
        "ffff888100000000 (A){++++}-{3:3}, at: f+0x1/0x2\n\n"
        "but task is already holding lock:\n"
        "ffff888100000001 (B){++++}-{3:3}, at: g+0x1/0x2\n\n"
        "-> #1 (B){++++}-{3:3}:\n       down_read+0x1/0x2\n\n"
        "-> #0 (A){++++}-{3:3}:\n       down_write+0x1/0x2\n\n"
        " Possible unsafe locking scenario:\n\n"
        "       CPU0                    CPU1\n"
        "  rlock(B);\n"
        "                               lock(A);\n"
        "                               lock(B);\n"
        "  lock(A);\n"
    )

    (found,) = read(lines).reports

    assert [(e.held, e.taken, e.kind) for e in found.edges] == [("A", "B", "?N"), ("B", "A", "SN")]
    assert found.scenario == ((0, "rlock(B);"), (1, "lock(A);"), (1, "lock(B);"), (0, "lock(A);"))


def test_edges_of_class_dumps_follow_their_direction() -> None:
    order = report("166", "irq_order").edges
    old = report("153", "irq_inversion").edges
    forwards = report("152", "irq_inversion").edges

    assert [(edge.held, edge.taken) for edge in order] == [
        ("&trans_pcie->irq_lock", "&trans_pcie->reg_lock"),
        ("&trans_pcie->reg_lock", "console_owner"),
        ("console_owner", "(work_completion)(&(&ops->cursor_work)->work)"),
    ]
    assert [(edge.held, edge.taken) for edge in old] == [("&pool->lock", "wq_mayday_lock")]
    assert old[0].frames
    assert [(edge.held, edge.taken) for edge in forwards] == [
        ("&f_owner->lock", "tasklist_lock"),
        ("&new->fa_lock", "&f_owner->lock"),
        ("&tty->flow.lock", "&new->fa_lock"),
    ]
    assert all(edge.frames for edge in forwards)


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("#0: ffff888100000000", "(a){....}, at: f+0x1/0x2", True),
        ("ffff888100000000 (a){....}-{3:3}, at:", "f+0x1/0x2", True),
        ("[<c0101b5c>] (f) from [<c07a2d5c>]", "(g+0x34/0x54)", True),
        ("but task is already", "holding lock:", True),
        ("a/1 is trying to acquire", "lock:", True),
        ("f+0x1/0x2", "net/core/sock.c:12", True),
        ("f net/core/sock.c:12", "[inline]", True),
        ("f+0x1/0x2", "[bluetooth]", True),
        ("ffff888100000000 (a){....}-{3:3}, at: f+0x1/0x2", "g+0x1/0x2", False),
        ("f+0x1/0x2", "g+0x1/0x2", False),
        ("stack backtrace:", "CPU: 0 PID: 1 Comm: a Not tainted 6.5.0 #1", False),
        ("... which became HARDIRQ-irq-safe at:", "f+0x1/0x2", False),
        ("#0: ", "-> #1 (a){....}:", False),
    ],
)
def test_lines_are_joined_only_where_the_first_is_not_whole(
    first: str, second: str, whole: bool
) -> None:
    assert (continued(first, second) is not None) is whole


def test_depth_caller_and_text_of_a_line() -> None:
    line = Cleaner().line(7, "> >> <4>[  234.008974][  T109]  #0: (a)")

    assert (line.number, line.depth, line.caller, line.text) == (7, 3, "T109", " #0: (a)")


def test_lines_of_a_message_that_syslog_made_one_keep_its_number() -> None:
    assert plain("a#012b\nc\n") == [(1, "a"), (1, "b"), (2, "c")]


def test_a_text_with_only_carriage_returns_has_lines() -> None:
    assert plain("a\rb\r") == [(1, "a"), (2, "b")]


def test_a_ruler_is_no_soft_line_break() -> None:
    assert plain("=" * 54 + "\nnext\n") == [(1, "=" * 54), (2, "next")]
