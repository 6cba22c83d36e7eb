"""What logs in issues, on pages and in old mails do to reports, each in a report made for it."""

from __future__ import annotations

import pytest

from lockwright.report.read import ParsedReport, print_report, read
from lockwright.report.words import as_text, explain

HELD_AT_RETURN = """\
================================================
WARNING: lock held when returning to user space!
6.9.0 #1 Not tainted
------------------------------------------------
sh/7 is leaving the kernel with locks still held!
1 lock held by sh/7:
 #0: ffff888012345678 (&a->lock){+.+.}-{4:4}, at: a_open+0x17/0x30 [a]
"""
RULER = "=" * 32


def one(text: str) -> ParsedReport:
    (found,) = read(text).reports
    return found


def said(report: ParsedReport) -> tuple[object, ...]:
    return report.kind, report.comm, report.pid, report.release, [lock.name for lock in report.held]


@pytest.mark.parametrize(
    "prefix",
    [
        "   [66.734761] ",
        "  [    7.650529][  T176] ",
        "\t[    7.650529] ",
        "`[    7.650529] ",
        "[ ] ",
        "  [ ] ",
        "[  +0.000001] ",
        "[Jun  3 09:04] ",
        "[13:43:52.334] ",
        "[2021/07/05, 13:43:52.334] ",
        "кві 09 19:54:36 spock kernel: ",
        "12月 14 06:35:48 spock kernel: ",
        "nov. 14 06:35:48 spock kernel: ",
        "Mar 31 19:37:52 spock.local 4,1072,209927860,-;",
        "Apr 28 17:42:26 spock kernel[221]: [    1.091211]  [5:    kworker/5:3:   78] ",
        "[    1.091211] (0)[78:kworker/5:3] ",
        "[    1.091211] [pid:78,cpu5,kworker/5:3,1] ",
        "Nov  2 07:49:50 sienna kernel:  <4>",
    ],
)
def test_prefixes_of_other_loggers_are_taken_off(prefix: str) -> None:
    text = "".join(f"{prefix}{line}\n" for line in HELD_AT_RETURN.splitlines())

    assert said(one(text)) == said(one(HELD_AT_RETURN))


def test_a_mailer_that_filled_the_lines_put_stamps_inside_them() -> None:
    text = (
        "> [    3.273059] BUG: sleeping function called from invalid context at\n"
        "> kernel/a.c:281 [    3.273065] in_atomic(): 1, irqs_disabled(): 0,\n"
        "> non_block: 0, pid: 66, name: ip [    3.273068] 1 lock held by ip/66:\n"
        "> [    3.273068]  #0: ffff888012345678 (&a->lock){+.+.}-{4:4}, at: a_set+0x8b/0x1c0 [a]\n"
    )

    assert said(one(text)) == ("sleeping", "ip", 66, None, ["&a->lock"])


def test_a_stamp_after_a_prefix_is_none_inside_the_line() -> None:
    dressed = "".join(
        f"kern  :warn  : [    3.273059] {line}\n" for line in HELD_AT_RETURN.split("\n")
    )
    assert said(one(dressed)) == said(one(HELD_AT_RETURN))


def test_a_terminal_that_wrapped_left_its_blanks_in_the_line() -> None:
    text = (
        f"BUG: sleeping function called from invalid context at kernel/lock{' ' * 120}ing/a.c:5\n"
        "in_atomic(): 1, irqs_disabled(): 0, pid: 3339, name: ipcp\n"
    )

    found = one(text)

    assert (found.kind, found.comm, found.extra["place"]) == (
        "sleeping",
        "ipcp",
        "kernel/locking/a.c:5",
    )


def test_a_headline_glued_to_its_ruler_is_a_line_of_its_own() -> None:
    text = HELD_AT_RETURN.replace(f"{'=' * 48}\n", "=" * 48)
    quoted = "".join(f">> > {line}\n" for line in text.splitlines())

    assert said(one(quoted)) == said(one(HELD_AT_RETURN))


@pytest.mark.parametrize("end", [",", ", ", ", a", ", at", ", at:"])
def test_a_lock_cut_behind_its_class_is_read(end: str) -> None:
    whole = HELD_AT_RETURN.rstrip()

    assert said(one(whole[: whole.index(", at:")] + end)) == said(one(HELD_AT_RETURN))


def test_a_message_between_the_pieces_of_a_lock_is_no_part_of_its_name() -> None:
    text = (
        "WARNING: possible recursive locking detected\n"
        "6.3.0 #157 Not tainted\n"
        f"{'-' * 44}\n"
        "[    1.000001] repro/13 is trying to acquire lock:\n"
        "[    1.000002] ffff8880085fc330 (sk_lock-AF_INET\n"
        "[    1.000003] NET: an error, count=4\n"
        "[    1.000004] /1){+.+.}-{0:0}, at: a_clean+0x10/0x20\n"
    )

    new = one(text).new_lock

    assert new is None or new.name == "sk_lock-AF_INET/1"


@pytest.mark.parametrize(("held", "kind"), [("B", "circular"), ("A", "recursive")])
def test_two_locks_without_a_headline_tell_the_kind(held: str, kind: str) -> None:
    text = (
        "sh/7 is trying to acquire lock:\n"
        "ffff888012345678 (A){+.+.}-{4:4}, at: a_open+0x17/0x30\n"
        "\nbut task is already holding lock:\n"
        f"ffff888012345680 ({held}){{+.+.}}-{{4:4}}, at: b_open+0x17/0x30\n"
    )

    assert one(text).kind == kind


def test_a_misuse_of_rcu_may_come_without_its_headline() -> None:
    text = (
        "net/a.c:12 suspicious rcu_dereference_check() usage!\n"
        "other info that might help us debug this:\n\n"
        "1 lock held by nft/27:\n"
        " #0: 00000000e0f85be9 (&net->mutex){+.+.}, at: a_valid+0x1a/0x50\n"
    )

    found = one(text)

    assert said(found) == ("rcu", "nft", 27, None, ["&net->mutex"])
    assert found.extra["place"] == "net/a.c:12"


def test_hard_blanks_of_an_older_character_set_are_blanks() -> None:
    text = HELD_AT_RETURN.replace(" #0: ", " =A0#0:=A0 ").replace("=" * 48, "=3D" * 48)

    assert said(one(text)) == said(one(HELD_AT_RETURN))


def test_a_narrow_terminal_left_one_character_behind_a_class() -> None:
    cut = HELD_AT_RETURN[: HELD_AT_RETURN.index(", at:")] + "0\n"

    assert said(one(cut)) == said(one(HELD_AT_RETURN))


EARLY_USE = """\
inconsistent {hardirq-on-W} -> {in-hardirq-W} usage.
swapper/0 [HC1[1]:SC1[2]:HE0:SE0] takes:
 (&a->lock){++..}, at: [<f935079f>] a_interrupt+0x49/0x294 [a]
{hardirq-on-W} state was registered at:
  [<c1200376>] _spin_lock+0x23/0x32
  [<f9350d30>] a_start+0xa6/0x236 [a]
"""


def test_a_report_may_begin_at_its_states() -> None:
    found = one(EARLY_USE)

    assert (found.kind, found.comm, found.pid) == ("inconsistent", "swapper", 0)
    assert found.usage == ("HARDIRQ-ON-W", "IN-HARDIRQ-W")
    assert found.lines == (1, 6)


def test_usage_before_2_6_30_says_used_in_the_interrupt_by_a_plus() -> None:
    found = one(EARLY_USE)

    assert found.new_lock is not None
    assert found.new_lock.usage == "-.-."
    told = as_text(explain(found), 200)
    assert "taken exclusively in hardirq and softirq context" in told
    assert "by a reader" not in told


def early_order(kind: str) -> str:
    return (
        f"[ INFO: {kind}-safe -> {kind}-unsafe lock order detected ]\n"
        "2.6.19-rc4 #1\n"
        f"{'-' * 54}\n"
        "mm/18 [HC0[0]:SC0[0]:HE0:SE1] is trying to acquire:\n"
        " (&d->lock){--..}, at: [<c0156652>] d_add+0x131/0x1d3\n"
        "\nand this task is already holding:\n"
        " (&s->lock){.+.?}, at: [<c0156b69>] s_exit+0x52/0x3b2\n"
        "which would create a new lock dependency:\n"
        " (&s->lock){.+.?} -> (&d->lock){--..}\n"
        f"\nbut this new dependency connects a {kind}-irq-safe lock:\n"
        " (&s->lock){.+.?}\n"
        f"... which became {kind}-irq-safe at:\n"
        "  [<c012fda9>] s_lock+0x1f/0x3c\n"
        f"\nto a {kind}-irq-unsafe lock:\n"
        " (&d->lock){--..}\n"
        f"... which became {kind}-irq-unsafe at:\n"
        "...  [<c015642b>] d_end+0x58/0x7b\n"
    )


@pytest.mark.parametrize(
    ("kind", "state"),
    [("hard", "HARDIRQ"), ("soft", "SOFTIRQ"), ("hard-read", "HARDIRQ-READ")],
)
def test_orders_before_2_6_30_are_named_as_later_ones(kind: str, state: str) -> None:
    found = one(early_order(kind))

    assert (found.kind, found.extra["state"]) == ("irq_order", state)
    assert [(at.role, at.state) for at in found.states] == [
        ("safe", f"{state}-safe"),
        ("unsafe", f"{state}-unsafe"),
    ]
    assert found.new_lock is not None
    assert found.held_lock is not None
    assert (found.new_lock.usage, found.held_lock.usage) == ("+.+.", "..-?")
    assert [frame.function for frame in found.states[1].frames] == ["d_end"]


def test_a_circular_report_before_2_6_30_prints_as_it_was() -> None:
    text = (
        "[ INFO: possible circular locking dependency detected ]\n"
        "2.6.19-rc4 #1\n"
        f"{'-' * 55}\n"
        "sh/7 is trying to acquire lock:\n"
        " (A){--+?}, at: [<c0151dc7>] a_get+0x12/0x70\n"
        "\nbut task is already holding lock:\n"
        " (B){.+-.}, at: [<c0116cab>] b_get+0x10d/0x4ea\n"
        "\nwhich lock already depends on the new lock.\n"
    )

    found = one(text)

    assert found.new_lock is not None
    assert found.new_lock.usage == "+-+?"
    assert print_report(found) == text


def test_the_characters_of_later_kernels_stand() -> None:
    modern = HELD_AT_RETURN.replace("{+.+.}", "{+-.?}")

    assert [lock.usage for lock in one(modern).held] == ["+-.?"]
    assert [lock.usage for lock in one(modern.replace("6.9.0", "2.6.29")).held] == ["-.+?"]


def test_a_dot_that_mail_lost_hides_no_state() -> None:
    text = early_order("HARDIRQ").replace("2.6.19-rc4", "6.8.0").replace("\n... ", "\n.. ")

    found = one(text.replace("\n...  [", "\n..\n  ["))

    assert [[frame.function for frame in at.frames] for at in found.states] == [
        ["s_lock"],
        ["d_end"],
    ]


def test_freed_memory_may_be_left_out() -> None:
    text = "kworker/1:0/44 is freeing memory ..., with a lock still held there!\nstack backtrace:\n"

    assert said(one(text)) == ("held_freed", "kworker/1:0", 44, None, [])


def test_sleeping_functions_were_debug_messages_once() -> None:
    text = (
        "Debug: sleeping function called from invalid context at mm/slab.c:2090\n"
        "in_atomic():1, irqs_disabled():0\n"
        " [<c0103707>] dump_stack+0x17/0x20\n"
    )

    found = one(text)

    assert (found.kind, found.extra["place"], found.extra["in_atomic"]) == (
        "sleeping",
        "mm/slab.c:2090",
        1,
    )


def test_a_class_is_itself_before_it_is_another_with_something_added() -> None:
    text = (
        "WARNING: possible circular locking dependency detected\n"
        "6.9.0 #1 Not tainted\n"
        f"{'-' * 54}\n"
        "sh/7 is trying to acquire lock:\n"
        "ffff888012345678 (a 0){+.+.}-{4:4}, at: a_open+0x17/0x30\n"
        "\nbut task is already holding lock:\n"
        "ffff888012345680 (a){+.+.}-{4:4}, at: b_open+0x17/0x30\n"
        "\nwhich lock already depends on the new lock.\n"
        "\n\nthe existing dependency chain (in reverse order) is:\n"
        "\n-> #1 (a){+.+.}-{4:4}:\n       b_open+0x17/0x30\n"
        "\n-> #0 (a 0){+.+.}-{4:4}:\n       a_open+0x17/0x30\n"
    )

    assert [(edge.held, edge.taken) for edge in one(text).edges] == [("a 0", "a"), ("a", "a 0")]
