"""Runs to draw: one that was written by hand, and whatever else Hypothesis thinks of."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.result import Result, Verdict
from lockwright.core.timeline import (
    NEVER,
    Change,
    GracePeriod,
    Hold,
    Lane,
    Lock,
    Place,
    Thing,
    Timeline,
    Wait,
)
from lockwright.report.document import Document, Run

READ = (Frame("read_children", 0x3, 0x9), Frame("reader", 0x2, 0x4))
PUT = (Frame("put_children", 0x5, 0x6), Frame("remover", 0x2, 0x5))
IRQ = (Frame("handle_irq", 0x1, 0x3), *READ)


def _event(step: int, task: int, text: str, chain: tuple[Frame, ...], **more: str) -> Event:
    comm = ("reader", "remover")[task]
    context, result = more.get("context", "process"), more.get("result", "")
    kind = more.get("kind", text.split("(", maxsplit=1)[0])
    return Event(step, task, comm, context, kind, text, result, chain)


EVENTS = (
    _event(0, 0, "srcu_read_lock(fs_srcu)", READ, result="0"),
    _event(1, 1, "mutex_lock(list_mutex)", PUT),
    _event(2, 0, "<Interrupt eth0>", READ, kind="interrupt"),
    _event(3, 0, "READ_ONCE(ei->nr)", IRQ, context="hardirq", result="2"),
    _event(4, 0, "</Interrupt>", READ, context="hardirq", kind="interrupt_return"),
    _event(5, 1, "synchronize_srcu(fs_srcu)", PUT),
    _event(6, 0, "srcu_read_unlock(fs_srcu)", READ),
    _event(7, 1, "wait_for_grace_period(fs_srcu)", PUT),
    _event(8, 1, "kfree(ei)", PUT),
    _event(-1, 0, "mutex_lock(list_mutex)", (Frame("reader", 0x3, 0x4),), kind="blocked"),
)
"""A reader is interrupted in its section; the remover waits for it, and keeps its mutex."""

PLACES = tuple(
    Place(function, "model/small.py", first, size, line)
    for function, first, size, line in (
        ("read_children", 10, 9, 13),
        ("reader", 30, 4, 32),
        ("put_children", 50, 6, 55),
        ("remover", 60, 5, 62),
        ("handle_irq", 70, 3, 71),
    )
)

TIMELINE = Timeline(
    places=PLACES,
    chains=((0, 1), (2, 3), (0, 1), (4, 0, 1), (0, 1), (2, 3), (0, 1), (2, 3), (2, 3)),
    lanes=(Lane(0, "reader", 1001, "process", NEVER), Lane(1, "remover", 1002, "process", NEVER)),
    locks=(Lock("fs_srcu", "fs_srcu", "srcu"), Lock("list_mutex", "list_mutex", "mutex")),
    holds=(Hold(0, 0, "shared", 0, 6), Hold(1, 1, "exclusive", 1, NEVER)),
    waits=(
        Wait(1, "wait_for_grace_period(fs_srcu)", 0, (0,), 5, 6, 7),
        Wait(0, "mutex_lock(list_mutex)", 1, (1,), 6, NEVER, NEVER),
    ),
    grace_periods=(GracePeriod("fs_srcu", 1, "synchronize_srcu(fs_srcu)", (0,), 5, 7),),
    things=(Thing("eventfs_inode", "ei", NEVER, 8, "remover", ("nr", "name")),),
    changes=(Change(NEVER, 0, 0, "2"), Change(5, 0, 0, "1"), Change(5, 0, 1, '"gone"')),
)


def small(*, timeline: Timeline | None = TIMELINE) -> Document:
    """A check that found a deadlock, which is at its end."""
    finding = Finding(
        "deadlock",
        "1 task waits for ever: reader in mutex_lock(list_mutex)",
        "deadlock list_mutex",
        0,
        "reader",
        lines=("remover holds list_mutex",),
        step=9,
        events=EVENTS,
        timeline=timeline,
        token="lw1~small:reader_vs_remover~~1~9x0~a",
    )
    result = Result("small:reader_vs_remover", "A reader and a remover.", {}, "dpor")
    result.verdict = Verdict.VIOLATED
    result.findings = [finding]
    return Document("small", results=[result], lockwright_version="1.2", model_version="v7")


def small_run(*, timeline: Timeline | None = TIMELINE) -> Run:
    """Its run."""
    return small(timeline=timeline).all_runs()[0]


WORDS = st.one_of(
    st.sampled_from(("A", "mutex_lock(A)", "<script>alert(1)</script>", "\x1b[31m", "\ud800", "")),
    st.text(max_size=8),
    st.just("x" * 700),
    st.just("\u202egnp.exe" + "\u20ac" * 40),
)
STEPS_MAX = 12


@st.composite
def _events(draw: st.DrawFn, tasks: int) -> tuple[Event, ...]:
    frames = st.tuples(st.sampled_from("fgh"), st.integers(0, 2)).map(lambda x: Frame(*x, 9))
    kinds = st.sampled_from(("op", "op", "op", "interrupt", "interrupt_return", "queue_work"))
    contexts = st.sampled_from(("process", "hardirq", "softirq", "store buffer"))
    made = []
    for step in range(draw(st.integers(0, STEPS_MAX))):
        task = draw(st.integers(0, tasks - 1))
        chain = tuple(draw(st.lists(frames, max_size=4)))
        result = draw(st.sampled_from(("", "false", "0", "-4", "\n")))
        comm, context = draw(WORDS), draw(contexts)
        made.append(Event(step, task, comm, context, draw(kinds), draw(WORDS), result, chain))
    ends = st.sampled_from(("blocked", "died"))
    for task in draw(st.sets(st.integers(0, tasks - 1), max_size=tasks)):
        chain = tuple(draw(st.lists(frames, max_size=3)))
        made.append(Event(-1, task, draw(WORDS), "process", draw(ends), draw(WORDS), "", chain))
    return tuple(made)


@st.composite
def _timelines(draw: st.DrawFn, tasks: int) -> Timeline:
    task = st.integers(0, tasks - 1)
    step = st.integers(NEVER, STEPS_MAX)
    some = st.lists(task, max_size=3).map(tuple)
    names = draw(st.lists(WORDS, min_size=1, max_size=3))
    kinds = st.sampled_from(("mutex", "spinlock", "rwsem", "srcu"))
    lock = st.integers(0, len(names) - 1)
    hows = st.sampled_from(("exclusive", "shared", "recursive"))
    holds = st.builds(Hold, task, lock, hows, step, step)
    waits = st.builds(Wait, task, WORDS, st.integers(NEVER, len(names) - 1), some, step, step, step)
    periods = st.builds(GracePeriod, st.sampled_from(names), task, WORDS, some, step, step)
    things = draw(st.lists(st.builds(Thing, WORDS, WORDS, step, step, WORDS, st.just(("a", "b")))))
    values = st.sampled_from(("0", "-3", "99999999999999999999", "kp1", "\x00", "1e999"))
    changes = st.builds(
        Change, step, st.integers(0, max(len(things) - 1, 0)), st.integers(0, 1), values
    )
    return Timeline(
        lanes=tuple(Lane(at, draw(WORDS), 1000 + at, "process", NEVER) for at in range(tasks)),
        locks=tuple(Lock(name, name, draw(kinds)) for name in names),
        holds=tuple(draw(st.lists(holds, max_size=6))),
        waits=tuple(draw(st.lists(waits, max_size=4))),
        grace_periods=tuple(draw(st.lists(periods, max_size=2))),
        things=tuple(things),
        changes=tuple(draw(st.lists(changes, max_size=6))) if things else (),
    )


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """A run of anything, be it possible or not, with any text."""
    tasks = draw(st.integers(1, 3))
    events = draw(_events(tasks))
    timeline = draw(st.one_of(st.none(), _timelines(tasks)))
    step = draw(st.integers(NEVER, STEPS_MAX + 1))
    found = st.builds(Finding, WORDS, WORDS, WORDS, st.integers(-1, 4), WORDS, step=st.just(step))
    finding = draw(st.one_of(st.none(), found))
    return Run(draw(WORDS), draw(WORDS), events, timeline, draw(WORDS), finding)


HOSTILE = '<script>alert("x")</script>\x00\x1b[2J\ud800\u202e\u20ac%s%n\\' + "y" * 5000


def hostile_run() -> Run:
    """A run whose names are not."""
    event = Event(0, 0, HOSTILE, "process", HOSTILE, HOSTILE, HOSTILE, (Frame(HOSTILE, 1, 2),))
    timeline = replace(
        TIMELINE,
        chains=(),
        locks=(Lock(HOSTILE, HOSTILE, "mutex"), Lock("", "", "srcu")),
        grace_periods=(TIMELINE.grace_periods[0]._replace(domain=HOSTILE, begin=0, end=0),),
        things=(Thing(HOSTILE, HOSTILE, 0, 0, HOSTILE, ()),),
        changes=(),
    )
    return Run(HOSTILE, HOSTILE, (event, *EVENTS[1:]), timeline, HOSTILE)


def long_run(steps: int) -> Run:
    """A run of three tasks, of so many steps."""
    events = tuple(
        Event(
            step,
            step % 3,
            f"t{step % 3}",
            "process",
            "op",
            f"op({step}, {'x' * (step % 200)})",
            "",
            (),
        )
        for step in range(steps)
    )
    return Run("long", "s", events, None)
