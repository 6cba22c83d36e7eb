"""A run as a trace.dat, read back by a reader of ours; test_trace_cmd.py has trace-cmd read it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.timeline import NEVER, Hold, Lane, Lock, Thing, Timeline, Wait
from lockwright.report.document import Run
from lockwright.report.tracedat import tracedat
from lockwright.report.tracedat.build import contention
from lockwright.report.tracedat.formats import FORMATS, PAGE, PRINT, SOFTIRQS, comm_of
from lockwright.report.tracedat.pages import (
    DELTA_MASK,
    EVENT_MAX,
    HEAD,
    WORDS_MAX,
    file_of,
    pages_of,
)
from tests.report.golden_files import assert_golden
from tests.report.trace_reader import Read, as_text, keeps_the_rules, read
from tests.report.trace_runs import hostile_run, long_run, runs, small_run


def events_of(run: Run, *names: str) -> list[Read]:
    """What a run's file has, of some names or all."""
    return [e for e in read(tracedat(run)).events if not names or e.name in names]


def texts_of(run: Run) -> list[str]:
    """What its prints say."""
    return [str(event.values["buf"]) for event in events_of(run, "print")]


def test_a_small_run_is_written_whole() -> None:
    data = tracedat(small_run())
    assert data == tracedat(small_run())
    assert_golden("tracedat_small.txt", as_text(read(data)))


def test_the_formats_are_written_whole() -> None:
    assert_golden("tracedat_formats.txt", "\n".join(each.text() for each in FORMATS.values()))


def test_numbers_of_events_are_their_own() -> None:
    assert len({each.number for each in FORMATS.values()}) == len(FORMATS)


@settings(deadline=None, max_examples=40)
@given(runs())
def test_any_run_keeps_the_rules(run: Run) -> None:
    keeps_the_rules(run)


@pytest.mark.slow
@settings(deadline=None, max_examples=600)
@given(runs())
def test_many_runs_keep_the_rules(run: Run) -> None:
    keeps_the_rules(run)


def test_without_a_timeline_there_are_steps_and_who_is_blocked() -> None:
    run = small_run(timeline=None)
    assert {event.name for event in events_of(run)} == {
        "print",
        "sched_switch",
        "irq_handler_entry",
        "irq_handler_exit",
    }
    assert texts_of(run)[-3:] == [
        "waits: mutex_lock(list_mutex)",
        "deadlock: 1 task waits for ever: reader in mutex_lock(list_mutex)",
        "remover holds list_mutex",
    ]
    last = events_of(run, "sched_switch")[-1]
    assert (last.values["prev_comm"], last.values["prev_state"]) == ("reader", 2)


def test_who_is_idle_at_the_end_sleeps_and_says_so() -> None:
    run = small_run(timeline=None)
    *events, end = run.events
    idle = replace(run, events=(*events, replace(end, kind="idle")), finding=None)
    assert texts_of(idle)[-1] == "idle: mutex_lock(list_mutex)"
    last = events_of(idle, "sched_switch")[-1]
    assert (last.values["prev_comm"], last.values["prev_state"]) == ("reader", 1)


def test_a_run_without_events_is_a_file_that_says_what_it_is() -> None:
    assert texts_of(Run("nothing", "s", (), None)) == ["nothing", "s"]
    trace = read(tracedat(Run("", "", (), None)))
    assert (trace.events, trace.pages) == ([], 1)


def _locked(
    *holds: Hold, kind: str = "mutex", waits: tuple[Wait, ...] = (), result: str = ""
) -> list[str]:
    """The lock events of a run of six steps."""
    timeline = Timeline(locks=(Lock("l", "cls", kind),), holds=holds, waits=waits)
    texts = ("op()", "mutex_trylock(l)", "op()", "op()", "op()", "op()")
    events = tuple(
        Event(
            step, step % 2, "ab"[step % 2], "process", "op", text, result if step == 5 else "", ()
        )
        for step, text in enumerate(texts)
    )
    told = []
    for event in events_of(Run("x", "s", events, timeline)):
        if "lock" in event.name or "contention" in event.name or "work" in event.name:
            flags = f" {event.values['flags']}" if event.values.get("flags") else ""
            ret = f" {event.values['ret']}" if event.values.get("ret") else ""
            told.append(f"{(event.ts - 10**9) // 10**6} {event.name}{flags}{ret}")
    return told


def test_a_lock_is_acquired_and_released() -> None:
    assert _locked(Hold(0, 0, "exclusive", 2, 4)) == [
        "2 lock_acquire",
        "2 lock_acquired",
        "4 lock_release",
    ]


def test_a_trylock_and_a_reader_say_so() -> None:
    assert _locked(Hold(1, 0, "exclusive", 1, NEVER)) == ["1 lock_acquire 1", "1 lock_acquired"]
    assert _locked(Hold(0, 0, "shared", 0, NEVER))[0] == "0 lock_acquire 2"
    assert _locked(Hold(0, 0, "recursive", 0, NEVER))[0] == "0 lock_acquire 2"


def test_a_lock_that_is_held_from_the_beginning_is_acquired_before() -> None:
    assert _locked(Hold(0, 0, "exclusive", NEVER, 0)) == [
        "-100 lock_acquire",
        "-100 lock_acquired",
        "0 lock_release",
    ]


def test_a_section_that_is_one_step_begins_and_ends_in_it() -> None:
    assert _locked(Hold(0, 0, "exclusive", 0, 2), Hold(0, 0, "exclusive", 2, 2)) == [
        "0 lock_acquire",
        "0 lock_acquired",
        "2 lock_release",
        "2 lock_acquire",
        "2 lock_acquired",
        "2 lock_release",
    ]


def test_what_was_taken_last_is_released_first() -> None:
    locks = tuple(Lock(name, name, "mutex") for name in "abc")
    holds = (Hold(0, 0, "exclusive", 0, 2), Hold(0, 1, "exclusive", 1, 2))
    fused = (Hold(0, 2, "exclusive", 3, 3), Hold(0, 0, "exclusive", 3, 3))
    events = tuple(Event(step, 0, "a", "process", "op", "op()", "", ()) for step in range(4))
    run = Run("x", "s", events, Timeline(locks=locks, holds=(*holds, *fused)))
    released = [event.values["name"] for event in events_of(run, "lock_release")]
    assert released == ["b", "a", "a", "c"]


def test_a_lock_is_at_the_address_that_the_validator_prints() -> None:
    told = 0xFFFF888100000200
    numbers = (told, 0, -1, 2**64, 0)
    locks = tuple(Lock(f"l{at}", "cls", "mutex", number) for at, number in enumerate(numbers))
    holds = tuple(Hold(0, at, "exclusive", 0, NEVER) for at in range(len(locks)))
    event = Event(0, 0, "a", "process", "op", "op()", "", ())
    run = Run("x", "s", (event,), Timeline(locks=locks, holds=holds))
    found = [int(e.values["lockdep_addr"]) for e in events_of(run, "lock_acquired")]
    assert found[0] == told
    assert len(set(found)) == len(found)
    assert [text.split()[0] for text in texts_of(run)[2:7]] == [f"{each:#x}" for each in found]


def _said(run: Run) -> list[tuple[str, str]]:
    """What is said, and by whom: the last who got the CPU."""
    said, now = [], "swapper/0"
    for event in events_of(run, "print", "sched_switch"):
        if event.name == "sched_switch":
            now = str(event.values["next_comm"])
        else:
            assert event.pid or now == "swapper/0"
            said.append((now, str(event.values["buf"])))
    return said


def _broken(step: int, *waits: Wait, task: int = 1) -> Run:
    """A run of three steps, of task a, b and a, that breaks a rule in one."""
    events = tuple(
        Event(at, at % 2, "ab"[at % 2], "process", "op", "op()", "", ()) for at in range(3)
    )
    finding = Finding("bug", "it broke", "bug", task, "ab"[task], lines=("so",), step=step)
    return Run("x", "s", events, Timeline(waits=waits), "", finding)


def test_who_breaks_a_rule_says_so_before_it_sleeps() -> None:
    said = _said(_broken(1, Wait(1, "op()", NEVER, (), 1, NEVER, NEVER)))
    at = said.index(("b", "bug: it broke"))
    assert said[at - 1 : at + 3] == [
        ("b", "step 1: op()"),
        ("b", "bug: it broke"),
        ("b", "so"),
        ("b", "waits: op()"),
    ]


def test_what_is_seen_of_a_task_that_does_not_run_is_said_by_who_does() -> None:
    assert ("a", "bug: it broke") in _said(_broken(2))
    assert ("a", "bug: it broke") in _said(_broken(0, task=-1))


def test_when_all_sleep_the_idle_task_says_what_there_is_to_say() -> None:
    waits = tuple(Wait(task, "op()", NEVER, (), 2 - task, NEVER, NEVER) for task in (0, 1))
    for step in (3, NEVER):
        assert _said(_broken(step, *waits))[-3:] == [
            ("a", "waits: op()"),
            ("swapper/0", "bug: it broke"),
            ("swapper/0", "so"),
        ]
    # nobody has taken a step, and somebody sleeps
    early = replace(_broken(0), events=(Event(1, 0, "a", "process", "op", "op()", "", ()),))
    early = replace(early, timeline=Timeline(waits=(Wait(1, "op()", NEVER, (), NEVER, 0, 2),)))
    assert _said(early)[2:5] == [
        ("task 1", "waits: op()"),
        ("swapper/0", "bug: it broke"),
        ("swapper/0", "so"),
    ]


def test_last_words_are_those_of_who_has_the_cpu() -> None:
    run = _broken(1)
    ends = [Event(NEVER, task, "ab"[task], "process", "died", "oops", "", ()) for task in (0, 1)]
    assert _said(replace(run, events=(*run.events, *ends)))[-2:] == [
        ("a", "died: oops"),
        ("swapper/0", "b died: oops"),
    ]


@pytest.mark.parametrize("kind", ["srcu", "rcu", "map", "workqueue", "seqcount"])
def test_nobody_contends_for_what_only_the_validator_knows(kind: str) -> None:
    wait = Wait(1, "op()", 0, (0,), 0, 2, 3)
    assert _locked(Hold(0, 0, "exclusive", 0, 2), kind=kind, waits=(wait,)) == [
        "0 lock_acquire",
        "2 lock_release",
    ]


def test_work_is_executed() -> None:
    assert _locked(Hold(0, 0, "exclusive", 0, 2), kind="work") == [
        "0 lock_acquire",
        "0 workqueue_execute_start",
        "2 workqueue_execute_end",
        "2 lock_release",
    ]


def test_a_waiter_contends_and_is_told_no_second_time_that_it_wants_the_lock() -> None:
    wait = Wait(1, "mutex_lock(l)", 0, (0,), 0, 2, 3)
    holds = Hold(0, 0, "exclusive", 0, 2), Hold(1, 0, "exclusive", 3, 3)
    assert _locked(*holds, waits=(wait,)) == [
        "0 lock_acquire",
        "0 lock_acquired",
        "0 lock_acquire",
        "0 lock_contended",
        "0 contention_begin 32",
        "2 lock_release",
        "3 contention_end",
        "3 lock_acquired",
        "3 lock_release",
    ]


def test_a_lock_that_is_handed_over_is_acquired_when_its_owner_runs() -> None:
    wait = Wait(1, "down_write(l)", 0, (0,), 0, 2, 5)
    holds = Hold(0, 0, "exclusive", 0, 2), Hold(1, 0, "exclusive", 2, 5)
    assert _locked(*holds, kind="rwsem", waits=(wait,))[2:] == [
        "0 lock_acquire",
        "0 lock_contended",
        "0 contention_begin 4",
        "2 lock_release",
        "5 contention_end",
        "5 lock_acquired",
        "5 lock_release",
    ]
    never = wait._replace(end=NEVER)
    held = holds[1]._replace(end=NEVER)
    told = _locked(holds[0], held, kind="rwsem", waits=(never,))
    assert told[-2:] == ["0 contention_begin 4", "2 lock_release"]


def test_a_waiter_that_a_signal_ends_gives_up() -> None:
    wait = Wait(1, "mutex_lock_killable(l)", 0, (0,), 0, 4, 5)
    assert _locked(Hold(0, 0, "exclusive", 0, NEVER), waits=(wait,), result="-4")[-2:] == [
        "5 contention_end -4",
        "5 lock_release",
    ]


@pytest.mark.parametrize(
    ("kind", "reads", "flags"),
    [
        ("mutex", False, 32),
        ("ww_mutex", False, 32),
        ("rt_mutex", False, 8),
        ("spinlock", False, 1),
        ("raw_spinlock", False, 1),
        ("bit_spinlock", False, 1),
        ("rwlock", True, 3),
        ("rwlock", False, 5),
        ("rwsem", True, 2),
        ("rwsem", False, 4),
        ("percpu_rwsem", True, 18),
        ("percpu_rwsem", False, 20),
    ],
)
def test_contention_says_for_what(kind: str, reads: bool, flags: int) -> None:
    assert contention(kind, reads=reads) == flags


@pytest.mark.parametrize(
    ("text", "state"), [("mutex_lock(l)", 2), ("mutex_lock_killable(l)", 1), ("down()", 2)]
)
def test_who_waits_sleeps_and_is_woken(text: str, state: int) -> None:
    timeline = Timeline(waits=(Wait(0, text, NEVER, (), 0, 1, 2),))
    events = tuple(
        Event(step, task, "ab"[task], "process", "op", "op()", "", ())
        for step, task in enumerate((0, 1, 0, 1))
    )
    told = [
        (
            event.name,
            event.values.get("prev_comm", event.values.get("comm")),
            event.values.get("prev_state"),
        )
        for event in events_of(Run("x", "s", events, timeline))
        if event.name.startswith("sched")
    ]
    assert told == [
        ("sched_switch", "swapper/0", 0),
        ("sched_switch", "a", state),
        ("sched_waking", "a", None),
        ("sched_wakeup", "a", None),
        ("sched_switch", "b", 0),
        ("sched_switch", "a", 32),
        ("sched_switch", "b", 32),
    ]


def test_neither_a_callback_nor_a_store_on_its_way_sleeps() -> None:
    for context in ("softirq", "store buffer"):
        timeline = Timeline(
            lanes=(Lane(0, "a", 5, context, NEVER),), waits=(Wait(0, "op()", NEVER, (), 0, 1, 2),)
        )
        events = tuple(
            Event(step, task, "ab"[task], context, "op", "op()", "", ())
            for step, task in enumerate((0, 1, 0))
        )
        run = Run("x", "s", events, timeline)
        assert not events_of(run, "sched_waking")
        assert "waits: op()" not in texts_of(run)


def test_soft_interrupts_are_told_if_they_have_a_number() -> None:
    def told(name: str) -> list[tuple[str, int | str | None]]:
        kinds = ("interrupt", "op", "interrupt_return")
        contexts = ("process", "softirq", "softirq")
        texts = (f"<Interrupt {name}>", "op()", "</Interrupt>")
        events = tuple(
            Event(step, 0, "a", contexts[step], kinds[step], texts[step], "", ())
            for step in range(3)
        )
        return [(e.name, e.values.get("vec")) for e in events_of(Run("x", "s", events, None))][2:-1]

    rcu = SOFTIRQS.index("RCU")
    assert [each for each in told("RCU") if "softirq" in each[0]] == [
        ("softirq_entry", rcu),
        ("softirq_exit", rcu),
    ]
    assert {name for name, _ in told("irq3")} <= {"print", "sched_switch"}


def test_objects_are_made_and_freed_at_their_function() -> None:
    timeline = Timeline(
        things=(Thing("filp", "f", 0, 1, "a", ()), Thing("", "x", 0, 1, "a", ())),
    )
    chain = (Frame("alloc_file", 3, 9),)
    events = tuple(Event(step, 0, "a", "process", "op", "op()", "", chain) for step in range(2))
    trace = read(tracedat(Run("x", "s", events, timeline)))
    told = [e for e in trace.events if e.name.startswith("kmem")]
    assert [e.name for e in told] == ["kmem_cache_alloc", "kmem_cache_free"]
    assert {e.values["name"] for e in told} == {"filp"}
    assert {e.values["call_site"] for e in told} == {trace.symbols["alloc_file"] + 3}
    assert len({e.values["ptr"] for e in told}) == 1


def test_each_task_has_a_pid_of_its_own() -> None:
    lanes = tuple(
        Lane(task, comm, pid, "process", NEVER)
        for task, (comm, pid) in enumerate((("a", 840), ("swapper/0", 0), ("b", 840), ("c", 900)))
    )
    events = tuple(Event(task, task, "x", "process", "op", "op()", "", ()) for task in range(5))
    trace = read(tracedat(Run("x", "s", events, Timeline(lanes=lanes))))
    assert [e.pid for e in trace.events if "step" in str(e.values.get("buf"))] == [
        840,
        901,
        902,
        900,
        903,
    ]


def test_hostile_names_are_text() -> None:
    run = hostile_run()
    trace = read(tracedat(run))
    assert all(text.isprintable() for text in trace.comms.values())
    assert {len(text) <= 15 for text in trace.comms.values()} == {True}
    assert all(re.fullmatch(r"[\w.]+", name) for name in trace.symbols)
    texts = texts_of(run)
    assert all(text.isprintable() and len(text) <= 960 for text in texts)
    shown = '<script>alert("x")</script>\\x00\\x1b[2J\\ud800\\u202e\\u20ac%s%n\\' + "y" * 5000
    # the title, the scenario and the token are that text, each in several parts
    assert "".join(texts).startswith(shown * 3)
    keeps_the_rules(run)


def test_a_comm_has_room_for_fifteen_characters() -> None:
    assert comm_of("a" * 15) == "a" * 15
    assert comm_of("a" * 16) == "a" * 15
    assert comm_of("") == "?"


def test_a_long_run_takes_several_pages() -> None:
    run = long_run(400)
    trace = read(tracedat(run))
    assert trace.pages > 20
    keeps_the_rules(run)


def test_an_event_that_fills_a_page_is_written_and_a_longer_one_is_not_there() -> None:
    assert len(pages_of([(1, bytes(EVENT_MAX))])) == PAGE
    assert HEAD + 8 + EVENT_MAX == PAGE
    longest = max(len(each.pack(0, 1, _full(each.name))) for each in FORMATS.values())
    assert longest <= EVENT_MAX


def _full(name: str) -> dict[str, int | str]:
    text = "x" * 960
    return {field.name: text if "char[" in field.type else 1 for field in FORMATS[name].fields}


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((1, 999, DELTA_MASK, DELTA_MASK + 1, 5 * DELTA_MASK, 2**40)),
            st.sampled_from((0, 1, 80, 90, 96, 97, 100, 900, 960)),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_pages_keep_times_and_texts(parts: list[tuple[int, int]]) -> None:
    ts = 0
    events = []
    for number, (delta, length) in enumerate(parts):
        ts += delta
        values: dict[str, int | str] = {"ip": 0, "buf": f"{number:03}" + "z" * length}
        events.append((ts, PRINT.pack(0, 7, values)))
    trace = read(file_of(pages_of(events), {7: "seven"}, "", ""))
    assert [(e.ts, e.pid) for e in trace.events] == [(ts, 7) for ts, _ in events]
    assert [len(str(e.values["buf"])) - 3 for e in trace.events] == [length for _, length in parts]
    assert [str(e.values["buf"])[:3] for e in trace.events] == [
        f"{n:03}" for n in range(len(parts))
    ]


def test_a_payload_of_more_words_than_the_head_counts_says_how_long_it_is() -> None:
    short, long = (PRINT.pack(0, 1, {"ip": 0, "buf": "b" * size}) for size in (95, 96))
    assert (len(short) // 4, len(long) // 4) == (WORDS_MAX, WORDS_MAX + 1)
    page = pages_of([(5, short), (6, long)])
    first = int.from_bytes(page[HEAD : HEAD + 4], "little")
    assert first & 31 == WORDS_MAX
    at = HEAD + 4 + len(short)
    second, length = (int.from_bytes(page[k : k + 4], "little") for k in (at, at + 4))
    assert (second & 31, second >> 5, length) == (0, 1, len(long) + 4)
