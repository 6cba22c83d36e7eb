"""The interleaving in columns and as a list: whole texts."""

from __future__ import annotations

from lockwright.core.event import Event
from lockwright.core.frame import Frame
from lockwright.report.columns import columns, heads_of, rows_of, wrap
from tests.report.golden_files import assert_golden

Said = tuple[int, str, str]


def events_of(*said: Said, function: str = "worker", context: str = "process") -> list[Event]:
    """Events `(task, comm, text)`, in order, all from one function."""
    chain = (Frame(function, 1, 9),)
    return [
        Event(step, task, comm, context, text.partition("(")[0], text, "", chain)
        for step, (task, comm, text) in enumerate(said)
    ]


def end_of(task: int, comm: str, kind: str, text: str) -> Event:
    return Event(-1, task, comm, "process", kind, text, "", ())


ABBA = [
    *events_of((0, "one", "mutex_lock(A)"), (1, "two", "mutex_lock(B)")),
    end_of(0, "one", "blocked", "mutex_lock(B)"),
    end_of(1, "two", "blocked", "mutex_lock(A)"),
]


def test_a_deadlock_of_two_ends_with_what_each_waits_for() -> None:
    assert_golden("columns_deadlock.txt", columns(ABBA) + "\n")


def test_a_function_is_named_when_a_task_goes_there() -> None:
    events = [
        *events_of((0, "rmdir", "down_write(i_rwsem)"), function="tracefs_syscall_rmdir"),
        *events_of((0, "rmdir", "mutex_lock(eventfs_mutex)"), function="eventfs_remove_dir"),
        *events_of((0, "rmdir", "mutex_unlock(eventfs_mutex)"), function="eventfs_remove_dir"),
        *events_of((1, "ls", "down_read(i_rwsem)"), function="iterate_dir"),
        *events_of((0, "rmdir", "up_write(i_rwsem)"), function="tracefs_syscall_rmdir"),
    ]
    numbered = [
        Event(i, e.task, e.comm, e.context, e.kind, e.text, e.result, e.chain)
        for i, e in enumerate(events)
    ]
    assert_golden("columns_functions.txt", columns(numbered) + "\n")


def test_long_operations_are_cut_to_the_width_of_their_column() -> None:
    long = "mutex_lock(&sb->s_type->i_mutex_key_of_the_parent_directory)"
    said = [(task, f"task-{task}", long) for task in range(4)]
    text = columns(events_of(*said))
    assert max(map(len, text.splitlines())) <= 80
    assert_golden("columns_long.txt", text + "\n")


def test_five_tasks_are_a_list() -> None:
    said = [(task, "worker", "mutex_lock(A)") for task in range(5)]
    events = [*events_of(*said), end_of(4, "worker", "died", "use after free")]
    assert_golden("columns_list.txt", columns(events) + "\n")


def test_little_room_makes_a_list_that_fits() -> None:
    long = "mutex_lock(a_mutex_of_a_long_name)"
    text = columns(events_of((0, "one", long), (1, "two", long), (2, "three", long)), 40)
    assert text.splitlines()[0] == "step  task   operation"
    assert max(map(len, text.splitlines())) <= 40


def test_a_wide_terminal_needs_no_cut() -> None:
    long = "mutex_lock(a_mutex_of_a_long_name_that_goes_on_and_on)"
    text = columns(events_of((0, "one", long), (1, "two", long)), 140)
    assert text.count(long) == 2


def test_a_run_of_one_operation_is_one_row() -> None:
    events = events_of(*[(0, "one", "mutex_trylock(A)")] * 3, (0, "one", "mutex_unlock(A)"))
    assert [(row.label, row.text) for row in rows_of(events)] == [
        ("0-2", "mutex_trylock(A) x3"),
        ("3", "mutex_unlock(A)"),
    ]


def test_a_result_stands_behind_its_operation() -> None:
    event = Event(0, 0, "one", "process", "mutex_trylock", "mutex_trylock(A)", "false", ())
    assert rows_of([event])[0].text == "mutex_trylock(A) = false"


def test_tasks_of_one_name_get_their_number() -> None:
    events = events_of((0, "rm", "a()"), (2, "rm", "b()"), (1, "ls", "c()"))
    assert heads_of(events) == {0: "rm:0", 1: "ls", 2: "rm:2"}


def test_a_context_that_is_not_a_process_is_said() -> None:
    assert heads_of(events_of((0, "timer", "a()"), context="hardirq")) == {0: "timer (hardirq)"}


def test_no_event_is_no_text() -> None:
    assert columns([]) == ""


def test_wrapped_text_loses_nothing() -> None:
    text = "srcu_read_lock(&eventfs_srcu_of_the_whole_instance)"
    lines = wrap(text, 20)
    assert "".join(line.strip() for line in lines) == text
    assert max(map(len, lines)) <= 20
