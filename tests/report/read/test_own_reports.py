"""What our own printer prints, our reader reads: every kind, whatever the names."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.core.frame import Frame
from lockwright.lockdep import reports
from lockwright.report.kernel import format_report
from lockwright.report.read import ParsedFrame, ParsedLock, ParsedReport, print_report, read
from tests.report.read.dressing import DRESSES
from tests.report.read.made import KINDS

IDENT = "6.14.0-rc1+ #3 Tainted: G        W"


def frame(of: Frame) -> ParsedFrame:
    return ParsedFrame(of.function, of.offset, of.size)


def lock(of: reports.LockAt, number: int | None = None) -> ParsedLock:
    name, usage, outer, inner = of.lock
    address = f"{of.instance:016x}"
    return ParsedLock(f"{name}{of.note}", usage, (outer, inner), address, frame(of.at), number)


def expected_extra(report: reports.Report) -> dict[str, object]:
    match report:
        case reports.WaitContextReport():
            return {"context": (report.limit, report.limit)}
        case reports.BadUnlockReport() | reports.ContendReport():
            return {"released": report.name}
        case reports.HeldFreedReport():
            return {"memory": (f"{report.low:016x}", f"{report.high - 1:016x}")}
        case reports.NestLockReport():
            return {"nest": report.nest_name}
        case reports.RcuReport():
            place, message = report.at, f"{report.message}!"
            return {"place": place, "message": message, "debug_locks": int(report.debug_locks)}
        case reports.SleepReport():
            return {
                "place": report.at,
                "preempt_count": (report.preempt_count, 0),
                "irqs_disabled": int(report.irqs_disabled),
                "non_block": report.non_block,
            }
        case reports.SchedulingReport():
            return {"preempt_count": report.preempt_count}
        case reports.WorkLeakReport():
            return {"function": report.function, "preempt_count": report.preempt_count}
        case reports.IrqInversionReport():
            return {"forwards": report.forwards}
        case reports.RecursiveReport() if report.compared is not None:
            return {"compared": report.compared}
        case reports.LimitReport():
            return {"what": report.what}
        case reports.KeyReport() if report.address is not None:
            return {"key": f"{report.address:016x}"}
    return {}


def assert_said(found: ParsedReport, kind: str, made: reports.Report) -> None:
    """Every fact of the report that its text holds is in what was read."""
    assert (found.kind, found.missing) == (kind, ())
    if kind not in {"unregistered_key", "limit"}:
        assert (found.comm, found.pid) == (made.who.comm, made.who.pid)
    assert (found.release, found.version) == ("6.14.0-rc1+", "#3")
    assert found.taint == "Tainted: G        W"
    for part, ours in (("new_lock", "new"), ("new_lock", "lock"), ("held_lock", "locked")):
        wanted = getattr(made, ours, None)
        if isinstance(wanted, reports.LockAt) and kind != "held_freed":
            assert getattr(found, part) == lock(wanted)
    if kind not in {"unregistered_key", "limit"}:
        assert found.held == tuple(lock(held, n) for n, held in enumerate(made.held))
        assert found.held_count == len(made.held)
    if not isinstance(made, reports.UserReturnReport):
        assert found.backtrace == tuple(frame(at) for at in made.backtrace)
    assert found.extra.items() >= expected_extra(made).items()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("examples", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_what_is_printed_is_read(kind: str, examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(KINDS[kind])
    def check(made: reports.Report) -> None:
        (found,) = read(format_report(made, ident=IDENT)).reports
        assert_said(found, kind, made)

    check()


@settings(max_examples=10, deadline=None)
@given(KINDS["circular"])
def test_the_chain_is_read_with_its_frames_and_printed_the_same(made: reports.Report) -> None:
    assert isinstance(made, reports.CircularReport)
    text = format_report(made, ident=IDENT)

    (found,) = read(text).reports

    assert [(e.number, e.name, e.frames) for e in found.chain] == [
        (e.number, e.lock.name, tuple(map(frame, e.frames))) for e in made.chain
    ]
    assert [(e.held, e.taken) for e in found.edges] == [
        *((low.lock.name, high.lock.name) for high, low in pairwise(made.chain)),
        (made.chain[0].lock.name, made.chain[-1].lock.name),
    ]
    assert print_report(found) == text.lstrip("\n")


@settings(max_examples=10, deadline=None)
@given(KINDS["irq_order"], KINDS["irq_inversion"])
def test_states_and_class_dumps_are_read(order: reports.Report, turned: reports.Report) -> None:
    assert isinstance(order, reports.IrqOrderReport)
    assert isinstance(turned, reports.IrqInversionReport)

    (first,) = read(format_report(order, ident=IDENT)).reports
    (second,) = read(format_report(turned, ident=IDENT)).reports

    assert [(s.role, s.lock and s.lock.name, s.frames) for s in first.states] == [
        ("safe", order.safe.name, tuple(map(frame, order.safe_at))),
        ("unsafe", order.unsafe.name, tuple(map(frame, order.unsafe_at))),
    ]
    for part, dump in (("safe", order.safe_dump), ("unsafe", order.unsafe_dump)):
        assert [(d.depth, d.name, d.usages, d.acquired) for d in first.dumps[part]] == [
            (
                d.depth,
                d.lock.name,
                tuple((bit, tuple(map(frame, at))) for bit, at in d.usages),
                None if d.acquired is None else tuple(map(frame, d.acquired)),
            )
            for d in dump
        ]
    assert [d.name for d in second.dumps["path"]] == [d.lock.name for d in turned.dump]
    assert second.states[0].lock is not None
    assert second.states[0].lock.name == turned.other.name


@pytest.mark.parametrize("dress", ["callers", "quoted stamps", "padded", "html", "rsyslog"])
def test_our_reports_are_read_in_any_dress(dress: str) -> None:
    @settings(max_examples=8, deadline=None)
    @given(st.one_of(*(st.tuples(st.just(kind), KINDS[kind]) for kind in KINDS)))
    def check(one: tuple[str, reports.Report]) -> None:
        kind, made = one
        (found,) = read(DRESSES[dress](format_report(made, ident=IDENT))).reports
        assert_said(found, kind, made)

    check()
