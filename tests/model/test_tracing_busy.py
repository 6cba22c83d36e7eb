"""What keeps an event or an instance from being removed, and what does not.

The expected values are those that kernels gave (facts, kernel_behaviour.md, points 2 and 3).
"""

import pytest

from model.tracing.dynevent import (
    create_dyn_event,
    create_or_delete_synth_event,
    create_or_delete_trace_kprobe,
    dyn_events_release_all,
    probes_open,
)
from model.tracing.perf import perf_trace_destroy, perf_trace_init
from model.tracing.trace_probe import TraceKprobe
from model.vfs.err import EBUSY, EEXIST, EINVAL, ENODEV, ENOENT
from model.vfs.namei import O_RDWR, O_TRUNC, O_WRONLY
from stress.workloads import (
    close,
    hold_open,
    make_instance,
    read_file,
    read_open,
    remove_instance,
    stat,
    write_file,
)
from tests.model.tracing_user import FILES, found, mounted, run

KP1 = "kprobes/kp1"
RELEASES = ("V6_5", "V6_12", "V7_3")


@pytest.mark.parametrize("of", RELEASES)
@pytest.mark.parametrize("file", FILES)
def test_an_open_file_does_not_keep_its_event(of: str, file: str) -> None:
    at = mounted(of)
    opened = run(at, hold_open(at, f"{KP1}/{file}"))
    assert run(at, create_dyn_event(at.core, "-:kp1")) == 0
    left = {"id": "21\n"} if of != "V6_5" else {}
    assert run(at, read_open(at, opened)) == left.get(file, -ENODEV)
    run(at, close(at, opened))
    assert found(at) == []


@pytest.mark.parametrize("of", RELEASES)
@pytest.mark.parametrize("file", ["enable", "filter", "trigger", "format", "hist"])
def test_where_an_open_file_is_meant_to_keep_its_event_it_does(of: str, file: str) -> None:
    at = mounted(of, flags={"open_is_busy": True})
    opened = run(at, hold_open(at, f"{KP1}/{file}"))
    assert run(at, create_dyn_event(at.core, "-:kp1")) == -EBUSY
    assert run(at, probes_open(at.core, truncate=True)) == -EBUSY
    run(at, close(at, opened))
    assert run(at, create_dyn_event(at.core, "-:kp1")) == 0
    assert found(at) == []


@pytest.mark.parametrize(
    ("file", "on", "off"),
    [
        ("enable", "1", "0"),
        ("trigger", "traceoff", "!traceoff"),
        ("trigger", "hist:keys=common_pid", "!hist:keys=common_pid"),
    ],
)
def test_an_enabled_event_and_one_with_a_trigger_are_busy(file: str, on: str, off: str) -> None:
    at = mounted()
    assert run(at, write_file(at, f"{KP1}/{file}", on)) == 0
    assert run(at, create_dyn_event(at.core, "-:kp1")) == -EBUSY
    assert run(at, stat(at, KP1)) == 0
    assert run(at, write_file(at, f"{KP1}/{file}", off)) == 0
    assert run(at, create_dyn_event(at.core, "-:kp1")) == 0
    assert run(at, stat(at, KP1)) == -ENOENT


def test_an_event_that_another_ones_trigger_is_about_is_busy() -> None:
    at = mounted(events=("kp1", "kp2"))
    assert run(at, write_file(at, f"{KP1}/trigger", "enable_event:kprobes:kp2")) == 0
    assert run(at, read_file(at, "kprobes/kp2/enable")) == "0*\n"
    assert run(at, create_dyn_event(at.core, "-:kp2")) == -EBUSY
    assert run(at, write_file(at, f"{KP1}/trigger", "!enable_event:kprobes:kp2")) == 0
    assert run(at, create_dyn_event(at.core, "-:kp2")) == 0


def test_a_filter_keeps_nothing() -> None:
    at = mounted()
    assert run(at, write_file(at, f"{KP1}/filter", "common_pid == 1")) == 0
    assert run(at, create_dyn_event(at.core, "-:kp1")) == 0


def test_an_event_enabled_in_any_instance_is_busy() -> None:
    at = mounted(instances=("foo",))
    assert run(at, write_file(at, f"/instances/foo/events/{KP1}/enable", "1")) == 0
    assert run(at, read_file(at, f"{KP1}/enable")) == "0\n"
    assert run(at, create_dyn_event(at.core, "-:kp1")) == -EBUSY
    assert run(at, remove_instance(at, "foo")) == 0
    assert run(at, create_dyn_event(at.core, "-:kp1")) == 0


def test_perf_keeps_an_event() -> None:
    at = mounted()
    call = run(at, perf_trace_init(at.core, 21))
    assert run(at, create_dyn_event(at.core, "-:kp1")) == -EBUSY
    run(at, perf_trace_destroy(at.core, call))
    assert run(at, create_dyn_event(at.core, "-:kp1")) == 0


def test_opening_kprobe_events_to_truncate_it_removes_all_or_nothing() -> None:
    at = mounted(events=("kp1", "kp2", "kp3"))
    run(at, write_file(at, "kprobes/kp2/enable", "1"))
    assert run(at, hold_open(at, "/kprobe_events", O_WRONLY | O_TRUNC)).error == -EBUSY
    assert sorted(at.events) == ["kp1", "kp2", "kp3"]
    run(at, write_file(at, "kprobes/kp2/enable", "0"))
    run(at, hold_open(at, "/kprobe_events", O_WRONLY | O_TRUNC))
    assert not at.events
    assert run(at, stat(at, "kprobes")) == -ENOENT


def test_a_dynamic_reference_is_found_out_too_late_for_all_or_nothing() -> None:
    """Whether an event is busy is asked of its probes; a mere reference shows at its removal."""
    at = mounted(events=("kp1", "kp2"))

    async def hold() -> None:
        await at.core.event_mutex.lock()
        at.events["kp2"].event_call.refcnt += 1
        await at.core.event_mutex.unlock()

    run(at, hold())
    assert run(at, dyn_events_release_all(at.core, TraceKprobe)) == -EBUSY
    assert sorted(at.events) == ["kp2"]


def test_of_two_probes_of_an_event_the_first_just_goes() -> None:
    at = mounted()
    assert run(at, create_or_delete_trace_kprobe(at.core, "p:kp1 vfs_write")) == 0
    assert run(at, create_or_delete_trace_kprobe(at.core, "p:kp1 vfs_write")) == -EEXIST
    assert run(at, create_or_delete_trace_kprobe(at.core, "r:kp1 vfs_open")) == -EEXIST
    assert run(at, read_file(at, "/kprobe_events")) == (
        "p:kprobes/kp1 vfs_read\np:kprobes/kp1 vfs_write\n"
    )
    assert run(at, create_or_delete_trace_kprobe(at.core, "-:kp1 vfs_read")) == 0
    assert run(at, stat(at, KP1)) == 0
    assert run(at, read_file(at, "/kprobe_events")) == "p:kprobes/kp1 vfs_write\n"
    assert run(at, create_or_delete_trace_kprobe(at.core, "-:kp1")) == 0
    assert run(at, stat(at, KP1)) == -ENOENT


@pytest.mark.parametrize(
    ("command", "result"),
    [
        ("-:sg vfs_read sk=%si", -ENOENT),
        ("-:sg vfs_write", -ENOENT),
        ("-:other/sg", -ENOENT),
        ("-:nothing", -ENOENT),
        ("-:", -EINVAL),
        ("-sg", -EINVAL),
        ("-:sg vfs_read sk=%di", 0),
        ("-:kprobes/sg", 0),
        ("-:sg", 0),
    ],
)
def test_a_removal_names_what_it_means(command: str, result: int) -> None:
    at = mounted()
    assert run(at, create_or_delete_trace_kprobe(at.core, "p:sg vfs_read sk=%di")) == 0
    assert run(at, create_or_delete_trace_kprobe(at.core, command)) == result
    assert ("sg" in at.events) == bool(result)


@pytest.mark.parametrize(
    ("command", "system", "name"),
    [
        ("p:kp9 vfs_read", "kprobes", "kp9"),
        ("p:mine/kp9 vfs_read", "mine", "kp9"),
        ("s:syn u64 lat; pid_t pid", "synthetic", "syn"),
        ("u:used u32 a", "user_events", "used"),
        ("p:up /bin/busybox:0x1000", "uprobes", "up"),
        ("f:fp vfs_read", "fprobes", "fp"),
        ("e:ep sched.sched_switch", "eprobes", "ep"),
    ],
)
def test_every_kind_of_dynamic_event_comes_and_goes(command: str, system: str, name: str) -> None:
    at = mounted(static_events=(("sched", "sched_switch"),))
    assert run(at, write_file(at, "/dynamic_events", command)) == 0
    assert run(at, stat(at, f"{system}/{name}/enable")) == 0
    assert run(at, write_file(at, "/dynamic_events", f"-:{system}/{name}")) == 0
    assert run(at, stat(at, f"{system}/{name}")) == -ENOENT
    assert found(at) == []


@pytest.mark.parametrize("command", ["x:y vfs_read", "p:kp9", "e:ep"])
def test_a_line_that_no_kind_knows_is_invalid(command: str) -> None:
    at = mounted()
    assert run(at, write_file(at, "/dynamic_events", command)) == -EINVAL


def test_an_event_probe_cannot_be_at_a_probe() -> None:
    at = mounted()
    assert run(at, create_dyn_event(at.core, "e:ep kprobes.kp1")) == -ENODEV


def test_synthetic_events_go_one_by_one_until_one_is_enabled() -> None:
    """Of a synthetic event, busy means that a histogram needs it: not that it is enabled."""
    at = mounted()
    for name in ("wake", "sleep"):
        assert run(at, create_or_delete_synth_event(at.core, f"{name} u64 lat")) == 0
    assert run(at, create_or_delete_synth_event(at.core, "wake u64 lat")) == -EEXIST
    assert run(at, read_file(at, "/synthetic_events")) == "wake\tu64 lat\nsleep\tu64 lat\n"
    run(at, write_file(at, "synthetic/sleep/enable", "1"))
    assert run(at, hold_open(at, "/synthetic_events", O_RDWR | O_TRUNC)).error == -EBUSY
    assert sorted(at.events) == ["kp1", "sleep"]
    run(at, write_file(at, "synthetic/sleep/enable", "0"))
    assert run(at, create_or_delete_synth_event(at.core, "!sleep")) == 0


def test_mkdir_of_an_instance_that_is_there_fails() -> None:
    at = mounted(instances=("foo",))
    assert run(at, make_instance(at, "foo")) == -EEXIST
    assert run(at, remove_instance(at, "bar")) == -ENOENT


IN_INSTANCE = {
    "events/kprobes/kp1/enable": -EBUSY,
    "events/kprobes/kp1/filter": -EBUSY,
    "events/kprobes/kp1/hist": -EBUSY,
    "events/kprobes/kp1/format": 0,
    "events/kprobes/kp1/id": 0,
    "events/kprobes/kp1/trigger": 0,
    "events/kprobes/enable": -EBUSY,
    "events/kprobes/filter": -EBUSY,
    "events/enable": -EBUSY,
    "events/header_page": -EBUSY,
    "trace": -EBUSY,
    "tracing_on": -EBUSY,
    "set_event": -EBUSY,
    "events/kprobes/kp1": 0,
    "events": 0,
}


@pytest.mark.parametrize("path", IN_INSTANCE)
@pytest.mark.parametrize("of", ["V6_12", "V7_3"])
def test_an_open_file_may_keep_its_instance(of: str, path: str) -> None:
    at = mounted(of, instances=("foo",))
    opened = run(at, hold_open(at, f"/instances/foo/{path}"))
    assert run(at, remove_instance(at, "foo")) == IN_INSTANCE[path]
    run(at, close(at, opened))
    assert run(at, remove_instance(at, "foo")) == (0 if IN_INSTANCE[path] else -ENOENT)
    assert found(at) == []


@pytest.mark.parametrize(("of", "result"), [("V6_12", 0), ("V7_3", -EBUSY)])
def test_an_open_option_keeps_its_instance_in_newer_releases(of: str, result: int) -> None:
    at = mounted(of, instances=("foo",))
    run(at, hold_open(at, "/instances/foo/options/overwrite"))
    assert run(at, remove_instance(at, "foo")) == result


def test_a_user_of_the_tracer_keeps_an_instance() -> None:
    at = mounted(instances=("foo",))
    at.instances["foo"].trace_ref += 1
    assert run(at, remove_instance(at, "foo")) == -EBUSY
    assert list(at.instances) == ["foo"]
