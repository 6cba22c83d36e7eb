"""The table of the remote watches: what is decided, what is compared, and what is said of it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from invariants.remote import PROMISES
from lockwright.calls import Call
from lockwright.core.errors import UsageError
from lockwright.report.document import Cell, Table
from lockwright.session import Options, Session
from lockwright.token import parse_token
from reports import gathering, remote
from reports.build import differences_of
from reports.comparing import NOTHING, Difference
from reports.gathering import Extent, Gathered, gathered
from reports.remote import MARKDOWN, committed, main
from reports.remote_advice import Mended, advice, listed, mended
from reports.remote_deciding import ASKED as REAL
from reports.remote_deciding import Asked, Column, decided, outcome_of
from reports.remote_journal import Journal
from reports.remote_printing import printed
from reports.remote_telling import WITHOUT_A_PART, Remote, markdown
from reports.remote_verdicts import (
    BASELINE,
    COMES,
    EIGHT,
    FOR_EVER,
    NOT_DECIDED,
    NOT_TOLD,
    OTHER,
    SENTENCES,
    VERIFIED,
    VIOLATED,
    Count,
    Decided,
    Decision,
    Ending,
    baseline,
    text_of,
)
from reports.running import Work, run
from reports.telling import document_of
from stress.corpus.entry import project
from stress.fsnotify.bound import Part
from tests.reports.counters import ASKED, CAREFUL, CASES, ENDINGS, HASTY, LATER, PAIRS, counter

LOST_FOR_EVER = "'counter/hasty:calls(bump|bump|counted:2)'"
HASTY_P1 = "'counter/hasty:calls(bump|bump)' --param queues=3"


def quiet(*_: object) -> None:
    """Tells nobody."""


WORK = Work(1, quiet)


@cache
def decided_once() -> Remote:
    return remote.decided_anew(ASKED, WORK)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The directory of the baselines, which are those of the two counters."""
    monkeypatch.setattr(remote, "ASKED", ASKED)
    monkeypatch.setattr(remote, "MARKDOWN", tmp_path / "remote.md")
    monkeypatch.setattr("reports.remote_verdicts.BASELINE", tmp_path / "remote.json")
    remote.write(decided_once())
    return tmp_path


def asked(*columns: Column, parts: tuple[Part, ...] = (PAIRS,), executions: int = 100) -> Asked:
    return Asked(columns, parts, CASES, executions, ())


def change(directory: Path, design: str, change: Mapping[str, object], *where: str) -> None:
    """Commit something else for a variant."""
    path = directory / "remote.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    at = data[design]
    for key in where:
        at = at[key]
    at.update(change)
    path.write_text(json.dumps(data), encoding="utf-8")


def called(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["-j", "1", *arguments])


def text(told: Remote) -> str:
    out = io.StringIO()
    printed(told, Console(file=out, width=80))
    return out.getvalue()


def column(found: Remote, design: str) -> Decided:
    (each,) = (each for each in found.found if each.design == design)
    return each


def table(tables: list[Table], anchor: str) -> Table:
    (found,) = (each for each in tables if each.anchor == anchor)
    return found


def keeping(design: str, *broken: str) -> Decided:
    """A variant that keeps all but these."""
    cells = {name: Decision(VIOLATED if name in broken else VERIFIED) for name in SENTENCES}
    return Decided(design, design, 100, {"all": Count(7, 1234)}, cells)


def test_a_promise_is_violated_by_the_smallest_program_that_breaks_it() -> None:
    one = column(decided_once(), "counter/hasty").promises["P1"]
    assert one.verdict == VIOLATED
    assert one.breach is not None
    assert (one.breach.arguments, one.breach.kind) == (HASTY_P1, "broken promise")
    assert one.breach.message == "P1: 1 of 2 are counted"
    assert one.breach.count == 2, "and the part that comes first, where it takes a call more"


def test_a_program_without_trouble_of_the_servers_is_taken_wherever_it_comes() -> None:
    rude, plain = replace(PAIRS, name="rude", parameters={"polite": False}), PAIRS
    for parts in ((rude, plain), (plain, rude)):
        (found,) = decided(asked(HASTY, parts=parts), WORK)
        breach = found.promises["P1"].breach
        assert breach is not None
        assert "--param queues=3" in breach.arguments
        assert "polite" not in breach.arguments
        assert breach.count == 2


def test_of_programs_with_as_many_calls_the_first_is_taken() -> None:
    first, second = (
        replace(PAIRS, name=name, parameters={"polite": polite})
        for name, polite in (("rude", False), ("polite", True))
    )
    for parts, rude in (((first, second), True), ((second, first), False)):
        (found,) = decided(asked(HASTY, parts=parts), WORK)
        breach = found.promises["P1"].breach
        assert breach is not None
        assert ("--param polite=false" in breach.arguments) == rude


def test_a_promise_that_no_program_breaks_is_verified() -> None:
    cells = column(decided_once(), "counter/careful").promises
    assert {name: one.verdict for name, one in cells.items()} == {
        **dict.fromkeys(SENTENCES, VERIFIED),
        "P3": VIOLATED,
    }


def test_the_parts_of_the_bound_are_counted() -> None:
    """Of `bump` and `peek`, two tasks: bump, peek, and the three pairs.  With a mutex every pair of
    bumps has two orders, a bump and a peek two; without one two bumps have two loads before two
    stores, in 4 traces."""
    assert column(decided_once(), "counter/careful").parts["pairs"] == Count(5, 1 + 1 + 2 + 2 + 1)
    assert column(decided_once(), "counter/hasty").parts["pairs"] == Count(5, 1 + 1 + 4 + 2 + 1)


def test_what_is_not_explored_to_its_end_decides_nothing() -> None:
    (found,) = decided(asked(CAREFUL, executions=1), WORK)
    assert found.parts["pairs"] == Count(5, 5, 2)
    assert found.promises["P1"] == Decision(NOT_DECIDED, 2)
    assert found.having(NOT_DECIDED) == list(SENTENCES)
    (hasty,) = decided(asked(HASTY, executions=3), WORK)
    assert hasty.promises["P1"].verdict == VIOLATED
    assert hasty.promises["P2"].verdict == NOT_DECIDED


def test_what_breaks_no_promise_stands_in_the_last_row() -> None:
    (found,) = decided(asked(HASTY, parts=(Part("kept", (Call("keep"),), tasks=2),)), WORK)
    assert found.having(VIOLATED) == [OTHER]
    breach = found.promises[OTHER].breach
    assert breach is not None
    assert breach.said.startswith(f"{breach.kind}: ")
    assert list(SENTENCES)[-1] == OTHER


def test_what_finally_comes_is_decided_under_every_fair_scheduler() -> None:
    """Two that count at once may count one: who waits for two then waits for ever."""
    hasty, careful = decided_once().found
    assert {name: one.verdict for name, one in careful.endings.items()} == {
        "bump|counted:1": COMES,
        "bump|bump|counted:2": COMES,
    }
    assert hasty.endings["bump|counted:1"].verdict == COMES
    one = hasty.endings["bump|bump|counted:2"]
    assert (one.promise, one.verdict) == ("P1", FOR_EVER)
    assert one.breach is not None
    assert one.breach.arguments == f"{LOST_FOR_EVER} --strategy liveness"
    assert one.breach.kind == "livelock"
    assert one.breach.said == (
        "livelock: 1 task goes round for ever: counted in cond_resched(), READ_ONCE(count)"
    )


def test_a_broken_promise_is_none_of_what_goes_round_for_ever() -> None:
    """The two that count break P1, whoever waits for one of them."""
    (found,) = decided(replace(ASKED, columns=(HASTY,), endings=(("P1", "bump|bump"),)), WORK)
    assert found.endings["bump|bump"].verdict == COMES


@pytest.mark.parametrize("program", ["bump|counted:1", "keep|keep"])
def test_what_is_not_explored_to_its_end_or_blocks_is_not_told(program: str) -> None:
    one = replace(ASKED, columns=(CAREFUL,), endings=(("P3", program),), executions=2)
    (found,) = decided(one, WORK)
    assert found.endings[program].verdict == NOT_TOLD
    assert "whether what P3 promises comes could not be told" in advice([found], [], 2)[0]


def test_what_finally_happens_is_printed_with_what_replays_it() -> None:
    lines = text(decided_once()).splitlines()
    at = lines.index("What finally happens")
    below = "\n".join(lines[at : lines.index("The bound")])
    assert "│ 2 │ P1      │ goes round for ever │ comes   │" in below
    assert "2: calls(bump|bump|counted:2)\n" in below
    assert f"lockwright check {LOST_FOR_EVER} --strategy liveness\n" in below
    assert "  replay: lockwright replay 'lw1~counter/hasty:calls(bump|bump|counted:2)~" in below
    assert "| P1 | calls(bump\\|bump\\|counted:2) | goes round for ever | comes |" in markdown(
        decided_once()
    )


def test_an_ending_that_is_another_one_is_a_difference(planted: Path) -> None:
    change(planted, "counter/hasty", {"executions": 77}, "finally", "bump|counted:1")
    assert called("--variant", "counter/hasty").exit_code == 0, "it is not asked"
    done = called("--all", "--variant", "counter/hasty")
    assert done.exit_code == 1
    assert (
        "counter/hasty, finally, bump|counted:1:\nexpected: P1 comes in 77 executions\n"
    ) in done.stdout


def test_what_does_not_go_round_any_more_fails(planted: Path) -> None:
    where = "finally", "bump|bump|counted:2"
    change(planted, "counter/hasty", {"message": "2 tasks go round"}, *where)
    done = called("--variant", "counter/hasty")
    assert done.exit_code == 1
    assert "counter/hasty, finally, bump|bump|counted:2:\nexpected: " in done.stdout


def test_an_ending_that_comes_or_goes_is_a_difference_before_anything_is_decided(
    planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "ASKED", replace(ASKED, endings=(*ENDINGS[:1], ("P3", "peek"))))
    done = called("--variant", "counter/careful")
    assert done.exit_code == 1
    assert "finally, peek:\nexpected: nothing\ngot:      what P3 waits for\n" in done.stdout
    assert "finally, bump|bump|counted:2:\nexpected: P1 comes in " in done.stdout


def test_a_program_that_cannot_be_judged_is_named() -> None:
    part = Part("wrong", (Call("fail"),), tasks=1)
    with pytest.raises(UsageError, match=r"^counter/hasty:calls\(fail\) .*no such thing"):
        decided(asked(HASTY, parts=(part,)), WORK)


def test_what_breaks_without_a_switch_is_told_with_the_case() -> None:
    broken = column(decided_once(), "counter/careful").switches["locks"]
    assert {promise: breach.arguments for promise, breach in broken.items()} == {
        "P1": "counter/careful:twice --param locks=false"
    }, "not P3, which breaks with the switch as well"
    assert broken["P1"].count == 2
    assert column(decided_once(), "counter/hasty").switches == {}


def test_what_breaks_with_a_switch_as_well_is_not_told_of_it() -> None:
    """Two bumps are not counted whatever `polite` is."""
    (found,) = decided(asked(replace(HASTY, switches=("polite",))), WORK)
    assert found.switches == {"polite": {}}


def test_a_switch_for_nothing_is_an_error_whatever_is_committed(
    planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    useless = replace(CAREFUL, switches=("locks", "polite"))
    monkeypatch.setattr(remote, "ASKED", replace(ASKED, columns=(HASTY, useless)))
    first = called("--all", "--write")
    again = called()
    for done in (first, again):
        assert done.exit_code == 1
        assert "counter/careful without polite:\nexpected: a promise that breaks" in done.stdout
        assert done.stdout.endswith("\n1 difference from what is committed\n")
    assert "| polite | nothing |" in (planted / "remote.md").read_text(encoding="utf-8")


def test_what_was_written_down_is_not_explored_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    first = decided(ASKED, WORK, Journal(path))
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[-1][:30]]), encoding="utf-8")  # it was killed there
    with monkeypatch.context() as without:
        without.setattr("reports.remote_deciding.explore", None)
        assert decided(ASKED, WORK, Journal(path)) == first
        (later, _) = decided(replace(ASKED, parts=(LATER,)), WORK, Journal(path))
        assert later.parts == {"later": first[0].parts["later"]}
        with pytest.raises(TypeError, match="'NoneType' object is not callable"):
            decided(replace(ASKED, executions=99), WORK, Journal(path))
    path.write_text("\n".join([*lines[:-1], lines[-1][:30]]), encoding="utf-8")
    assert decided(ASKED, WORK, Journal(path)) == first
    monkeypatch.setattr("reports.remote_deciding.explore", None)
    assert decided(ASKED, WORK, Journal(path)) == first, "what was cut off is there again"


def test_of_another_model_nothing_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decided(ASKED, WORK, Journal(tmp_path / "journal"))
    there = tmp_path / "journal"
    text = there.read_text(encoding="utf-8").replace(project().version, "00000000")
    there.write_text(text, encoding="utf-8")
    monkeypatch.setattr("reports.remote_deciding.explore", None)
    with pytest.raises(TypeError, match="'NoneType' object is not callable"):
        decided(ASKED, WORK, Journal(there))


def test_every_number_of_processes_gives_the_same_text() -> None:
    one, two = (remote.decided_anew(ASKED, Work(jobs, quiet)) for jobs in (1, 2))
    assert text(one) == text(two)
    assert markdown(one) == markdown(two)


def test_the_text_has_room_in_80_columns_but_for_what_is_to_be_copied() -> None:
    lines = text(decided_once()).splitlines()
    long = [line for line in lines if len(line) > 80]
    assert all(line.strip().startswith(("lockwright check", "replay: ")) for line in long)
    assert any("│ P1    │ violated │ verified │" in line for line in lines)
    assert "hasty: 7 programs, 14 executions" in lines
    assert f"lockwright check {HASTY_P1}" in lines


def test_each_violation_has_a_token_that_replays_it(planted: Path) -> None:
    told = remote.seen_again(ASKED, WORK)
    breaches = [breach for each in told.found for breach in each.breaches]
    assert len(breaches) == 5
    for breach in breaches:
        token = parse_token(told.token(breach))
        design, _, case = token.scenario.partition(":")
        calls = {each.design: each.calls for each in ASKED.columns}[design]
        named = {each.name: each for each in CASES}
        scenario = named[case].scenario(calls) if case in named else calls.scenario(case)
        assert told.token(breach) in text(told)
        assert breach.lasts == (breach.kind == "livelock")
        if not breach.lasts:
            session = Session(scenario.with_parameters(dict(token.parameters)), Options())
            _, findings = session.run_once(token.schedule, token.marks)
            assert breach.message in [finding.message for finding in findings]


def test_what_one_program_breaks_is_told_together() -> None:
    told = remote.decided_anew(asked(HASTY, parts=(LATER,)), WORK)
    (found,) = told.found
    assert {breach.name for breach in found.breaches} == {"counter/hasty:calls(bump!bump|bump)"}
    assert len(told.seen) == 2
    lines = text(told).splitlines()
    first = lines.index("lockwright check 'counter/hasty:calls(bump!bump|bump)' --param queues=3")
    below = [line[:12] for line in lines[first + 1 : first + 5]]
    assert below == ["  P1: 2 of 3", "  replay: lo", "  P3: 3 is t", "  replay: lo"]


def test_what_is_as_committed_exits_with_0(planted: Path) -> None:
    for arguments in ((), ("--all",), ("--variant", "counter/hasty")):
        done = called(*arguments)
        assert (done.exit_code, done.stdout.splitlines()[-1]) == (
            0,
            "0 differences from what is committed",
        )


def test_only_what_breaks_is_explored_by_itself(
    planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.remote_deciding.explore", None)
    done = called()
    assert done.exit_code == 0
    assert "These verdicts are the committed ones; python -m reports.remote --all" in done.stdout


def test_a_violation_that_is_not_found_any_more_fails(planted: Path) -> None:
    change(planted, "counter/hasty", {"message": "P1: 0 of 2 are counted"}, "promises", "P1")
    done = called("--variant", "counter/hasty")
    assert done.exit_code == 1
    assert (
        f"counter/hasty, P1:\nexpected: {HASTY_P1}: P1: 0 of 2 are counted\n"
        "got:      no such finding in 100 executions or all there are\n"
    ) in done.stdout
    assert "  it is not found any more\n" in done.stdout


def test_a_verdict_that_is_another_one_names_its_cell(planted: Path) -> None:
    change(planted, "counter/careful", {"verdict": NOT_DECIDED, "incomplete": 2}, "promises", "P8")
    assert called("--variant", "counter/careful").exit_code == 0, "it is not asked"
    done = called("--all", "--variant", "counter/careful")
    assert done.exit_code == 1
    assert done.stdout.endswith(
        "counter/careful, P8:\nexpected: not decided: 2 programs not explored to the end\n"
        "got:      verified\n1 difference from what is committed\n"
    )


@pytest.mark.parametrize(
    ("where", "changed", "said"),
    [
        (["parts"], {"pairs": [5, 8, 0]}, "counter/careful, pairs:\nexpected: 5 programs, 8 exec"),
        (["parts"], {"none": [0, 0, 0]}, "counter/careful, none:\nexpected: 0 programs"),
        ([], {"executions": 7}, "counter/careful:\nexpected: each program in 7 executions at most"),
        ([], {"title": "another"}, "counter/careful:\nexpected: another\ngot:      takes a mutex"),
        (["switches"], {"locks": {}}, "counter/careful without locks, P1:\nexpected: nothing"),
    ],
)
def test_whatever_differs_is_said_with_its_place(
    where: list[str], changed: dict[str, object], said: str, planted: Path
) -> None:
    change(planted, "counter/careful", changed, *where)
    done = called("--all", "--variant", "counter/careful")
    assert done.exit_code == 1
    assert said in done.stdout


def test_a_bound_that_has_grown_is_a_difference_before_anything_is_decided(
    planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = replace(PAIRS, tasks=3)
    other = Part("other", (Call("peek"),), tasks=1)
    now = replace(ASKED, parts=(LATER, more, other), executions=101)
    monkeypatch.setattr(remote, "ASKED", now)
    done = called("--variant", "counter/careful")
    assert done.exit_code == 1
    assert "counter/careful, pairs:\nexpected: 5 programs\ngot:      9 programs\n" in done.stdout
    assert "got:      each program in 101 executions at most\n" in done.stdout
    assert "counter/careful, other:\nexpected: nothing\ngot:      1 program\n" in done.stdout


def test_a_variant_that_comes_or_goes_is_a_difference(
    planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = Column("another", counter("new", locks=True))
    now = replace(ASKED, columns=(CAREFUL, new))
    monkeypatch.setattr(remote, "ASKED", now)
    differ = list(remote.differences_of(now, committed(now), explored=False))
    assert differ[:2] == [
        Difference("counter/new", NOTHING, "a variant of this name"),
        Difference("counter/hasty", "a variant of this name", NOTHING),
    ]
    assert {each.where for each in differ[2:]} == {"reports/baselines/remote.md"}


def test_a_table_that_is_not_what_the_verdicts_say_is_a_difference(planted: Path) -> None:
    path = planted / "remote.md"
    said = path.read_text(encoding="utf-8").replace("takes a mutex", "takes none")
    path.write_text(said, encoding="utf-8")
    done = called()
    assert done.exit_code == 1
    assert "expected: - careful: `counter/careful`, takes none\n" in done.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "expected an object"),
        ('{"counter/hasty": {}}', "counter/hasty: malformed, KeyError: 'title'"),
        ('{"counter/hasty": {"title": 1}}', "malformed, ValueError: 1 is no str"),
        (
            '{"counter/hasty": {"title": "", "executions": 1, "parts": {"pairs": [true]}}}',
            "malformed, ValueError: True is no int",
        ),
        (
            (
                '{"counter/hasty": {"title": "", "executions": 1, "parts": {}, '
                '"promises": {"P1": {"verdict": "x"}}}}'
            ),
            "malformed, ValueError: 'x' is no verdict",
        ),
        (
            (
                '{"counter/hasty": {"title": "", "executions": 1, "parts": {}, "promises": {}, '
                '"switches": {}, "finally": {"a": {"promise": "P1", "verdict": "verified"}}}}'
            ),
            "malformed, ValueError: 'verified' is no verdict",
        ),
        (
            '{"counter/hasty": {"title": "", "executions": 1, "parts": []}}',
            "malformed, AttributeError",
        ),
        (None, "is missing: `python -m reports.remote --all --write` makes it anew"),
    ],
)
def test_a_baseline_that_cannot_be_read_is_told_in_one_message(
    content: str | None,
    said: str,
    planted: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = planted / "remote.json"
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["remote", "--all"])
    monkeypatch.setattr(remote, "decided_anew", None)
    with pytest.raises(SystemExit, match="2"):
        run(main)
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--all", "--write", "--variant", "counter/hasty"], "leave out --variant"),
        (["--write"], "it needs --all"),
        (["--journal", "j"], "it needs --all"),
        (["--variant", "counter/none"], "no variant 'counter/none'; there are: counter/hasty, "),
        (["--format", "html"], "'html' is not one of 'text', 'json', 'markdown'"),
        (["-j", "0"], "Invalid value for '-j'"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_explored(
    arguments: list[str],
    said: str,
    planted: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {path.name: path.read_bytes() for path in planted.iterdir()}
    monkeypatch.setattr("sys.argv", ["remote", *arguments])
    monkeypatch.setattr(remote, "decided_anew", None)
    monkeypatch.setattr(remote, "seen_again", None)
    with pytest.raises(SystemExit, match="2"):
        run(main)
    assert said in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in planted.iterdir()} == before


def test_with_write_the_baselines_are_made_anew_whatever_was_there(planted: Path) -> None:
    before = {path.name: path.read_bytes() for path in planted.iterdir()}
    (planted / "remote.json").write_text("{", encoding="utf-8")
    (planted / "remote.md").unlink()
    done = called("--all", "--write")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (
        0,
        "0 differences from what is committed",
    )
    assert {path.name: path.read_bytes() for path in planted.iterdir()} == before


def test_the_baseline_is_read_as_it_was_written(planted: Path) -> None:
    assert tuple(baseline()) == decided_once().found
    assert text_of(baseline()) == (planted / "remote.json").read_text(encoding="utf-8")


def test_the_other_forms_have_the_same_in_them(planted: Path) -> None:
    done = called("--format", "json")
    data = json.loads(done.stdout)
    assert (data["version"], data["decided_anew"], data["differences"]) == (1, False, [])
    assert data["variants"]["counter/hasty"]["promises"]["P1"]["count"] == 2
    assert data["variants"]["counter/hasty"]["promises"]["P2"] == {"verdict": VERIFIED}
    assert len(data["tokens"]) == 5
    assert data["variants"]["counter/careful"]["finally"]["bump|counted:1"]["verdict"] == COMES
    assert all(each["token"].startswith("lw1~") for each in data["tokens"])
    done = called("--format", "markdown")
    assert done.stdout == (planted / "remote.md").read_text(encoding="utf-8")
    assert "lw1~" not in done.stdout


def test_the_recommendation_is_the_variant_that_keeps_everything() -> None:
    told = remote.decided_anew(asked(HASTY, CAREFUL), WORK)
    assert told.advice == [
        "counter/hasty: keeps P2, P3, P4, P5, P6, P7, P8 and F11 within the bound; breaks P1.",
        "counter/careful: keeps P1 to P8 and F11 within the bound.",
        (
            "counter/careful keeps all of P1 to P8 within the bound: 5 programs of up to 2 "
            "concurrent calls, 7 executions. So none of these promises is at odds with the others."
        ),
        "What counter/careful needs: without locks P1 breaks.",
        "Whoever takes this up should begin with counter/careful.",
    ]


def test_if_no_variant_keeps_everything_the_recommendation_says_which_keeps_most() -> None:
    few, most = keeping("a", "P1", "P2"), keeping("b", "P4")
    assert advice([few, most], [], 3)[-1] == (
        "None of these is known to keep all of P1 to P8 within the bound; b keeps 7 of them, "
        "and lacks P4."
    )
    none = keeping("a", *EIGHT)
    assert advice([none], [], 3)[0] == "a: keeps F11 within the bound; breaks P1 to P8."
    assert advice([none], [], 3)[-1].endswith("keep all of P1 to P8 within the bound.")
    assert advice([], [], 3) == []


def test_a_variant_that_may_go_round_for_ever_does_not_keep_the_promise() -> None:
    lasting = replace(keeping("a"), endings={"x": Ending("P3", FOR_EVER, 9)})
    fair = replace(keeping("b"), endings={"x": Ending("P3", COMES, 9)})
    said = advice([lasting, fair], [], 3)
    assert said[0].endswith("within the bound; what P3 promises may never come.")
    assert "Under every fair scheduler what P3 promises comes." in said
    assert said[-1] == "Whoever takes this up should begin with b."
    assert advice([lasting], [], 3)[-1].endswith("a keeps 7 of them, and lacks P3.")


def test_what_the_recommended_lacks_beside_the_eight_is_said() -> None:
    said = advice([keeping("a", "F11", OTHER)], [], 3)
    assert said[-2:] == [
        "Beside these promises, of a: F11 is violated; other is violated.",
        "Whoever takes this up should begin with a.",
    ]
    two = advice([keeping("a"), keeping("b")], [], 3)
    assert two[-1] == "Whoever takes this up should begin with a and b."


def test_the_recommendation_says_which_switch_mends_which_bug() -> None:
    both = "a:two --param x=true --param y=no"
    rows = [
        ("F01", "", "a:one", "found: leak", "1", "a:one --param x=true", "gone", "1"),
        ("F03", "", "a:two --param y=no", "found: leak", "1", both, "gone; there is: leak", "1"),
        ("F05", "", "a:one", "found: leak", "1", "b:one", "gone", "1"),
        ("F08", "", "a:one", "found: leak", "1", "a:one --param z=true", "still there", "1"),
        ("E01", "", "c:one", "found: leak", "1", "b:one", "gone", "1"),
    ]
    bugs = mended(rows, ["a", "b"])
    assert bugs == [
        Mended("F01", "a", ("x=true",), "", holds=True),
        Mended("F03", "a", ("x=true",), "", holds=True),
        Mended("F05", "a", (), "b", holds=True),
        Mended("F08", "a", ("z=true",), "", holds=False),
    ]
    assert advice([keeping("a", "P1"), keeping("b", "P1")], bugs, 3)[2:-1] == [
        "In a x=true mends F01 and F03.",
        "b does not have F05 of a.",
        "In a F08 is not found before its fix, or not gone after.",
    ]


def test_names_are_listed_once() -> None:
    assert listed(["P1"]) == "P1"
    assert listed(["P1", "P3", "P1"]) == "P1 and P3"
    assert listed(EIGHT) == "P1 to P8"
    assert listed([*EIGHT, "F11"]) == "P1 to P8 and F11"
    assert listed(EIGHT[1:]) == "P2, P3, P4, P5, P6, P7 and P8"


def test_in_the_report_a_cell_leads_to_what_breaks_it() -> None:
    made = Gathered((), Extent.SHOWN)
    made.remote = decided_once()
    document = document_of(made, [])
    rows = {row[0].text: row for row in table(document.tables, "remote").rows}
    assert list(rows) == list(SENTENCES)
    _, sentence, hasty, careful = rows["P3"]
    assert sentence.text == SENTENCES["P3"]
    found = {each.anchor: each for each in document.found()}
    assert (hasty.text, hasty.tone, careful.tone) == (VIOLATED, "bad", "bad")
    assert hasty.link != careful.link, "each is shown in its own design"
    for cell, design in ((hasty, "hasty"), (careful, "careful")):
        shown = found[cell.link]
        assert shown.finding.message == "P3: 3 is too much"
        assert shown.scenarios == (f"counter/{design}:calls(bump!bump|bump) --param queues=3",)
        assert shown.finding.events
        assert shown.finding.token
    assert rows["P2"][2] == Cell(VERIFIED, "good")
    parts = table(document.tables, "remote-parts-of-careful")
    assert [cell.text for cell in parts.rows[0]] == [
        *("locks", "P1", "twice", "P1: 1 of 2 are counted", "2")
    ]
    assert found[parts.rows[0][3].link].scenarios[0].startswith(f"{WITHOUT_A_PART}:counter/careful")
    promise, program, hasty, careful = table(document.tables, "remote-finally").rows[1]
    assert (promise.text, program.text) == ("P1", "calls(bump|bump|counted:2)")
    assert (hasty.tone, careful) == ("bad", Cell(COMES, "good"))
    assert found[hasty.link].finding.kind == "livelock"
    said = [row[0].text for row in table(document.tables, "remote-recommendation").rows]
    assert said == decided_once().advice


@pytest.mark.parametrize(
    ("extent", "anew", "seen"),
    [
        (Extent.COMMITTED, False, False),
        (Extent.SHOWN, False, True),
        (Extent.EVERYTHING, True, True),
    ],
)
def test_the_report_explores_as_much_as_it_is_asked_for(
    extent: Extent, anew: bool, seen: bool, planted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "ASKED", ASKED)
    made = Gathered(("counter/hasty",), extent)
    made.remote = gathering._remote(made, WORK)
    assert made.remote is not None
    assert [each.design for each in made.remote.found] == ["counter/hasty"]
    assert (made.remote.anew, bool(made.remote.seen)) == (anew, seen)
    assert differences_of(made) == []
    change(planted, "counter/hasty", {"message": "P1: 0 of 2 are counted"}, "promises", "P1")
    made.remote = gathering._remote(made, WORK)
    expected = ["counter/hasty, P1"] if seen else []
    assert [each.where for each in differences_of(made)] == expected


def test_the_report_of_other_designs_has_nothing_of_it() -> None:
    assert gathered(["eventfs/sketch"], Extent.COMMITTED).remote is None
    told = gathered(["fsnotify/armed"], Extent.COMMITTED).remote
    assert told is not None
    assert [each.design for each in told.found] == ["fsnotify/armed"]


def test_the_committed_verdicts_are_of_every_variant_promise_and_part() -> None:
    recorded = baseline()
    assert tuple(each.design for each in recorded) == REAL.designs
    for each in recorded:
        assert list(each.promises) == list(SENTENCES)
        assert list(each.parts) == [part.name for part in REAL.parts]
        assert list(each.endings) == [program for _, program in REAL.endings]
    assert [one.id for one in PROMISES] == list(SENTENCES)[:-1]


def test_the_committed_table_says_what_the_committed_verdicts_say() -> None:
    assert BASELINE.read_text(encoding="utf-8") == text_of(baseline())
    assert MARKDOWN.read_text(encoding="utf-8") == markdown(committed(REAL))


def test_what_a_design_can_be_without_is_what_is_on_by_itself() -> None:
    switches = {each.design: set(each.switches) for each in REAL.columns}
    assert switches.pop("fsnotify/armed") >= {
        *("flushes", "keeps_unlinked", "resends", "lowers_at_detach"),
        *("reports_overflow", "rechecks"),
    }
    assert set(map(len, switches.values())) == {0}


def test_an_outcome_has_the_first_finding_of_each_promise() -> None:
    outcome = outcome_of(HASTY.calls.scenario("calls(bump|bump|bump)"), 100)
    assert outcome.complete
    assert set(outcome.broken) == {"P1", "P3"}


def test_a_file_that_is_no_journal_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    for name, content in (("notes", b"important\n"), ("picture", b"\x98\x00")):
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(UsageError, match=f"{name} is no journal"):
            Journal(file)
        assert file.read_bytes() == content
