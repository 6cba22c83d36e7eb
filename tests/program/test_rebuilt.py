"""Thread programs made from reports: what is in them, and that they deadlock as the reports say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockwright.program.command import read_program
from lockwright.program.program import Program
from lockwright.program.rebuilt import MAKERS, Rebuilt, rebuild
from lockwright.program.rebuilt_locks import Draft
from lockwright.program.rebuilt_trial import DEADLOCK, NONE, OPEN, UNABLE, try_out
from lockwright.program.verdict import BY_OPERATION, judge
from lockwright.report.read import ParsedReport, read
from tests.report.read.corpus import entries, log, number, report

PREDICTED = ("circular", "recursive", "inconsistent", "irq_order", "irq_inversion")
NOT_MADE = {
    "065": "INITIAL USE and IN-NMI",
    "155": "INITIAL USE and IN-NMI",
    "087": "fs_reclaim is an annotation that no lock can stand in for",
    "159": "is taken once as a rwsem and once as a spinlock: no one lock is both",
}
"""Complete reports of possible deadlocks of which no program is made, and why."""


def made(start: str, kind: str) -> Rebuilt:
    return rebuild(report(start, kind), "made")


def verdict(rebuilt: Rebuilt, *, writers: bool = True) -> str:
    return try_out(rebuilt.document("made.json", writers=writers), 20_000, 20.0).verdict


def circular(chain: str, held: str, new: str, first: str = "lock") -> ParsedReport:
    """A report of a circle, whole but for its end, from `-> #n name{usage}: frames` a line."""
    text = [
        "WARNING: possible circular locking dependency detected",
        "6.13.0 #1 Not tainted",
        "------------------------------------------------------",
        "cat/7 is trying to acquire lock:",
        f"ffff888000000001 ({new}){{+.+.}}-{{4:4}}, at: f+0x1/0x2",
        "",
        "but task is already holding lock:",
        f"ffff888000000002 ({held}){{+.+.}}-{{4:4}}, at: g+0x1/0x2",
        "",
        "which lock already depends on the new lock.",
        "",
        "the existing dependency chain (in reverse order) is:",
    ]
    for line in chain.strip().splitlines():
        head, _, functions = line.strip().partition(": ")
        text += ["", f"{head}:", *(f"       {each}+0x1/0x2" for each in functions.split())]
    text += ["", "other info that might help us debug this:", ""]
    text += [" Possible unsafe locking scenario:", "", "       CPU0                    CPU1"]
    text += ["       ----                    ----", f"  {first}({held});"]
    text += [f"{'':31}lock({new});", f"{'':31}lock({held});", f"  lock({new});", ""]
    text += [" *** DEADLOCK ***", ""]
    (found,) = read("\n".join(text)).reports
    assert len(found.chain) == len(chain.strip().splitlines())
    return found


def all_reports() -> list[tuple[str, ParsedReport]]:
    return [(number(entry), each) for entry in entries() for each in log(number(entry)).reports]


def test_every_whole_report_of_a_possible_deadlock_gives_a_program_that_deadlocks() -> None:
    found = [(n, each) for n, each in all_reports() if each.kind in PREDICTED and each.complete]
    for n, each in found:
        rebuilt = rebuild(each, "made")
        if n in NOT_MADE:
            assert NOT_MADE[n] in rebuilt.why_not
            continue
        assert rebuilt.data is not None, (n, rebuilt.why_not)
        assert verdict(rebuilt) == DEADLOCK, n
    made_of = [n for n, _ in found if n not in NOT_MADE]
    assert len(made_of) >= 50


def test_no_report_that_lacks_its_locks_gives_a_program() -> None:
    for n, each in all_reports():
        rebuilt = rebuild(each, "made")
        if rebuilt.data is None:
            assert rebuilt.why_not
        elif each.kind == "circular":
            assert [entry.number for entry in each.chain] == list(range(len(each.chain)))[::-1], n
        else:
            assert each.new_lock is not None


def test_of_what_one_task_did_alone_there_is_no_program() -> None:
    for start, kind in (("169", "bad_unlock"), ("178", "held_freed"), ("215", "sleeping")):
        assert "a task did this by itself" in made(start, kind).why_not
    assert "code of one task" in made("187", "rcu").why_not


@pytest.mark.parametrize(
    ("start", "kind", "said"),
    [
        ("032", "circular", "possible circular locking dependency"),
        ("049", "circular", "possible circular locking dependency"),
        ("116", "circular", "possible circular locking dependency"),
        ("139", "recursive", "possible recursive locking"),
        ("140", "recursive", "possible recursive locking"),
        ("086", "inconsistent", "inconsistent lock state"),
        ("153", "irq_inversion", "possible irq lock inversion"),
    ],
)
def test_the_validator_says_of_the_program_what_the_kernel_said(
    start: str, kind: str, said: str
) -> None:
    document = made(start, kind).document("made.json")
    entry = judge(read_program(document), document, replace(BY_OPERATION, executions=500))
    assert entry.data["lockdep"]["kind"] == said
    assert entry.data["lockdep"]["reality"] == "confirmed"


def test_a_circle_keeps_the_names_and_the_ways_of_its_locks() -> None:
    data = made("001", "circular").data
    assert data is not None
    inode, eventfs = "&sb->s_type->i_mutex_key#5", "eventfs_rwsem/1"
    assert data["locks"] == {inode: "rwsem", eventfs: "rwsem"}
    assert data["threads"] == {
        "#1": [["wlock", inode], ["rlock", eventfs], ["runlock", eventfs], ["wunlock", inode]],
        "#0 trace-cmd": [
            ["rlock", eventfs],
            ["wlock", inode],
            ["wunlock", inode],
            ["runlock", eventfs],
        ],
        f"writer of {eventfs}": [["wlock", eventfs], ["wunlock", eventfs]],
    }
    assert "nobody had taken it exclusively by then" in data["note"]


def test_readers_alone_do_not_deadlock() -> None:
    rebuilt = made("001", "circular")
    assert rebuilt.writers == ("writer of eventfs_rwsem/1",)
    assert verdict(rebuilt, writers=False) == NONE
    assert verdict(rebuilt) == DEADLOCK


def test_a_work_item_that_is_flushed_under_its_own_lock() -> None:
    data = made("135", "circular").data
    assert data is not None
    item = "(work_completion)(&(&hdev->le_scan_disable)->work)"
    assert data["work"] == {item: "#0 kworker/u3:0"}
    assert ["flush", item] in data["threads"]["#1"]
    assert data["threads"]["#1"][0] == ["queue", item]


def test_a_completion_is_waited_for_and_completed() -> None:
    data = made("038", "circular").data
    assert data is not None
    item = "(completion)&req.done"
    assert [name for name, steps in data["threads"].items() if ["wait", item] in steps] == ["#6"]
    assert data["threads"]["#7"][-1] == ["complete", item]
    assert item not in data["locks"]


def test_reclaim_is_gone_through_by_the_task_that_allocates() -> None:
    found = circular(
        """
        -> #1 (fs_reclaim){+.+.}-{0:0}: fs_reclaim_acquire kmalloc f
        -> #0 (A){+.+.}-{4:4}: __lock_acquire lock_acquire __mutex_lock shrink
        """,
        "fs_reclaim",
        "A",
    )
    rebuilt = rebuild(found, "made")
    assert rebuilt.data is not None
    steps = [["lock", "A"], ["lock", "A"], ["unlock", "A"], ["unlock", "A"]]
    assert list(rebuilt.data["threads"].values()) == [steps]
    assert verdict(rebuilt) == DEADLOCK


def test_srcu_waits_for_its_readers() -> None:
    found = circular(
        """
        -> #1 (A){+.+.}-{4:4}: __mutex_lock reader
        -> #0 (my_srcu){.+.+}-{0:0}: lock_sync __synchronize_srcu updater
        """,
        "A",
        "my_srcu",
    )
    rebuilt = rebuild(found, "made")
    assert rebuilt.data is not None
    assert rebuilt.data["locks"] == {"my_srcu": "srcu", "A": "mutex"}
    assert rebuilt.data["threads"]["#1"][0] == ["srcu_lock", "my_srcu"]
    assert ["srcu_sync", "my_srcu"] in rebuilt.data["threads"]["#0 cat"]
    assert verdict(rebuilt) == DEADLOCK


def test_a_workqueue_is_flushed_through_its_item() -> None:
    found = circular(
        """
        -> #2 (A){+.+.}-{4:4}: __mutex_lock work_function process_one_work
        -> #1 ((work_completion)(&x->work)){+.+.}-{0:0}: process_one_work worker_thread
        -> #0 ((wq_completion)q){+.+.}-{0:0}: lock_acquire __flush_workqueue f
        """,
        "A",
        "(wq_completion)q",
    )
    rebuilt = rebuild(found, "made")
    assert rebuilt.data is not None
    assert rebuilt.data["work"] == {"(wq_completion)q": "#1, #2"}
    assert ["flush", "(wq_completion)q"] in rebuilt.data["threads"]["#0 cat"]
    assert verdict(rebuilt) == DEADLOCK


def test_an_unknown_lock_is_guessed_from_its_usage_and_the_guess_is_noted() -> None:
    chain = """
        -> #1 (B){{{usage}}}-{{0:0}}: f g
        -> #0 (A){{+.+.}}-{{4:4}}: __mutex_lock h
    """
    for usage, kind in (("+.+.", "mutex"), (".+.+", "rwsem"), ("-...", "spinlock")):
        rebuilt = rebuild(circular(chain.format(usage=usage), "C", "A"), "made")
        assert rebuilt.data is not None
        assert rebuilt.data["locks"]["B"] == kind
        assert f"what kind of lock B is; taken for a {kind}" in rebuilt.data["note"]


def test_two_locks_of_a_class_need_a_second_task() -> None:
    rebuilt = made("140", "recursive")
    assert rebuilt.data is not None
    assert list(rebuilt.data["threads"]) == ["task", "other task"]
    assert set(rebuilt.data["classes"].values()) == {"&group->lock"}
    one, two = "&group->lock, first", "&group->lock, second"
    assert list(rebuilt.data["threads"].values()) == [
        [["lock", one], ["lock", two], ["unlock", two], ["unlock", one]],
        [["lock", two], ["lock", one], ["unlock", one], ["unlock", two]],
    ]
    assert "is assumed; the report does not show one" in rebuilt.notes[-1]
    assert verdict(rebuilt) == DEADLOCK


def test_a_handler_comes_on_top_of_the_task_that_holds_its_lock() -> None:
    data = made("086", "inconsistent").data
    assert data is not None
    assert data["irq"] == {"handler": {"on": "task", "context": "softirq"}}
    assert data["threads"]["task"] == data["threads"]["handler"]


def test_the_orders_of_an_interrupt_report_lead_from_the_handlers_lock() -> None:
    data = made("152", "irq_inversion").data
    assert data is not None
    path = [steps[1][1] for name, steps in data["threads"].items() if name.startswith("order")]
    assert path == ["&tty->flow.lock", "&new->fa_lock", "&f_owner->lock"]
    assert data["threads"]["task"][0] == ["rlock", "tasklist_lock"]
    assert data["threads"]["handler"][0] == ["lock", "&tty->flow.lock"]


@pytest.mark.parametrize(
    ("chain", "why"),
    [
        ("-> #2 (C){+.+.}: f\n-> #0 (A){+.+.}: g", "entries of the chain are missing"),
        ("-> #0 (A){+.+.}: g", "entries of the chain are missing"),
        ("-> #2 (A){+.+.}: f\n-> #1 (B){+.+.}: f\n-> #0 (A){+.+.}: g", "stands in the chain twice"),
    ],
)
def test_a_damaged_circle_gives_no_program(chain: str, why: str) -> None:
    assert why in rebuild(circular(chain, "C", "A"), "made").why_not


def test_a_lock_may_be_called_what_a_thread_is_called() -> None:
    chain = """
        -> #1 (#1){+.+.}-{4:4}: __mutex_lock f
        -> #0 (#0 cat){+.+.}-{4:4}: __mutex_lock g
    """
    rebuilt = rebuild(circular(chain, "#1", "#0 cat"), "made")
    assert rebuilt.data is not None
    assert verdict(rebuilt) == DEADLOCK


def test_what_is_no_valid_program_is_not_given_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(_report: ParsedReport) -> Draft:
        return Draft(threads={"a": [["flush", "x"]]}, locks={"x": "mutex"})

    monkeypatch.setitem(MAKERS, "circular", both)
    rebuilt = made("032", "circular")
    assert rebuilt.data is None
    assert rebuilt.why_not.startswith("it would be no valid program (made: ")


def test_a_name_that_cannot_be_printed_is_in_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def bell(_report: ParsedReport) -> Draft:
        return Draft(threads={"a": [["lock", "x\a"]]}, locks={"x\a": "mutex"})

    monkeypatch.setitem(MAKERS, "circular", bell)
    assert made("032", "circular").why_not == "a name in it cannot be printed"


@pytest.mark.parametrize(("first", "step"), [("rlock", "rlock"), ("lock", "wlock")])
def test_the_table_tells_that_the_held_lock_is_read(first: str, step: str) -> None:
    chain = """
        -> #1 (B){++++}-{4:4}: down_write f
        -> #0 (A){+.+.}-{4:4}: __mutex_lock g
    """
    rebuilt = rebuild(circular(chain, "B", "A", first), "made")
    assert rebuilt.data is not None
    assert rebuilt.data["threads"]["#0 cat"][0] == [step, "B"]
    assert rebuilt.writers == ()
    assert verdict(rebuilt) == DEADLOCK


def test_a_circle_of_many_locks_deadlocks_within_a_few_executions() -> None:
    names = [f"lock{number}" for number in range(24)]
    chain = "\n".join(
        f"-> #{number} ({name}){{+.+.}}-{{4:4}}: __mutex_lock f"
        for number, name in reversed(list(enumerate(names)))
    )
    trial = try_out(rebuild(circular(chain, names[-1], names[0]), "x").document("x"), 300, 20.0)
    assert trial.verdict == DEADLOCK
    assert trial.executions == 1


def test_a_bound_that_is_reached_is_told_and_is_no_pass() -> None:
    rebuilt = made("032", "circular")
    assert try_out(rebuilt.document("x.json"), 1, 10.0).verdict == OPEN
    trial = try_out(rebuilt.document("x.json"), 1000, 10.0)
    assert trial.verdict == DEADLOCK
    assert trial.token.startswith("lw1~program/x:made~")


def test_a_program_that_cannot_be_run_is_no_verdict() -> None:
    document = made("032", "circular").document("x.json")
    broken = replace(document, data={**document.data, "threads": {"a": [["lock", "nothing"]]}})
    trial = try_out(broken, 10, 1.0)
    assert trial.verdict == UNABLE
    assert "unknown lock" in trial.reason


def test_all_programs_can_be_read_back() -> None:
    for n, each in all_reports():
        rebuilt = rebuild(each, f"{each.kind}-{n}")
        if rebuilt.data is not None:
            assert isinstance(read_program(rebuilt.document("made.json")), Program)


OLD = """\
[ INFO: possible recursive locking detected ]
2.6.18 #1
---------------------------------------------
sh/7 is trying to acquire lock:
 (A){KEY}, at: [<c02e8a5d>] PLACE+0x1c/0x1f
but task is already holding lock:
 (A){KEY}, at: [<c02e8a5d>] PLACE+0x1c/0x1f
"""


@pytest.mark.parametrize(
    ("place", "usage", "kind", "noted"),
    [
        ("mutex_lock", "--..", "mutex", False),
        ("down_write", "----", "rwsem", False),
        ("_spin_lock_irq", "+...", "spinlock", False),
        ("a_open", "--..", "mutex", True),
        ("a_open", "-+..", "spinlock", True),
        ("a_open", "..+.", "rwlock", True),
    ],
)
def test_the_place_of_an_old_lock_or_its_usage_tells_what_it_is(
    place: str, usage: str, kind: str, noted: bool
) -> None:
    (found,) = read(OLD.replace("PLACE", place).replace("KEY", usage)).reports
    rebuilt = rebuild(found, "old")

    assert rebuilt.data is not None
    assert rebuilt.data["locks"] == {"A": kind}
    assert any("what kind of lock" in note for note in rebuilt.notes) is noted


def test_usage_that_cannot_be_read_is_no_ground_for_a_guess() -> None:
    text = OLD.replace("PLACE", "a_open").replace("KEY", "..--")
    (found,) = read(text[text.index("sh/7") :]).reports
    rebuilt = rebuild(found, "undated")

    assert rebuilt.data is not None
    assert rebuilt.data["locks"] == {"A": "mutex"}
