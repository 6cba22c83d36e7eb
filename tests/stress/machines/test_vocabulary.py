"""Every design has the calls of its users, and programs of them run and replay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.result import Verdict
from lockwright.project import load_project
from lockwright.session import Options, explore
from lockwright.testing.sequential import Sitting
from model.vfs.err import EBADF, EINVAL
from stress.fsnotify.calls import CALLS as REMOTE
from stress.machines.calls import FUNCTIONS
from stress.machines.sequential import VOCABULARY
from stress.machines.vocabulary import CALLS
from stress.scenarios.designs import DESIGNS

ROOT = Path(__file__).parents[3]
LATEST = VOCABULARY["eventfs/latest"]


def test_every_design_has_its_calls_and_the_project_knows_them() -> None:
    assert [calls.design for calls in CALLS] == list(DESIGNS)
    others = {calls.design: calls for calls in REMOTE}
    assert load_project(ROOT).calls == {**VOCABULARY, **others}


@pytest.mark.parametrize("design", DESIGNS)
def test_a_program_of_each_design_runs(design: str) -> None:
    scenario = VOCABULARY[design].scenario("calls(stat:kprobes/kp1/enable|reclaim:kprobes/kp2)")
    result = explore(scenario, Options(strategy="random", executions=3))
    assert result.executions == 3


def test_two_threads_share_an_open_directory_and_one_closes_it() -> None:
    result = explore(LATEST.scenario("calls(open:3:kprobes/kp1!getdents:3:=2|close:3)"))
    assert (result.verdict, result.complete) == (Verdict.VERIFIED, True)


def test_two_threads_close_one_descriptor_and_one_of_them_is_told_so() -> None:
    result = explore(LATEST.scenario("calls(open:3:kprobes/kp1!close:3|close:3)"))
    assert (result.verdict, result.complete) == (Verdict.VERIFIED, True)


def test_a_descriptor_leads_to_what_was_opened_last_and_to_nothing_once_closed() -> None:
    with Sitting(LATEST) as user:
        assert user.call("close", "3") == -EBADF
        assert user.call("open", "3", "kprobes/kp1/enable") == 0
        assert user.call("open", "3", "kprobes") == 0
        assert user.call("getdents", "3") == (".", "..", "kp1", "kp2")
        assert [user.call("close", "3") for _ in range(2)] == [0, -EBADF]
        assert user.call("read", "3") == user.call("read", "7") == -EBADF
        assert user.call("open", "2", "kprobes") == -EBADF
        assert user.call("open", "3", "kprobes", "x") == -EINVAL
        assert user.world.state.sb.files == []


def test_the_ground_is_what_the_parameters_say() -> None:
    given = {"events": "kp2", "files": "enable+hist", "system_files": "enable", "instances": "foo"}
    with Sitting(LATEST, given) as user:
        assert user.call("ls", "kprobes") == ("enable", "kp2")
        assert user.call("ls", "/instances/foo/events/kprobes/kp2") == ("enable", "hist")
    with Sitting(LATEST, {"events": ""}) as user:
        assert user.call("ls", "") == ()
    with Sitting(LATEST, {"keeps": "true"}) as user:
        user.call("clear")
        assert user.call("ls", "") == ("kprobes",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"files": "enabled"}, r"files: there is no 'enabled'; there are: format\+id\+btf_ids"),
        ({"events": "a/b"}, r"events: 'a/b' is a path; expected names joined by \+"),
    ],
)
def test_a_ground_that_there_cannot_be_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Sitting(LATEST, given)


def test_a_fix_is_switched_on_by_a_parameter() -> None:
    program = "calls(open:3:kprobes/kp1/enable!remove:kp1|close:3)"
    scenario = VOCABULARY["eventfs/linux_6_6"].scenario(program)
    posted = explore(scenario, Options(executions=2_000))
    assert "use-after-free" in [finding.kind for finding in posted.findings]
    mended = explore(scenario.with_parameters({"file_refs": "true"}), Options(executions=2_000))
    assert "use-after-free" not in [finding.kind for finding in mended.findings]


def test_every_call_is_documented() -> None:
    assert all(function.__doc__ for function in FUNCTIONS.values())


def test_the_vocabulary_needs_no_hypothesis() -> None:
    code = "import stress.scenarios.calls, sys; sys.exit('hypothesis' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
