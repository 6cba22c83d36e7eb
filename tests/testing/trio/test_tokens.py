"""Tokens of trio programs, the report, and the command that replays."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace as changed
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import trio

from lockwright.core.errors import UsageError
from lockwright.testing.failure import Failure
from lockwright.testing.trio import check, replay, report, verify
from lockwright.testing.trio.__main__ import main
from lockwright.testing.trio.naming import name_of
from lockwright.token import parse_token
from tests.testing.trio import racy

ROOT = Path(__file__).parents[3]


def found(program: racy.Program) -> str:
    """The token of a program's finding."""
    return check(program, strategy="every").findings[0].token


def test_a_token_names_the_program_and_has_a_step_for_each_resumption() -> None:
    token = parse_token(found(racy.lost_update))
    assert token.scenario == "tests.testing.trio.racy:lost_update"
    assert token.parameters == ()
    # the parent starts two deposits; both read; both write; the parent goes on
    assert [task for task, _ in token.schedule] == [1, 2, 3, 3, 2, 1]
    assert len(token.marks) == 6


def test_a_token_of_another_program_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"another program\nexpected: .*:two_locks\n     got: .*:l"
    ):
        replay(racy.two_locks, found(racy.lost_update))


def test_a_token_of_other_source_is_refused_unless_it_is_forced() -> None:
    token = parse_token(found(racy.lost_update))
    old = str(changed(token, version="0123456789ab"))
    with pytest.raises(
        UsageError, match=r"made with 0123456789ab, the source here is \w+; .*force"
    ):
        replay(racy.lost_update, old)
    assert replay(racy.lost_update, old, force=True).findings[0].kind == "exception"


def test_a_schedule_that_does_not_fit_is_refused_with_its_step() -> None:
    token = parse_token(found(racy.lost_update))
    other = str(changed(token, schedule=((1, 0), (2, 0), (7, 0)), marks=""))
    with pytest.raises(UsageError, match="does not fit the program: step 2 is for task 7, which"):
        replay(racy.lost_update, other)


def test_a_step_that_is_another_one_now_is_told() -> None:
    token = parse_token(found(racy.lost_update))
    marks = token.marks[:3] + ("a" if token.marks[3] != "a" else "b") + token.marks[4:]
    with pytest.raises(
        UsageError, match=r"step 3, of deposit, goes on from deposit\+\d+ checkpoint"
    ):
        replay(racy.lost_update, str(changed(token, marks=marks)))


def test_a_token_of_a_kernel_scenario_is_refused() -> None:
    token = changed(parse_token(found(racy.lost_update)), parameters=(("writer_queues", "True"),))
    with pytest.raises(UsageError, match="a token of no trio program"):
        replay(racy.lost_update, str(token))


def test_a_changed_file_changes_the_version(tmp_path: Path) -> None:
    text = textwrap.dedent("""
        import trio

        async def main():
            await trio.lowlevel.checkpoint()
            assert False, "as ever"
    """)

    def program() -> racy.Program:
        spec = spec_from_file_location("changing", tmp_path / "changing.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        made: racy.Program = module.main
        return made

    (tmp_path / "changing.py").write_text(text)
    token = check(program()).findings[0].token
    assert replay(program(), token).findings[0].message == "AssertionError: as ever"
    (tmp_path / "changing.py").write_text(text + "\n# a change\n")
    with pytest.raises(UsageError, match="token of another version of changing:main"):
        replay(program(), token)


def test_what_is_wrapped_goes_by_the_name_of_what_somebody_wrote() -> None:
    assert name_of(partial(partial(racy.lost_update))) == name_of(racy.lost_update)


REPORT = """\
exception: AssertionError: a deposit was lost: 1
  lost_update, racy.py:40: assert account.amount == 2, f"a deposit was lost:
    {account.amount}"

step  lost_update                   deposit:2              deposit:3
      lost_update:
   0    end of nursery, line 37:
          waits
                                    deposit:
   1                                  checkpoint, line 32
                                                           deposit:
   2                                                         checkpoint, line 32
   3                                                         ends
   4                                  ends
   5    ends

replay: python -m lockwright.testing.trio 'TOKEN'"""


def test_the_report_is_what_broke_the_columns_and_the_replay_line() -> None:
    result = check(racy.lost_update, strategy="every")
    text = report(result)
    assert text.replace(result.findings[0].token, "TOKEN") == REPORT


def test_the_replay_line_is_a_command_that_replays() -> None:
    result = check(racy.two_locks, strategy="every")
    command = report(result).rpartition("replay: python ")[2].replace("'", "").split()
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == f"{report(result)}\n"


def test_the_command_says_what_is_wrong_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    token = parse_token(found(racy.lost_update))
    gone = str(changed(token, scenario="tests.testing.trio.racy:gone"))
    within = str(changed(token, scenario="tests.testing.trio.racy:a.<locals>.b"))
    nowhere = str(changed(token, scenario="tests.no_such_module:main"))
    said = []
    for words in ([], ["lw1~"], [gone], [within], [nowhere]):
        assert main(words) == 2
        said.append(capsys.readouterr().err)
    assert said[0] == "lockwright: usage: python -m lockwright.testing.trio [--force] TOKEN\n"
    assert said[1].startswith("lockwright: malformed token: expected lw1~")
    assert said[2].startswith("lockwright: the program 'tests.testing.trio.racy:gone' is not there")
    assert "it is made within a function" in said[3]
    assert "No module named 'tests.no_such_module'" in said[4]
    assert all(line.count("\n") == 1 for line in said)


def test_the_command_of_a_run_without_a_finding_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = changed(parse_token(found(racy.lost_update)), schedule=(), marks="")
    assert main([str(token)]) == 0
    assert capsys.readouterr().out == (
        "tests.testing.trio.racy:lost_update: nothing is found in this execution\n"
    )


def test_a_program_within_a_function_has_no_command() -> None:
    async def program() -> None:
        raise ValueError

    text = report(check(program))
    assert "replay: lockwright.testing.trio.replay(program, token) with the token 'lw1~" in text


def test_verify_fails_with_the_report() -> None:
    with pytest.raises(Failure, match="deadlock: transfer:2 waits for a Lock") as failure:
        verify(racy.two_locks, strategy="every")
    assert failure.value.text == report(check(racy.two_locks, strategy="every"))


def test_verify_of_every_order_fails_where_the_search_was_stopped() -> None:
    assert verify(racy.two_locks_fixed, strategy="every").complete
    assert verify(racy.two_locks_fixed, executions=3).executions == 3
    with pytest.raises(Failure, match="racy:two_locks_fixed: not verified: stopped"):
        verify(racy.two_locks_fixed, strategy="every", executions=3)


def test_verify_with_a_token_runs_that_one_execution() -> None:
    with pytest.raises(Failure, match="a deposit was lost"):
        verify(racy.lost_update, token=found(racy.lost_update))
    one = changed(parse_token(found(racy.lost_update)), schedule=(), marks="")
    assert verify(racy.lost_update, token=str(one)).executions == 1


def test_a_program_with_arguments_gets_them_again() -> None:
    async def program(expected: int) -> None:
        await trio.lowlevel.checkpoint()
        assert expected == 2, f"got {expected}"

    (finding,) = check(program, 1).findings
    assert finding.message == "AssertionError: got 1"
    assert replay(program, finding.token, 1).findings[0].message == finding.message
    assert replay(program, finding.token, 2).findings == []
