"""What the files of events, systems and instances show, and what writing to them does."""

import pytest

from lockwright.kernel.variable import Variable
from model.tracing.dynevent import create_dyn_event
from model.vfs.err import EACCES, EINVAL, ENODEV, ENOENT, EPERM, PTR_ERR
from model.vfs.namei import O_CREAT, O_RDWR, O_TRUNC, O_WRONLY
from stress.workloads import (
    attributes,
    close,
    hold_open,
    list_directory,
    make_instance,
    opens,
    read_file,
    read_open,
    remount,
    remove_event,
    remove_instance,
    rewind,
    stat,
    write_file,
    write_open,
)
from tests.model.tracing_user import found, mounted, run

KP1 = "kprobes/kp1"
FOO = "/instances/foo"
SWITCH = "sched/sched_switch"


@pytest.mark.parametrize(
    ("of", "event", "top"),
    [
        (
            "V6_12",
            ("enable", "filter", "trigger", "format", "id", "hist"),
            ("enable", "header_page"),
        ),
        (
            "V7_3",
            ("format", "id", "btf_ids", "enable", "filter", "trigger", "hist"),
            ("header_page", "enable"),
        ),
    ],
)
def test_an_event_has_the_files_of_its_kind_in_the_order_of_its_release(
    of: str, event: tuple[str, ...], top: tuple[str, ...]
) -> None:
    at = mounted(
        of,
        files=("enable", "filter", "trigger", "format", "id", "hist", "btf_ids"),
        static_events=(("sched", "sched_switch"), ("ftrace", "function")),
    )
    assert run(at, list_directory(at, SWITCH)) == event
    assert run(at, list_directory(at, KP1)) == tuple(name for name in event if name != "btf_ids")
    assert run(at, list_directory(at, "ftrace/function")) == ("format", "id", "hist")
    assert run(at, list_directory(at, "ftrace")) == ("function",)
    assert run(at, stat(at, "ftrace/enable")) == -ENOENT
    assert run(at, list_directory(at, "kprobes")) == ("filter", "enable", "kp1")
    listed = run(at, list_directory(at, ""))
    assert listed == (*top, "sched", "ftrace", "kprobes")


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        (f"{KP1}/enable", 0o640),
        (f"{KP1}/filter", 0o640),
        (f"{KP1}/format", 0o440),
        (f"{KP1}/id", 0o440),
        ("kprobes/enable", 0o640),
        ("header_page", 0o440),
        ("enable", 0o640),
        (FOO, 0o750),
    ],
)
def test_modes_are_those_of_the_kernel(path: str, mode: int) -> None:
    at = mounted(instances=("foo",))
    assert run(at, attributes(at, path)).mode == mode


def test_enable_tells_of_each_event_of_a_system_and_of_all() -> None:
    at = mounted(events=("kp1", "kp2"), static_events=(("sched", "sched_switch"),))
    for path in (f"{KP1}/enable", "kprobes/enable", "enable"):
        assert run(at, read_file(at, path)) == "0\n"
    assert run(at, write_file(at, f"{KP1}/enable", "1")) == 0
    assert run(at, read_file(at, f"{KP1}/enable")) == "1\n"
    assert run(at, read_file(at, "kprobes/enable")) == "X\n"
    assert run(at, read_file(at, "enable")) == "X\n"
    assert run(at, write_file(at, "kprobes/enable", "1")) == 0
    assert run(at, read_file(at, "kprobes/enable")) == "1\n"
    assert run(at, read_file(at, "sched/enable")) == "0\n"
    assert run(at, write_file(at, "enable", "0")) == 0
    assert run(at, read_file(at, "kprobes/kp2/enable")) == "0\n"


@pytest.mark.parametrize("text", ["2", "x", "", "10"])
@pytest.mark.parametrize("path", [f"{KP1}/enable", "kprobes/enable", "enable"])
def test_enable_takes_0_and_1(path: str, text: str) -> None:
    at = mounted()
    assert run(at, write_file(at, path, text)) == -EINVAL


@pytest.mark.parametrize("path", ["format", "id", "hist"])
def test_what_only_shows_something_cannot_be_written(path: str) -> None:
    at = mounted()
    assert run(at, write_file(at, f"{KP1}/{path}", "1")) == -EINVAL


def test_format_and_id_name_the_event() -> None:
    at = mounted()
    assert run(at, read_file(at, f"{KP1}/format")) == (
        "name: kp1\nID: 21\nformat:\n\tfield:__probe_ip;\n"
    )
    assert run(at, read_file(at, f"{KP1}/id")) == "21\n"
    run(at, create_dyn_event(at.core, "p:kp2 vfs_read"))
    assert run(at, read_file(at, "kprobes/kp2/id")) == "22\n"


def test_a_filter_names_fields() -> None:
    at = mounted(static_events=(("sched", "sched_switch"),))
    path = f"{SWITCH}/filter"
    assert run(at, read_file(at, path)) == "none\n"
    assert run(at, write_file(at, path, "prev_pid == 1")) == 0
    assert run(at, read_file(at, path)) == "prev_pid == 1\n"
    assert run(at, write_file(at, path, "nosuch == 1")) == -EINVAL
    assert run(at, read_file(at, path)) == (
        "nosuch == 1\n       ^\nparse_error: Field not found\n\n"
    )
    assert run(at, write_file(at, path, "0")) == 0
    assert run(at, read_file(at, path)) == "none\n"


def test_the_filter_of_a_system_reaches_the_events_with_such_fields() -> None:
    at = mounted(static_events=(("sched", "sched_switch"), ("sched", "other")))
    assert run(at, write_file(at, "sched/filter", "prev_pid == 1")) == 0
    assert run(at, read_file(at, f"{SWITCH}/filter")) == "prev_pid == 1\n"
    assert run(at, read_file(at, "sched/other/filter")) == "none\n"
    assert run(at, read_file(at, "sched/filter")) == "prev_pid == 1\n"
    assert run(at, write_file(at, "sched/filter", "nosuch == 1")) == -EINVAL


def test_triggers_are_shown_added_and_taken_off() -> None:
    at = mounted()
    path = f"{KP1}/trigger"
    assert "traceon traceoff snapshot" in run(at, read_file(at, path))
    assert run(at, write_file(at, path, "nosuch")) == -EINVAL
    assert run(at, write_file(at, path, "traceoff")) == 0
    assert run(at, read_file(at, path)) == "traceoff:unlimited\n"
    assert run(at, read_file(at, f"{KP1}/enable")) == "0*\n"
    assert run(at, write_file(at, f"{KP1}/enable", "1")) == 0
    assert run(at, read_file(at, f"{KP1}/enable")) == "1*\n"
    assert run(at, write_file(at, path, "!traceoff")) == 0
    assert run(at, read_file(at, f"{KP1}/enable")) == "1\n"


def test_opening_a_trigger_file_to_truncate_it_leaves_histograms_alone() -> None:
    at = mounted()
    path = f"{KP1}/trigger"
    assert run(at, read_file(at, f"{KP1}/hist")) == ""
    run(at, write_file(at, path, "hist:keys=common_pid"))
    run(at, write_file(at, path, "traceoff"))
    run(at, hold_open(at, path, O_WRONLY | O_TRUNC))
    assert run(at, read_file(at, path)) == "hist:keys=common_pid [active]\n"
    assert "hist:keys=common_pid" in run(at, read_file(at, f"{KP1}/hist"))


def test_set_event_goes_by_name() -> None:
    at = mounted(instances=("foo",))
    assert run(at, write_file(at, "/set_event", "kprobes:kp1")) == 0
    assert run(at, read_file(at, "/set_event")) == "kprobes:kp1\n"
    assert run(at, read_file(at, f"{FOO}/set_event")) == ""
    assert run(at, write_file(at, "/set_event", "!kp1")) == 0
    assert run(at, read_file(at, f"{KP1}/enable")) == "0\n"
    assert run(at, write_file(at, "/set_event", "nosuch")) == -EINVAL
    assert run(at, write_file(at, "/set_event", "kprobes")) == 0
    run(at, hold_open(at, "/set_event", O_WRONLY | O_TRUNC))
    assert run(at, read_file(at, "/set_event")) == ""


def test_an_old_descriptor_of_a_systems_enable_rules_the_system_made_again() -> None:
    at = mounted()
    opened = run(at, hold_open(at, "kprobes/enable", O_RDWR))
    filter = run(at, hold_open(at, "kprobes/filter", O_RDWR))
    assert run(at, remove_event(at, "kp1")) == 0
    assert run(at, stat(at, "kprobes")) == -ENOENT
    assert run(at, read_open(at, opened)) == "?\n"
    assert run(at, write_open(at, opened, "1")) == -EINVAL
    assert run(at, create_dyn_event(at.core, "p:kp1 vfs_read")) == 0
    assert run(at, write_open(at, opened, "1")) == 1
    assert run(at, read_file(at, f"{KP1}/enable")) == "1\n"
    run(at, rewind(at, opened))
    assert run(at, read_open(at, opened)) == "1\n"
    assert run(at, write_open(at, filter, "common_pid == 1")) == -ENODEV
    for file in (opened, filter):
        run(at, close(at, file))
    assert found(at) == []


def test_an_open_system_file_keeps_the_system_in_memory_and_no_longer() -> None:
    at = mounted()
    (dir,) = at.tr.systems
    opened = run(at, hold_open(at, "kprobes/enable"))
    run(at, remove_event(at, "kp1"))
    assert (dir.alive, dir.subsystem.alive) == (True, True)
    system = dir.subsystem
    run(at, close(at, opened))
    assert (dir.alive, system.alive) == (False, False)
    assert at.core.lists.event_subsystems == ()


def test_files_of_a_removed_event_say_so() -> None:
    at = mounted()
    files = {
        name: run(at, hold_open(at, f"{KP1}/{name}", O_RDWR))
        for name in ("enable", "filter", "trigger", "format", "id")
    }
    run(at, remove_event(at, "kp1"))
    written = {name: run(at, write_open(at, file, "1")) for name, file in files.items()}
    assert written == {
        "enable": -ENODEV,
        "filter": -ENODEV,
        "trigger": -ENODEV,
        "format": -EINVAL,
        "id": -EINVAL,
    }
    run(at, create_dyn_event(at.core, "p:kp1 vfs_read"))
    assert run(at, read_open(at, files["enable"])) == -ENODEV
    assert run(at, read_file(at, f"{KP1}/enable")) == "0\n"


def test_a_new_instance_has_all_events_and_shares_none_of_their_state() -> None:
    at = mounted(static_events=(("sched", "sched_switch"),))
    run(at, write_file(at, f"{KP1}/enable", "1"))
    assert run(at, make_instance(at, "foo")) == 0
    assert run(at, list_directory(at, f"{FOO}/events/kprobes")) == ("filter", "enable", "kp1")
    assert run(at, read_file(at, f"{FOO}/events/{KP1}/enable")) == "0\n"
    assert run(at, create_dyn_event(at.core, "p:kp2 vfs_read")) == 0
    assert run(at, stat(at, f"{FOO}/events/kprobes/kp2/enable")) == 0
    run(at, remove_event(at, "kp2"))
    assert run(at, stat(at, f"{FOO}/events/kprobes/kp2/enable")) == -ENOENT
    tr = at.instances["foo"]
    assert run(at, remove_instance(at, "foo")) == 0
    assert run(at, stat(at, FOO)) == -ENOENT
    assert not tr.alive
    assert found(at) == []


def test_a_locked_down_kernel_opens_no_file_of_tracing_and_makes_none() -> None:
    at = mounted()
    at.sb.lockdown = Variable(at.sb.world, True, "lockdown")
    for path in (f"{KP1}/enable", f"{KP1}/trigger", "kprobes/enable", "enable", "/kprobe_events"):
        assert run(at, opens(at, path)) == -EPERM
    assert run(at, make_instance(at, "foo")) == -EINVAL
    assert at.instances == {}
    at.sb.lockdown.value = False
    assert run(at, opens(at, f"{KP1}/enable")) == 0
    assert at.tr.ref == 1


@pytest.mark.parametrize("of", ["V6_9", "V6_12", "V7_3"])
def test_a_remount_gives_its_mode_to_the_root_and_its_owner_to_all(of: str) -> None:
    at = mounted(of)
    assert run(at, remount(at, "gid=5,uid=6,mode=0711")) == 0
    root = run(at, attributes(at, "/"))
    assert (root.mode, root.uid, root.gid) == (0o711, 6, 5)
    assert (at.sb.uid, at.sb.gid) == (6, 5)
    below = run(at, attributes(at, KP1))
    assert (below.mode, below.uid, below.gid) == (0o755, 6, 5)
    assert run(at, remount(at, "bogus=1")) == -EINVAL


def test_creating_a_file_where_there_is_none_is_refused() -> None:
    at = mounted()
    refused = run(at, hold_open(at, f"{KP1}/nosuch", O_CREAT | O_WRONLY))
    assert PTR_ERR(refused) == -EACCES
