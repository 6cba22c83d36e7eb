"""Every real report of the corpus says what the index says, or the index is wrong."""

import json
from collections import Counter

import pytest

from lockwright.report.read import ParsedReport
from tests.report.read.corpus import Entry, Expected, entries, log, number, report, text

# Where the index is wrong: the field, and why, to be seen in the text.
FIRST_IS_HELD = "the index has the first lock line of the file, which is the first held lock"
WRAPPED = "the mailer broke the lines; the index's reader saw only those that it left whole"
INDEX_ERRORS: dict[tuple[str, str], str] = {
    ("025", "first_lock"): FIRST_IS_HELD,
    ("029", "first_lock"): FIRST_IS_HELD,
    ("169", "first_lock"): FIRST_IS_HELD,
    ("171", "first_lock"): FIRST_IS_HELD,
    ("174", "first_lock"): FIRST_IS_HELD,
    ("176", "first_lock"): FIRST_IS_HELD,
    ("097", "held"): WRAPPED,
    ("129", "held"): WRAPPED,
    ("143", "held"): WRAPPED,
    ("139", "held"): WRAPPED,
    ("139", "first_lock"): WRAPPED,
    ("144", "first_lock"): WRAPPED,
    ("122", "held_count"): "the list belongs to a second report, of another kernel, in that mail",
    ("122", "held"): "the list belongs to a second report, of another kernel, in that mail",
}
# Called not complete for want of "Call Trace:", or of a backtrace that this kind never prints.
COMPLETE_AFTER_ALL = {
    "050": "a return to user space has no backtrace",
    "077": "the frames are ARM's, and all there",
    "209": "the frames are ARM's, and all there",
    "218": "the frames are ARM's, and all there",
    "222": "the frames are ARM's, and all there",
}


def found_in(report: ParsedReport) -> Expected:
    """What the index gives, from a report of ours."""
    found = report.as_json()
    return {
        "comm": found["comm"],
        "pid": found["pid"],
        "first_lock": found["new_lock"],
        "holding": found["held_lock"],
        "released": found["released"],
        "chain": found["chain"],
        "held_count": found["held_count"],
        "held": found["held"],
    }


def differences(entry: Entry) -> dict[str, tuple[object, object]]:
    """Fields in which the main report and the index differ."""
    found = dict(found_in(report(number(entry), entry["kinds"][0])))
    expected = dict(entry["expect"])
    return {
        field: (found[field], value) for field, value in expected.items() if found[field] != value
    }


@pytest.mark.parametrize("entry", [e for e in entries() if e["complete"]], ids=number)
def test_a_complete_report_has_every_fact_of_the_index(entry: Entry) -> None:
    wrong = {field for start, field in INDEX_ERRORS if start == number(entry)}

    assert set(differences(entry)) == wrong


@pytest.mark.parametrize("entry", [e for e in entries() if not e["complete"]], ids=number)
def test_what_a_damaged_report_gives_is_in_its_text_and_it_says_what_is_missing(
    entry: Entry,
) -> None:
    main = report(number(entry), entry["kinds"][0])
    whole = text(number(entry))

    assert bool(main.missing) is (number(entry) not in COMPLETE_AFTER_ALL)
    for field, (ours, theirs) in differences(entry).items():
        assert ours in (None, []) or number(entry) in {"105", "220"}, (field, ours, theirs)
    for name in [*main.as_json()["held"], *(name for _, name in main.as_json()["chain"])]:
        assert name in whole


@pytest.mark.parametrize("entry", entries(), ids=number)
def test_every_kind_of_the_index_is_found(entry: Entry) -> None:
    kinds = {report.kind for report in log(number(entry)).reports}

    assert set(entry["kinds"]) <= kinds


@pytest.mark.parametrize("entry", [e for e in entries() if e["kernel"]], ids=number)
def test_the_kernel_is_the_index_s_where_a_report_names_one(entry: Entry) -> None:
    kernel = report(number(entry), entry["kinds"][0]).as_json()["kernel"]

    if number(entry) in {"021", "023"}:  # its line is damaged; the index has it from elsewhere
        kernel = kernel or entry["kernel"]
    assert kernel == entry["kernel"]


def test_reports_that_the_index_does_not_list_are_really_there() -> None:
    more = {}
    for entry in entries():
        kinds = Counter(report.kind for report in log(number(entry)).reports)
        extra = kinds - Counter(entry["kinds"])
        if extra:
            more[number(entry)] = dict(extra)

    assert more == {
        "087": {"inconsistent": 1},  # the whole file stands in it twice
        "118": {"workqueue_leak": 1},
        "122": {"recursive": 1},
        "217": {"sleeping": 12},
    }


def test_the_second_report_of_a_mail_is_read_though_its_headline_was_cut_off() -> None:
    second = report("122", "recursive")

    assert (second.comm, second.pid, second.release) == ("swapper/0", 1, "5.11.0-rc3-next-20210118")
    assert [lock.name for lock in second.held] == [
        "&dev->mutex",
        "regulator_ww_class_mutex",
        "regulator_list_mutex",
        "regulator_ww_class_acquire",
    ]
    assert second.missing[0] == "the headline is missing"


def test_a_lock_in_pieces_between_another_cpu_s_frames_is_put_together() -> None:
    held = report("047", "rcu").held

    assert [(lock.number, lock.address, lock.name) for lock in held] == [
        (0, "00000000c7be3319", "rcu_read_lock_bh"),
        (1, "00000000c7be3319", "rcu_read_lock_bh"),
        (2, "000000009ee61c36", "rcu_read_lock"),
    ]
    assert [lock.at and lock.at.function for lock in held] == [
        "ip6_finish_output2",
        "__dev_queue_xmit",
        "ip6_link_failure",
    ]


def test_an_oops_in_the_middle_of_a_report_gives_it_neither_task_nor_backtrace() -> None:
    assert report("023", "rcu").comm is None
    assert report("023", "rcu").trace == ()
    assert report("081", "nested_not_taken").extra.get("nest") is None


def test_every_report_of_the_corpus_goes_into_json_and_back() -> None:
    for entry in entries():
        for found in log(number(entry)).reports:
            assert json.loads(json.dumps(found.as_json())) == found.as_json()


def test_what_kinds_print_beside_locks_is_read() -> None:
    order = report("166", "irq_order")
    inversion = report("152", "irq_inversion")
    state = report("084", "inconsistent")
    freed = report("055", "held_freed")
    sleeping = report("210", "sleeping")
    atomic = report("075", "sched_atomic")
    leak = report("118", "workqueue_leak")

    assert [(s.role, s.state, s.lock and s.lock.name) for s in order.states] == [
        ("safe", "SOFTIRQ-safe", "&trans_pcie->irq_lock"),
        ("unsafe", "SOFTIRQ-unsafe", "(work_completion)(&(&ops->cursor_work)->work)"),
    ]
    assert all(s.frames for s in order.states)
    assert [d.name for d in order.dumps["safe"]] == [
        "&trans_pcie->irq_lock",
        "&trans_pcie->reg_lock",
        "console_owner",
    ]
    assert [(d.depth, d.name) for d in inversion.dumps["path"]] == [
        (3, "tasklist_lock"),
        (2, "&f_owner->lock"),
        (1, "&new->fa_lock"),
        (0, "&tty->flow.lock"),
    ]
    assert [bit for bit, _ in inversion.dumps["path"][0].usages] == [
        "HARDIRQ-ON-R",
        "SOFTIRQ-ON-R",
        "INITIAL USE",
        "INITIAL READ USE",
    ]
    assert inversion.exists == ("&tty->flow.lock", "&new->fa_lock", "tasklist_lock")
    assert state.usage == ("HARDIRQ-ON-W", "IN-HARDIRQ-W")
    assert freed.extra["memory"] == ("ffff8800b8db4940", "ffff8800b8db5107")
    assert sleeping.extra["place"] == "kernel/printk/printk.c:3431"
    assert atomic.extra["preempt_count"] == 0x101
    assert leak.extra["function"] == "ext4_end_io_rsv_work"
    assert leak.extra["locks"] == (2, 0)


def test_a_dept_report_gives_its_contexts_and_who_waits_for_whom() -> None:
    found = report("235", "dept")

    assert found.extra["contexts"]["B"] == {
        "start": ("down_write", "mapping.invalidate_lock:0"),
        "wait": ("wait", "&(&journal->j_wait_transaction_locked)->dmap:0"),
        "event": ("up_write", "mapping.invalidate_lock:0"),
    }
    assert [(edge.held, edge.taken) for edge in found.edges] == [
        ("&(&journal->j_wait_transaction_locked)->dmap:0", "&(&journal->j_wait_commit)->dmap:0"),
        ("mapping.invalidate_lock:0", "&(&journal->j_wait_transaction_locked)->dmap:0"),
        ("&(&journal->j_wait_commit)->dmap:0", "mapping.invalidate_lock:0"),
    ]
    assert found.edges[1].frames[2].function == "schedule"
